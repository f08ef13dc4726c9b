//! The HTTP API and the web page of Trovato.
//!
//! [`app`] is the whole service as a function of its state; [`serve`] gives it
//! an address, opens its collections, and ends it in order. The path of a
//! search: `routes::search` reads a `wire::SearchBody`, checks it against the
//! [`Limits`], waits for a place (`admission`), runs the engine on a blocking
//! thread and converts what it found (`wire::OutcomeBody`).
//!
//! | route | |
//! |---|---|
//! | `POST /v1/search` | passages that answer a query |
//! | `POST /v1/answer` | an answer with citations that were looked up |
//! | `GET /v1/documents/{*id}` | a document, with a passage marked |
//! | `PUT /v1/documents/{*id}`, `DELETE /v1/documents/{*id}` | a document, put or deleted |
//! | `POST /v1/bulk` | many changes, a line each |
//! | `GET /v1/jobs`, `GET /v1/jobs/{id}` | how far changes are |
//! | `GET /v1/collections` | what is served, and the limits |
//! | `POST /mcp` | the same for agents: tools of the Model Context Protocol |
//! | `POST /v1/feedback` | whether a passage answered |
//! | `GET /v1/models`, `GET /v1/models/{*id}` | encoders, rerankers, answering models |
//! | `POST /v1/embeddings` | texts to vectors, in OpenAI's shape |
//! | `POST /v1/chat/completions` | an answer, for clients that speak OpenAI's API |
//! | `POST /v1/rerank` | documents in a reranker's order |
//! | `GET /healthz`, `GET /readyz` | alive; able to answer, and which parts are |
//! | `GET /metrics` | figures for Prometheus |
//! | `GET /` | the page |
//! | `GET /report` | a page about how well the collections answer, where one was given |
//! | `GET /openapi.json`, `GET /docs` | all of this for programs; to try it |

mod access;
mod admission;
mod answering;
mod cache;
mod collections;
mod connections;
mod document_link;
mod error;
mod extract;
mod feedback_log;
mod guard;
mod hosts;
mod language_models;
mod limits;
mod live;
mod log_file;
mod mcp;
mod models;
mod openai_error;
mod openapi;
mod opening;
mod pieces;
mod query_log;
mod refresh;
mod report_page;
mod routes;
mod serve;
mod state;
mod telemetry;
mod tls;
mod wire;

pub use access::{
    Access, AccessKey, Expiry, KeyDigest, KeyEntry, KeyFile, KeyFileError, KeyGenerationError,
    Keys, Scope,
};
pub use cache::QueryVectors;
pub use collections::{
    Collection, CollectionSource, Collections, CollectionsError, LoadedReranker, OpenError, Opened,
};
pub use feedback_log::{FeedbackLog, FeedbackLogConfig, FeedbackLogOpenError};
pub use hosts::HostPolicy;
pub use language_models::LanguageModels;
pub use limits::Limits;
pub use mcp::{McpServerError, serve_mcp, serve_mcp_stdio};
pub use query_log::{
    QueryLog, QueryLogConfig, QueryLogOpenError, QueryLogSummary, SampleRate, SampleRateError,
};
pub use report_page::ReportPage;
pub use routes::app;
pub use serve::{ServerConfig, ServerError, serve, serve_on};
pub use state::AppState;
pub use telemetry::{
    CacheLookup, DocumentChange, JobEnd, Metrics, Refused, SlowQueries, TraceContent, Traces,
    TracesConfig, TracesError,
};
pub use tls::{Tls, TlsError};
pub use wire::{AnswerBody, Asked, EXTRACTIVE, OutcomeBody, RetrievalBody};
