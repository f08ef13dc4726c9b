//! A folder and all below it, in the order of names.
//!
//! What a `.gitignore` or `.ignore` in the folder excludes is left out without
//! a report, as git would; ignore files above the folder do not count, or
//! `ingest target/doc` would find nothing. Hidden entries and symbolic links are
//! reported and not entered. A JSONL file in the folder gives a document a
//! record, with the ids `<file id>/<record id>`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::{Walk, WalkBuilder};

use super::jsonl::JsonlSource;
use super::{
    DocumentSource, IdScheme, Root, SkipReason, Skipped, SourceError, SourceItem, path_id,
};
use crate::formats::{FileKind, detect};

/// The documents in a folder.
pub struct FolderSource {
    roots: [Root; 1],
    walk: Walk,
    /// Hidden entries the walk met and did not enter, until they are reported.
    hidden: Arc<Mutex<Vec<PathBuf>>>,
    /// A JSONL file that is being read record by record.
    records: Option<JsonlSource>,
    files: usize,
}

impl FolderSource {
    /// Opens a folder. Walks it once to count, so that progress has an end.
    ///
    /// # Errors
    /// [`SourceError::NotFound`]; [`SourceError::Unopenable`] when it is no
    /// folder or cannot be listed.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let root = Root::new(path, IdScheme::Paths)?;
        std::fs::read_dir(path)
            .map_err(|source| SourceError::Unopenable { path: path.to_owned(), source })?;
        let files = walk(path, &Arc::default())
            .filter(|entry| {
                let kind = entry.as_ref().ok().and_then(ignore::DirEntry::file_type);
                !kind.is_some_and(|kind| kind.is_dir())
            })
            .count();
        let hidden = Arc::default();
        let walk = walk(path, &hidden);
        Ok(Self { roots: [root], walk, hidden, records: None, files })
    }

    fn item(&mut self, path: PathBuf) -> Result<Option<SourceItem>, Skipped> {
        let [root] = &self.roots;
        let skipped = |reason| Skipped { origin: path.display().to_string(), reason };
        let relative = path.strip_prefix(&root.path).unwrap_or(&path);
        let id = path_id(&root.name, relative).map_err(skipped)?;
        match detect(&path).map_err(skipped)? {
            FileKind::Document(format) => Ok(Some(SourceItem::file(id, path, format, 0))),
            FileKind::Records => {
                self.records = Some(JsonlSource::inside(root.clone(), &path, &id)?);
                Ok(None)
            }
        }
    }
}

impl DocumentSource for FolderSource {
    fn roots(&self) -> &[Root] {
        &self.roots
    }

    fn len_hint(&self) -> Option<usize> {
        Some(self.files)
    }

    fn next(&mut self) -> Option<Result<SourceItem, Skipped>> {
        loop {
            if let Some(records) = &mut self.records {
                match records.next() {
                    Some(result) => return Some(result),
                    None => self.records = None,
                }
            }
            if let Some(path) = self.hidden.lock().unwrap_or_else(PoisonError::into_inner).pop() {
                let origin = path.display().to_string();
                return Some(Err(Skipped { origin, reason: SkipReason::Hidden }));
            }
            let Some(entry) = self.walk.next() else {
                // The last entries of a folder may have been hidden ones.
                let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
                if hidden.is_empty() {
                    return None;
                }
                continue;
            };
            let entry = match entry {
                Ok(entry) => entry,
                Err(source) => {
                    let origin = self.roots[0].path.display().to_string();
                    return Some(Err(Skipped {
                        origin,
                        reason: SkipReason::Unwalkable { source },
                    }));
                }
            };
            let kind = entry.file_type();
            if kind.is_some_and(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.into_path();
            if kind.is_some_and(|kind| kind.is_symlink()) {
                let origin = path.display().to_string();
                return Some(Err(Skipped { origin, reason: SkipReason::SymbolicLink }));
            }
            match self.item(path) {
                Ok(Some(item)) => return Some(Ok(item)),
                Ok(None) => {}
                Err(skipped) => return Some(Err(skipped)),
            }
        }
    }
}

/// The walker leaves hidden entries out by itself, but silently: here they are
/// refused by a filter that notes them.
fn walk(path: &Path, hidden: &Arc<Mutex<Vec<PathBuf>>>) -> Walk {
    let hidden = Arc::clone(hidden);
    WalkBuilder::new(path)
        .hidden(false)
        .parents(false)
        .require_git(false)
        .git_global(false)
        .git_exclude(false)
        .sort_by_file_name(Ord::cmp)
        .filter_entry(move |entry| {
            let is_hidden =
                entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".");
            if is_hidden {
                let mut hidden = hidden.lock().unwrap_or_else(PoisonError::into_inner);
                hidden.push(entry.path().to_owned());
            }
            !is_hidden
        })
        .build()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::source::Content;

    /// The ids and the labels of skips, in order.
    fn collect(source: &mut FolderSource) -> Vec<String> {
        std::iter::from_fn(|| source.next())
            .map(|result| match result {
                Ok(item) => item.id.to_string(),
                Err(skipped) => format!("{} ({})", skipped.origin, skipped.reason.label()),
            })
            .collect()
    }

    #[test]
    fn walks_in_order_and_names_what_it_leaves_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("docs");
        for (name, content) in [
            ("b.md", "# b"),
            ("a/z.txt", "z"),
            ("a/skip.me", "x"),
            (".gitignore", "*.log\nbuild/"),
            ("build/x.md", "x"),
            ("run.log", "x"),
            (".hidden/x.md", "x"),
            ("c.jsonl", "{\"id\": 7, \"text\": \"seven\"}\n"),
        ] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mut source = FolderSource::open(&root).unwrap();
        assert_eq!(source.len_hint(), Some(4));
        let found = collect(&mut source);
        let here = root.display();
        let (mut skips, ids): (Vec<_>, Vec<_>) = found.into_iter().partition(|f| f.ends_with(')'));
        assert_eq!(ids, ["docs/a/z.txt", "docs/b.md", "docs/c.jsonl/7"]);
        skips.sort();
        assert_eq!(
            skips,
            [
                format!("{here}/.gitignore (hidden)"),
                format!("{here}/.hidden (hidden)"),
                format!("{here}/a/skip.me (unsupported format)"),
            ]
        );
    }

    #[test]
    fn files_carry_their_date_and_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.md"), "# a").unwrap();
        let mut source = FolderSource::open(folder.path()).unwrap();
        let item = source.next().unwrap().unwrap();
        assert!(matches!(item.content, Content::File(_)));
        assert!(matches!(
            item.fields["modified"],
            engine::FieldValue::Timestamp(at) if at > 1_600_000_000
        ));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_reported_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop.md")).unwrap();
        let mut source = FolderSource::open(folder.path()).unwrap();
        assert!(collect(&mut source)[0].ends_with("(symbolic link)"));
    }
}
