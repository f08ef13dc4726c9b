//! What other parts of the server count: caches, documents, jobs, refusals.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Whether a cache had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheLookup {
    /// It was there.
    Hit,
    /// It had to be made.
    Miss,
}

/// What happened to documents of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentChange {
    /// Added, or put in place of what was there.
    Upserted,
    /// Taken away.
    Deleted,
    /// Refused: they could not be read.
    Failed,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// As it should.
    Done,
    /// With an error.
    Failed,
}

/// Why a request was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Without a key, with a wrong one, or one that may not do this.
    Unauthorised,
    /// Too many in too short a time.
    RateLimited,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CacheLabels {
    cache: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ChangeLabels {
    collection: String,
    change: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct JobLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug)]
pub(super) struct EventMetrics {
    caches: Family<CacheLabels, Counter>,
    documents: Family<ChangeLabels, Counter>,
    jobs: Family<JobLabels, Counter>,
    refused: Family<ReasonLabels, Counter>,
}

impl EventMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            caches: Family::default(),
            documents: Family::default(),
            jobs: Family::default(),
            refused: Family::default(),
        };
        registry.register(
            "cache_lookups",
            "Look-ups in caches, by whether it was there",
            metrics.caches.clone(),
        );
        registry.register(
            "documents_changed",
            "Documents written to indexes, deleted from them, or refused",
            metrics.documents.clone(),
        );
        registry.register("jobs", "Jobs that have ended, by how", metrics.jobs.clone());
        registry.register(
            "requests_refused",
            "Requests turned away before they were looked at",
            metrics.refused.clone(),
        );
        metrics
    }

    pub(super) fn count_cache(&self, cache: &'static str, lookup: CacheLookup) {
        let outcome = match lookup {
            CacheLookup::Hit => "hit",
            CacheLookup::Miss => "miss",
        };
        self.caches.get_or_create(&CacheLabels { cache, outcome }).inc();
    }

    pub(super) fn count_documents(&self, collection: &str, change: DocumentChange, n: u64) {
        let change = match change {
            DocumentChange::Upserted => "upserted",
            DocumentChange::Deleted => "deleted",
            DocumentChange::Failed => "failed",
        };
        let labels = ChangeLabels { collection: collection.to_owned(), change };
        self.documents.get_or_create(&labels).inc_by(n);
    }

    pub(super) fn count_job(&self, kind: &'static str, end: JobEnd) {
        let outcome = match end {
            JobEnd::Done => "done",
            JobEnd::Failed => "failed",
        };
        self.jobs.get_or_create(&JobLabels { kind, outcome }).inc();
    }

    pub(super) fn count_refused(&self, reason: Refused) {
        let reason = match reason {
            Refused::Unauthorised => "unauthorised",
            Refused::RateLimited => "rate_limited",
        };
        self.refused.get_or_create(&ReasonLabels { reason }).inc();
    }
}
