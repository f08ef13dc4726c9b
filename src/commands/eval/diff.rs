//! `trovato eval diff`: two systems, question by question.

use std::io::{self, Write};

use clap::Args;
use eval::{Experiment, LevelMeasure, SystemSpec, TopicDiff, topic_diffs};

use super::experiment::LaboratoryArgs;
use crate::options::print_json;

const EXAMPLES: &str = "\
Examples:
  trovato eval diff 'structure:256 | dense | all-MiniLM-L6-v2' 'structure:256 | hybrid | all-MiniLM-L6-v2'
  trovato eval diff A B --split test --measure 'passages RR@10' --limit 50 --json

A system is CHUNKER | STRATEGY | ENCODER. The questions are those over the Rust documentation, or
the topics of the collection that --corpus names.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DiffArgs {
    /// The system on the left
    #[arg(value_name = "SYSTEM")]
    first: SystemSpec,

    /// The system on the right
    #[arg(value_name = "SYSTEM")]
    second: SystemSpec,

    /// rust-docs, or the name of a collection
    #[arg(long, value_name = "NAME", default_value = eval::RUST_DOCS)]
    corpus: String,

    /// Which topics
    #[arg(long, value_name = "NAME", default_value = "dev")]
    split: String,

    /// What they are compared by
    #[arg(long, value_name = "MEASURE", default_value = "passages nDCG@10")]
    measure: LevelMeasure,

    /// Topics shown
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,

    #[command(flatten)]
    laboratory: LaboratoryArgs,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DiffArgs) -> anyhow::Result<()> {
    let experiment =
        Experiment::of_two((&args.first, &args.second), (&args.corpus, &args.split), args.measure)?;
    let outcome = args.laboratory.run(experiment)?;
    let (first, second) = (&outcome.rows[0], &outcome.rows[outcome.rows.len() - 1]);
    let diffs = topic_diffs(&outcome, (first, second), 0, args.limit)?;
    if args.json {
        return print_json(&diffs);
    }
    let mut out = io::stdout().lock();
    match &second.comparisons[0] {
        None => writeln!(out, "{} is withheld: too little is judged", args.measure)?,
        Some(family) => writeln!(
            out,
            "{}: {:+.4} [{:+.4}, {:+.4}], p = {:.4}, {}",
            args.measure,
            family.paired.mean_difference,
            family.paired.interval.low,
            family.paired.interval.high,
            family.paired.p_value,
            family.resolution.name()
        )?,
    }
    for diff in &diffs {
        print(&mut out, diff)?;
    }
    Ok(())
}

fn print(out: &mut impl Write, diff: &TopicDiff) -> io::Result<()> {
    writeln!(
        out,
        "\n{} {}\n  {:.4} -> {:.4}",
        diff.topic, diff.text, diff.first_score, diff.second_score
    )?;
    for (side, passages) in [("left", &diff.first), ("right", &diff.second)] {
        for (rank, passage) in passages.iter().enumerate() {
            writeln!(out, "  {side} {}. {}\n     {}", rank + 1, passage.document, passage.excerpt)?;
        }
    }
    Ok(())
}
