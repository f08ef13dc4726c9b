//! The lexical side: words to chunks, by BM25 over title, headings, body and
//! identifiers. The only folder that names tantivy.
//!
//! The ladder: a [`LexicalIndex`] is a folder; [`LexicalIndex::snapshot`] opens
//! one generation of it; a [`LexicalQuery`] is a parsed text; a snapshot turns
//! it into a ranking. The commit made by [`LexicalWriter::commit`] is the commit
//! of the whole index: its payload names everything else.
//!
//! tantivy stores terms, postings and columns, and commits. Analysis, scoring,
//! pruning and filters are ours, since they are what a result must be
//! reproducible in: see `bm25`, `collect` and `field_key` for why.

mod analyzer;
mod bm25;
mod code_words;
mod collect;
mod cursor;
mod directory;
mod error;
mod explain;
mod feedback;
mod field_key;
mod field_survey;
mod guard;
mod highlight;
mod identifiers;
mod language;
mod lookup;
mod matching;
mod normal_form;
mod operators;
mod query;
mod query_words;
mod resolve;
mod row_set;
mod schema;
mod snapshot;
mod verify;
mod words;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tantivy::index::{IndexMeta, SegmentId};
use tantivy::{Index, IndexSettings};

use self::analyzer::Analyzer;
use self::directory::DurableDirectory;
use self::schema::Fields;
use self::verify::Verifier;
use crate::segment_file::Verify;

pub use self::analyzer::stems;
pub use self::bm25::{Bm25, FieldWeight, FieldWeights};
pub(crate) use self::code_words::{code_spans, words_of_code};
pub use self::error::LexicalError;
pub use self::feedback::ExpansionTerm;
pub(crate) use self::feedback::LexicalFeedback;
pub use self::field_survey::{FieldKind, FieldSummary};
pub(crate) use self::highlight::Highlighter;
pub use self::language::{Language, UnknownLanguage};
pub use self::query::Typos;
pub(crate) use self::query::{LexicalQuery, QueryOptions};
pub use self::query_words::{QueryWord, QueryWords};
pub(crate) use self::snapshot::LexicalSnapshot;
pub(crate) use self::writer::{LexicalRow, LexicalWriter};

/// How often a generation is tried again that a commit replaced while it was
/// being opened. Commits take longer than opening; more than a few in a row
/// mean that something is wrong.
const MAX_ATTEMPTS: u32 = 32;
const META: &str = "meta.json";
/// What tantivy may delete.
const MANAGED: &str = ".managed.json";

/// What is fixed when a lexical index is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LexicalOptions {
    /// The language whose inflections are removed.
    pub stemmer: Language,
}

/// A lexical index on disk.
pub(crate) struct LexicalIndex {
    index: Index,
    dir: PathBuf,
    fields: Fields,
    verifier: Verifier,
}

impl LexicalIndex {
    /// Makes an empty index in `dir`, which is created if need be.
    pub(crate) fn create(dir: &Path, options: LexicalOptions) -> Result<Self, LexicalError> {
        std::fs::create_dir_all(dir).map_err(|source| LexicalError::io(dir, source))?;
        if dir.join(META).exists() {
            return Err(LexicalError::Exists { path: dir.to_owned() });
        }
        let failed = |error| LexicalError::from_tantivy(dir, error);
        let (schema, fields) = schema::schema(options.stemmer);
        // Nothing is stored in tantivy's document store, so it need not compress.
        let settings = IndexSettings {
            docstore_compression: tantivy::store::Compressor::None,
            docstore_compress_dedicated_thread: false,
            ..IndexSettings::default()
        };
        let directory = DurableDirectory::open(dir).map_err(failed)?;
        let mut index = Index::create(directory, schema, settings).map_err(failed)?;
        index.set_tokenizers(Analyzer::manager(options.stemmer));
        Ok(Self { index, dir: dir.to_owned(), fields, verifier: Verifier::new(Verify::Auto) })
    }

