//! One immutable vector segment: its file, and searching it.
//!
//! Sections: a head of `u32` (dimension, rows, link slots, entry point, sizes of
//! the higher layers), the chunks, the `f32` rows, and for a segment with a graph
//! the eight-bit codes with their scales, the chains of identical rows and the
//! links. All are read in place from the mapped file. Opening checks every bound
//! that a search relies on; the checksums are [`VectorSegment::verify`]'s.

use std::path::Path;

use bytemuck::{Pod, cast_slice};

use super::flat::{BestChunks, FlatIndex};
use super::graph::{HnswIndex, MAX_LAYERS, ScratchPool, WalkLimits};
use super::quantize::{Codes, quantize};
use super::{DenseError, GraphParams, Query, VectorRows, VectorSearch, refine};
use crate::document::ChunkOrd;
use crate::error::SegmentError;
use crate::ord_set::OrdSet;
use crate::ranked_list::ScoredChunk;
use crate::segment_file::{self, Section, SegmentFile, SegmentKind};

const HEAD: u32 = 1;
const ORDS: u32 = 2;
const VALUES: u32 = 3;
const CODES: u32 = 4;
const SCALES: u32 = 5;
const TWINS: u32 = 6;
const LINKS: u32 = 7;
const LAYER_ROWS: u32 = 8;
const LAYER_LINKS: u32 = 9;

/// Nodes a walk compares with the query per node it keeps, when all are allowed:
/// measured 8 to 12 among 20,000 rows at `ef` from 60 to 800, up to 21 below;
/// taken a little higher because it grows with the segment.
const COMPARED_PER_KEPT: f64 = 15.0;

/// The cost of scoring a row in a scan, in comparisons of a walk, which read a
/// quarter of the bytes. Measured where both cost the same.
const SCAN_COST: f64 = 2.0;

/// The default width of a walk is `AUTO_BASE + AUTO_PER_DEPTH · depth`: 0.4 ms
/// at depth 100 among 100,000 rows, against 2 ms for encoding the query.
const AUTO_BASE: usize = 100;
const AUTO_PER_DEPTH: usize = 3;

/// Candidates scored exactly beyond the depth: what codes rank a little too low
/// still comes back.
const RESCORED_EXTRA: usize = 16;

/// Rows whose chunks are looked up to estimate how many a filter allows.
const SAMPLED_ROWS: usize = 1024;

/// Writes the rows as a segment file and syncs it; returns its size in bytes.
///
/// The content depends on the arguments only: neither on the machine's
/// instruction set nor on the number of threads.
///
/// # Errors
/// Rows that break what [`VectorRows`] says, parameters out of range, or
/// [`DenseError::Segment`] when the file exists or cannot be written.
pub(crate) fn write_segment(
    path: &Path,
    rows: &VectorRows<'_>,
    params: &GraphParams,
) -> Result<u64, DenseError> {
    rows.validate()?;
    params.validate()?;
    let VectorRows { dim, ords, values } = *rows;
    let mut head = vec![dim as u32, ords.len() as u32, 0, 0];
    let section = |id, bytes| Section { id, bytes };
    let bytes = if ords.len() < params.min_rows.max(1) {
        let sections = [
            section(HEAD, cast_slice(&head)),
            section(ORDS, cast_slice(ords)),
            section(VALUES, cast_slice(values)),
        ];
        segment_file::write(path, SegmentKind::Vectors, &sections)?
    } else {
        let (codes, scales) = quantize(values, dim);
        let codes = Codes { dim, values: &codes, scales: &scales };
        let graph = refine::build(FlatIndex { dim, ords, values }, codes, params);
        head[2..].copy_from_slice(&[params.m as u32, graph.entry]);
        head.extend(&graph.layer_sizes);
        let sections = [
            section(HEAD, cast_slice(&head)),
            section(ORDS, cast_slice(ords)),
            section(VALUES, cast_slice(values)),
            section(CODES, cast_slice(codes.values)),
            section(SCALES, cast_slice(codes.scales)),
            section(TWINS, cast_slice(&graph.twins)),
            section(LINKS, cast_slice(&graph.links)),
            section(LAYER_ROWS, cast_slice(&graph.layer_rows)),
            section(LAYER_LINKS, cast_slice(&graph.layer_links)),
        ];
        segment_file::write(path, SegmentKind::Vectors, &sections)?
    };
    Ok(bytes)
}

