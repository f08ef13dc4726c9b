//! Figures about the server, in Prometheus's text format.
//!
//! What happens is counted where it happens, a family of metrics a file, by an atomic
//! each; what merely is (an index's size, the queue, the process) is read when somebody
//! asks, in `sampled`. Labels are few and bounded: templates of routes and never paths,
//! names from the configuration and never a client's words. docs/operations.md lists all
//! of them; a test keeps it complete.
//!
//! A new metric is a field of the family it belongs to, registered where the family is
//! made, with a method that counts; [`Metrics`] hands it to the callers.

mod admission;
mod answers;
mod buckets;
mod events;
mod http;
mod process;
mod sampled;
mod search;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;

pub use self::events::{CacheLookup, DocumentChange, JobEnd, Refused};

pub(crate) use self::admission::AdmissionMetrics;
pub(crate) use self::answers::{AnsweredBy, Completion, CompletionEnd};
pub(crate) use self::http::route;

use self::answers::AnswerMetrics;
use self::events::EventMetrics;
use self::http::HttpMetrics;
use self::search::SearchMetrics;
use crate::error::ApiError;
use crate::state::AppState;

/// What every name begins with but those that Prometheus has given.
const PREFIX: &str = "trovato";

/// Everything that is counted. Counting costs an atomic and the look-up of its labels,
/// below a microsecond together.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub(crate) http: HttpMetrics,
    pub(crate) search: SearchMetrics,
    pub(crate) admission: AdmissionMetrics,
    pub(crate) answers: AnswerMetrics,
    events: EventMetrics,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        Self {
            http: HttpMetrics::register(&mut registry),
            search: SearchMetrics::register(&mut registry),
            admission: AdmissionMetrics::register(&mut registry),
            answers: AnswerMetrics::register(&mut registry),
            events: EventMetrics::register(&mut registry),
            registry,
        }
    }

    /// Counts a look-up in a cache.
    ///
    /// # Arguments
    /// * `cache` - which one: `searches`.
    pub fn count_cache(&self, cache: &'static str, lookup: CacheLookup) {
        self.events.count_cache(cache, lookup);
    }

    /// Counts documents that were written to an index or taken from it.
    pub fn count_documents(&self, collection: &str, change: DocumentChange, documents: u64) {
        self.events.count_documents(collection, change, documents);
    }

    /// Counts a job that has ended.
    ///
    /// # Arguments
    /// * `kind` - what it did: `changes`.
    pub fn count_job(&self, kind: &'static str, end: JobEnd) {
        self.events.count_job(kind, end);
    }

    /// Counts a request that was turned away before it was looked at.
    pub fn count_refused(&self, reason: Refused) {
        self.events.count_refused(reason);
    }
}

/// All figures of a server, as a scrape wants them.
///
/// Reads the folders of the indexes and the process's own figures: some hundred
/// microseconds, on a thread that may block.
///
/// # Errors
/// [`ApiError::Internal`] where a figure cannot be written, which is a mistake of ours.
pub(crate) fn scrape(state: &AppState) -> Result<String, ApiError> {
    let mut text = String::with_capacity(16 << 10);
    let sampled = sampled::registry(state);
    prometheus_text::encode(&mut text, &state.metrics().registry)
        .and_then(|()| prometheus_text::encode(&mut text, &sampled))
        .map_err(|error| {
            tracing::error!(%error, "the metrics could not be written");
            ApiError::Internal
        })?;
    Ok(text)
}

/// The media type of [`scrape`].
pub(crate) const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;
