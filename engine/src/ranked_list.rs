//! A ranking: chunks with scores, best first, ties broken one way everywhere.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::document::ChunkOrd;

/// A chunk and its score in one ranking. Higher is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredChunk {
    /// Which chunk.
    pub ord: ChunkOrd,
    /// Finite; comparable only within its own list.
    pub score: f64,
}

impl ScoredChunk {
    /// The order of every ranking in Trovato: score descending (`total_cmp`),
    /// then [`ChunkOrd`] ascending. `Less` means "ranks before".
    pub fn rank_order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.ord.cmp(&other.ord))
    }
}

/// Chunks best first, without repeats, every score finite.
///
/// The constructors establish all three, so code that takes a `RankedList`
/// need not check again. Scores are `f64`: fusion adds and divides leg scores
/// of `f32` precision, and an explanation must recombine to them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankedList {
    entries: Vec<ScoredChunk>,
}

impl RankedList {
    /// Sorts scored chunks into a ranking.
    ///
    /// Entries whose score is not finite are left out (a score is checked where
    /// it is born; this is the last line), and of a repeated chunk the best
    /// entry stays.
    pub fn from_scored(entries: impl IntoIterator<Item = ScoredChunk>) -> Self {
        let mut entries: Vec<_> =
            entries.into_iter().filter(|entry| entry.score.is_finite()).collect();
        entries.sort_unstable_by(ScoredChunk::rank_order);
        let mut seen = HashSet::with_capacity(entries.len());
        entries.retain(|entry| seen.insert(entry.ord));
        Self { entries }
    }

    /// Sorts scored chunks of which none comes twice; else as
    /// [`RankedList::from_scored`], without the memory of what was seen.
    pub(crate) fn from_distinct(mut entries: Vec<ScoredChunk>) -> Self {
        entries.retain(|entry| entry.score.is_finite());
        entries.sort_unstable_by(ScoredChunk::rank_order);
        debug_assert!(
            entries.iter().map(|entry| entry.ord).collect::<HashSet<_>>().len() == entries.len(),
            "a chunk is listed twice"
        );
        Self { entries }
    }

    /// A ranking in the given order, for tests and examples: the first of `n`
    /// chunks scores `n`, the last 1.
    pub fn from_ranking(ords: impl IntoIterator<Item = ChunkOrd>) -> Self {
        let ords: Vec<_> = ords.into_iter().collect();
        let n = ords.len();
        Self::from_scored(
            ords.into_iter()
                .enumerate()
                .map(|(at, ord)| ScoredChunk { ord, score: (n - at) as f64 }),
        )
    }

    /// Keeps the best `depth` entries.
    pub fn truncate(&mut self, depth: usize) {
        self.entries.truncate(depth);
    }

    /// The entries, best first.
    pub fn entries(&self) -> &[ScoredChunk] {
        &self.entries
    }

    /// The chunks, best first.
    pub fn ords(&self) -> Vec<ChunkOrd> {
        self.entries.iter().map(|entry| entry.ord).collect()
    }

    /// The 1-based rank and the score of `ord`, if it is listed.
    pub fn find(&self, ord: ChunkOrd) -> Option<(usize, f64)> {
        self.entries
            .iter()
            .position(|entry| entry.ord == ord)
            .map(|at| (at + 1, self.entries[at].score))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_ord_and_nan_never_enters() {
        let scored = |ord, score| ScoredChunk { ord: ChunkOrd(ord), score };
        let list = RankedList::from_scored([
            scored(7, 1.0),
            scored(3, 1.0),
            scored(5, f64::NAN),
            scored(9, f64::INFINITY),
            scored(1, 2.0),
            scored(7, 3.0),
        ]);
        assert_eq!(list.ords(), [7, 1, 3].map(ChunkOrd));
    }
}
