//! `trovato eval audit`: is a question file fit to measure with?

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use corpora::rust_docs::{self, Origin, PageManifest, Profile};
use corpora::{Question, rust_docs_questions};
use engine::{Index, Language, OpenOptions, Verify};
use eval::{
    Audit, BySplit, MissingEvidence, Texts, audit, corpus_source, drafts_notice, quoted_documents,
    read_texts, stored_texts,
};
use ingest::source::{FormatChoice, open};
use serde::Serialize;

use super::question_file::read_questions;
use crate::options::{UsageError, print_json};

const EXAMPLES: &str = "\
Examples:
  trovato eval audit                                                  the questions over the Rust documentation
  trovato eval audit --questions questions.jsonl --folder ~/notes     your own, against the files
  trovato eval audit --questions questions.jsonl --index notes.trovato --json

Exit code 1 when a quote does not stand in its document, a document serves both splits, or a
question is there twice. Overlap is the share of a question's words, as stems and without
function words, that stand in its quotes, and in the whole document: a set near 1 can be solved by
word search, a set near 0 says little about it.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AuditArgs {
    /// The question file [default: the questions over the Rust documentation]
    #[arg(long, value_name = "FILE")]
    questions: Option<PathBuf>,

    /// Look quotes up in this index
    #[arg(long, value_name = "DIR", conflicts_with = "folder")]
    index: Option<PathBuf>,

    /// Look quotes up in the files of this folder, as `trovato ingest` reads them
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,

    /// In which language words are stemmed to measure overlap
    #[arg(long, value_name = "NAME", default_value_t = Language::English)]
    language: Language,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    questions: usize,
    /// Questions whose every quote resolves.
    resolved: usize,
    duplicates: usize,
    leaks: usize,
    by_kind: BTreeMap<&'static str, usize>,
    by_split: SplitCounts,
    by_book: BTreeMap<String, SplitCounts>,
    unconfirmed: usize,
    quotes: usize,
    lexical_overlap: OverlapReport,
    unresolved_quotes: Vec<UnresolvedReport>,
    duplicate_questions: Vec<[String; 2]>,
    near_duplicates: Vec<NearDuplicateReport>,
    leaked_documents: Vec<LeakReport>,
    /// The documentation the questions were written from and the one they were
    /// looked up in; absent for a user's own documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    documentation: Option<Versions>,
}

#[derive(Clone, Copy, Serialize)]
struct SplitCounts {
    dev: usize,
    test: usize,
}

#[derive(Serialize)]
struct OverlapReport {
    questions: usize,
    mean: f64,
    /// Questions in each fifth of `[0, 1]`.
    distribution: Vec<usize>,
    /// The mean over the quoted documents' whole texts.
    document_mean: f64,
    by_kind: BTreeMap<&'static str, f64>,
}

#[derive(Serialize)]
struct UnresolvedReport {
    question: String,
    document: String,
    missing: &'static str,
}

#[derive(Serialize)]
struct NearDuplicateReport {
    questions: [String; 2],
    similarity: f64,
}

#[derive(Serialize)]
struct LeakReport {
    document: String,
    dev: Vec<String>,
    test: Vec<String>,
}

#[derive(Clone, Serialize)]
struct Versions {
    questions: String,
    installed: String,
}

pub(super) fn run(args: &AuditArgs) -> anyhow::Result<()> {
    let questions = match &args.questions {
        Some(path) => read_questions(path)?,
        None => rust_docs_questions()?,
    };
    let (texts, documentation) = texts(args, &questions)?;
    let found = audit(&questions, &texts, args.language);
    if args.json {
        print_json(&Report::new(&found, documentation.clone()))?;
    } else {
        print(&mut io::stdout().lock(), &found)?;
    }
    if let Some(notice) = drafts_notice(&questions) {
        eprintln!("note: {notice}");
    }
    judge(&found, documentation.as_ref())
}

/// The texts of the quoted documents, and of the Rust documentation the
/// versions that were expected and found.
fn texts(args: &AuditArgs, questions: &[Question]) -> anyhow::Result<(Texts, Option<Versions>)> {
    let wanted = quoted_documents(questions);
    if let Some(dir) = &args.index {
        let options = OpenOptions { encoder: None, verify: Verify::Auto };
        let searcher = Index::open(dir, options)?.searcher();
        return Ok((stored_texts(&searcher, &wanted)?, None));
    }
    if let Some(folder) = &args.folder {
        let mut source = open(std::slice::from_ref(folder), FormatChoice::Auto)?;
        return Ok((read_texts(source.as_mut(), &wanted), None));
    }
    if args.questions.is_some() && wanted.iter().any(|id| !id.as_str().starts_with("rust-docs/")) {
        let message =
            "the questions quote documents of your own; name them with --folder or --index";
        return Err(UsageError(message.to_owned()).into());
    }
    let listing = rust_docs::list(Profile::Books)?;
    let installed = match &listing.origin {
        Origin::Documentation(docs) => docs.version.clone(),
        Origin::CratesOnly { missing } => {
            bail!("the questions cannot be checked without the Rust documentation: {missing}")
        }
    };
    let versions = Versions {
        questions: PageManifest::of_questions()?.version,
        installed: installed.unwrap_or_else(|| "unknown".to_owned()),
    };
    let texts = read_texts(corpus_source(&listing.files).as_mut(), &wanted);
    Ok((texts, Some(versions)))
}

