//! Where documents go and how they are cut: the options that `ingest` and `watch`
//! share, and the index they name, opened or created.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, ValueEnum};
use engine::{
    Encoder, EncoderIdentity, GraphBuilder, Index, IndexError, Manifest, OpenOptions, VectorLayout,
    Verify,
};
use eval::load_encoder;
use ingest::chunk::{Chunker, ChunkerSpec, TokenizerChoice};
use ingest::source::{self, DocumentSource, FormatChoice, SourceError};

use crate::progress::FetchBar;

/// What is indexed, and into what.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// Folders and files: HTML, Markdown, text, source code, PDF, DOCX, JSONL
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,

    /// The index folder; created if there is none
    #[arg(long, value_name = "DIR")]
    pub(super) index: PathBuf,

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
}

impl TargetArgs {
    /// The documents of the paths.
    ///
    /// # Errors
    /// [`SourceError`] naming the path.
    pub(super) fn source(&self) -> Result<Box<dyn DocumentSource>, SourceError> {
        source::open(&self.paths, self.format)
    }
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

/// The index with what it was built with.
pub(super) struct Target {
    pub(super) index: Index,
    pub(super) chunker: Box<dyn Chunker>,
    pub(super) encoder: Arc<dyn Encoder>,
}

impl Target {
    /// Opens the index, or creates it.
    ///
    /// # Errors
    /// When an option contradicts what the index remembers, or its model cannot be
    /// loaded.
    pub(super) fn open(args: &TargetArgs) -> anyhow::Result<Self> {
        match Manifest::read(&args.index) {
            Ok(manifest) => Self::existing(args, &manifest),
            Err(IndexError::NoIndex { .. }) => Self::create(args),
            Err(error) => Err(error.into()),
        }
    }

    fn existing(args: &TargetArgs, manifest: &Manifest) -> anyhow::Result<Self> {
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

    fn create(args: &TargetArgs) -> anyhow::Result<Self> {
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
    args: &TargetArgs,
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
