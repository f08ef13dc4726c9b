//! Files whose ids were decided beforehand: a corpus with a manifest, or one
//! file named on the command line.

use std::path::{Path, PathBuf};
use std::vec;

use engine::DocumentId;

use super::jsonl::JsonlSource;
use super::{DocumentSource, IdScheme, Root, SkipReason, Skipped, SourceError, SourceItem};
use crate::formats::{FileKind, detect};

/// A file and the id it is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Where it is.
    pub path: PathBuf,
    /// The document's id; it should lie under the source's root.
    pub id: DocumentId,
    /// A title that overrides the file's own.
    pub title: Option<String>,
}

/// The files of a list, in its order.
pub struct FileListSource {
    roots: [Root; 1],
    files: vec::IntoIter<ListedFile>,
}

impl FileListSource {
    /// A source for `files`. Missing ones are reported when their turn comes.
    pub fn new(root: Root, files: Vec<ListedFile>) -> Self {
        Self { roots: [root], files: files.into_iter() }
    }
}

impl DocumentSource for FileListSource {
    fn roots(&self) -> &[Root] {
        &self.roots
    }

    fn len_hint(&self) -> Option<usize> {
        Some(self.files.len())
    }

    fn next(&mut self) -> Option<Result<SourceItem, Skipped>> {
        let ListedFile { path, id, title } = self.files.next()?;
        Some(match detect(&path) {
            Ok(FileKind::Document(format)) => {
                Ok(SourceItem { title, ..SourceItem::file(id, path, format, 0) })
            }
            Ok(FileKind::Records) => {
                let reason =
                    SkipReason::Unsupported { what: "a JSONL file in a list of files".into() };
                Err(Skipped { origin: path.display().to_string(), reason })
            }
            Err(reason) => Err(Skipped { origin: path.display().to_string(), reason }),
        })
    }
}

/// A source for one file that was named itself: its name is its id.
pub(super) fn open_file(path: &Path) -> Result<Box<dyn DocumentSource>, SourceError> {
    let unsupported = |reason| SourceError::Unsupported { path: path.to_owned(), reason };
    match detect(path).map_err(unsupported)? {
        FileKind::Records => Ok(Box::new(JsonlSource::open(path)?)),
        FileKind::Document(_) => {
            let root = Root::new(path, IdScheme::Paths)?;
            let id = DocumentId::new(&*root.name).map_err(|source| unsupported(source.into()))?;
            let file = ListedFile { path: path.to_owned(), id, title: None };
            Ok(Box::new(FileListSource::new(root, vec![file])))
        }
    }
}
