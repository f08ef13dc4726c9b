//! Test collections and document corpora: what is asked, what is judged, and
//! where the documents are.
//!
//! Two kinds of ground truth live here. A [`BeirCollection`] judges whole
//! documents ([`Qrels`]); [`Question`]s quote the passages that prove their
//! answers, so that any way of chunking is judged on the same bytes
//! ([`resolve_quote`]); a [`ChunkingBenchmark`] gives them by position. The demo's corpus, documentation that is already on the
//! machine, is listed by [`rust_docs`].
//!
//! Of the engine this crate uses names and positions only ([`engine::DocumentId`],
//! [`engine::Span`]); it indexes nothing and parses no document; of a page it reads
//! the first bytes, which tell it from a redirect, or hashes it whole.

mod beir;
mod chunking_benchmark;
mod error;
mod escape;
mod qrels;
mod question;
mod quote;
pub mod rust_docs;
mod topics;

pub use beir::BeirCollection;
pub use chunking_benchmark::{
    BenchmarkCorpus, BenchmarkQuestion, ChunkingBenchmark, ChunkingBenchmarkError,
};
pub use error::CollectionError;
pub use escape::{escape_id, unescape_id};
pub use qrels::{Judgments, Qrels};
pub use question::{
    Evidence, Question, QuestionError, QuestionKind, QuestionSplit, parse_questions,
    rust_docs_questions,
};
pub use quote::resolve_quote;
pub use topics::{Topic, read_topics};
