//! `trovato eval`: figures about retrieval, with intervals, that anyone can
//! compute again.

mod adopt;
mod answers;
mod asked;
mod audit;
mod chunking;
mod chunking_table;
mod collection;
mod conversations;
mod diff;
mod experiment;
mod fusion_grid;
mod gate;
mod init;
mod judge;
mod logged_collection;
mod pool;
mod prompts;
mod prompts_table;
mod question_file;
mod questions;
mod recipe;
mod replay;
mod report;
mod rerank;
mod score;
mod table;

use clap::{Args, Subcommand};

pub(crate) use table::print_questions;

const EXAMPLES: &str = "\
Examples:
  trovato eval collection beir/scifact --strategy hybrid --run-out hybrid.run
  trovato eval score --qrels beir/scifact/qrels/test.tsv --run hybrid.run --measures nDCG@10,AP
  trovato eval rerank beir/scifact --run bm25.run --rerank late:idf
  trovato eval questions --split dev
  trovato eval answers --split dev
  trovato eval prompts --models models.toml --model small --prompt cited-v1 --prompt json-v1
  trovato eval run eval/experiments/chunkers.toml
  trovato eval gate
  trovato eval audit
  trovato eval init ~/notes
  trovato eval replay queries.jsonl --index notes.trovato
  trovato eval chunking chroma-chunking --chunker recursive:200 structure:200";

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
    /// Rerank a TREC run file and score it before and after
    Rerank(rerank::RerankRunArgs),
    /// Score questions with quoted evidence
    Questions(questions::QuestionsArgs),
    /// Score answers: the sentences quoted, and the questions refused
    Answers(answers::AnswersArgs),
    // Boxed: every command would be as large.
    /// Compare prompts and models, beside the extractive answer
    Prompts(Box<prompts::PromptsArgs>),
    /// Score how follow-ups are understood
    Conversations(conversations::ConversationsArgs),
    /// Check a question file: quotes, splits, duplicates, overlap
    Audit(audit::AuditArgs),
    /// Draft a question file for a folder of your own
    Init(init::InitArgs),
    /// Run a server's query log against another configuration
    Replay(replay::ReplayArgs),
    /// Make questions of a replay's judged passages
    Adopt(adopt::AdoptArgs),
    /// Fail when retrieval or answers have become worse than the stored figures
    Gate(gate::GateArgs),
    /// Run experiment files: grids of chunkers, strategies and encoders
    Run(experiment::RunArgs),
    /// Render results as a page
    Report(report::ReportArgs),
    /// Two systems question by question, with their passages side by side
    Diff(diff::DiffArgs),
    /// Write what systems return and nobody has judged yet
    Pool(pool::PoolArgs),
    /// Turn judges' answers into judgments, and compare judges
    Judge(judge::JudgeArgs),
    /// Repeat the experiment behind the default fusion
    FusionGrid(fusion_grid::FusionGridArgs),
}

/// Runs the subcommand.
pub(crate) fn run(args: EvalArgs) -> anyhow::Result<()> {
    match args.action {
        Action::Chunking(args) => chunking::run(&args),
        Action::Collection(args) => collection::run(args),
        Action::Score(args) => score::run(&args),
        Action::Rerank(args) => rerank::run(&args),
        Action::Questions(args) => questions::run(&args),
        Action::Answers(args) => answers::run(&args),
        Action::Prompts(args) => prompts::run(&args),
        Action::Conversations(args) => conversations::run(&args),
        Action::Audit(args) => audit::run(&args),
        Action::Init(args) => init::run(&args),
        Action::Replay(args) => replay::run(&args),
        Action::Adopt(args) => adopt::run(&args),
        Action::Gate(args) => gate::run(&args),
        Action::Run(args) => experiment::run(&args),
        Action::Report(args) => report::run(&args),
        Action::Diff(args) => diff::run(&args),
        Action::Pool(args) => pool::run(&args),
        Action::Judge(args) => judge::run(&args),
        Action::FusionGrid(args) => fusion_grid::run(&args),
    }
}
