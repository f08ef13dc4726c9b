//! `trovato ingest`: bring files into an index, new or existing.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use engine::{
    EncoderIdentity, GraphBuilder, Index, IndexError, Manifest, OpenOptions, VectorLayout, Verify,
    WriterOptions,
};
use eval::load_encoder;
use ingest::chunk::{Chunker, ChunkerSpec, TokenizerChoice};
use ingest::pipeline::{self, Consent, IngestOptions, Prune, PruneRequest};
use ingest::report::{IngestReport, PruneOutcome};
use ingest::source::{self, FormatChoice};
use serde::Serialize;

use crate::options;
use crate::progress::{FetchBar, IngestBars};

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
    /// Folders and files: HTML, Markdown, text, source code, PDF, DOCX, JSONL
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The index folder; created if there is none
    #[arg(long, value_name = "DIR")]
    index: PathBuf,

    /// How the paths are understood: auto, beir or jsonl
    #[arg(long, default_value = "auto")]
    format: FormatChoice,

    /// How documents are cut; an existing index keeps its own
    #[arg(long, value_name = "SPEC")]
    chunker: Option<ChunkerSpec>,

    /// Whose tokens the chunker counts
    #[arg(long, value_enum, value_name = "NAME")]
    tokenizer: Option<TokenizerName>,

    /// Encoder: a name or a directory, with @fp32 or @int8; an existing index
    /// keeps its own
    #[arg(long, value_name = "NAME[@fp32|@int8]")]
    encoder: Option<String>,

    /// What is kept of vectors: f32, f16, int8 or binary, and how many leading
    /// components, as in int8:256 [default: f16]; an existing index keeps its own
    #[arg(long, value_name = "FORM[:DIM]")]
    vectors: Option<VectorLayout>,

    /// Who builds the graphs of vectors: batched or hnsw-rs, the slower
    /// reference [default: batched]; an existing index keeps its own
    #[arg(long, value_enum, value_name = "NAME")]
    graph_builder: Option<BuilderName>,

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

/// `--tokenizer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TokenizerName {
    /// The encoder's own.
    Encoder,
    /// OpenAI's cl100k_base, in which published comparisons count.
    Cl100k,
}

impl From<TokenizerName> for TokenizerChoice {
    fn from(name: TokenizerName) -> Self {
        match name {
            TokenizerName::Encoder => Self::Encoder,
            TokenizerName::Cl100k => Self::Cl100k,
        }
    }
}

/// `--graph-builder`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BuilderName {
    /// Our own, in parallel.
    Batched,
    /// The crate hnsw_rs, on one thread.
    HnswRs,
}

impl From<BuilderName> for GraphBuilder {
    fn from(name: BuilderName) -> Self {
        match name {
            BuilderName::Batched => Self::Batched,
            BuilderName::HnswRs => Self::HnswRs,
        }
    }
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
    let mut source = source::open(&args.paths, args.format)?;
    let Target { index, chunker, encoder } = Target::open(args)?;
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
        index: &args.index,
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

/// The index with what it was built with.
struct Target {
    index: Index,
    chunker: Box<dyn Chunker>,
    encoder: Arc<dyn engine::Encoder>,
}

impl Target {
    fn open(args: &IngestArgs) -> anyhow::Result<Self> {
        match Manifest::read(&args.index) {
            Ok(manifest) => Self::existing(args, &manifest),
            Err(IndexError::NoIndex { .. }) => Self::create(args),
            Err(error) => Err(error.into()),
        }
    }

    fn existing(args: &IngestArgs, manifest: &Manifest) -> anyhow::Result<Self> {
        let remembered = manifest.encoder.name.as_str();
        let wanted = args.encoder.as_deref().unwrap_or(remembered);
        if names_another_model(wanted, remembered) {
            bail!(
                "{} holds vectors of {remembered}, which those of {wanted} cannot be compared \
                 with; leave --encoder out, or give another --index",
                args.index.display()
            );
        }
        // A name without a precision means the index's.
        let name = if remembered.split('@').next() == Some(wanted) { remembered } else { wanted };
        let loaded = load_encoder(name, &FetchBar::default())?;
        let given = with_tokenizer(args, || manifest.chunker.parse().map_err(anyhow::Error::from))?;
        if given.to_string() != manifest.chunker {
            bail!(
                "the documents of {} are cut by {}, not by {given}; leave --chunker and \
                 --tokenizer out, or give another --index",
                args.index.display(),
                manifest.chunker
            );
        }
        if let Some(vectors) = args.vectors.filter(|&vectors| vectors != manifest.vectors) {
            bail!(
                "{} keeps vectors as {}, not as {vectors}; leave --vectors out, or give another \
                 --index",
                args.index.display(),
                manifest.vectors
            );
        }
        let builder = args.graph_builder.map(GraphBuilder::from);
        if builder.is_some_and(|builder| builder != manifest.graph.builder) {
            bail!(
                "the graphs of {} are built otherwise; leave --graph-builder out, or give another \
                 --index",
                args.index.display()
            );
        }
        let chunker = given.build(&loaded.chunker_parts()?);
        let encoder = loaded.encoder;
        let options = OpenOptions { encoder: Some(Arc::clone(&encoder)), verify: Verify::Auto };
        Ok(Self { index: Index::open(&args.index, options)?, chunker, encoder })
    }

    fn create(args: &IngestArgs) -> anyhow::Result<Self> {
        let name = args.encoder.as_deref().unwrap_or(models::DEFAULT_MODEL);
        let loaded = load_encoder(name, &FetchBar::default())?;
        let given = with_tokenizer(args, || Ok(loaded.default_chunker()))?;
        given.check_encoder(loaded.encoder.as_ref())?;
        let chunker = given.build(&loaded.chunker_parts()?);
        let encoder = loaded.encoder;
        let mut manifest = Manifest::new(EncoderIdentity::of(encoder.as_ref()), chunker.spec());
        manifest.vectors = args.vectors.unwrap_or_default();
        if let Some(builder) = args.graph_builder {
            manifest.graph.builder = builder.into();
        }
        let index = Index::create(&args.index, manifest, Some(Arc::clone(&encoder)))?;
        Ok(Self { index, chunker, encoder })
    }
}

/// `--chunker`, or `default`, counting in the tokens of `--tokenizer`.
fn with_tokenizer(
    args: &IngestArgs,
    default: impl FnOnce() -> anyhow::Result<ChunkerSpec>,
) -> anyhow::Result<ChunkerSpec> {
    let spec = match &args.chunker {
        Some(spec) => spec.clone(),
        None => default()?,
    };
    Ok(match args.tokenizer {
        Some(name) => spec.with_tokenizer(name.into()),
        None => spec,
    })
}

/// Whether both names are of cards, and of different ones: that can be told
/// without fetching anything. Other cases are left to the fingerprints.
fn names_another_model(wanted: &str, remembered: &str) -> bool {
    let card = |name: &str| models::card(name.split('@').next().unwrap_or(name)).ok();
    match (card(wanted), card(remembered)) {
        (Some(wanted), Some(remembered)) => wanted.name != remembered.name,
        _ => false,
    }
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
