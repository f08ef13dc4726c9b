//! A deterministic reranker without a model: the share of the query's words that a
//! passage holds.
//!
//! It reads nothing between the words, which is enough to test every path a
//! reranked search takes. Not a baseline: BM25 weighs words and this does not.

use std::collections::HashSet;

use super::{RerankError, RerankPassage, RerankQuery, Reranker, score_each};

/// Scores `|words of the query in the passage| / |words of the query|`, both
/// lower-cased and distinct; 0 for a query without words.
#[derive(Clone, Copy, Debug, Default)]
pub struct OverlapReranker;

impl OverlapReranker {
    /// The name by which the command line knows it.
    pub const NAME: &'static str = "overlap";

    fn words(text: &str) -> HashSet<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    }
}

impl Reranker for OverlapReranker {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn fingerprint(&self) -> &'static str {
        "overlap-v1"
    }

    /// Some 20 ns a token: nothing beside a model.
    fn estimate_ms(&self, tokens: usize) -> f64 {
        2e-5 * tokens as f64
    }

    fn score(
        &self,
        query: &RerankQuery<'_>,
        passages: &[RerankPassage<'_>],
    ) -> Result<Vec<f32>, RerankError> {
        let wanted = Self::words(query.text);
        score_each(Self::NAME, passages, |_, passage| {
            let found = wanted.intersection(&Self::words(passage.text)).count();
            Ok(if wanted.is_empty() { 0.0 } else { found as f32 / wanted.len() as f32 })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_words_is_the_score() {
        let score = |query| {
            OverlapReranker
                .score(&RerankQuery::plain(query), &["A map of keys", "", "map"].map(Into::into))
                .unwrap()
        };
        assert_eq!(score("map, keys! map"), [1.0, 0.0, 0.5]);
        assert_eq!(score("?"), [0.0, 0.0, 0.0]);
    }
}
