//! Reciprocal rank fusion.

use std::collections::BTreeMap;

use super::FusionError;
use crate::document::ChunkOrd;
use crate::ranked_list::{RankedList, ScoredChunk};

/// The smoothing constant of [`reciprocal_rank`], for **1-based** ranks, in
/// `[0, 10000]`. A k without a base says nothing: an engine that counts ranks
/// from 0 with k = 2 computes what k = 1 gives here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RrfK(f64);

impl RrfK {
    /// The paper's choice, 60.
    pub const PAPER: Self = Self(60.0);

    /// Checks a constant.
    ///
    /// # Errors
    /// [`FusionError::K`] outside `[0, 10000]` or NaN.
    pub fn new(k: f64) -> Result<Self, FusionError> {
        if (0.0..=10_000.0).contains(&k) {
            Ok(Self(k))
        } else {
            Err(FusionError::K { given: k.to_string() })
        }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Fuses ranked lists by reciprocal rank, ignoring their scores.
///
/// For a chunk `d` the fused score is `Σ 1 / (k + rank(d))`, summed over the
/// lists that hold `d`; `rank` is 1-based. A list that lacks `d` adds nothing.
///
/// # Arguments
/// * `lists` - each best first. Lengths may differ. Empty: empty result.
/// * `k` - larger values flatten the gap between the first ranks.
///
/// # Returns
/// The union of the chunks; scores lie in `(0, n_lists / (k + 1)]` and compare
/// only within one result.
///
/// # Source
/// Cormack, Clarke and Büttcher, SIGIR 2009, pp. 758-759. No weights, no cutoff.
///
/// # Examples
/// ```
/// use engine::fusion::{RrfK, reciprocal_rank};
/// use engine::{ChunkOrd, RankedList};
///
/// let lexical = RankedList::from_ranking([10, 20].map(ChunkOrd));
/// let dense = RankedList::from_ranking([20, 30].map(ChunkOrd));
/// let fused = reciprocal_rank(&[&lexical, &dense], RrfK::PAPER);
///
/// assert_eq!(fused.ords(), [20, 10, 30].map(ChunkOrd)); // 1/61 + 1/62, 1/61, 1/62
/// ```
pub fn reciprocal_rank(lists: &[&RankedList], k: RrfK) -> RankedList {
    let mut scores = BTreeMap::<ChunkOrd, f64>::new();
    for list in lists {
        for (at, entry) in list.entries().iter().enumerate() {
            *scores.entry(entry.ord).or_default() += 1.0 / (k.0 + (at + 1) as f64);
        }
    }
    RankedList::from_scored(scores.into_iter().map(|(ord, score)| ScoredChunk { ord, score }))
}
