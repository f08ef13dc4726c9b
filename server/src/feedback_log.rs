//! Where judgments of passages are kept: a file that `trovato eval` reads.
//!
//! Unlike the query log a judgment is written before it is acknowledged, and never
//! deleted to make room: a log of searches with a gap is as useful, a judgment that
//! somebody made and that is gone is not.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use corpora::{LoggedFeedback, Redaction};

use crate::log_file::{LogFile, LogKind};

/// Where feedback is kept, and what is taken out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackLogConfig {
    /// The file; appended to if it exists.
    pub path: PathBuf,
    /// Applied to query and filter before anything is written.
    pub redaction: Redaction,
    /// The file's largest size; feedback beyond it is refused.
    pub max_bytes: u64,
}

impl FeedbackLogConfig {
    /// Every redaction rule, and at most 64 MiB: some 200,000 judgments.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), redaction: Redaction::default(), max_bytes: 64 << 20 }
    }
}

/// A feedback file that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep feedback in {}: {source}; name a new file in a folder that exists, or an older one of feedback", path.display())]
pub struct FeedbackLogOpenError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    source: io::Error,
}

/// A handle to the file; cheap to clone.
#[derive(Clone)]
pub struct FeedbackLog(Arc<Shared>);

struct Shared {
    path: PathBuf,
    redaction: Redaction,
    file: Mutex<LogFile>,
}

impl FeedbackLog {
    /// Opens the file.
    ///
    /// # Errors
    /// [`FeedbackLogOpenError`].
    pub fn open(config: FeedbackLogConfig) -> Result<Self, FeedbackLogOpenError> {
        let FeedbackLogConfig { path, redaction, max_bytes } = config;
        match LogFile::open(&path, LogKind::Feedback, max_bytes) {
            Ok(file) => Ok(Self(Arc::new(Shared { path, redaction, file: Mutex::new(file) }))),
            Err(source) => Err(FeedbackLogOpenError { path, source }),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Redacts a judgment, writes it, and waits for the disk.
    ///
    /// # Errors
    /// What the operating system said, or that the file is full; nothing is kept then.
    pub(crate) fn keep(&self, mut feedback: LoggedFeedback) -> io::Result<()> {
        feedback.redact(&self.0.redaction);
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.append_durably(&(feedback.to_line() + "\n"))
    }
}

impl fmt::Debug for FeedbackLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedbackLog").field("path", &self.0.path).finish_non_exhaustive()
    }
}
