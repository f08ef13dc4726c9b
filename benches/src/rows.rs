//! Vectors as files: raw little-endian `f32`, `[n, dim]`, row-major, no header.
//!
//! The format every language reads in one line (`numpy.fromfile`), so that all
//! parties of a comparison are given the very same bytes.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::Failure;

/// The rows of a file, one at a time.
pub struct Rows {
    reader: BufReader<File>,
    row: Vec<u8>,
    left: usize,
}

impl Rows {
    /// Opens a file of rows.
    ///
    /// # Errors
    /// When the file cannot be read, is not a whole number of rows, or `dim` is 0.
    pub fn open(path: &Path, dim: usize) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let row_bytes =
            dim.checked_mul(4).filter(|&bytes| bytes > 0).ok_or("dim must be above 0")?;
        let bytes = usize::try_from(file.metadata()?.len())?;
        if !bytes.is_multiple_of(row_bytes) {
            return Err(format!("{}: {bytes} bytes are not rows of {dim}", path.display()).into());
        }
        let reader = BufReader::with_capacity(1 << 20, file);
        Ok(Self { reader, row: vec![0; row_bytes], left: bytes / row_bytes })
    }

    /// Appends the next row to `values`; `false` behind the last.
    fn append_to(&mut self, values: &mut Vec<f32>) -> std::io::Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.reader.read_exact(&mut self.row)?;
        self.left -= 1;
        let components = self.row.as_chunks::<4>().0;
        values.extend(components.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        Ok(true)
    }
}

impl Iterator for Rows {
    type Item = Result<Vec<f32>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut values = Vec::with_capacity(self.row.len() / 4);
        match self.append_to(&mut values) {
            Ok(true) => Some(Ok(values)),
            Ok(false) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
}

/// Reads the first `limit` rows of a file, or all of them.
///
/// # Returns
/// `[n, dim]`, row-major.
///
/// # Errors
/// As [`Rows::open`].
pub fn read_rows(path: &Path, dim: usize, limit: Option<usize>) -> Result<Vec<f32>, Failure> {
    let mut rows = Rows::open(path, dim)?;
    rows.left = rows.left.min(limit.unwrap_or(usize::MAX));
    let mut values = Vec::with_capacity(rows.left * dim);
    while rows.append_to(&mut values)? {}
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_half_rows_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.f32");
        let values = [1.0_f32, -2.5, 0.0, f32::MIN_POSITIVE];
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read_rows(&path, 2, None).unwrap(), values);
        assert_eq!(read_rows(&path, 2, Some(1)).unwrap(), values[..2]);
        assert_eq!(read_rows(&path, 2, Some(9)).unwrap(), values);
        assert!(read_rows(&path, 3, None).unwrap_err().to_string().contains("rows of 3"));
        assert!(read_rows(&path, 0, None).is_err());
        let rows: Result<Vec<_>, _> = Rows::open(&path, 2).unwrap().collect();
        assert_eq!(rows.unwrap(), [values[..2].to_vec(), values[2..].to_vec()]);
    }
}