/// An error for everything that makes figures wrong.
fn judge(found: &Audit, documentation: Option<&Versions>) -> anyhow::Result<()> {
    let Audit { unresolved, duplicates, leaks, .. } = found;
    let defects: Vec<String> = [
        (unresolved.len(), "quotes that do not stand in their documents"),
        (leaks.len(), "documents that serve both splits"),
        (duplicates.len(), "questions that are there twice"),
    ]
    .iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{n} {what}"))
    .collect();
    if defects.is_empty() {
        return Ok(());
    }
    let failed = Err(anyhow::anyhow!("{}", defects.join(", ")));
    match documentation {
        Some(Versions { questions, installed }) if questions != installed => failed.context(format!(
            "the questions were written from Rust {questions} and {installed} is installed, so quotes of pages \
             that changed are gone"
        )),
        _ => failed,
    }
}

impl From<BySplit> for SplitCounts {
    fn from(BySplit { dev, test }: BySplit) -> Self {
        Self { dev, test }
    }
}

impl Report {
    fn new(found: &Audit, documentation: Option<Versions>) -> Self {
        let overlap = &found.overlap;
        let coverage = &found.coverage;
        Self {
            questions: found.n_questions,
            resolved: found.n_resolved(),
            duplicates: found.duplicates.len(),
            leaks: found.leaks.len(),
            by_kind: coverage
                .by_kind
                .iter()
                .map(|(kind, counts)| (kind.name(), counts.total()))
                .collect(),
            by_split: coverage.by_split().into(),
            by_book: coverage
                .by_book
                .iter()
                .map(|(book, counts)| (book.clone(), (*counts).into()))
                .collect(),
            unconfirmed: found.n_unconfirmed,
            quotes: found.n_quotes,
            lexical_overlap: OverlapReport {
                questions: overlap.shares.len(),
                mean: overlap.mean(),
                distribution: overlap.distribution().to_vec(),
                document_mean: overlap.document_mean(),
                by_kind: overlap.by_kind.iter().map(|(kind, mean)| (kind.name(), *mean)).collect(),
            },
            unresolved_quotes: found
                .unresolved
                .iter()
                .map(|quote| UnresolvedReport {
                    question: quote.question.clone(),
                    document: quote.document.to_string(),
                    missing: missing_name(quote.missing),
                })
                .collect(),
            duplicate_questions: found
                .duplicates
                .iter()
                .map(|(id, earlier)| [earlier.clone(), id.clone()])
                .collect(),
            near_duplicates: found
                .near_duplicates
                .iter()
                .map(|pair| NearDuplicateReport {
                    questions: pair.questions.clone(),
                    similarity: pair.similarity,
                })
                .collect(),
            leaked_documents: found
                .leaks
                .iter()
                .map(|leak| LeakReport {
                    document: leak.document.to_string(),
                    dev: leak.dev.clone(),
                    test: leak.test.clone(),
                })
                .collect(),
            documentation,
        }
    }
}

fn missing_name(missing: MissingEvidence) -> &'static str {
    match missing {
        MissingEvidence::Document => "document",
        MissingEvidence::Quote => "quote",
    }
}

fn print(out: &mut impl Write, found: &Audit) -> io::Result<()> {
    let coverage = &found.coverage;
    writeln!(
        out,
        "{} questions, {} quotes; {} questions resolve, {} duplicates, {} leaks, {} unconfirmed",
        found.n_questions,
        found.n_quotes,
        found.n_resolved(),
        found.duplicates.len(),
        found.leaks.len(),
        found.n_unconfirmed
    )?;
    for quote in &found.unresolved {
        let what = match quote.missing {
            MissingEvidence::Document => "there is no document",
            MissingEvidence::Quote => "the quote is not in",
        };
        writeln!(out, "  {}: {what} {}", quote.question, quote.document)?;
    }
    for (id, earlier) in &found.duplicates {
        writeln!(out, "  {id}: asks the same as {earlier}")?;
    }
    for leak in &found.leaks {
        let (dev, test) = (leak.dev.join(", "), leak.test.join(", "));
        writeln!(out, "  {}: dev ({dev}) and test ({test})", leak.document)?;
    }
    for pair in &found.near_duplicates {
        let [a, b] = &pair.questions;
        writeln!(out, "  {a} and {b} are worded alike ({:.2}); worth a look", pair.similarity)?;
    }
    writeln!(out, "\n  {:<24} {:>5} {:>5} {:>5}", "", "dev", "test", "all")?;
    let kinds = coverage.by_kind.iter().map(|(kind, counts)| (kind.name(), counts));
    let books = coverage.by_book.iter().map(|(book, counts)| (book.as_str(), counts));
    for (name, counts) in kinds {
        print_counts(out, name, *counts)?;
    }
    writeln!(out)?;
    for (name, counts) in books {
        print_counts(out, name, *counts)?;
    }
    print_counts(out, "total", coverage.by_split())?;

    let overlap = &found.overlap;
    writeln!(
        out,
        "\noverlap of question and quotes, {} questions: mean {:.3} (with the whole document {:.3})",
        overlap.shares.len(),
        overlap.mean(),
        overlap.document_mean()
    )?;
    for (at, n) in overlap.distribution().into_iter().enumerate() {
        let (low, high) = (0.2 * at as f64, 0.2 * (at + 1) as f64);
        let bar = "#".repeat((40 * n).div_ceil(overlap.shares.len().max(1)));
        writeln!(out, "  {low:.1} to {high:.1} {n:>6} {bar}")?;
    }
    for (kind, mean) in &overlap.by_kind {
        writeln!(out, "  {:<24} {mean:.3}", kind.name())?;
    }
    Ok(())
}

fn print_counts(out: &mut impl Write, name: &str, counts: BySplit) -> io::Result<()> {
    writeln!(out, "  {name:<24} {:>5} {:>5} {:>5}", counts.dev, counts.test, counts.total())
}
