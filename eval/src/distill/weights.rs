//! How much each token counts: smooth inverse frequency.
//!
//! `a / (a + p(t))`, with `p(t)` the token's share of a corpus, keeps rare words
//! whole and takes frequent ones back.
//!
//! # Source
//! Arora, Liang and Ma, A Simple but Tough-to-Beat Baseline for Sentence
//! Embeddings, ICLR 2017, section 3. The estimate of `p` by a token's place in
//! the vocabulary is model2vec's (Minish Lab, 2024): word-piece vocabularies are
//! ordered by frequency, and frequency falls with rank as Zipf found.

/// `a`. The paper recommends 1e-3 to 1e-4.
pub(super) const SMOOTHING: f64 = 1e-3;

/// Shares of a corpus from counts of tokens; one occurrence is added to each,
/// so that a token that was not seen is rare and not impossible.
pub(super) fn shares_of_counts(counts: &[f64]) -> Vec<f64> {
    let total: f64 = counts.iter().map(|count| count + 1.0).sum();
    counts.iter().map(|count| (count + 1.0) / total).collect()
}

/// Shares by rank in the vocabulary, from 1: `1 / rank`, made to sum to 1.
pub(super) fn shares_by_rank(n_tokens: usize) -> Vec<f64> {
    let total: f64 = (1..=n_tokens).map(|rank| 1.0 / rank as f64).sum();
    (1..=n_tokens).map(|rank| 1.0 / (rank as f64 * total)).collect()
}

/// The weight of a token of share `p`, in `(0, 1]`.
pub(super) fn weight(p: f64) -> f32 {
    (SMOOTHING / (SMOOTHING + p)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_tokens_weigh_more() {
        // 999 + 1 and 0 + 1 of 1,001.
        let shares = shares_of_counts(&[999.0, 0.0]);
        assert!((shares[0] - 1000.0 / 1001.0).abs() < 1e-12);
        assert!((weight(SMOOTHING) - 0.5).abs() < 1e-7);
        assert_eq!(weight(0.0), 1.0);
        assert!(weight(shares[0]) < 0.002 && weight(shares[1]) > weight(shares[0]));
    }

    #[test]
    fn ranks_follow_zipf() {
        // 1 + 1/2 + 1/3 = 11/6.
        let shares = shares_by_rank(3);
        for (share, expected) in shares.iter().zip([6.0, 3.0, 2.0]) {
            assert!((share - expected / 11.0).abs() < 1e-12, "{shares:?}");
        }
    }
}