/// An open vector segment.
#[derive(Debug)]
pub(crate) struct VectorSegment {
    file: SegmentFile,
    dim: usize,
    graph_head: Option<GraphHead>,
    scratch: ScratchPool,
}

/// What the head says about the graph.
#[derive(Debug)]
struct GraphHead {
    m: usize,
    entry: u32,
    layer_sizes: Vec<u32>,
}

impl VectorSegment {
    /// Maps a segment and checks everything a search relies on except that the
    /// vectors are the ones that were written.
    ///
    /// # Errors
    /// [`DenseError::Dimension`] when it holds vectors of another length;
    /// [`DenseError::Segment`] when the file cannot be read or contradicts itself.
    pub(crate) fn open(path: &Path, dim: usize) -> Result<Self, DenseError> {
        let file = SegmentFile::open(path, SegmentKind::Vectors)?;
        let head = file.values::<u32>(HEAD)?;
        let &[found, n, m, entry, ref layer_sizes @ ..] = head else {
            return Err(file.damaged("its head is cut").into());
        };
        if found as usize != dim {
            return Err(DenseError::Dimension { found: found as usize, expected: dim });
        }
        let ords = file.values::<u32>(ORDS)?;
        if ords.len() != n as usize || !ords.is_sorted_by(|a, b| a < b) {
            return Err(file.damaged("its chunks do not ascend").into());
        }
        let n_values = file.values::<f32>(VALUES)?.len();
        if ords.len().checked_mul(dim) != Some(n_values) {
            return Err(file.damaged("its vectors do not fit its chunks").into());
        }
        let graph_head =
            (m > 0).then(|| GraphHead { m: m as usize, entry, layer_sizes: layer_sizes.to_vec() });
        let segment = Self { file, dim, graph_head, scratch: ScratchPool::default() };
        segment.check_graph()?;
        Ok(segment)
    }

    fn check_graph(&self) -> Result<(), SegmentError> {
        let Some(head) = &self.graph_head else { return Ok(()) };
        if !GraphParams::M_RANGE.contains(&head.m) || head.layer_sizes.len() > MAX_LAYERS {
            return Err(self.file.damaged("its graph has an impossible shape"));
        }
        self.file.values::<i8>(CODES)?;
        for id in [SCALES, TWINS, LINKS, LAYER_ROWS, LAYER_LINKS] {
            self.file.values::<u32>(id)?;
        }
        self.graph()
            .map_or(Ok(()), |graph| graph.check(self.len()))
            .map_err(|what| self.file.damaged(what))
    }

    /// Compares every section with its checksum.
    ///
    /// # Errors
    /// [`DenseError::Segment`] naming the first section that differs.
    pub(crate) fn verify(&self) -> Result<(), DenseError> {
        Ok(self.file.verify()?)
    }

    /// Number of rows, deleted chunks included.
    pub(crate) fn len(&self) -> usize {
        self.ords().len()
    }

    /// The chunks, ascending.
    pub(crate) fn ords(&self) -> &[u32] {
        self.typed(ORDS)
    }

    /// The unit vector of row `at`, which is below [`VectorSegment::len`].
    pub(crate) fn row(&self, at: usize) -> &[f32] {
        self.flat().row(at)
    }

    /// Whether it carries a graph.
    pub(crate) fn has_graph(&self) -> bool {
        self.graph_head.is_some()
    }

    /// Bytes of the file, and of what a search reads all over: everything but
    /// the exact rows where there is a graph, the rows where there is none.
    pub(super) fn sizes(&self) -> (u64, u64) {
        let file = self.file.len_bytes();
        let rows = size_of_val(self.typed::<f32>(VALUES)) as u64;
        (file, if self.has_graph() { file - rows } else { rows })
    }

