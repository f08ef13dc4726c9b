//! `POST /v1/embeddings`.

use axum::Json;
use axum::extract::State;

use crate::error::{ApiError, Chain};
use crate::extract::JsonBody;
use crate::state::AppState;
use crate::wire::{EmbeddingsAnswer, EmbeddingsBody};

/// Texts to vectors.
///
/// The vectors that the collections are searched by, in OpenAI's shape. All have norm 1,
/// so a dot product is a cosine.
#[utoipa::path(
    post,
    path = "/v1/embeddings",
    tag = "models",
    request_body = EmbeddingsBody,
    responses((status = 200, description = "A vector for each text.", body = EmbeddingsAnswer))
)]
pub(super) async fn embeddings(
    State(state): State<AppState>,
    JsonBody(body): JsonBody<EmbeddingsBody>,
) -> Result<Json<EmbeddingsAnswer>, ApiError> {
    let request = body.into_request(state.limits())?;
    let encoder = state.collections()?.encoder(request.model.as_deref())?;
    request.check_dimensions(encoder.name(), encoder.dim())?;
    let work = move |_waited| {
        let texts: Vec<&str> = request.texts.iter().map(String::as_str).collect();
        let rows = encoder.encode(&texts, request.role).map_err(|error| {
            tracing::error!(error = %Chain(&error), "texts could not be encoded");
            ApiError::ModelFailed
        })?;
        Ok(Json(EmbeddingsAnswer::new(encoder.name(), request.format, &rows)))
    };
    state.admission().run(work).await?
}
