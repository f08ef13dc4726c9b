//! `trovato corpus`: which document corpora are on this machine, and where.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use corpora::rust_docs::{self, Listing, Origin, PageChanges, PageManifest, Profile, RustDocs};
use serde::Serialize;

use crate::options::{UsageError, print_json};

const EXAMPLES: &str = "\
Examples:
  trovato corpus list                            the corpora, with sizes and what was left out
  trovato corpus list rust-docs --profile full   every document with its file
  trovato corpus path rust-docs                  the folder that holds the pages
  trovato corpus check rust-docs                 is it what the questions were written from?";

/// The one corpus there is so far.
const RUST_DOCS: &str = "rust-docs";

/// List the document corpora on this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CorpusArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the corpora, or the documents of one
    List {
        /// A corpus whose documents are printed, one a line: id, tab, file
        name: Option<String>,
        /// Which part of the corpus: books or full
        #[arg(long, default_value_t = Profile::Books, requires = "name")]
        profile: Profile,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Print the folder of a corpus
    Path {
        /// The corpus
        name: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Compare the installed pages with those the questions were written from
    Check {
        /// The corpus
        name: String,
        /// Write the installed pages' manifest to this file
        #[arg(long, value_name = "FILE")]
        write: Option<PathBuf>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// A profile of a corpus.
#[derive(Serialize)]
struct ProfileReport {
    corpus: &'static str,
    profile: String,
    documents: usize,
    version: Option<String>,
    path: Option<String>,
    notice: Option<String>,
    dropped: Vec<Dropped>,
}

#[derive(Serialize)]
struct Dropped {
    reason: String,
    files: usize,
}

#[derive(Serialize)]
struct ListedDocument<'a> {
    id: &'a str,
    path: String,
}

/// Runs the subcommand.
pub(crate) fn run(args: CorpusArgs) -> anyhow::Result<()> {
    match args.action {
        Action::List { name: None, json, .. } => list_corpora(json),
        Action::List { name: Some(name), profile, json } => {
            check_name(&name)?;
            list_documents(&rust_docs::list(profile)?, json)
        }
        Action::Path { name, json } => {
            check_name(&name)?;
            let docs = RustDocs::locate()?;
            let path = docs.dir.display().to_string();
            if json {
                return print_json(
                    &serde_json::json!({ "corpus": name, "path": path, "version": docs.version }),
                );
            }
            writeln!(io::stdout(), "{path}")?;
            Ok(())
        }
        Action::Check { name, write, json } => {
            check_name(&name)?;
            check_pages(write.as_deref(), json)
        }
    }
}

fn check_pages(write: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let installed = PageManifest::of_listing(&rust_docs::list(Profile::Books)?)?;
    if let Some(path) = write {
        return fs::write(path, installed.to_tsv())
            .with_context(|| format!("cannot write {}", path.display()));
    }
    let written = PageManifest::of_questions()?;
    let PageChanges { same, changed, missing, added } = written.changes_to(&installed);
    if json {
        return print_json(&serde_json::json!({
            "questions_version": written.version,
            "installed_version": installed.version,
            "same": same, "changed": changed, "missing": missing, "added": added,
        }));
    }
    writeln!(
        io::stdout(),
        "questions: Rust {}; installed: Rust {}\n{same} pages are the same, {changed} changed, {missing} missing, {added} new",
        written.version,
        installed.version
    )?;
    Ok(())
}

fn check_name(name: &str) -> Result<(), UsageError> {
    if name == RUST_DOCS {
        Ok(())
    } else {
        Err(UsageError(format!("there is no corpus {name:?}; there is {RUST_DOCS}")))
    }
}

fn list_corpora(json: bool) -> anyhow::Result<()> {
    let mut reports = Vec::new();
    for profile in Profile::ALL {
        reports.push(ProfileReport::new(&rust_docs::list(profile)?));
    }
    if json {
        return print_json(&reports);
    }
    let mut out = io::stdout().lock();
    for report in &reports {
        report.print(&mut out)?;
    }
    Ok(())
}

fn list_documents(listing: &Listing, json: bool) -> anyhow::Result<()> {
    if let Origin::CratesOnly { missing } = &listing.origin {
        eprintln!("note: {missing}; these are the documents of this project's crates instead");
    }
    let documents = listing
        .files
        .iter()
        .map(|file| ListedDocument { id: file.id.as_str(), path: file.path.display().to_string() });
    if json {
        return print_json(&documents.collect::<Vec<_>>());
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    for ListedDocument { id, path } in documents {
        writeln!(out, "{id}\t{path}")?;
    }
    out.flush()?;
    Ok(())
}

impl ProfileReport {
    fn new(listing: &Listing) -> Self {
        let (version, path, notice) = match &listing.origin {
            Origin::Documentation(docs) => {
                (docs.version.clone(), Some(docs.dir.display().to_string()), None)
            }
            Origin::CratesOnly { missing } => (None, None, Some(missing.clone())),
        };
        let dropped = listing.dropped.iter();
        Self {
            corpus: RUST_DOCS,
            profile: listing.profile.to_string(),
            documents: listing.files.len(),
            version,
            path,
            notice,
            dropped: dropped
                .map(|(reason, files)| Dropped { reason: reason.to_string(), files: *files })
                .collect(),
        }
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{} ({})  {} documents", self.corpus, self.profile, self.documents)?;
        if let Some(version) = &self.version {
            write!(out, ", Rust {version}")?;
        }
        writeln!(out)?;
        if let Some(path) = &self.path {
            writeln!(out, "  from     {path}")?;
        }
        if let Some(notice) = &self.notice {
            writeln!(
                out,
                "  note     {notice}; these are the documents of this project's crates instead"
            )?;
        }
        for dropped in &self.dropped {
            writeln!(out, "  left out {:>6} {}", dropped.files, dropped.reason)?;
        }
        Ok(())
    }
}
