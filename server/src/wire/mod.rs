//! What travels: request and response bodies.
//!
//! The engine's types do not serialise, so that the API can stay as it is while
//! they change; each body is converted here, by hand.

mod answer;
mod answer_request;
mod chat;
mod chat_images;
mod chat_request;
mod chat_text;
mod collection;
mod document;
mod embeddings;
mod expansion;
mod explanation;
mod feedback;
mod field;
mod job;
mod model;
mod outcome;
mod parameters;
mod rerank;
mod search_body;
pub(crate) mod upload;
mod why_not;

pub use answer::{AnswerBody, Asked, EXTRACTIVE, RetrievalBody};
pub(crate) use answer_request::{AnswerRequestBody, Question, Writer, shortened};
pub(crate) use chat::{ChatChunk, ChatCompletion, ChatHead};
pub(crate) use chat_request::{ChatBody, ChatQuestion};
pub(crate) use chat_text::ChatText;
pub(crate) use collection::{CollectionBody, CollectionsBody, LimitsBody};
pub(crate) use document::{DocumentBody, DocumentView};
pub(crate) use embeddings::{EmbeddingsAnswer, EmbeddingsBody};
pub(crate) use feedback::{Feedback, FeedbackBody};
pub(crate) use field::fields_body;
pub(crate) use job::{ChangedBody, JobBody, JobsBody};
pub(crate) use model::{ModelBody, ModelsBody};
pub use outcome::OutcomeBody;
pub(crate) use parameters::parse_id;
pub(crate) use rerank::{RerankAnswer, RerankBody};
pub(crate) use search_body::{SearchBody, charge_waiting};

use axum::body::Bytes;
use engine::Span;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;

/// A body as it travels.
///
/// # Errors
/// [`ApiError::Internal`] for what JSON has no words for, which no body of ours holds.
pub(crate) fn json_bytes(body: &impl Serialize) -> Result<Bytes, ApiError> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|error| {
        tracing::error!(%error, "a response could not be written");
        ApiError::Internal
    })
}

/// `[start, end]`: bytes of a document's canonical text, the end exclusive.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(examples(json!([120, 480])))]
struct SpanBody([u32; 2]);

fn span_body(span: Span) -> SpanBody {
    SpanBody([span.start, span.end])
}
