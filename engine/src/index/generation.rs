//! One generation: an immutable, consistent view of all files of a commit.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::commit::CommitRecord;
use super::error::IndexError;
use super::files;
use super::manifest::Manifest;
use crate::dense::{VectorIndex, VectorSegment};
use crate::error::SegmentError;
use crate::lexical::{LexicalIndex, LexicalSnapshot};
use crate::ord_set::OrdSet;
use crate::search::FilterCache;
use crate::segment_file;
use crate::store::{TextSegment, TextStore};
use crate::tokens::{TokenIndex, TokenSegment};

/// How often opening is retried when commits overtake it.
pub(super) const MAX_ATTEMPTS: usize = 20;

/// Everything a search reads.
pub(crate) struct Generation {
    record: CommitRecord,
    pub(crate) lexical: LexicalSnapshot,
    pub(crate) vectors: VectorIndex,
    pub(crate) texts: TextStore,
    pub(crate) tokens: TokenIndex,
    /// Chunks that exist: the one truth, from the lexical index.
    pub(crate) alive: OrdSet,
    /// What filters of earlier searches allow.
    pub(crate) filters: FilterCache,
}

/// Open segment files by name, shared by successive generations.
#[derive(Default)]
pub(super) struct OpenSegments {
    vectors: HashMap<String, Arc<VectorSegment>>,
    texts: HashMap<String, Arc<TextSegment>>,
    tokens: HashMap<String, Arc<TokenSegment>>,
}

/// Whether sections are compared with their checksums when a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checksums {
    Compare,
    Skip,
}

impl OpenSegments {
    fn open(
        &mut self,
        dir: &Path,
        record: &CommitRecord,
        dims: (usize, usize),
        checksums: Checksums,
    ) -> Result<(), IndexError> {
        let (encoder_dim, dim) = dims;
        let at = |name: &str| files::segment_path(dir, name);
        let compare = checksums == Checksums::Compare;
        self.check_identities(dir, record)?;
        open_new(&mut self.vectors, &record.vectors, |name| {
            let segment = VectorSegment::open(&at(name), dim)?;
            if compare {
                segment.verify()?;
            }
            Ok(segment)
        })?;
        open_new(&mut self.texts, &record.texts, |name| {
            let segment = TextSegment::open(&at(name))?;
            if compare {
                segment.verify()?;
            }
            Ok(segment)
        })?;
        open_new(&mut self.tokens, &record.tokens, |name| {
            let segment = TokenSegment::open(&at(name), encoder_dim)?;
            if compare {
                segment.verify()?;
            }
            Ok(segment)
        })?;
        let named = record.files();
        self.vectors.retain(|name, _| named.contains(name));
        self.texts.retain(|name, _| named.contains(name));
        self.tokens.retain(|name, _| named.contains(name));
        Ok(())
    }
}

impl OpenSegments {
    /// Compares the files that are not open yet with what the commit says they are.
    fn check_identities(&self, dir: &Path, record: &CommitRecord) -> Result<(), SegmentError> {
        let is_open = |name: &String| {
            self.vectors.contains_key(name)
                || self.texts.contains_key(name)
                || self.tokens.contains_key(name)
        };
        for (name, &identity) in &record.identities {
            let path = files::segment_path(dir, name);
            if !is_open(name) && segment_file::identity(&path)? != identity {
                return Err(SegmentError::damaged(&path, "it is not the file that was committed"));
            }
        }
        Ok(())
    }
}

/// Opens those of `names` that are not open yet.
fn open_new<S>(
    segments: &mut HashMap<String, Arc<S>>,
    names: &[String],
    open: impl Fn(&str) -> Result<S, IndexError>,
) -> Result<(), IndexError> {
    for name in names {
        if !segments.contains_key(name) {
            segments.insert(name.clone(), Arc::new(open(name)?));
        }
    }
    Ok(())
}

