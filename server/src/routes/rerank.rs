//! `POST /v1/rerank`.

use std::time::SystemTime;

use axum::Json;
use engine::{RerankPassage, RerankQuery};

use crate::access::Caller;
use crate::error::{ApiError, Chain};
use crate::extract::JsonBody;
use crate::telemetry::RequestScope;
use crate::telemetry::traces::{TextsCall, TextsTask};
use crate::wire::{RerankAnswer, RerankBody};

/// Documents in a reranker's order.
///
/// The model's own score of each pair decides; the mixing with what a search knows, as
/// `/v1/search` reranks, has nothing to mix here.
#[utoipa::path(
    post,
    path = "/v1/rerank",
    tag = "models",
    request_body = RerankBody,
    responses((status = 200, description = "The best documents, best first.", body = RerankAnswer))
)]
pub(super) async fn rerank(
    caller: Caller,
    JsonBody(body): JsonBody<RerankBody>,
) -> Result<Json<RerankAnswer>, ApiError> {
    let request = body.into_request(caller.state().limits())?;
    let pipeline = caller.collections()?.reranker(request.model.as_deref())?;
    let work = move |_waited| {
        let query = RerankQuery::plain(&request.query);
        let passages: Vec<RerankPassage<'_>> =
            request.texts.iter().map(|text| text.as_str().into()).collect();
        let started = SystemTime::now();
        let scores = pipeline.reranker().score(&query, &passages).map_err(|error| {
            tracing::error!(error = %Chain(&error), "documents could not be reranked");
            ApiError::ModelFailed
        })?;
        if let Some(scope) = RequestScope::current() {
            let (model, texts) = (pipeline.name(), passages.len());
            scope.trace().texts(&TextsCall { task: TextsTask::Rerank, model, texts, started });
        }
        Ok(Json(RerankAnswer::new(pipeline.name(), request, &scores)))
    };
    caller.state().admission().run(work).await?
}
