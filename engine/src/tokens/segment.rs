//! One immutable file of token vectors.
//!
//! Sections: a head of `u32` (components of the encoder's vectors, components kept,
//! bits of each), the chunks, where each one's tokens begin, the basis, the codes and
//! the scales. All are read in place from the mapped file, but for the basis, which is
//! copied: it is small, and read for every token of a query.

use std::path::Path;

use bytemuck::cast_slice;

use super::{Basis, Compressor, StoredTokens, TokenLayout};
use crate::document::ChunkOrd;
use crate::error::SegmentError;
use crate::ord_set::OrdSet;
use crate::segment_file::{self, Section, SegmentFile, SegmentKind};

const HEAD: u32 = 1;
const ORDS: u32 = 2;
const STARTS: u32 = 3;
const BASIS: u32 = 4;
const CODES: u32 = 5;
const SCALES: u32 = 6;

/// Token vectors on their way to a file.
#[derive(Debug)]
pub(crate) struct TokenRows {
    compressor: Compressor,
    ords: Vec<u32>,
    starts: Vec<u64>,
    codes: Vec<u8>,
    scales: Vec<u16>,
}

impl TokenRows {
    pub(crate) fn new(compressor: Compressor) -> Self {
        let (ords, codes, scales) = (Vec::new(), Vec::new(), Vec::new());
        Self { compressor, ords, starts: vec![0], codes, scales }
    }

    /// Adds a chunk's tokens; chunks come in ascending order.
    pub(crate) fn push(&mut self, ord: ChunkOrd, codes: &[u8], scales: &[u16]) {
        debug_assert!(self.ords.last().is_none_or(|&last| last < ord.0));
        self.ords.push(ord.0);
        self.codes.extend_from_slice(codes);
        self.scales.extend_from_slice(scales);
        self.starts.push(self.scales.len() as u64);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ords.is_empty()
    }

    /// Bytes held.
    pub(crate) fn len_bytes(&self) -> usize {
        self.codes.len() + 2 * self.scales.len() + 12 * self.ords.len()
    }

    /// Writes them as a file and syncs it; returns its size in bytes.
    ///
    /// # Errors
    /// [`SegmentError::Io`] when the file exists or cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<u64, SegmentError> {
        let (basis, layout) = (self.compressor.basis(), self.compressor.layout());
        let head = [basis.encoder_dim() as u32, layout.dim() as u32, u32::from(layout.bits())];
        let section = |id, bytes| Section { id, bytes };
        let sections = [
            section(HEAD, cast_slice(&head)),
            section(ORDS, cast_slice(&self.ords)),
            section(STARTS, cast_slice(&self.starts)),
            section(BASIS, cast_slice(basis.rows())),
            section(CODES, &self.codes),
            section(SCALES, cast_slice(&self.scales)),
        ];
        segment_file::write(path, SegmentKind::Tokens, &sections)
    }
}

/// An open file of token vectors.
#[derive(Debug)]
pub(crate) struct TokenSegment {
    file: SegmentFile,
    compressor: Compressor,
}

impl TokenSegment {
    /// Maps a file and checks every bound that reading it relies on.
    ///
    /// # Errors
    /// [`SegmentError`] when it cannot be read, contradicts itself, or holds vectors
    /// of an encoder of other than `encoder_dim` components.
    pub(crate) fn open(path: &Path, encoder_dim: usize) -> Result<Self, SegmentError> {
        let file = SegmentFile::open(path, SegmentKind::Tokens)?;
        let damaged = |what: &str| Err(file.damaged(what));
        let &[of_encoder, dim, bits] = file.values::<u32>(HEAD)? else {
            return damaged("its head is cut");
        };
        let bits = u8::try_from(bits).unwrap_or(u8::MAX);
        let Ok(layout) = TokenLayout::new(dim as usize, bits) else {
            return damaged("its token vectors have an impossible layout");
        };
        if of_encoder as usize != encoder_dim {
            return damaged("its token vectors are another encoder's");
        }
        let basis = file.values::<f32>(BASIS)?;
        if layout.dim().checked_mul(encoder_dim) != Some(basis.len())
            || !basis.iter().all(|x| x.is_finite())
        {
            return damaged("its basis does not fit its token vectors");
        }
        let (ords, starts) = (file.values::<u32>(ORDS)?, file.values::<u64>(STARTS)?);
        if !ords.is_sorted_by(|a, b| a < b) {
            return damaged("its chunks do not ascend");
        }
        let n_tokens = file.values::<u16>(SCALES)?.len();
        if starts.len() != ords.len() + 1
            || !starts.is_sorted()
            || starts.first() != Some(&0)
            || starts.last() != Some(&(n_tokens as u64))
            || n_tokens.checked_mul(layout.code_bytes()) != Some(file.section(CODES)?.len())
        {
            return damaged("its tokens do not fit its chunks");
        }
        let compressor = Compressor::new(Basis::stored(basis.to_vec(), encoder_dim), bits);
        Ok(Self { file, compressor })
    }

