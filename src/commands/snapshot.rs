//! `trovato snapshot`: copies of an index, made while it is in use, checked, brought back.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::{Index, OpenOptions, Snapshot, SnapshotInfo, Verify};
use serde::Serialize;

use crate::options;

const EXAMPLES: &str = "\
Examples:
  trovato snapshot create --index notes.trovato --to backup/notes-monday
  trovato snapshot verify backup/notes-monday --json
  trovato snapshot restore backup/notes-monday --index notes.trovato
  tar -cf notes-monday.tar -C backup notes-monday     one file, to be carried elsewhere

A snapshot is a folder: snapshot.json with a BLAKE3 hash of every file, and the index in index/. It is
a copy of one commit, taken while the index is searched and written; what is committed meanwhile is
not in it. Nothing that is there is ever overwritten.";

/// Copy an index while it is in use, check a copy, bring it back
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SnapshotArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Copy the newest commit of an index
    Create(CreateArgs),
    /// Make an index of a snapshot, comparing every file with its hash
    Restore(RestoreArgs),
    /// Read every file of a snapshot and compare it with its hash
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// The index folder
    #[arg(long, value_name = "DIR")]
    index: PathBuf,

    /// The snapshot's folder, which must not be there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// The snapshot's folder
    snapshot: PathBuf,

    /// The index folder, which must not be there
    #[arg(long, value_name = "DIR")]
    index: PathBuf,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// The snapshot's folder
    snapshot: PathBuf,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What each of them prints.
#[derive(Serialize)]
struct Report<'a> {
    snapshot: &'a PathBuf,
    /// Where an index was made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    restored: Option<&'a PathBuf>,
    generation: u64,
    documents: usize,
    chunks: usize,
    encoder: &'a str,
    bytes: u64,
    files: usize,
    /// When it was made: seconds since 1970.
    created: u64,
    program: &'a str,
}

/// Runs the subcommand.
pub(crate) fn run(args: &SnapshotArgs) -> anyhow::Result<()> {
    match &args.action {
        Action::Create(CreateArgs { index, to, json }) => {
            // What is copied is read and compared as a whole; twice would be too often.
            let options = OpenOptions { encoder: None, verify: Verify::Lazy };
            let snapshot = Index::open(index, options)?.snapshot(to)?;
            tell("created", &Report::new(to, None, snapshot.info()), *json)
        }
        Action::Restore(RestoreArgs { snapshot, index, json }) => {
            let opened = Snapshot::open(snapshot)?;
            opened.restore(index)?;
            tell("restored", &Report::new(snapshot, Some(index), opened.info()), *json)
        }
        Action::Verify(VerifyArgs { snapshot, json }) => {
            let opened = Snapshot::open(snapshot)?;
            opened.verify()?;
            tell("verified", &Report::new(snapshot, None, opened.info()), *json)
        }
    }
}

impl<'a> Report<'a> {
    fn new(snapshot: &'a PathBuf, restored: Option<&'a PathBuf>, info: &'a SnapshotInfo) -> Self {
        Self {
            snapshot,
            restored,
            generation: info.generation,
            documents: info.documents,
            chunks: info.chunks,
            encoder: &info.encoder.name,
            bytes: info.bytes,
            files: info.files.len(),
            created: info.created,
            program: &info.program,
        }
    }
}

fn tell(done: &str, report: &Report<'_>, json: bool) -> anyhow::Result<()> {
    if json {
        return options::print_json(report);
    }
    println!("{done:<11} {}", report.restored.unwrap_or(report.snapshot).display());
    println!("holds       {} documents, {} chunks", report.documents, report.chunks);
    println!("generation  {}", report.generation);
    println!("encoder     {}", report.encoder);
    println!("size        {:.1} MB in {} files", report.bytes as f64 / 1e6, report.files);
    Ok(())
}
