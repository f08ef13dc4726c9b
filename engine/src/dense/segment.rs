//! One immutable vector segment: its file, and searching it.
//!
//! Sections: a head of `u32` (components, rows, form, link slots, entry point,
//! sizes of the higher layers), the chunks, the rows with their scales where the
//! form has any, and for a segment with a graph the eight-bit codes with theirs,
//! the chains of identical rows and the links. All are read in place from the
//! mapped file. Opening checks every bound that a search relies on; the
//! checksums are [`VectorSegment::verify`]'s.

use std::path::Path;

use bytemuck::{Pod, cast_slice};

use super::flat::{BestChunks, FlatIndex};
use super::graph::{HnswIndex, MAX_LAYERS, MAX_ROWS};
use super::kernels::SIGNS_PER_WORD;
use super::plan::{Facts, Way, plan};
use super::quantize::{Codes, MAX_SCALE, quantize_row};
use super::ranks::OrdRanks;
use super::storage::{EncodedRows, Rows, VectorStorage};
use super::walk::{Near, ScratchPool};
use super::{DenseError, GraphParams, Query, SegmentQuery, build};
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

/// Candidates scored exactly beyond the depth: what codes rank a little too low
/// still comes back.
const RESCORED_EXTRA: usize = 16;

/// Nodes of walks that are scored exactly, over all segments together.
pub(super) fn n_scored(depth: usize) -> usize {
    depth.saturating_add(RESCORED_EXTRA)
}

/// What a segment has for a search.
pub(super) enum Found {
    /// Its best chunks, in no particular order.
    Scored(Vec<ScoredChunk>),
    /// The allowed nodes nearest by their codes, best first, [`n_scored`] at most.
    /// Codes of one query compare between segments, so that only the best of all
    /// segments need be scored.
    Walked(Vec<Near>),
}

/// Writes the rows as a segment file and syncs it; returns its size in bytes.
///
/// The content depends on the arguments only: neither on the machine's
/// instruction set nor on the number of threads.
///
/// # Errors
/// Parameters out of range, more rows than a graph can have, or
/// [`DenseError::Segment`] when the file exists or cannot be written.
pub(crate) fn write_segment(
    path: &Path,
    rows: &EncodedRows,
    params: &GraphParams,
) -> Result<u64, DenseError> {
    params.validate()?;
    let (dim, n, storage) = (rows.dim(), rows.ords().len(), rows.storage());
    let mut head = vec![dim as u32, n as u32, storage.tag(), 0, 0];
    let section = |id, bytes| Section { id, bytes };
    let with_graph = storage.can_have_graph() && n >= params.min_rows.max(1);
    if with_graph && n >= MAX_ROWS {
        return Err(DenseError::TooManyRows { rows: n, max: MAX_ROWS - 1 });
    }
    let owned_codes = (with_graph && storage != VectorStorage::Int8).then(|| quantized(rows));
    let codes = match (&owned_codes, rows.view()) {
        (Some((values, scales)), _) => Some(Codes { dim, values, scales }),
        (None, Rows::Int8(codes)) => Some(codes),
        (None, Rows::F32(_) | Rows::F16(_) | Rows::Binary(..)) => None,
    };
    let graph = codes.filter(|_| with_graph).map(|codes| build::build(rows.view(), codes, params));
    if let Some(graph) = &graph {
        head[3..].copy_from_slice(&[params.m as u32, graph.entry]);
        head.extend(&graph.layer_sizes);
    }
    let mut sections =
        vec![section(HEAD, cast_slice(&head)), section(ORDS, cast_slice(rows.ords()))];
    if storage != VectorStorage::Int8 {
        sections.push(section(VALUES, rows.component_bytes()));
    }
    match codes {
        Some(codes) => sections.extend([
            section(CODES, cast_slice(codes.values)),
            section(SCALES, cast_slice(codes.scales)),
        ]),
        None => sections.push(section(SCALES, cast_slice(rows.scales()))),
    }
    if let Some(graph) = &graph {
        sections.extend([
            section(TWINS, cast_slice(&graph.twins)),
            section(LINKS, cast_slice(&graph.links)),
            section(LAYER_ROWS, cast_slice(&graph.layer_rows)),
            section(LAYER_LINKS, cast_slice(&graph.layer_links)),
        ]);
    }
    Ok(segment_file::write(path, SegmentKind::Vectors, &sections)?)
}

