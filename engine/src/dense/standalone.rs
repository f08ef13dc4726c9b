//! Vectors alone: one file, built from rows and searched by row number.
//!
//! An [`Index`](crate::Index) holds words, texts and vectors under one commit;
//! who wants nothing but nearest neighbours, or to measure them, needs none of
//! that. A [`VectorFile`] is one segment of the very format an index writes:
//! what is measured here is what an index runs.

use std::path::Path;
use std::sync::Arc;

use super::{
    DenseError, EncodedRows, GraphParams, VectorIndex, VectorLayout, VectorSearch, VectorSegment,
};
use crate::document::ChunkOrd;
use crate::ord_set::OrdSet;
use crate::ranked_list::RankedList;

/// Vectors in one immutable file, mapped and searched in place.
///
/// Row `i` of what was built is chunk `i` of every result. It is shared freely:
/// searching takes `&self`, from any number of threads.
///
/// # Examples
/// ```
/// use engine::{GraphParams, VectorFile, VectorLayout, VectorSearch};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("rows.vectors");
/// let rows = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8]; // three unit rows of two components
/// let layout = VectorLayout::default();
/// VectorFile::build(&path, 2, &rows, layout, &GraphParams::default())?;
///
/// let file = VectorFile::open(&path, 2)?;
/// let nearest = file.search(&[0.0, 1.0], 2, VectorSearch::Auto)?;
/// assert_eq!(nearest.ords().iter().map(|ord| ord.0).collect::<Vec<_>>(), [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct VectorFile {
    segment: Arc<VectorSegment>,
    index: VectorIndex,
    all: OrdSet,
}

/// Bytes of an open [`VectorFile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorFileSize {
    /// The whole file.
    pub file_bytes: u64,
    /// What a search by graph reads all over: codes and links. The other
    /// sections are touched at the few rows that are scored exactly. Of a file
    /// without a graph, its rows.
    pub hot_bytes: u64,
}

impl VectorFile {
    /// Writes rows as one file and syncs it; returns its size in bytes.
    ///
    /// The content depends on the arguments only, not on the machine or the
    /// number of threads.
    ///
    /// # Arguments
    /// * `path` - must not exist.
    /// * `dim`, `values` - components of a row, and `[n, dim]` of them,
    ///   row-major, every row of L2 norm 1.
    /// * `layout` - what is kept of each row.
    /// * `params` - how its graph is built; below [`GraphParams::min_rows`] rows
    ///   there is none.
    ///
    /// # Errors
    /// [`DenseError::DimensionRange`], [`DenseError::LayoutDim`],
    /// [`DenseError::Shape`], [`DenseError::NonFinite`] or [`DenseError::Norm`]
    /// naming the first row that cannot be stored; [`DenseError::GraphParam`];
    /// [`DenseError::Segment`] when the file exists or cannot be written.
    pub fn build(
        path: &Path,
        dim: usize,
        values: &[f32],
        layout: VectorLayout,
        params: &GraphParams,
    ) -> Result<u64, DenseError> {
        let mut rows = EncodedRows::new(layout, dim)?;
        if !values.len().is_multiple_of(dim) {
            return Err(DenseError::Shape { values: values.len(), dim });
        }
        if values.len() / dim > u32::MAX as usize {
            let (rows, max) = (values.len() / dim, u32::MAX as usize);
            return Err(DenseError::TooManyRows { rows, max });
        }
        for (ord, row) in (0..).zip(values.chunks_exact(dim)) {
            rows.push(ord, row)?;
        }
        super::write_segment(path, &rows, params)
    }

    /// Maps a file that [`VectorFile::build`] or an index has written.
    ///
    /// `dim` is the number of components that are kept: where the layout cuts
    /// vectors, queries are cut and brought back to length 1 by the caller.
    ///
    /// # Errors
    /// [`DenseError::Dimension`] when it keeps vectors of another length than
    /// `dim`; [`DenseError::Segment`] when it cannot be read or contradicts
    /// itself. Checksums are [`VectorFile::verify`]'s.
    pub fn open(path: &Path, dim: usize) -> Result<Self, DenseError> {
        let segment = Arc::new(VectorSegment::open(path, dim)?);
        let ords = segment.ords();
        let capacity = ords.last().map_or(0, |last| last + 1);
        let all = OrdSet::from_ords(capacity, ords.iter().copied().map(ChunkOrd));
        let index = VectorIndex::new((dim, dim), vec![Arc::clone(&segment)]);
        Ok(Self { segment, index, all })
    }

