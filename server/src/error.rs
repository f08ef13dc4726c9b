//! Everything a request can be refused for, and how it is told.
//!
//! A response that is not a success has the body
//! `{"error": {"code", "message", "parameter"?, "value"?, "limit"?, "request_id"?}}`: the
//! code is for programs and stable, the message for people. What went wrong inside
//! is logged, not told: messages of index files name local paths.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::filter::FilterError;
use engine::{EncodeError, SearchError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Scope;
use crate::telemetry::RequestScope;

/// Longest echo of a refused value, in characters.
const MAX_ECHO_CHARS: usize = 120;

/// After how many seconds a client that was turned away may try again.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum ApiError {
    /// The body does not parse.
    #[error("the body is not a JSON object: {reason}")]
    MalformedJson { reason: String },
    /// The body is something else than JSON.
    #[error("the body must be JSON with the header `Content-Type: application/json`, not {found}")]
    UnsupportedMediaType { found: String },
    /// The body is too long.
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge { limit: usize },
    /// The body broke off.
    #[error("the body could not be read to its end")]
    BodyBroken,
    /// The path's percent-encoding is not UTF-8.
    #[error("the path is not percent-encoded UTF-8")]
    MalformedPath,
    /// A parameter must be given.
    #[error("`{parameter}` is missing")]
    MissingParameter { parameter: &'static str },
    /// A parameter that does not exist.
    #[error("`{parameter}` is not a parameter of this request; it takes {known}")]
    UnknownParameter { parameter: String, known: String },
    /// A parameter's value cannot be used.
    #[error("`{parameter}`: {reason}")]
    InvalidParameter { parameter: String, reason: String, value: Option<String> },
    /// A number out of its range.
    #[error("`{parameter}` is {value}; it must be from {min} to {max}")]
    OutOfRange { parameter: &'static str, value: u64, min: u64, max: u64 },
    /// A text that is too long.
    #[error("`{parameter}` has {bytes} bytes; at most {limit} are allowed")]
    TooLong { parameter: &'static str, bytes: usize, limit: usize },
    /// No such path.
    #[error("there is nothing at {path}; the API is under /v1")]
    UnknownRoute { path: String },
    /// The path is there, the method is not.
    #[error("{method} is not allowed here; see the header `Allow`")]
    MethodNotAllowed { method: String },
    /// No such collection.
    #[error("there is no collection {name:?}; there are {known}")]
    UnknownCollection { name: String, known: String },
    /// No such document.
    #[error("collection {collection:?} has no document {id:?}")]
    UnknownDocument { id: String, collection: String },
    /// No such model.
    #[error("there is no model {name:?} that {task}; there are {known}")]
    UnknownModel { name: String, task: &'static str, known: String },
    /// Nothing served can do it.
    #[error("nothing that is served {task}; {advice}")]
    NoModel { task: &'static str, advice: &'static str },
    /// Feedback is not kept.
    #[error("this server keeps no feedback; start it with `trovato serve --feedback FILE`")]
    NoFeedback,
    /// The feedback could not be written.
    #[error("the feedback could not be kept; the server's log says why")]
    FeedbackLost,
    /// Nothing may be changed.
    #[error("collection {collection:?} is served to be read; start the server with `--writable`")]
    ReadOnly { collection: String },
    /// A document cannot be indexed.
    #[error("the document was refused: {reason}")]
    Refused { reason: String },
    /// No reader for the body.
    #[error(
        "the body must be of a type that is read, not {found}: application/json, text/markdown, text/html, text/plain, application/pdf or a DOCX's for a document, application/x-ndjson for many"
    )]
    UnreadableMediaType { found: String },
    /// Too many changes wait already.
    #[error("{waiting} changes wait already, of {limit} that may; try again")]
    WritesQueued { waiting: usize, limit: usize },
    /// A change was lost.
    #[error("the change was not made: {reason}")]
    ChangeLost { reason: String },
    /// The server takes no changes any more.
    #[error("the server is stopping")]
    Stopping,
    /// No such job.
    #[error("there is no job {id:?}; the latest thousand are remembered, until the server ends")]
    UnknownJob { id: String },
    /// An encoder or a reranker failed.
    #[error("the model failed on these texts; the server's log says why")]
    ModelFailed,
    /// See [`crate::HostPolicy`].
    #[error(
        "this server does not answer to the host {host:?}; allow it with `trovato serve --allow-host`"
    )]
    ForeignHost { host: String },
    /// A key is asked for and none was sent.
    #[error("this server asks for a key; send `Authorization: Bearer KEY` or `X-Api-Key: KEY`")]
    NoKey,
    /// What was sent is no key, or none of this server's.
    #[error("this server does not know the key that was sent; it is misspelt, or was revoked")]
    UnknownKey,
    /// The key was good once.
    #[error("the key that was sent has expired at {expired}")]
    ExpiredKey { expired: String },
    /// The key is for something else.
    #[error("the key that was sent lacks the scope `{scope}`, which this route needs")]
    MissingScope { scope: Scope },
    /// The key was used too often.
    #[error(
        "the key that was sent may ask {per_minute} times a minute; try again in {retry_after_s} s"
    )]
    RateLimited { per_minute: u32, retry_after_s: u64 },
    /// The indexes are still being opened.
    #[error("the indexes are still being opened; /readyz tells when they are")]
    Starting,
    /// An encoder is still being loaded, and words alone were not asked for.
    #[error(
        "the encoder is still being loaded, and until then only words are searched; /readyz tells when it is"
    )]
    Loading,
    /// Too many requests wait already.
    #[error("all searches are busy and {limit} requests wait already; try again")]
    Overloaded { limit: usize },
    /// The request took too long.
    #[error("no answer within {limit_ms} ms; try again, or with a `deadline_ms`")]
    TimedOut { limit_ms: u64 },
    /// The index could not be read or the query not be encoded.
    #[error("the index could not answer; the server's log says why")]
    IndexFailed,
    /// A language model wrote no answer.
    #[error(
        "the model {model:?} wrote no answer; the server's log says why, try again or ask another"
    )]
    NotWritten { model: String },
    /// A language model's answer is not of the form that was asked for.
    #[error("the model {model:?} was told once and still wrote what does not fit: {problems}")]
    Unfit { model: String, problems: String },
    /// A mistake of ours.
    #[error("the server failed on this request; its log says where")]
    Internal,
}

