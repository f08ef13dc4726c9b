//! Checks the files of a commit before tantivy reads them.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tantivy::Index;
use tantivy::index::{IndexMeta, SegmentComponent, SegmentMeta};

use super::error::LexicalError;
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
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        for file in &files {
            if checked.contains(file) {
                continue;
            }
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
            tantivy::Directory::open_read(index.directory(), file)
                .map_err(|error| LexicalError::from_read(dir, error))?;
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

/// The files a segment must have.
fn files(meta: &SegmentMeta) -> Vec<PathBuf> {
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
