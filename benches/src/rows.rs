//! Vectors as files: raw little-endian `f32`, `[n, dim]`, row-major, no header.
//!
//! The format every language reads in one line (`numpy.fromfile`), so that all
//! parties of a comparison are given the very same bytes.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::Failure;

/// Reads the first `limit` rows of a file of rows, or all of them.
///
/// # Returns
/// `[n, dim]`, row-major.
///
/// # Errors
/// When the file cannot be read, is not a whole number of rows, or `dim` is 0.
pub fn read_rows(path: &Path, dim: usize, limit: Option<usize>) -> Result<Vec<f32>, Failure> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let row_bytes = dim.checked_mul(4).filter(|&bytes| bytes > 0).ok_or("dim must be above 0")?;
    let bytes = usize::try_from(file.metadata()?.len())?;
    if !bytes.is_multiple_of(row_bytes) {
        return Err(format!("{}: {bytes} bytes are not rows of {dim}", path.display()).into());
    }
    let n = limit.map_or(bytes / row_bytes, |limit| limit.min(bytes / row_bytes));
    let mut values = Vec::with_capacity(n * dim);
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut row = vec![0; row_bytes];
    for _ in 0..n {
        reader.read_exact(&mut row)?;
        let components = row.chunks_exact(4);
        values.extend(components.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])));
    }
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
    }
}
