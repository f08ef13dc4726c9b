//! The thread that applies changes to one index.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use engine::{Index, IndexError, IndexWriter, Searcher, WriterOptions};
use ingest::pipeline::{IngestError, LiveIngest, Outcome};

use super::job::{ItemResult, Queued};
use super::queue::{Queue, Taken};
use crate::error::Chain;

/// Longest time for which an applied change may wait for its commit while others
/// keep coming.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);

/// For how long an idle writer keeps the index's lock: opening one costs some
/// milliseconds, holding it keeps `trovato ingest` out.
const IDLE: Duration = Duration::from_millis(500);

/// How long the lock of another process is waited for.
const LOCK_PATIENCE: Duration = Duration::from_mins(2);

/// How often it is asked for.
const LOCK_INTERVAL: Duration = Duration::from_millis(250);

/// Changes after which a writer is opened anew: it remembers each of them.
const MAX_SESSION_CHANGES: usize = 50_000;

/// Changes after which it is asked whether the whole index should be rewritten,
/// which takes a look at all of it.
const CHANGES_PER_REVIEW: usize = 1000;

/// Why items are lost when the index could not be written.
const FAILED: &str =
    "the index could not be written; the server's log says why, then send it again";

/// Why items are lost when the server stops.
const STOPPED: &str = "the server stopped; send it again";

/// Applies the changes of a queue.
pub(super) struct Worker {
    name: String,
    index: Arc<Index>,
    ingest: LiveIngest,
    queue: Arc<Queue>,
    unreviewed: usize,
}

/// How a session with an open writer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Idle,
    Closed,
}

impl Worker {
    pub(super) fn new(
        name: String,
        index: Arc<Index>,
        ingest: LiveIngest,
        queue: Arc<Queue>,
    ) -> Self {
        Self { name, index, ingest, queue, unreviewed: 0 }
    }

    /// Works until the queue is closed.
    pub(super) fn run(mut self) {
        while let Taken::Batch(batch) = self.queue.take(None) {
            let mut session = Session { applied: Vec::new(), current: batch, last_commit: None };
            let worked = catch_unwind(AssertUnwindSafe(|| self.session(&mut session)));
            let failure = match worked {
                Ok(Ok(Ended::Idle)) => continue,
                Ok(Ok(Ended::Closed)) => STOPPED.to_owned(),
                Ok(Err(IngestError::Index(IndexError::Locked { holder, .. }))) => {
                    tracing::warn!(collection = self.name, holder, "changes were given up");
                    // Whoever waits behind would wait as long again.
                    session.current.extend(self.queue.drain());
                    format!("the index is being written by {holder}; send it again later")
                }
                Ok(Err(error)) => {
                    let (collection, error) = (&self.name, Chain(&error));
                    tracing::error!(collection, %error, "an index could not be written");
                    FAILED.to_owned()
                }
                Err(_) => {
                    tracing::error!(collection = self.name, "writing an index panicked");
                    FAILED.to_owned()
                }
            };
            session.lose(&failure);
        }
        lose(self.queue.drain(), STOPPED);
    }

    /// Opens a writer, applies what comes, and closes it when nothing does.
    fn session(&mut self, session: &mut Session) -> Result<Ended, IngestError> {
        let Some(mut writer) = self.writer(session)? else { return Ok(Ended::Closed) };
        // The writer has just moved the index on to its newest commit.
        let base = self.index.searcher();
        let mut n_changes = 0;
        loop {
            n_changes += session.current.len();
            self.apply(session, &base, &mut writer)?;
            let is_full = n_changes >= MAX_SESSION_CHANGES;
            let taken =
                if is_full { Taken::Nothing } else { self.queue.take(Some(Duration::ZERO)) };
            match taken {
                Taken::Batch(batch) => {
                    session.current = batch;
                    if session.is_overdue() {
                        self.commit(session, &mut writer)?;
                    }
                }
                Taken::Nothing => {
                    self.commit(session, &mut writer)?;
                    if is_full {
                        return Ok(Ended::Idle);
                    }
                    self.tidy(n_changes, &mut writer)?;
                    match self.queue.take(Some(IDLE)) {
                        Taken::Batch(batch) => session.current = batch,
                        Taken::Nothing => return Ok(Ended::Idle),
                        Taken::Closed => return Ok(Ended::Closed),
                    }
                }
                Taken::Closed => {
                    self.commit(session, &mut writer)?;
                    return Ok(Ended::Closed);
                }
            }
        }
    }

