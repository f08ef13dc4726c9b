//! The search core of Trovato: index, BM25, vectors, fusion, explanations.
//!
//! Synchronous, no network, no command line, no knowledge of file formats: it
//! is given documents with their chunks and vectors, and paths to model files.
//! An [`Index`] is a folder; an [`IndexWriter`] changes it in commits; a
//! [`Searcher`] is an immutable view of one commit.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use engine::{
//!     Chunk, Document, DocumentId, Encoder, EncoderIdentity, HashEncoder, Index, Manifest,
//!     SearchRequest, Signature, Span, TextRole, WriterOptions,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let encoder: Arc<dyn Encoder> = Arc::new(HashEncoder::new(64, 256));
//! let dir = tempfile::tempdir()?;
//! let index =
//!     Index::create(dir.path(), Manifest::new(EncoderIdentity::of(encoder.as_ref()), "whole"), Some(Arc::clone(&encoder)))?;
//!
//! let text = "A reference borrows a value without owning it.";
//! let document = Document {
//!     id: DocumentId::new("book/references")?,
//!     title: "References".to_owned(),
//!     text: text.to_owned(),
//!     blocks: Vec::new(),
//!     fields: BTreeMap::new(),
//! };
//! let chunk = Chunk::plain(Span::new(0, text.len()));
//! let vectors = encoder.encode(&[text], TextRole::Passage)?;
//!
//! let mut writer = index.writer(WriterOptions::default())?;
//! writer.upsert(&document, Signature([0; 32]), &[chunk], &vectors)?;
//! writer.commit()?;
//! index.refresh()?;
//!
//! let outcome = index.searcher().search(&SearchRequest::new("borrow a value"))?;
//! assert_eq!(outcome.hits[0].document.as_str(), "book/references");
//! assert_eq!(outcome.hits[0].text, text);
//! # Ok(())
//! # }
//! ```

mod dense;
mod disk;
mod document;
mod encoder;
mod error;
pub mod fusion;
mod index;
mod lexical;
mod ord_set;
mod principal_axes;
mod quote;
mod ranked_list;
mod rerank;
mod search;
mod segment_file;
mod store;
mod tokens;

pub use dense::{
    DenseError, GraphBuilder, GraphParams, LayoutError, VectorFile, VectorFileSize, VectorLayout,
    VectorName, VectorSearch, VectorStorage,
};
#[cfg(feature = "failpoints")]
pub use disk::recorder as disk_recorder;
pub use document::{Block, BlockKind, Chunk, ChunkOrd, Document, DocumentId, FieldValue, Span};
pub use encoder::{
    AsymmetricEncoder, Embeddings, EncodeError, Encoder, EncoderFiles, EncoderSpec, HashEncoder,
    NativeEncoder, OnnxEncoder, PieceOf, Pooling, Precision, ProductRate, ProductRates,
    ScorePooling, StaticEncoder, StaticSpec, StaticTable, TextRole, TokenVectors, Vocabulary,
    WordPieces,
};
pub use error::{DocumentError, SegmentError};
pub use fusion::Fusion;
pub use index::{
    CommitSummary, EncoderIdentity, Index, IndexError, IndexInfo, IndexWriter, Manifest,
    OpenOptions, RootRecord, Snapshot, SnapshotError, SnapshotFile, SnapshotInfo, TokenInfo,
    TokenSummary, WriterOptions,
};
pub use lexical::{
    Bm25, ExpansionTerm, FieldKind, FieldSummary, FieldWeight, FieldWeights, Language,
    LexicalError, LexicalOptions, QueryWord, QueryWords, Typos, UnknownLanguage, stems,
};
pub use ord_set::OrdSet;
pub use principal_axes::principal_axes;
pub use quote::{QuoteFolding, QuotedText, quote_occurrence, resolve_quote};
pub use ranked_list::{RankedList, ScoredChunk};
pub use rerank::{
    CrossEncoder, CrossEncoderFiles, CrossEncoderSpec, Feature, FeatureKind, Features,
    LateInteraction, Mixer, MixerError, OnnxCrossEncoder, OverlapReranker, RerankError,
    RerankPassage, RerankPipeline, RerankQuery, Reranker, ScoreActivation, TokenWeighting,
    WordWeight,
};
pub use search::{
    Added, CandidateReport, Degradation, Detail, Expansion, ExpansionError, ExpansionReport,
    Explanation, FilterReport, Highlights, Hit, HitPlaces, LegPlace, LegRank, LegReport,
    NearDuplicates, Operation, OrderedBy, QueryVariant, RerankOptions, RerankPace, RerankPlan,
    RerankReport, RerankStop, Schedule, ScoreKind, SearchError, SearchOutcome, SearchPlan,
    SearchRequest, Searcher, Stage, StageTimings, Strategy, VariantRule, WhyNot, filter,
};
pub use segment_file::Verify;
pub use store::{Signature, StoredChunk, StoredDocument};
pub use tokens::{StoredTokens, TokenLayout, TokenLayoutError};
