//! What was done to the files below a folder, in order: for the test of a power
//! failure. Compiled with the feature `failpoints` only, and idle until started.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// One step. Contents are kept where they became durable; what a file holds before
/// that is for the test to choose as badly as it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskEvent {
    /// A file of this name was created, empty.
    Created(PathBuf),
    /// A file's content was synced: the bytes.
    Synced(PathBuf, Vec<u8>),
    /// A file got another name: from, to.
    Renamed(PathBuf, PathBuf),
    /// A file's name was removed.
    Removed(PathBuf),
    /// A folder was created.
    DirCreated(PathBuf),
    /// The names in a folder were synced.
    DirSynced(PathBuf),
    /// What the test said in between, see [`mark`].
    Mark(u64),
}

static RECORDING: Mutex<Option<Recording>> = Mutex::new(None);

struct Recording {
    root: PathBuf,
    events: Vec<DiskEvent>,
}

/// Starts to record what is done below `root`, by any thread of the process. A
/// recording that was under way is dropped.
pub fn start(root: &Path) {
    let recording = Recording { root: root.to_owned(), events: Vec::new() };
    *RECORDING.lock().unwrap_or_else(PoisonError::into_inner) = Some(recording);
}

/// Puts a mark among the steps: a promise that was made at this instant, for example.
pub fn mark(number: u64) {
    if let Some(recording) = &mut *RECORDING.lock().unwrap_or_else(PoisonError::into_inner) {
        recording.events.push(DiskEvent::Mark(number));
    }
}

/// Ends the recording and returns it; empty where none was under way.
pub fn stop() -> Vec<DiskEvent> {
    let recording = RECORDING.lock().unwrap_or_else(PoisonError::into_inner).take();
    recording.map(|recording| recording.events).unwrap_or_default()
}

pub(super) fn push(path: &Path, event: impl FnOnce() -> DiskEvent) {
    if let Some(recording) = &mut *RECORDING.lock().unwrap_or_else(PoisonError::into_inner)
        && path.starts_with(&recording.root)
    {
        recording.events.push(event());
    }
}
