//! `--encoder` and `--chunker`, and the cache of evaluation indexes.

use std::path::{Path, PathBuf};

use clap::Args;
use engine::{Index, OpenOptions, VectorLayout, Verify};
use eval::{EvalProgress, IndexCache, LoadedEncoder, Recipe, Reuse, index_books, load_encoder};
use indicatif::ProgressBar;
use ingest::chunk::ChunkerSpec;
use ingest::pipeline::Progress;

use crate::encoder;
use crate::progress::{FetchBar, IngestBars, count_bar};

/// What an evaluation index is built with.
#[derive(Debug, Args)]
pub(super) struct RecipeArgs {
    /// Encoder, as for `trovato ingest`
    #[arg(long, value_name = "NAME[@fp32|@int8]", default_value = models::DEFAULT_MODEL)]
    encoder: String,

    /// What is kept of vectors: f32, f16, int8 or binary, and how many
    /// components, as in int8:256
    #[arg(long, value_name = "FORM[:DIM]", default_value = "f16")]
    pub(super) vectors: VectorLayout,

    /// Build the index again even if there is one
    #[arg(long)]
    rebuild: bool,
}

impl Default for RecipeArgs {
    /// The default encoder, which is what the gate holds to.
    fn default() -> Self {
        let encoder = models::DEFAULT_MODEL.to_owned();
        Self { encoder, vectors: VectorLayout::default(), rebuild: false }
    }
}

impl RecipeArgs {
    /// Loads the encoder and pairs it with a chunker.
    ///
    /// # Arguments
    /// * `chunker` - `None` for the default of the encoder.
    pub(super) fn load(&self, chunker: Option<ChunkerSpec>) -> anyhow::Result<Recipe> {
        let loaded = self.load_encoder()?;
        let chunker = chunker.unwrap_or_else(|| loaded.default_chunker());
        let (sizer, vectors) = (loaded.sizer()?, self.vectors);
        Ok(Recipe { chunker, sizer, encoder: loaded.encoder, vectors })
    }

    /// Loads the encoder alone.
    pub(super) fn load_encoder(&self) -> anyhow::Result<LoadedEncoder> {
        Ok(load_encoder(&self.encoder, &FetchBar::default())?)
    }

    /// The index at `dir`, with its encoder; where none is named, one of the guides by
    /// this recipe, from the cache or built now.
    pub(super) fn index_of_guides(
        &self,
        dir: Option<&Path>,
        chunker: Option<ChunkerSpec>,
        bars: &EvalBars,
    ) -> anyhow::Result<Index> {
        if let Some(dir) = dir {
            let encoder = Some(encoder::for_index(dir, &FetchBar::default())?.encoder);
            return Ok(Index::open(dir, OpenOptions { encoder, verify: Verify::Auto })?);
        }
        let recipe = self.load(chunker)?;
        Ok(index_books(&recipe, (&index_cache()?, self.reuse()), bars.indexing())?.index)
    }

    /// Whether an index of an earlier run may be used.
    pub(super) fn reuse(&self) -> Reuse {
        if self.rebuild { Reuse::Never } else { Reuse::Allowed }
    }
}

/// The folder of cached passage vectors below `TROVATO_HOME`.
pub(super) fn vector_cache() -> anyhow::Result<PathBuf> {
    Ok(models::Settings::from_env()?.home.join("eval").join("vectors"))
}

/// The cache of evaluation indexes below `TROVATO_HOME`.
pub(super) fn index_cache() -> anyhow::Result<IndexCache> {
    Ok(IndexCache::new(models::Settings::from_env()?.home.join("eval")))
}

/// Bars for an evaluation.
pub(super) struct EvalBars {
    indexing: IngestBars,
    topics: ProgressBar,
}

impl EvalBars {
    pub(super) fn new() -> Self {
        Self { indexing: IngestBars::new(), topics: count_bar("searching", "topics", Some(0)) }
    }
}

impl EvalProgress for EvalBars {
    fn indexing(&self) -> &dyn Progress {
        &self.indexing
    }

    fn topics(&self, done: usize, total: usize) {
        self.topics.set_length(total as u64);
        self.topics.set_position(done as u64);
        if done == total {
            self.topics.finish_and_clear();
        }
    }
}
