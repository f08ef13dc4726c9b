//! Changes to the indexes while they are served.
//!
//! A request hands its changes to the queue of a collection as a [`Job`] and waits,
//! or asks for the job later. One thread a collection takes what has come together,
//! applies it, commits, and only then tells the jobs: what a client was told is
//! done survives a power failure, and is found by the next search. Changes that
//! arrive during a commit share the next one, so many small writers cost few commits.
//!
//! A job that is merely accepted is nowhere but in memory. The index's lock is taken
//! when there is work and given back when there is none, so `trovato ingest` can
//! still bring a served index up to date.

mod job;
mod queue;
mod worker;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use engine::Index;
use ingest::pipeline::LiveIngest;

pub(crate) use job::{Asked, Counts, Item, ItemResult, Job, JobState, Jobs, Refusal};
pub(crate) use queue::QueueLimits;

use crate::error::ApiError;
use job::Submission;
use queue::Queue;

/// Takes changes for one index.
#[derive(Debug)]
pub(crate) struct LiveIndex {
    queue: Arc<Queue>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl LiveIndex {
    /// Starts the thread that applies changes.
    ///
    /// # Arguments
    /// * `name` - the collection's, for the log.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(
        name: &str,
        index: Arc<Index>,
        ingest: LiveIngest,
        limits: QueueLimits,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(limits));
        let worker = worker::Worker::new(name.to_owned(), index, ingest, Arc::clone(&queue));
        let thread = thread::Builder::new().name("live-index".to_owned());
        let worker = thread.spawn(move || worker.run())?;
        Ok(Self { queue, worker: Mutex::new(Some(worker)) })
    }

    /// Queues the changes of a job.
    ///
    /// # Errors
    /// [`ApiError::WritesQueued`] when they do not fit; nothing of them is queued.
    pub(crate) fn submit(&self, submission: Submission) -> Result<Arc<Job>, ApiError> {
        self.queue.push(submission)
    }

    /// Changes that wait.
    pub(crate) fn n_waiting(&self) -> usize {
        self.queue.len()
    }

    /// Commits what is applied, gives up what is queued, and ends the thread.
    pub(crate) fn close(&self) {
        self.queue.close();
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if worker.is_some_and(|worker| worker.join().is_err()) {
            tracing::error!("the thread that writes an index panicked");
        }
    }
}

impl Drop for LiveIndex {
    fn drop(&mut self) {
        self.queue.close();
    }
}
