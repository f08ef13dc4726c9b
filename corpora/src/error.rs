//! Why a test collection's file cannot be used: which file, which line, what
//! stood there and what to do. Nothing here is recoverable by skipping the
//! line: a judgment silently left out changes every figure computed from it.

use std::io;
use std::path::{Path, PathBuf};

use engine::DocumentError;

/// A collection's file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CollectionError {
    /// The operating system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// A line of a JSONL file is not the object it should be.
    #[error("{}:{line}: {source}; each line must be a JSON object with `_id` and `text`", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A qrels line has the wrong number of columns.
    #[error(
        "{}:{line}: {found} columns in {text:?}; expected `topic<TAB>document<TAB>grade` (BEIR) \
         or `topic iteration document grade` (TREC)",
        path.display()
    )]
    Columns {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// How many columns there are.
        found: usize,
        /// The line's first 80 characters.
        text: String,
    },
    /// A grade is not a whole number.
    #[error("{}:{line}: the grade {value:?} is not a whole number", path.display())]
    Grade {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// What stands there.
        value: String,
    },
    /// An id cannot name a document.
    #[error("{}:{line}: {source}", path.display())]
    DocumentId {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// Why.
        #[source]
        source: DocumentError,
    },
    /// One pair of topic and document is judged twice, differently.
    #[error(
        "{}:{line}: topic {topic:?} judges document {document:?} with {second} here and with {first} \
         above; remove one of the lines",
        path.display()
    )]
    Contradiction {
        /// Which file.
        path: PathBuf,
        /// 1-based line of the second judgment.
        line: usize,
        /// The topic's id.
        topic: String,
        /// The document's id.
        document: String,
        /// The earlier grade.
        first: i32,
        /// The later grade.
        second: i32,
    },
    /// Two topics share an id.
    #[error("{}:{line}: topic {id:?} occurs a second time", path.display())]
    RepeatedTopic {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// The id.
        id: String,
    },
    /// The file holds no judgment at all.
    #[error("{} holds no judgments", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// The folder lacks a part of the BEIR layout.
    #[error("{} is not a BEIR collection: {missing} is missing", dir.display())]
    Layout {
        /// The folder.
        dir: PathBuf,
        /// The file that should be there.
        missing: &'static str,
    },
    /// There are judgments, but not for this split.
    #[error("{} has no split {split:?}; it has: {}", dir.display(), available.join(", "))]
    Split {
        /// The collection's folder.
        dir: PathBuf,
        /// The split asked for.
        split: String,
        /// The splits that exist, sorted.
        available: Vec<String>,
    },
}

impl CollectionError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
