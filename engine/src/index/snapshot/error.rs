//! Why a snapshot could not be made, read or restored.

use std::io;
use std::path::{Path, PathBuf};

use crate::index::IndexError;

/// Why a snapshot could not be made, read or restored. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// What was copied is no whole index: the original is damaged.
    #[error(
        "what was copied of {} does not open: {source}; `trovato index verify` reads the original",
        dir.display()
    )]
    NotWhole {
        /// What was copied.
        dir: PathBuf,
        /// What does not hold.
        #[source]
        source: IndexError,
    },
    /// The folder holds something else.
    #[error("{} holds no snapshot; `trovato snapshot create --index DIR --to {}` makes one", dir.display(), dir.display())]
    NoSnapshot {
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// Something is there already. Nothing is ever overwritten.
    #[error("{} exists already; choose a name that is not taken", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// A file is not what was written. Use another snapshot.
    #[error("{} is damaged: {what}; use another snapshot", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What does not hold.
        what: String,
    },
    /// Another version of the program made it. Use that one.
    #[error(
        "{} has format {found}, this version reads {supported}; use the version that made it",
        path.display()
    )]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        supported: u32,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

impl SnapshotError {
    /// An error of the operating system about `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}