    /// Opens an index and checks the files of its last commit.
    ///
    /// # Errors
    /// [`LexicalError::Damaged`] naming the first file that is missing or not
    /// what was written; [`LexicalError::Analysis`] when it was made for another
    /// language or by another version's rules.
    pub(crate) fn open(
        dir: &Path,
        options: LexicalOptions,
        verify: Verify,
    ) -> Result<Self, LexicalError> {
        let failed = |error| LexicalError::from_tantivy(dir, error);
        let directory = DurableDirectory::open(dir).map_err(failed)?;
        let mut index = guard::guarded(dir, || Index::open(directory).map_err(failed))?;
        let (schema, fields) = schema::schema(options.stemmer);
        if index.schema() != schema {
            return Err(LexicalError::Analysis {
                path: dir.to_owned(),
                found: schema::analysis(&index.schema()),
                expected: schema::analysis(&schema),
            });
        }
        index.set_tokenizers(Analyzer::manager(options.stemmer));
        let opened = Self { index, dir: dir.to_owned(), fields, verifier: Verifier::new(verify) };
        // Opened once now, so that what is wrong is said here and not at the
        // first search.
        opened.snapshot()?;
        Ok(opened)
    }

    /// Opens the last committed generation. Files not checked before are checked
    /// first, as [`Verify`] says.
    pub(crate) fn snapshot(&self) -> Result<LexicalSnapshot, LexicalError> {
        for attempt in 0..MAX_ATTEMPTS {
            let metas = self.metas()?;
            let identity = Identity::of(&metas);
            let opened = self
                .verifier
                .check(&self.index, &self.dir, &metas)
                .and_then(|()| LexicalSnapshot::open(&self.index, &self.dir, self.fields, metas));
            let still_current = identity == Identity::of(&self.metas()?);
            // Any failure may be a file that a newer generation has removed, and not
            // only those that say so: tantivy takes missing positions for none, and
            // then calls the segment corrupt.
            if still_current {
                return opened;
            }
            std::thread::sleep(Duration::from_millis(u64::from(attempt)));
        }
        Err(LexicalError::Changing { path: self.dir.clone(), attempts: MAX_ATTEMPTS })
    }

    /// Opens the only writer.
    ///
    /// # Arguments
    /// * `memory_bytes` - for rows not yet written, all threads together.
    /// * `threads` - indexing threads, at most.
    pub(crate) fn writer(
        &self,
        memory_bytes: usize,
        threads: usize,
    ) -> Result<LexicalWriter, LexicalError> {
        LexicalWriter::open(&self.index, &self.dir, self.fields, memory_bytes, threads)
    }

    /// The payload of the last commit in `dir`, without opening the index; empty
    /// before the first.
    pub(crate) fn payload(dir: &Path) -> Result<String, LexicalError> {
        Self::committed(dir).map(|committed| committed.payload)
    }

    /// The last commit in `dir`, without opening the index.
    pub(crate) fn committed(dir: &Path) -> Result<Committed, LexicalError> {
        #[derive(Deserialize)]
        struct Commit {
            payload: Option<String>,
        }
        let path = dir.join(META);
        let meta = directory::read_checked(&path).map_err(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                LexicalError::damaged(&path, "it is missing")
            } else {
                LexicalError::from_io(&path, &source.into())
            }
        })?;
        let commit: Commit = serde_json::from_slice(&meta)
            .map_err(|error| LexicalError::damaged(&path, error.to_string()))?;
        Ok(Committed { meta, payload: commit.payload.unwrap_or_default() })
    }

    /// The names of all files of the last commit, the commit itself included.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>, LexicalError> {
        let mut files = vec![PathBuf::from(META)];
        if self.dir.join(MANAGED).exists() {
            files.push(PathBuf::from(MANAGED));
        }
        files.extend(self.metas()?.segments.iter().flat_map(verify::files));
        Ok(files)
    }

    fn metas(&self) -> Result<IndexMeta, LexicalError> {
        guard::guarded(&self.dir, || {
            self.index.load_metas().map_err(|error| LexicalError::from_tantivy(&self.dir, error))
        })
    }
}

/// A commit as its file has it. Two are equal iff nothing was committed between.
#[derive(PartialEq, Eq)]
pub(crate) struct Committed {
    meta: Vec<u8>,
    /// What the whole index says of it.
    pub(crate) payload: String,
}

/// What tells two generations apart.
#[derive(PartialEq, Eq)]
struct Identity {
    opstamp: u64,
    payload: Option<String>,
    /// Each segment and the last of its deletes.
    segments: Vec<(SegmentId, Option<u64>)>,
}

impl Identity {
    fn of(metas: &IndexMeta) -> Self {
        let segments = metas.segments.iter().map(|meta| (meta.id(), meta.delete_opstamp()));
        Self {
            opstamp: metas.opstamp,
            payload: metas.payload.clone(),
            segments: segments.collect(),
        }
    }
}
