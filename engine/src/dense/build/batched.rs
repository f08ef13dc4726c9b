//! The default builder: nodes are inserted in batches, each in parallel.
//!
//! Every node of a batch searches the graph as it was before the batch and
//! chooses its links; then all nodes that were linked to receive their links
//! back, each once. Batches grow with the graph, so nodes of one batch miss each
//! other as neighbours rarely. Nothing depends on timing: the graph is the same
//! for any number of threads, which insertion one by one in parallel is not.
//!
//! Source: batches of doubling size are those of Manohar et al., ParlayANN,
//! PPoPP 2024; search and choice are Malkov and Yashunin's, TPAMI 2020. Differs:
//! the higher layers are built first, from prefixes of the order of insertion,
//! and links back are chosen anew only when a node has twice as many as it keeps.

use rayon::prelude::*;

use super::select::Selector;
use super::{HigherLayer, Layers};
use crate::dense::GraphParams;
use crate::dense::graph::{Links, MAX_LAYERS, NONE, used};
use crate::dense::quantize::Codes;
use crate::dense::walk::Scratch;

/// A batch is at most one in this many of all nodes of a layer...
const BATCHES: usize = 50;

/// ... but not so small that threads wait for each other.
const MIN_BATCH: usize = 256;

/// Slots a node has while the layer grows, for each link it keeps: links back
/// fill them up before a choice is made among them.
const SLACK: usize = 2;

/// Inserts the rows of `order`, each with a vector of its own.
pub(super) fn build(codes: Codes<'_>, order: &[u32], params: &GraphParams) -> Layers {
    // Nodes are numbered by their place in the order, so that a higher layer's
    // nodes are the first ones of the layer below.
    let (values, scales) = codes.reordered(order);
    let shuffled = Codes { dim: codes.dim, values: &values, scales: &scales };
    let mut grown: Vec<Layer> = Vec::new();
    for size in layer_sizes(order.len(), params.m).into_iter().rev() {
        let layer = grow(shuffled, size, params.m, params, &grown);
        grown.push(layer.narrowed(shuffled, params.m));
    }
    // Not narrowed: it is refined with all it has.
    let bottom = grow(shuffled, order.len(), 2 * params.m, params, &grown);
    let mut links = vec![NONE; codes.scales.len() * bottom.width];
    for (&row, slots) in order.iter().zip(bottom.slots.chunks_exact(bottom.width)) {
        for (to, node) in links[row as usize * bottom.width..].iter_mut().zip(used(slots)) {
            *to = order[node as usize];
        }
    }
    let higher = grown.iter().rev().map(|layer| layer.by_row(order)).collect();
    Layers { width: bottom.width, links, higher }
}

/// Nodes of each higher layer, the most populated first.
fn layer_sizes(n: usize, m: usize) -> Vec<usize> {
    let sizes = std::iter::successors(Some(n / m), |&size| Some(size / m));
    sizes.take_while(|&size| size > 1).take(MAX_LAYERS).collect()
}

/// A grown layer over the first nodes of the order.
struct Layer {
    width: usize,
    /// `[n, width]` nodes.
    slots: Vec<u32>,
}

impl Layer {
    fn links(&self) -> Links<'_> {
        Links { width: self.width, slots: &self.slots }
    }

    /// The same with at most `width` links a node.
    fn narrowed(&self, codes: Codes<'_>, width: usize) -> Self {
        let mut slots = vec![NONE; self.links().len() * width];
        slots.par_chunks_exact_mut(width).enumerate().for_each_init(
            Selector::default,
            |selector, (node, to)| {
                let node = node as u32;
                let chosen = selector.select(codes, node, self.links().of(node), width);
                to[..chosen.len()].copy_from_slice(&chosen);
            },
        );
        Self { width, slots }
    }

    /// The layer as it is stored: rows ascending, links by position.
    fn by_row(&self, order: &[u32]) -> HigherLayer {
        let n = self.links().len();
        let mut nodes: Vec<u32> = (0..n as u32).collect();
        nodes.sort_unstable_by_key(|&node| order[node as usize]);
        let mut positions = vec![0; n];
        for (position, &node) in (0..).zip(&nodes) {
            positions[node as usize] = position;
        }
        let links = nodes
            .iter()
            .flat_map(|&node| self.links().slots_of(node))
            .map(|&next| if next == NONE { NONE } else { positions[next as usize] })
            .collect();
        HigherLayer { rows: nodes.iter().map(|&node| order[node as usize]).collect(), links }
    }
}

/// Grows the layer of the first `n` nodes, whose nodes keep `width` links, under
/// the finished `higher` layers, the topmost first.
fn grow(codes: Codes<'_>, n: usize, width: usize, params: &GraphParams, higher: &[Layer]) -> Layer {
    let wide = SLACK * width;
    let mut slots = vec![NONE; n * wide];
    let mut inserted = 1.min(n);
    while inserted < n {
        let size = inserted.min((n / BATCHES).max(MIN_BATCH)).min(n - inserted);
        let links = Links { width: wide, slots: &slots[..inserted * wide] };
        let chosen: Vec<Vec<u32>> = (inserted..inserted + size)
            .into_par_iter()
            .map_init(Worker::default, |worker, node| {
                worker.choose(codes, node as u32, links, params, higher)
            })
            .collect();
        let mut back: Vec<(u32, u32)> = Vec::with_capacity(size * params.m);
        for ((node, chosen), slots) in
            (inserted as u32..).zip(&chosen).zip(slots[inserted * wide..].chunks_exact_mut(wide))
        {
            slots[..chosen.len()].copy_from_slice(chosen);
            back.extend(chosen.iter().map(|&to| (to, node)));
        }
        back.par_sort_unstable();
        let groups: Vec<&[(u32, u32)]> = back.chunk_by(|a, b| a.0 == b.0).collect();
        let linked: Vec<Vec<u32>> = groups
            .par_iter()
            .map_init(Selector::default, |selector, group| {
                let node = group[0].0;
                let present = used(&slots[node as usize * wide..][..wide]);
                let all: Vec<u32> = present.chain(group.iter().map(|pair| pair.1)).collect();
                if all.len() <= wide { all } else { selector.select(codes, node, all, width) }
            })
            .collect();
        for (group, linked) in groups.iter().zip(&linked) {
            let slots = &mut slots[group[0].0 as usize * wide..][..wide];
            slots.fill(NONE);
            slots[..linked.len()].copy_from_slice(linked);
        }
        inserted += size;
    }
    Layer { width: wide, slots }
}

/// A thread's memory.
#[derive(Default)]
struct Worker {
    scratch: Scratch,
    selector: Selector,
}

impl Worker {
    /// The links of a node that is to be inserted.
    fn choose(
        &mut self,
        codes: Codes<'_>,
        node: u32,
        links: Links<'_>,
        params: &GraphParams,
        higher: &[Layer],
    ) -> Vec<u32> {
        let query = codes.row(node);
        let mut start = 0;
        for layer in higher {
            start = self.scratch.greedy(codes, query, layer.links(), start, |at| at);
        }
        // A node of the layer above is its own nearest there, but not inserted here yet.
        if start as usize >= links.len() {
            start = 0;
        }
        let met = self.scratch.walk(codes, query, links, start, params.ef_construction);
        self.selector.select(codes, node, met.iter().map(|near| near.row()), params.m)
    }
}
