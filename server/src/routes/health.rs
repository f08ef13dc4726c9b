//! `GET /healthz`: the process answers. `GET /readyz`: it can answer searches.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::state::AppState;

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(super) struct StatusBody {
    /// `ok` or `ready`.
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

/// Able to answer.
///
/// Ready from the moment every index is open and has answered one search; until then
/// 503.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses((status = 200, description = "Every index is open.", body = StatusBody))
)]
pub(super) async fn readyz(State(state): State<AppState>) -> Result<Json<StatusBody>, ApiError> {
    state.collections().map(|_| Json(StatusBody { status: "ready" }))
}
