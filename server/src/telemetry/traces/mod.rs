//! Spans for OpenTelemetry: of a request, of the search within it and its stages, of what
//! language models were asked.
//!
//! Only this folder names OpenTelemetry. `export` has spans sent over OTLP, `spans` says
//! which there are and what they tell; without the feature `otlp` both are `absent`.
//! Names are those of OpenTelemetry's conventions for generative AI and of OpenInference,
//! where they have one.

#[cfg(not(feature = "otlp"))]
mod absent;
#[cfg(feature = "otlp")]
mod export;
#[cfg(feature = "otlp")]
mod spans;

use std::time::{Duration, SystemTime};

use answer::model::{Completed, Completion};

use super::metrics::CompletionEnd;

#[cfg(not(feature = "otlp"))]
pub use self::absent::Traces;
#[cfg(feature = "otlp")]
pub use self::export::Traces;

#[cfg(not(feature = "otlp"))]
pub(crate) use self::absent::RequestTrace;
#[cfg(feature = "otlp")]
pub(crate) use self::spans::RequestTrace;

/// Where spans go, and what they tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TracesConfig {
    /// A collector that speaks OTLP over HTTP: `http://127.0.0.1:4318`. `None` for what
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` say; where
    /// they say nothing either, there are no spans.
    pub endpoint: Option<String>,
    /// Whether spans hold what was asked and answered.
    pub content: TraceContent,
}

/// Whether spans hold the words of questions, documents and answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceContent {
    /// Numbers and names of the configuration alone.
    #[default]
    Withheld,
    /// The words too: who reads the traces reads what users ask.
    Told,
}

/// Spans that cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The collector's address cannot be used.
    #[error(
        "cannot send spans to {endpoint:?}; give the address of a collector that speaks OTLP over HTTP, like http://127.0.0.1:4318"
    )]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The program was built without it.
    #[error(
        "this program was built without the feature `otlp`; leave --otlp-endpoint out, or build it with default features"
    )]
    NotBuilt,
}

/// What became of the spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpanCounts {
    /// Taken by the collector.
    pub(crate) exported: u64,
    /// Refused by it, or not delivered.
    pub(crate) failed: u64,
    /// Not queued, because the queue was full.
    pub(crate) dropped: u64,
}

/// What a language model was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelCall<'a> {
    /// Its name in the configuration.
    pub(crate) model: &'a str,
    pub(crate) provider: Option<&'static str>,
    pub(crate) completion: &'a Completion,
    /// `None` where it did not come to its end.
    pub(crate) completed: Option<&'a Completed>,
    pub(crate) end: CompletionEnd,
    pub(crate) started: SystemTime,
    pub(crate) took: Duration,
}

/// A stage that is no search and no model's: making a context, choosing sentences.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) started: SystemTime,
    pub(crate) took_ms: f64,
}

/// Texts of a client's own that a model of a collection has read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextsCall<'a> {
    pub(crate) task: TextsTask,
    pub(crate) model: &'a str,
    pub(crate) texts: usize,
    pub(crate) started: SystemTime,
}

/// What was made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextsTask {
    /// Vectors.
    Encode,
    /// An order.
    Rerank,
}
