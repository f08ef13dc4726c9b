//! Finds the best rows of a segment without scoring all of them (MaxScore).
//!
//! The lists, one a term and field, are sorted by the most they can add. Once
//! the result is full, lists that together cannot lift a row over its last entry
//! are optional: rows are drawn from the others, window by window, and only rows
//! that may still get in are looked up in the optional ones.
//!
//! Source: Turtle and Flood, Query evaluation: strategies and optimizations,
//! IP&M 1995; in windows as in Lucene's MaxScoreBulkScorer. Differs: scores are
//! integers, so pruning compares exactly, and a row that could only tie is still
//! looked at, since a lower chunk number wins.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tantivy::TERMINATED;

use super::bm25::points;
use super::cursor::Cursor;
use super::row_set::RowSet;
use crate::document::ChunkOrd;
use crate::ranked_list::{RankedList, ScoredChunk};

/// Takes scored chunks and says what is too little.
pub(super) trait Collector {
    /// Chunks below it need not be offered.
    fn threshold(&self) -> u64;

    /// Offers a chunk.
    fn offer(&mut self, score: u64, ord: ChunkOrd);
}

/// Keeps the best chunks: score descending, then number ascending.
pub(super) struct TopChunks {
    depth: usize,
    /// The worst kept chunk on top.
    heap: BinaryHeap<Reverse<(u64, Reverse<u32>)>>,
}

impl TopChunks {
    pub(super) fn new(depth: usize) -> Self {
        // No more is reserved than any result needs: a caller may ask for "all".
        Self { depth, heap: BinaryHeap::with_capacity(depth.min(1024)) }
    }

    pub(super) fn into_list(self) -> RankedList {
        let scored = self.heap.into_iter().map(|Reverse((score, Reverse(ord)))| ScoredChunk {
            ord: ChunkOrd(ord),
            score: points(score),
        });
        RankedList::from_scored(scored)
    }
}

impl Collector for TopChunks {
    #[inline]
    fn threshold(&self) -> u64 {
        match self.heap.peek() {
            Some(Reverse((score, _))) if self.heap.len() >= self.depth => *score,
            _ => 0,
        }
    }

    #[inline]
    fn offer(&mut self, score: u64, ord: ChunkOrd) {
        let entry = Reverse((score, Reverse(ord.0)));
        if self.heap.len() < self.depth {
            self.heap.push(entry);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && entry < *worst
        {
            *worst = entry;
        }
    }
}

/// Counts the chunks that rank before one.
pub(super) struct BetterThan {
    score: u64,
    ord: ChunkOrd,
    n_better: usize,
}

impl BetterThan {
    pub(super) fn new(score: u64, ord: ChunkOrd) -> Self {
        Self { score, ord, n_better: 0 }
    }

    /// The chunk's 1-based rank and its score.
    pub(super) fn rank_and_score(&self) -> (usize, f64) {
        (self.n_better + 1, points(self.score))
    }
}

impl Collector for BetterThan {
    #[inline]
    fn threshold(&self) -> u64 {
        self.score
    }

    #[inline]
    fn offer(&mut self, score: u64, ord: ChunkOrd) {
        self.n_better += usize::from((Reverse(score), ord) < (Reverse(self.score), self.ord));
    }
}

/// Offers the rows of one segment.
///
/// # Arguments
/// * `few` - rows to look at one by one, where that is cheaper.
/// * `accepts` - whether a row may be found.
/// * `ords` - each row's chunk.
pub(super) fn collect_segment(
    mut cursors: Vec<Cursor<'_>>,
    few: Option<&RowSet>,
    accepts: &impl Fn(u32) -> bool,
    ords: &[u32],
    collector: &mut impl Collector,
) {
    cursors.sort_by_key(|cursor| cursor.bound);
    // bounds[i]: the most that the first i lists add together.
    let mut bounds = Vec::with_capacity(cursors.len() + 1);
    let mut sum = 0;
    bounds.push(sum);
    for cursor in &cursors {
        sum += cursor.bound;
        bounds.push(sum);
    }
    let mut scan = Scan { cursors, bounds, ords };
    match few {
        Some(rows) => scan.row_by_row(rows, accepts, collector),
        None => scan.by_windows(accepts, collector),
    }
}

/// Lists are optional that together add less than this share of the threshold.
/// The textbook takes all that stay below it (1.0); but reading a list in passing
/// is ten times cheaper than looking rows up in it, and the smaller the optional
/// rest, the fewer rows are looked up. Measured at 100,000 abstracts, queries of
/// ten words, best 100: 1.97 ms at 1.0, 1.16 at 0.6, 1.04 at 0.3, 1.11 at 0.1.
const OPTIONAL_SHARE: f64 = 0.3;

/// Rows scored at a time: their sums stay in the first-level cache.
const WINDOW_ROWS: usize = 2048;

struct Scan<'a> {
    cursors: Vec<Cursor<'a>>,
    bounds: Vec<u64>,
    ords: &'a [u32],
}

impl Scan<'_> {
    fn row_by_row(
        &mut self,
        rows: &RowSet,
        accepts: &impl Fn(u32) -> bool,
        collector: &mut impl Collector,
    ) {
        for row in rows.iter().filter(|&row| accepts(row)) {
            self.finish(row, 0, self.cursors.len(), collector);
        }
    }

    fn by_windows(&mut self, accepts: &impl Fn(u32) -> bool, collector: &mut impl Collector) {
        let mut scores = vec![0_u64; WINDOW_ROWS];
        let mut touched = [0_u64; WINDOW_ROWS / 64];
        loop {
            let threshold = collector.threshold();
            let share = (threshold as f64 * OPTIONAL_SHARE) as u64;
            // The first lists, which cannot reach the threshold together.
            let n_optional = self.bounds.partition_point(|&bound| bound < share).saturating_sub(1);
            let essential = &mut self.cursors[n_optional..];
            let start = essential.iter().map(Cursor::row).min().unwrap_or(TERMINATED);
            if start == TERMINATED {
                return;
            }
            let end = start.saturating_add(WINDOW_ROWS as u32).min(TERMINATED);
            for cursor in essential {
                cursor.for_each_before(end, |row, part| {
                    let at = (row - start) as usize;
                    scores[at] += part;
                    touched[at / 64] |= 1 << (at % 64);
                });
            }
            for (word, bits) in touched.iter_mut().enumerate() {
                let mut rest = std::mem::take(bits);
                while rest != 0 {
                    let at = word * 64 + rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    let score = std::mem::take(&mut scores[at]);
                    let row = start + at as u32;
                    let may_get_in = score + self.bounds[n_optional] >= collector.threshold();
                    if may_get_in && accepts(row) {
                        self.finish(row, score, n_optional, collector);
                    }
                }
            }
        }
    }

    /// Adds the first `n_lists` lists to a row's score, the strongest first, and
    /// offers it, or gives up as soon as it cannot get in.
    #[inline]
    fn finish(&mut self, row: u32, mut score: u64, n_lists: usize, collector: &mut impl Collector) {
        for at in (0..n_lists).rev() {
            if score + self.bounds[at + 1] < collector.threshold() {
                return;
            }
            score += self.cursors[at].contribution_at(row);
        }
        if score > 0 && score >= collector.threshold() {
            collector.offer(score, ChunkOrd(self.ords[row as usize]));
        }
    }
}
