//! `GET /v1/documents/{*id}`.
//!
//! The id is looked up among the ids of the index and never becomes a path:
//! nothing outside the index can be named.

use axum::Json;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use engine::{DocumentId, Searcher, Span, StoredDocument};

use crate::access::Caller;
use crate::error::{ApiError, Chain};
use crate::extract::PathTail;
use crate::wire::{DocumentBody, DocumentView, parse_id};

type Pairs = Vec<(String, String)>;

/// A document.
///
/// In blocks, with a passage marked; of a long document the part around the passage.
#[utoipa::path(
    get,
    path = "/v1/documents/{*id}",
    tag = "search",
    params(
        ("id" = String, Path, description = "The document's id, as a hit has it; its slashes may be percent-encoded or not.", example = "book/ownership.md"),
        ("collection" = Option<String>, Query, description = "Which collection holds it; left out, the first one."),
        ("start" = Option<u32>, Query, description = "First byte of the passage to mark; needs `end`."),
        ("end" = Option<u32>, Query, description = "The byte behind its last one; needs `start`."),
    ),
    responses((status = 200, description = "The document.", body = DocumentBody))
)]
pub(super) async fn document(
    caller: Caller,
    PathTail(id): PathTail,
    query: Result<Query<Pairs>, QueryRejection>,
) -> Result<Json<DocumentBody>, ApiError> {
    let Query(pairs) = query.map_err(|_| ApiError::MalformedPath)?;
    let parameters = Parameters::read(pairs)?;
    let collection = caller.collection(parameters.collection.as_deref())?;
    let id = parse_id("document", id)?;
    let max_bytes = caller.state().limits().max_document_bytes;
    let work = move |_waited| {
        let searcher = collection.index().searcher();
        let document = stored_document(&searcher, &id, collection.name())?;
        let view = DocumentView {
            collection: collection.name().to_owned(),
            generation: searcher.generation(),
            passage: parameters.passage(&document)?,
            max_bytes,
        };
        Ok(Json(DocumentBody::new(document, view)))
    };
    caller.state().admission().run(work).await?
}

#[derive(Debug, Default)]
struct Parameters {
    collection: Option<String>,
    start: Option<u32>,
    end: Option<u32>,
}

impl Parameters {
    fn read(pairs: Pairs) -> Result<Self, ApiError> {
        let mut parameters = Self::default();
        for (name, value) in pairs {
            let number = |name: &str| {
                let reason = "it must be a byte offset, a whole number from 0";
                value.parse().map(Some).map_err(|_| ApiError::invalid(name, &value, reason))
            };
            match name.as_str() {
                "start" => parameters.start = number("start")?,
                "end" => parameters.end = number("end")?,
                "collection" => parameters.collection = Some(value),
                _ => {
                    return Err(ApiError::UnknownParameter {
                        parameter: name.chars().take(80).collect(),
                        known: "collection, start, end".to_owned(),
                    });
                }
            }
        }
        Ok(parameters)
    }

    fn passage(&self, document: &StoredDocument) -> Result<Option<Span>, ApiError> {
        let (start, end) = match (self.start, self.end) {
            (None, None) => return Ok(None),
            (Some(start), Some(end)) => (start, end),
            (Some(_), None) => return Err(ApiError::MissingParameter { parameter: "end" }),
            (None, Some(_)) => return Err(ApiError::MissingParameter { parameter: "start" }),
        };
        let span = Span { start, end };
        check_span("start", span, &document.text)?;
        Ok(Some(span))
    }
}

/// The document of this id.
///
/// # Errors
/// [`ApiError::UnknownDocument`]; [`ApiError::IndexFailed`] where it is damaged.
pub(super) fn stored_document(
    searcher: &Searcher,
    id: &DocumentId,
    collection: &str,
) -> Result<StoredDocument, ApiError> {
    let found = searcher.document(id).map_err(|error| {
        tracing::error!(error = %Chain(&error), "a document could not be read");
        ApiError::IndexFailed
    })?;
    found.ok_or_else(|| ApiError::UnknownDocument {
        id: id.to_string(),
        collection: collection.to_owned(),
    })
}

/// Refuses a span that is not of this text, in the name of `parameter`.
pub(super) fn check_span(parameter: &str, span: Span, text: &str) -> Result<(), ApiError> {
    let Span { start, end } = span;
    if span.slice(text).is_some() {
        return Ok(());
    }
    let bytes = text.len();
    let reason =
        format!("{start} to {end} is no span of the document's {bytes} bytes, or cuts a character");
    Err(ApiError::invalid(parameter, &start.to_string(), reason))
}
