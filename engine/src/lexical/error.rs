//! What can go wrong with the lexical index.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::TantivyError;
use tantivy::directory::error::{LockError, OpenDirectoryError, OpenReadError, OpenWriteError};

/// A lexical index that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LexicalError {
    /// The operating system refused. Free space or mend permissions, then retry.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// A file is missing or its content is not what was written. Restore the
    /// index or build it again.
    #[error("{} is damaged: {what}; restore the index or build it again", path.display())]
    Damaged {
        /// Which file, or the folder where it cannot be told.
        path: PathBuf,
        /// What does not hold.
        what: String,
    },
    /// Another version of the file format wrote it. Build the index again.
    #[error(
        "{} has a format this version cannot read ({what}); build the index again with \
         `trovato ingest PATH --index NEW_DIR`",
        path.display()
    )]
    Version {
        /// Which file or folder.
        path: PathBuf,
        /// The versions.
        what: String,
    },
    /// The words were stemmed for another language, or cut by other rules.
    /// Open it with the language it was made with, or build it again.
    #[error(
        "{} was analysed as {found}, this run expects {expected}; open it with the language it was made with or build it again",
        path.display()
    )]
    Analysis {
        /// The index folder.
        path: PathBuf,
        /// The tokenizer in the schema.
        found: String,
        /// Ours.
        expected: String,
    },
    /// There is an index already.
    #[error("{} holds an index already; open it or choose another folder", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// Another writer is at work. Wait for it to end.
    #[error("{} is being written by another writer; wait for it to end", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Commits came faster than a generation could be opened. Retry.
    #[error("{} changed {attempts} times while it was being opened; retry", path.display())]
    Changing {
        /// The folder.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
    },
    /// The writer failed before and has been closed. Open a new one; the last
    /// commit stands.
    #[error("the writer of {} failed and is closed; open a new one", path.display())]
    Closed {
        /// The folder.
        path: PathBuf,
    },
    /// The library underneath failed in another way. A fault of the program, or
    /// a damaged file opened without verification.
    #[error("{}: {source}", path.display())]
    Internal {
        /// The folder.
        path: PathBuf,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl LexicalError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }

    /// Translates an error of tantivy's about the index in `dir`.
    ///
    /// tantivy reports a file that cannot be parsed as an I/O error of the kind
    /// `InvalidData` or `UnexpectedEof`, our own directory a failed checksum
    /// likewise: all of them are damage, and so is a file that is not there.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other causes are all one to the caller"
    )]
    pub(super) fn from_tantivy(dir: &Path, error: TantivyError) -> Self {
        match error {
            TantivyError::OpenReadError(error) => Self::from_read(dir, error),
            TantivyError::IoError(source)
            | TantivyError::LockFailure(LockError::IoError(source), _) => {
                Self::from_io(dir, &source)
            }
            TantivyError::OpenWriteError(OpenWriteError::IoError { io_error, filepath }) => {
                Self::from_io(&dir.join(filepath), &io_error)
            }
            TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error, .. }) => {
                Self::from_io(dir, &io_error)
            }
            TantivyError::OpenDirectoryError(OpenDirectoryError::DoesNotExist(path)) => {
                Self::damaged(&path, "it does not exist")
            }
            TantivyError::OpenDirectoryError(OpenDirectoryError::NotADirectory(path)) => {
                Self::damaged(&path, "it is not a folder")
            }
            TantivyError::DataCorruption(what) => Self::damaged(dir, format!("{what:?}")),
            TantivyError::IncompatibleIndex(what) => {
                Self::Version { path: dir.to_owned(), what: format!("{what:?}") }
            }
            TantivyError::LockFailure(LockError::LockBusy, _) => {
                Self::Busy { path: dir.to_owned() }
            }
            TantivyError::IndexAlreadyExists => Self::Exists { path: dir.to_owned() },
            other => Self::Internal { path: dir.to_owned(), source: Box::new(other) },
        }
    }

    pub(super) fn from_read(dir: &Path, error: OpenReadError) -> Self {
        match error {
            OpenReadError::FileDoesNotExist(path) => {
                Self::damaged(&dir.join(path), "it is missing")
            }
            OpenReadError::IoError { io_error, filepath } => {
                Self::from_io(&dir.join(filepath), &io_error)
            }
            OpenReadError::IncompatibleIndex(what) => {
                Self::Version { path: dir.to_owned(), what: format!("{what:?}") }
            }
        }
    }

    pub(super) fn from_io(path: &Path, error: &Arc<io::Error>) -> Self {
        let kind = error.kind();
        if matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) {
            Self::damaged(path, error.to_string())
        } else {
            Self::io(path, io::Error::new(kind, Arc::clone(error)))
        }
    }
}
