//! `trovato eval answers`: are the right sentences quoted, and the right questions
//! left unanswered?

use std::io::{self, Write};
use std::path::PathBuf;

use answer::{AnswerRequest, AnswerWeights, ContextOptions, ExtractOptions};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use corpora::{BeirCollection, rust_docs_questions};
use engine::{SearchRequest, Searcher};
use eval::{
    AnswerReport, AnswerSet, Estimate, EvalProgress, KeepSentences, Percentiles, evaluate_answers,
    index_collection, write_sentences,
};
use ingest::chunk::ChunkerSpec;

use super::question_file::{SplitName, read_questions};
use super::recipe::{EvalBars, RecipeArgs, index_cache};
use crate::options::{RerankArgs, RerankUse, StrategyArgs, UsageError, print_json};
use crate::progress::FetchBar;

const EXAMPLES: &str = "\
Examples:
  trovato eval answers --split dev                       the Rust guides' questions
  trovato eval answers --split test --rerank default
  trovato eval answers --beir squad --answers squad/answers.jsonl --split test
  trovato eval answers --questions questions.jsonl --index notes.trovato    your own

A sentence is right when it shares a byte with a quote that proves the answer; in a BEIR folder,
with a place where a judged document has an answer's string. Choosing is judged over the
questions that the index answers, abstaining over all. The test split is for reporting.";

/// Answer questions and judge the sentences quoted
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AnswersArgs {
    /// A question file of your own, as `trovato eval init` begins one
    /// [default: the questions over the Rust documentation]
    #[arg(long, value_name = "FILE", requires = "index", conflicts_with = "beir")]
    questions: Option<PathBuf>,

    /// An index that holds the documents the questions quote
    #[arg(long, value_name = "DIR", conflicts_with_all = ["chunker", "encoder", "rebuild", "beir"])]
    index: Option<PathBuf>,

    /// A BEIR folder whose topics are asked instead
    #[arg(long, value_name = "DIR")]
    beir: Option<PathBuf>,

    /// The answers of its topics: JSON lines with _id and answers [default: DIR/answers.jsonl]
    #[arg(long, value_name = "FILE", requires = "beir")]
    answers: Option<PathBuf>,

    /// Ask only every N-th question
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,

    /// How documents are cut, as for `trovato ingest`
    #[arg(long, value_name = "SPEC")]
    chunker: Option<ChunkerSpec>,

    #[command(flatten)]
    recipe: RecipeArgs,

    #[command(flatten)]
    strategy: StrategyArgs,

    #[command(flatten)]
    rerank: RerankArgs,

    /// Hits that the context is made of
    #[arg(long, value_name = "N", default_value_t = AnswerRequest::TOP)]
    top: usize,

    /// Token budget of the context
    #[arg(long, value_name = "TOKENS", default_value_t = ContextOptions::default().budget_tokens)]
    context_tokens: usize,

    /// Chunks shown before and after each hit
    #[arg(long, value_name = "N", default_value_t = 0)]
    neighbours: usize,

    /// Keep passages of one document apart even where they touch
    #[arg(long)]
    no_merge: bool,

    /// Weights that choose sentences and decide on abstaining, instead of the shipped ones
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,

    /// Which questions: dev, test or all; of a BEIR folder, qrels/SPLIT.tsv
    #[arg(long, default_value = "dev")]
    split: String,

    /// Write every sentence that was considered, with its features and its truth
    #[arg(long, value_name = "FILE")]
    sentences_out: Option<PathBuf>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &AnswersArgs) -> anyhow::Result<()> {
    let bars = EvalBars::new();
    let template = template(args)?;
    let (searcher, set) = asked(args, &bars)?;
    let rerank = args.rerank.load(searcher.encoder(), &FetchBar::default(), RerankUse::Hits)?;
    let mut template = template;
    let searcher = match rerank {
        Some(setup) => {
            template.search.rerank = Some(setup.options);
            searcher.with_reranker(setup.pipeline)
        }
        None => searcher,
    };
    let keep = if args.sentences_out.is_some() { KeepSentences::Yes } else { KeepSentences::No };
    let total = set.questions.len();
    let run = evaluate_answers(&searcher, &set.questions, &template, keep, &mut |done| {
        bars.topics(done, total);
    })?;
    if let Some(path) = &args.sentences_out {
        write_sentences(&run.sentences, path)?;
    }
    let report = AnswerReport::new(&set, &run);
    if args.json {
        return print_json(&report);
    }
    print(&mut io::stdout().lock(), &report)?;
    Ok(())
}

