//! `PUT` and `DELETE /v1/documents/{*id}`, `POST /v1/bulk`: changes to a collection.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ingest::pipeline::{Change, Outcome};

use crate::access::Caller;
use crate::collections::Collection;
use crate::error::ApiError;
use crate::extract::{PathTail, body_within, media_type};
use crate::live::{Asked, ItemResult, Job};
use crate::state::AppState;
use crate::wire::upload::{self, NDJSON};
use crate::wire::{ChangedBody, JobBody, parse_id};

type Pairs = Vec<(String, String)>;
type GivenPairs = Result<Query<Pairs>, QueryRejection>;

/// Put a document.
///
/// Adds the document or replaces the one of this id. The body is the document itself,
/// Markdown, HTML, text, PDF or DOCX as `Content-Type` says (without one, as the id's
/// extension says), or a record `{"title", "text", ...}` in JSON whose other members are
/// metadata. When this is answered with 200 or 201 the document is on the disk and every
/// search finds it; 202 means that it waits, and names the job that tells.
#[utoipa::path(
    put,
    path = "/v1/documents/{*id}",
    tag = "documents",
    params(
        ("id" = String, Path, description = "The document's id; its slashes may be percent-encoded or not.", example = "notes/ownership.md"),
        ("collection" = Option<String>, Query, description = "Which collection changes; left out, the first one."),
        ("title" = Option<String>, Query, description = "Its title, where the body is no record."),
        ("wait" = Option<bool>, Query, description = "`false` answers with the job at once. Default: true."),
    ),
    request_body(description = "The document.", content((String = "text/markdown"), (String = "text/plain"), (String = "text/html"), (serde_json::Value = "application/json"))),
    responses(
        (status = 200, description = "It was replaced, or is unchanged.", body = ChangedBody),
        (status = 201, description = "It is new.", body = ChangedBody),
        (status = 202, description = "It waits.", body = JobBody),
    )
)]
pub(super) async fn put(
    caller: Caller,
    PathTail(id): PathTail,
    pairs: GivenPairs,
    request: Request,
) -> Result<Response, ApiError> {
    let parameters = Parameters::read(pairs, &["collection", "title", "wait"])?;
    let collection = writable(&caller, parameters.collection.as_deref())?;
    let id = parse_id("document", id)?;
    let media_type = media_type(request.headers());
    if let Some(title) = parameters.title.as_deref().filter(|_| media_type == upload::JSON) {
        return Err(ApiError::invalid("title", title, "a record has its title as a member"));
    }
    let body = body(caller.state(), request).await?;
    let bytes = body.len();
    let item = upload::read_document(id, &media_type, parameters.title, body.to_vec())?;
    let asked = vec![Asked { line: None, change: Ok(Change::Put(item)) }];
    let job = submit(caller.state(), &collection, asked, bytes)?;
    one(caller.state(), job, parameters.wait.unwrap_or(true)).await
}

/// Delete a document.
///
/// Answered when it is gone from the disk and from every search; documents of the same
/// text stay. 202 means that it waits, and names the job that tells.
#[utoipa::path(
    delete,
    path = "/v1/documents/{*id}",
    tag = "documents",
    params(
        ("id" = String, Path, description = "The document's id.", example = "notes/ownership.md"),
        ("collection" = Option<String>, Query, description = "Which collection changes; left out, the first one."),
        ("wait" = Option<bool>, Query, description = "`false` answers with the job at once. Default: true."),
    ),
    responses(
        (status = 200, description = "It is gone.", body = ChangedBody),
        (status = 202, description = "It waits.", body = JobBody),
    )
)]
pub(super) async fn delete(
    caller: Caller,
    PathTail(id): PathTail,
    pairs: GivenPairs,
) -> Result<Response, ApiError> {
    let parameters = Parameters::read(pairs, &["collection", "wait"])?;
    let collection = writable(&caller, parameters.collection.as_deref())?;
    let id = parse_id("document", id)?;
    let asked = vec![Asked { line: None, change: Ok(Change::Delete(id)) }];
    let job = submit(caller.state(), &collection, asked, 0)?;
    one(caller.state(), job, parameters.wait.unwrap_or(true)).await
}

