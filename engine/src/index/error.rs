//! Why an index could not be created, opened or written.

use std::path::PathBuf;

use crate::dense::DenseError;
use crate::document::DocumentId;
use crate::encoder::EncodeError;
use crate::error::{DocumentError, SegmentError};
use crate::lexical::LexicalError;

/// Why an index could not be created, opened or written.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A document of the call cannot be indexed; others are unharmed.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// An index file is at fault.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The lexical side is at fault.
    #[error(transparent)]
    Lexical(#[from] LexicalError),
    /// The dense side is at fault.
    #[error(transparent)]
    Dense(#[from] DenseError),
    /// A passage's tokens could not be encoded.
    #[error("the tokens of a passage cannot be encoded: {0}")]
    Tokens(#[from] EncodeError),
    /// More components of token vectors than there are.
    #[error(
        "{dim} components are to be kept of token vectors of {encoder_dim}; at most {encoder_dim} can"
    )]
    TokenDim {
        /// Components to be kept.
        dim: usize,
        /// Components of the encoder's vectors.
        encoder_dim: usize,
    },
    /// There is no index. Create one with `trovato ingest`.
    #[error("{} holds no index; `trovato ingest PATH --index {}` creates one", dir.display(), dir.display())]
    NoIndex {
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// There is an index already.
    #[error("{} holds an index already; open it, or choose another folder", dir.display())]
    Exists {
        /// Where.
        dir: PathBuf,
    },
    /// The folder is used for something else.
    #[error("{} is not empty (it holds {}); choose another folder for the index", dir.display(), found.display())]
    NotEmpty {
        /// Where.
        dir: PathBuf,
        /// The first foreign file.
        found: PathBuf,
    },
    /// Another writer is at work. Wait for it, or stop it.
    #[error("{} is being written by {holder}; wait until it is done", dir.display())]
    Locked {
        /// Which index.
        dir: PathBuf,
        /// Who holds the lock.
        holder: String,
    },
    /// The index was built with another encoder.
    #[error(
        "the index holds vectors of {index} ({index_fingerprint}), not of {given} ({given_fingerprint}); use {index}, or build the index again"
    )]
    ForeignEncoder {
        /// The index's encoder.
        index: String,
        /// Its fingerprint.
        index_fingerprint: String,
        /// The encoder that was given.
        given: String,
        /// Its fingerprint.
        given_fingerprint: String,
    },
    /// All 2^32 chunk numbers are used. Build the index again.
    #[error("the index has used all {} chunk numbers; build it again", u32::MAX)]
    OrdsExhausted,
    /// Commits came faster than the index could be opened. Try again.
    #[error("{} changed {attempts} times while it was being opened; try again", dir.display())]
    Busy {
        /// Which index.
        dir: PathBuf,
        /// How often it was tried.
        attempts: usize,
    },
    /// A duplicate's original is not in the index.
    #[error("{id} cannot be stored as a duplicate of {of}, which is not in the index")]
    NoOriginal {
        /// The duplicate.
        id: DocumentId,
        /// The document it refers to.
        of: DocumentId,
    },
}
