//! The reference builder, `hnsw_rs`; nothing else names that crate.
//!
//! It is given row numbers instead of vectors and our own distance over codes,
//! so it copies no vector and none of its distances (which panic on rounding or
//! accept NaN) is ever called. Rows go in one after the other: its parallel
//! insertion depends on timing. Its searches, dumps and reloads are not used;
//! the finished graph is read out into plain arrays and dropped.

use hnsw_rs::prelude::{Distance, Hnsw};

use super::{HigherLayer, Layers};
use crate::dense::GraphParams;
use crate::dense::graph::{MAX_LAYERS, NONE};
use crate::dense::quantize::Codes;

/// One minus the cosine of two rows' codes.
struct CodeDistance<'a>(Codes<'a>);

impl Distance<u32> for CodeDistance<'_> {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        // Never below zero, which the crate asserts and rounding would break.
        (1.0 - self.0.cosine(a[0], b[0])).max(0.0)
    }
}

/// Inserts the rows of `order`, each with a vector of its own, one by one.
///
/// The result depends only on the arguments: the crate draws layers from a
/// fixed seed by insertion number, so `order` is what a seed can vary.
pub(super) fn build(codes: Codes<'_>, order: &[u32], params: &GraphParams) -> Layers {
    let &GraphParams { m, ef_construction, .. } = params;
    let graph = Hnsw::new(m, order.len(), MAX_LAYERS, ef_construction, CodeDistance(codes));
    for &row in order {
        graph.insert((&[row], row as usize));
    }
    let points = graph.get_point_indexation();
    let n_layers = usize::from(graph.get_max_level_observed()) + 1;
    let mut links = vec![NONE; codes.scales.len() * 2 * m];
    // Of every node above the bottom layer: its row, its height, its links by layer.
    let mut tall = Vec::new();
    for height in 0..n_layers {
        for point in points.get_layer_iterator(height) {
            let row = point.get_origin_id();
            let neighbours = point.get_neighborhood_id();
            for (slot, next) in links[row * 2 * m..][..2 * m].iter_mut().zip(&neighbours[0]) {
                *slot = next.d_id as u32;
            }
            if height > 0 {
                tall.push((row as u32, height, neighbours));
            }
        }
    }
    tall.sort_unstable_by_key(|&(row, ..)| row);
    let higher = (1..n_layers)
        .map(|layer| {
            let members = || tall.iter().filter(|&&(_, height, _)| height >= layer);
            let rows: Vec<u32> = members().map(|&(row, ..)| row).collect();
            let mut links = vec![NONE; rows.len() * m];
            for (slots, (.., neighbours)) in links.chunks_exact_mut(m).zip(members()) {
                // The crate also notes nodes that do not reach up to this layer.
                let positions = neighbours[layer]
                    .iter()
                    .filter_map(|next| rows.binary_search(&(next.d_id as u32)).ok());
                for (slot, position) in slots.iter_mut().zip(positions) {
                    *slot = position as u32;
                }
            }
            HigherLayer { rows, links }
        })
        .collect();
    Layers { width: 2 * m, links, higher }
}
