//! `trovato index`: what an index holds, and whether its files are whole.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::{Index, IndexInfo, Manifest, OpenOptions, Verify};
use serde::Serialize;

use crate::options;

/// Describe or verify an index
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trovato index info notes.trovato\n  trovato index verify notes.trovato --json"
)]
pub(crate) struct IndexArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print counts, sizes and what the index was built with
    Info(Target),
    /// Read every file and compare it with its checksum
    Verify(Target),
}

#[derive(Debug, Args)]
struct Target {
    /// The index folder
    dir: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What both actions print; `verified` says how much was read.
#[derive(Serialize)]
struct Report {
    documents: usize,
    duplicates: usize,
    chunks: usize,
    generation: u64,
    encoder: String,
    encoder_fingerprint: String,
    dim: usize,
    vectors: String,
    chunker: String,
    bytes: u64,
    vector_segments: usize,
    text_segments: usize,
    roots: Vec<Root>,
    verified: bool,
}

#[derive(Serialize)]
struct Root {
    name: String,
    path: String,
}

/// Runs the subcommand.
pub(crate) fn run(args: IndexArgs) -> anyhow::Result<()> {
    let (target, verify) = match args.action {
        Action::Info(target) => (target, Verify::Lazy),
        Action::Verify(target) => (target, Verify::Full),
    };
    let index = Index::open(&target.dir, OpenOptions { encoder: None, verify })?;
    let report = Report::new(index.manifest(), index.info()?, verify);
    if target.json {
        return options::print_json(&report);
    }
    report.print();
    Ok(())
}

impl Report {
    fn new(manifest: &Manifest, info: IndexInfo, verify: Verify) -> Self {
        Self {
            documents: info.documents,
            duplicates: info.duplicates,
            chunks: info.chunks,
            generation: info.generation,
            encoder: manifest.encoder.name.clone(),
            encoder_fingerprint: manifest.encoder.fingerprint.clone(),
            dim: manifest.encoder.dim,
            vectors: manifest.vectors.to_string(),
            chunker: manifest.chunker.clone(),
            bytes: info.bytes,
            vector_segments: info.vector_segments,
            text_segments: info.text_segments,
            roots: info
                .roots
                .into_iter()
                .map(|root| Root { name: root.name, path: root.path })
                .collect(),
            verified: verify == Verify::Full,
        }
    }

    fn print(&self) {
        println!("documents   {} (and {} exact duplicates)", self.documents, self.duplicates);
        println!("chunks      {} by {}", self.chunks, self.chunker);
        println!("encoder     {}, {} dimensions", self.encoder, self.dim);
        println!("vectors     kept as {}", self.vectors);
        println!("generation  {}", self.generation);
        println!(
            "size        {:.1} MB, {} vector and {} text segments",
            self.bytes as f64 / 1e6,
            self.vector_segments,
            self.text_segments
        );
        for root in &self.roots {
            println!("root        {} from {}", root.name, root.path);
        }
        if self.verified {
            println!("verified    every file matches its checksum");
        }
    }
}
