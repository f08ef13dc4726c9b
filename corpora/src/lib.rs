//! Test collections and document corpora: what is asked, what is judged, and
//! where the documents are.
//!
//! Two kinds of ground truth live here. A [`BeirCollection`] judges whole
//! documents ([`Qrels`]); [`Question`]s quote the passages that prove their
//! answers, so that any way of chunking is judged on the same bytes
//! ([`engine::resolve_quote`]); a [`ChunkingBenchmark`] gives them by position. The
//! demo's corpus, documentation that is already on the machine, is listed by
//! [`rust_docs`]. What was really asked of a server is kept as a [`LoggedSearch`]
//! a line, and what was said of its answers as a [`LoggedFeedback`], after [`Redaction`].
//!
//! Of the engine this crate uses names and positions only ([`engine::DocumentId`],
//! [`engine::Span`]); it indexes nothing and parses no document; of a page it reads
//! the first bytes, which tell it from a redirect, or hashes it whole.

mod beir;
mod chunking_benchmark;
mod conversation;
mod error;
mod escape;
mod feedback;
mod judgment;
mod qrels;
mod query_log;
mod question;
mod redaction;
pub mod rust_docs;
mod topics;

pub use beir::BeirCollection;
pub use chunking_benchmark::{
    BenchmarkCorpus, BenchmarkQuestion, ChunkingBenchmark, ChunkingBenchmarkError,
};
pub use conversation::{
    Conversation, ConversationKind, Exchange, parse_conversations, rust_docs_conversations,
};
pub use error::CollectionError;
pub use escape::{escape_id, unescape_id};
pub use feedback::{FeedbackError, LoggedFeedback, parse_feedback};
pub use judgment::{
    JudgedDocument, JudgedSpan, JudgmentError, MAX_GRADE, RelevantQuote, parse_judgments,
    rust_docs_judgments, text_digest, union_spans,
};
pub use qrels::{Judgments, Qrels};
pub use query_log::{LoggedHit, LoggedRequest, LoggedSearch, QueryLogError, parse_query_log};
pub use question::{
    Evidence, Question, QuestionError, QuestionKind, QuestionSplit, QuestionStatus,
    parse_questions, questions_to_jsonl, rust_docs_questions,
};
pub use redaction::{Redaction, RedactionRule, UnknownRedactionRule};
pub use topics::{Topic, read_topics};
