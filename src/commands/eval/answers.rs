//! `trovato eval answers`: are the right sentences quoted, and the right questions
//! left unanswered?

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use answer::AnswerWeights;
use anyhow::Context as _;
use clap::Args;
use eval::{
    AnswerReport, Estimate, EvalProgress, KeepSentences, Percentiles, evaluate_answers,
    write_sentences,
};

use super::asked::{Asked, AskedArgs};
use super::recipe::EvalBars;
use crate::options::print_json;

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
    #[command(flatten)]
    asked: AskedArgs,

    /// Weights that choose sentences and decide on abstaining, instead of the shipped ones
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,

    /// Write every sentence that was considered, with its features and its truth
    #[arg(long, value_name = "FILE")]
    sentences_out: Option<PathBuf>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &AnswersArgs) -> anyhow::Result<()> {
    let bars = EvalBars::new();
    let weights = args.weights.as_deref().map(read_weights).transpose()?;
    let Asked { searcher, set, mut template, .. } = args.asked.open(&bars)?;
    if let Some(weights) = weights {
        template.extract.weights = weights;
    }
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

fn read_weights(path: &Path) -> anyhow::Result<AnswerWeights> {
    let read = || -> anyhow::Result<AnswerWeights> {
        Ok(AnswerWeights::from_json(&std::fs::read_to_string(path)?)?)
    };
    read().with_context(|| path.display().to_string())
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
    row("abstention accuracy", Some(&report.abstention.accuracy))?;
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