    /// Compares every section with its checksum.
    ///
    /// # Errors
    /// [`SegmentError::Damaged`] naming the first section that differs.
    pub(crate) fn verify(&self) -> Result<(), SegmentError> {
        self.file.verify()
    }

    /// An error about this file.
    pub(crate) fn damaged(&self, what: &str) -> SegmentError {
        self.file.damaged(what)
    }

    pub(crate) fn compressor(&self) -> &Compressor {
        &self.compressor
    }

    /// Number of chunks, dead ones included.
    pub(super) fn len(&self) -> usize {
        self.ords().len()
    }

    pub(super) fn len_bytes(&self) -> u64 {
        self.file.len_bytes()
    }

    /// The tokens of a chunk.
    pub(super) fn of(&self, ord: ChunkOrd) -> Option<StoredTokens<'_>> {
        self.ords().binary_search(&ord.0).ok().map(|row| self.row(row))
    }

    /// The chunks that are alive, with their tokens.
    pub(super) fn live_rows<'s>(
        &'s self,
        alive: &OrdSet,
    ) -> impl Iterator<Item = (ChunkOrd, StoredTokens<'s>)> {
        let rows = self.ords().iter().map(|&ord| ChunkOrd(ord)).enumerate();
        rows.filter(|(_, ord)| alive.contains(*ord)).map(|(row, ord)| (ord, self.row(row)))
    }

    fn row(&self, row: usize) -> StoredTokens<'_> {
        let starts: &[u64] = self.typed(STARTS);
        let (from, to) = (starts[row] as usize, starts[row + 1] as usize);
        let width = self.compressor.layout().code_bytes();
        StoredTokens {
            compressor: &self.compressor,
            codes: &self.typed::<u8>(CODES)[from * width..to * width],
            scales: &self.typed::<u16>(SCALES)[from..to],
        }
    }

    fn ords(&self) -> &[u32] {
        self.typed(ORDS)
    }

    /// A section that [`TokenSegment::open`] has read before.
    fn typed<T: bytemuck::Pod>(&self, id: u32) -> &[T] {
        self.file.values(id).expect("open saw this section")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> TokenRows {
        let basis = Basis::stored(vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0], 3);
        let compressor = Compressor::new(basis, 4);
        let mut rows = TokenRows::new(compressor.clone());
        for (ord, tokens) in
            [(3, vec![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), (5, vec![]), (9, vec![[0.6, 0.8, 0.0]])]
        {
            let (mut codes, mut scales) = (Vec::new(), Vec::new());
            for token in &tokens {
                scales.push(compressor.encode(token, &mut codes));
            }
            rows.push(ChunkOrd(ord), &codes, &scales);
        }
        rows
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.tokens");
        assert_eq!(rows().write(&path).unwrap(), path.metadata().unwrap().len());
        let segment = TokenSegment::open(&path, 3).unwrap();
        segment.verify().unwrap();
        let lengths = |ord| segment.of(ChunkOrd(ord)).map(|tokens| tokens.len());
        assert_eq!([3, 4, 5, 9].map(lengths), [Some(2), None, Some(0), Some(1)]);
        let nearest = segment.of(ChunkOrd(9)).unwrap().nearest(&[1.0, 0.0, 0.0, 1.0]);
        assert!((nearest[0] - 0.6).abs() < 0.1 && (nearest[1] - 0.8).abs() < 0.1, "{nearest:?}");
        assert!(segment.of(ChunkOrd(5)).unwrap().nearest(&[1.0, 0.0])[0] == f32::NEG_INFINITY);
        let alive = OrdSet::from_ords(10, [ChunkOrd(5), ChunkOrd(9)]);
        assert_eq!(segment.live_rows(&alive).map(|(ord, _)| ord.0).collect::<Vec<_>>(), [5, 9]);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.tokens");
        rows().write(&path).unwrap();
        let error = TokenSegment::open(&path, 4).unwrap_err().to_string();
        assert!(error.contains("another encoder's"), "{error}");
        let broken = |change: &dyn Fn(&mut TokenRows)| {
            let mut rows = rows();
            change(&mut rows);
            let path = dir.path().join("broken.tokens");
            let _ = std::fs::remove_file(&path);
            rows.write(&path).unwrap();
            TokenSegment::open(&path, 3).unwrap_err().to_string()
        };
        assert!(broken(&|rows| rows.starts[1] = 9).contains("do not fit its chunks"));
        assert!(
            broken(&|rows| {
                rows.codes.pop();
            })
            .contains("do not fit its chunks")
        );
        assert!(broken(&|rows| rows.ords[1] = 3).contains("do not ascend"));
    }
}
