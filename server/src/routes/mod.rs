//! The routes, a file each.

mod collections;
mod documents;
mod health;
mod page;
mod search;

use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::{get, post};

use crate::error::ApiError;
use crate::guard;
use crate::state::AppState;

/// The service: API, health, page. Tests call it without a port.
pub fn app(state: AppState) -> Router {
    let router = Router::new()
        .route("/v1/search", post(search::search))
        .route("/v1/documents/{*id}", get(documents::document))
        .route("/v1/collections", get(collections::collections))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
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
