//! The shape of errors on the routes that speak OpenAI's API.
//!
//! Applied by the middleware around all routes, not by the handlers: a foreign host,
//! a panic or a wrong method must reach an official client in the shape from which it
//! raises its own exceptions, too.

use axum::Json;
use axum::http::header;
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
const OPENAI_ROUTES: [&str; 4] =
    ["/v1/models", "/v1/chat/completions", "/v1/embeddings", "/v1/rerank"];

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
        let mut reshaped = (error.parts().0, Json(OpenAiErrorBody::from(&error))).into_response();
        for kept in [header::ALLOW, header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
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

impl From<&ApiError> for OpenAiErrorBody {
    fn from(error: &ApiError) -> Self {
        let (status, code, figures) = error.parts();
        let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
        let message = error.to_string();
        Self { error: OpenAiError { message, kind, param: figures.parameter, code } }
    }
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
        for path in ["/v1/models", "/v1/models/a/b", "/v1/chat/completions", "/v1/rerank"] {
            assert_eq!(ErrorShape::of_path(path), ErrorShape::OpenAi, "{path}");
        }
        for path in ["/", "/v1/search", "/v1/modelsx", "/v1", "/v1/documents/v1/models"] {
            assert_eq!(ErrorShape::of_path(path), ErrorShape::Own, "{path}");
        }
    }
}
