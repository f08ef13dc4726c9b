//! The flat neighbourhood graph and the walk over it.
//!
//! The bottom layer holds every distinct vector with `2 · m` link slots; each
//! higher layer a thinner sample with `m`. A search descends greedily to a
//! start near the query, then expands the nearest node not yet expanded until
//! none could improve the `ef` kept. Rows that a filter or a deletion excludes
//! are walked through but not kept.
//!
//! Source: Malkov and Yashunin, TPAMI 2020, algorithms 2 and 5. Differs: plain
//! arrays in place of objects, similarities of eight-bit codes, and identical
//! vectors stand for each other (`twins`), so that a thousand copies cannot wall
//! off a part of the graph. One sorted array in place of the two heaps is a
//! sixth faster at `ef` 40 and equal at 400, but quadratic where a filter keeps
//! away what is near the query.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use super::metric::prefetch;
use super::quantize::{Codes, MAX_SCALE};

/// Marks an unused link slot and the last twin.
pub(super) const NONE: u32 = u32::MAX;

/// More layers than a graph of 2^32 rows ever has.
pub(super) const MAX_LAYERS: usize = 16;

/// A graph over the rows of one segment, read in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct HnswIndex<'a> {
    /// The vectors as the walk sees them.
    pub(super) codes: Codes<'a>,
    /// Link slots of a node in a higher layer; the bottom layer has twice as many.
    pub(super) m: usize,
    /// Where every search begins: a row of the topmost layer.
    pub(super) entry: u32,
    /// `[n, 2 · m]` rows, unused slots [`NONE`] at the end.
    pub(super) links: &'a [u32],
    /// `[n]`: the next row with the same vector, or [`NONE`]. Of twins only the
    /// first is a node of the graph.
    pub(super) twins: &'a [u32],
    /// Number of nodes of each higher layer, from the second layer up.
    pub(super) layer_sizes: &'a [u32],
    /// Rows of the higher layers one after the other, each ascending.
    pub(super) layer_rows: &'a [u32],
    /// `[layer_rows, m]`: positions within the same layer, padded with [`NONE`].
    pub(super) layer_links: &'a [u32],
}

/// One higher layer.
#[derive(Clone, Copy)]
struct Layer<'a> {
    rows: &'a [u32],
    links: &'a [u32],
}

/// How far a walk may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct WalkLimits {
    /// Allowed nodes to keep; the walk ends when the nearest unexpanded node
    /// cannot improve them. At least 1.
    pub(super) ef: usize,
    /// Nodes that may be compared with the query before the walk gives up.
    pub(super) budget: usize,
}

/// A node met on a walk; the greater is the nearer, and of equally near ones the
/// one with the lower row. One word, so that a heap moves and compares words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Near(u64);

impl Near {
    fn new(similarity: f32, row: u32) -> Self {
        let bits = similarity.to_bits();
        // Maps the order of finite floats to that of integers.
        let ordered = if similarity.is_sign_negative() { !bits } else { bits | 1 << 31 };
        Self(u64::from(ordered) << 32 | u64::from(!row))
    }

    /// Which row.
    pub(super) fn row(self) -> u32 {
        !(self.0 as u32)
    }
}

