//! The response to `GET /v1/collections`.

use engine::{IndexError, IndexInfo};
use serde::Serialize;
use utoipa::ToSchema;

use crate::collections::Collection;
use crate::limits::Limits;

/// What is served, and the limits that hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CollectionsBody {
    /// The default first.
    pub(crate) collections: Vec<CollectionBody>,
    /// What may answer questions; the first where a request does not say.
    pub(crate) answer_models: Vec<String>,
    /// Whether judgments sent to `/v1/feedback` are kept.
    pub(crate) feedback: bool,
    /// Where a page says how well the collections answer; null without one.
    pub(crate) report: Option<&'static str>,
    /// What a request may ask for.
    pub(crate) limits: LimitsBody,
}

/// One collection.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CollectionBody {
    /// What requests call it.
    name: String,
    /// Documents, exact duplicates left out.
    documents: usize,
    /// Exact duplicates.
    duplicates: usize,
    /// Passages.
    chunks: usize,
    /// Number of the commit that answers.
    generation: u64,
    /// Size of the index on disk.
    bytes: u64,
    /// What made its vectors.
    encoder: String,
    /// What cut its documents.
    chunker: String,
    /// What reranks its results unless a request says otherwise.
    reranker: Option<String>,
    /// Whether documents may be put into it and deleted.
    writable: bool,
    /// Whether a newer commit could not be loaded.
    stale: bool,
}

/// What one request may ask for, and how many may be at work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitsBody {
    /// Longest body of a search.
    body_bytes: usize,
    /// Longest query.
    query_bytes: usize,
    /// Longest filter expression.
    filter_bytes: usize,
    /// Most passages of a request.
    top: usize,
    /// Most candidates of a leg.
    depth: usize,
    /// Most candidates that are reranked.
    rerank_depth: usize,
    /// Largest token budget of an answer's context.
    context_tokens: usize,
    /// Most turns of a conversation that a question comes with.
    history_turns: usize,
    /// Longest part of a document in one response.
    document_bytes: usize,
    /// Most texts of a request that brings its own.
    texts: usize,
    /// Longest body of such a request.
    texts_body_bytes: usize,
    /// Longest body of a request that changes documents.
    write_bytes: usize,
    /// Changes to a collection that may wait.
    queued_writes: usize,
    /// Requests worked on at once.
    concurrent_searches: usize,
    /// Requests that may wait.
    queued_searches: usize,
    /// Connections that may be open.
    connections: usize,
    /// Longest head of a request; of more than twice as much none is taken.
    head_bytes: usize,
    /// Most headers of a request.
    headers: usize,
    /// Longest time for a request's head.
    head_timeout_ms: u64,
    /// Longest time until a response begins.
    request_timeout_ms: u64,
    /// The same for answers, which a language model may write.
    answer_timeout_ms: u64,
    /// Longest time in which a client takes nothing of its response.
    stall_timeout_ms: u64,
}

impl CollectionBody {
    pub(crate) fn new(collection: &Collection) -> Result<Self, IndexError> {
        let index = collection.index();
        let IndexInfo { generation, documents, duplicates, chunks, bytes, .. } = index.info()?;
        let manifest = index.manifest();
        Ok(Self {
            name: collection.name().to_owned(),
            documents,
            duplicates,
            chunks,
            generation,
            bytes,
            encoder: manifest.encoder.name.clone(),
            chunker: manifest.chunker.clone(),
            reranker: collection.reranker().map(|loaded| loaded.pipeline.name().to_owned()),
            writable: collection.live().is_some(),
            stale: collection.is_stale(),
        })
    }
}

impl From<&Limits> for LimitsBody {
    fn from(limits: &Limits) -> Self {
        Self {
            body_bytes: limits.max_body_bytes,
            query_bytes: limits.max_query_bytes,
            filter_bytes: limits.max_filter_bytes,
            top: limits.max_top,
            depth: limits.max_depth,
            rerank_depth: limits.max_rerank_depth,
            context_tokens: limits.max_context_tokens,
            history_turns: limits.max_history_turns,
            document_bytes: limits.max_document_bytes,
            texts: limits.max_texts,
            texts_body_bytes: limits.max_texts_body_bytes,
            write_bytes: limits.max_write_bytes,
            queued_writes: limits.queued_writes,
            concurrent_searches: limits.concurrent_searches,
            queued_searches: limits.queued_searches,
            connections: limits.max_connections,
            head_bytes: limits.max_head_bytes,
            headers: limits.max_headers,
            head_timeout_ms: limits.head_timeout.as_millis() as u64,
            request_timeout_ms: limits.request_timeout.as_millis() as u64,
            answer_timeout_ms: limits.answer_timeout.as_millis() as u64,
            stall_timeout_ms: limits.stall_timeout.as_millis() as u64,
        }
    }
}
