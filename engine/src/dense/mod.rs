//! Search by vectors: the dense leg.
//!
//! A [`VectorIndex`] is the vector segments of one generation. A small segment
//! is scanned exactly ([`flat`]); a large one carries a graph ([`hnsw`] inserts,
//! [`refine`] improves, [`graph`] walks), built once when the segment is written
//! and walked on eight-bit codes ([`quantize`]). Whatever finds a chunk, its score
//! is the same `f32` dot product of unit vectors ([`metric`]): a cosine, higher is
//! better, comparable between all lists that share an encoder.

mod flat;
mod graph;
mod hnsw;
mod metric;
mod quantize;
mod refine;
mod segment;
mod standalone;

use std::sync::Arc;

pub(crate) use segment::{VectorSegment, write_segment};
pub use standalone::{VectorFile, VectorFileSize};

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

/// How the graph of a segment is built.
///
/// Source: `m` and `ef_construction` as in Malkov and Yashunin, TPAMI 2020.
/// It serialises because the manifest of an index holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GraphParams {
    /// Links of a node in the higher layers, half of those in the bottom one.
    /// In [`GraphParams::M_RANGE`]; default 16.
    pub m: usize,
    /// Nodes kept by the walk that looks for a new node's neighbours. In
    /// [`GraphParams::EF_CONSTRUCTION_RANGE`]; default 100.
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
        let Self { m, ef_construction, min_rows: _, seed: _ } = *self;
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
        Self { m: 16, ef_construction: 100, min_rows: 5_000, seed: 0 }
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
    /// The number of values is not rows times components.
    #[error("{values} values are not {rows} rows of {dim} components")]
    Shape {
        /// Values given.
        values: usize,
        /// Rows given.
        rows: usize,
        /// Components of a row.
        dim: usize,
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

/// Vectors to be written as one segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VectorRows<'a> {
    /// Components of a row.
    pub(crate) dim: usize,
    /// `[n]`, strictly ascending.
    pub(crate) ords: &'a [u32],
    /// `[n, dim]`, row-major, unit rows.
    pub(crate) values: &'a [f32],
}

impl VectorRows<'_> {
    /// Checks shape, order, finiteness and length: what was let in here is never
    /// checked again.
    fn validate(&self) -> Result<(), DenseError> {
        let Self { dim, ords, values } = *self;
        if dim == 0 || dim > metric::MAX_DIM {
            return Err(DenseError::DimensionRange { dim, max: metric::MAX_DIM });
        }
        if ords.len().checked_mul(dim) != Some(values.len()) {
            return Err(DenseError::Shape { values: values.len(), rows: ords.len(), dim });
        }
        if let Some(before) = ords.windows(2).position(|pair| pair[0] >= pair[1]) {
            let (previous, ord) = (ords[before], ords[before + 1]);
            return Err(DenseError::Order { row: before + 1, ord, previous });
        }
        ords.iter()
            .zip(values.chunks_exact(dim))
            .try_for_each(|(&ord, row)| check_unit(VectorName::Chunk(ChunkOrd(ord)), row))
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
struct Query<'a> {
    values: &'a [f32],
    codes: Vec<i8>,
}

impl<'a> Query<'a> {
    fn new(values: &'a [f32], dim: usize) -> Result<Self, DenseError> {
        if values.len() != dim {
            return Err(DenseError::Dimension { found: values.len(), expected: dim });
        }
        check_unit(VectorName::Query, values)?;
        let mut codes = Vec::with_capacity(dim);
        quantize::quantize_row(values, &mut codes);
        Ok(Self { values, codes })
    }
}

/// The vector segments of one generation; a chunk is in at most one of them.
#[derive(Debug)]
pub(crate) struct VectorIndex {
    dim: usize,
    segments: Vec<Arc<VectorSegment>>,
}

impl VectorIndex {
    /// An index over segments that were opened with the same `dim`.
    pub(crate) fn new(dim: usize, segments: Vec<Arc<VectorSegment>>) -> Self {
        Self { dim, segments }
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
        let query = Query::new(query, self.dim)?;
        let found =
            self.segments.iter().flat_map(|segment| segment.search(&query, depth, allowed, how));
        let mut list = RankedList::from_scored(found);
        list.truncate(depth);
        Ok(list)
    }

    /// Whether a search for `query` could be answered.
    ///
    /// # Errors
    /// As [`VectorIndex::search`].
    pub(crate) fn check_query(&self, query: &[f32]) -> Result<(), DenseError> {
        Query::new(query, self.dim).map(drop)
    }

    /// The cosine of `query` and a chunk; nothing when the index lacks the chunk
    /// or the query is not a unit vector of its dimension.
    pub(crate) fn score_of(&self, query: &[f32], ord: ChunkOrd) -> Option<f64> {
        let query = Query::new(query, self.dim).ok()?;
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
        let target = ScoredChunk { ord, score };
        let before: usize = self
            .segments
            .iter()
            .map(|segment| segment.flat().count_before(query, &target, allowed))
            .sum();
        Some((before + 1, score))
    }

    /// Stored rows, deleted chunks included, and how many of them lie in segments without a graph.
    pub(crate) fn row_counts(&self) -> (usize, usize) {
        self.segments.iter().fold((0, 0), |(rows, flat), segment| {
            let n = segment.len();
            (rows + n, flat + if segment.has_graph() { 0 } else { n })
        })
    }

    /// Every stored row, by ascending chunk: what a merge reads.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (ChunkOrd, &[f32])> {
        let mut next = vec![0; self.segments.len()];
        std::iter::from_fn(move || {
            // A generation has few segments, so the least head is looked for
            // and no heap is kept.
            let heads = self.segments.iter().zip(&mut next);
            let (segment, at) = heads
                .filter(|(segment, at)| **at < segment.len())
                .min_by_key(|(segment, at)| segment.ords()[**at])?;
            let row = (ChunkOrd(segment.ords()[*at]), segment.row(*at));
            *at += 1;
            Some(row)
        })
    }
}

#[cfg(test)]
mod tests;
