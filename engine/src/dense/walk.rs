//! Walking a graph to what is near a query.
//!
//! A walk keeps the `ef` nearest nodes it has met in one sorted pool, expands the
//! nearest of them that is not expanded yet, and ends when none is left. All
//! neighbours of a node are compared with the query in one call, so that their
//! cache misses overlap.
//!
//! Under a filter a walk keeps to what is allowed. It starts from allowed nodes
//! spread over the segment, since all that is near the query may be forbidden,
//! and steps over a forbidden neighbour to that one's own neighbours, since
//! allowed nodes alone need not be connected. A free walk that is wide enough to
//! meet allowed nodes by chance is cheaper where nearly all are allowed, and
//! meets none where the filter keeps away what is near.
//!
//! Sources: Malkov and Yashunin, TPAMI 2020, algorithm 2; the pool is that of Fu
//! et al., NSG, VLDB 2019; stepping over is ACORN-1's, Patel et al., SIGMOD 2024.

use std::sync::{Mutex, PoisonError};

use super::graph::{HnswIndex, Links, used};
use super::kernels::prefetch;
use super::quantize::Codes;

/// A node met on a walk; the greater is the nearer, and of equally near ones the
/// one with the lower row. One word, so that a pool moves and compares words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Near(u64);

impl Near {
    /// Set while the node is not expanded. Lowest of all bits: no two nodes of a
    /// pool differ in it alone.
    const OPEN: u64 = 1;

    #[inline]
    fn new(similarity: f32, row: u32) -> Self {
        let bits = similarity.to_bits();
        // Maps the order of finite floats to that of integers.
        let ordered = if similarity.is_sign_negative() { !bits } else { bits | 1 << 31 };
        Self(u64::from(ordered) << 32 | u64::from(!row << 1) | Self::OPEN)
    }

    /// Which row.
    #[inline]
    pub(super) fn row(self) -> u32 {
        !(self.0 as u32) >> 1
    }

    fn is_open(self) -> bool {
        self.0 & Self::OPEN != 0
    }

    fn closed(self) -> Self {
        Self(self.0 & !Self::OPEN)
    }
}

impl HnswIndex<'_> {
    /// The nodes nearest to `query`, best first, at most `ef`.
    pub(super) fn nearest<'s>(
        &self,
        query: &[i8],
        ef: usize,
        scratch: &'s mut Scratch,
    ) -> &'s [Near] {
        let start = self.descend(query, scratch);
        scratch.walk(self.codes, query, self.bottom(), start, ef)
    }

    /// The allowed nodes nearest to `query`, best first, at most `ef`; none where
    /// no allowed node was found to start from.
    ///
    /// # Arguments
    /// * `share` - the part of all rows that is allowed, in `(0, 1]`.
    pub(super) fn nearest_allowed<'s>(
        &self,
        query: &[i8],
        ef: usize,
        share: f64,
        is_allowed: impl Fn(u32) -> bool,
        scratch: &'s mut Scratch,
    ) -> &'s [Near] {
        /// Starts that are looked for in the second layer.
        const STARTS: usize = 128;
        let second_layer = self.second_layer();
        let stride = (second_layer.len() as f64 * share / STARTS as f64) as usize;
        let spread = second_layer.iter().copied().step_by(stride.max(1));
        let nearest = self.descend(query, scratch);
        let starts = spread.chain(self.bottom().of(nearest)).chain([nearest]);
        let starts: Vec<u32> = starts.filter(|&node| is_allowed(node)).collect();
        scratch.walk_allowed(self, query, &starts, ef, is_allowed)
    }
}

/// Memory of one walk, used again by the next: what was visited carries the
/// walk's number, so nothing is cleared between two walks but every 255th time.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    visited: Vec<u8>,
    epoch: u8,
    /// Best first.
    pool: Vec<Near>,
    /// Where the first open node may be in the pool.
    next: usize,
    /// Met for the first time and not compared yet.
    fresh: Vec<u32>,
    /// Forbidden nodes met for the first time.
    bridges: Vec<u32>,
    products: Vec<i32>,
    similarities: Vec<f32>,
}

