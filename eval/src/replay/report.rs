//! What `trovato eval replay --json` prints.

use corpora::LoggedHit;
use serde::Serialize;

use super::{Persistence, Replay, ReplayLevel, ReplayedQuery};
use crate::stats::mean;

/// A replay in figures, with its largest disagreements.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayReport {
    /// Searches in the log.
    pub searches: usize,
    /// Searches that they stand for, where the log is a sample: an estimate.
    pub sampled_from: usize,
    /// Different requests that were run.
    pub queries: usize,
    /// Searches that a later one repeats.
    pub repeated: usize,
    /// Searches left out because something was redacted from them.
    pub redacted: usize,
    /// Searches left out because the client gave a vector of its own.
    pub own_vector: usize,
    /// Searches left out because they were answered without a stage.
    pub degraded: usize,
    /// The persistence of the overlap.
    pub p: f64,
    /// Overlap of the documents.
    pub documents: OverlapSummary,
    /// Overlap of the passages.
    pub passages: OverlapSummary,
    /// The least alike, first.
    pub disagreements: Vec<DisagreementReport>,
}

/// Rank-biased overlap over queries. All 0 when there are none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OverlapSummary {
    /// The mean.
    pub mean: f64,
    /// The median (the lower of two).
    pub median: f64,
    /// A tenth of the queries have at most this overlap (nearest rank).
    pub p10: f64,
    /// Queries whose rankings agree at every rank.
    pub identical: usize,
}

/// One query with both rankings.
#[derive(Clone, Debug, Serialize)]
pub struct DisagreementReport {
    /// The words.
    pub query: String,
    /// Overlap of the documents.
    pub documents_rbo: f64,
    /// Overlap of the passages.
    pub passages_rbo: f64,
    /// What the user saw.
    pub logged: Vec<HitReport>,
    /// What the configuration returns.
    pub replayed: Vec<HitReport>,
}

/// A passage in a ranking.
#[derive(Clone, Debug, Serialize)]
pub struct HitReport {
    /// The document.
    pub document: String,
    /// Start and end, in bytes.
    pub span: [u32; 2],
    /// Comparable within its ranking only.
    pub score: f64,
}

impl ReplayReport {
    /// The report of `replay`.
    ///
    /// # Arguments
    /// * `level` - on which the disagreements are ordered, and at most how many
    ///   are shown.
    pub fn new(
        replay: &Replay,
        persistence: Persistence,
        (level, n_shown): (ReplayLevel, usize),
    ) -> Self {
        let Replay {
            queries,
            n_searches,
            n_sampled_from,
            n_repeated,
            n_redacted,
            n_own_vector,
            n_degraded,
        } = replay;
        let shown = replay.disagreements(level).into_iter().take(n_shown);
        Self {
            searches: *n_searches,
            sampled_from: *n_sampled_from,
            queries: queries.len(),
            repeated: *n_repeated,
            redacted: *n_redacted,
            own_vector: *n_own_vector,
            degraded: *n_degraded,
            p: persistence.get(),
            documents: OverlapSummary::of(queries.iter().map(|query| query.documents_rbo)),
            passages: OverlapSummary::of(queries.iter().map(|query| query.passages_rbo)),
            disagreements: shown.map(DisagreementReport::from).collect(),
        }
    }
}

impl OverlapSummary {
    fn of(overlaps: impl Iterator<Item = f64>) -> Self {
        let mut overlaps: Vec<f64> = overlaps.collect();
        overlaps.sort_unstable_by(f64::total_cmp);
        let quantile = |q: f64| {
            let rank = (q * overlaps.len() as f64).ceil() as usize;
            overlaps.get(rank.max(1) - 1).copied().unwrap_or(0.0)
        };
        Self {
            mean: mean(&overlaps),
            median: quantile(0.5),
            p10: quantile(0.1),
            identical: overlaps.iter().filter(|overlap| **overlap > 1.0 - 1e-9).count(),
        }
    }
}

impl From<&ReplayedQuery> for DisagreementReport {
    fn from(query: &ReplayedQuery) -> Self {
        let hits = |hits: &[LoggedHit]| hits.iter().map(HitReport::from).collect();
        Self {
            query: query.request.query.clone(),
            documents_rbo: query.documents_rbo,
            passages_rbo: query.passages_rbo,
            logged: hits(&query.logged),
            replayed: hits(&query.replayed),
        }
    }
}

impl From<&LoggedHit> for HitReport {
    fn from(hit: &LoggedHit) -> Self {
        let LoggedHit { document, span, score } = hit;
        Self { document: document.to_string(), span: [span.start, span.end], score: *score }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_of_nearest_ranks() {
        let summary = OverlapSummary::of((0..20).rev().map(|n| f64::from(n) / 19.0));
        // Of 20 values the second is the tenth, the tenth the median.
        assert_eq!((summary.p10, summary.median), (1.0 / 19.0, 9.0 / 19.0));
        assert!((summary.mean - 0.5).abs() < 1e-12);
        assert_eq!(summary.identical, 1);
        let none = OverlapSummary { mean: 0.0, median: 0.0, p10: 0.0, identical: 0 };
        assert_eq!(OverlapSummary::of(std::iter::empty()), none);
    }
}
