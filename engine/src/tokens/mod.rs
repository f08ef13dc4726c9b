//! The vectors of passages' tokens, kept compressed in the index: what late
//! interaction compares without running a model.
//!
//! A [`TokenLayout`] says how many components of a vector are kept and in how many
//! bits each; [`basis`] chooses the components, [`codes`] makes bits of them,
//! [`segment`] is a file of them, and a [`TokenIndex`] is the files of one
//! generation. They are an addition that an index works without: a chunk that has
//! none is read by the encoder when it is compared.
//!
//! # Source
//! Stored token vectors: Khattab and Zaharia, "ColBERT", SIGIR 2020; a few bits a
//! component: Santhanam et al., "ColBERTv2", NAACL 2022. Differs: no centroids, whose
//! residuals ColBERTv2 keeps. A basis fitted to the index's own vectors and the best
//! levels for a normal distribution need no clustering, which would cost more than
//! encoding does, and a file can be added to later.

mod basis;
mod codes;
mod segment;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

pub(crate) use basis::Basis;
pub(crate) use codes::Compressor;
pub(crate) use segment::{TokenRows, TokenSegment};

use crate::dense;
use crate::document::ChunkOrd;
use crate::encoder::TokenVectors;
use crate::ord_set::OrdSet;

/// What an index keeps of the vector of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLayout {
    dim: usize,
    bits: u8,
}

impl TokenLayout {
    /// 96 components of 4 bits: 50 bytes a token. What it loses is in
    /// `docs/experiments/rerank.md`.
    pub const DEFAULT: Self = Self { dim: 96, bits: 4 };

    /// The bits that a component may have.
    pub const BITS: [u8; 4] = [1, 2, 4, 8];

    /// The most components that can be kept: more than any encoder of texts gives.
    pub const MAX_DIM: usize = 4096;

    /// `dim` components of `bits` each.
    ///
    /// # Errors
    /// [`TokenLayoutError`] unless `dim` lies in 1 to [`TokenLayout::MAX_DIM`] and `bits` is one of
    /// [`TokenLayout::BITS`].
    pub fn new(dim: usize, bits: u8) -> Result<Self, TokenLayoutError> {
        if dim == 0 || dim > Self::MAX_DIM {
            return Err(TokenLayoutError::Dim { found: dim.to_string() });
        }
        if !Self::BITS.contains(&bits) {
            return Err(TokenLayoutError::Bits { found: bits.to_string() });
        }
        Ok(Self { dim, bits })
    }

    /// Components kept.
    pub fn dim(self) -> usize {
        self.dim
    }

    /// Bits of each.
    pub fn bits(self) -> u8 {
        self.bits
    }

    /// Bytes of a token: its components and a scale of two bytes.
    pub fn bytes_per_token(self) -> usize {
        self.code_bytes() + size_of::<u16>()
    }

    fn code_bytes(self) -> usize {
        (self.dim * usize::from(self.bits)).div_ceil(8)
    }
}

impl Default for TokenLayout {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for TokenLayout {
    /// `DIM:BITS`, which [`TokenLayout::from_str`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.dim, self.bits)
    }
}

impl FromStr for TokenLayout {
    type Err = TokenLayoutError;

    fn from_str(text: &str) -> Result<Self, TokenLayoutError> {
        let (dim, bits) = text
            .split_once(':')
            .ok_or_else(|| TokenLayoutError::Shape { found: text.to_owned() })?;
        let dim = dim.parse().map_err(|_| TokenLayoutError::Dim { found: dim.to_owned() })?;
        let bits = bits.parse().map_err(|_| TokenLayoutError::Bits { found: bits.to_owned() })?;
        Self::new(dim, bits)
    }
}

/// A layout of token vectors that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenLayoutError {
    /// Not two numbers.
    #[error("`{found}` is no layout of token vectors; write components:bits, for example 96:4")]
    Shape {
        /// What stands there.
        found: String,
    },
    /// No number of components.
    #[error(
        "token vectors cannot keep `{found}` components; 1 to {} can be kept",
        TokenLayout::MAX_DIM
    )]
    Dim {
        /// What stands there.
        found: String,
    },
    /// No number of bits.
    #[error("a component cannot have `{found}` bits; 1, 2, 4 and 8 are possible")]
    Bits {
        /// What stands there.
        found: String,
    },
}

