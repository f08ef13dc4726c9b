//! Models that score pairs of a query and a passage: from a name to usable files.
//!
//! A name is that of the reranker that ships, of a card, of a directory with a BERT
//! checkpoint or an ONNX graph, or of a delta file. Which one is decided here;
//! `catalog` holds the cards, `directory` and `delta_file` the others, `convert` what
//! they share.

mod catalog;
mod convert;
mod delta_file;
mod directory;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use catalog::{RerankerCard, RerankerForm, reranker_card, reranker_catalog};

use crate::card::{ModelName, Precision};
use crate::error::ModelError;
use crate::hash;
use crate::progress::Progress;
use crate::store::{Fetchable, Pull, Store, TOKENIZER, WEIGHTS};
use convert::PairModel;

/// The name of the reranker that ships with this program.
pub const SHIPPED_RERANKER: &str = "trovato-rerank-xs";

/// Which token vectors a score is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScorePooling {
    /// The mean of all of them.
    Mean,
    /// The first one's, after BERT's pooler.
    Cls,
}

/// How a model's output becomes a score from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreActivation {
    /// By the logistic function.
    Sigmoid,
    /// Linearly, what is outside the range cut: for models that order passages.
    Linear {
        /// What becomes 0.
        low: f32,
        /// What becomes 1.
        high: f32,
    },
}

impl ScoreActivation {
    /// For outputs whose range nobody states. Logits of models trained with a binary
    /// loss seldom go further: beyond ten, the loss has nothing left to teach.
    pub(crate) const UNSTATED_RANGE: Self =
        Self::Linear { low: Self::UNSTATED_LOW, high: Self::UNSTATED_HIGH };
    /// Its lower end.
    pub(crate) const UNSTATED_LOW: f32 = -10.0;
    /// Its upper end.
    pub(crate) const UNSTATED_HIGH: f32 = 10.0;
}

/// A reranker's numbers, and with that, what runs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RerankerFiles {
    /// 8-bit weights in a safetensors file, for the engine's own forward pass.
    Weights {
        /// The file.
        path: PathBuf,
        /// Which token vectors the score is made from.
        pooling: ScorePooling,
    },
    /// A graph for ONNX Runtime, with one output of one number.
    Graph {
        /// The graph; its weights may be in a file beside it.
        path: PathBuf,
    },
}

/// Files that are there, and all that must be known to use them rightly.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedReranker {
    /// The card's name, the directory's, or the delta's.
    pub name: String,
    /// What is loaded and run.
    pub files: RerankerFiles,
    /// The `tokenizer.json`.
    pub tokenizer_path: PathBuf,
    /// Longest pair in tokens, special tokens included.
    pub max_tokens: usize,
    /// From the model's output to a score.
    pub activation: ScoreActivation,
    /// What the model computes with.
    pub precision: Precision,
    /// `NAME@PRECISION-HASH`, as for encoders: equal fingerprints, equal scores.
    pub fingerprint: String,
}

impl Store {
    /// Makes a reranker usable: fetches and converts what the cache lacks.
    ///
    /// # Arguments
    /// * `name` - [`SHIPPED_RERANKER`], a card's name, a directory, or a delta file
    ///   (`*.safetensors`); with `@fp32` behind it a graph keeps its floats, where by
    ///   default its weights have 8 bits, a scale for each output.
    ///
    /// # Errors
    /// [`ModelError::UnknownReranker`], which lists the names there are;
    /// [`ModelError::RerankerPrecision`]; any other [`ModelError`].
    pub fn reranker(
        &self,
        name: &str,
        progress: &dyn Progress,
    ) -> Result<ResolvedReranker, ModelError> {
        self.pull_reranker(name, Pull::IfMissing, progress)
    }

    /// Like [`Store::reranker`], choosing whether the cache's files will do; those of
    /// directories and deltas always do.
    ///
    /// # Errors
    /// As [`Store::reranker`].
    pub fn pull_reranker(
        &self,
        name: &str,
        pull: Pull,
        progress: &dyn Progress,
    ) -> Result<ResolvedReranker, ModelError> {
        // A path may have an `@` of its own.
        let ModelName { name, precision } = if Path::new(name).exists() {
            ModelName { name: name.to_owned(), precision: None }
        } else {
            name.parse()?
        };
        if name == SHIPPED_RERANKER {
            return delta_file::resolve_shipped(self, precision, progress);
        }
        if let Some(card) = reranker_card(&name) {
            return self.reranker_of_card((card, precision), pull, progress);
        }
        let path = Path::new(&name);
        if path.is_dir() {
            return directory::resolve(self, path, precision, progress);
        }
        if path.is_file() && path.extension().is_some_and(|extension| extension == "safetensors") {
            return delta_file::resolve(self, path, precision, progress);
        }
        let cards = reranker_catalog().iter().map(|card| card.name);
        let known: Vec<_> = std::iter::once(SHIPPED_RERANKER).chain(cards).collect();
        Err(ModelError::UnknownReranker { name, known: known.join(", ") })
    }

    fn reranker_of_card(
        &self,
        (card, precision): (&RerankerCard, Option<Precision>),
        pull: Pull,
        progress: &dyn Progress,
    ) -> Result<ResolvedReranker, ModelError> {
        let what =
            Fetchable { name: card.name, files: card.files, hub: Some(card.hub), wheel: None };
        let folder = self.fetched_folder(&what, pull, progress)?;
        let model = PairModel {
            name: card.name,
            max_tokens: card.max_tokens,
            activation: card.activation,
            precision,
            tokenizer_path: folder.path.join(TOKENIZER),
        };
        match card.form {
            RerankerForm::BertClassifier => {
                let checkpoint = folder.path.join(WEIGHTS);
                model.of_checkpoint(self, &checkpoint, folder, progress)
            }
            RerankerForm::Graph { path } => {
                model.of_graph(self, folder.path.join(path), folder, progress)
            }
        }
    }
}

/// `NAME@PRECISION-HASH` over everything that decides a score.
fn fingerprint(name: &str, precision: Precision, decisive: &str) -> String {
    let hash = hash::of_bytes(decisive.as_bytes());
    format!("{name}@{precision}-{}", &hash[..16])
}