impl ApiError {
    /// An [`ApiError::InvalidParameter`] that echoes the value.
    pub(crate) fn invalid(parameter: &str, value: &str, reason: impl std::fmt::Display) -> Self {
        Self::InvalidParameter {
            parameter: parameter.to_owned(),
            reason: reason.to_string(),
            value: Some(value.to_owned()),
        }
    }

    /// What an engine's refusal means to a client that sent this filter.
    pub(crate) fn from_search(error: SearchError, filter: Option<&str>) -> Self {
        match error {
            SearchError::EmptyQuery => Self::invalid("query", "", "it is empty"),
            SearchError::QueryTooLong { bytes, limit } => {
                Self::TooLong { parameter: "query", bytes, limit }
            }
            SearchError::OutOfRange { name, value, min, max } => Self::OutOfRange {
                parameter: name,
                value: value as u64,
                min: min as u64,
                max: max as u64,
            },
            SearchError::QueryVector(error) => Self::InvalidParameter {
                parameter: "vector".to_owned(),
                reason: error.to_string(),
                value: None,
            },
            SearchError::UnusedVector => Self::InvalidParameter {
                parameter: "vector".to_owned(),
                reason: error.to_string(),
                value: None,
            },
            SearchError::Expansion(_) | SearchError::UnusedExpansion { .. } => {
                Self::InvalidParameter {
                    parameter: "expand".to_owned(),
                    reason: error.to_string(),
                    value: None,
                }
            }
            SearchError::NoEncoder => Self::InvalidParameter {
                parameter: "strategy".to_owned(),
                reason: error.to_string(),
                value: None,
            },
            SearchError::Encode(EncodeError::Loading) => Self::Loading,
            SearchError::NoReranker => Self::InvalidParameter {
                parameter: "rerank".to_owned(),
                reason: error.to_string(),
                value: None,
            },
            SearchError::CandidateScore { .. } => Self::InvalidParameter {
                parameter: "candidates".to_owned(),
                reason: error.to_string(),
                value: None,
            },
            SearchError::Filter(
                error @ (FilterError::MixedBounds { .. }
                | FilterError::NotComparable { .. }
                | FilterError::TooDeep { .. }),
            ) => Self::invalid("filter", filter.unwrap_or_default(), error),
            SearchError::Filter(FilterError::Lexical(_))
            | SearchError::Encode(_)
            | SearchError::Lexical(_)
            | SearchError::Dense(_)
            | SearchError::Segment(_) => {
                tracing::error!(error = %Chain(&error), "a search failed");
                Self::IndexFailed
            }
        }
    }

