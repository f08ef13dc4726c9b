//! Reranking: the first candidates read again, slowly, and put in a better order.
//!
//! The ladder: a [`Reranker`] scores pairs of a query and a passage; a [`Mixer`]
//! makes of that score and of what the first stage knew ([`Features`]) the final
//! one; a [`RerankPipeline`] is both with a window; `stage` decides which pairs are
//! scored and when to stop. [`CrossEncoder`] runs 8-bit models of BERT's family
//! with the encoders' own code, [`OnnxCrossEncoder`] any graph; [`LateInteraction`]
//! compares the vectors of single tokens; [`OverlapReranker`] counts words and
//! serves tests.
//!
//! **The merge rule.** Candidates are scored best first, so those scored are always
//! a prefix of the first stage's ranking. That prefix is sorted by final score; what
//! was not scored follows in the order it had. A model's score and a first-stage
//! score have no common scale, so a scored candidate never falls below one that
//! nobody read.

mod cost;
mod cross_encoder;
mod error;
mod features;
mod late_interaction;
mod mixer;
mod mixers;
mod onnx_cross_encoder;
mod overlap;
mod pipeline;
mod spec;
mod stage;
mod window;

use rayon::prelude::*;

pub use cross_encoder::CrossEncoder;
pub use error::RerankError;
pub(crate) use features::is_question;
pub use features::{Feature, FeatureKind, Features};
pub use late_interaction::{LateInteraction, TokenWeighting};
pub use mixer::{Mixer, MixerError};
pub(crate) use mixers::FirstStage;
pub use onnx_cross_encoder::OnnxCrossEncoder;
pub use overlap::OverlapReranker;
pub use pipeline::RerankPipeline;
pub use spec::{CrossEncoderFiles, CrossEncoderSpec, ScoreActivation};
pub(crate) use stage::{ModelScores, Stage, Stop};
pub(crate) use window::{WordMatch, best_window, bytes_for_tokens, titled};

use crate::Span;
use crate::encoder::{PairTokenizer, PairTokens};
use crate::tokens::StoredTokens;

/// How rare a word of a query is in the index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WordWeight {
    /// Its bytes in the query.
    pub span: Span,
    /// Inverse document frequency, `ln(1 + (N - n + 0.5) / (n + 0.5))`: above 0.
    pub idf: f64,
}

/// What passages are scored for.
#[derive(Clone, Copy, Debug)]
pub struct RerankQuery<'a> {
    /// The user's words, without operators.
    pub text: &'a str,
    /// Words of `text` that the index knows the rarity of; may be empty.
    pub word_weights: &'a [WordWeight],
}

impl<'a> RerankQuery<'a> {
    /// A query of which no word is known to be rarer than another.
    pub fn plain(text: &'a str) -> Self {
        Self { text, word_weights: &[] }
    }
}

/// A passage that is scored.
#[derive(Clone, Copy, Debug)]
pub struct RerankPassage<'a> {
    /// What a model reads: the part of the passage where the query's words are
    /// densest, under the document's title.
    pub text: &'a str,
    /// The whole passage's token vectors, where the index keeps them; of one index in
    /// all passages of a call.
    pub tokens: Option<StoredTokens<'a>>,
}

impl<'a> From<&'a str> for RerankPassage<'a> {
    /// A passage of which the index keeps no token vectors.
    fn from(text: &'a str) -> Self {
        Self { text, tokens: None }
    }
}

/// Scores pairs of a query and a passage.
///
/// A reranker is immutable but for its notion of its own speed, and shared between
/// threads.
pub trait Reranker: Send + Sync {
    /// For people: `ms-marco-MiniLM-L6-v2@int8`.
    fn name(&self) -> &str;

    /// Identifies model files, precision and policy: equal fingerprints, equal
    /// scores.
    fn fingerprint(&self) -> &str;

    /// Milliseconds that one thread is expected to need for a pair of so many
    /// tokens: measured when the model was loaded, and since then in use.
    ///
    /// Finite and not negative. Any other number counts as longer than every budget,
    /// under which the reranker is then shown one candidate a search.
    fn estimate_ms(&self, tokens: usize) -> f64;

    /// Scores passages, spread over the caller's rayon pool, one pair a run.
    ///
    /// # Returns
    /// `[n]` in the order of `passages`, each in `[0, 1]`, higher is better. A
    /// pair's score depends on the pair and the reranker alone. Scores of two
    /// queries may be compared only where the model was trained so.
    ///
    /// # Errors
    /// [`RerankError`]; nothing is returned for the other pairs of the call.
    fn score(
        &self,
        query: &RerankQuery<'_>,
        passages: &[RerankPassage<'_>],
    ) -> Result<Vec<f32>, RerankError>;
}

/// Scores each passage by itself over the caller's rayon pool, and checks what
/// comes out.
///
/// # Errors
/// Those of `one`; [`RerankError::OutOfRange`] for a score that is not in `[0, 1]`.
fn score_each(
    reranker: &str,
    passages: &[RerankPassage<'_>],
    one: impl Fn(usize, RerankPassage<'_>) -> Result<f32, RerankError> + Sync,
) -> Result<Vec<f32>, RerankError> {
    passages
        .par_iter()
        .with_max_len(1)
        .enumerate()
        .map(|(index, passage)| {
            let score = one(index, *passage)?;
            if (0.0..=1.0).contains(&score) {
                return Ok(score);
            }
            Err(RerankError::OutOfRange { reranker: reranker.to_owned(), index, score })
        })
        .collect()
}

/// The same for models that read a query and a passage as one text.
///
/// # Arguments
/// * `run` - a pair's score; told the passage's place for its errors.
///
/// # Errors
/// [`RerankError::Tokenize`], and as [`score_each`].
fn score_pairs(
    reranker: &str,
    tokenizer: &PairTokenizer,
    query: &RerankQuery<'_>,
    passages: &[RerankPassage<'_>],
    run: impl Fn(&PairTokens, usize) -> Result<f32, RerankError> + Sync,
) -> Result<Vec<f32>, RerankError> {
    let tokenize = |index| move |source| RerankError::Tokenize { index, source };
    let query = tokenizer.query(query.text).map_err(tokenize(0))?;
    score_each(reranker, passages, |index, passage| {
        let pair = tokenizer.pair(&query, passage.text).map_err(tokenize(index))?;
        run(&pair, index)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_outside_its_range_is_named() {
        for bad in [f32::NAN, -0.1, 1.5] {
            let one = |index, _: RerankPassage<'_>| Ok(if index == 1 { bad } else { 0.5 });
            let error = score_each("m", &["a".into(), "b".into()], one).unwrap_err();
            assert!(matches!(error, RerankError::OutOfRange { index: 1, .. }), "{error}");
        }
        let found =
            score_each("m", &["a".into(), "b".into()], |index, _| Ok(index as f32)).unwrap();
        assert_eq!(found, [0.0, 1.0]);
    }
}
