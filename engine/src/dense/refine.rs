//! From the layers of an inserted graph to the one that is stored.
//!
//! [`build`] sets twins apart, has the layers inserted, and then improves the
//! bottom layer in two steps. Re-pruning: a node's links are chosen again from
//! all nodes that link to it or that it links to, since insertion appends back
//! links and keeps the nearest instead of the most useful. Connecting: links
//! are added until every node can be reached from the entry point and can reach
//! it, so that no start of a walk hides a part of the graph.
//!
//! Source: the selection rule is Malkov and Yashunin, TPAMI 2020, algorithm 4,
//! relaxed by the factor `alpha` of Subramanya et al., DiskANN, NeurIPS 2019.

use rayon::prelude::*;

use super::GraphParams;
use super::flat::FlatIndex;
use super::graph::{HnswIndex, NONE, Scratch, WalkLimits, used};
use super::hnsw::{self, HigherLayer};
use super::metric::dot;
use super::quantize::Codes;

/// A chosen node hides a candidate that is this many times nearer to it than to
/// the node whose links are chosen. Above 1 keeps more, longer links.
const ALPHA: f32 = 1.15;

/// Candidates looked at when a node's links are chosen; a hub has thousands.
const MAX_CANDIDATES: usize = 128;

/// Link slots that pruning leaves free, one for each direction of connecting:
/// every node gives at most one link as the goal of a repair and one as its
/// source, so connecting always finds a slot.
const SPARE_SLOTS: usize = 2;

/// Width of the walk that looks for a neighbour to connect to.
const CONNECT_EF: usize = 16;

/// A finished graph, owned.
pub(super) struct Graph {
    pub(super) entry: u32,
    pub(super) links: Vec<u32>,
    pub(super) twins: Vec<u32>,
    pub(super) layer_sizes: Vec<u32>,
    pub(super) layer_rows: Vec<u32>,
    pub(super) layer_links: Vec<u32>,
}

/// Builds the graph of at least one row. Depends on the arguments only, not on
/// the number of threads.
pub(super) fn build(flat: FlatIndex<'_>, codes: Codes<'_>, params: &GraphParams) -> Graph {
    let twins = twins(&flat);
    let mut is_node = vec![true; twins.len()];
    for &twin in twins.iter().filter(|&&twin| twin != NONE) {
        is_node[twin as usize] = false;
    }
    let nodes: Vec<u32> = (0..twins.len() as u32).filter(|&row| is_node[row as usize]).collect();
    let order = shuffled(&nodes, params.seed);
    let layers = hnsw::build(codes, &order, params.m, params.ef_construction);
    let mut graph = Graph::new(reprune(&flat, &layers.links, params.m), twins, &layers.higher);
    connect(&mut graph, codes, &nodes, params.m);
    graph
}

impl Graph {
    fn new(links: Vec<u32>, twins: Vec<u32>, higher: &[HigherLayer]) -> Self {
        Self {
            // The first row is never the twin of an earlier one, so it is a node.
            entry: higher.last().map_or(0, |top| top.rows[0]),
            links,
            twins,
            layer_sizes: higher.iter().map(|layer| layer.rows.len() as u32).collect(),
            layer_rows: higher.iter().flat_map(|layer| &layer.rows).copied().collect(),
            layer_links: higher.iter().flat_map(|layer| &layer.links).copied().collect(),
        }
    }

    /// The graph as it is searched.
    pub(super) fn view<'a>(&'a self, codes: Codes<'a>, m: usize) -> HnswIndex<'a> {
        HnswIndex {
            codes,
            m,
            entry: self.entry,
            links: &self.links,
            twins: &self.twins,
            layer_sizes: &self.layer_sizes,
            layer_rows: &self.layer_rows,
            layer_links: &self.layer_links,
        }
    }
}

/// For each row the next one with the same bits, or [`NONE`].
fn twins(flat: &FlatIndex<'_>) -> Vec<u32> {
    let n = flat.ords.len();
    let bits = |row: u32| flat.row(row as usize).iter().map(|x| x.to_bits());
    let mut rows: Vec<u32> = (0..n as u32).collect();
    rows.par_sort_unstable_by(|&a, &b| bits(a).cmp(bits(b)).then(a.cmp(&b)));
    let mut twins = vec![NONE; n];
    for pair in rows.windows(2) {
        if bits(pair[0]).eq(bits(pair[1])) {
            twins[pair[0] as usize] = pair[1];
        }
    }
    twins
}

