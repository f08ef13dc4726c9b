//! What the handlers share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::admission::Admission;
use crate::collections::{Collection, Collections};
use crate::error::ApiError;
use crate::feedback_log::FeedbackLog;
use crate::hosts::HostPolicy;
use crate::language_models::LanguageModels;
use crate::limits::Limits;
use crate::query_log::QueryLog;
use crate::report_page::ReportPage;

/// The shared state of a server. Cheap to clone; starts without collections,
/// which are published once all of them are open and warm.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    hosts: HostPolicy,
    admission: Admission,
    collections: OnceLock<Collections>,
    query_log: OnceLock<QueryLog>,
    feedback: OnceLock<FeedbackLog>,
    language_models: OnceLock<LanguageModels>,
    report: OnceLock<ReportPage>,
    n_requests: AtomicU64,
}

impl AppState {
    /// The state of a server that is not ready yet.
    pub fn starting(limits: Limits, hosts: HostPolicy) -> Self {
        let admission = Admission::new(&limits);
        Self(Arc::new(Shared {
            limits,
            hosts,
            admission,
            collections: OnceLock::new(),
            query_log: OnceLock::new(),
            feedback: OnceLock::new(),
            language_models: OnceLock::new(),
            report: OnceLock::new(),
            n_requests: AtomicU64::new(0),
        }))
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
        if self.0.language_models.set(models).is_err() {
            tracing::warn!("language models were named twice; the second set is ignored");
        }
    }

    /// Serves a page about how well the collections answer. The first call counts.
    pub fn show_report(&self, page: ReportPage) {
        if self.0.report.set(page).is_err() {
            tracing::warn!("a second report was named; it is not served");
        }
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

    pub(crate) fn collections(&self) -> Result<&Collections, ApiError> {
        self.0.collections.get().ok_or(ApiError::Starting)
    }

    pub(crate) fn collection(&self, name: Option<&str>) -> Result<Arc<Collection>, ApiError> {
        self.collections()?.get(name)
    }

    /// A number for the next request, from 1, unique in this process.
    pub(crate) fn next_request(&self) -> u64 {
        self.0.n_requests.fetch_add(1, Ordering::Relaxed) + 1
    }
}
