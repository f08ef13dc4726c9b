//! `trovato eval questions`: ground truth by quoted passages, the project's own
//! over the Rust documentation or a user's over theirs.

use std::io;
use std::path::PathBuf;

use clap::Args;
use corpora::rust_docs::{PageManifest, RustDocs};
use corpora::{Question, rust_docs_questions};
use engine::{Expansion, Strategy};
use eval::{QuestionScoreReport, QuestionSystem, RerankSetup, drafts_notice, evaluate_questions};
use ingest::chunk::ChunkerSpec;

use super::question_file::{SplitName, read_questions};
use super::recipe::{EvalBars, RecipeArgs};
use super::table::print_questions;
use crate::options::{RerankArgs, RerankUse, print_json};
use crate::progress::FetchBar;

const EXAMPLES: &str = "\
Examples:
  trovato eval questions                         on the guides, indexed into the cache
  trovato eval questions --chunker fixed:128/32 --split dev
  trovato eval questions --index rust.trovato    on an index that holds the guides
  trovato eval questions --questions questions.jsonl --index notes.trovato    your own
  trovato eval questions --rerank default        and the hybrid reranked, with the difference

Documents: was a page found that holds evidence? Passages: was a chunk found that overlaps
the quoted evidence? The test split is for reporting; choose and tune on dev.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct QuestionsArgs {
    /// A question file of your own, as `trovato eval init` begins one
    /// [default: the questions over the Rust documentation]
    #[arg(long, value_name = "FILE", requires = "index")]
    questions: Option<PathBuf>,

    /// An index that holds the documents the questions quote
    #[arg(long, value_name = "DIR", conflicts_with_all = ["chunker", "encoder", "rebuild"])]
    index: Option<PathBuf>,

    /// How documents are cut, as for `trovato ingest`
    #[arg(long, value_name = "SPEC")]
    chunker: Option<ChunkerSpec>,

    #[command(flatten)]
    recipe: RecipeArgs,

    #[command(flatten)]
    rerank: RerankArgs,

    /// What is searched for besides the question, as for `trovato search`: shown beside
    /// the same strategies without it
    #[arg(long = "expand", value_name = "METHOD", default_value_t = Expansion::None)]
    expansion: Expansion,

    /// Which questions
    #[arg(long, value_enum, default_value = "all")]
    split: SplitName,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &QuestionsArgs) -> anyhow::Result<()> {
    let questions = questions(args)?;
    let (dir, chunker) = (args.index.as_deref(), args.chunker.clone());
    let index = args.recipe.index_of_guides(dir, chunker, &EvalBars::new())?;
    let rerank = args.rerank.load(index.encoder(), &FetchBar::default(), RerankUse::Hits)?;
    let systems = systems(args.expansion, rerank);
    let report = evaluate_questions(&index.searcher(), &questions, &systems)?;
    let report = QuestionScoreReport::new(&report)?;
    match drafts_notice(&questions) {
        Some(notice) => eprintln!("note: {notice}"),
        None if args.questions.is_none() => note_other_version()?,
        None => {}
    }
    if args.json {
        return print_json(&report);
    }
    print_questions(&mut io::stdout().lock(), &report)?;
    Ok(())
}

/// Every strategy as it is and with the expansion where that suits it, and the hybrid
/// reranked.
fn systems(expansion: Expansion, rerank: Option<RerankSetup>) -> Vec<QuestionSystem> {
    let plain = [Strategy::Lexical, Strategy::Dense, Strategy::DEFAULT].map(QuestionSystem::from);
    let expanded = plain
        .iter()
        .filter(|system| expansion != Expansion::None && expansion.suits(system.strategy))
        .map(|system| QuestionSystem { expansion, ..system.clone() });
    let reranked = rerank.map(|setup| QuestionSystem {
        expansion,
        rerank: Some(setup),
        ..Strategy::DEFAULT.into()
    });
    plain.iter().cloned().chain(expanded).chain(reranked).collect()
}

fn questions(args: &QuestionsArgs) -> anyhow::Result<Vec<Question>> {
    let mut questions = match &args.questions {
        Some(path) => read_questions(path)?,
        None => rust_docs_questions()?,
    };
    questions.retain(|question| args.split.holds(question.split));
    Ok(questions)
}

/// Says so when other documentation is installed than the questions were
/// written from: figures of two versions are not comparable.
fn note_other_version() -> anyhow::Result<()> {
    let written = PageManifest::of_questions()?.version;
    let installed = RustDocs::locate().ok().and_then(|docs| docs.version);
    if let Some(installed) = installed.filter(|installed| *installed != written) {
        eprintln!(
            "note: the questions were written from Rust {written} and {installed} is installed; questions \
             whose quotes are gone are left out, and the figures are not comparable with others"
        );
    }
    Ok(())
}
