//! Why passages could not be reranked.

use std::error::Error;
use std::path::PathBuf;

use crate::encoder::EncodeError;

/// Why a reranker could not be loaded, or failed on a pair.
#[derive(Debug, thiserror::Error)]
pub enum RerankError {
    /// The file is no reranker, or another than its description says.
    #[error("{} cannot be used as a reranker: {reason}", path.display())]
    Unsuitable {
        /// The file.
        path: PathBuf,
        /// What it has or lacks.
        reason: String,
    },
    /// The tokenizer file could not be loaded, or takes no pairs.
    #[error("cannot load the tokenizer {}: {source}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The tokenizer refused a text.
    #[error("pair {index} could not be tokenised: {source}")]
    Tokenize {
        /// The passage's position in the call; 0 for the query.
        index: usize,
        /// What the tokenizer said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The range of scores is empty or not finite.
    #[error("scores from {low} to {high} are no range; the lower end must be below the upper")]
    ScoreRange {
        /// The lower end.
        low: f32,
        /// The upper end.
        high: f32,
    },
    /// The model file, the runtime or a run failed.
    #[error(transparent)]
    Model(#[from] EncodeError),
    /// A score is not in `[0, 1]`: the model file or its precision is at fault.
    #[error("{reranker} gave pair {index} the score {score}; scores must be from 0 to 1")]
    OutOfRange {
        /// The reranker.
        reranker: String,
        /// The passage's position in the call.
        index: usize,
        /// What it is.
        score: f32,
    },
    /// A reranker returned another number of scores than passages.
    #[error("{reranker} gave {found} scores for {expected} passages")]
    Count {
        /// The reranker.
        reranker: String,
        /// Scores.
        found: usize,
        /// Passages.
        expected: usize,
    },
}
