//! Search by vectors: the dense leg.
//!
//! A [`VectorIndex`] is the vector segments of one generation. A small segment
//! is scanned exactly ([`flat`]); a large one carries a graph ([`mod@build`] makes
//! it, [`graph`] is its stored form, [`walk`] searches it), built once when the
//! segment is written and walked on eight-bit codes ([`quantize`]); [`mod@plan`]
//! decides between the two. Whatever finds a chunk, its score is the same product
//! of the query and the row as it is stored ([`storage`], [`kernels`]): a cosine,
//! higher is better, comparable between all lists of one index.

mod build;
mod feedback;
mod flat;
mod graph;
mod kernels;
mod plan;
mod quantize;
mod ranks;
mod segment;
mod standalone;
mod storage;
mod walk;

use std::sync::Arc;

pub(crate) use kernels::dot;
use segment::Found;
pub(crate) use segment::{VectorSegment, write_segment};
pub use standalone::{VectorFile, VectorFileSize};
pub(crate) use storage::EncodedRows;
pub use storage::{LayoutError, VectorLayout, VectorStorage};

use crate::document::ChunkOrd;
use crate::error::SegmentError;
use crate::ord_set::OrdSet;
use crate::ranked_list::{RankedList, ScoredChunk};

/// How far a vector's length may be from 1. Encoders stay within 1e-5; this
/// leaves room for vectors that went through half precision.
const NORM_TOLERANCE: f64 = 1e-3;

/// How the dense leg searches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VectorSearch {
    /// A graph walk where one is expected to be cheaper than a scan of the
    /// allowed rows, as wide as the depth asks for; else an exact scan.
    #[default]
    Auto,
    /// Every allowed row is scored: the oracle.
    Exact,
    /// As [`VectorSearch::Auto`], with the width of the walk given.
    Graph {
        /// Nodes a walk keeps; raised to the depth asked for where it is lower.
        /// More find more and cost in proportion.
        ef: usize,
    },
}

/// Who inserts the nodes of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GraphBuilder {
    /// Our own, in batches over all threads.
    #[default]
    Batched,
    /// The crate `hnsw_rs`, one node after the other on one thread: the reference.
    HnswRs,
}

/// How the graph of a segment is built.
///
/// Source: `m` and `ef_construction` as in Malkov and Yashunin, TPAMI 2020.
/// It serialises because the manifest of an index holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GraphParams {
    /// Who inserts the nodes.
    pub builder: GraphBuilder,
    /// Links of a node in the higher layers, half of those in the bottom one.
    /// In [`GraphParams::M_RANGE`]; default 16.
    pub m: usize,
    /// Nodes kept by the walk that looks for a new node's neighbours. In
    /// [`GraphParams::EF_CONSTRUCTION_RANGE`]; default 200.
    pub ef_construction: usize,
    /// Segments with fewer rows get no graph: they are scanned faster than
    /// walked. Default 5,000.
    pub min_rows: usize,
    /// Order of insertion, and with it the choice of the higher layers' nodes.
    pub seed: u64,
}

impl GraphParams {
    /// Accepted values of [`GraphParams::m`].
    pub const M_RANGE: std::ops::RangeInclusive<usize> = 4..=64;
    /// Accepted values of [`GraphParams::ef_construction`].
    pub const EF_CONSTRUCTION_RANGE: std::ops::RangeInclusive<usize> = 8..=4096;

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`DenseError::GraphParam`] with the first value outside its range.
    pub fn validate(&self) -> Result<(), DenseError> {
        let Self { builder: _, m, ef_construction, min_rows: _, seed: _ } = *self;
        for (name, value, range) in [
            ("m", m, Self::M_RANGE),
            ("ef_construction", ef_construction, Self::EF_CONSTRUCTION_RANGE),
        ] {
            if !range.contains(&value) {
                let (min, max) = (*range.start(), *range.end());
                return Err(DenseError::GraphParam { name, value, min, max });
            }
        }
        Ok(())
    }
}

impl Default for GraphParams {
    fn default() -> Self {
        Self {
            builder: GraphBuilder::default(),
            m: 16,
            ef_construction: 200,
            min_rows: 5_000,
            seed: 0,
        }
    }
}

