//! What is known of a reranker's candidates before it has read them: the features of
//! the query and of the legs, and what ranked them.

use std::cmp::Ordering;

use super::legs::Legs;
use super::request::Strategy;
use super::rerank::Found;
use crate::document::ChunkOrd;
use crate::fusion::{Normalization, Scale};
use crate::lexical::QueryWords;
use crate::ranked_list::{RankedList, ScoredChunk};
use crate::rerank::{Feature, Features, FirstStage, is_question};

/// Candidates of the first stage that its scale is fitted to, so that a list of a
/// thousand is normalised as one of a hundred is.
const SCALED_OVER: usize = 100;

/// Candidates of each leg that are compared for their agreement.
const AGREEMENT_OVER: usize = 10;

/// From which concordance with the lexical leg on a ranking from elsewhere is one of
/// words: BM25 runs have .87 to 1.0 (5th to 95th percentile of 349 queries), hybrid
/// ones .51 to .91 with a median of .75.
const WORDS_AGREE: f64 = 0.85;

/// Words beyond which queries count as equally long.
const LONG_QUERY_WORDS: usize = 32;

/// Features that all candidates of a query share, and the scales for the others.
pub(super) struct SharedFeatures {
    of_query: Features,
    first: Scale,
    lexical: Scale,
    dense: Scale,
}

impl SharedFeatures {
    pub(super) fn new(found: &Found<'_>, words: &QueryWords) -> Self {
        let Found { query, legs, first, .. } = *found;
        let scores: Vec<f64> =
            first.entries().iter().take(SCALED_OVER).map(|entry| entry.score).collect();
        let scale = Scale::of_scores(&scores, Normalization::Distribution);
        let mut of_query = Features::default();
        let long = words.words().len().min(LONG_QUERY_WORDS) as f64 / LONG_QUERY_WORDS as f64;
        of_query.set(Feature::QueryWords, long);
        let flag = |holds| if holds { 1.0 } else { 0.0 };
        of_query.set(Feature::Question, flag(is_question(query.plain_text())));
        of_query.set(Feature::CodeQuery, flag(words.has_identifiers()));
        of_query.set(Feature::LegsAgree, agreement(&legs.lexical, &legs.dense));
        if let [best, second, ..] = scores[..] {
            of_query.set(Feature::Lead, scale.apply(best) - scale.apply(second));
        }
        Self {
            of_query,
            first: scale,
            lexical: Scale::fit(&legs.lexical, Normalization::MinMax),
            dense: Scale::fit(&legs.dense, Normalization::MinMax),
        }
    }

    /// The candidate's features that its text has no say in.
    pub(super) fn of_candidate(&self, legs: &Legs, entry: &ScoredChunk) -> Features {
        let mut features = self.of_query;
        features.set(Feature::FirstStage, self.first.apply(entry.score));
        if let Some((rank, score)) = legs.lexical.find(entry.ord) {
            features.set(Feature::Lexical, self.lexical.apply(score));
            features.set(Feature::LexicalRank, 1.0 / rank as f64);
        }
        if let Some((rank, score)) = legs.dense.find(entry.ord) {
            features.set(Feature::Dense, self.dense.apply(score));
            features.set(Feature::DenseRank, 1.0 / rank as f64);
        }
        features
    }
}

/// What ranked the candidates: a ranking from elsewhere is taken for one of words where
/// its head is in the order of the lexical leg's scores, as far as [`WORDS_AGREE`] asks.
pub(super) fn first_stage(found: &Found<'_>) -> FirstStage {
    let is_of_words = match found.plan.strategy {
        Strategy::Lexical => true,
        Strategy::Dense => false,
        Strategy::Hybrid { .. } => {
            found.request.candidates.is_some()
                && concordance(found.first, &found.legs.lexical) >= WORDS_AGREE
        }
    };
    if is_of_words { FirstStage::Words } else { FirstStage::Vectors }
}

/// Share of the pairs among the first [`AGREEMENT_OVER`] entries of `ranking` that
/// `by` puts in the same order; equal scores, and entries that it lacks, count half.
/// Half for a ranking of fewer than two.
fn concordance(ranking: &RankedList, by: &RankedList) -> f64 {
    let head = ranking.entries().iter().take(AGREEMENT_OVER);
    let scores: Vec<f64> =
        head.map(|entry| by.find(entry.ord).map_or(0.0, |(_, score)| score)).collect();
    let (mut same, mut pairs) = (0.0, 0.0);
    for (at, score) in scores.iter().enumerate() {
        for lower in &scores[at + 1..] {
            pairs += 1.0;
            same += match score.total_cmp(lower) {
                Ordering::Greater => 1.0,
                Ordering::Equal => 0.5,
                Ordering::Less => 0.0,
            };
        }
    }
    if pairs > 0.0 { same / pairs } else { 0.5 }
}

/// Share of the legs' first candidates that both have; 0 with a single leg.
fn agreement(lexical: &RankedList, dense: &RankedList) -> f64 {
    let head = |list: &RankedList| -> Vec<ChunkOrd> {
        list.entries().iter().take(AGREEMENT_OVER).map(|entry| entry.ord).collect()
    };
    let (lexical, dense) = (head(lexical), head(dense));
    let most = lexical.len().max(dense.len());
    if most == 0 {
        return 0.0;
    }
    lexical.iter().filter(|ord| dense.contains(ord)).count() as f64 / most as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ranking_is_as_concordant_as_its_pairs() {
        let scored = |entries: &[(u32, f64)]| {
            let entries = entries.iter();
            RankedList::from_scored(
                entries.map(|&(ord, score)| ScoredChunk { ord: ChunkOrd(ord), score }),
            )
        };
        let lexical = scored(&[(1, 9.0), (2, 8.0), (3, 8.0), (4, 2.0)]);
        let ranking = |ords: &[u32]| RankedList::from_ranking(ords.iter().map(|&n| ChunkOrd(n)));
        assert_eq!(concordance(&ranking(&[1, 4]), &lexical), 1.0);
        assert_eq!(concordance(&ranking(&[4, 1]), &lexical), 0.0);
        assert_eq!(concordance(&ranking(&[2, 3]), &lexical), 0.5);
        assert_eq!(concordance(&ranking(&[1, 2, 4, 9]), &lexical), 1.0);
        assert_eq!(concordance(&ranking(&[9, 1, 2]), &lexical), 1.0 / 3.0);
        assert_eq!(concordance(&ranking(&[1]), &lexical), 0.5);
    }

    #[test]
    fn legs_agree_by_what_their_heads_share() {
        let list = |ords: &[u32]| RankedList::from_ranking(ords.iter().map(|&ord| ChunkOrd(ord)));
        assert_eq!(agreement(&list(&[1, 2, 3, 4]), &list(&[9, 3, 1, 8])), 0.5);
        assert_eq!(agreement(&list(&[1]), &list(&[])), 0.0);
        assert_eq!(agreement(&list(&[]), &list(&[])), 0.0);
    }
}