impl Generation {
    /// Opens the newest commit: loads the metas, opens what they name, loads
    /// the metas again, and starts over until both readings agree.
    pub(super) fn load(
        dir: &Path,
        manifest: &Manifest,
        lexical: &LexicalIndex,
        segments: &mut OpenSegments,
        checksums: Checksums,
    ) -> Result<Self, IndexError> {
        let mut failure = None;
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = lexical.snapshot()?;
            let record = read_record(dir, snapshot.payload())?;
            let opened = segments.open(dir, &record, manifest.dims()?, checksums);
            if LexicalIndex::payload(&dir.join(files::LEXICAL_DIR))? != snapshot.payload() {
                failure = opened.err();
                continue;
            }
            opened?;
            return Self::assemble(dir, manifest, record, snapshot, segments);
        }
        Err(failure.unwrap_or(IndexError::Busy { dir: dir.to_owned(), attempts: MAX_ATTEMPTS }))
    }

    fn assemble(
        dir: &Path,
        manifest: &Manifest,
        record: CommitRecord,
        lexical: LexicalSnapshot,
        segments: &OpenSegments,
    ) -> Result<Self, IndexError> {
        let alive = lexical.alive(record.next_ord)?;
        let pick =
            |names: &[String]| names.iter().map(|name| segments.texts[name].clone()).collect();
        let texts = TextStore::new(pick(&record.texts), &alive);
        let vectors: Vec<_> =
            record.vectors.iter().map(|name| segments.vectors[name].clone()).collect();
        check_agreement(dir, &alive, &texts, &vectors)?;
        let vectors = VectorIndex::new(manifest.dims()?, vectors);
        let tokens: Vec<_> =
            record.tokens.iter().map(|name| segments.tokens[name].clone()).collect();
        check_compressors(&tokens)?;
        let tokens = TokenIndex::new(tokens);
        let filters = FilterCache::default();
        Ok(Self { record, lexical, vectors, texts, tokens, alive, filters })
    }

    pub(super) fn record(&self) -> &CommitRecord {
        &self.record
    }

    /// The commit's number.
    pub(crate) fn number(&self) -> u64 {
        self.record.generation
    }
}

pub(super) fn read_record(dir: &Path, payload: &str) -> Result<CommitRecord, IndexError> {
    CommitRecord::from_payload(payload).map_err(|error| {
        let path = dir.join(files::LEXICAL_DIR).join("meta.json");
        SegmentError::damaged(&path, format!("the commit record does not decode: {error}")).into()
    })
}

/// A query's tokens are projected once for all files, so all must have one basis.
fn check_compressors(tokens: &[Arc<TokenSegment>]) -> Result<(), SegmentError> {
    let Some((first, others)) = tokens.split_first() else { return Ok(()) };
    match others.iter().find(|other| other.compressor() != first.compressor()) {
        Some(other) => Err(other.damaged("its token vectors have another basis than others")),
        None => Ok(()),
    }
}

/// The legs must agree on what exists: every live chunk has a text and a
/// vector. One pass over the chunk numbers, about a nanosecond each.
fn check_agreement(
    dir: &Path,
    alive: &OrdSet,
    texts: &TextStore,
    vectors: &[Arc<VectorSegment>],
) -> Result<(), IndexError> {
    let mut with_text = OrdSet::new(alive.capacity());
    for range in texts.ranges() {
        for ord in range {
            with_text.insert(crate::document::ChunkOrd(ord));
        }
    }
    let mut with_vector = OrdSet::new(alive.capacity());
    for segment in vectors {
        for &ord in segment.ords() {
            with_vector.insert(crate::document::ChunkOrd(ord));
        }
    }
    with_vector.intersect(alive);
    if with_text != *alive || with_vector != *alive {
        let what = format!(
            "its parts disagree: {} chunks are searchable by words, {} have texts, {} vectors",
            alive.len(),
            with_text.len(),
            with_vector.len()
        );
        return Err(SegmentError::damaged(dir, what).into());
    }
    Ok(())
}
