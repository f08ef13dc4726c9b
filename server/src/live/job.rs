//! Jobs: what was asked to change, how far it has come, what became of each item.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use engine::DocumentId;
use ingest::pipeline::{Change, Outcome};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::telemetry::{DocumentChange, JobEnd, Metrics};

/// Jobs that are remembered; beyond, the oldest that has ended is forgotten.
const REMEMBERED: usize = 1000;

/// A job's name: unique over restarts of the server, so that a client which asks for
/// a job of the process before is not shown another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JobId {
    started_ms: i64,
    number: u64,
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.started_ms, self.number)
    }
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ItemResult {
    /// It is applied and committed, or cannot be.
    Settled(Outcome),
    /// The index could not be written, or the server stopped: send it again.
    Lost {
        /// Why, without what only the log should say.
        reason: String,
    },
}

/// One change of a job.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The line it stands on, from 1; `None` for a request about one document.
    pub(crate) line: Option<usize>,
    /// The document, as far as it was named.
    pub(crate) document: String,
    /// `None` until it is known.
    pub(crate) result: Option<ItemResult>,
}

/// Changes on their way into a queue.
pub(crate) struct Submission {
    pub(crate) job: Arc<Job>,
    /// Each with its place among the job's items.
    pub(crate) changes: Vec<(usize, Change)>,
    /// Bytes of their texts.
    pub(crate) bytes: usize,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobState {
    /// Nothing of it is done.
    Queued,
    /// Another process writes the index.
    Waiting {
        /// Which.
        holder: String,
    },
    /// Some of it is.
    Running,
    /// Every item has a result.
    Done,
}

/// Items by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) items: usize,
    pub(crate) settled: usize,
    pub(crate) created: usize,
    pub(crate) replaced: usize,
    pub(crate) unchanged: usize,
    pub(crate) deleted: usize,
    pub(crate) not_found: usize,
    pub(crate) refused: usize,
    pub(crate) lost: usize,
}

impl Counts {
    fn count(&mut self, result: &ItemResult) {
        self.settled += 1;
        let counter = match result {
            ItemResult::Settled(Outcome::Created { .. }) => &mut self.created,
            ItemResult::Settled(Outcome::Replaced { .. }) => &mut self.replaced,
            ItemResult::Settled(Outcome::Unchanged) => &mut self.unchanged,
            ItemResult::Settled(Outcome::Deleted) => &mut self.deleted,
            ItemResult::Settled(Outcome::NotFound) => &mut self.not_found,
            ItemResult::Settled(Outcome::Refused { .. }) => &mut self.refused,
            ItemResult::Lost { .. } => &mut self.lost,
        };
        *counter += 1;
    }
}

/// Changes that were asked for together.
#[derive(Debug)]
pub(crate) struct Job {
    id: JobId,
    collection: String,
    received: Timestamp,
    progress: Mutex<Progress>,
    done: watch::Sender<bool>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Progress {
    items: Vec<Item>,
    counts: Counts,
    generation: Option<u64>,
    holder: Option<String>,
    ended: Option<Timestamp>,
}

impl Job {
    pub(crate) fn id(&self) -> JobId {
        self.id
    }

    pub(crate) fn collection(&self) -> &str {
        &self.collection
    }

    /// When it was accepted.
    pub(crate) fn received(&self) -> Timestamp {
        self.received
    }

    /// When its last item was settled.
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        self.lock().ended
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// The commit that holds the latest of its items.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.lock().generation
    }

    pub(crate) fn state(&self) -> JobState {
        let progress = self.lock();
        let Counts { items, settled, .. } = progress.counts;
        match &progress.holder {
            _ if settled == items => JobState::Done,
            Some(holder) => JobState::Waiting { holder: holder.clone() },
            None if settled == 0 => JobState::Queued,
            None => JobState::Running,
        }
    }

    /// Items from the place `from`, `limit` at most.
    pub(crate) fn items(&self, from: usize, limit: usize) -> Vec<Item> {
        self.lock().items.iter().skip(from).take(limit).cloned().collect()
    }

    /// Returns when every item has a result.
    pub(crate) async fn done(&self) {
        // The sender lives as long as the job, so waiting cannot fail.
        let _ = self.done.subscribe().wait_for(|done| *done).await;
    }

    /// Notes who keeps the job waiting, or that nobody does any more.
    pub(super) fn set_holder(&self, holder: Option<&str>) {
        self.lock().holder = holder.map(str::to_owned);
    }

