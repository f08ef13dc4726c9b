//! `GET /healthz`: the process answers. `GET /readyz`: it can answer searches of every kind,
//! or which it can.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Caller;
use crate::collections::Collection;
use crate::error::ApiError;

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(super) struct StatusBody {
    /// `ok`.
    status: &'static str,
}

/// Alive.
///
/// Answers from the first moment.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    responses((status = 200, description = "The process answers.", body = StatusBody))
)]
pub(super) async fn healthz() -> Json<StatusBody> {
    Json(StatusBody { status: "ok" })
}

/// What can be answered.
#[derive(Serialize, ToSchema)]
pub(super) struct ReadyBody {
    /// `ready`, or `loading` while searches are answered by words alone.
    status: &'static str,
    /// Every collection, the default first.
    collections: Vec<PartsBody>,
}

/// What can be answered of a collection.
#[derive(Serialize, ToSchema)]
struct PartsBody {
    /// What requests call it.
    name: String,
    /// Whether its words can be searched.
    words: bool,
    /// Whether everything else it has can be used: vectors, and the reranker.
    models: bool,
}

/// A refusal that says what can be answered all the same.
#[derive(Serialize)]
struct LoadingBody<E> {
    #[serde(flatten)]
    error: E,
    #[serde(flatten)]
    ready: ReadyBody,
}

/// Able to answer.
///
/// Ready from the moment every index has answered a search with all it has; until then
/// 503. While models are being loaded its body lists what can be answered already, and
/// searches are: by words, saying what was left out.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses((status = 200, description = "Nothing is left out of a search.", body = ReadyBody))
)]
pub(super) async fn readyz(caller: Caller) -> Result<Response, ApiError> {
    let parts = |collection: &Arc<Collection>| PartsBody {
        name: collection.name().to_owned(),
        words: true,
        models: !collection.is_loading(),
    };
    let is_ready =
        caller.state().all_collections()?.iter().all(|collection| !collection.is_loading());
    // Where keys are asked for, who asks without one sees no names.
    let collections: Vec<_> = caller.collections()?.iter().map(parts).collect();
    if is_ready {
        return Ok(Json(ReadyBody { status: "ready", collections }).into_response());
    }
    let error = ApiError::Loading;
    let ready = ReadyBody { status: "loading", collections };
    let body = Json(LoadingBody { error: error.body(), ready }).into_response().into_body();
    let mut response = error.into_response();
    *response.body_mut() = body;
    Ok(response)
}
