//! The entries of one collection in a server's log, which may hold several.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use corpora::{LoggedFeedback, LoggedSearch, parse_feedback};

use crate::options::UsageError;

/// An entry of a log.
pub(super) trait Logged {
    /// The collection it is about.
    fn collection(&self) -> &str;
}

impl Logged for LoggedSearch {
    fn collection(&self) -> &str {
        &self.collection
    }
}

impl Logged for LoggedFeedback {
    fn collection(&self) -> &str {
        &self.collection
    }
}

/// The name and the entries of one collection, which must be named if there are several.
pub(super) fn of_collection<T: Logged>(
    mut entries: Vec<T>,
    wanted: Option<&str>,
) -> Result<(String, Vec<T>), UsageError> {
    let names: BTreeSet<String> =
        entries.iter().map(|entry| entry.collection().to_owned()).collect();
    let known = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let collection = match (wanted, names.len()) {
        (_, 0) => return Err(UsageError("the log is empty".to_owned())),
        (None, 1) => known,
        (None, _) => {
            return Err(UsageError(format!(
                "the log is of several collections; choose one with --collection: {known}"
            )));
        }
        (Some(name), _) if names.contains(name) => name.to_owned(),
        (Some(name), _) => {
            return Err(UsageError(format!(
                "the log has nothing of the collection {name:?}; there are {known}"
            )));
        }
    };
    entries.retain(|entry| entry.collection() == collection);
    Ok((collection, entries))
}

/// The feedback on one collection in a file.
pub(super) fn read_feedback(
    path: &Path,
    wanted: Option<&str>,
) -> anyhow::Result<Vec<LoggedFeedback>> {
    let jsonl =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let feedback = parse_feedback(&jsonl).with_context(|| path.display().to_string())?;
    let (_, feedback) = of_collection(feedback, wanted)?;
    Ok(feedback)
}
