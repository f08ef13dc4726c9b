//! Filters of known breadth: some have nothing to do with the vectors, some
//! keep what lies near a row or far from it.
//!
//! Every row gets two places among a thousand, one drawn and one by its nearness
//! to the row in the middle of the file; a filter keeps a range of either.

use std::ops::Range;

/// Places that are told apart.
pub const PLACES: u32 = 1000;

/// What a filter goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Chance.
    Draw,
    /// Nearness to a row: 0 is nearest.
    Nearness,
}

impl By {
    /// A name for the field that holds the places.
    pub fn field(self) -> &'static str {
        match self {
            Self::Draw => "draw",
            Self::Nearness => "nearness",
        }
    }
}

/// A filter that keeps rows with a place in a range.
#[derive(Clone, Debug)]
pub struct KnownFilter {
    /// For a table.
    pub name: String,
    /// Which place.
    pub by: By,
    /// Kept places, within `0..PLACES`.
    pub kept: Range<u32>,
}

/// 50, 10, 1 and .1 % of the rows: drawn, nearest to a row, farthest from it.
pub fn known_filters() -> Vec<KnownFilter> {
    let breadths = [("50 %", 500), ("10 %", 100), ("1 %", 10), ("0.1 %", 1)];
    let filters = breadths.map(|(name, n)| {
        [
            ("at random", By::Draw, 0..n),
            ("nearest to a row", By::Nearness, 0..n),
            ("farthest from it", By::Nearness, PLACES - n..PLACES),
        ]
        .map(|(which, by, kept)| KnownFilter {
            name: format!("{name}, {which}"),
            by,
            kept,
        })
    });
    filters.into_iter().flatten().collect()
}

/// The places of all rows.
#[derive(Debug)]
pub struct Places {
    draws: Vec<u32>,
    nearness: Vec<u32>,
}

impl Places {
    /// Of rows of `dim` components.
    pub fn of(values: &[f32], dim: usize) -> Self {
        let n = values.len() / dim;
        let row = |at: usize| &values[at * dim..][..dim];
        let cosine =
            |at: usize| -> f32 { row(at).iter().zip(row(n / 2)).map(|(x, y)| x * y).sum() };
        let cosines: Vec<f32> = (0..n).map(cosine).collect();
        let mut by_nearness: Vec<usize> = (0..n).collect();
        by_nearness.sort_by(|&a, &b| cosines[b].total_cmp(&cosines[a]));
        let mut nearness = vec![0; n];
        for (rank, at) in by_nearness.into_iter().enumerate() {
            nearness[at] = (rank * PLACES as usize / n) as u32;
        }
        // A multiplicative hash: neighbours in the file are not neighbours here.
        let draw = |at: usize| ((at as u32).wrapping_mul(2_654_435_761) >> 12) % PLACES;
        Self { draws: (0..n).map(draw).collect(), nearness }
    }

    /// The place of row `at`, below [`PLACES`].
    pub fn place(&self, by: By, at: usize) -> u32 {
        match by {
            By::Draw => self.draws[at],
            By::Nearness => self.nearness[at],
        }
    }

    /// The rows that a filter keeps, ascending.
    pub fn kept(&self, filter: &KnownFilter) -> impl Iterator<Item = usize> {
        (0..self.draws.len()).filter(|&at| filter.kept.contains(&self.place(filter.by, at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_keep_as_much_as_they_say() {
        let values: Vec<f32> = (0..10_000).map(|at| at as f32).collect();
        let places = Places::of(&values, 1);
        for filter in known_filters() {
            let n = places.kept(&filter).count() as f64;
            let asked = filter.kept.len() as f64 * 10.0;
            assert!((n - asked).abs() <= 0.3 * asked, "{}: {n} of {asked}", filter.name);
        }
        // Nearest to the row in the middle by inner product are the largest.
        let nearest = &known_filters()[1];
        assert!(places.kept(nearest).all(|at| at >= 5_000));
    }
}