/// How every question is answered.
fn template(args: &AnswersArgs) -> anyhow::Result<AnswerRequest> {
    let mut extract = ExtractOptions::default();
    if let Some(path) = &args.weights {
        let read = || -> anyhow::Result<AnswerWeights> {
            Ok(AnswerWeights::from_json(&std::fs::read_to_string(path)?)?)
        };
        extract.weights = read().with_context(|| path.display().to_string())?;
    }
    let search = SearchRequest {
        strategy: args.strategy.resolve()?,
        top: args.top,
        ..SearchRequest::new("")
    };
    let context = ContextOptions {
        budget_tokens: args.context_tokens,
        neighbours: args.neighbours,
        merge: !args.no_merge,
        ..ContextOptions::default()
    };
    Ok(AnswerRequest { question: String::new(), search, context, extract })
}

/// The index that is asked, and what.
fn asked(args: &AnswersArgs, bars: &EvalBars) -> anyhow::Result<(Searcher, AnswerSet)> {
    let (searcher, mut set) = if let Some(dir) = &args.beir {
        let collection = BeirCollection::open(dir, &args.split)?;
        let recipe = args.recipe.load(args.chunker.clone())?;
        let cache = (&index_cache()?, args.recipe.reuse());
        let index = index_collection(&collection, &recipe, cache, bars.indexing())?.index;
        let answers = args.answers.clone().unwrap_or_else(|| dir.join("answers.jsonl"));
        let searcher = index.searcher();
        let set = AnswerSet::of_collection(&searcher, &collection, &answers)?;
        (searcher, set)
    } else {
        let split = SplitName::from_str(&args.split, false).map_err(|_| {
            UsageError(format!("--split {:?} must be dev, test or all", args.split))
        })?;
        let mut questions = match &args.questions {
            Some(path) => read_questions(path)?,
            None => rust_docs_questions()?,
        };
        questions.retain(|question| split.holds(question.split));
        let index =
            args.recipe.index_of_guides(args.index.as_deref(), args.chunker.clone(), bars)?;
        let searcher = index.searcher();
        let set = AnswerSet::of_questions(&searcher, &questions)?;
        (searcher, set)
    };
    let every = args.every as usize;
    let mut at = 0;
    set.questions.retain(|_| {
        at += 1;
        (at - 1) % every == 0
    });
    Ok((searcher, set))
}

fn print(out: &mut impl Write, report: &AnswerReport) -> io::Result<()> {
    writeln!(
        out,
        "{} questions that the index answers, {} that it does not, {} left out\n",
        report.answerable, report.unanswerable, report.unresolved
    )?;
    let mut row = |name: &str, estimate: Option<&Estimate>| match estimate {
        Some(Estimate { mean, ci95: [low, high] }) => {
            writeln!(out, "  {name:<34} {mean:.4}  [{low:.4}, {high:.4}]")
        }
        None => Ok(()),
    };
    row("answer in the best passage", Some(&report.top_passage))?;
    row("answer in the context", Some(&report.context))?;
    row("answer in a quoted sentence", Some(&report.sentence))?;
    row("citation precision", Some(&report.citation_precision))?;
    row("citation recall", Some(&report.citation_recall))?;
    row("token F1", report.token_f1.as_ref())?;
    row("exact match", report.exact_match.as_ref())?;
    row("answered, and right", Some(&report.abstention.answered_right))?;
    row("answered", Some(&report.abstention.answered))?;
    row("abstention precision", report.abstention.precision.as_ref())?;
    row("abstention recall", report.abstention.recall.as_ref())?;
    writeln!(out, "\n  {} of {} citations found", report.citations_found, report.citations)?;
    writeln!(out, "\n  ms a question    p50       p95       p99")?;
    for (name, Percentiles { p50, p95, p99 }) in
        [("search", report.search_ms), ("total", report.total_ms)]
    {
        writeln!(out, "  {name:<10} {p50:>9.3} {p95:>9.3} {p99:>9.3}")?;
    }
    writeln!(out)
}
