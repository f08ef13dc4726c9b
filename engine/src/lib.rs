//! The search core of Trovato.

mod document;
mod encoder;
mod error;
mod ord_set;
mod ranked_list;
pub mod search;
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