impl<'a> HnswIndex<'a> {
    /// Checks everything a walk over `n` rows relies on, so that no file content can make it
    /// read out of bounds or run forever.
    ///
    /// # Errors
    /// What does not hold.
    pub(super) fn check(&self, n: usize) -> Result<(), &'static str> {
        let holds = |condition: bool, what: &'static str| condition.then_some(()).ok_or(what);
        holds(self.twins.len() == n, "the graph does not fit its chunks")?;
        holds(self.links.len() == n * 2 * self.m, "the graph's links do not fit its rows")?;
        holds(self.codes.scales.len() == n, "the code scales do not fit the rows")?;
        holds(self.codes.values.len() == n * self.codes.dim, "the codes do not fit the rows")?;
        let scales = self.codes.scales.iter().all(|&scale| scale > 0.0 && scale <= MAX_SCALE);
        holds(scales, "a code scale is out of range")?;
        let in_range = |limit: usize| move |&at: &u32| (at as usize) < limit || at == NONE;
        holds(self.links.iter().all(in_range(n)), "a link leaves the graph")?;
        // Ascending, so a chain of twins ends.
        let twins = (0_u32..).zip(self.twins).all(|(row, &twin)| twin > row && in_range(n)(&twin));
        holds(twins, "a chain of identical rows does not ascend")?;
        let sizes: usize = self.layer_sizes.iter().map(|&size| size as usize).sum();
        holds(sizes == self.layer_rows.len(), "the graph's layers do not add up")?;
        holds(self.layer_links.len() == sizes * self.m, "a layer's links do not fit its rows")?;
        let mut below: Option<Layer<'_>> = None;
        for layer in self.layers() {
            let ascending = layer.rows.is_sorted_by(|a, b| a < b);
            holds(ascending && !layer.rows.is_empty(), "a layer's rows do not ascend")?;
            let nested = match below {
                Some(below) => layer.rows.iter().all(|row| below.rows.binary_search(row).is_ok()),
                None => layer.rows.iter().all(|&row| (row as usize) < n),
            };
            holds(nested, "a layer holds a row that the layer below lacks")?;
            holds(layer.links.iter().all(in_range(layer.rows.len())), "a link leaves its layer")?;
            below = Some(layer);
        }
        let entry = match below {
            Some(top) => top.rows.binary_search(&self.entry).is_ok(),
            None => (self.entry as usize) < n,
        };
        holds(entry, "the entry point is not in the topmost layer")
    }

    /// The links of `row` in the bottom layer.
    #[inline]
    pub(super) fn links_of(&self, row: u32) -> impl Iterator<Item = u32> + use<'a> {
        let width = 2 * self.m;
        used(&self.links[row as usize * width..][..width])
    }

    /// `row` and the rows after it with the same vector, ascending.
    pub(super) fn twins_of(&self, row: u32) -> impl Iterator<Item = u32> + use<'a> {
        let twins = self.twins;
        std::iter::successors(Some(row), move |&row| {
            Some(twins[row as usize]).filter(|&twin| twin != NONE)
        })
    }

    /// Walks to the allowed nodes nearest to `query`, at most `ef`, in no
    /// particular order; nothing when the budget is spent before the walk has
    /// come to its end.
    pub(super) fn search<'s>(
        &self,
        query: &[i8],
        limits: WalkLimits,
        allowed: impl Fn(u32) -> bool,
        scratch: &'s mut Scratch,
    ) -> Option<&'s mut [Near]> {
        scratch.reset(self.twins.len());
        let Scratch { visited, epoch, frontier, kept, fresh, found } = scratch;
        fresh.push(self.descend(query));
        visited[fresh[0] as usize] = *epoch;
        let mut n_compared = 0;
        loop {
            n_compared += fresh.len();
            if n_compared > limits.budget {
                return None;
            }
            for next in fresh.drain(..) {
                let near = Near::new(self.codes.similarity(query, next), next);
                let is_full = kept.len() >= limits.ef;
                if is_full && kept.peek().is_some_and(|worst| near < worst.0) {
                    continue;
                }
                frontier.push(near);
                if allowed(next) {
                    kept.push(Reverse(near));
                    if is_full {
                        kept.pop();
                    }
                }
            }
            let Some(nearest) = frontier.pop() else { break };
            if kept.len() >= limits.ef && kept.peek().is_some_and(|worst| nearest < worst.0) {
                break;
            }
            // All lines are asked for before the first is needed, so that the
            // misses overlap.
            for next in self.links_of(nearest.row()) {
                if visited[next as usize] != *epoch {
                    visited[next as usize] = *epoch;
                    prefetch(self.codes.row(next));
                    fresh.push(next);
                }
            }
        }
        found.extend(kept.drain().map(|Reverse(near)| near));
        Some(found)
    }

    /// Goes greedily from the entry point down to the second layer.
    fn descend(&self, query: &[i8]) -> u32 {
        let mut row = self.entry;
        for layer in self.layers().rev() {
            // `check` saw that layers are nested; a row that is not found would
            // only cost the descent one layer.
            let Ok(mut at) = layer.rows.binary_search(&row) else { continue };
            let mut best = self.codes.similarity(query, row);
            let mut improved = true;
            while improved {
                improved = false;
                for next in used(&layer.links[at * self.m..][..self.m]) {
                    let similarity = self.codes.similarity(query, layer.rows[next as usize]);
                    if similarity > best {
                        (best, at, improved) = (similarity, next as usize, true);
                    }
                }
            }
            row = layer.rows[at];
        }
        row
    }

    /// The higher layers, the most populated first.
    fn layers(&self) -> impl DoubleEndedIterator<Item = Layer<'a>> {
        let (rows, links, m) = (self.layer_rows, self.layer_links, self.m);
        let sizes = self.layer_sizes;
        (0..sizes.len()).map(move |at| {
            let from: usize = sizes[..at].iter().map(|&size| size as usize).sum();
            let to = from + sizes[at] as usize;
            Layer { rows: &rows[from..to], links: &links[from * m..to * m] }
        })
    }
}

/// The used ones of a node's link slots.
#[inline]
pub(super) fn used(slots: &[u32]) -> impl Iterator<Item = u32> {
    slots.iter().copied().take_while(|&next| next != NONE)
}

/// Memory of one walk, used again by the next: what was visited carries the
/// walk's number, so nothing is cleared between two walks but every 255th time.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    visited: Vec<u8>,
    epoch: u8,
    /// Met and not expanded, the nearest on top.
    frontier: BinaryHeap<Near>,
    /// Allowed and kept, the farthest on top.
    kept: BinaryHeap<Reverse<Near>>,
    /// Met for the first time and not compared yet.
    fresh: Vec<u32>,
    found: Vec<Near>,
}

impl Scratch {
    fn reset(&mut self, n: usize) {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 || self.visited.len() != n {
            self.visited.clear();
            self.visited.resize(n, 0);
            self.epoch = 1;
        }
        self.frontier.clear();
        self.kept.clear();
        self.fresh.clear();
        self.found.clear();
    }
}

/// Scratch memory of one segment: as many pieces as searches ever ran at once.
#[derive(Debug, Default)]
pub(super) struct ScratchPool(Mutex<Vec<Scratch>>);

impl ScratchPool {
    /// Runs `walk` with a piece that no other thread holds.
    pub(super) fn with<T>(&self, walk: impl FnOnce(&mut Scratch) -> T) -> T {
        // A panic elsewhere leaves at worst a used piece behind: `reset` cleans it.
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = lock().pop().unwrap_or_default();
        let result = walk(&mut scratch);
        lock().push(scratch);
        result
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packed_nodes_keep_the_order(a in -2.0_f32..2.0, b in -2.0_f32..2.0, row in any::<u32>()) {
            let order = Near::new(a, row).cmp(&Near::new(b, row));
            prop_assert_eq!(order, a.total_cmp(&b));
            prop_assert_eq!(Near::new(a, row).row(), row);
        }
    }

    #[test]
    fn the_lower_row_is_nearer_on_a_tie() {
        assert!(Near::new(0.5, 3) > Near::new(0.5, 4));
        assert!(Near::new(-0.5, 3) > Near::new(-0.5, u32::MAX));
    }
}