/// Fisher and Yates's shuffle over SplitMix64. Chunks come in the order of their
/// documents, and a graph grown topic by topic is worse than one grown evenly.
fn shuffled(nodes: &[u32], seed: u64) -> Vec<u32> {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let mut order = nodes.to_vec();
    for last in (1..order.len()).rev() {
        // The bias of a remainder is below 2^-32 here.
        let other = (random() % (last as u64 + 1)) as usize;
        order.swap(last, other);
    }
    order
}

/// Chooses the links of every row again, from those in both directions.
fn reprune(flat: &FlatIndex<'_>, links: &[u32], m: usize) -> Vec<u32> {
    let width = 2 * m;
    let sources = Reversed::new(links, width);
    let mut pruned = vec![NONE; links.len()];
    pruned.par_chunks_exact_mut(width).enumerate().for_each(|(row, slots)| {
        let vector = flat.row(row);
        let mut candidates: Vec<u32> = used(&links[row * width..][..width])
            .chain(sources.of(row as u32).iter().copied())
            .collect();
        candidates.sort_unstable();
        candidates.dedup();
        let mut candidates: Vec<(f32, u32)> = candidates
            .into_iter()
            .map(|other| (1.0 - dot(vector, flat.row(other as usize)), other))
            .collect();
        candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        candidates.truncate(MAX_CANDIDATES);
        select(flat, &candidates, &mut slots[..width - SPARE_SLOTS]);
    });
    pruned
}

/// Fills `slots` with candidates that no nearer chosen one hides.
fn select(flat: &FlatIndex<'_>, candidates: &[(f32, u32)], slots: &mut [u32]) {
    let mut n_chosen = 0;
    for &(distance, other) in candidates {
        let vector = flat.row(other as usize);
        let hidden = slots[..n_chosen]
            .iter()
            .any(|&chosen| ALPHA * (1.0 - dot(vector, flat.row(chosen as usize))) < distance);
        if !hidden {
            slots[n_chosen] = other;
            n_chosen += 1;
            if n_chosen == slots.len() {
                return;
            }
        }
    }
}

/// Adds links until the nodes are strongly connected in the bottom layer.
fn connect(graph: &mut Graph, codes: Codes<'_>, nodes: &[u32], m: usize) {
    let width = 2 * m;
    let mut scratch = Scratch::default();
    let limits = WalkLimits { ef: CONNECT_EF, budget: usize::MAX };

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
            .search(codes.row(node), limits, is_open, &mut scratch)
            .and_then(|found| found.iter().max())
            .map_or(last_reached, |nearest| nearest.row());
        append(&mut graph.links[from as usize * width..][..width], node);
        reached.spread(node, |row| used(&graph.links[row as usize * width..][..width]));
        last_reached = node;
    }

    // Backward: from each node that cannot return to one that can.
    let sources = Reversed::new(&graph.links, width);
    let mut returning = Marks::new(graph.twins.len());
    returning.spread(graph.entry, |row| sources.of(row).iter().copied());
    for &node in nodes {
        if returning.contains(node) {
            continue;
        }
        let to = graph
            .view(codes, m)
            .search(codes.row(node), limits, |row| returning.contains(row), &mut scratch)
            .and_then(|found| found.iter().max())
            .map_or(graph.entry, |nearest| nearest.row());
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
struct Reversed {
    /// `[n + 1]`: where a row's sources begin.
    starts: Vec<usize>,
    sources: Vec<u32>,
}

impl Reversed {
    fn new(links: &[u32], width: usize) -> Self {
        let n = links.len() / width;
        let mut starts = vec![0; n + 1];
        for slots in links.chunks_exact(width) {
            for next in used(slots) {
                starts[next as usize + 1] += 1;
            }
        }
        for row in 0..n {
            starts[row + 1] += starts[row];
        }
        let mut free = starts.clone();
        let mut sources = vec![0; starts[n]];
        for (row, slots) in (0_u32..).zip(links.chunks_exact(width)) {
            for next in used(slots) {
                sources[free[next as usize]] = row;
                free[next as usize] += 1;
            }
        }
        Self { starts, sources }
    }

    fn of(&self, row: u32) -> &[u32] {
        &self.sources[self.starts[row as usize]..self.starts[row as usize + 1]]
    }
}
