//! The opt-in log of searches: what was asked and what was answered, for
//! `trovato eval replay`.
//!
//! A search hands its line to a bounded queue and goes on; a thread of its own
//! redacts and writes. When the disk is slower than the searches, lines are
//! dropped, not searches delayed, and the number is told when the server ends:
//! a log with a stated gap is useful, a search that waits for a disk is not.

mod entry;
mod sample;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use corpora::{LoggedSearch, Redaction};
use jiff::Timestamp;

pub(crate) use self::entry::logged;

pub use self::sample::{SampleRate, SampleRateError};

use crate::log_file::{LogFile, LogKind};
use crate::state::AppState;
use crate::telemetry::{RequestScope, Searched};

/// Lines that may wait for the disk: seconds of a busy server, some megabytes.
const QUEUE: usize = 4096;

/// How long an ending server waits for lines to be written.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where searches are logged, and what is taken out of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryLogConfig {
    /// The file; appended to if it exists.
    pub path: PathBuf,
    /// Applied to query and filter before anything is written.
    pub redaction: Redaction,
    /// Which searches are kept.
    pub sample: SampleRate,
    /// When the file would grow beyond this, it is renamed to `<path>.1`, whose
    /// predecessor is deleted: at most twice as much is kept.
    pub max_bytes: u64,
}

impl QueryLogConfig {
    /// All searches with every redaction rule, and at most twice 64 MiB: about 50,000
    /// searches for ten hits each.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let (redaction, sample) = (Redaction::default(), SampleRate::ALL);
        Self { path: path.into(), redaction, sample, max_bytes: 64 << 20 }
    }
}

/// A query log that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the query log {}: {source}; name a new file in a folder that exists, or an older log", path.display())]
pub struct QueryLogOpenError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    source: io::Error,
}

/// What became of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryLogSummary {
    /// Written.
    pub n_written: u64,
    /// Not written, because the queue was full or the log was closed.
    pub n_dropped: u64,
    /// Not written, because the file could not be written.
    pub n_failed: u64,
}

/// The line of an answered search, if there is a log.
pub(crate) fn line(state: &AppState, searched: &Searched<'_>) -> Option<Arc<LoggedSearch>> {
    let log = state.query_log()?;
    let Searched { request, filter, collection, outcome, .. } = *searched;
    let search = logged(request, filter, collection, outcome);
    Some(Arc::new(LoggedSearch { sample: log.0.sample.told(), ..search }))
}

/// Logs a search that is answered now, and perhaps was worked on before, if the request
/// is of the log's sample.
pub(crate) fn keep(state: &AppState, line: &LoggedSearch) {
    let Some(log) = state.query_log() else { return };
    if RequestScope::current().is_some_and(|scope| !log.0.sample.takes(scope.id())) {
        return;
    }
    let time = format!("{:.3}", Timestamp::now());
    log.record(LoggedSearch { time, ..line.clone() });
}

/// A handle to the log; cheap to clone.
#[derive(Clone)]
pub struct QueryLog(Arc<Shared>);

struct Shared {
    path: PathBuf,
    sample: SampleRate,
    counters: Arc<Counters>,
    /// Taken when the log is closed, which ends the writer. The lock is held
    /// for as long as it takes to put a line into the queue or find it full.
    queue: Mutex<Option<SyncSender<LoggedSearch>>>,
    /// Disconnected when the writer has ended.
    ended: Mutex<Receiver<()>>,
}

