//! Rank-biased overlap: how alike two rankings are, the first ranks counting
//! most, items of one list only counting against it.
//!
//! Rank correlations (Kendall, Spearman) were rejected: they need both lists to
//! hold the same items, and weigh rank 90 like rank 1.

use std::collections::HashMap;
use std::hash::Hash;

/// The chance that a reader who looked at one rank looks at the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Persistence(f64);

/// A persistence outside `(0, 1)`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the persistence is {given:?}; it must be a number between 0 and 1, both excluded")]
pub struct PersistenceError {
    /// What was given.
    pub given: String,
}

impl Persistence {
    /// .9: the first ten ranks have 86 % of the weight (Webber et al., section 4.3).
    pub const DEFAULT: Self = Self(0.9);

    /// Checks and wraps a number.
    ///
    /// # Errors
    /// [`PersistenceError`] unless `0 < p < 1`.
    pub fn new(p: f64) -> Result<Self, PersistenceError> {
        if p > 0.0 && p < 1.0 {
            Ok(Self(p))
        } else {
            Err(PersistenceError { given: p.to_string() })
        }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl std::str::FromStr for Persistence {
    type Err = PersistenceError;

    fn from_str(text: &str) -> Result<Self, PersistenceError> {
        let given = || PersistenceError { given: text.to_owned() };
        Self::new(text.parse().map_err(|_| given())?).map_err(|_| given())
    }
}

/// Extrapolated rank-biased overlap of two rankings.
///
/// With the agreement `A_d` of the first `d` ranks, `1 ≤ d ≤ l`, where `s` and
/// `l` are the lengths of the shorter and the longer list:
///
/// `RBO = (1 - p) / p · Σ A_d p^d + A_l p^l`
///
/// `A_d = 2 X_d / (|S_d| + |L_d|)`, where `S_d` and `L_d` hold the items down to
/// rank `d`, all of a tie from its first rank on, and `X_d` counts the items in
/// both. Beyond its end the shorter list is taken to go on agreeing as it did:
/// `d - s` more items of which a share of `A_s` is common.
///
/// # Arguments
/// * `a`, `b` - items with their scores, best first; equal neighbouring scores
///   are ties. Of a repeated item the first place counts. Scores of the two
///   lists are never compared with each other.
///
/// # Returns
/// A number in `[0, 1]`: 1 for lists that agree at every rank, two empty ones
/// included; 0 for lists without a common item. Symmetric.
///
/// # Source
/// Webber, Moffat and Zobel, "A similarity measure for indefinite rankings",
/// ACM TOIS 28(4), 2010: equation 32 for lists of unequal length, 28 for ties.
/// Differs: the paper leaves ties beyond the shorter list's end open; the
/// formula above is both equations at once, and either where only one applies.
///
/// # Examples
/// ```
/// use eval::{Persistence, rank_biased_overlap};
///
/// let [a, b] = [[("x", 3.0), ("y", 2.0), ("z", 1.0)], [("y", 9.0), ("x", 8.0), ("z", 7.0)]];
/// // A = 0, 1, 1: .1 / .9 · (.81 + .729) + .729
/// let rbo = rank_biased_overlap(&a, &b, Persistence::DEFAULT);
/// assert!((rbo - 0.9).abs() < 1e-12);
/// ```
pub fn rank_biased_overlap<T: Eq + Hash>(
    a: &[(T, f64)],
    b: &[(T, f64)],
    Persistence(p): Persistence,
) -> f64 {
    let (a, b) = (entry_ranks(a), entry_ranks(b));
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    let (s, l) = (short.len(), long.len());
    if s == 0 {
        return if l == 0 { 1.0 } else { 0.0 };
    }
    // How many items enter each list, and the intersection, at each rank.
    let mut entering = vec![[0_usize; 3]; l + 1];
    for (item, &rank) in short {
        entering[rank][0] += 1;
        if let Some(&other) = long.get(item) {
            entering[rank.max(other)][2] += 1;
        }
    }
    for &rank in long.values() {
        entering[rank][1] += 1;
    }

    let [mut n_short, mut n_long, mut n_common] = [0_usize; 3];
    let (mut sum, mut agreement, mut at_end_of_short) = (0.0, 0.0, 0.0);
    let mut weight = 1.0;
    for (d, [short_enters, long_enters, common_enters]) in entering.into_iter().enumerate().skip(1)
    {
        n_short += short_enters;
        n_long += long_enters;
        n_common += common_enters;
        let beyond = d.saturating_sub(s) as f64;
        let common = n_common as f64 + beyond * at_end_of_short;
        agreement = 2.0 * common / (n_short as f64 + beyond + n_long as f64);
        if d == s {
            at_end_of_short = agreement;
        }
        weight *= p;
        sum += agreement * weight;
    }
    (1.0 - p) / p * sum + agreement * weight
}

/// The rank at which each item enters its list: 1-based, that of the first item
/// of its tie.
fn entry_ranks<T: Eq + Hash>(ranking: &[(T, f64)]) -> HashMap<&T, usize> {
    let mut ranks = HashMap::with_capacity(ranking.len());
    let mut tie: Option<(f64, usize)> = None;
    for (item, score) in ranking {
        if ranks.contains_key(item) {
            continue;
        }
        let rank = match tie {
            Some((tied, first)) if tied == *score => first,
            _ => ranks.len() + 1,
        };
        tie = Some((*score, rank));
        ranks.insert(item, rank);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ranking without ties.
    fn strict(items: &[u32]) -> Vec<(u32, f64)> {
        items.iter().enumerate().map(|(at, item)| (*item, -(at as f64))).collect()
    }

    #[track_caller]
    fn check(a: &[(u32, f64)], b: &[(u32, f64)], expected: f64) {
        for (a, b) in [(a, b), (b, a)] {
            let found = rank_biased_overlap(a, b, Persistence::DEFAULT);
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    #[test]
    fn the_ends_of_the_scale() {
        check(&strict(&[1, 2, 3]), &strict(&[1, 2, 3]), 1.0);
        check(&strict(&[1, 2, 3]), &strict(&[4, 5]), 0.0);
        check(&[], &[], 1.0);
        check(&[], &strict(&[1]), 0.0);
    }

    #[test]
    fn lists_of_one_length() {
        // A = 0, 1/2, 1/3: .1/.9 (.5 · .81 + .729 / 3) + .729 / 3.
        check(&strict(&[1, 2, 3]), &strict(&[2, 4, 5]), 0.072 + 0.243);
    }

    #[test]
    fn a_longer_list_is_met_by_extrapolation() {
        // X = 1, 1, 2. The paper's sums: (.9 + .405 + .486 + .1215) / 9 + (1/3 + 1/2) .729.
        check(&strict(&[1, 2]), &strict(&[1, 3, 2]), 1.9125 / 9.0 + 0.6075);
        // A prefix agrees at every rank, as far as is known.
        check(&strict(&[1, 2]), &strict(&[1, 2, 3, 4]), 1.0);
    }

    #[test]
    fn tied_items_enter_together() {
        let tied = [(1, 5.0), (2, 5.0)];
        // A = 2 · 1 / (2 + 1), 1: (.6 + .81) / 9 + .81.
        check(&tied, &strict(&[1, 2]), 1.41 / 9.0 + 0.81);
        check(&tied, &strict(&[2, 1]), 1.41 / 9.0 + 0.81);
        check(&tied, &[(2, 1.0), (1, 1.0)], 1.0);
        // Ties beyond the shorter end: A = 1, 2 (1 + 1) / (1 + 1 + 3), and with
        // two assumed items 2 (1 + 2) / (1 + 2 + 3).
        check(
            &strict(&[1]),
            &[(1, 2.0), (2, 1.0), (3, 1.0)],
            (0.9 + 0.8 * 0.81 + 0.729) / 9.0 + 0.729,
        );
    }

    #[test]
    fn of_a_repeated_item_the_first_place_counts() {
        check(&strict(&[1, 1, 2]), &strict(&[1, 2]), 1.0);
    }

    #[test]
    fn only_a_probability_is_a_persistence() {
        for bad in ["0", "1", "-0.5", "NaN", "much"] {
            assert!(bad.parse::<Persistence>().unwrap_err().to_string().contains(bad), "{bad}");
        }
        assert_eq!("0.9".parse::<Persistence>().unwrap(), Persistence::DEFAULT);
    }

    proptest! {
        #[test]
        fn it_is_symmetric_and_a_share(
            a in prop::collection::vec((0_u32..30, 0_u8..9), 0..20),
            b in prop::collection::vec((0_u32..30, 0_u8..9), 0..20),
            p in 0.05_f64..0.99,
        ) {
            let ranked = |mut list: Vec<(u32, u8)>| -> Vec<(u32, f64)> {
                list.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
                list.into_iter().map(|(item, score)| (item, f64::from(score))).collect()
            };
            let (a, b, p) = (ranked(a), ranked(b), Persistence::new(p).unwrap());
            let rbo = rank_biased_overlap(&a, &b, p);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&rbo), "{}", rbo);
            prop_assert!((rbo - rank_biased_overlap(&b, &a, p)).abs() < 1e-12);
            prop_assert!((rank_biased_overlap(&a, &a, p) - 1.0).abs() < 1e-12);
        }
    }
}
