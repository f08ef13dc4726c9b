//! `trovato eval pool`: what systems return and nobody has judged yet.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use eval::{Experiment, KEPT_RANKS, pool};

use super::experiment::LaboratoryArgs;
use crate::options::UsageError;

/// Ranks taken from a system: TREC's usual pools are deeper, its topics fewer.
const DEFAULT_DEPTH: usize = 20;

const EXAMPLES: &str = "\
Examples:
  trovato eval pool eval/experiments/pool.toml --out pool.jsonl
  trovato eval pool eval/experiments/pool.toml:20 eval/experiments/pool-more.toml:10 --out pool.jsonl
  trovato eval pool eval/experiments/pool.toml --everything --out second-judge.jsonl

A line per question: {\"question\", \"text\", \"answer\", \"regions\": [{\"region\", \"document\", \"title\",
\"span\", \"digest\", \"text\"}]}. A judge answers with {\"question\", \"relevant\": [{\"region\", \"quote\",
\"grade\"}]}, grade 2 for words that answer by themselves and 1 for a part; `trovato eval judge`
turns answers into judgments.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PoolArgs {
    /// Experiments over the same questions whose systems are pooled, with the
    /// ranks taken from each system (20)
    #[arg(value_name = "FILE[:DEPTH]", required = true)]
    experiments: Vec<PooledExperiment>,

    /// Also what was judged already, for a second judge
    #[arg(long)]
    everything: bool,

    /// The pool
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    #[command(flatten)]
    laboratory: LaboratoryArgs,
}

#[derive(Clone, Debug)]
struct PooledExperiment {
    path: PathBuf,
    depth: usize,
}

impl std::str::FromStr for PooledExperiment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, depth) = match text.rsplit_once(':') {
            Some((path, depth)) if depth.bytes().all(|byte| byte.is_ascii_digit()) => {
                (path, depth.parse::<usize>().unwrap_or(0))
            }
            _ => (text, DEFAULT_DEPTH),
        };
        if !(1..=KEPT_RANKS).contains(&depth) {
            return Err(format!("DEPTH is a number from 1 to {KEPT_RANKS}"));
        }
        Ok(Self { path: path.into(), depth })
    }
}

pub(super) fn run(args: &PoolArgs) -> anyhow::Result<()> {
    let experiments = args
        .experiments
        .iter()
        .map(|pooled| Ok((Experiment::read(&pooled.path)?, pooled.depth)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let (first, _) = &experiments[0];
    if let Some((other, _)) = experiments
        .iter()
        .find(|(other, _)| (&other.corpus, &other.split) != (&first.corpus, &first.split))
    {
        return Err(UsageError(format!(
            "{} and {} are not over the same questions",
            first.name, other.name
        ))
        .into());
    }
    let outcomes = experiments
        .into_iter()
        .map(|(experiment, depth)| Ok((args.laboratory.run(experiment)?, depth)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let pooled = pool(&outcomes, args.everything)?;
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
