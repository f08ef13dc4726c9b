//! The changes that wait for the writer of one index, within limits.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::job::{Job, Queued, Submission};
use crate::error::ApiError;

/// Changes that are applied together: enough to keep the encoder's cores busy,
/// few enough that a job shows how far it is.
const BATCH_CHANGES: usize = 64;

/// Bytes of texts after which a batch is full.
const BATCH_BYTES: usize = 8 << 20;

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    /// Changes.
    pub(crate) changes: usize,
    /// Bytes of requests.
    pub(crate) bytes: usize,
}

/// A bounded queue with one taker.
#[derive(Debug)]
pub(super) struct Queue {
    limits: QueueLimits,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Queued>,
    bytes: usize,
    closed: bool,
}

/// What the taker finds.
#[derive(Debug)]
pub(super) enum Taken {
    /// Changes to documents that differ, oldest first.
    Batch(Vec<Queued>),
    /// Nothing for now.
    Nothing,
    /// Nothing any more.
    Closed,
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self { limits, state: Mutex::default(), arrived: Condvar::new() }
    }

    /// Queues all changes of a job, or none.
    pub(super) fn push(&self, submission: Submission) -> Result<Arc<Job>, ApiError> {
        let Submission { job, changes, bytes } = submission;
        let QueueLimits { changes: most, bytes: most_bytes } = self.limits;
        let mut state = self.lock();
        if state.closed {
            return Err(ApiError::Stopping);
        }
        let fits = state.waiting.len() + changes.len() <= most && state.bytes + bytes <= most_bytes;
        // What is larger than the whole queue would never be accepted.
        if !fits && !state.waiting.is_empty() {
            return Err(ApiError::WritesQueued { waiting: state.waiting.len(), limit: most });
        }
        let share = bytes / changes.len().max(1);
        state.bytes += share * changes.len();
        let queued = changes.into_iter();
        let queued =
            queued.map(|(at, change)| Queued { job: Arc::clone(&job), at, change, bytes: share });
        state.waiting.extend(queued);
        drop(state);
        self.arrived.notify_one();
        Ok(job)
    }

    /// Waits for changes, for so long at most; `None` for as long as it takes.
    pub(super) fn take(&self, patience: Option<Duration>) -> Taken {
        let mut state = self.lock();
        let idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
        state = if let Some(patience) = patience {
            let waited = self.arrived.wait_timeout_while(state, patience, idle);
            waited.unwrap_or_else(PoisonError::into_inner).0
        } else {
            self.arrived.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner)
        };
        if state.closed {
            return Taken::Closed;
        }
        let (mut batch, mut ids, mut bytes) = (Vec::new(), HashSet::new(), 0);
        while batch.len() < BATCH_CHANGES && bytes < BATCH_BYTES {
            // The second change to a document belongs to the next batch.
            if !state.waiting.front().is_some_and(|next| ids.insert(next.id().clone())) {
                break;
            }
            let Some(next) = state.waiting.pop_front() else { break };
            bytes += next.bytes;
            state.bytes -= next.bytes;
            batch.push(next);
        }
        if batch.is_empty() { Taken::Nothing } else { Taken::Batch(batch) }
    }

    /// Takes nothing more in, and gives back what waits.
    pub(super) fn drain(&self) -> Vec<Queued> {
        let mut state = self.lock();
        state.bytes = 0;
        state.waiting.drain(..).collect()
    }

    /// The jobs whose changes wait.
    pub(super) fn jobs(&self) -> Vec<Arc<Job>> {
        let state = self.lock();
        let mut jobs: Vec<Arc<Job>> = Vec::new();
        for queued in &state.waiting {
            if jobs.last().is_none_or(|last| !Arc::ptr_eq(last, &queued.job)) {
                jobs.push(Arc::clone(&queued.job));
            }
        }
        jobs
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Changes that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
