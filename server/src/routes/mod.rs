//! The routes, a file each.
//!
//! Those of the API are added by `routes!`, which takes path and method from the
//! handler's description: a route that is served is in the document, and no other.

mod answer;
mod chat;
mod collections;
mod documents;
mod embeddings;
mod feedback;
mod health;
mod jobs;
mod metrics;
mod models;
mod page;
mod report;
mod rerank;
mod search;
mod writes;

use axum::http::{HeaderValue, Method, Uri, header};
use axum::routing::get;
use axum::{Json, Router};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiError;
use crate::guard;
use crate::mcp;
use crate::openapi;
use crate::report_page::ReportPage;
use crate::state::AppState;

pub(crate) use page::is_page_file;

/// The service: API, health, page. Tests call it without a port.
pub fn app(state: AppState) -> Router {
    let (router, described) = OpenApiRouter::with_openapi(openapi::start())
        .routes(routes!(search::search))
        .routes(routes!(answer::answer))
        .routes(routes!(chat::chat))
        .routes(routes!(documents::document, writes::put, writes::delete))
        .routes(routes!(writes::bulk))
        .routes(routes!(jobs::jobs))
        .routes(routes!(jobs::job))
        .routes(routes!(collections::collections))
        .routes(routes!(feedback::feedback))
        .routes(routes!(models::models))
        .routes(routes!(models::model))
        .routes(routes!(embeddings::embeddings))
        .routes(routes!(rerank::rerank))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .split_for_parts();
    let document = openapi::finish(&described, &state);
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    let router = router
        .route_service("/mcp", mcp::http_service(state.clone()))
        .route("/openapi.json", get(move || async move { (headers, Json(document)) }))
        .route(ReportPage::PATH, get(report::report))
        .merge(page::routes())
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed);
    guard::around(router, state)
}

async fn unknown_route(uri: Uri) -> ApiError {
    ApiError::UnknownRoute { path: uri.path().chars().take(200).collect() }
}

async fn method_not_allowed(method: Method) -> ApiError {
    ApiError::MethodNotAllowed { method: method.to_string() }
}