    /// The writer, once no other process has one; `None` when the queue was closed
    /// meanwhile.
    fn writer(&self, session: &Session) -> Result<Option<IndexWriter>, IngestError> {
        let asked = Instant::now();
        loop {
            let holder = match self.index.writer(WriterOptions::default()) {
                Ok(writer) => {
                    self.tell_holder(session, None);
                    return Ok(Some(writer));
                }
                Err(IndexError::Locked { dir, holder }) if asked.elapsed() >= LOCK_PATIENCE => {
                    return Err(IndexError::Locked { dir, holder }.into());
                }
                Err(IndexError::Locked { holder, .. }) => holder,
                Err(error) => return Err(error.into()),
            };
            if self.queue.is_closed() {
                return Ok(None);
            }
            self.tell_holder(session, Some(&holder));
            thread::sleep(LOCK_INTERVAL);
        }
    }

    fn tell_holder(&self, session: &Session, holder: Option<&str>) {
        session.current.iter().for_each(|queued| queued.job.set_holder(holder));
        self.queue.jobs().iter().for_each(|job| job.set_holder(holder));
    }

    fn apply(
        &self,
        session: &mut Session,
        base: &Searcher,
        writer: &mut IndexWriter,
    ) -> Result<(), IngestError> {
        // Kept with its items until they have results, should this fail.
        let changes = session.current.iter().map(|queued| queued.change.clone()).collect();
        let outcomes = self.ingest.apply(changes, base, writer)?;
        let applied = session.current.drain(..).zip(outcomes);
        session.applied.extend(applied);
        Ok(())
    }

    /// Commits, has searches see it, and tells the jobs.
    fn commit(&self, session: &mut Session, writer: &mut IndexWriter) -> Result<(), IngestError> {
        let changed = session.applied.iter().any(|(_, outcome)| is_change(outcome));
        if changed {
            writer.commit()?;
            self.refresh();
        }
        let generation = self.index.searcher().generation();
        session.settle(generation);
        Ok(())
    }

    fn refresh(&self) {
        // A commit that cannot be loaded is told by the task that looks for commits.
        if let Err(error) = self.index.refresh() {
            let (collection, error) = (&self.name, Chain(&error));
            tracing::error!(collection, %error, "a commit of this server could not be loaded");
        }
    }

    /// Keeps the index in few files.
    fn tidy(&mut self, n_changes: usize, writer: &mut IndexWriter) -> Result<(), IngestError> {
        self.unreviewed += n_changes;
        let whole = self.unreviewed >= CHANGES_PER_REVIEW && {
            self.unreviewed = 0;
            writer.should_merge()?
        };
        let merged = if whole { Some(writer.merge()?) } else { writer.merge_recent()? };
        if merged.is_some() {
            self.refresh();
        }
        Ok(())
    }
}

/// Changes between queue and result.
struct Session {
    /// Applied, not yet committed.
    applied: Vec<(Queued, Outcome)>,
    /// Taken, not yet applied.
    current: Vec<Queued>,
    /// When changes were last committed in this session.
    last_commit: Option<Instant>,
}

impl Session {
    fn is_overdue(&mut self) -> bool {
        let since = *self.last_commit.get_or_insert_with(Instant::now);
        since.elapsed() >= COMMIT_INTERVAL
    }

    fn settle(&mut self, generation: u64) {
        self.last_commit = Some(Instant::now());
        for (Queued { job, at, .. }, outcome) in self.applied.drain(..) {
            job.settle([(at, ItemResult::Settled(outcome))], Some(generation));
        }
    }

    /// What was applied and not committed is as lost as what was not applied.
    fn lose(self, reason: &str) {
        let applied = self.applied.into_iter().map(|(queued, _)| queued);
        lose(applied.chain(self.current).collect(), reason);
    }
}

fn lose(items: Vec<Queued>, reason: &str) {
    for Queued { job, at, .. } in items {
        job.settle([(at, ItemResult::Lost { reason: reason.to_owned() })], None);
    }
}

fn is_change(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Created { .. } | Outcome::Replaced { .. } | Outcome::Deleted => true,
        Outcome::Unchanged | Outcome::NotFound | Outcome::Refused { .. } => false,
    }
}
