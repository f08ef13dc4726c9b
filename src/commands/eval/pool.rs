//! `trovato eval pool`: what systems return and nobody has judged yet.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use eval::{Experiment, pool};

use super::experiment::LaboratoryArgs;

const EXAMPLES: &str = "\
Examples:
  trovato eval pool eval/experiments/pool.toml --out pool.jsonl
  trovato eval pool eval/experiments/pool.toml --everything --out second-judge.jsonl

A line per question: {\"question\", \"text\", \"answer\", \"regions\": [{\"region\", \"document\", \"title\",
\"span\", \"digest\", \"text\"}]}. A judge answers with {\"question\", \"relevant\": [{\"region\", \"quote\",
\"grade\"}]}, grade 2 for words that answer by themselves and 1 for a part; `trovato eval judge`
turns answers into judgments.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PoolArgs {
    /// An experiment whose systems are pooled
    #[arg(value_name = "FILE")]
    experiment: PathBuf,

    /// Ranks taken from each system
    #[arg(long, value_name = "N", default_value_t = 20)]
    depth: usize,

    /// Also what was judged already, for a second judge
    #[arg(long)]
    everything: bool,

    /// The pool
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    #[command(flatten)]
    laboratory: LaboratoryArgs,
}

pub(super) fn run(args: &PoolArgs) -> anyhow::Result<()> {
    let outcome = args.laboratory.run(Experiment::read(&args.experiment)?)?;
    let pooled = pool(&outcome, args.depth, args.everything)?;
    let told = || format!("cannot write {}", args.out.display());
    let mut out = BufWriter::new(File::create(&args.out).with_context(told)?);
    for question in &pooled {
        serde_json::to_writer(&mut out, question).with_context(told)?;
        writeln!(out).with_context(told)?;
    }
    out.flush().with_context(told)?;
    let n_regions: usize = pooled.iter().map(|question| question.regions.len()).sum();
    println!("{} questions, {n_regions} regions to judge", pooled.len());
    Ok(())
}
