//! Late interaction: every token of the query finds its nearest in the passage.
//!
//! The vectors are the index's own encoder's, and any transformer can do it untrained.
//! Where the index keeps them ([`crate::tokens`]), a passage costs some microseconds;
//! where it does not, they are made when they are needed, at one run of the encoder,
//! as much as a cross-encoder of its size takes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::cost::{CostMeter, warm_up};
use super::{RerankError, RerankPassage, RerankQuery, Reranker, WordWeight, score_each};
use crate::Span;
use crate::dense;
use crate::encoder::{Encoder, TextRole, TokenVectors};

/// What a token of the query counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenWeighting {
    /// As much as any other.
    Even,
    /// As much as its word is rare in the index; a token of no known word, such as
    /// a question mark, counts as much as the most frequent word.
    Idf,
}

/// Scores `Σ_i w_i max_j <q_i, p_j> / Σ_i w_i` over the unit vectors of the
/// query's tokens `q_i` and the passage's `p_j`, cut to `[0, 1]`; 0 when either has
/// no token.
///
/// # Source
/// MaxSim: Khattab and Zaharia, "ColBERT", SIGIR 2020, equation 3. Differs: the
/// vectors are an encoder's that was trained for its pooled vector, tokens may have
/// weights, and the sum is divided by theirs.
pub struct LateInteraction {
    encoder: Arc<dyn Encoder>,
    weighting: TokenWeighting,
    name: String,
    fingerprint: String,
    cost: CostMeter,
    /// The tokens of the query before: a search asks for its candidates batch by batch,
    /// and encoding its query takes longer than a batch of stored passages.
    last_query: Mutex<Option<(String, Arc<TokenVectors>)>>,
}

impl LateInteraction {
    /// Prepares an encoder and measures what a passage costs.
    ///
    /// # Errors
    /// [`RerankError::Model`] when the encoder gives no vectors of tokens, or fails.
    pub fn new(encoder: Arc<dyn Encoder>, weighting: TokenWeighting) -> Result<Self, RerankError> {
        let suffix = match weighting {
            TokenWeighting::Even => "",
            TokenWeighting::Idf => ":idf",
        };
        let name = format!("late{suffix} over {}", encoder.name());
        let fingerprint = format!("late-v1{suffix}-{}", encoder.fingerprint());
        let cost = CostMeter::default();
        let last_query = Mutex::default();
        let prepared = Self { encoder, weighting, name, fingerprint, cost, last_query };
        warm_up(&prepared, &prepared.cost)?;
        Ok(prepared)
    }

    fn query_tokens(&self, query: &str) -> Result<Arc<TokenVectors>, RerankError> {
        // A panic while it was held leaves a whole entry or none.
        let last = || self.last_query.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((text, tokens)) = last().as_ref()
            && text == query
        {
            return Ok(Arc::clone(tokens));
        }
        let tokens = Arc::new(self.encoder.encode_tokens(query, TextRole::Query)?);
        *last() = Some((query.to_owned(), Arc::clone(&tokens)));
        Ok(tokens)
    }

    /// `[n]`: what each token counts.
    fn weights(&self, tokens: &TokenVectors, words: &[WordWeight]) -> Vec<f64> {
        if self.weighting == TokenWeighting::Even || words.is_empty() {
            return vec![1.0; tokens.len()];
        }
        let least = words.iter().map(|word| word.idf).fold(f64::INFINITY, f64::min);
        let weight = |token: Span| {
            words.iter().find(|word| word.span.overlaps(token)).map_or(least, |word| word.idf)
        };
        tokens.rows().map(|(token, _)| weight(token)).collect()
    }
}

impl std::fmt::Debug for LateInteraction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LateInteraction").field("name", &self.name).finish_non_exhaustive()
    }
}

/// For each token of the query its product with the nearest one of the passage.
fn nearest(query: &TokenVectors, passage: &TokenVectors) -> Vec<f32> {
    let nearest =
        |q: &[f32]| passage.rows().map(|(_, p)| dense::dot(q, p)).fold(f32::NEG_INFINITY, f32::max);
    query.rows().map(|(_, q)| nearest(q)).collect()
}

