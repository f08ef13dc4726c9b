//! `GET /v1/models` and `GET /v1/models/{*id}`.

use axum::Json;

use crate::access::Caller;
use crate::error::ApiError;
use crate::extract::PathTail;
use crate::wire::{ModelBody, ModelsBody};

/// Models.
///
/// The encoders and rerankers of the collections, and what answers from each of them, in
/// OpenAI's shape.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "models",
    responses((status = 200, description = "The models.", body = ModelsBody))
)]
pub(super) async fn models(caller: Caller) -> Result<Json<ModelsBody>, ApiError> {
    Ok(Json(caller.collections()?.models(caller.state().language_models()).into()))
}

/// A model.
#[utoipa::path(
    get,
    path = "/v1/models/{*id}",
    tag = "models",
    params(("id" = String, Path, description = "Its id, as the list has it.", example = "trovato/books")),
    responses((status = 200, description = "The model.", body = ModelBody))
)]
pub(super) async fn model(
    caller: Caller,
    PathTail(id): PathTail,
) -> Result<Json<ModelBody>, ApiError> {
    let models = caller.collections()?.models(caller.state().language_models());
    let known: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let known = known.join(", ");
    let found = models.into_iter().find(|model| model.name == id);
    found.map(|model| Json(model.into())).ok_or_else(|| ApiError::UnknownModel {
        name: id.chars().take(120).collect(),
        task: "is served",
        known,
    })
}