impl Scratch {
    /// Walks from `start` over all nodes of `links`.
    #[inline]
    pub(super) fn walk(
        &mut self,
        codes: Codes<'_>,
        query: &[i8],
        links: Links<'_>,
        start: u32,
        ef: usize,
    ) -> &[Near] {
        self.start(links.len());
        self.meet_all(&[start]);
        self.admit_fresh(codes, query, ef);
        while let Some(node) = self.next_open() {
            self.meet_all(links.slots_of(node));
            self.admit_prefetched(codes, query, links, ef);
        }
        &self.pool
    }

    /// Walks from `starts`, all of them allowed, over what is allowed.
    fn walk_allowed(
        &mut self,
        graph: &HnswIndex<'_>,
        query: &[i8],
        starts: &[u32],
        ef: usize,
        is_allowed: impl Fn(u32) -> bool,
    ) -> &[Near] {
        let (codes, links) = (graph.codes, graph.bottom());
        self.start(links.len());
        self.meet_all(starts);
        self.admit_prefetched(codes, query, links, ef);
        while let Some(node) = self.next_open() {
            self.meet_allowed(links, node, &is_allowed);
            self.admit_prefetched(codes, query, links, ef);
        }
        &self.pool
    }

    /// The `n` of `rows` whose codes are nearest to `query`, in no particular order.
    pub(super) fn best_of(
        &mut self,
        codes: Codes<'_>,
        query: &[i8],
        rows: &[u32],
        n: usize,
    ) -> &[Near] {
        /// Rows compared at once, while as many are on their way from memory.
        const BLOCK: usize = 16;
        self.pool.clear();
        let mut bar = None;
        for (at, block) in rows.chunks(BLOCK).enumerate() {
            for &row in rows.iter().skip((at + 1) * BLOCK).take(BLOCK) {
                prefetch(codes.row(row));
            }
            codes.similarities(query, block, &mut self.products, &mut self.similarities);
            let met = block.iter().zip(&self.similarities);
            let met = met.map(|(&row, &similarity)| Near::new(similarity, row));
            self.pool.extend(met.filter(|&near| bar.is_none_or(|bar| near > bar)));
            // Cut back when twice as many are held as are wanted, so that the
            // cost of choosing is spread over the rows that were added.
            if self.pool.len() >= 2 * n + BLOCK {
                keep_best(&mut self.pool, n);
                bar = self.pool.iter().min().copied();
            }
        }
        keep_best(&mut self.pool, n);
        &self.pool
    }

    /// The node that no neighbour is nearer than, going from `at` to the
    /// nearest neighbour again and again; `row_of` tells a node's row.
    pub(super) fn greedy(
        &mut self,
        codes: Codes<'_>,
        query: &[i8],
        links: Links<'_>,
        mut at: u32,
        row_of: impl Fn(u32) -> u32,
    ) -> u32 {
        let mut best = f32::NEG_INFINITY;
        self.fresh.clear();
        self.fresh.push(row_of(at));
        let mut compared = &[at][..];
        loop {
            codes.similarities(query, &self.fresh, &mut self.products, &mut self.similarities);
            let mut nearest = None;
            for (&node, &similarity) in compared.iter().zip(&self.similarities) {
                if similarity > best {
                    (best, nearest) = (similarity, Some(node));
                }
            }
            let Some(nearest) = nearest else { return at };
            at = nearest;
            compared = links.slots_of(at);
            self.fresh.clear();
            self.fresh.extend(used(compared).map(&row_of));
        }
    }

    fn start(&mut self, n: usize) {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 || self.visited.len() != n {
            self.visited.clear();
            self.visited.resize(n, 0);
            self.epoch = 1;
        }
        self.pool.clear();
        self.fresh.clear();
        self.next = 0;
    }

    /// Marks the nodes in used slots and has the new ones compared.
    ///
    /// Every node is written and only new ones are counted: whether a node is
    /// new is a coin toss, and a branch on it would be guessed wrongly half the time.
    #[inline]
    fn meet_all(&mut self, slots: &[u32]) {
        self.fresh.resize(slots.len(), 0);
        let mut n_new = 0;
        for next in used(slots) {
            let seen = &mut self.visited[next as usize];
            self.fresh[n_new] = next;
            n_new += usize::from(*seen != self.epoch);
            *seen = self.epoch;
        }
        self.fresh.truncate(n_new);
    }

