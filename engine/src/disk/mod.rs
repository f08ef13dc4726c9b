//! Every change to the files of an index, and what makes it last.
//!
//! A file survives a power failure when it was synced, and is found again when the
//! folder that holds its name was. All names and all syncs of an index go through the
//! few functions here, tantivy's included, so that the power failure can be tested:
//! where the feature `failpoints` is on, `recorder` keeps what was done in order, and
//! a test rebuilds what the disk would hold after each step.
//!
//! One function does a thing and records it: a recorder told separately would still
//! report a sync that somebody has removed.

#[cfg(feature = "failpoints")]
pub mod recorder;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Keeps what was done to `$path`, in a build that can.
#[cfg(feature = "failpoints")]
macro_rules! record {
    ($event:ident, $path:expr $(, $more:expr)?) => {
        recorder::push($path, || recorder::DiskEvent::$event($path.to_owned() $(, $more)?));
    };
}
#[cfg(not(feature = "failpoints"))]
macro_rules! record {
    ($event:ident, $path:expr $(, $more:expr)?) => {
        let _: &Path = $path;
    };
}

/// Creates a file that must not exist yet.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    record!(Created, path);
    Ok(file)
}

/// Creates a file, or empties the one of this name.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let file = File::create(path)?;
    record!(Created, path);
    Ok(file)
}

/// Makes a file's content durable; its name lasts once [`sync_dir`] has been called.
///
/// # Arguments
/// * `path` - the name it was created under.
pub(crate) fn sync_file(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    record!(Synced, path, fs::read(path).unwrap_or_default());
    Ok(())
}

/// Gives a file another name, replacing what had it.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    record!(Renamed, from, to.to_owned());
    Ok(())
}

/// Removes a file's name.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    record!(Removed, path);
    Ok(())
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    // Windows cannot open folders for syncing and journals names itself.
    if cfg!(unix) {
        File::open(dir)?.sync_all()?;
    }
    record!(DirSynced, dir);
    Ok(())
}

/// Creates a folder and those above it, all of them durably: an index in a folder
/// whose own name was lost is lost with it.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = parent(dir);
    create_dir(parent)?;
    match fs::create_dir(dir) {
        Ok(()) => {}
        // Somebody else was faster; the name is synced all the same.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        Err(error) => return Err(error),
    }
    record!(DirCreated, dir);
    sync_dir(parent)
}

/// The folder that holds a path's name; `.` for a name alone.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_with_those_above_them() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        create_dir(&deep).unwrap();
        assert!(deep.is_dir());
        create_dir(&deep).unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(create_dir(&dir.path().join("file/below")).is_err());
        assert_eq!(parent(Path::new("notes.trovato")), Path::new("."));
    }
}
