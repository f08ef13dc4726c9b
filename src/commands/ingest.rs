//! `trovato ingest`: bring files into an index, new or existing.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use engine::WriterOptions;
use ingest::pipeline::{self, Consent, IngestOptions, Prune, PruneRequest};
use ingest::report::{IngestReport, PruneOutcome};
use serde::Serialize;

use super::target::{Target, TargetArgs};
use crate::options;
use crate::progress::IngestBars;

const EXAMPLES: &str = "\
Examples:
  trovato ingest ~/notes ~/papers --index notes.trovato
  trovato ingest ~/notes --index notes.trovato --prune      again: only what changed is encoded
  trovato ingest beir/scifact --index scifact.trovato --chunker whole
  trovato ingest faq.jsonl --index faq.trovato --chunker recursive:200/50,context=title
  trovato ingest ~/notes --index small.trovato --vectors int8    a quarter of the bytes of f32
  trovato ingest ~/notes --index notes.trovato --json --report notes.report.json

Chunkers: NAME[:SIZE[/OVERLAP]][,key=value]...[,late], sizes in tokens
  structure:256          headings and code blocks kept whole (the default)
  sentence:256/64        whole sentences
  recursive:200/0        paragraphs, lines, sentences, words; separators=\\n\\n|\\n|.|
  fixed:250/125          windows
  whole                  each document as one passage
  cluster:250            pieces joined by likeness of meaning; piece=50
  semantic:256           cuts where neighbouring sentences differ; percentile=95,buffer=1
  parent:512             sections returned, small passages searched; child=128
  code:256               functions and types whole, with their comments
  keys: context=none|title|headings|lead joined by +, legs=both|dense|lexical,
        tokenizer=encoder|cl100k, min=N (structure)
  late: chunks are encoded within their document, for encoders with long windows
  cluster and semantic encode the text to cut it; docs/chunkers.md says when to use which";

/// Index documents, or bring an index up to date
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct IngestArgs {
    #[command(flatten)]
    target: TargetArgs,

    /// Remove documents of these paths that are no longer there
    #[arg(long)]
    prune: bool,

    /// Do not ask before more than a tenth is removed
    #[arg(long, requires = "prune")]
    yes: bool,

    /// Write the whole report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Print the report as one JSON document
    #[arg(long)]
    json: bool,
}

/// What `--json` prints and `--report` keeps.
#[derive(Serialize)]
struct Output<'a> {
    index: &'a Path,
    encoder: &'a str,
    chunker: &'a str,
    tokens_per_second: f64,
    #[serde(flatten)]
    report: &'a IngestReport,
}

/// Runs the subcommand.
pub(crate) fn run(args: &IngestArgs) -> anyhow::Result<()> {
    // A misspelt path should be told before a model is fetched.
    let mut source = args.target.source()?;
    let Target { index, chunker, encoder } = Target::open(&args.target)?;
    let mut writer = index.writer(WriterOptions::default())?;
    let options = IngestOptions { prune: prune(args), ..IngestOptions::default() };
    let report = pipeline::ingest(
        source.as_mut(),
        chunker.as_ref(),
        encoder.as_ref(),
        &mut writer,
        &options,
        &IngestBars::new(),
    )?;
    let output = Output {
        index: index.dir(),
        encoder: &index.manifest().encoder.name,
        chunker: &index.manifest().chunker,
        tokens_per_second: report.tokens_per_second(),
        report: &report,
    };
    if let Some(path) = &args.report {
        let json = serde_json::to_vec_pretty(&output)?;
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.json {
        options::print_json(&output)?;
    } else {
        write!(io::stdout().lock(), "{report}")?;
    }
    judge_prune(&report.prune)
}

fn prune(args: &IngestArgs) -> Prune {
    match (args.prune, args.yes) {
        (false, _) => Prune::Keep,
        (true, true) => Prune::Remove,
        (true, false) => Prune::Ask(Box::new(ask)),
    }
}

/// Asks on the terminal; without one nobody can consent.
fn ask(request: &PruneRequest) -> Consent {
    let PruneRequest { root, vanished, of, moved_from } = request;
    if !io::stdin().is_terminal() {
        return Consent::Refused;
    }
    if let Some(from) = moved_from {
        eprintln!("{root} was at {from} before.");
    }
    eprint!("{vanished} of {of} documents are no longer there. Remove them from the index? [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" if read.is_ok() => Consent::Given,
        _ => Consent::Refused,
    }
}

/// A wish to prune that could not be granted is a failure, unless it was taken
/// back.
fn judge_prune(outcome: &PruneOutcome) -> anyhow::Result<()> {
    match outcome {
        PruneOutcome::Refused { vanished, of } if !io::stdin().is_terminal() => bail!(
            "{vanished} of {of} documents are no longer there, and nobody can be asked whether to \
             remove them; everything else is done. Check the paths, then add --yes"
        ),
        PruneOutcome::Withheld { origin } => bail!(
            "nothing was removed, because {origin} could not be read and documents below it would \
             look as if they had vanished; everything else is done"
        ),
        PruneOutcome::NotAsked | PruneOutcome::Done | PruneOutcome::Refused { .. } => Ok(()),
    }
}
