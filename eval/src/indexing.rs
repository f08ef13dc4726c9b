//! From documents to an index, for evaluations: a recipe, and what it did.

use std::path::Path;
use std::sync::Arc;

use engine::{
    Document, Encoder, EncoderIdentity, Index, Manifest, OpenOptions, Searcher, VectorLayout,
    Verify, WriterOptions,
};
use ingest::chunk::{Chunker, ChunkerParts, ChunkerSpec, TokenSizer};
use ingest::formats::read;
use ingest::pipeline::{IngestOptions, Progress, ingest};
use ingest::source::{DocumentSource, Skipped};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::error::EvalError;

/// How documents become an index.
#[derive(Clone)]
pub struct Recipe {
    /// How they are cut.
    pub chunker: ChunkerSpec,
    /// How passages and queries become vectors.
    pub encoder: Arc<dyn Encoder>,
    /// The encoder's tokenizer, in whose tokens the chunker measures.
    pub sizer: Arc<dyn TokenSizer>,
    /// What is kept of each vector.
    pub vectors: VectorLayout,
}

impl Recipe {
    /// The chunker itself.
    pub fn build_chunker(&self) -> Box<dyn Chunker> {
        let (sizer, encoder) = (Arc::clone(&self.sizer), Arc::clone(&self.encoder));
        self.chunker.build(&ChunkerParts { sizer, encoder })
    }
}

/// What indexing did, as it is kept beside the index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IndexingRecord {
    /// Documents with a text of their own.
    pub documents: usize,
    /// Exact duplicates, stored as references.
    pub duplicates: usize,
    /// Chunks.
    pub chunks: usize,
    /// Texts that were longer than the encoder's limit; it saw their start.
    pub truncated: usize,
    /// Documents that could not be read.
    pub skipped: usize,
    /// Tokens that the encoder was given: what indexing costs, whatever the
    /// machine.
    pub tokens: usize,
    /// Bytes of the index's files.
    pub bytes: u64,
    /// Wall time; vectors from the embedding cache cost none of it.
    pub seconds: f64,
}

/// The next document of a source, read; `None` at its end.
pub(crate) fn next_document(source: &mut dyn DocumentSource) -> Option<Result<Document, Skipped>> {
    let item = source.next()?;
    Some(item.and_then(|item| {
        read(&item).map_err(|reason| Skipped { origin: item.origin.clone(), reason })
    }))
}

/// A digest of the documents a source gives: what readers made of the files,
/// not the files' bytes, so that a changed reader never meets an index that
/// was built with another.
///
/// Metadata is left out. It holds the files' times, which say nothing about the
/// text, and no evaluation filters by it.
pub(crate) fn corpus_digest(source: &mut dyn DocumentSource) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut part = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    while let Some(next) = next_document(source) {
        let Ok(document) = next else { continue };
        part(document.id.as_str());
        part(&document.title);
        part(&document.text);
        part(&format!("{:?}", document.blocks));
    }
    hasher.finalize().to_hex().to_string()
}

/// An index in a folder that lasts as long as the value, for figures that must
/// not rest on anything built before.
pub(crate) struct FreshIndex {
    _folder: TempDir,
    pub(crate) searcher: Searcher,
}

impl FreshIndex {
    /// Indexes everything `source` gives.
    ///
    /// # Errors
    /// As [`build_index`]; [`EvalError::Io`] without a place for it.
    pub(crate) fn build(
        source: Box<dyn DocumentSource>,
        recipe: &Recipe,
        progress: &dyn Progress,
    ) -> Result<Self, EvalError> {
        let folder = tempfile::tempdir().map_err(EvalError::io(&std::env::temp_dir()))?;
        let dir = folder.path().join("index");
        build_index(&dir, source, recipe, progress)?;
        let encoder = Some(Arc::clone(&recipe.encoder));
        let index = Index::open(&dir, OpenOptions { encoder, verify: Verify::Auto })?;
        Ok(Self { _folder: folder, searcher: index.searcher() })
    }
}

/// Indexes everything `source` gives into a new index in `dir`.
///
/// # Errors
/// [`EvalError::Index`] and [`EvalError::Ingest`]; a document that cannot be
/// read is counted, not an error.
pub fn build_index(
    dir: &Path,
    source: Box<dyn DocumentSource>,
    recipe: &Recipe,
    progress: &dyn Progress,
) -> Result<IndexingRecord, EvalError> {
    let encoder = &recipe.encoder;
    recipe.chunker.check_encoder(encoder.as_ref())?;
    let chunker = recipe.build_chunker();
    let manifest = Manifest {
        vectors: recipe.vectors,
        ..Manifest::new(EncoderIdentity::of(encoder.as_ref()), chunker.spec())
    };
    let index = Index::create(dir, manifest, Some(Arc::clone(encoder)))?;
    let mut source = source;
    let mut writer = index.writer(WriterOptions::default())?;
    let report = ingest(
        source.as_mut(),
        chunker.as_ref(),
        encoder.as_ref(),
        &mut writer,
        &IngestOptions::default(),
        progress,
    )?;
    drop(writer);
    index.refresh()?;
    let info = index.info()?;
    Ok(IndexingRecord {
        documents: info.documents,
        duplicates: info.duplicates,
        chunks: info.chunks,
        truncated: report.truncated,
        skipped: report.skipped.len(),
        tokens: report.tokens,
        bytes: info.bytes,
        seconds: report.seconds,
    })
}