/// Change many documents.
///
/// A line of the body is a record `{"id", "title", "text", ...}`, whose other members are
/// metadata, or `{"delete": ID}`. Lines are applied in their order; one that is refused
/// keeps none of the others. Answered with a job; `wait=true` waits for it as long as a
/// request may take. What has a result is on the disk.
#[utoipa::path(
    post,
    path = "/v1/bulk",
    tag = "documents",
    params(
        ("collection" = Option<String>, Query, description = "Which collection changes; left out, the first one."),
        ("wait" = Option<bool>, Query, description = "`true` answers when the job is done. Default: false."),
    ),
    request_body(description = "Records and deletions, a line each.", content((String = "application/x-ndjson"))),
    responses(
        (status = 200, description = "Every line has a result.", body = JobBody),
        (status = 202, description = "The job goes on.", body = JobBody),
    )
)]
pub(super) async fn bulk(
    caller: Caller,
    pairs: GivenPairs,
    request: Request,
) -> Result<Response, ApiError> {
    let parameters = Parameters::read(pairs, &["collection", "wait"])?;
    let collection = writable(&caller, parameters.collection.as_deref())?;
    let media_type = media_type(request.headers());
    if !NDJSON.contains(&media_type.as_str()) {
        return Err(ApiError::UnreadableMediaType { found: media_type.chars().take(80).collect() });
    }
    let body = body(caller.state(), request).await?;
    let bytes = body.len();
    // Megabytes of JSON: not on a thread that other requests wait for.
    let reading = tokio::task::spawn_blocking(move || upload::read_lines(&body));
    let asked = reading.await.map_err(|_| ApiError::Internal)?;
    if asked.is_empty() {
        return Err(ApiError::MissingParameter { parameter: "body" });
    }
    let job = submit(caller.state(), &collection, asked, bytes)?;
    if parameters.wait.unwrap_or(false) && finished(caller.state(), &job).await {
        let items = job.items(0, usize::MAX);
        return Ok(Json(JobBody::new(&job, Some(items))).into_response());
    }
    Ok(accepted(&job))
}

/// What stands behind the `?`.
#[derive(Default)]
struct Parameters {
    collection: Option<String>,
    title: Option<String>,
    wait: Option<bool>,
}

impl Parameters {
    fn read(pairs: GivenPairs, known: &[&str]) -> Result<Self, ApiError> {
        let Query(pairs) = pairs.map_err(|_| ApiError::MalformedPath)?;
        let mut parameters = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "collection" => parameters.collection = Some(value),
                "title" if known.contains(&"title") => parameters.title = Some(value),
                "wait" => {
                    let wait = value.parse();
                    let wait = wait.map_err(|_| {
                        ApiError::invalid("wait", &value, "it must be true or false")
                    })?;
                    parameters.wait = Some(wait);
                }
                _ => {
                    return Err(ApiError::UnknownParameter {
                        parameter: name.chars().take(80).collect(),
                        known: known.join(", "),
                    });
                }
            }
        }
        Ok(parameters)
    }
}

fn writable(caller: &Caller, name: Option<&str>) -> Result<Arc<Collection>, ApiError> {
    let collection = caller.collection(name)?;
    match collection.live() {
        Some(_) => Ok(collection),
        None if collection.is_loading() => Err(ApiError::Starting),
        None => Err(ApiError::ReadOnly { collection: collection.name().to_owned() }),
    }
}

async fn body(state: &AppState, request: Request) -> Result<Bytes, ApiError> {
    body_within(state.limits().max_write_bytes, request, state).await
}

fn submit(
    state: &AppState,
    collection: &Collection,
    asked: Vec<Asked>,
    bytes: usize,
) -> Result<Arc<Job>, ApiError> {
    let read_only = || ApiError::ReadOnly { collection: collection.name().to_owned() };
    let live = collection.live().ok_or_else(read_only)?;
    let job = live.submit(state.jobs().create(collection.name(), asked, bytes))?;
    state.jobs().remember(Arc::clone(&job));
    Ok(job)
}

/// Waits for a job; whether it was done within what a request may take.
async fn finished(state: &AppState, job: &Job) -> bool {
    // Answering has to fit in as well.
    let patience = state.limits().request_timeout.mul_f64(0.8).min(Duration::from_secs(25));
    tokio::time::timeout(patience, job.done()).await.is_ok()
}

/// The response about a job of one document.
async fn one(state: &AppState, job: Arc<Job>, wait: bool) -> Result<Response, ApiError> {
    if !wait || !finished(state, &job).await {
        return Ok(accepted(&job));
    }
    let item = job.items(0, 1).pop().ok_or(ApiError::Internal)?;
    let outcome = match item.result {
        Some(ItemResult::Settled(outcome)) => outcome,
        Some(ItemResult::Lost { reason }) => return Err(ApiError::ChangeLost { reason }),
        None => return Err(ApiError::Internal),
    };
    let status = match &outcome {
        Outcome::Created { .. } => StatusCode::CREATED,
        Outcome::Replaced { .. } | Outcome::Unchanged | Outcome::Deleted => StatusCode::OK,
        Outcome::NotFound => {
            let collection = job.collection().to_owned();
            return Err(ApiError::UnknownDocument { id: item.document, collection });
        }
        Outcome::Refused { kind, reason } => {
            return Err(ApiError::Refused { reason: format!("{kind}: {reason}") });
        }
    };
    Ok((status, Json(ChangedBody::new(&job, item.document, &outcome))).into_response())
}

/// The response about a job that goes on.
fn accepted(job: &Job) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(JobBody::new(job, None))).into_response();
    // A job's name is hexadecimal digits and a number.
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/jobs/{}", job.id())) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}
