//! Extractors whose refusals are our own errors.
//!
//! Axum's answer in plain text and with status codes of their own; a client of
//! a JSON API gets JSON for these as for everything else.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::limits::Limits;
use crate::state::AppState;

/// What a request's body is read as.
pub(crate) trait RequestBody: DeserializeOwned {
    /// The longest body it may be read from.
    fn max_bytes(limits: &Limits) -> usize {
        limits.max_body_bytes
    }
}

/// A JSON object of the request's body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: RequestBody> FromRequest<AppState> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        // Checked first, and not only for order: a form of a foreign page can
        // post text without asking, but not `application/json`.
        require_json(&request)?;
        let bytes = body_within(T::max_bytes(state.limits()), request, state).await?;
        parse(&bytes).map(Self)
    }
}

/// The whole body of a request.
///
/// # Errors
/// [`ApiError::BodyTooLarge`] beyond `limit` bytes; [`ApiError::BodyBroken`].
pub(crate) async fn body_within(
    limit: usize,
    mut request: Request,
    state: &AppState,
) -> Result<Bytes, ApiError> {
    DefaultBodyLimit::max(limit).apply(&mut request);
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::BodyTooLarge { limit }
        } else {
            ApiError::BodyBroken
        }
    })
}

/// The type and subtype of a body, in lower case; empty without one.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let value = String::from_utf8_lossy(value.unwrap_or_default());
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn require_json(request: &Request) -> Result<(), ApiError> {
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else {
        return Err(ApiError::UnsupportedMediaType { found: "without one".to_owned() });
    };
    let found = String::from_utf8_lossy(value.as_bytes());
    if media_type(request.headers()) == "application/json" {
        Ok(())
    } else {
        Err(ApiError::UnsupportedMediaType { found: found.chars().take(80).collect() })
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let parameter = error.path().to_string();
        let inner = error.into_inner();
        let reason = inner.to_string();
        // A number that no float holds is the parser's to refuse, and a parameter's fault.
        let is_data = inner.is_data() || reason.starts_with("number out of range");
        // `.` is the path of the root: what is no object has no parameters.
        if is_data && parameter != "." {
            ApiError::InvalidParameter { parameter, reason, value: None }
        } else {
            ApiError::MalformedJson { reason }
        }
    })?;
    json.end().map_err(|error| ApiError::MalformedJson { reason: error.to_string() })?;
    Ok(parsed)
}

/// Whether the client wants nothing from a cache.
pub(crate) fn wants_fresh(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let mut directives = value.unwrap_or_default().split(',').map(str::trim);
    directives.any(|directive| {
        ["no-cache", "no-store"].iter().any(|name| directive.eq_ignore_ascii_case(name))
    })
}

/// The rest of the path, percent-decoded.
pub(crate) struct PathTail(pub(crate) String);

impl FromRequestParts<AppState> for PathTail {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let tail: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        tail.map(|Path(tail)| Self(tail)).map_err(|_| ApiError::MalformedPath)
    }
}
