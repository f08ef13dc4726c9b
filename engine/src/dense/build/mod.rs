//! From rows to the graph that is stored.
//!
//! [`build`] sets twins apart, has a builder ([`batched`] or [`hnsw`]) insert
//! the rest, and then improves the bottom layer in two steps. Choosing again: a
//! node's links are chosen from all nodes that link to it or that it links to,
//! since insertion appends links back. Connecting ([`connect`]): links are added
//! until every node can be reached from the entry point and can reach it, so
//! that no start of a walk hides a part of the graph.

mod batched;
mod connect;
mod hnsw;
mod select;

use rayon::prelude::*;

use super::graph::{HnswIndex, Links, NONE};
use super::quantize::Codes;
use super::storage::Rows;
use super::{GraphBuilder, GraphParams};
use connect::{Reversed, SPARE_SLOTS, connect};
use select::Selector;

/// Candidates looked at when a node's links are chosen; a hub has thousands.
const MAX_CANDIDATES: usize = 128;

/// Layers as a builder makes them.
struct Layers {
    /// Link slots of a node of the bottom layer while it was built.
    width: usize,
    /// `[n, width]` links of the bottom layer, by row.
    links: Vec<u32>,
    /// The higher layers, the most populated first.
    higher: Vec<HigherLayer>,
}

/// One layer above the bottom one.
struct HigherLayer {
    /// Ascending.
    rows: Vec<u32>,
    /// `[rows, m]` positions within `rows`.
    links: Vec<u32>,
}

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
pub(super) fn build(rows: Rows<'_>, codes: Codes<'_>, params: &GraphParams) -> Graph {
    let twins = twins(rows, codes.dim, codes.scales.len());
    let mut is_node = vec![true; twins.len()];
    for &twin in twins.iter().filter(|&&twin| twin != NONE) {
        is_node[twin as usize] = false;
    }
    let nodes: Vec<u32> = (0..twins.len() as u32).filter(|&row| is_node[row as usize]).collect();
    let order = shuffled(&nodes, params.seed);
    let layers = match params.builder {
        GraphBuilder::Batched => batched::build(codes, &order, params),
        GraphBuilder::HnswRs => hnsw::build(codes, &order, params),
    };
    let links = Links { width: layers.width, slots: &layers.links };
    let mut graph = Graph::new(chosen_again(codes, links, params.m), twins, &layers.higher);
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

/// For each of `n` rows the next one that is stored alike, or [`NONE`].
fn twins(stored: Rows<'_>, dim: usize, n: usize) -> Vec<u32> {
    let identity = |row: u32| stored.identity(dim, row as usize);
    let mut rows: Vec<u32> = (0..n as u32).collect();
    rows.par_sort_unstable_by(|&a, &b| identity(a).cmp(&identity(b)).then(a.cmp(&b)));
    let mut twins = vec![NONE; n];
    for pair in rows.windows(2) {
        if identity(pair[0]) == identity(pair[1]) {
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
fn chosen_again(codes: Codes<'_>, links: Links<'_>, m: usize) -> Vec<u32> {
    let width = 2 * m;
    let sources = Reversed::new(links);
    let mut chosen = vec![NONE; links.len() * width];
    chosen.par_chunks_exact_mut(width).enumerate().for_each_init(
        Selector::default,
        |selector, (row, slots)| {
            let row = row as u32;
            // Of a hub's thousands of sources the first ones: any would do.
            let sources = sources.of(row).iter().copied().take(MAX_CANDIDATES);
            let candidates = links.of(row).chain(sources);
            let found = selector.select(codes, row, candidates, width - SPARE_SLOTS);
            slots[..found.len()].copy_from_slice(&found);
        },
    );
    chosen
}
