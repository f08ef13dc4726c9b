//! `trovato eval adopt`: judged passages become questions.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use engine::{Index, OpenOptions, Searcher, Verify};
use eval::{
    Coverage, FeedbackJudgments, JudgedQuestions, JudgingLine, feedback_judgments,
    parse_judging_lines, questions_from_judgments,
};
use serde::Serialize;

use super::logged_collection::read_feedback;
use super::question_file::{Existing, write_questions};
use crate::options::print_json;

const EXAMPLES: &str = "\
Examples:
  trovato eval replay queries.jsonl --index notes.trovato --export judge.jsonl
  trovato eval adopt judge.jsonl --index notes.trovato --out from-users.jsonl
  trovato eval adopt feedback.jsonl --feedback --index notes.trovato --out from-users.jsonl

In the exported lines, fill in `grade` (0 for a passage that does not answer the query, 1 and more
for one that does) and, where you like, `quote` (the words that answer), `answer` and `kind`.
A query with a relevant passage becomes a question; its relevant passages are the evidence.
With --feedback the file is what `trovato serve --feedback` wrote: users have graded it. Of a passage
that was judged more than once for a query the last word counts.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AdoptArgs {
    /// The judged lines
    judged: PathBuf,

    /// The file is users' feedback, as `trovato serve --feedback` writes it
    #[arg(long)]
    feedback: bool,

    /// The collection whose feedback is taken, where the file has several
    #[arg(long, value_name = "NAME", requires = "feedback")]
    collection: Option<String>,

    /// An index that holds the documents, in which quotes are looked up
    #[arg(long, value_name = "DIR")]
    index: PathBuf,

    /// Where the questions are written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Replace a file that is there already
    #[arg(long)]
    force: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    out: &'a Path,
    questions: usize,
    dev: usize,
    test: usize,
    unjudged: usize,
    without_relevant: usize,
    /// Of feedback: judgments that were left out, by reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<LeftOut>,
}

#[derive(Clone, Copy, Serialize)]
struct LeftOut {
    redacted: usize,
    replaced: usize,
    outdated: usize,
}

pub(super) fn run(args: &AdoptArgs) -> anyhow::Result<()> {
    // Documents are read, nothing is searched.
    let index = Index::open(&args.index, OpenOptions { encoder: None, verify: Verify::Auto })?;
    let (judged, left_out) = read_judged(args, &index.searcher())?;
    let JudgedQuestions { questions, n_unjudged, n_without_relevant } =
        questions_from_judgments(&judged, &index.searcher())
            .with_context(|| args.judged.display().to_string())?;
    if questions.is_empty() {
        bail!(
            "no query has a relevant passage: {n_unjudged} are not judged, {n_without_relevant} have irrelevant \
             passages only. Fill in `grade` in {}",
            args.judged.display()
        );
    }
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    write_questions(&args.out, &questions, existing)?;
    let split = Coverage::of(&questions).by_split();
    let report = Report {
        out: &args.out,
        questions: questions.len(),
        dev: split.dev,
        test: split.test,
        unjudged: n_unjudged,
        without_relevant: n_without_relevant,
        left_out,
    };
    if args.json {
        return print_json(&report);
    }
    writeln!(
        io::stdout(),
        "{} questions ({} dev, {} test) in {}\n{n_unjudged} queries are not judged, {n_without_relevant} have \
         irrelevant passages only; they became no question",
        report.questions,
        report.dev,
        report.test,
        args.out.display()
    )?;
    if let Some(LeftOut { redacted, replaced, outdated }) = left_out {
        writeln!(
            io::stdout(),
            "left out: {redacted} judgments with redacted words, {replaced} that a later one replaces, \
             {outdated} of documents that have changed"
        )?;
    }
    Ok(())
}

/// Lines of a file with their numbers, from 1.
type NumberedLines = Vec<(usize, JudgingLine)>;

/// The judged lines with their numbers, and what of feedback is not among them.
fn read_judged(
    args: &AdoptArgs,
    searcher: &Searcher,
) -> anyhow::Result<(NumberedLines, Option<LeftOut>)> {
    if args.feedback {
        let feedback = read_feedback(&args.judged, args.collection.as_deref())?;
        let FeedbackJudgments { lines, n_redacted, n_replaced, n_outdated } =
            feedback_judgments(&feedback, searcher)?;
        let left_out = LeftOut { redacted: n_redacted, replaced: n_replaced, outdated: n_outdated };
        return Ok((lines, Some(left_out)));
    }
    let jsonl = std::fs::read_to_string(&args.judged)
        .with_context(|| format!("cannot read {}", args.judged.display()))?;
    let judged = parse_judging_lines(&jsonl).with_context(|| args.judged.display().to_string())?;
    Ok((judged, None))
}