/// Vectors that cannot be stored, or a query that cannot be compared with them.
#[derive(Debug, thiserror::Error)]
pub enum DenseError {
    /// The segment's file cannot be read or written.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// Vectors of another length than the index's: another encoder made them.
    #[error("the vector has {found} components, the index holds {expected}; use its encoder")]
    Dimension {
        /// Components given.
        found: usize,
        /// Components of the index.
        expected: usize,
    },
    /// No index can hold vectors of this length.
    #[error("vectors of {dim} components cannot be indexed; 1 to {max} can")]
    DimensionRange {
        /// Components given.
        dim: usize,
        /// The most there may be.
        max: usize,
    },
    /// The number of values is no whole number of rows.
    #[error("{values} values are not whole rows of {dim} components")]
    Shape {
        /// Values given.
        values: usize,
        /// Components of a row.
        dim: usize,
    },
    /// A layout that keeps more components than vectors have, or none.
    #[error("{dim} components are to be kept of vectors of {encoder_dim}; 1 to {encoder_dim} can")]
    LayoutDim {
        /// Components to be kept.
        dim: usize,
        /// Components of the encoder's vectors.
        encoder_dim: usize,
    },
    /// More rows than a graph can number.
    #[error("{rows} rows are too many for one graph; at most {max} fit")]
    TooManyRows {
        /// Rows given.
        rows: usize,
        /// The most there may be.
        max: usize,
    },
    /// Rows are not in the order of their chunks, or one comes twice.
    #[error("row {row} holds chunk {ord} after chunk {previous}; rows must ascend")]
    Order {
        /// Which row.
        row: usize,
        /// Its chunk.
        ord: u32,
        /// The chunk of the row before.
        previous: u32,
    },
    /// NaN or infinity in a vector: the model or its precision is at fault.
    #[error("{vector}: component {component} is {value}; a model gave a vector without meaning")]
    NonFinite {
        /// Whose vector.
        vector: VectorName,
        /// Which component.
        component: usize,
        /// What it is.
        value: f32,
    },
    /// A vector that was not normalised, or is zero.
    #[error("{vector}: length {norm}, expected 1 within {NORM_TOLERANCE}; normalise it")]
    Norm {
        /// Whose vector.
        vector: VectorName,
        /// Its L2 norm.
        norm: f64,
    },
    /// A graph parameter outside its range.
    #[error("graph parameter {name} is {value}; it must lie in {min}..={max}")]
    GraphParam {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: usize,
        /// The least allowed.
        min: usize,
        /// The most allowed.
        max: usize,
    },
}

/// Whose vector an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorName {
    /// The query's.
    Query,
    /// A chunk's.
    Chunk(ChunkOrd),
}

impl std::fmt::Display for VectorName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Query => f.write_str("query vector"),
            Self::Chunk(ord) => write!(f, "vector of chunk {}", ord.0),
        }
    }
}

/// Lets only finite vectors of length 1 pass.
fn check_unit(vector: VectorName, values: &[f32]) -> Result<(), DenseError> {
    if let Some(component) = values.iter().position(|value| !value.is_finite()) {
        return Err(DenseError::NonFinite { vector, component, value: values[component] });
    }
    let norm = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if (norm - 1.0).abs() > NORM_TOLERANCE {
        return Err(DenseError::Norm { vector, norm });
    }
    Ok(())
}

/// A query as the segments read it.
struct Query {
    values: Vec<f32>,
    codes: Vec<i8>,
}

impl Query {
    /// Of a unit vector with `dims.0` components, of which `dims.1` are kept.
    fn new(values: &[f32], dims: (usize, usize)) -> Result<Self, DenseError> {
        let values = storage::kept_components(VectorName::Query, values, dims)?;
        let mut codes = Vec::with_capacity(values.len());
        quantize::quantize_row(&values, &mut codes);
        Ok(Self { values, codes })
    }
}

/// A search as one segment sees it.
#[derive(Clone, Copy)]
struct SegmentQuery<'a> {
    query: &'a Query,
    depth: usize,
    allowed: &'a OrdSet,
    /// Rows of the segment that are allowed.
    n_allowed: usize,
    how: VectorSearch,
    /// The part that they are of all allowed rows in segments with a graph.
    share: f64,
}

/// The vector segments of one generation; a chunk is in at most one of them.
#[derive(Debug)]
pub(crate) struct VectorIndex {
    /// Components of the encoder's vectors and of the stored ones.
    dims: (usize, usize),
    segments: Vec<Arc<VectorSegment>>,
}

impl VectorIndex {
    /// An index over segments whose vectors have `dims.1` components, kept of
    /// the encoder's `dims.0`.
    pub(crate) fn new(dims: (usize, usize), segments: Vec<Arc<VectorSegment>>) -> Self {
        Self { dims, segments }
    }

