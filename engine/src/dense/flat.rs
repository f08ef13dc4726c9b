//! Exact scan: every allowed row is scored and a bounded heap keeps the best.
//!
//! This is how small segments and narrow filters are searched, and the oracle
//! that a graph's recall is measured against. The result depends on nothing but
//! the arguments: the heap's order is total, so neither the number of threads
//! nor the order of rows can move it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use rayon::prelude::*;

use super::ranks::OrdRanks;
use super::storage::Rows;
use crate::document::ChunkOrd;
use crate::ord_set::OrdSet;
use crate::ranked_list::ScoredChunk;

/// From this many values (16 MiB, about a millisecond on one core) a scan is
/// spread over the rayon pool; below, waking threads costs more than it saves.
const PARALLEL_VALUES: usize = 1 << 22;

/// Values a thread takes at a time.
const BLOCK_VALUES: usize = 1 << 20;

/// Unit rows and their chunks, read in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlatIndex<'a> {
    /// Components of a row.
    pub(super) dim: usize,
    /// `[n]`, strictly ascending.
    pub(super) ords: &'a [u32],
    /// Where each chunk lies.
    pub(super) ranks: &'a OrdRanks,
    /// `n` of them.
    pub(super) rows: Rows<'a>,
}

impl FlatIndex<'_> {
    /// The chunk and the cosine of row `at`; nothing when a damaged file makes
    /// the score not finite.
    #[inline]
    pub(super) fn scored(&self, query: &[f32], at: usize) -> Option<ScoredChunk> {
        let score = f64::from(self.rows.score(query, at));
        score.is_finite().then(|| ScoredChunk { ord: ChunkOrd(self.ords[at]), score })
    }

    /// The best `depth` allowed rows, in no particular order.
    pub(super) fn search(&self, query: &[f32], depth: usize, allowed: &OrdSet) -> Vec<ScoredChunk> {
        let best = self.fold(
            allowed,
            |rows| {
                let mut best = BestChunks::new(depth);
                best.extend(rows.iter().filter_map(|&at| self.scored(query, at as usize)));
                best
            },
            |mut all, part| {
                all.extend(part.into_entries());
                all
            },
        );
        best.map(BestChunks::into_entries).unwrap_or_default()
    }

    /// How many allowed rows rank before `target`.
    pub(super) fn count_before(
        &self,
        query: &[f32],
        target: &ScoredChunk,
        allowed: &OrdSet,
    ) -> usize {
        let count = self.fold(
            allowed,
            |rows| {
                rows.iter()
                    .filter_map(|&at| self.scored(query, at as usize))
                    .filter(|entry| entry.rank_order(target) == Ordering::Less)
                    .count()
            },
            |all, part| all + part,
        );
        count.unwrap_or(0)
    }

    /// Runs `scan` over the allowed rows, in blocks on several threads where it
    /// pays; nothing when no row is allowed.
    fn fold<A: Send>(
        &self,
        allowed: &OrdSet,
        scan: impl Fn(&[u32]) -> A + Send + Sync,
        join: impl Fn(A, A) -> A + Send + Sync,
    ) -> Option<A> {
        let rows = self.ranks.allowed(allowed);
        if rows.len() * self.dim < PARALLEL_VALUES {
            return (!rows.is_empty()).then(|| scan(&rows));
        }
        let block = (BLOCK_VALUES / self.dim).max(1);
        rows.par_chunks(block).map(scan).reduce_with(join)
    }
}

/// The best `depth` of the chunks it was shown.
pub(super) struct BestChunks {
    depth: usize,
    /// The worst one on top.
    heap: BinaryHeap<WorstFirst>,
}

impl BestChunks {
    /// Nothing seen yet.
    pub(super) fn new(depth: usize) -> Self {
        Self { depth, heap: BinaryHeap::new() }
    }

    /// What was kept, in no particular order.
    pub(super) fn into_entries(self) -> Vec<ScoredChunk> {
        self.heap.into_iter().map(|WorstFirst(entry)| entry).collect()
    }
}

impl Extend<ScoredChunk> for BestChunks {
    fn extend<I: IntoIterator<Item = ScoredChunk>>(&mut self, entries: I) {
        for entry in entries {
            if self.heap.len() < self.depth {
                self.heap.push(WorstFirst(entry));
            } else if let Some(mut worst) = self.heap.peek_mut()
                && entry.rank_order(&worst.0) == Ordering::Less
            {
                worst.0 = entry;
            }
        }
    }
}

/// Orders chunks so that the greatest ranks last.
#[derive(PartialEq)]
struct WorstFirst(ScoredChunk);

impl Eq for WorstFirst {}

impl PartialOrd for WorstFirst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for WorstFirst {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.rank_order(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranked_list::RankedList;

    proptest! {
        #[test]
        fn the_heap_keeps_what_sorting_would(
            scores in prop::collection::vec(-3_i8..3, 0..200),
            depth in 0_usize..20,
        ) {
            let entries: Vec<_> = (0..)
                .zip(&scores)
                .map(|(ord, &score)| ScoredChunk { ord: ChunkOrd(ord), score: f64::from(score) })
                .collect();
            let mut best = BestChunks::new(depth);
            best.extend(entries.iter().rev().copied());
            let mut expected = RankedList::from_scored(entries);
            expected.truncate(depth);
            prop_assert_eq!(RankedList::from_scored(best.into_entries()), expected);
        }
    }

    #[test]
    fn threads_do_not_move_a_result() {
        let (dim, n) = (64, 2 * PARALLEL_VALUES / 64);
        // Few distinct values: many ties.
        let values: Vec<f32> = (0..n * dim).map(|at| ((at * 7919) % 13) as f32 / 13.0).collect();
        let ords: Vec<u32> = (0..n as u32).collect();
        let ranks = OrdRanks::new(&ords);
        let rows = Rows::F32(&values);
        let flat = FlatIndex { dim, ords: &ords, ranks: &ranks, rows };
        let allowed =
            OrdSet::from_ords(n as u32, (0..n as u32).filter(|ord| ord % 3 > 0).map(ChunkOrd));
        let query = vec![0.125; dim];
        let search = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| flat.search(&query, 50, &allowed));
            RankedList::from_scored(found)
        };
        let one = search(1);
        assert_eq!(one.len(), 50);
        assert_eq!(one, search(3));
        let last = one.entries()[49];
        assert_eq!(flat.count_before(&query, &last, &allowed), 49);
    }
}
