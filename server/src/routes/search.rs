//! `POST /v1/search`.

use axum::Json;
use axum::extract::State;

use crate::error::ApiError;
use crate::extract::JsonBody;
use crate::query_log::logged;
use crate::state::AppState;
use crate::wire::{OutcomeBody, SearchBody, charge_waiting};

/// Search.
///
/// Passages that answer a query, best first, with the time of every stage and what was
/// left out.
#[utoipa::path(
    post,
    path = "/v1/search",
    tag = "search",
    request_body = SearchBody,
    responses((status = 200, description = "What was found.", body = OutcomeBody))
)]
pub(super) async fn search(
    State(state): State<AppState>,
    JsonBody(body): JsonBody<SearchBody>,
) -> Result<Json<OutcomeBody>, ApiError> {
    let collection = state.collection(body.collection.as_deref())?;
    let filter = body.filter.clone();
    let mut request = body.into_request(state.limits(), collection.reranker())?;
    let log = state.query_log().cloned();
    let work = move |waited| {
        charge_waiting(&mut request, waited);
        let outcome = collection
            .searcher()
            .search(&request)
            .map_err(|error| ApiError::from_search(error, filter.as_deref()))?;
        if let Some(log) = log {
            log.record(logged(&request, filter.as_deref(), &collection, &outcome));
        }
        Ok(Json(OutcomeBody::new(&request, Some(collection.name()), outcome)))
    };
    state.admission().run(work).await?
}
