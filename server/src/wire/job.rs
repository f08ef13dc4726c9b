//! What travels about changes: jobs, and what became of their items.

use ingest::pipeline::Outcome;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::live::{Counts, Item, ItemResult, Job, JobState};

/// What became of one change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemBody {
    /// The line of the request, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The document; empty where a line names none.
    document: String,
    /// `created`, `replaced`, `unchanged`, `deleted`, `not_found`, `refused` (it cannot be
    /// indexed), `lost` (send it again), or `pending`.
    result: &'static str,
    /// Passages of the document as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    chunks: Option<usize>,
    /// Why it was refused or lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Changes that were asked for together, and how far they are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobBody {
    /// Its name, for `/v1/jobs/{id}`.
    job: String,
    /// The collection that changes.
    collection: String,
    /// `queued`, `waiting` (another process writes the index), `running` or `done`.
    state: &'static str,
    /// The process that is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<String>,
    /// When it was accepted.
    received: String,
    /// When its last item was settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    /// The commit that holds what is settled; any search that answers from it or a later
    /// one sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    /// Items by what became of them.
    counts: CountsBody,
    /// Items, where they were asked for, in the order of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<ItemBody>>,
}

/// Items by what became of them. A settled item is on the disk.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountsBody {
    /// All.
    items: usize,
    /// Those with a result.
    settled: usize,
    /// New documents.
    created: usize,
    /// Documents with another version than before.
    replaced: usize,
    /// Documents that were there as they are.
    unchanged: usize,
    /// Documents that are gone.
    deleted: usize,
    /// Documents that were not there to be deleted.
    not_found: usize,
    /// What cannot be indexed.
    refused: usize,
    /// What has to be sent again.
    lost: usize,
}

/// The latest jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobsBody {
    /// Newest first.
    pub(crate) jobs: Vec<JobBody>,
}

/// What became of a document that was put or deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangedBody {
    /// Its id.
    document: String,
    /// The collection it is in, or was.
    collection: String,
    /// `created`, `replaced`, `unchanged` or `deleted`.
    result: &'static str,
    /// Its passages.
    #[serde(skip_serializing_if = "Option::is_none")]
    chunks: Option<usize>,
    /// The commit from which on searches see it.
    generation: u64,
}

impl ChangedBody {
    /// # Arguments
    /// * `outcome` - that of the only item of `job`.
    pub(crate) fn new(job: &Job, document: String, outcome: &Outcome) -> Self {
        Self {
            document,
            collection: job.collection().to_owned(),
            result: result_name(outcome),
            chunks: chunks(outcome),
            generation: job.generation().unwrap_or_default(),
        }
    }
}

impl JobBody {
    /// # Arguments
    /// * `items` - those to be shown, if any.
    pub(crate) fn new(job: &Job, items: Option<Vec<Item>>) -> Self {
        let (state, waiting_for) = match job.state() {
            JobState::Queued => ("queued", None),
            JobState::Waiting { holder } => ("waiting", Some(holder)),
            JobState::Running => ("running", None),
            JobState::Done => ("done", None),
        };
        Self {
            job: job.id().to_string(),
            collection: job.collection().to_owned(),
            state,
            waiting_for,
            received: time(job.received()),
            ended: job.ended().map(time),
            generation: job.generation(),
            counts: job.counts().into(),
            items: items.map(|items| items.into_iter().map(ItemBody::from).collect()),
        }
    }
}

impl From<Item> for ItemBody {
    fn from(item: Item) -> Self {
        let Item { line, document, result } = item;
        let (result, chunks, reason) = match result {
            None => ("pending", None, None),
            Some(ItemResult::Lost { reason }) => ("lost", None, Some(reason)),
            Some(ItemResult::Settled(outcome)) => {
                let (name, chunks) = (result_name(&outcome), chunks(&outcome));
                let reason = match outcome {
                    Outcome::Refused { kind, reason } => Some(format!("{kind}: {reason}")),
                    Outcome::Created { .. }
                    | Outcome::Replaced { .. }
                    | Outcome::Unchanged
                    | Outcome::Deleted
                    | Outcome::NotFound => None,
                };
                (name, chunks, reason)
            }
        };
        Self { line, document, result, chunks, reason }
    }
}

impl From<Counts> for CountsBody {
    fn from(counts: Counts) -> Self {
        let Counts {
            items,
            settled,
            created,
            replaced,
            unchanged,
            deleted,
            not_found,
            refused,
            lost,
        } = counts;
        Self { items, settled, created, replaced, unchanged, deleted, not_found, refused, lost }
    }
}

fn result_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Created { .. } => "created",
        Outcome::Replaced { .. } => "replaced",
        Outcome::Unchanged => "unchanged",
        Outcome::Deleted => "deleted",
        Outcome::NotFound => "not_found",
        Outcome::Refused { .. } => "refused",
    }
}

fn chunks(outcome: &Outcome) -> Option<usize> {
    match outcome {
        Outcome::Created { chunks } | Outcome::Replaced { chunks } => Some(*chunks),
        Outcome::Unchanged | Outcome::Deleted | Outcome::NotFound | Outcome::Refused { .. } => None,
    }
}

fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}