#[derive(Default)]
struct Counters {
    written: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

impl QueryLog {
    /// Opens the file and starts the writer.
    ///
    /// # Errors
    /// [`QueryLogOpenError`], at once: a log that was asked for and cannot be
    /// had is no reason to serve without it.
    pub fn open(config: QueryLogConfig) -> Result<Self, QueryLogOpenError> {
        let QueryLogConfig { path, redaction, sample, max_bytes } = config;
        let failed = |source| QueryLogOpenError { path: path.clone(), source };
        let file = LogFile::open(&path, LogKind::Queries, max_bytes).map_err(failed)?;
        let counters = Arc::new(Counters::default());
        let (sender, receiver) = sync_channel(QUEUE);
        let (ending, ended) = sync_channel(0);
        let writer = Writer { file, redaction, counters: Arc::clone(&counters) };
        thread::Builder::new()
            .name("query-log".to_owned())
            .spawn(move || {
                let _ending = ending;
                writer.run(&receiver);
            })
            .map_err(failed)?;
        Ok(Self(Arc::new(Shared {
            path,
            sample,
            counters,
            queue: Mutex::new(Some(sender)),
            ended: Mutex::new(ended),
        })))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Queues a search, or counts it as dropped. Never waits for the disk.
    pub(crate) fn record(&self, search: LoggedSearch) {
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = match queue.as_ref() {
            Some(queue) => queue.try_send(search),
            None => Err(TrySendError::Disconnected(search)),
        };
        if sent.is_err() {
            self.0.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends the log: waits a few seconds for what is queued. Later searches
    /// count as dropped.
    pub fn close(&self) -> QueryLogSummary {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = self.0.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(CLOSE_TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!(path = %self.0.path.display(), "the query log's disk does not answer; queued lines are lost");
        }
        self.summary()
    }

    /// What became of the lines so far.
    pub(crate) fn summary(&self) -> QueryLogSummary {
        let Counters { written, dropped, failed } = self.0.counters.as_ref();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        QueryLogSummary {
            n_written: read(written),
            n_dropped: read(dropped),
            n_failed: read(failed),
        }
    }
}

impl fmt::Debug for QueryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryLog").field("path", &self.0.path).finish_non_exhaustive()
    }
}

/// What runs on the log's thread.
struct Writer {
    file: LogFile,
    redaction: Redaction,
    counters: Arc<Counters>,
}

impl Writer {
    fn run(mut self, queue: &Receiver<LoggedSearch>) {
        while let Ok(mut search) = queue.recv() {
            search.redact(&self.redaction);
            let counter = match self.file.append(&(search.to_line() + "\n")) {
                Ok(()) => &self.counters.written,
                Err(error) => {
                    // Said once; the count is told at the end.
                    if self.counters.failed.load(Ordering::Relaxed) == 0 {
                        tracing::error!(%error, "the query log cannot be written");
                    }
                    &self.counters.failed
                }
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use corpora::{LoggedRequest, parse_query_log};

    use super::*;

    fn search(query: &str) -> LoggedSearch {
        LoggedSearch {
            time: "2026-01-02T03:04:05.678Z".to_owned(),
            collection: "notes".to_owned(),
            generation: 1,
            sample: None,
            request: LoggedRequest {
                own_vector: false,
                query: query.to_owned(),
                strategy: "lexical".to_owned(),
                fusion: None,
                top: 10,
                depth: None,
                expand: None,
                rerank: None,
                rerank_depth: None,
                filter: None,
                per_document: None,
                typos: false,
                list_near_duplicates: false,
            },
            redactions: std::collections::BTreeMap::new(),
            hits: Vec::new(),
            timings_ms: std::collections::BTreeMap::new(),
            degraded: Vec::new(),
        }
    }

    #[test]
    fn lines_are_redacted_before_they_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queries.jsonl");
        let log = QueryLog::open(QueryLogConfig::new(&path)).unwrap();
        log.record(search("mail ann@example.org"));
        log.record(search("plain"));
        assert_eq!(log.close(), QueryLogSummary { n_written: 2, ..QueryLogSummary::default() });
        let written = fs::read_to_string(&path).unwrap();
        assert!(!written.contains("ann@"), "{written}");
        let queries: Vec<_> =
            parse_query_log(&written).unwrap().into_iter().map(|s| s.request.query).collect();
        assert_eq!(queries, ["mail [email]", "plain"]);

        log.record(search("late"));
        assert_eq!(log.close().n_dropped, 1);
        assert_eq!(fs::read_to_string(&path).unwrap(), written);
    }

    #[test]
    fn a_full_queue_drops_lines_and_counts_them() {
        let (sender, receiver) = sync_channel(2);
        let (_ending, ended) = sync_channel(0);
        let counters = Arc::new(Counters::default());
        let log = QueryLog(Arc::new(Shared {
            path: PathBuf::new(),
            sample: SampleRate::ALL,
            counters: Arc::clone(&counters),
            queue: Mutex::new(Some(sender)),
            ended: Mutex::new(ended),
        }));
        for _ in 0..5 {
            log.record(search("a"));
        }
        assert_eq!(counters.dropped.load(Ordering::Relaxed), 3);
        assert_eq!(receiver.try_iter().count(), 2);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing/queries.jsonl");
        let error = QueryLog::open(QueryLogConfig::new(path)).unwrap_err().to_string();
        assert!(error.contains("queries.jsonl") && error.contains("folder"), "{error}");
    }
}
