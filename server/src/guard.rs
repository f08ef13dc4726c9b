//! The one middleware around every route: host check, keys, time limit, panics,
//! response headers, the request's id, and one line in the log.

use std::any::Any;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use crate::access::admit;
use crate::error::ApiError;
use crate::openai_error::ErrorShape;
use crate::state::AppState;
use crate::telemetry::REQUEST_ID;
use crate::telemetry::Refused;
use crate::telemetry::RequestScope;

/// Headers of every response. The page is made of own files and text nodes, so
/// the policy needs no exception: nothing inline, nothing from elsewhere, never
/// inside a frame.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Routes whose response may wait for a language model.
const ANSWER_ROUTES: [&str; 2] = ["/v1/answer", "/v1/chat/completions"];

/// Puts the middleware around all routes and fallbacks of `router`.
pub(crate) fn around(router: Router<AppState>, state: AppState) -> Router {
    router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), guard))
        .with_state(state)
}

/// The number of a request, for what is named after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestNumber(pub(crate) u64);

async fn guard(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let number = state.next_request();
    let scope = RequestScope::begin(&request, number, state.traces());
    let in_flight = state.metrics().http.begin(&request);
    request.extensions_mut().insert(RequestNumber(number));
    // For handlers that run in tasks of a library's, which no task-local reaches.
    request.extensions_mut().insert(scope.clone());
    let shape = ErrorShape::of_path(request.uri().path());
    let response = scope.around(answer(&state, request, next)).await;
    let mut response = shape.applied_to(response);
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        // A page with another policy has said so.
        headers.entry(name).or_insert(value);
    }
    // An id is made of characters that a header may have.
    if let Ok(id) = HeaderValue::from_str(scope.id()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
    let status = response.status().as_u16();
    in_flight.answered(status);
    scope.trace().answered(status);
    scope.enter(|| tracing::info!(status, elapsed_ms, "answered"));
    response
}

async fn answer(state: &AppState, mut request: Request, next: Next) -> Response {
    if let Some(host) = state.hosts().refused(request.uri(), request.headers()) {
        return ApiError::ForeignHost { host }.into_response();
    }
    if let Err(refused) = admit(state, &mut request) {
        let limited = matches!(refused, ApiError::RateLimited { .. });
        state.metrics().count_refused(if limited {
            Refused::RateLimited
        } else {
            Refused::Unauthorised
        });
        return refused.into_response();
    }
    let limits = state.limits();
    let may_write = ANSWER_ROUTES.contains(&request.uri().path());
    let limit = if may_write { limits.answer_timeout } else { limits.request_timeout };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::TimedOut { limit_ms: limit.as_millis() as u64 }.into_response(),
    }
}

// The signature is the layer's.
#[allow(clippy::needless_pass_by_value)]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(message, "a handler panicked");
    ApiError::Internal.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::HostPolicy;
    use crate::limits::Limits;
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_panic_becomes_an_error_without_details() {
        async fn fails() -> &'static str {
            panic!("secret detail")
        }
        let state = AppState::starting(Limits::default(), HostPolicy::Any);
        let router = around(Router::new().route("/fails", get(fails)), state);
        let request = Request::get("/fails").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains(r#""code":"internal""#) && !text.contains("secret"), "{text}");
    }
}
