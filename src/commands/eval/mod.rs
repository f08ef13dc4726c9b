//! `trovato eval`: figures about retrieval, with intervals, that anyone can
//! compute again.

mod chunking;
mod chunking_table;
mod collection;
mod fusion_grid;
mod gate;
mod questions;
mod recipe;
mod score;
mod table;

use clap::{Args, Subcommand};

pub(crate) use table::print_questions;

const EXAMPLES: &str = "\
Examples:
  trovato eval collection beir/scifact --strategy hybrid --run-out hybrid.run
  trovato eval score --qrels beir/scifact/qrels/test.tsv --run hybrid.run --measures nDCG@10,AP
  trovato eval questions --split dev
  trovato eval chunking chroma-chunking --chunker recursive:200 structure:200
  trovato eval gate";

/// Measure retrieval quality
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EvalArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Compare chunkers by the text they bring
    Chunking(chunking::ChunkingArgs),
    /// Index a BEIR collection, run its topics, score the rankings
    Collection(collection::CollectionArgs),
    /// Score a TREC run file
    Score(score::ScoreArgs),
    /// Score the questions over the Rust documentation
    Questions(questions::QuestionsArgs),
    /// Fail when retrieval has become worse than the stored figures
    Gate(gate::GateArgs),
    /// Repeat the experiment behind the default fusion
    FusionGrid(fusion_grid::FusionGridArgs),
}

/// Runs the subcommand.
pub(crate) fn run(args: EvalArgs) -> anyhow::Result<()> {
    match args.action {
        Action::Chunking(args) => chunking::run(&args),
        Action::Collection(args) => collection::run(args),
        Action::Score(args) => score::run(&args),
        Action::Questions(args) => questions::run(&args),
        Action::Gate(args) => gate::run(&args),
        Action::FusionGrid(args) => fusion_grid::run(&args),
    }
}