    /// The chunks of `allowed` nearest to `query`, at most `depth`, by cosine.
    ///
    /// `query` is a unit vector. With [`VectorSearch::Exact`], and wherever a
    /// segment is scanned, none is missed; a graph walk may miss some, but what
    /// it returns carries the very score that a scan gives.
    ///
    /// # Errors
    /// [`DenseError::Dimension`], [`DenseError::NonFinite`] or
    /// [`DenseError::Norm`] for a query that no segment could answer.
    pub(crate) fn search(
        &self,
        query: &[f32],
        depth: usize,
        allowed: &OrdSet,
        how: VectorSearch,
    ) -> Result<RankedList, DenseError> {
        let query = Query::new(query, self.dims)?;
        let counts: Vec<usize> =
            self.segments.iter().map(|segment| segment.n_allowed(allowed)).collect();
        let walked = self.segments.iter().zip(&counts).filter(|(segment, _)| segment.has_graph());
        let n_walked: usize = walked.map(|(_, n_allowed)| n_allowed).sum();
        let asked = |n_allowed: usize| SegmentQuery {
            query: &query,
            depth,
            allowed,
            n_allowed,
            how,
            share: n_allowed as f64 / n_walked.max(1) as f64,
        };
        let (mut found, mut walked) = (Vec::new(), Vec::new());
        for (at, (segment, &n_allowed)) in self.segments.iter().zip(&counts).enumerate() {
            match segment.search(&asked(n_allowed)) {
                Found::Scored(entries) => found.extend(entries),
                Found::Walked(nodes) => walked.extend(nodes.into_iter().map(|near| (near, at))),
            }
        }
        // Scoring reads rows from all over the memory: as many as in one segment.
        walked.sort_unstable_by(|a, b| b.cmp(a));
        walked.truncate(segment::n_scored(depth));
        for (at, (segment, &n_allowed)) in self.segments.iter().zip(&counts).enumerate() {
            let nodes = walked.iter().filter(|&&(_, of)| of == at).map(|&(near, _)| near);
            found.extend(segment.scored_nodes(&asked(n_allowed), nodes));
        }
        let mut list = RankedList::from_distinct(found);
        list.truncate(depth);
        Ok(list)
    }

    /// Whether a search for `query` could be answered.
    ///
    /// # Errors
    /// As [`VectorIndex::search`].
    pub(crate) fn check_query(&self, query: &[f32]) -> Result<(), DenseError> {
        Query::new(query, self.dims).map(drop)
    }

    /// The cosine of `query` and a chunk; nothing when the index lacks the chunk
    /// or the query is not a unit vector of its dimension.
    pub(crate) fn score_of(&self, query: &[f32], ord: ChunkOrd) -> Option<f64> {
        let query = Query::new(query, self.dims).ok()?;
        self.segments.iter().find_map(|segment| segment.score_of(&query, ord))
    }

    /// The 1-based rank that an exact scan gives `ord` among the chunks of
    /// `allowed`, whether or not it is one of them, and its score; nothing where
    /// [`VectorIndex::score_of`] gives nothing. Costs a full scan.
    pub(crate) fn rank_of(
        &self,
        query: &[f32],
        ord: ChunkOrd,
        allowed: &OrdSet,
    ) -> Option<(usize, f64)> {
        let score = self.score_of(query, ord)?;
        let query = Query::new(query, self.dims).ok()?;
        let target = ScoredChunk { ord, score };
        let before: usize = self
            .segments
            .iter()
            .map(|segment| segment.flat().count_before(&query.values, &target, allowed))
            .sum();
        Some((before + 1, score))
    }

    /// Stored rows, deleted chunks included, and how many of them lie in
    /// segments that lack the graph their form could have.
    pub(crate) fn row_counts(&self) -> (usize, usize) {
        self.segments.iter().fold((0, 0), |(rows, flat), segment| {
            let n = segment.len();
            (rows + n, flat + if segment.has_graph() || !segment.can_have_graph() { 0 } else { n })
        })
    }

    /// Whether writing the `n_alive` live rows as one segment would give the
    /// segment that is there.
    pub(crate) fn is_merged(&self, n_alive: usize, params: &GraphParams) -> bool {
        let (rows, without_graph) = self.row_counts();
        self.segments.len() <= 1 && rows == n_alive && without_graph < params.min_rows.max(1)
    }

    /// The segments behind the first `from`, as an index of their own.
    pub(crate) fn tail(&self, from: usize) -> Self {
        Self { dims: self.dims, segments: self.segments[from.min(self.segments.len())..].to_vec() }
    }

    /// The stored rows of `alive`, by ascending chunk, moved into `rows` as they
    /// are: what a merge writes.
    ///
    /// # Errors
    /// [`DenseError::Order`] when `rows` holds later chunks already.
    pub(crate) fn copy_rows(
        &self,
        alive: &OrdSet,
        rows: &mut EncodedRows,
    ) -> Result<(), DenseError> {
        let mut next = vec![0; self.segments.len()];
        loop {
            // A generation has few segments, so the least head is looked for
            // and no heap is kept.
            let heads = self.segments.iter().zip(&mut next);
            let least = heads
                .filter(|(segment, at)| **at < segment.len())
                .min_by_key(|(segment, at)| segment.ords()[**at]);
            let Some((segment, at)) = least else { return Ok(()) };
            let ord = segment.ords()[*at];
            if alive.contains(ChunkOrd(ord)) {
                rows.push_stored(ord, &segment.rows(), *at)?;
            }
            *at += 1;
        }
    }
}

#[cfg(test)]
mod tests;
