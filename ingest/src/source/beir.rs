//! A test collection in the BEIR layout: `corpus.jsonl`, beside it
//! `queries.jsonl` and `qrels/`. Only the documents are read here; queries and
//! judgments belong to the evaluation.

use std::path::Path;

use super::jsonl::JsonlSource;
use super::{DocumentSource, IdScheme, Root, Skipped, SourceError, SourceItem};

const CORPUS: &str = "corpus.jsonl";

/// The documents of a BEIR collection; ids are the collection's own.
///
/// # Source
/// Thakur et al., BEIR, NeurIPS 2021 Datasets and Benchmarks: a record is
/// `_id`, `title`, `text`; title and text are searched together.
pub struct BeirSource {
    records: JsonlSource,
}

impl BeirSource {
    /// Whether a folder looks like a BEIR collection.
    pub fn recognises(folder: &Path) -> bool {
        folder.join(CORPUS).is_file()
            && (folder.join("queries.jsonl").is_file() || folder.join("qrels").is_dir())
    }

    /// Opens a collection's folder.
    ///
    /// # Errors
    /// [`SourceError::NotFound`]; [`SourceError::NoCorpus`] when it holds no
    /// `corpus.jsonl`; [`SourceError::Unopenable`].
    pub fn open(folder: &Path) -> Result<Self, SourceError> {
        let root = Root::new(folder, IdScheme::Records)?;
        let corpus = folder.join(CORPUS);
        if !corpus.is_file() {
            return Err(SourceError::NoCorpus { path: folder.to_owned() });
        }
        Ok(Self { records: JsonlSource::under(root, &corpus)? })
    }
}

impl DocumentSource for BeirSource {
    fn roots(&self) -> &[Root] {
        self.records.roots()
    }

    fn len_hint(&self) -> Option<usize> {
        self.records.len_hint()
    }

    fn next(&mut self) -> Option<Result<SourceItem, Skipped>> {
        self.records.next()
    }
}
