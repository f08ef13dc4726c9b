//! `GET /healthz`: the process answers. `GET /readyz`: it can answer searches.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::error::ApiError;
use crate::state::AppState;

#[derive(Serialize)]
pub(super) struct StatusBody {
    status: &'static str,
}

pub(super) async fn healthz() -> Json<StatusBody> {
    Json(StatusBody { status: "ok" })
}

/// Ready from the moment every index is open and has answered one search.
pub(super) async fn readyz(State(state): State<AppState>) -> Result<Json<StatusBody>, ApiError> {
    state.collections().map(|_| Json(StatusBody { status: "ready" }))
}
