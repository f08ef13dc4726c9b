//! No spans: what stands for them in a program built without the feature `otlp`.

use axum::extract::Request;

use super::{ModelCall, SpanCounts, Stage, TextsCall, TracesConfig, TracesError};
use crate::telemetry::Searched;

/// Where spans go: nowhere.
#[derive(Clone, Debug, Default)]
pub struct Traces;

impl Traces {
    /// Spans go nowhere.
    pub const fn none() -> Self {
        Self
    }

    /// # Errors
    /// [`TracesError::NotBuilt`] where a collector is named.
    pub fn start(config: TracesConfig) -> Result<Self, TracesError> {
        if config.endpoint.is_some() { Err(TracesError::NotBuilt) } else { Ok(Self) }
    }

    /// Nothing is left to send.
    pub fn close(&self) {}

    pub(crate) fn begin(&self, _: &Request, _: &str, _: &str) -> RequestTrace {
        RequestTrace
    }

    pub(crate) fn counts(&self) -> Option<SpanCounts> {
        None
    }
}

/// A request's spans: none.
#[derive(Clone, Debug)]
pub(crate) struct RequestTrace;

impl RequestTrace {
    pub(crate) fn id(&self) -> Option<&str> {
        None
    }

    pub(crate) fn answered(&self, _: u16) {}

    pub(crate) fn search(&self, _: &Searched<'_>) {}

    pub(crate) fn language_model(&self, _: &ModelCall<'_>) {}

    pub(crate) fn stage(&self, _: Stage) {}

    pub(crate) fn texts(&self, _: &TextsCall<'_>) {}
}
