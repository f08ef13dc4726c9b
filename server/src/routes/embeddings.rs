//! `POST /v1/embeddings`.

use std::time::SystemTime;

use axum::Json;

use crate::access::Caller;
use crate::error::{ApiError, Chain};
use crate::extract::JsonBody;
use crate::telemetry::RequestScope;
use crate::telemetry::traces::{TextsCall, TextsTask};
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
    caller: Caller,
    JsonBody(body): JsonBody<EmbeddingsBody>,
) -> Result<Json<EmbeddingsAnswer>, ApiError> {
    let request = body.into_request(caller.state().limits())?;
    let encoder = caller.collections()?.encoder(request.model.as_deref())?;
    request.check_dimensions(encoder.name(), encoder.dim())?;
    let work = move |_waited| {
        let texts: Vec<&str> = request.texts.iter().map(String::as_str).collect();
        let started = SystemTime::now();
        let rows = encoder.encode(&texts, request.role).map_err(|error| {
            tracing::error!(error = %Chain(&error), "texts could not be encoded");
            ApiError::ModelFailed
        })?;
        if let Some(scope) = RequestScope::current() {
            let (model, texts) = (encoder.name(), texts.len());
            scope.trace().texts(&TextsCall { task: TextsTask::Encode, model, texts, started });
        }
        Ok(Json(EmbeddingsAnswer::new(encoder.name(), request.format, &rows)))
    };
    caller.state().admission().run(work).await?
}