    /// Gives items their results.
    ///
    /// # Arguments
    /// * `generation` - the commit that holds them, where there is one.
    pub(super) fn settle(
        &self,
        results: impl IntoIterator<Item = (usize, ItemResult)>,
        generation: Option<u64>,
    ) {
        let mut progress = self.lock();
        let Progress { items, counts, .. } = &mut *progress;
        for (at, result) in results {
            if let Some(item) = items.get_mut(at).filter(|item| item.result.is_none()) {
                counts.count(&result);
                self.count(&result);
                item.result = Some(result);
            }
        }
        progress.generation = generation.or(progress.generation);
        let is_done = progress.counts.settled == progress.counts.items;
        if is_done && progress.ended.is_none() {
            progress.ended = Some(Timestamp::now());
            let end = if progress.counts.lost == 0 { JobEnd::Done } else { JobEnd::Failed };
            self.metrics.count_job("changes", end);
        }
        drop(progress);
        self.done.send_replace(is_done);
    }

    fn count(&self, result: &ItemResult) {
        let change = match result {
            ItemResult::Settled(Outcome::Created { .. } | Outcome::Replaced { .. }) => {
                DocumentChange::Upserted
            }
            ItemResult::Settled(Outcome::Deleted) => DocumentChange::Deleted,
            ItemResult::Settled(Outcome::Refused { .. }) | ItemResult::Lost { .. } => {
                DocumentChange::Failed
            }
            ItemResult::Settled(Outcome::Unchanged | Outcome::NotFound) => return,
        };
        self.metrics.count_documents(&self.collection, change, 1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Progress> {
        // Every change is whole before the next, so a panic leaves nothing torn.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change that was read from a request, or why it cannot be one.
pub(crate) struct Asked {
    pub(crate) line: Option<usize>,
    pub(crate) change: Result<Change, Refusal>,
}

/// An item that is no change.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The document, as far as it was named.
    pub(crate) document: String,
    pub(crate) kind: &'static str,
    pub(crate) reason: String,
}

/// The latest jobs of a server.
#[derive(Debug)]
pub(crate) struct Jobs {
    metrics: Arc<Metrics>,
    started_ms: i64,
    numbers: AtomicU64,
    latest: Mutex<BTreeMap<JobId, Arc<Job>>>,
}

impl Jobs {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            started_ms: Timestamp::now().as_millisecond(),
            numbers: AtomicU64::new(0),
            latest: Mutex::default(),
        }
    }

    /// A new job of these items; those that are refused have their result already.
    ///
    /// # Arguments
    /// * `bytes` - of the request, for the queue's limit.
    pub(crate) fn create(&self, collection: &str, asked: Vec<Asked>, bytes: usize) -> Submission {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let mut items = Vec::with_capacity(asked.len());
        let mut changes = Vec::new();
        let mut refused = Vec::new();
        for (at, Asked { line, change }) in asked.into_iter().enumerate() {
            let document = match &change {
                Ok(change) => change.id().as_str().to_owned(),
                Err(refusal) => refusal.document.clone(),
            };
            items.push(Item { line, document, result: None });
            match change {
                Ok(change) => changes.push((at, change)),
                Err(Refusal { kind, reason, .. }) => {
                    refused.push((at, ItemResult::Settled(Outcome::Refused { kind, reason })));
                }
            }
        }
        let counts = Counts { items: items.len(), ..Counts::default() };
        let progress = Progress { items, counts, generation: None, holder: None, ended: None };
        let job = Arc::new(Job {
            id: JobId { started_ms: self.started_ms, number },
            collection: collection.to_owned(),
            received: Timestamp::now(),
            progress: Mutex::new(progress),
            done: watch::Sender::new(false),
            metrics: Arc::clone(&self.metrics),
        });
        job.settle(refused, None);
        Submission { job, changes, bytes }
    }

    /// Remembers a job that was accepted.
    pub(crate) fn remember(&self, job: Arc<Job>) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.insert(job.id(), job);
        if latest.len() > REMEMBERED {
            let ended = latest.iter().find(|(_, job)| job.ended().is_some()).map(|(id, _)| *id);
            ended.and_then(|id| latest.remove(&id));
        }
    }

    /// The job of this name, if it is remembered.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Job>> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let (started, number) = name.split_once('-')?;
        let started_ms = i64::from_str_radix(started, 16).ok()?;
        latest.get(&JobId { started_ms, number: number.parse().ok()? }).cloned()
    }

    /// The latest jobs, newest first.
    pub(crate) fn latest(&self) -> Vec<Arc<Job>> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.values().rev().cloned().collect()
    }
}

/// A change with its place in its job.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) job: Arc<Job>,
    pub(super) at: usize,
    pub(super) change: Change,
    pub(super) bytes: usize,
}

impl Queued {
    pub(super) fn id(&self) -> &DocumentId {
        self.change.id()
    }
}
