//! Checks the files of a commit before tantivy reads them.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tantivy::Index;
use tantivy::index::{IndexMeta, SegmentComponent, SegmentMeta};

use super::error::LexicalError;
use super::{META, directory};
use crate::segment_file::Verify;

/// Checks each file once, however many generations name it.
pub(super) struct Verifier {
    verify: Verify,
    checked: Mutex<HashSet<PathBuf>>,
}

impl Verifier {
    pub(super) fn new(verify: Verify) -> Self {
        Self { verify, checked: Mutex::default() }
    }

    /// Compares the checksum of every file not seen before; lazily, or above
    /// [`Verify::AUTO_LIMIT_BYTES`], only looks whether they are there and end
    /// in a footer.
    pub(super) fn check(
        &self,
        index: &Index,
        dir: &Path,
        metas: &IndexMeta,
    ) -> Result<(), LexicalError> {
        let files: Vec<PathBuf> = metas.segments.iter().flat_map(files).collect();
        let full = match self.verify {
            Verify::Full => true,
            Verify::Lazy => false,
            Verify::Auto => total_bytes(dir, &files)? <= Verify::AUTO_LIMIT_BYTES,
        };
        let meta = dir.join(META);
        let ends = directory::listed_ends(dir)
            .map_err(|source| LexicalError::from_io(&meta, &source.into()))?;
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        for file in &files {
            if checked.contains(file) {
                continue;
            }
            // First what reads the version: another format is to be named as such.
            tantivy::Directory::open_read(index.directory(), file)
                .map_err(|error| LexicalError::from_read(dir, error))?;
            check_end(&ends, dir, file)?;
            if full {
                let is_whole = index
                    .directory()
                    .validate_checksum(file)
                    .map_err(|error| LexicalError::from_read(dir, error))?;
                if !is_whole {
                    let path = dir.join(file);
                    return Err(LexicalError::damaged(&path, "its checksum does not match"));
                }
            }
        }
        // Only the current generation's: the set must not grow with the commits.
        *checked = files.into_iter().collect();
        Ok(())
    }
}

fn total_bytes(dir: &Path, files: &[PathBuf]) -> Result<u64, LexicalError> {
    let mut total = 0;
    for file in files {
        let path = dir.join(file);
        match std::fs::metadata(&path) {
            Ok(metadata) => total += metadata.len(),
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(LexicalError::damaged(&path, "it is missing"));
            }
            Err(source) => return Err(LexicalError::io(&path, source)),
        }
    }
    Ok(total)
}

/// Whether a file is the one that was committed, and not a whole one of another segment.
fn check_end(ends: &BTreeMap<String, u32>, dir: &Path, file: &Path) -> Result<(), LexicalError> {
    let Some(&end) = file.to_str().and_then(|name| ends.get(name)) else { return Ok(()) };
    let path = dir.join(file);
    let found =
        directory::end_of(&path).map_err(|source| LexicalError::from_io(&path, &source.into()))?;
    if found == end {
        Ok(())
    } else {
        Err(LexicalError::damaged(&path, "it is not the file that was committed"))
    }
}

/// The files a segment must have.
pub(super) fn files(meta: &SegmentMeta) -> Vec<PathBuf> {
    let mut components = vec![
        SegmentComponent::Postings,
        SegmentComponent::Positions,
        SegmentComponent::FastFields,
        SegmentComponent::FieldNorms,
        SegmentComponent::Terms,
        SegmentComponent::Store,
    ];
    if meta.has_deletes() {
        components.push(SegmentComponent::Delete);
    }
    components.into_iter().map(|component| meta.relative_path(component)).collect()
}