    /// Compares every section with its checksum; reads the whole file.
    ///
    /// # Errors
    /// [`DenseError::Segment`] naming the first section that differs.
    pub fn verify(&self) -> Result<(), DenseError> {
        self.segment.verify()
    }

    /// The rows nearest to `query`, at most `depth`, by cosine.
    ///
    /// # Arguments
    /// * `query` - `[dim]`, L2 norm 1.
    ///
    /// # Errors
    /// [`DenseError::Dimension`], [`DenseError::NonFinite`] or
    /// [`DenseError::Norm`] about the query.
    pub fn search(
        &self,
        query: &[f32],
        depth: usize,
        how: VectorSearch,
    ) -> Result<RankedList, DenseError> {
        self.index.search(query, depth, &self.all, how)
    }

    /// As [`VectorFile::search`], of the rows in `allowed` only.
    ///
    /// # Errors
    /// As [`VectorFile::search`].
    pub fn search_among(
        &self,
        query: &[f32],
        depth: usize,
        allowed: &OrdSet,
        how: VectorSearch,
    ) -> Result<RankedList, DenseError> {
        self.index.search(query, depth, allowed, how)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.segment.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes.
    pub fn size(&self) -> VectorFileSize {
        let (file_bytes, hot_bytes) = self.segment.sizes();
        VectorFileSize { file_bytes, hot_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` unit rows on a circle.
    fn circle(n: usize) -> Vec<f32> {
        let angle = |row: usize| row as f32 / n as f32 * std::f32::consts::TAU;
        (0..n).flat_map(|row| [angle(row).cos(), angle(row).sin()]).collect()
    }

    #[test]
    fn a_graph_finds_what_a_scan_finds_and_filters_hold() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.vectors");
        let values = circle(400);
        let params = GraphParams { min_rows: 100, ..GraphParams::default() };
        let bytes = VectorFile::build(&path, 2, &values, VectorLayout::default(), &params).unwrap();
        let file = VectorFile::open(&path, 2).unwrap();
        file.verify().unwrap();
        assert_eq!((file.len(), file.size().file_bytes), (400, bytes));
        assert!(file.size().hot_bytes < bytes);
        let odd = OrdSet::from_ords(400, (1..400).step_by(2).map(ChunkOrd));
        for query in values.chunks_exact(2).step_by(7) {
            let scan = file.search(query, 10, VectorSearch::Exact).unwrap();
            let walk = file.search(query, 10, VectorSearch::Graph { ef: 64 }).unwrap();
            assert_eq!(scan, walk);
            let among = file.search_among(query, 10, &odd, VectorSearch::Exact).unwrap();
            assert_eq!(among.len(), 10);
            assert!(among.ords().iter().all(|ord| ord.0 % 2 == 1));
        }
    }

    #[test]
    fn what_cannot_be_stored_or_asked_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.vectors");
        let build = |dim, values: &[f32]| {
            let layout = VectorLayout::default();
            VectorFile::build(&path, dim, values, layout, &GraphParams::default()).unwrap_err()
        };
        assert!(matches!(build(0, &[1.0]), DenseError::DimensionRange { dim: 0, .. }));
        assert!(matches!(build(2, &[1.0, 0.0, 1.0]), DenseError::Shape { values: 3, dim: 2 }));
        assert!(matches!(build(2, &[1.0, 1.0]), DenseError::Norm { .. }));
        VectorFile::build(&path, 2, &[1.0, 0.0], VectorLayout::default(), &GraphParams::default())
            .unwrap();
        let error = VectorFile::open(&path, 3).unwrap_err();
        assert!(matches!(error, DenseError::Dimension { found: 2, expected: 3 }));
        let file = VectorFile::open(&path, 2).unwrap();
        let error = file.search(&[f32::NAN, 0.0], 1, VectorSearch::Auto).unwrap_err();
        assert!(matches!(error, DenseError::NonFinite { component: 0, .. }));
    }
}
