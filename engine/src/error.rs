//! Errors about documents and index files; those of indexing and searching are
//! in `index::error` and `search::error`. They are split by who must act: the
//! caller with its document or request, or the owner of the files.

use std::io;
use std::path::{Path, PathBuf};

use crate::document::{DocumentId, Span};

/// A document or chunk that cannot be indexed. The index is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The id cannot name a document.
    #[error("{id:?} cannot be a document id: {reason}")]
    InvalidId {
        /// Its first 80 characters.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// The canonical text is too long. Split the document.
    #[error("document {id} has {bytes} bytes of text; at most {limit} are allowed, split it")]
    TextTooLong {
        /// Which document.
        id: DocumentId,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A structural block does not fit the text.
    #[error(
        "document {id}: block {span:?} leaves the text, cuts a character or overlaps another block"
    )]
    InvalidBlock {
        /// Which document.
        id: DocumentId,
        /// The block's span.
        span: Span,
    },
    /// A chunk does not fit the text.
    #[error("document {id}: chunk {span:?} is empty, leaves the text or cuts a character")]
    InvalidChunk {
        /// Which document.
        id: DocumentId,
        /// The chunk's span.
        span: Span,
    },
    /// A chunk's parent does not hold it, or does not fit the text.
    #[error(
        "document {id}: parent {parent:?} does not hold chunk {span:?} or does not fit the text"
    )]
    InvalidParent {
        /// Which document.
        id: DocumentId,
        /// The chunk's span.
        span: Span,
        /// Its parent's.
        parent: Span,
    },
    /// A metadata number is NaN or infinite.
    #[error("document {id}: field {field:?} is not a finite number")]
    NonFiniteField {
        /// Which document.
        id: DocumentId,
        /// Which field.
        field: String,
    },
    /// There is nothing to search. Leave the document out.
    #[error("document {id} has no chunks, so nothing of it could ever be found")]
    NoChunks {
        /// Which document.
        id: DocumentId,
    },
    /// Chunks and vectors do not pair up.
    #[error("document {id}: {chunks} chunks came with {vectors} vectors")]
    VectorCount {
        /// Which document.
        id: DocumentId,
        /// Number of chunks.
        chunks: usize,
        /// Number of vectors.
        vectors: usize,
    },
    /// The vectors come from another model than the index's.
    #[error("document {id}: vectors have {found} components, the index holds {expected}")]
    VectorDim {
        /// Which document.
        id: DocumentId,
        /// Components given.
        found: usize,
        /// Components of the index.
        expected: usize,
    },
}

/// An index file that cannot be read or written. Restore the index, or build it
/// again from the documents.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The content is not what was written.
    #[error("{} is damaged: {what}; restore the index or build it again", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What does not hold.
        what: String,
    },
    /// Another version of the program wrote it.
    #[error("{} has format {found}, this version reads {supported}; {}", path.display(), advice(*found, *supported))]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        supported: u32,
    },
}

/// What to do about a format that is not read here. Formats are not converted: what an
/// index was made of is there, and making it again takes the path of every other index.
fn advice(found: u32, supported: u32) -> &'static str {
    if found > supported {
        "a newer version of the program wrote it: use that one, or build the index again with \
         `trovato ingest PATH --index NEW_DIR`"
    } else {
        "build the index again with `trovato ingest PATH --index NEW_DIR`"
    }
}

impl SegmentError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}
