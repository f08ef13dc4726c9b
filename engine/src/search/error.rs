//! Why a search could not be answered.

use super::expansion::{Expansion, ExpansionError};
use super::filter::FilterError;
use crate::dense::DenseError;
use crate::document::DocumentId;
use crate::encoder::EncodeError;
use crate::error::SegmentError;
use crate::lexical::LexicalError;

/// Why a search could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Nothing was asked.
    #[error("the query is empty")]
    EmptyQuery,
    /// The query is longer than any question.
    #[error("the query has {bytes} bytes; at most {limit} are allowed")]
    QueryTooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A parameter is out of range.
    #[error("{name} is {value}; it must be from {min} to {max}")]
    OutOfRange {
        /// Which parameter.
        name: &'static str,
        /// Its value.
        value: usize,
        /// The least allowed.
        min: usize,
        /// The most allowed.
        max: usize,
    },
    /// The index was opened without an encoder. Ask for a lexical search, or
    /// open it with one.
    #[error("the index was opened without an encoder; only lexical searches can be answered")]
    NoEncoder,
    /// The searcher has no reranker. Leave reranking out, or load one.
    #[error("no reranker is loaded; leave reranking out, or load one")]
    NoReranker,
    /// A candidate's score is not a finite number.
    #[error("the score of candidate {document} is {score}; it must be finite")]
    CandidateScore {
        /// Which document.
        document: DocumentId,
        /// What was given.
        score: f64,
    },
    /// The request's own vector is none of the index's encoder, or is not a unit
    /// vector.
    #[error("the request's vector cannot be searched for: {0}")]
    QueryVector(#[source] DenseError),
    /// The request has a vector that nothing would read. Leave it out, or ask
    /// for another strategy.
    #[error("a lexical search reads no vector; leave it out, or ask for dense or hybrid")]
    UnusedVector,
    /// A parameter of the expansion is out of range.
    #[error(transparent)]
    Expansion(#[from] ExpansionError),
    /// The expansion could not change anything. Leave it out, or ask for another
    /// strategy.
    #[error("the expansion {expansion} would do nothing: {reason}; leave it out")]
    UnusedExpansion {
        /// Which one.
        expansion: Expansion,
        /// Why.
        reason: &'static str,
    },
    /// The filter does not fit the fields.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The query could not be encoded.
    #[error("the query could not be encoded: {0}")]
    Encode(#[from] EncodeError),
    /// The lexical side failed.
    #[error(transparent)]
    Lexical(#[from] LexicalError),
    /// The dense side failed.
    #[error(transparent)]
    Dense(#[from] DenseError),
    /// A text could not be read.
    #[error(transparent)]
    Segment(#[from] SegmentError),
}
