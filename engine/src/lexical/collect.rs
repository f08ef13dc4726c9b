//! Finds the best rows of a segment without scoring all of them (MaxScore).
//!
//! Terms are sorted by the most they can add. Once the result is full, terms
//! that together cannot lift a row over its last entry are not essential: rows
//! are drawn from the other terms' lists, window by window, and only rows that
//! may still get in are looked up in the rest.
//!
//! Source: Turtle and Flood, Query evaluation: strategies and optimizations,
//! IP&M 1995; in windows as in Lucene's MaxScoreBulkScorer. Differs: scores are
//! integers, so pruning compares exactly, and a row that could only tie is still
//! looked at, since a lower chunk number wins.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tantivy::TERMINATED;

use super::bm25::{Bm25, points};
use super::cursor::{TermCursor, WINDOW_ROWS, Window};
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
    bm25: &Bm25,
    mut cursors: Vec<TermCursor<'_>>,
    few: Option<&RowSet>,
    accepts: &impl Fn(u32) -> bool,
    ords: &[u32],
    collector: &mut impl Collector,
) {
    cursors.sort_by_key(|cursor| cursor.bound);
    // bounds[i]: the most that the first i terms add together.
    let mut bounds = Vec::with_capacity(cursors.len() + 1);
    bounds.push(0_u64);
    for cursor in &cursors {
        bounds.push(bounds[bounds.len() - 1] + cursor.bound);
    }
    let mut scan = Scan { bm25, cursors, bounds, ords };
    match few {
        Some(rows) => scan.row_by_row(rows, accepts, collector),
        None => scan.by_windows(accepts, collector),
    }
}

struct Scan<'a> {
    bm25: &'a Bm25,
    cursors: Vec<TermCursor<'a>>,
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
        let mut window = Window::new();
        loop {
            let threshold = collector.threshold();
            // The first terms, which cannot reach the threshold together.
            let n_optional =
                self.bounds.partition_point(|&bound| bound < threshold).saturating_sub(1);
            let essential = &mut self.cursors[n_optional..];
            let start = essential.iter().map(TermCursor::row).min().unwrap_or(TERMINATED);
            if start == TERMINATED {
                return;
            }
            let end = start.saturating_add(WINDOW_ROWS as u32).min(TERMINATED);
            for cursor in essential {
                cursor.add_window(self.bm25, start, end, &mut window);
            }
            for word in 0..window.touched.len() {
                let mut rest = std::mem::take(&mut window.touched[word]);
                while rest != 0 {
                    let at = word * 64 + rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    let score = std::mem::take(&mut window.scores[at]);
                    let row = start + at as u32;
                    if score + self.bounds[n_optional] >= collector.threshold() && accepts(row) {
                        self.finish(row, score, n_optional, collector);
                    }
                }
            }
        }
    }

    /// Adds the first `n_terms` terms to a row's score, the strongest first,
    /// and offers it, or gives up as soon as it cannot get in.
    #[inline]
    fn finish(&mut self, row: u32, mut score: u64, n_terms: usize, collector: &mut impl Collector) {
        for at in (0..n_terms).rev() {
            if score + self.bounds[at + 1] < collector.threshold() {
                return;
            }
            score += self.cursors[at].contribution_at(self.bm25, row);
        }
        if score > 0 && score >= collector.threshold() {
            collector.offer(score, ChunkOrd(self.ords[row as usize]));
        }
    }
}
