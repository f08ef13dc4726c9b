//! The search core of Trovato.
// Interim, until every module is there.
#![allow(dead_code)]

mod document;
mod encoder;
mod error;
pub mod fusion;
mod ord_set;
mod ranked_list;
/// Searching.
pub mod search {
    pub mod explain;
    pub mod filter;
}
mod segment_file;

pub use document::{Block, BlockKind, Chunk, ChunkOrd, Document, DocumentId, FieldValue, Span};
pub use encoder::{
    Embeddings, EncodeError, Encoder, EncoderSpec, HashEncoder, OnnxEncoder, Pooling, Precision,
    TextRole,
};
pub use error::{DocumentError, SegmentError};
pub use ord_set::OrdSet;
pub use ranked_list::{RankedList, ScoredChunk};
pub use segment_file::Verify;
