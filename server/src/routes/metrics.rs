//! `GET /metrics`: figures for Prometheus.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::state::AppState;
use crate::telemetry::metrics::{CONTENT_TYPE, scrape};

/// Metrics.
///
/// Counts, times and sizes in Prometheus's text format. Answers from the first moment,
/// and past the queue for searches: a server at its limit is when they are wanted.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    responses((status = 200, description = "The figures.", body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    let scraped = tokio::task::spawn_blocking(move || scrape(&state)).await;
    let text = scraped.map_err(|error| {
        tracing::error!(%error, "a scrape ended without a result");
        ApiError::Internal
    })??;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}
