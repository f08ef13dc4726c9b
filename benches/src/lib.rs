//! What the benchmarks share: the guides of the Rust documentation as a corpus,
//! an index of them, and the default encoder.
//!
//! Each benchmark opens by saying what it measures and what it leaves out. None
//! of them asserts a time: machines differ, and figures are compared side by
//! side within one run.

pub mod corpus;
pub mod filters;
pub mod http;
pub mod party;
pub mod rows;
pub mod synthetic;

use std::path::Path;
use std::sync::Arc;

use corpora::rust_docs::{self, CorpusFile, Profile};
use engine::{Encoder, EncoderIdentity, Index, Manifest, WriterOptions};
use eval::{corpus_source, load_encoder};
use ingest::chunk::Chunker;
use ingest::pipeline::{IngestOptions, Silent};
use ingest::report::IngestReport;

/// Any failure: a benchmark has nobody to report to but the person who runs it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The default encoder and the default chunker in its tokens.
pub struct Parts {
    /// The model.
    pub encoder: Arc<dyn Encoder>,
    /// How documents are cut.
    pub chunker: Box<dyn Chunker>,
}

impl Parts {
    /// Loads both; `TROVATO_BENCH_ENCODER` names another model.
    ///
    /// # Errors
    /// When the model cannot be had.
    pub fn load() -> Result<Self, Failure> {
        let name = std::env::var("TROVATO_BENCH_ENCODER");
        let name = name.as_deref().unwrap_or(models::DEFAULT_MODEL);
        let loaded = load_encoder(name, &models::Silent)?;
        let chunker = loaded.default_chunker().build(&loaded.chunker_parts()?);
        Ok(Self { encoder: loaded.encoder, chunker })
    }

    /// A manifest for an index of these parts.
    pub fn manifest(&self) -> Manifest {
        Manifest::new(EncoderIdentity::of(self.encoder.as_ref()), self.chunker.spec())
    }

    /// Indexes `files` into `dir` with `encoder`, which must have the parts'
    /// fingerprint.
    ///
    /// # Errors
    /// Those of the index and the encoder.
    pub fn index(
        &self,
        dir: &Path,
        files: &[CorpusFile],
        encoder: &Arc<dyn Encoder>,
    ) -> Result<(Index, IngestReport), Failure> {
        let index = Index::create(dir, self.manifest(), Some(Arc::clone(encoder)))?;
        let mut writer = index.writer(WriterOptions::default())?;
        let report = ingest::pipeline::ingest(
            corpus_source(files).as_mut(),
            self.chunker.as_ref(),
            encoder.as_ref(),
            &mut writer,
            &IngestOptions::default(),
            &Silent,
        )?;
        drop(writer);
        index.refresh()?;
        Ok((index, report))
    }
}

/// Every `step`-th page of the guides, so that all books are among them.
///
/// # Errors
/// When the documentation is not installed.
pub fn pages(step: usize) -> Result<Vec<CorpusFile>, Failure> {
    Ok(rust_docs::list(Profile::Books)?.files.into_iter().step_by(step.max(1)).collect())
}

/// The middle value; of an even number the lower one.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// The value that `percent` of the values lie below.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * percent / 100).copied().unwrap_or(f64::NAN)
}