/// The codes that a graph over `rows` is built with and walked on.
fn quantized(rows: &EncodedRows) -> (Vec<i8>, Vec<f32>) {
    let mut vector = vec![0.0; rows.dim()];
    let mut codes = Vec::with_capacity(rows.ords().len() * rows.dim());
    let scales = (0..rows.ords().len())
        .map(|at| {
            rows.view().decode(at, &mut vector);
            quantize_row(&vector, &mut codes)
        })
        .collect();
    (codes, scales)
}

/// An open vector segment.
#[derive(Debug)]
pub(crate) struct VectorSegment {
    file: SegmentFile,
    dim: usize,
    storage: VectorStorage,
    ranks: OrdRanks,
    graph_head: Option<GraphHead>,
    scratch: ScratchPool,
}

/// What the head says about the graph.
#[derive(Debug)]
struct GraphHead {
    m: usize,
    entry: u32,
    layer_sizes: Vec<u32>,
    twins: Twins,
}

/// Whether rows with the same vector must be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Twins {
    None,
    Some,
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
        let &[found, n, tag, m, entry, ref layer_sizes @ ..] = head else {
            return Err(file.damaged("its head is cut").into());
        };
        if found as usize != dim {
            return Err(DenseError::Dimension { found: found as usize, expected: dim });
        }
        let Some(storage) = VectorStorage::of_tag(tag) else {
            return Err(file.damaged("its vectors have an unknown form").into());
        };
        let ords = file.values::<u32>(ORDS)?;
        if ords.len() != n as usize || !ords.is_sorted_by(|a, b| a < b) {
            return Err(file.damaged("its chunks do not ascend").into());
        }
        let ranks = OrdRanks::new(ords);
        let graph_head = (m > 0).then(|| GraphHead {
            m: m as usize,
            entry,
            layer_sizes: layer_sizes.to_vec(),
            twins: Twins::Some,
        });
        let scratch = ScratchPool::default();
        let mut segment = Self { file, dim, storage, ranks, graph_head, scratch };
        segment.check_rows()?;
        segment.check_graph()?;
        Ok(segment)
    }

    fn check_rows(&self) -> Result<(), SegmentError> {
        let (n, dim) = (self.len(), self.dim);
        let words = dim.div_ceil(SIGNS_PER_WORD);
        let (found, width) = match self.storage {
            VectorStorage::F32 => (self.file.values::<f32>(VALUES)?.len(), dim),
            VectorStorage::F16 => (self.file.values::<u16>(VALUES)?.len(), dim),
            VectorStorage::Int8 => (self.file.values::<i8>(CODES)?.len(), dim),
            VectorStorage::Binary => (self.file.values::<u64>(VALUES)?.len(), words),
        };
        if n.checked_mul(width) != Some(found) {
            return Err(self.file.damaged("its vectors do not fit its chunks"));
        }
        let scales = self.file.values::<f32>(SCALES)?;
        let (n_scales, largest) = match self.storage {
            VectorStorage::F32 | VectorStorage::F16 => return Ok(()),
            VectorStorage::Int8 => (n, MAX_SCALE),
            // A unit vector's magnitudes add up to 1 at least.
            VectorStorage::Binary => (n, 1.01),
        };
        if scales.len() != n_scales {
            return Err(self.file.damaged("the scales do not fit the rows"));
        }
        if !scales.iter().all(|&scale| scale > 0.0 && scale <= largest) {
            return Err(self.file.damaged("a scale is out of range"));
        }
        Ok(())
    }

    fn check_graph(&mut self) -> Result<(), SegmentError> {
        let Some(head) = &self.graph_head else { return Ok(()) };
        if !GraphParams::M_RANGE.contains(&head.m)
            || head.layer_sizes.len() > MAX_LAYERS
            || !self.storage.can_have_graph()
        {
            return Err(self.file.damaged("its graph has an impossible shape"));
        }
        self.file.values::<i8>(CODES)?;
        for id in [SCALES, TWINS, LINKS, LAYER_ROWS, LAYER_LINKS] {
            self.file.values::<u32>(id)?;
        }
        let Some(graph) = self.graph() else { return Ok(()) };
        graph.check(self.len()).map_err(|what| self.file.damaged(what))?;
        let twins = if graph.has_twins() { Twins::Some } else { Twins::None };
        if let Some(head) = &mut self.graph_head {
            head.twins = twins;
        }
        Ok(())
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

    /// How many of its rows are allowed.
    pub(super) fn n_allowed(&self, allowed: &OrdSet) -> usize {
        self.ranks.count(allowed)
    }

    /// Whether it carries a graph.
    pub(crate) fn has_graph(&self) -> bool {
        self.graph_head.is_some()
    }

    /// Whether rows of its form could carry one.
    pub(super) fn can_have_graph(&self) -> bool {
        self.storage.can_have_graph()
    }

    /// Bytes of the file, and of what a search reads all over: where there is a
    /// graph everything but the rows that codes stand for, else the rows.
    pub(super) fn sizes(&self) -> (u64, u64) {
        let file = self.file.len_bytes();
        let rows = self.file.section(VALUES).map_or(0, |rows| rows.len() as u64);
        (file, if self.has_graph() { file - rows } else { file })
    }

    /// The rows as they are stored.
    pub(super) fn rows(&self) -> Rows<'_> {
        match self.storage {
            VectorStorage::F32 => Rows::F32(self.typed(VALUES)),
            VectorStorage::F16 => Rows::F16(self.typed(VALUES)),
            VectorStorage::Int8 => Rows::Int8(self.codes()),
            VectorStorage::Binary => Rows::Binary(self.typed(VALUES), self.typed(SCALES)),
        }
    }

    /// The rows for exact scans.
    pub(super) fn flat(&self) -> FlatIndex<'_> {
        FlatIndex { dim: self.dim, ords: self.ords(), ranks: &self.ranks, rows: self.rows() }
    }

    /// The cosine of the query and a chunk of this segment.
    pub(super) fn score_of(&self, query: &Query, ord: ChunkOrd) -> Option<f64> {
        let at = self.ranks.row(ord)?;
        self.flat().scored(&query.values, at).map(|entry| entry.score)
    }

    /// The vector of a chunk of this segment as its stored form gives it back, which
    /// may be somewhat longer or shorter than 1.
    pub(super) fn vector(&self, ord: ChunkOrd) -> Option<Vec<f32>> {
        let at = self.ranks.row(ord)?;
        let mut vector = vec![0.0; self.dim];
        self.rows().decode(at, &mut vector);
        Some(vector)
    }

    /// The best allowed chunks, as many as are asked for or as there are: scored,
    /// or the nodes of a walk that are worth scoring.
    pub(super) fn search(&self, search: &SegmentQuery<'_>) -> Found {
        let SegmentQuery { query, depth, allowed, n_allowed, .. } = *search;
        if depth == 0 || n_allowed == 0 {
            return Found::Scored(Vec::new());
        }
        let scan = || Found::Scored(self.flat().search(&query.values, depth, allowed));
        let Some(graph) = self.graph() else { return scan() };
        let facts = Facts {
            how: search.how,
            depth,
            rows: self.len(),
            allowed: n_allowed,
            share: search.share,
        };
        let walked = match plan(&facts) {
            Way::Scan => return scan(),
            Way::ScanCodes => None,
            Way::Walk { ef, least_allowed } => self.walk(&graph, search, ef, least_allowed),
            Way::WalkAllowed { ef } => self.walk_allowed(&graph, search, ef),
        };
        walked.map_or_else(|| Found::Scored(self.scan_codes(search)), Found::Walked)
    }

    /// Walks to the `ef` nearest nodes and returns the nearest that are allowed,
    /// best first, as many as are scored; nothing when fewer than `least_allowed`
    /// of all are.
    pub(super) fn walk(
        &self,
        graph: &HnswIndex<'_>,
        search: &SegmentQuery<'_>,
        ef: usize,
        least_allowed: usize,
    ) -> Option<Vec<Near>> {
        let n_best = n_scored(search.depth);
        self.scratch.with(|scratch| {
            let found = graph.nearest(&search.query.codes, ef, scratch).iter().copied();
            if search.n_allowed == self.len() {
                return Some(found.take(n_best).collect());
            }
            let mut allowed = found.filter(|near| self.is_allowed(graph, search, near.row()));
            let best: Vec<Near> = allowed.by_ref().take(n_best).collect();
            let n_more = allowed.take(least_allowed.saturating_sub(best.len())).count();
            (best.len() + n_more >= least_allowed).then_some(best)
        })
    }

    /// Walks to the `ef` nearest allowed nodes and returns the nearest, best first,
    /// as many as are scored; nothing when they stand for fewer rows than are wanted.
    pub(super) fn walk_allowed(
        &self,
        graph: &HnswIndex<'_>,
        search: &SegmentQuery<'_>,
        ef: usize,
    ) -> Option<Vec<Near>> {
        let n_best = n_scored(search.depth);
        let share = search.n_allowed as f64 / self.len() as f64;
        let is_allowed = |node: u32| self.is_allowed(graph, search, node);
        let query = &search.query.codes;
        let best: Vec<Near> = self.scratch.with(|scratch| {
            let found = graph.nearest_allowed(query, ef, share, is_allowed, scratch).iter();
            found.take(n_best).copied().collect()
        });
        let n_rows: usize =
            best.iter().map(|near| self.allowed_twins(graph, search, near.row()).count()).sum();
        (n_rows >= search.depth.min(search.n_allowed)).then_some(best)
    }

    /// The best rows that the nodes of a walk stand for, in no particular order.
    pub(super) fn scored_nodes(
        &self,
        search: &SegmentQuery<'_>,
        nodes: impl Iterator<Item = Near>,
    ) -> Vec<ScoredChunk> {
        let Some(graph) = self.graph() else { return Vec::new() };
        let nodes = nodes.map(Near::row);
        let rows: Vec<u32> = if search.n_allowed == self.len() && !self.has_twins() {
            nodes.collect()
        } else {
            nodes.flat_map(|node| self.allowed_twins(&graph, search, node)).collect()
        };
        self.scored(search, &rows)
    }

    /// Whether a row that `node` stands for is allowed.
    fn is_allowed(&self, graph: &HnswIndex<'_>, search: &SegmentQuery<'_>, node: u32) -> bool {
        search.allowed.contains(ChunkOrd(self.ords()[node as usize]))
            || self.has_twins() && self.allowed_twins(graph, search, node).next().is_some()
    }

    /// The allowed rows that `node` stands for.
    fn allowed_twins<'s>(
        &self,
        graph: &HnswIndex<'s>,
        search: &SegmentQuery<'s>,
        node: u32,
    ) -> impl Iterator<Item = u32> + use<'s, '_> {
        let (ords, allowed) = (self.ords(), search.allowed);
        graph.twins_of(node).filter(move |&row| allowed.contains(ChunkOrd(ords[row as usize])))
    }

    fn has_twins(&self) -> bool {
        self.graph_head.as_ref().is_some_and(|head| head.twins == Twins::Some)
    }

    /// The best of `rows`.
    fn scored(&self, search: &SegmentQuery<'_>, rows: &[u32]) -> Vec<ScoredChunk> {
        let flat = self.flat();
        for &row in rows {
            flat.rows.prefetch(self.dim, row as usize);
        }
        let mut best = BestChunks::new(search.depth);
        let values = &search.query.values;
        best.extend(rows.iter().filter_map(|&row| flat.scored(values, row as usize)));
        best.into_entries()
    }

    /// Compares the codes of every allowed row and scores the best.
    ///
    /// On the caller's thread: spread over two, 50,000 rows took three times as
    /// long at the 95th percentile, since the second was not there when called.
    fn scan_codes(&self, search: &SegmentQuery<'_>) -> Vec<ScoredChunk> {
        let (codes, query) = (self.codes(), &search.query.codes);
        let rows = self.ranks.allowed(search.allowed);
        // Far from the query the cosines of many rows lie closer together than
        // codes can tell; scoring one in 64 more costs a twentieth.
        let n_best = n_scored(search.depth) + rows.len() / 64;
        let best: Vec<u32> = self.scratch.with(|scratch| {
            scratch.best_of(codes, query, &rows, n_best).iter().map(|near| near.row()).collect()
        });
        self.scored(search, &best)
    }

    fn codes(&self) -> Codes<'_> {
        Codes { dim: self.dim, values: self.typed(CODES), scales: self.typed(SCALES) }
    }

    /// The graph, where there is one.
    pub(super) fn graph(&self) -> Option<HnswIndex<'_>> {
        let head = self.graph_head.as_ref()?;
        Some(HnswIndex {
            codes: self.codes(),
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