/// The weighted mean of what the query's tokens found.
fn max_sim(nearest: &[f32], weights: &[f64]) -> f32 {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return 0.0;
    }
    let sum: f64 = nearest.iter().zip(weights).map(|(&near, w)| w * f64::from(near)).sum();
    (sum / total).clamp(0.0, 1.0) as f32
}

impl Reranker for LateInteraction {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn estimate_ms(&self, tokens: usize) -> f64 {
        self.cost.estimate_ms(tokens.min(self.encoder.max_tokens()))
    }

    fn score(
        &self,
        query: &RerankQuery<'_>,
        passages: &[RerankPassage<'_>],
    ) -> Result<Vec<f32>, RerankError> {
        let tokens = self.query_tokens(query.text)?;
        let weights = self.weights(&tokens, query.word_weights);
        let stored = passages.iter().find_map(|passage| passage.tokens);
        let projected = stored.map(|stored| stored.project(&tokens)).unwrap_or_default();
        score_each(&self.name, passages, |_, passage| {
            let started = Instant::now();
            let (nearest, n_tokens) = if let Some(stored) = passage.tokens {
                (stored.nearest(&projected), stored.len())
            } else {
                let vectors = self.encoder.encode_tokens(passage.text, TextRole::Passage)?;
                (nearest(&tokens, &vectors), vectors.len())
            };
            let score = max_sim(&nearest, &weights);
            self.cost.record(n_tokens, started.elapsed());
            Ok(score)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::HashEncoder;

    fn late(weighting: TokenWeighting) -> LateInteraction {
        LateInteraction::new(Arc::new(HashEncoder::new(4096, 100)), weighting).unwrap()
    }

    fn score(weighting: TokenWeighting, words: &[WordWeight]) -> Vec<f32> {
        let query = RerankQuery { text: "borrow the map", word_weights: words };
        let passages = ["a map for the borrow checker", "the", "map", "", "cargo"];
        late(weighting).score(&query, &passages.map(Into::into)).unwrap()
    }

    #[test]
    fn each_token_finds_its_nearest() {
        // With hashed words in 4,096 buckets, a word is near itself alone.
        assert_eq!(score(TokenWeighting::Even, &[]), [1.0, 1.0 / 3.0, 1.0 / 3.0, 0.0, 0.0]);
    }

    #[test]
    fn a_query_that_is_asked_in_turn_with_another_keeps_its_scores() {
        let late = late(TokenWeighting::Even);
        let passages = ["a map for the borrow checker", "cargo"].map(Into::into);
        let score = |text| late.score(&RerankQuery::plain(text), &passages).unwrap();
        let (map, cargo) = (score("map"), score("cargo"));
        assert_eq!((map.as_slice(), cargo.as_slice()), (&[1.0, 0.0][..], &[0.0, 1.0][..]));
        assert_eq!([score("map"), score("map"), score("cargo")], [map.clone(), map, cargo]);
    }

    #[test]
    fn rare_words_count_more() {
        let word = |start, end, idf| WordWeight { span: Span::new(start, end), idf };
        let words = [word(0, 6, 3.0), word(7, 10, 0.5), word(11, 14, 1.5)];
        assert_eq!(score(TokenWeighting::Idf, &words), [1.0, 0.1, 0.3, 0.0, 0.0]);
        assert_eq!(score(TokenWeighting::Idf, &[]), score(TokenWeighting::Even, &[]));
    }

    #[test]
    fn a_token_of_no_known_word_counts_least() {
        let late = late(TokenWeighting::Idf);
        let tokens = late.encoder.encode_tokens("borrow 7 map", TextRole::Query).unwrap();
        let word = |start, end, idf| WordWeight { span: Span::new(start, end), idf };
        let weights = late.weights(&tokens, &[word(0, 6, 3.0), word(9, 12, 1.5)]);
        assert_eq!(weights, [3.0, 1.5, 1.5]);
    }
}
