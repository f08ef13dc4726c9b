//! What the handlers share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use crate::access::Keys;
use crate::admission::Admission;
use crate::cache::{QueryVectors, Responses};
use crate::collections::Collections;
use crate::error::ApiError;
use crate::feedback_log::FeedbackLog;
use crate::hosts::HostPolicy;
use crate::language_models::LanguageModels;
use crate::limits::Limits;
use crate::live::{Jobs, LiveIndex};
use crate::query_log::QueryLog;
use crate::report_page::ReportPage;
use crate::telemetry::{Metrics, SlowQueries, Traces, WatchedModel};

/// The shared state of a server. Cheap to clone; starts without collections,
/// which are published once all of them are open and warm.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    hosts: HostPolicy,
    keys: OnceLock<Keys>,
    admission: Admission,
    collections: OnceLock<Collections>,
    query_log: OnceLock<QueryLog>,
    feedback: OnceLock<FeedbackLog>,
    language_models: OnceLock<LanguageModels>,
    report: OnceLock<ReportPage>,
    jobs: Jobs,
    searches: Responses,
    answers: Responses,
    metrics: Arc<Metrics>,
    traces: OnceLock<Traces>,
    slow_queries: OnceLock<SlowQueries>,
    started: SystemTime,
    n_requests: AtomicU64,
}

impl AppState {
    /// The state of a server that is not ready yet.
    pub fn starting(limits: Limits, hosts: HostPolicy) -> Self {
        let metrics = Arc::new(Metrics::new());
        let admission = Admission::new(&limits, metrics.admission.clone());
        // A search's response is longer, an answer's took longer to make.
        let half = limits.cached_bytes / 2;
        let (searches, answers) = (Responses::new(half), Responses::new(half));
        Self(Arc::new(Shared {
            limits,
            hosts,
            keys: OnceLock::new(),
            admission,
            collections: OnceLock::new(),
            query_log: OnceLock::new(),
            feedback: OnceLock::new(),
            language_models: OnceLock::new(),
            report: OnceLock::new(),
            jobs: Jobs::new(Arc::clone(&metrics)),
            searches,
            answers,
            metrics,
            traces: OnceLock::new(),
            slow_queries: OnceLock::new(),
            started: SystemTime::now(),
            n_requests: AtomicU64::new(0),
        }))
    }

    /// Asks for a key from now on, which must be said before [`crate::app`] is made: its
    /// description tells of keys. The first call counts.
    pub fn require_keys(&self, keys: Keys) {
        if self.0.keys.set(keys).is_err() {
            tracing::warn!("keys were named twice; the second file is not read");
        }
    }

    /// The keys that are asked for, if any.
    pub(crate) fn keys(&self) -> Option<&Keys> {
        self.0.keys.get()
    }

    /// Makes the server ready. The first call counts; collections of a running
    /// server do not change.
    pub fn publish(&self, collections: Collections) {
        if self.0.collections.set(collections).is_err() {
            tracing::warn!("collections were published twice; the second set is ignored");
        }
    }

    /// Logs every search answered from now on. The first call counts.
    pub fn log_queries(&self, log: QueryLog) {
        if self.0.query_log.set(log).is_err() {
            tracing::warn!("a second query log was named; it stays empty");
        }
    }

    /// Keeps feedback from now on; without, it is refused. The first call counts.
    pub fn keep_feedback(&self, log: FeedbackLog) {
        if self.0.feedback.set(log).is_err() {
            tracing::warn!("a second file for feedback was named; it stays empty");
        }
    }

    /// Lets answers be written by these models from now on. The first call counts.
    pub fn answer_with(&self, models: LanguageModels) {
        let models = models.each(|model| WatchedModel::around(model, Arc::clone(&self.0.metrics)));
        if self.0.language_models.set(models).is_err() {
            tracing::warn!("language models were named twice; the second set is ignored");
        }
    }

    /// Counts what the encoders' cache of query vectors does from now on.
    pub fn count_query_vectors(&self, vectors: &QueryVectors) {
        vectors.count_with(Arc::clone(&self.0.metrics));
    }

    /// Serves a page about how well the collections answer. The first call counts.
    pub fn show_report(&self, page: ReportPage) {
        if self.0.report.set(page).is_err() {
            tracing::warn!("a second report was named; it is not served");
        }
    }

    /// Makes spans of requests from now on. The first call counts.
    pub fn trace_with(&self, traces: Traces) {
        if self.0.traces.set(traces).is_err() {
            tracing::warn!("a second place for spans was named; none are sent to it");
        }
    }

    /// Tells of slow searches from now on. The first call counts.
    pub fn tell_slow_queries(&self, slow: SlowQueries) {
        if self.0.slow_queries.set(slow).is_err() {
            tracing::warn!("slow queries were defined twice; the second time is ignored");
        }
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn traces(&self) -> &Traces {
        static NONE: Traces = Traces::none();
        self.0.traces.get().unwrap_or(&NONE)
    }

    pub(crate) fn slow_queries(&self) -> Option<&SlowQueries> {
        self.0.slow_queries.get()
    }

    /// When the server began, since 1970.
    pub(crate) fn started(&self) -> Duration {
        self.0.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    pub(crate) fn report(&self) -> Option<&ReportPage> {
        self.0.report.get()
    }

    /// The language models that may write answers.
    pub(crate) fn language_models(&self) -> &LanguageModels {
        static NONE: LanguageModels = LanguageModels::none();
        self.0.language_models.get().unwrap_or(&NONE)
    }

    /// The limits it keeps.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn hosts(&self) -> &HostPolicy {
        &self.0.hosts
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.0.admission
    }

    pub(crate) fn query_log(&self) -> Option<&QueryLog> {
        self.0.query_log.get()
    }

    pub(crate) fn feedback(&self) -> Option<&FeedbackLog> {
        self.0.feedback.get()
    }

    /// Every collection, for what is done on nobody's behalf. Handlers go by
    /// [`crate::access::Caller`], who may see some of them only.
    pub(crate) fn all_collections(&self) -> Result<&Collections, ApiError> {
        self.0.collections.get().ok_or(ApiError::Starting)
    }

    /// Responses of searches.
    pub(crate) fn searches(&self) -> &Responses {
        &self.0.searches
    }

    /// Responses with answers.
    pub(crate) fn answers(&self) -> &Responses {
        &self.0.answers
    }

    /// What was asked to change.
    pub(crate) fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// Ends the writers of all collections; see [`crate::live`].
    pub(crate) fn close_writers(&self) {
        let Some(collections) = self.0.collections.get() else { return };
        collections.iter().filter_map(|collection| collection.live()).for_each(LiveIndex::close);
    }

    /// A number for the next request, from 1, unique in this process.
    pub(crate) fn next_request(&self) -> u64 {
        self.0.n_requests.fetch_add(1, Ordering::Relaxed) + 1
    }
}
