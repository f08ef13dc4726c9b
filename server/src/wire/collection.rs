//! The response to `GET /v1/collections`.

use engine::{IndexError, IndexInfo};
use serde::Serialize;

use crate::collections::Collection;
use crate::limits::Limits;

/// What is served, and the limits that hold.
#[derive(Debug, Serialize)]
pub(crate) struct CollectionsBody {
    /// The default first.
    pub(crate) collections: Vec<CollectionBody>,
    pub(crate) limits: LimitsBody,
}

/// One collection.
#[derive(Debug, Serialize)]
pub(crate) struct CollectionBody {
    name: String,
    documents: usize,
    duplicates: usize,
    chunks: usize,
    generation: u64,
    bytes: u64,
    encoder: String,
    chunker: String,
    /// What reranks its results unless a request says otherwise.
    reranker: Option<String>,
    /// Whether a newer commit could not be loaded.
    stale: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct LimitsBody {
    body_bytes: usize,
    query_bytes: usize,
    filter_bytes: usize,
    top: usize,
    depth: usize,
    rerank_depth: usize,
    document_bytes: usize,
    concurrent_searches: usize,
    queued_searches: usize,
    head_timeout_ms: u64,
    request_timeout_ms: u64,
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
            document_bytes: limits.max_document_bytes,
            concurrent_searches: limits.concurrent_searches,
            queued_searches: limits.queued_searches,
            head_timeout_ms: limits.head_timeout.as_millis() as u64,
            request_timeout_ms: limits.request_timeout.as_millis() as u64,
        }
    }
}
