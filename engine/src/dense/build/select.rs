//! Choosing a node's links among candidates.
//!
//! Source: Malkov and Yashunin, TPAMI 2020, algorithm 4, relaxed by the factor
//! `alpha` of Subramanya et al., DiskANN, NeurIPS 2019.

use crate::dense::quantize::Codes;

/// A chosen node hides a candidate that is this many times nearer to it than to
/// the node whose links are chosen. Above 1 keeps more, longer links.
const ALPHA: f32 = 1.15;

/// Chosen nodes a candidate is compared with at once: most candidates are hidden
/// by one of the first.
const COMPARED_AT_ONCE: usize = 8;

/// A possible link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    /// Cosine to the node whose links are chosen, as codes give it.
    pub(super) cosine: f32,
    pub(super) node: u32,
}

/// Memory of a choice, used again by the next.
#[derive(Debug, Default)]
pub(super) struct Selector {
    products: Vec<i32>,
    similarities: Vec<f32>,
    candidates: Vec<Candidate>,
    nodes: Vec<u32>,
}

impl Selector {
    /// Chooses at most `limit` of `nodes` for `node`, which may be among them:
    /// nearest first, each only if no one already chosen hides it.
    pub(super) fn select(
        &mut self,
        codes: Codes<'_>,
        node: u32,
        nodes: impl IntoIterator<Item = u32>,
        limit: usize,
    ) -> Vec<u32> {
        self.nodes.clear();
        self.nodes.extend(nodes);
        self.nodes.sort_unstable();
        self.nodes.dedup();
        let Self { products, similarities, .. } = self;
        codes.similarities(codes.row(node), &self.nodes, products, similarities);
        let scale = codes.scales[node as usize];
        self.candidates.clear();
        self.candidates.extend(
            self.nodes
                .iter()
                .zip(&self.similarities)
                .filter(|&(&other, _)| other != node)
                .map(|(&node, similarity)| Candidate { cosine: similarity * scale, node }),
        );
        let nearest_first =
            |a: &Candidate, b: &Candidate| b.cosine.total_cmp(&a.cosine).then(a.node.cmp(&b.node));
        self.candidates.sort_unstable_by(nearest_first);
        let mut chosen = Vec::with_capacity(limit);
        for at in 0..self.candidates.len() {
            let candidate = self.candidates[at];
            if !self.is_hidden(codes, candidate, &chosen) {
                chosen.push(candidate.node);
                if chosen.len() == limit {
                    break;
                }
            }
        }
        chosen
    }

    /// Whether a chosen node is so much nearer to the candidate that the way
    /// leads over it.
    fn is_hidden(&mut self, codes: Codes<'_>, candidate: Candidate, chosen: &[u32]) -> bool {
        let Candidate { cosine, node } = candidate;
        let (row, scale) = (codes.row(node), codes.scales[node as usize]);
        chosen.chunks(COMPARED_AT_ONCE).any(|chosen| {
            let Self { products, similarities, .. } = self;
            codes.similarities(row, chosen, products, similarities);
            similarities.iter().any(|near| ALPHA * (1.0 - near * scale) < 1.0 - cosine)
        })
    }
}