    /// Meets the allowed neighbours of `node`, and by way of forbidden ones
    /// theirs, until about twice as many are met as a node has links.
    ///
    /// Without that end a filter drawn at random costs half as much again and
    /// finds no more; with half of it recall falls below .99.
    fn meet_allowed(&mut self, links: Links<'_>, node: u32, is_allowed: impl Fn(u32) -> bool) {
        let slots = links.slots_of(node);
        self.meet_all(slots);
        self.bridges.clear();
        let bridges = &mut self.bridges;
        self.fresh.retain(|&next| {
            let keep = is_allowed(next);
            if !keep {
                prefetch(links.slots_of(next));
                bridges.push(next);
            }
            keep
        });
        let mut n_met = used(slots).filter(|&next| is_allowed(next)).count();
        for &bridge in &self.bridges {
            if n_met >= 2 * links.width {
                break;
            }
            for next in links.of(bridge).filter(|&next| is_allowed(next)) {
                n_met += 1;
                let seen = &mut self.visited[next as usize];
                if *seen != self.epoch {
                    *seen = self.epoch;
                    self.fresh.push(next);
                }
            }
        }
    }

    /// The nearest node not expanded yet, marked as expanded.
    #[inline]
    fn next_open(&mut self) -> Option<u32> {
        while let Some(near) = self.pool.get_mut(self.next) {
            self.next += 1;
            if near.is_open() {
                *near = near.closed();
                return Some(near.row());
            }
        }
        None
    }

    /// As [`Scratch::admit_fresh`], with what it reads fetched ahead.
    #[inline]
    fn admit_prefetched(&mut self, codes: Codes<'_>, query: &[i8], links: Links<'_>, ef: usize) {
        for &next in &self.fresh {
            prefetch(codes.row(next));
        }
        // Likely the next to be expanded: its links come while codes are compared.
        if let Some(likely) = self.pool.get(self.next) {
            prefetch(links.slots_of(likely.row()));
        }
        self.admit_fresh(codes, query, ef);
    }

    /// Compares the fresh nodes with the query and takes those into the pool
    /// that are among the `ef` nearest so far.
    #[inline]
    fn admit_fresh(&mut self, codes: Codes<'_>, query: &[i8], ef: usize) {
        codes.similarities(query, &self.fresh, &mut self.products, &mut self.similarities);
        for (&row, &similarity) in self.fresh.iter().zip(&self.similarities) {
            let near = Near::new(similarity, row);
            if self.pool.len() >= ef {
                match self.pool.last() {
                    Some(&worst) if near > worst => self.pool.pop(),
                    _ => continue,
                };
            }
            let at = self.pool.partition_point(|kept| *kept > near);
            self.pool.insert(at, near);
            self.next = self.next.min(at);
        }
        self.fresh.clear();
    }
}

/// Drops all but the `n` nearest; what is left is in no particular order.
fn keep_best(nodes: &mut Vec<Near>, n: usize) {
    if nodes.len() > n && n > 0 {
        nodes.select_nth_unstable_by(n - 1, |a, b| b.cmp(a));
    }
    nodes.truncate(n);
}

/// Scratch memory of one segment: as many pieces as searches ever ran at once.
#[derive(Debug, Default)]
pub(super) struct ScratchPool(Mutex<Vec<Scratch>>);

impl ScratchPool {
    /// Runs `walk` with a piece that no other thread holds.
    pub(super) fn with<T>(&self, walk: impl FnOnce(&mut Scratch) -> T) -> T {
        // A panic elsewhere leaves at worst a used piece behind: `start` cleans it.
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
        fn packed_nodes_keep_the_order(
            a in -2.0_f32..2.0, b in -2.0_f32..2.0, row in 0_u32..1 << 31,
        ) {
            let order = Near::new(a, row).cmp(&Near::new(b, row));
            prop_assert_eq!(order, a.total_cmp(&b));
            prop_assert_eq!(Near::new(a, row).row(), row);
            prop_assert_eq!(Near::new(a, row).closed().row(), row);
        }
    }

    #[test]
    fn the_lower_row_is_nearer_on_a_tie() {
        assert!(Near::new(0.5, 3) > Near::new(0.5, 4));
        assert!(Near::new(0.5, 3).closed() > Near::new(0.5, 4));
        assert!(Near::new(-0.5, 3) > Near::new(-0.5, (1 << 31) - 1));
    }
}
