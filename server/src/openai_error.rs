//! The shape of errors on the routes that speak OpenAI's API.
//!
//! Applied by the middleware around all routes, not by the handlers: a foreign host,
//! a panic or a wrong method must reach an official client in the shape from which it
//! raises its own exceptions, too.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;

/// Which body an error has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorShape {
    /// [`crate::error::ErrorBody`].
    Own,
    /// [`OpenAiErrorBody`].
    OpenAi,
}

/// Routes whose clients expect OpenAI's shape; what follows a slash belongs to them.
const OPENAI_ROUTES: [&str; 3] = ["/v1/models", "/v1/embeddings", "/v1/rerank"];

impl ErrorShape {
    /// The shape of a path's errors.
    pub(crate) fn of_path(path: &str) -> Self {
        let is_under = |route: &&str| {
            path.strip_prefix(*route).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if OPENAI_ROUTES.iter().any(is_under) { Self::OpenAi } else { Self::Own }
    }

    /// The response with its error, if it is one, in this shape.
    pub(crate) fn applied_to(self, mut response: Response) -> Response {
        let Some(error) = response.extensions_mut().remove::<ApiError>() else {
            return response;
        };
        if self == Self::Own {
            return response;
        }
        let (status, code, figures) = error.parts();
        let kind = match status {
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::SERVICE_UNAVAILABLE => "server_error",
            _ => "invalid_request_error",
        };
        let error =
            OpenAiError { message: error.to_string(), kind, param: figures.parameter, code };
        let mut reshaped = (status, Json(OpenAiErrorBody { error })).into_response();
        for kept in [header::ALLOW, header::RETRY_AFTER] {
            if let Some(value) = response.headers().get(&kept) {
                reshaped.headers_mut().insert(kept, value.clone());
            }
        }
        reshaped
    }
}

/// The body of every response of these routes that is no success.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiErrorBody {
    /// Why.
    error: OpenAiError,
}

/// Why a request was not answered, as OpenAI's clients read it.
#[derive(Serialize, ToSchema)]
struct OpenAiError {
    /// For people.
    message: String,
    /// `invalid_request_error` or `server_error`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The parameter that is refused.
    param: Option<String>,
    /// For programs, and stable: `invalid_parameter`, `model_not_found`.
    code: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_that_of_the_route_and_what_is_under_it() {
        for path in ["/v1/models", "/v1/models/a/b", "/v1/embeddings", "/v1/rerank"] {
            assert_eq!(ErrorShape::of_path(path), ErrorShape::OpenAi, "{path}");
        }
        for path in ["/", "/v1/search", "/v1/modelsx", "/v1", "/v1/documents/v1/models"] {
            assert_eq!(ErrorShape::of_path(path), ErrorShape::Own, "{path}");
        }
    }
}
