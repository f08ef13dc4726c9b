//! Convex combination of normalised scores.

use std::collections::BTreeMap;

use super::FusionError;
use super::normalize::{Normalization, Scale};
use crate::document::ChunkOrd;
use crate::ranked_list::{RankedList, ScoredChunk};

/// A leg's share, in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight(f64);

impl Weight {
    /// One half.
    pub const HALF: Self = Self(0.5);

    /// Checks a weight.
    ///
    /// # Errors
    /// [`FusionError::Weight`] outside `[0, 1]` or NaN.
    pub fn new(weight: f64) -> Result<Self, FusionError> {
        if (0.0..=1.0).contains(&weight) {
            Ok(Self(weight))
        } else {
            Err(FusionError::Weight { given: weight.to_string() })
        }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// What is left for the other leg.
    #[must_use]
    pub fn complement(self) -> Self {
        Self(1.0 - self.0)
    }
}

/// Sums the legs' normalised scores: `Σ weight · normalised(s)`.
///
/// A leg that lacks a chunk adds nothing, which under min-max equals being last
/// in it.
///
/// # Arguments
/// * `legs` - rankings with their shares.
/// * `normalization` - fitted to each leg by itself, see [`Scale::fit`].
///
/// # Returns
/// The union of the chunks. With min-max and shares that sum to 1 scores lie in
/// `[0, 1]`; with the distribution's scale they may leave it. They compare only
/// within one result: the scale is this query's.
///
/// # Source
/// Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid
/// Retrieval", TOIS 2023, section 4. Differs: the minimum is the leg's last
/// candidate, not the scorer's theoretical one.
///
/// # Examples
/// ```
/// use engine::fusion::{Normalization, Weight, weighted_sum};
/// use engine::{ChunkOrd, RankedList, ScoredChunk};
///
/// let leg = |scores: [(u32, f64); 3]| {
///     let scored = scores.map(|(ord, score)| ScoredChunk { ord: ChunkOrd(ord), score });
///     RankedList::from_scored(scored)
/// };
/// let lexical = leg([(1, 12.0), (2, 9.0), (3, 6.0)]); // 1, 0.5, 0
/// let dense = leg([(2, 0.9), (4, 0.5), (1, 0.4)]); // 1, 0.2, 0
/// let fused =
///     weighted_sum(&[(&lexical, Weight::HALF), (&dense, Weight::HALF)], Normalization::MinMax);
///
/// assert_eq!(fused.ords(), [2, 1, 4, 3].map(ChunkOrd)); // 0.75, 0.5, 0.1, 0
/// ```
pub fn weighted_sum(legs: &[(&RankedList, Weight)], normalization: Normalization) -> RankedList {
    let mut scores = BTreeMap::<ChunkOrd, f64>::new();
    for (list, weight) in legs {
        let scale = Scale::fit(list, normalization);
        for entry in list.entries() {
            *scores.entry(entry.ord).or_default() += weight.0 * scale.apply(entry.score);
        }
    }
    RankedList::from_scored(scores.into_iter().map(|(ord, score)| ScoredChunk { ord, score }))
}
