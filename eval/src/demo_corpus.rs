//! The demo corpus as a source of documents, and as an evaluation index.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use corpora::rust_docs::{self, CorpusFile, Listing, Origin, Profile};
use engine::DocumentId;
use ingest::pipeline::Progress;
use ingest::source::{DocumentSource, FileListSource, IdScheme, ListedFile, Root, join};

use crate::audit::{Texts, read_texts};
use crate::error::EvalError;
use crate::index_cache::{CachedIndex, IndexCache, Reuse};
use crate::indexing::{Recipe, build_index, corpus_digest};

/// Lists the guides that the questions are about, and their version.
///
/// # Errors
/// [`EvalError::NoDocumentation`] where they are not installed: the crates'
/// documentation, which the demo falls back to, answers none of the questions.
pub(crate) fn installed_books() -> Result<(Listing, String), EvalError> {
    let listing = rust_docs::list(Profile::Books)?;
    match &listing.origin {
        Origin::Documentation(docs) => {
            let version = docs.version.clone().unwrap_or_else(|| "unknown".to_owned());
            Ok((listing, version))
        }
        Origin::CratesOnly { missing } => {
            Err(EvalError::NoDocumentation { missing: missing.clone() })
        }
    }
}

/// The index of the guides, from the cache or built now.
///
/// # Errors
/// [`EvalError::NoDocumentation`]; [`EvalError::Io`], [`EvalError::Ingest`],
/// [`EvalError::Index`], and those of the probe.
pub fn index_books(
    recipe: &Recipe,
    (cache, reuse): (&IndexCache, Reuse),
    progress: &dyn Progress,
) -> Result<CachedIndex, EvalError> {
    let (listing, version) = installed_books()?;
    let corpus = corpus_digest(corpus_source(&listing.files).as_mut());
    let fingerprint =
        IndexCache::fingerprint(recipe, &corpus)?.with("documentation", version.as_str());
    cache.open_or_build(("rust-docs-books", fingerprint), recipe, reuse, |dir| {
        build_index(dir, corpus_source(&listing.files), recipe, progress)
    })
}

/// The canonical texts of those guides that are wanted.
///
/// # Errors
/// [`EvalError::NoDocumentation`]; a page that cannot be read is left out.
pub fn guide_texts(wanted: &BTreeSet<DocumentId>) -> Result<Texts, EvalError> {
    let (listing, _) = installed_books()?;
    Ok(read_texts(corpus_source(&listing.files).as_mut(), wanted))
}

/// A source for listed files, in their order, with a root for each first
/// component of their ids (`rust-docs`, `crates`).
pub fn corpus_source(files: &[CorpusFile]) -> Box<dyn DocumentSource> {
    let mut by_root: BTreeMap<&str, Vec<&CorpusFile>> = BTreeMap::new();
    for file in files {
        let root = file.id.as_str().split('/').next().unwrap_or_default();
        by_root.entry(root).or_default().push(file);
    }
    let sources = by_root.into_iter().map(|(name, files)| {
        let root =
            Root { name: name.to_owned(), path: common_folder(&files), ids: IdScheme::Paths };
        let listed = files
            .into_iter()
            .map(|file| ListedFile { path: file.path.clone(), id: file.id.clone(), title: None })
            .collect();
        Box::new(FileListSource::new(root, listed)) as Box<dyn DocumentSource>
    });
    join(sources.collect())
}

/// The deepest folder that holds all files: what the index records as the
/// place its documents come from.
fn common_folder(files: &[&CorpusFile]) -> PathBuf {
    let mut folders = files.iter().filter_map(|file| file.path.parent());
    let mut common = folders.next().unwrap_or(Path::new("")).to_owned();
    for folder in folders {
        while !folder.starts_with(&common) && common.pop() {}
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_follow_the_ids() {
        let file = |id: &str, path: &str| CorpusFile {
            id: DocumentId::new(id).unwrap(),
            path: path.into(),
        };
        let source = corpus_source(&[
            file("crates/a-1.0/README.md", "/registry/a-1.0/README.md"),
            file("crates/b-2.0/src/lib.rs", "/registry/b-2.0/src/lib.rs"),
            file("rust-docs/book/a.html", "/html/book/a.html"),
            file("rust-docs/cargo/b.html", "/html/cargo/b.html"),
        ]);
        let roots: Vec<_> = source
            .roots()
            .iter()
            .map(|root| (root.name.as_str(), root.path.to_str().unwrap()))
            .collect();
        assert_eq!(roots, [("crates", "/registry"), ("rust-docs", "/html")]);
        assert_eq!(source.len_hint(), Some(4));
    }
}