    /// The rows for exact scans.
    pub(super) fn flat(&self) -> FlatIndex<'_> {
        FlatIndex { dim: self.dim, ords: self.ords(), values: self.typed(VALUES) }
    }

    /// The cosine of the query and a chunk of this segment.
    pub(super) fn score_of(&self, query: &Query<'_>, ord: ChunkOrd) -> Option<f64> {
        let flat = self.flat();
        flat.scored(query.values, flat.position(ord)?).map(|entry| entry.score)
    }

    /// The best `depth` allowed chunks, in no particular order: by a walk where
    /// the plan says so and the walk comes to its end, else by a scan.
    pub(super) fn search(
        &self,
        query: &Query<'_>,
        depth: usize,
        allowed: &OrdSet,
        how: VectorSearch,
    ) -> Vec<ScoredChunk> {
        if depth == 0 || allowed.is_empty() || self.len() == 0 {
            return Vec::new();
        }
        self.plan(depth, allowed, how)
            .and_then(|limits| self.walk(query, depth, allowed, limits))
            .unwrap_or_else(|| self.flat().search(query.values, depth, allowed))
    }

    /// Decides between a walk and a scan by their expected cost; nothing means a
    /// scan.
    ///
    /// A walk must meet `ef` allowed nodes, so it grows as the share of allowed
    /// rows shrinks, while a scan shrinks with it. The expectation holds for
    /// filters that have nothing to do with the query; where one does, the
    /// budget ends the walk and the scan runs, so that no search costs more
    /// than about two scans.
    fn plan(&self, depth: usize, allowed: &OrdSet, how: VectorSearch) -> Option<WalkLimits> {
        if !self.has_graph() {
            return None;
        }
        let ef = match how {
            VectorSearch::Exact => return None,
            VectorSearch::Auto => AUTO_PER_DEPTH.saturating_mul(depth).saturating_add(AUTO_BASE),
            VectorSearch::Graph { ef } => ef.max(depth),
        };
        let share = self.allowed_share(allowed);
        let scan = SCAN_COST * share * self.len() as f64;
        let walk = COMPARED_PER_KEPT * ef as f64 / share;
        (walk < scan).then_some(WalkLimits { ef, budget: scan as usize })
    }

    /// About which part of the rows is allowed: of evenly spread rows, so a
    /// filter on a document or a folder is met in proportion.
    fn allowed_share(&self, allowed: &OrdSet) -> f64 {
        let ords = self.ords();
        let step = ords.len().div_ceil(SAMPLED_ROWS).max(1);
        let sampled = ords.iter().step_by(step);
        let n_sampled = sampled.len();
        let n_allowed = sampled.filter(|&&ord| allowed.contains(ChunkOrd(ord))).count();
        n_allowed as f64 / n_sampled.max(1) as f64
    }

    /// Walks the graph and scores what it met exactly; nothing when there is no
    /// graph or the budget is spent.
    pub(super) fn walk(
        &self,
        query: &Query<'_>,
        depth: usize,
        allowed: &OrdSet,
        limits: WalkLimits,
    ) -> Option<Vec<ScoredChunk>> {
        let (flat, graph) = (self.flat(), self.graph()?);
        let is_allowed = |row: u32| allowed.contains(ChunkOrd(flat.ords[row as usize]));
        self.scratch.with(|scratch| {
            let any_twin = |row| graph.twins_of(row).any(is_allowed);
            let found = graph.search(&query.codes, limits, any_twin, scratch)?;
            let n_best = depth.saturating_add(RESCORED_EXTRA).min(found.len());
            if n_best < found.len() {
                found.select_nth_unstable_by(n_best, |a, b| b.cmp(a));
            }
            let mut best = BestChunks::new(depth);
            for node in &found[..n_best] {
                let rows = graph.twins_of(node.row()).filter(|&row| is_allowed(row));
                best.extend(rows.filter_map(|row| flat.scored(query.values, row as usize)));
            }
            Some(best.into_entries())
        })
    }

    /// The graph, where there is one.
    pub(super) fn graph(&self) -> Option<HnswIndex<'_>> {
        let head = self.graph_head.as_ref()?;
        Some(HnswIndex {
            codes: Codes { dim: self.dim, values: self.typed(CODES), scales: self.typed(SCALES) },
            m: head.m,
            entry: head.entry,
            links: self.typed(LINKS),
            twins: self.typed(TWINS),
            layer_sizes: &head.layer_sizes,
            layer_rows: self.typed(LAYER_ROWS),
            layer_links: self.typed(LAYER_LINKS),
        })
    }

    /// A section that [`VectorSegment::open`] has read before.
    fn typed<T: Pod>(&self, id: u32) -> &[T] {
        self.file.values(id).expect("open saw this section")
    }
}