    /// Status, code, and what the message's figures are for programs.
    pub(crate) fn parts(&self) -> (StatusCode, &'static str, Figures) {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const BUSY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
        const FAILED: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
        let none = Figures::default;
        match self {
            Self::MalformedJson { .. } => (BAD, "malformed_json", none()),
            Self::BodyBroken => (BAD, "body_broken", none()),
            Self::MalformedPath => (BAD, "malformed_path", none()),
            Self::MissingParameter { parameter } => {
                (BAD, "missing_parameter", Figures::of(parameter))
            }
            Self::UnknownParameter { parameter, .. } => {
                (BAD, "unknown_parameter", Figures::of(parameter))
            }
            Self::InvalidParameter { parameter, value, .. } => {
                let value = value.as_deref().map(shorten);
                (BAD, "invalid_parameter", Figures { value, ..Figures::of(parameter) })
            }
            Self::OutOfRange { parameter, value, min, max } => {
                let crossed = if value < min { *min } else { *max };
                let figures = Figures::of(parameter).value(&value.to_string()).limit(crossed);
                (BAD, "out_of_range", figures)
            }
            Self::TooLong { parameter, limit, .. } => {
                (BAD, "too_long", Figures::of(parameter).limit(*limit as u64))
            }
            Self::ForeignHost { .. } => (StatusCode::FORBIDDEN, "foreign_host", none()),
            Self::NoKey => (StatusCode::UNAUTHORIZED, "missing_key", none()),
            Self::UnknownKey => (StatusCode::UNAUTHORIZED, "unknown_key", none()),
            Self::ExpiredKey { .. } => (StatusCode::UNAUTHORIZED, "expired_key", none()),
            Self::MissingScope { scope } => {
                let figures = Figures::of("scope").value(scope.name());
                (StatusCode::FORBIDDEN, "missing_scope", figures)
            }
            Self::RateLimited { per_minute, .. } => {
                let figures = none().limit(u64::from(*per_minute));
                (StatusCode::TOO_MANY_REQUESTS, "rate_limited", figures)
            }
            Self::UnknownRoute { .. } => (StatusCode::NOT_FOUND, "unknown_route", none()),
            Self::UnknownCollection { name, .. } => {
                let figures = Figures::of("collection").value(name);
                (StatusCode::NOT_FOUND, "unknown_collection", figures)
            }
            Self::UnknownDocument { id, .. } => {
                let figures = Figures::of("document").value(id);
                (StatusCode::NOT_FOUND, "unknown_document", figures)
            }
            Self::UnknownModel { name, .. } => {
                let figures = Figures::of("model").value(name);
                (StatusCode::NOT_FOUND, "model_not_found", figures)
            }
            Self::NoModel { .. } => {
                (StatusCode::NOT_FOUND, "model_not_found", Figures::of("model"))
            }
            Self::ReadOnly { collection } => {
                let figures = Figures::of("collection").value(collection);
                (StatusCode::FORBIDDEN, "read_only", figures)
            }
            Self::Refused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "document_refused", none()),
            Self::WritesQueued { limit, .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "writes_queued", none().limit(*limit as u64))
            }
            Self::ChangeLost { .. } => (BUSY, "change_lost", none()),
            Self::Stopping => (BUSY, "stopping", none()),
            Self::UnknownJob { id } => {
                (StatusCode::NOT_FOUND, "unknown_job", Figures::of("job").value(id))
            }
            Self::NoFeedback => (StatusCode::NOT_FOUND, "no_feedback", none()),
            Self::FeedbackLost => (FAILED, "feedback_lost", none()),
            Self::ModelFailed => (FAILED, "model_failed", none()),
            Self::MethodNotAllowed { .. } => {
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", none())
            }
            Self::BodyTooLarge { limit } => {
                let figures = none().limit(*limit as u64);
                (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", figures)
            }
            Self::UnsupportedMediaType { .. } | Self::UnreadableMediaType { .. } => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", none())
            }
            Self::Starting | Self::Loading => (BUSY, "starting", none()),
            Self::Overloaded { limit } => (BUSY, "overloaded", none().limit(*limit as u64)),
            Self::TimedOut { limit_ms } => (BUSY, "timed_out", none().limit(*limit_ms)),
            Self::IndexFailed => (FAILED, "index_failed", none()),
            Self::NotWritten { model } => {
                (StatusCode::BAD_GATEWAY, "not_written", Figures::of("model").value(model))
            }
            Self::Unfit { model, .. } => {
                (StatusCode::BAD_GATEWAY, "unfit", Figures::of("schema").value(model))
            }
            Self::Internal => (FAILED, "internal", none()),
        }
    }
}

