//! `GET /v1/collections`.

use std::sync::Arc;

use axum::Json;

use crate::access::Caller;
use crate::error::{ApiError, Chain};
use crate::report_page::ReportPage;
use crate::wire::{CollectionBody, CollectionsBody, EXTRACTIVE, LimitsBody};

/// What is served.
///
/// The collections, the first of which answers requests that name none, and the limits.
#[utoipa::path(
    get,
    path = "/v1/collections",
    tag = "search",
    responses((status = 200, description = "Collections and limits.", body = CollectionsBody))
)]
pub(super) async fn collections(caller: Caller) -> Result<Json<CollectionsBody>, ApiError> {
    let open: Vec<_> = caller.collections()?.iter().map(Arc::clone).collect();
    let limits = LimitsBody::from(caller.state().limits());
    let feedback = caller.state().feedback().is_some();
    // A browser that follows a link sends no key.
    let report = caller.state().report().filter(|_| caller.state().keys().is_none());
    let report = report.map(|_| ReportPage::PATH);
    let names = caller.state().language_models().names();
    let answer_models = std::iter::once(EXTRACTIVE).chain(names).map(str::to_owned).collect();
    let work = move |_waited| {
        let bodies: Result<Vec<_>, _> =
            open.iter().map(|collection| CollectionBody::new(collection)).collect();
        let collections = bodies.map_err(|error| {
            tracing::error!(error = %Chain(&error), "an index folder could not be listed");
            ApiError::IndexFailed
        })?;
        Ok(Json(CollectionsBody { collections, answer_models, feedback, report, limits }))
    };
    caller.state().admission().run(work).await?
}
