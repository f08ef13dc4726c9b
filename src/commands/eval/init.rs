//! `trovato eval init`: a first question file for a folder of one's own.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use eval::{Coverage, Drafts, draft_questions, drafts_notice};
use ingest::source::{FormatChoice, open};
use serde::Serialize;

use super::question_file::{Existing, write_questions};
use crate::options::print_json;

const EXAMPLES: &str = "\
Examples:
  trovato eval init ~/notes
  trovato eval init ~/notes --out notes.questions.jsonl --max 40

Then read every line: rewrite the question as somebody would ask it who does not know the page,
check the answer, delete what is not worth asking, and remove `\"status\": \"unconfirmed\"`.
docs/evaluate-your-own.md walks through it, from the folder to the report.

Document ids are those of `trovato ingest FOLDER`, so that the file fits an index of it.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct InitArgs {
    /// The folder whose documents are asked about
    folder: PathBuf,

    /// Where the questions are written
    #[arg(long, value_name = "FILE", default_value = "questions.jsonl")]
    out: PathBuf,

    /// Most drafts; a small number is a sample of the whole folder
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..))]
    max: u32,

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
    documents: usize,
    duplicate_documents: usize,
    documents_without_drafts: usize,
    skipped: Vec<String>,
    questions: usize,
    by_kind: BTreeMap<&'static str, usize>,
    by_split: BTreeMap<&'static str, usize>,
    trust: &'a str,
}

pub(super) fn run(args: &InitArgs) -> anyhow::Result<()> {
    let mut source = open(std::slice::from_ref(&args.folder), FormatChoice::Auto)?;
    let drafts = draft_questions(source.as_mut(), args.max as usize);
    let Some(trust) = drafts_notice(&drafts.questions) else {
        bail!(
            "nothing to ask about was found in {}: {} documents were read, {} files left out. Drafts need \
             paragraphs that begin with a whole sentence",
            args.folder.display(),
            drafts.n_documents,
            drafts.skipped.len()
        );
    };
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    write_questions(&args.out, &drafts.questions, existing)?;
    let report = Report::new(args, &drafts, &trust);
    if args.json {
        return print_json(&report);
    }
    report.print(&mut io::stdout().lock())?;
    Ok(())
}

impl<'a> Report<'a> {
    fn new(args: &'a InitArgs, drafts: &Drafts, trust: &'a str) -> Self {
        let Drafts { questions, n_documents, n_duplicates, n_without, skipped } = drafts;
        let coverage = Coverage::of(questions);
        let split = coverage.by_split();
        Self {
            out: &args.out,
            documents: *n_documents,
            duplicate_documents: *n_duplicates,
            documents_without_drafts: *n_without,
            skipped: skipped.iter().map(ToString::to_string).collect(),
            questions: questions.len(),
            by_kind: coverage
                .by_kind
                .iter()
                .map(|(kind, counts)| (kind.name(), counts.total()))
                .collect(),
            by_split: [("dev", split.dev), ("test", split.test)].into(),
            trust,
        }
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} drafts ({} dev, {} test) of {} documents, in {}",
            self.questions,
            self.by_split["dev"],
            self.by_split["test"],
            self.documents,
            self.out.display()
        )?;
        for (n, meaning) in [
            (self.duplicate_documents, "documents are exact duplicates of others"),
            (self.documents_without_drafts, "documents gave nothing to ask about"),
            (self.skipped.len(), "files were left out:"),
        ] {
            if n > 0 {
                writeln!(out, "{n} {meaning}")?;
            }
        }
        for skipped in &self.skipped {
            writeln!(out, "  {skipped}")?;
        }
        writeln!(out, "\n{}.", self.trust)
    }
}
