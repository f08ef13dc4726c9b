//! Fusion: one ranking out of the legs' rankings.
//!
//! [`reciprocal_rank()`] looks at ranks only; [`weighted_sum()`] looks at scores
//! after a [`Normalization`]. [`Fusion`] names a method with its parameters and
//! [`Fusion::fuse`] applies it. All of them are pure and order-independent up to
//! the floating-point sum over legs, which is taken in the order of the lists.

mod normalize;
mod reciprocal_rank;
mod weighted_sum;

use std::fmt;
use std::str::FromStr;

pub use normalize::{Normalization, Scale};
pub use reciprocal_rank::{RrfK, reciprocal_rank};
pub use weighted_sum::{Weight, weighted_sum};

use crate::ranked_list::RankedList;

/// How two legs become one ranking; legs are given as `[lexical, dense]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fusion {
    /// Reciprocal rank fusion with both legs equal.
    ReciprocalRank {
        /// The smoothing constant, for 1-based ranks.
        k: RrfK,
    },
    /// A convex combination of normalised scores.
    WeightedSum {
        /// How scores of a leg are brought to a common scale.
        normalization: Normalization,
        /// The dense leg's weight; the lexical leg has the rest.
        dense_weight: Weight,
    },
}

impl Fusion {
    /// Fuses the two legs.
    ///
    /// # Returns
    /// The union of the chunks, best first; see the method's own function for
    /// the range of the scores.
    pub fn fuse(&self, lexical: &RankedList, dense: &RankedList) -> RankedList {
        match *self {
            Self::ReciprocalRank { k } => reciprocal_rank(&[lexical, dense], k),
            Self::WeightedSum { normalization, dense_weight } => weighted_sum(
                &[(lexical, dense_weight.complement()), (dense, dense_weight)],
                normalization,
            ),
        }
    }
}

impl fmt::Display for Fusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReciprocalRank { k } => write!(f, "rrf:{}", k.get()),
            Self::WeightedSum { normalization, dense_weight } => {
                write!(f, "{normalization}:{}", dense_weight.get())
            }
        }
    }
}

/// A fusion method that could not be read or has a parameter out of range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FusionError {
    /// The name is none of ours.
    #[error("unknown fusion {given:?}; known are rrf[:K], minmax[:W] and dbsf[:W]")]
    Unknown {
        /// What was given.
        given: String,
    },
    /// RRF's constant.
    #[error("the constant of rrf is {given:?}; it must be a number from 0 to 10000")]
    K {
        /// What was given.
        given: String,
    },
    /// A weight.
    #[error("the dense weight is {given:?}; it must be a number from 0 to 1")]
    Weight {
        /// What was given.
        given: String,
    },
}

impl FromStr for Fusion {
    type Err = FusionError;

    /// Reads `rrf[:K]`, `minmax[:W]` or `dbsf[:W]`; without a parameter K is
    /// [`RrfK::PAPER`] and W is one half.
    fn from_str(text: &str) -> Result<Self, FusionError> {
        let (name, parameter) = match text.split_once(':') {
            Some((name, parameter)) => (name, Some(parameter)),
            None => (text, None),
        };
        let number = |given: &str| given.parse::<f64>().unwrap_or(f64::NAN);
        let normalization = match name {
            "rrf" => {
                let k = parameter.map_or(Ok(RrfK::PAPER), |given| {
                    RrfK::new(number(given)).map_err(|_| FusionError::K { given: given.into() })
                })?;
                return Ok(Self::ReciprocalRank { k });
            }
            "minmax" => Normalization::MinMax,
            "dbsf" => Normalization::Distribution,
            _ => return Err(FusionError::Unknown { given: text.into() }),
        };
        let dense_weight = parameter.map_or(Ok(Weight::HALF), |given| {
            Weight::new(number(given)).map_err(|_| FusionError::Weight { given: given.into() })
        })?;
        Ok(Self::WeightedSum { normalization, dense_weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::ChunkOrd;
    use crate::ranked_list::ScoredChunk;
    use proptest::prelude::*;

    fn fusions() -> impl Strategy<Value = Fusion> {
        let weight = (0.0..=1.0).prop_map(|w| Weight::new(w).unwrap());
        prop_oneof![
            (0.0..100.0).prop_map(|k| Fusion::ReciprocalRank { k: RrfK::new(k).unwrap() }),
            (weight, any::<bool>()).prop_map(|(dense_weight, minmax)| Fusion::WeightedSum {
                normalization: if minmax {
                    Normalization::MinMax
                } else {
                    Normalization::Distribution
                },
                dense_weight,
            }),
        ]
    }

    fn lists() -> impl Strategy<Value = RankedList> {
        prop::collection::vec((0_u32..40, -5.0..30.0_f64), 0..30).prop_map(|entries| {
            RankedList::from_scored(
                entries.into_iter().map(|(ord, score)| ScoredChunk { ord: ChunkOrd(ord), score }),
            )
        })
    }

    proptest! {
        #[test]
        fn the_result_is_the_union_in_rank_order(
            fusion in fusions(), lexical in lists(), dense in lists()
        ) {
            let fused = fusion.fuse(&lexical, &dense);
            let mut union: Vec<_> = lexical.ords();
            union.extend(dense.ords());
            union.sort_unstable();
            union.dedup();
            let mut found = fused.ords();
            found.sort_unstable();
            prop_assert_eq!(found, union);
            for pair in fused.entries().windows(2) {
                prop_assert_eq!(pair[0].rank_order(&pair[1]), std::cmp::Ordering::Less);
            }
        }

        #[test]
        fn better_in_both_legs_is_never_worse_fused(
            fusion in fusions(), lexical in lists(), dense in lists()
        ) {
            let fused = fusion.fuse(&lexical, &dense);
            for a in fused.entries() {
                for b in fused.entries() {
                    let ahead = |list: &RankedList| {
                        let at = |ord| list.find(ord).map(|(rank, _)| rank);
                        matches!((at(a.ord), at(b.ord)), (Some(x), Some(y)) if x < y)
                    };
                    if ahead(&lexical) && ahead(&dense) {
                        prop_assert!(a.score >= b.score - 1e-12);
                    }
                }
            }
        }

        #[test]
        fn names_read_back(fusion in fusions()) {
            prop_assert_eq!(fusion.to_string().parse::<Fusion>().unwrap(), fusion);
        }
    }

    #[test]
    fn bad_names_say_what_is_wrong() {
        for (given, expected) in [
            ("rff", "unknown fusion"),
            ("rrf:x", "constant of rrf"),
            ("rrf:-1", "constant of rrf"),
            ("minmax:1.5", "dense weight"),
            ("dbsf:NaN", "dense weight"),
        ] {
            let error = given.parse::<Fusion>().unwrap_err().to_string();
            assert!(error.contains(expected), "{given}: {error}");
        }
    }
}
