//! Links that make the nodes of a layer reach each other.

use super::Graph;
use crate::dense::graph::{Links, NONE, used};
use crate::dense::quantize::Codes;
use crate::dense::walk::Scratch;

/// Link slots that choosing leaves free, one for each direction of connecting:
/// every node gives at most one link as the goal of a repair and one as its
/// source, so connecting always finds a slot.
pub(super) const SPARE_SLOTS: usize = 2;

/// Width of the walk that looks for a neighbour to connect to.
const CONNECT_EF: usize = 16;

/// Adds links until the nodes are strongly connected in the bottom layer.
pub(super) fn connect(graph: &mut Graph, codes: Codes<'_>, nodes: &[u32], m: usize) {
    let width = 2 * m;
    let mut scratch = Scratch::default();

    // Forward: from a reached node with a free slot to each unreached one.
    let mut reached = Marks::new(graph.twins.len());
    reached.spread(graph.entry, |row| used(&graph.links[row as usize * width..][..width]));
    let mut last_reached = graph.entry;
    for &node in nodes {
        if reached.contains(node) {
            continue;
        }
        let is_open = |row: u32| {
            reached.contains(row) && graph.links[(row as usize + 1) * width - SPARE_SLOTS] == NONE
        };
        let from = graph
            .view(codes, m)
            .nearest(codes.row(node), CONNECT_EF, &mut scratch)
            .iter()
            .map(|near| near.row())
            .find(|&row| is_open(row))
            .unwrap_or(last_reached);
        append(&mut graph.links[from as usize * width..][..width], node);
        reached.spread(node, |row| used(&graph.links[row as usize * width..][..width]));
        last_reached = node;
    }

    // Backward: from each node that cannot return to one that can.
    let sources = Reversed::new(Links { width, slots: &graph.links });
    let mut returning = Marks::new(graph.twins.len());
    returning.spread(graph.entry, |row| sources.of(row).iter().copied());
    for &node in nodes {
        if returning.contains(node) {
            continue;
        }
        let to = graph
            .view(codes, m)
            .nearest(codes.row(node), CONNECT_EF, &mut scratch)
            .iter()
            .map(|near| near.row())
            .find(|&row| returning.contains(row))
            .unwrap_or(graph.entry);
        append(&mut graph.links[node as usize * width..][..width], to);
        returning.spread(node, |row| sources.of(row).iter().copied());
    }
}

/// Puts `next` into the first free slot.
fn append(slots: &mut [u32], next: u32) {
    if let Some(slot) = slots.iter_mut().find(|slot| **slot == NONE) {
        *slot = next;
    }
}

/// Rows marked by walking along links.
struct Marks(Vec<bool>);

impl Marks {
    fn new(n: usize) -> Self {
        Self(vec![false; n])
    }

    fn contains(&self, row: u32) -> bool {
        self.0[row as usize]
    }

    /// Marks `start` and all that `next_of` leads to.
    fn spread<I: Iterator<Item = u32>>(&mut self, start: u32, next_of: impl Fn(u32) -> I) {
        let mut open = vec![start];
        self.0[start as usize] = true;
        while let Some(row) = open.pop() {
            for next in next_of(row) {
                if !std::mem::replace(&mut self.0[next as usize], true) {
                    open.push(next);
                }
            }
        }
    }
}

/// The links turned round: who links to a row.
pub(super) struct Reversed {
    /// `[n + 1]`: where a row's sources begin.
    starts: Vec<usize>,
    sources: Vec<u32>,
}

impl Reversed {
    pub(super) fn new(links: Links<'_>) -> Self {
        let n = links.len();
        let mut starts = vec![0; n + 1];
        for slots in links.slots.chunks_exact(links.width) {
            for next in used(slots) {
                starts[next as usize + 1] += 1;
            }
        }
        for row in 0..n {
            starts[row + 1] += starts[row];
        }
        let mut free = starts.clone();
        let mut sources = vec![0; starts[n]];
        for (row, slots) in (0_u32..).zip(links.slots.chunks_exact(links.width)) {
            for next in used(slots) {
                sources[free[next as usize]] = row;
                free[next as usize] += 1;
            }
        }
        Self { starts, sources }
    }

    pub(super) fn of(&self, row: u32) -> &[u32] {
        &self.sources[self.starts[row as usize]..self.starts[row as usize + 1]]
    }
}
