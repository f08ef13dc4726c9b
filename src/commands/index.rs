//! `trovato index`: what an index holds, whether its files are whole, and the token
//! vectors that it keeps beside them.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use engine::{
    Index, IndexInfo, Manifest, OpenOptions, TokenInfo, TokenLayout, Verify, WriterOptions,
};
use serde::Serialize;

use crate::progress::{FetchBar, count_bar};
use crate::{encoder, options};

/// Describe or verify an index, or keep token vectors in it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trovato index info notes.trovato\n  trovato index verify notes.trovato --json\n  trovato index tokens notes.trovato && trovato search 'who owns a value' --index notes.trovato --rerank late"
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
    /// Keep the vectors of passages' tokens, so that `--rerank late` and `+late` run no model
    ///
    /// Reads every passage that has none yet, which takes as long as indexing did. What is
    /// indexed later is read when it is compared, until this is run again.
    Tokens(TokensArgs),
}

#[derive(Debug, Args)]
struct Target {
    /// The index folder
    dir: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct TokensArgs {
    #[command(flatten)]
    target: Target,

    /// How many components of a vector are kept, and in how many bits each: 1, 2, 4 or 8;
    /// with another layout than before all passages are read again
    #[arg(long, value_name = "DIM:BITS", default_value_t)]
    layout: TokenLayout,

    /// Forget the token vectors instead
    #[arg(long, conflicts_with = "layout")]
    drop: bool,
}

/// What describing and verifying print; `verified` says how much was read.
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
    tokens: Option<Tokens>,
    roots: Vec<Root>,
    verified: bool,
}

/// The token vectors of an index.
#[derive(Serialize)]
struct Tokens {
    layout: String,
    bytes_per_token: usize,
    chunks: usize,
    bytes: u64,
    /// Of a chunk that has them, on average.
    bytes_per_chunk: f64,
}

impl Tokens {
    fn new(info: TokenInfo) -> Self {
        let TokenInfo { layout, chunks, bytes } = info;
        Self {
            layout: layout.to_string(),
            bytes_per_token: layout.bytes_per_token(),
            chunks,
            bytes,
            bytes_per_chunk: bytes as f64 / chunks.max(1) as f64,
        }
    }

    fn print(&self, of_chunks: usize) {
        println!(
            "tokens      {} of {of_chunks} chunks, {} ({} bytes a token, {:.0} a chunk, {:.1} MB)",
            self.chunks,
            self.layout,
            self.bytes_per_token,
            self.bytes_per_chunk,
            self.bytes as f64 / 1e6
        );
    }
}

/// What `tokens` prints.
#[derive(Serialize)]
struct TokensReport {
    /// Chunks whose tokens were encoded by this run.
    encoded: usize,
    chunks: usize,
    generation: u64,
    tokens: Option<Tokens>,
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
        Action::Tokens(args) => return keep_tokens(&args),
    };
    let index = Index::open(&target.dir, OpenOptions { encoder: None, verify })?;
    let report = Report::new(index.manifest(), index.info()?, verify);
    if target.json {
        return options::print_json(&report);
    }
    report.print();
    Ok(())
}

fn keep_tokens(args: &TokensArgs) -> anyhow::Result<()> {
    let dir = &args.target.dir;
    let loaded = encoder::for_index(dir, &FetchBar::default())?;
    let encoder = Some(Arc::clone(&loaded.encoder));
    let index = Index::open(dir, OpenOptions { encoder, verify: Verify::Auto })?;
    let mut writer = index.writer(WriterOptions::default())?;
    let encoded = if args.drop {
        writer.drop_tokens()?;
        0
    } else {
        let bar = count_bar("encoding tokens", "passages", Some(0));
        let mut progress = |done: usize, total: usize| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        };
        let summary = writer.store_tokens(loaded.encoder.as_ref(), args.layout, &mut progress)?;
        bar.finish_and_clear();
        summary.chunks
    };
    drop(writer);
    index.refresh()?;
    let info = index.info()?;
    let report = TokensReport {
        encoded,
        chunks: info.chunks,
        generation: info.generation,
        tokens: info.tokens.map(Tokens::new),
    };
    if args.target.json {
        return options::print_json(&report);
    }
    match &report.tokens {
        Some(tokens) => {
            println!("encoded     {encoded} passages");
            tokens.print(report.chunks);
        }
        None => println!("tokens      none are kept"),
    }
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
            tokens: info.tokens.map(Tokens::new),
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
        if let Some(tokens) = &self.tokens {
            tokens.print(self.chunks);
        }
        for root in &self.roots {
            println!("root        {} from {}", root.name, root.path);
        }
        if self.verified {
            println!("verified    every file matches its checksum");
        }
    }
}
