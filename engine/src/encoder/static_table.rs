//! The table of a static encoder: one row for each token of a vocabulary.
//!
//! A segment file with three sections: a head of `u32` (components, rows), a
//! scale for each row, and the rows as `i8` codes. A row is `scale · code`. Eight
//! bits are a quarter of the memory and move no figure that was measured
//! (`docs/fast-profile.md`); a scale for each row, since frequent words have
//! short rows that one common scale would round away.

use std::path::Path;

use bytemuck::cast_slice;

use crate::error::SegmentError;
use crate::segment_file::{self, Section, SegmentFile, SegmentKind};

const HEAD: u32 = 1;
const SCALES: u32 = 2;
const CODES: u32 = 3;

/// The largest code.
const MAX_CODE: f32 = 127.0;

/// An open table, mapped and checked.
#[derive(Debug)]
pub struct StaticTable {
    file: SegmentFile,
    dim: usize,
    n_tokens: usize,
}

/// A table's rows, to be added up.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableRows<'a> {
    scales: &'a [f32],
    codes: &'a [i8],
    dim: usize,
}

impl StaticTable {
    /// Writes a table and syncs it; returns its size in bytes.
    ///
    /// # Arguments
    /// * `path` - must not exist.
    /// * `values` - `[tokens, dim]`, row-major, finite.
    /// * `dim` - components of a row, at least 1.
    ///
    /// # Errors
    /// [`SegmentError::Damaged`] when `values` are not finite or no whole rows;
    /// [`SegmentError::Io`].
    pub fn write(path: &Path, values: &[f32], dim: usize) -> Result<u64, SegmentError> {
        let refused = |what: &str| Err(SegmentError::damaged(path, what));
        if dim == 0 || !values.len().is_multiple_of(dim) {
            return refused("the values are no whole rows");
        }
        if !values.iter().all(|x| x.is_finite()) {
            return refused("a value is not finite");
        }
        let mut codes: Vec<i8> = Vec::with_capacity(values.len());
        let mut scales: Vec<f32> = Vec::with_capacity(values.len() / dim);
        for row in values.chunks_exact(dim) {
            let scale = row.iter().fold(0.0_f32, |max, x| max.max(x.abs())) / MAX_CODE;
            scales.push(scale);
            let code = |x: &f32| if scale > 0.0 { (x / scale).round() as i8 } else { 0 };
            codes.extend(row.iter().map(code));
        }
        let head = [dim as u32, scales.len() as u32];
        let sections = [
            Section { id: HEAD, bytes: cast_slice(&head) },
            Section { id: SCALES, bytes: cast_slice(&scales) },
            Section { id: CODES, bytes: cast_slice(&codes) },
        ];
        segment_file::write(path, SegmentKind::TokenRows, &sections)
    }

    /// Maps a table and checks all of it: header, checksums, shapes, scales.
    ///
    /// # Errors
    /// [`SegmentError`] with what does not hold.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let file = SegmentFile::open(path, SegmentKind::TokenRows)?;
        file.verify()?;
        let (dim, n_tokens) = match *file.values::<u32>(HEAD)? {
            [dim, n_tokens] if dim > 0 && n_tokens > 0 => (dim as usize, n_tokens as usize),
            _ => return Err(file.damaged("its head names no shape")),
        };
        let table = Self { file, dim, n_tokens };
        let rows = table.rows()?;
        if rows.scales.len() != n_tokens || Some(rows.codes.len()) != n_tokens.checked_mul(dim) {
            return Err(table.file.damaged("its sections do not have the shape of its head"));
        }
        if !rows.scales.iter().all(|scale| scale.is_finite() && *scale >= 0.0) {
            return Err(table.file.damaged("a scale is negative or not finite"));
        }
        Ok(table)
    }

    /// Components of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of rows; a token id is below it.
    pub fn n_tokens(&self) -> usize {
        self.n_tokens
    }

    pub(super) fn rows(&self) -> Result<TableRows<'_>, SegmentError> {
        Ok(TableRows {
            scales: self.file.values(SCALES)?,
            codes: self.file.values(CODES)?,
            dim: self.dim,
        })
    }
}

impl TableRows<'_> {
    /// Adds the row of `id` to `sum`; an id beyond the table adds nothing.
    ///
    /// Products and sums are rounded one by one, never fused, so that the bits
    /// are the same whatever the processor's width.
    #[inline]
    pub(super) fn add(&self, id: usize, sum: &mut [f32]) {
        let start = id.saturating_mul(self.dim);
        let row = self.codes.get(start..start.saturating_add(self.dim));
        let (Some(row), Some(scale)) = (row, self.scales.get(id)) else { return };
        for (sum, code) in sum.iter_mut().zip(row) {
            *sum += scale * f32::from(*code);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(values: &[f32], dim: usize) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table.bin");
        StaticTable::write(&path, values, dim).unwrap();
        (dir, path)
    }

    #[test]
    fn a_table_with_a_hole_or_no_shape_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table.bin");
        for (values, dim) in [(&[1.0, f32::NAN][..], 2), (&[1.0, 2.0, 3.0], 2), (&[], 0)] {
            let error = StaticTable::write(&path, values, dim).unwrap_err();
            assert!(matches!(error, SegmentError::Damaged { .. }), "{error}");
            assert!(!path.exists());
        }
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() {
        let (dir, path) = written(&[0.5, -1.0, 0.25, 0.0, 3.0, 0.1], 2);
        let whole = std::fs::read(&path).unwrap();
        let table = StaticTable::open(&path).unwrap();
        let sum_of = |table: &StaticTable| {
            let mut sum = vec![0.0; 2];
            (0..3).for_each(|id| table.rows().unwrap().add(id, &mut sum));
            sum
        };
        let expected = sum_of(&table);
        let other = dir.path().join("other.bin");
        for at in 0..whole.len() {
            std::fs::write(&other, &whole[..at]).unwrap();
            assert!(StaticTable::open(&other).is_err(), "cut at {at}");
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            std::fs::write(&other, &bytes).unwrap();
            // Padding carries nothing.
            if let Ok(table) = StaticTable::open(&other) {
                assert_eq!(sum_of(&table), expected, "byte {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn rows_come_back_within_half_a_step(
            values in prop::collection::vec(-10.0_f32..10.0, 4 * 3),
        ) {
            let (_dir, path) = written(&values, 3);
            let table = StaticTable::open(&path).unwrap();
            prop_assert_eq!((table.dim(), table.n_tokens()), (3, 4));
            for (id, row) in values.chunks_exact(3).enumerate() {
                let step = row.iter().fold(0.0_f32, |max, x| max.max(x.abs())) / MAX_CODE;
                let mut found = [0.0; 3];
                table.rows().unwrap().add(id, &mut found);
                for (x, found) in row.iter().zip(found) {
                    prop_assert!((x - found).abs() <= step * 0.5 + 1e-6);
                }
            }
            let mut beyond = [0.0; 3];
            table.rows().unwrap().add(4, &mut beyond);
            prop_assert_eq!(beyond, [0.0; 3]);
        }
    }
}