/// The token vectors of one passage, as an index keeps them.
#[derive(Clone, Copy)]
pub struct StoredTokens<'a> {
    compressor: &'a Compressor,
    codes: &'a [u8],
    scales: &'a [u16],
}

impl StoredTokens<'_> {
    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether the passage has no token.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// A query's vectors on the basis of the stored ones, `[n, dim]`: good for all
    /// passages of one index.
    pub(crate) fn project(&self, query: &TokenVectors) -> Vec<f32> {
        query.rows().flat_map(|(_, row)| self.compressor.basis().project(row)).collect()
    }

    /// For each vector of `query`, as [`StoredTokens::project`] gives them, its
    /// product with the nearest token; nothing for a passage without a token.
    pub(crate) fn nearest(&self, query: &[f32]) -> Vec<f32> {
        let layout = self.compressor.layout();
        let mut nearest = vec![f32::NEG_INFINITY; query.len() / layout.dim()];
        let mut token = vec![0.0; layout.dim()];
        for (codes, &scale) in self.codes.chunks_exact(layout.code_bytes()).zip(self.scales) {
            self.compressor.decode(codes, scale, &mut token);
            for (best, row) in nearest.iter_mut().zip(query.chunks_exact(layout.dim())) {
                *best = best.max(dense::dot(row, &token));
            }
        }
        nearest
    }
}

impl fmt::Debug for StoredTokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredTokens").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The token vectors of one generation: those of some of its chunks, or of all.
#[derive(Debug, Default)]
pub(crate) struct TokenIndex {
    segments: Vec<Arc<TokenSegment>>,
}

impl TokenIndex {
    /// Of segments that share a basis and a layout.
    pub(crate) fn new(segments: Vec<Arc<TokenSegment>>) -> Self {
        Self { segments }
    }

    /// How all segments' vectors were made; `None` where there are none.
    pub(crate) fn compressor(&self) -> Option<&Compressor> {
        self.segments.first().map(|segment| segment.compressor())
    }

    /// The vectors of a chunk's tokens.
    pub(crate) fn of(&self, ord: ChunkOrd) -> Option<StoredTokens<'_>> {
        self.segments.iter().find_map(|segment| segment.of(ord))
    }

    /// How many chunks of `alive` have token vectors.
    pub(crate) fn covered(&self, alive: &OrdSet) -> usize {
        self.segments.iter().map(|segment| segment.live_rows(alive).count()).sum()
    }

    /// Whether writing what is alive anew would give what is there.
    pub(crate) fn is_merged(&self, alive: &OrdSet) -> bool {
        let rows: usize = self.segments.iter().map(|segment| segment.len()).sum();
        self.segments.len() <= 1 && rows == self.covered(alive)
    }

    /// Moves the vectors of `alive` into `rows` as they are.
    pub(crate) fn copy_rows(&self, alive: &OrdSet, rows: &mut TokenRows) {
        let segments = self.segments.iter();
        let mut live: Vec<_> = segments.flat_map(|segment| segment.live_rows(alive)).collect();
        live.sort_unstable_by_key(|&(ord, _)| ord);
        for (ord, tokens) in live {
            rows.push(ord, tokens.codes, tokens.scales);
        }
    }

    /// Bytes of the files.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len_bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_read_back_and_impossible_ones_are_named() {
        for text in ["96:4", "1:1", "384:8", "4096:2"] {
            let layout: TokenLayout = text.parse().unwrap();
            assert_eq!(layout.to_string(), text);
        }
        assert_eq!(TokenLayout::DEFAULT.bytes_per_token(), 50);
        assert_eq!(TokenLayout::new(9, 1).unwrap().bytes_per_token(), 4);
        for text in ["96", "96:3", "0:4", "x:4", "96:", "4097:1", ""] {
            let error = text.parse::<TokenLayout>().unwrap_err().to_string();
            assert!(error.contains('`'), "{text}: {error}");
        }
    }
}
