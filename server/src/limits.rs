//! The limits a server states and keeps.
//!
//! Every one of them is told by `GET /v1/collections` and named in the error of
//! a request that crosses it.

use std::num::NonZeroUsize;
use std::time::Duration;

use engine::SearchRequest;

use crate::live::QueueLimits;

/// What one request may ask for, and how many may be at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request body where the texts are the server's. The default of 256 KiB holds the longest query and
    /// filter with every character escaped.
    pub max_body_bytes: usize,
    /// Longest query; at most [`SearchRequest::MAX_QUERY_BYTES`], its default.
    pub max_query_bytes: usize,
    /// Longest filter expression. Its parser is recursive, so this also bounds
    /// its depth.
    pub max_filter_bytes: usize,
    /// Most hits of a request. The default of 100 is far below the engine's own
    /// limit: grouping near-duplicates compares hits pairwise.
    pub max_top: usize,
    /// Most candidates of a leg.
    pub max_depth: usize,
    /// Most candidates that are reranked: what a request without a budget may cost.
    pub max_rerank_depth: usize,
    /// Largest token budget of an answer's context.
    pub max_context_tokens: usize,
    /// Most turns of a conversation that a question comes with.
    pub max_history_turns: usize,
    /// Longest part of a document's text in one response; a longer document is
    /// shown around the passage that was asked for.
    pub max_document_bytes: usize,
    /// Most texts that one request may bring to be encoded or reranked. The default
    /// of 256 takes a transformer some seconds, well below `request_timeout`.
    pub max_texts: usize,
    /// Longest body of such a request, whose texts are all in it.
    pub max_texts_body_bytes: usize,
    /// Longest body of a request that changes documents.
    pub max_write_bytes: usize,
    /// Changes to a collection that may wait to be written; the next request is refused.
    pub queued_writes: usize,
    /// Bytes of the requests that may wait so.
    pub queued_write_bytes: usize,
    /// Memory for responses that may be asked for again; 0 keeps none.
    pub cached_bytes: u64,
    /// Searches and documents worked on at once; by default one a core.
    pub concurrent_searches: usize,
    /// Requests that may wait for one of these places; the next one is refused.
    pub queued_searches: usize,
    /// Connections that may be open; further ones wait until one ends.
    pub max_connections: usize,
    /// Longest head of a request: its address and all of its headers. At least 8 KiB; looked at
    /// between reads, so a head that comes at once may have up to twice as much.
    pub max_head_bytes: usize,
    /// Most headers of a request.
    pub max_headers: usize,
    /// Longest time in which a request's head must arrive, also from the moment
    /// a connection is opened or answered: idle connections end after it. Less
    /// than `drain_timeout`, so that a half-sent head cannot spoil an orderly end.
    pub head_timeout: Duration,
    /// Longest time from a request's head to its response's head, in which the
    /// body must have arrived too.
    pub request_timeout: Duration,
    /// The same for answers, which a language model may write until its own limit; the
    /// default leaves that of a model, 120 s, some room for searching.
    pub answer_timeout: Duration,
    /// Longest time in which a client takes nothing of its response: a connection that is
    /// read no more is cut after it.
    pub stall_timeout: Duration,
    /// How long a stopping server waits for requests under way.
    pub drain_timeout: Duration,
}

impl Limits {
    /// How many changes to a collection may wait.
    pub(crate) fn writes(&self) -> QueueLimits {
        QueueLimits { changes: self.queued_writes, bytes: self.queued_write_bytes }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            max_body_bytes: 256 << 10,
            max_query_bytes: SearchRequest::MAX_QUERY_BYTES,
            max_filter_bytes: 4 << 10,
            max_top: 100,
            max_depth: 1000,
            max_rerank_depth: 100,
            max_context_tokens: 16_000,
            max_history_turns: 20,
            max_document_bytes: 1 << 20,
            max_texts: 256,
            max_texts_body_bytes: 1 << 20,
            max_write_bytes: 64 << 20,
            cached_bytes: 64 << 20,
            queued_writes: 100_000,
            queued_write_bytes: 256 << 20,
            concurrent_searches: cores,
            // About half a second of work at the 10 ms a search may take: a
            // longer queue only makes answers that nobody waits for any more.
            queued_searches: 50 * cores,
            max_connections: 1024,
            max_head_bytes: 32 << 10,
            max_headers: 64,
            head_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(150),
            stall_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
        }
    }
}
