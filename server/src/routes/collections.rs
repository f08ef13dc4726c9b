//! `GET /v1/collections`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::error::{ApiError, Chain};
use crate::state::AppState;
use crate::wire::{CollectionBody, CollectionsBody, LimitsBody};

pub(super) async fn collections(
    State(state): State<AppState>,
) -> Result<Json<CollectionsBody>, ApiError> {
    let open: Vec<_> = state.collections()?.iter().map(Arc::clone).collect();
    let limits = LimitsBody::from(state.limits());
    let work = move |_waited| {
        let bodies: Result<Vec<_>, _> =
            open.iter().map(|collection| CollectionBody::new(collection)).collect();
        let collections = bodies.map_err(|error| {
            tracing::error!(error = %Chain(&error), "an index folder could not be listed");
            ApiError::IndexFailed
        })?;
        Ok(Json(CollectionsBody { collections, limits }))
    };
    state.admission().run(work).await?
}
