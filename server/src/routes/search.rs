//! `POST /v1/search`.

use std::sync::Arc;
use std::time::SystemTime;

use axum::http::HeaderMap;
use axum::response::Response;
use engine::{SearchRequest, Searcher};

use crate::access::Caller;
use crate::cache::{CacheKey, Kept, Made, Source};
use crate::collections::Collection;
use crate::error::ApiError;
use crate::extract::{JsonBody, wants_fresh};
use crate::query_log;
use crate::state::AppState;
use crate::telemetry::{Searched, observe};
use crate::wire::{OutcomeBody, SearchBody, charge_waiting, json_bytes};

/// Search.
///
/// Passages that answer a query, best first, with the time of every stage and what was
/// left out. A response that was computed before, for an equal request and the same
/// generation of the index, says so in the header `X-Cache`, and its times are of then;
/// `Cache-Control: no-cache` has it computed anew.
#[utoipa::path(
    post,
    path = "/v1/search",
    tag = "search",
    request_body = SearchBody,
    responses((status = 200, description = "What was found.", body = OutcomeBody))
)]
pub(super) async fn search(
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SearchBody>,
) -> Result<Response, ApiError> {
    let state = caller.state();
    let collection = caller.collection(body.collection.as_deref())?;
    let filter = body.filter.clone();
    let request = body.into_request(state.limits(), collection.reranker())?;
    let searcher = collection.searcher();
    let key = CacheKey::new(collection.name(), searcher.generation(), &request);
    let make = found(state, (collection, searcher), filter, request);
    let (kept, source) = if wants_fresh(&headers) {
        let (Made::Lasting(kept) | Made::Passing(kept)) = make.await?;
        (kept, Source::Made)
    } else {
        state.searches().get(key, make).await?
    };
    state.metrics().count_cache("searches", source.into());
    if let Some(line) = &kept.logged {
        query_log::keep(state, line);
    }
    Ok(kept.into_response(source))
}

/// Runs a search in a place of its own.
async fn found(
    state: &AppState,
    (collection, searcher): (Arc<Collection>, Searcher),
    filter: Option<String>,
    mut request: SearchRequest,
) -> Result<Made, ApiError> {
    let seen = state.clone();
    let work = move |waited| {
        charge_waiting(&mut request, waited);
        let started = SystemTime::now();
        let outcome = searcher
            .search(&request)
            .map_err(|error| ApiError::from_search(error, filter.as_deref()))?;
        let searched = Searched {
            request: &request,
            filter: filter.as_deref(),
            collection: &collection,
            outcome: &outcome,
            started,
            waited,
        };
        observe(&seen, &searched);
        let logged = query_log::line(&seen, &searched);
        let is_whole = outcome.degraded.is_empty();
        let body = json_bytes(&OutcomeBody::new(&request, Some(collection.name()), outcome))?;
        let kept = Kept { body, logged };
        Ok(if is_whole { Made::Lasting(kept) } else { Made::Passing(kept) })
    };
    state.admission().run(work).await?
}
