//! The index folder's files: names, durable writes, sweeping.
//!
//! Layout: `manifest.json`, `writer.lock`, `lexical/` (tantivy), `segments/`
//! (vectors and texts).

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::disk;
use crate::error::SegmentError;

/// Subfolder of the lexical index.
pub(super) const LEXICAL_DIR: &str = "lexical";
/// Subfolder of our own segment files.
pub(super) const SEGMENTS_DIR: &str = "segments";
/// What the names of files begin with that an interrupted replacement leaves behind.
pub(super) const TEMPORARY_PREFIX: &str = ".tmp";

/// Path of a segment file of the index at `dir`.
pub(super) fn segment_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(SEGMENTS_DIR).join(name)
}

/// Makes a folder's entries durable. Without it a file that was synced can
/// still vanish in a power failure, because its name was not.
pub(super) fn sync_dir(dir: &Path) -> Result<(), SegmentError> {
    disk::sync_dir(dir).map_err(|source| SegmentError::io(dir, source))
}

/// Replaces a file as a whole: temporary file, sync, rename, sync of the folder.
pub(super) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), SegmentError> {
    let dir = disk::parent(path);
    let name = path.file_name().unwrap_or_default().display();
    let temporary = dir.join(format!("{TEMPORARY_PREFIX}{}-{name}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = disk::create(&temporary)?;
        file.write_all(bytes)?;
        disk::sync_file(&file, &temporary)?;
        disk::rename(&temporary, path)?;
        disk::sync_dir(dir)
    };
    write().map_err(|source| {
        // Best effort: nobody reads a file of this name.
        let _ = disk::remove_file(&temporary);
        SegmentError::io(path, source)
    })
}

/// Creates a folder and its parents, durably.
pub(super) fn create_dir(dir: &Path) -> Result<(), SegmentError> {
    disk::create_dir(dir).map_err(|source| SegmentError::io(dir, source))
}

/// Removes segment files whose names are not in `keep`: what a crash left
/// behind and what newer commits have superseded. Only the writer calls it.
///
/// A reader that has such a file mapped keeps reading it; one that is about to
/// open it fails, loads the metas again and finds newer names.
pub(super) fn sweep(dir: &Path, keep: &HashSet<String>) -> Result<(), SegmentError> {
    let segments = dir.join(SEGMENTS_DIR);
    let listing = fs::read_dir(&segments).map_err(|source| SegmentError::io(&segments, source))?;
    for entry in listing {
        let entry = entry.map_err(|source| SegmentError::io(&segments, source))?;
        let named = entry.file_name().to_str().is_some_and(|name| keep.contains(name));
        if !named {
            let path = entry.path();
            disk::remove_file(&path).map_err(|source| SegmentError::io(&path, source))?;
        }
    }
    Ok(())
}