/// What a refusal is about, beside its message.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Figures {
    /// The parameter that is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameter: Option<String>,
    /// Its value, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// The limit that was crossed.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
}

impl Figures {
    fn of(parameter: &str) -> Self {
        Self { parameter: Some(parameter.to_owned()), ..Self::default() }
    }

    fn value(self, value: &str) -> Self {
        Self { value: Some(shorten(value)), ..self }
    }

    fn limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

fn shorten(value: &str) -> String {
    value.chars().take(MAX_ECHO_CHARS).collect()
}

/// The body of every response that is no success.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// Why.
    error: ErrorDetail,
}

/// Why a request was not answered.
#[derive(Serialize, ToSchema)]
struct ErrorDetail {
    /// For programs, and stable: `out_of_range`, `unknown_collection`, `starting`.
    code: &'static str,
    /// For people.
    message: String,
    #[serde(flatten)]
    figures: Figures,
    /// The request, as the header `X-Request-Id` and the server's log name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl ApiError {
    /// The body that tells it, for where there is no status any more.
    pub(crate) fn body(&self) -> impl Serialize + use<> {
        let (_, code, figures) = self.parts();
        let request_id = RequestScope::current().map(|scope| scope.id().to_owned());
        ErrorBody { error: ErrorDetail { code, message: self.to_string(), figures, request_id } }
    }
}

impl ApiError {
    /// When it may be tried again, in seconds.
    fn retry_after_seconds(&self) -> Option<u64> {
        if let Self::RateLimited { retry_after_s, .. } = self {
            return Some(*retry_after_s);
        }
        let soon = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        soon.contains(&self.parts().0).then_some(RETRY_AFTER_SECONDS)
    }

    /// How a client is asked for a key (RFC 6750, section 3).
    fn challenge(&self) -> Option<HeaderValue> {
        let told = if let Self::MissingScope { scope } = self {
            format!("Bearer realm=\"trovato\", error=\"insufficient_scope\", scope=\"{scope}\"")
        } else if matches!(self, Self::NoKey) {
            "Bearer realm=\"trovato\"".to_owned()
        } else if self.parts().0 == StatusCode::UNAUTHORIZED {
            "Bearer realm=\"trovato\", error=\"invalid_token\"".to_owned()
        } else {
            return None;
        };
        HeaderValue::try_from(told).ok()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, ..) = self.parts();
        let mut response = (status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        // For the middleware, which knows whether the route speaks another shape.
        response.extensions_mut().insert(self);
        response
    }
}

/// An error with its sources, for the log.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
