//! Single changes to an index that is being used: a document put or deleted by
//! its id.
//!
//! An ingest takes stock of a whole index and of a whole source, which costs
//! O(documents); a change must not. So nothing here looks for documents of equal
//! text: each that is put has a text of its own, and equal ones are grouped when
//! they are found. What an ingest stored as a reference to a document that is now
//! replaced or deleted becomes a document of its own, with the text it had.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Document, DocumentId, Encoder, IndexError, IndexWriter, Searcher, Signature};
use rayon::ThreadPool;
use rayon::prelude::*;

use super::batch::{Batch, Batcher, Entry, Prepared};
use super::clock::Clocks;
use super::feed::{Read, read};
use super::plan::Novelty;
use super::signature::{RootKey, Signer};
use super::write::Vectors;
use super::{IngestError, IngestOptions, Run, Silent, encode, pool};
use crate::chunk::{Chunker, SizedChunk};
use crate::report::chain;
use crate::source::{SkipReason, SourceItem};

/// The root of what comes without one. No folder is called so.
const NO_ROOT: &str = "";

/// A change to an index.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The document is to be this one, whatever it was. The item's root counts for
    /// nothing.
    Put(SourceItem),
    /// The document is to be there no more.
    Delete(DocumentId),
}

impl Change {
    /// The document it is about.
    pub fn id(&self) -> &DocumentId {
        match self {
            Self::Put(item) => &item.id,
            Self::Delete(id) => id,
        }
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The index did not have the document.
    Created {
        /// Its chunks.
        chunks: usize,
    },
    /// It had another version.
    Replaced {
        /// The chunks of the new one.
        chunks: usize,
    },
    /// It had this very version, put here before.
    Unchanged,
    /// The document is gone.
    Deleted,
    /// There was nothing to delete.
    NotFound,
    /// The document cannot be read, cut, encoded or indexed; what the index had of
    /// it stays.
    Refused {
        /// The kind of reason, for counting.
        kind: &'static str,
        /// The reason itself.
        reason: String,
    },
}

impl Outcome {
    fn refused(kind: &'static str, reason: impl Into<String>) -> Self {
        Self::Refused { kind, reason: reason.into() }
    }
}

/// Applies changes, with threads of its own.
pub struct LiveIngest {
    chunker: Box<dyn Chunker>,
    encoder: Arc<dyn Encoder>,
    options: IngestOptions,
    reading: Arc<ThreadPool>,
}

impl LiveIngest {
    /// # Arguments
    /// * `chunker`, `encoder` - the index's.
    /// * `threads` - for reading and encoding, at least 1. Beside searches leave them
    ///   a core.
    ///
    /// # Errors
    /// [`IngestError::Threads`].
    pub fn new(
        chunker: Box<dyn Chunker>,
        encoder: Arc<dyn Encoder>,
        threads: usize,
    ) -> Result<Self, IngestError> {
        let options = IngestOptions { threads, ..IngestOptions::default() };
        Ok(Self { chunker, encoder, options, reading: Arc::new(pool("live", threads)?) })
    }

    /// Applies `changes` in their order; the caller commits. An id may come once.
    ///
    /// Memory and time grow with the bytes of `changes`, not with the index.
    ///
    /// # Arguments
    /// * `base` - a view of the generation that `writer` was opened at.
    ///
    /// # Returns
    /// An outcome for each change.
    ///
    /// # Errors
    /// [`IngestError`]: the index or the encoder as a whole is at fault. Some of the
    /// changes may be pending in `writer`; dropping it forgets them.
    pub fn apply(
        &self,
        changes: Vec<Change>,
        base: &Searcher,
        writer: &mut IndexWriter,
    ) -> Result<Vec<Outcome>, IngestError> {
        let run = Run {
            chunker: self.chunker.as_ref(),
            encoder: self.encoder.as_ref(),
            options: &self.options,
            progress: &Silent,
            clocks: Clocks::default(),
            reading: Arc::clone(&self.reading),
            encoding: Arc::clone(&self.reading),
        };
        let signer = Signer::new(run.chunker, run.encoder);
        let prepared: Vec<_> = run.reading.install(|| {
            let writer = &*writer;
            let prepare = |change| prepare(&run, &signer, change, base, writer);
            changes.into_par_iter().map(prepare).collect::<Result<_, IngestError>>()
        })?;
        let mut batcher = Batcher::new(run.options.threads, run.encoder.dim());
        let mut planned = Vec::with_capacity(prepared.len());
        for Planned { id, duplicates, step } in prepared {
            let n_duplicates = duplicates.len();
            for (cut, signature) in duplicates {
                batcher.document(cut.document, cut.chunks, (signature, Novelty::Same), cut.origin);
            }
            let step = match step {
                Step::Put(cut, signature, novelty) => {
                    batcher.document(cut.document, cut.chunks, (signature, novelty), cut.origin);
                    Ready::Put(novelty)
                }
                Step::Delete => Ready::Delete,
                Step::Done(outcome) => Ready::Done(outcome),
            };
            planned.push((id, n_duplicates, step));
        }
        let batch = batcher.take();
        let rows = run.encoding.install(|| encode::encode(&run, &batch))?;
        let mut writing = Writing { vectors: Vectors::default(), dim: run.encoder.dim(), writer };
        let Batch { entries, first_text, .. } = batch;
        writing.vectors.extend(first_text, rows.vectors);
        let mut entries = entries.into_iter().filter_map(|entry| match entry {
            Entry::Document(prepared) => Some(prepared),
            Entry::Duplicate { .. } => None,
        });
        let step = |(id, n_duplicates, ready)| {
            let duplicates: Vec<_> = entries.by_ref().take(n_duplicates).collect();
            let document = if matches!(ready, Ready::Put(_)) { entries.next() } else { None };
            writing.step(&id, &duplicates, (ready, document.as_deref()))
        };
        planned.into_iter().map(step).collect()
    }
}

impl std::fmt::Debug for LiveIngest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveIngest")
            .field("chunker", &self.chunker.spec())
            .field("encoder", &self.encoder.name())
            .finish_non_exhaustive()
    }
}

/// A document in pieces.
struct Cut {
    document: Document,
    chunks: Vec<SizedChunk>,
    origin: String,
}

/// A change that is read and cut.
struct Planned {
    id: DocumentId,
    /// What it takes the text from, with the signatures it keeps.
    duplicates: Vec<(Cut, Signature)>,
    step: Step,
}

enum Step {
    Put(Cut, Signature, Novelty),
    Delete,
    Done(Outcome),
}

/// A step whose document, if it has one, went to the encoder.
enum Ready {
    Put(Novelty),
    Delete,
    Done(Outcome),
}

fn prepare(
    run: &Run<'_>,
    signer: &Signer,
    change: Change,
    base: &Searcher,
    writer: &IndexWriter,
) -> Result<Planned, IngestError> {
    let id = change.id().clone();
    let step = match change {
        Change::Delete(_) if writer.signature(&id).is_none() => Step::Done(Outcome::NotFound),
        Change::Delete(_) => Step::Delete,
        Change::Put(item) => put(run, signer, item, writer),
    };
    let duplicates = match step {
        Step::Put(..) | Step::Delete => orphans(run, &id, base, writer)?,
        Step::Done(_) => Vec::new(),
    };
    Ok(Planned { id, duplicates, step })
}

fn put(run: &Run<'_>, signer: &Signer, item: SourceItem, writer: &IndexWriter) -> Step {
    let Read { item, document } = read(item);
    let document = match document {
        Ok(document) => document,
        Err(unread) => {
            let skipped = unread.skipped;
            return Step::Done(Outcome::refused(skipped.kind, skipped.reason));
        }
    };
    let signature = signer.sign(&document, RootKey::new(NO_ROOT), &BTreeMap::new());
    let novelty = match writer.signature(&item.id) {
        None => Novelty::New,
        Some(known) if known == signature => return Step::Done(Outcome::Unchanged),
        Some(_) => Novelty::Changed,
    };
    match cut(run, document, item.origin) {
        Ok(cut) => Step::Put(cut, signature, novelty),
        Err(refused) => Step::Done(refused),
    }
}

fn cut(run: &Run<'_>, document: Document, origin: String) -> Result<Cut, Outcome> {
    let chunks = run.chunker.cut(&document);
    let chunks = chunks.map_err(|error| Outcome::refused("cannot be cut", chain(&error)))?;
    if chunks.is_empty() {
        let empty = SkipReason::EmptyText;
        return Err(Outcome::refused(empty.label(), empty.to_string()));
    }
    Ok(Cut { document, chunks, origin })
}

/// The exact duplicates of `id`, as documents of their own.
fn orphans(
    run: &Run<'_>,
    id: &DocumentId,
    base: &Searcher,
    writer: &IndexWriter,
) -> Result<Vec<(Cut, Signature)>, IngestError> {
    let mut found = Vec::new();
    for duplicate in writer.duplicates_of(id) {
        let stored = base.document(id).map_err(IndexError::from)?;
        let (Some(stored), Some(signature)) = (stored, writer.signature(&duplicate)) else {
            continue;
        };
        let document = Document {
            id: duplicate,
            title: stored.title,
            text: stored.text,
            blocks: stored.blocks,
            fields: stored.fields,
        };
        let origin = document.id.to_string();
        // It was cut before; what cannot be cut again has no chunks to keep.
        if let Ok(cut) = cut(run, document, origin) {
            found.push((cut, signature));
        }
    }
    Ok(found)
}

/// The end of it: documents into the index.
struct Writing<'w> {
    vectors: Vectors,
    dim: usize,
    writer: &'w mut IndexWriter,
}

impl Writing<'_> {
    fn step(
        &mut self,
        id: &DocumentId,
        duplicates: &[Box<Prepared>],
        (ready, document): (Ready, Option<&Prepared>),
    ) -> Result<Outcome, IngestError> {
        let novelty = match ready {
            Ready::Done(outcome) => return Ok(outcome),
            Ready::Delete => None,
            Ready::Put(novelty) => Some(novelty),
        };
        // A change earlier in the same call may have removed or replaced one.
        let still = self.writer.duplicates_of(id);
        for duplicate in duplicates.iter().filter(|one| still.contains(&one.document.id)) {
            if let Err(refused) = self.upsert(duplicate)? {
                return Ok(refused);
            }
        }
        let (Some(novelty), Some(document)) = (novelty, document) else {
            let deleted = self.writer.delete(id)?;
            return Ok(if deleted { Outcome::Deleted } else { Outcome::NotFound });
        };
        Ok(match self.upsert(document)? {
            Ok(chunks) if novelty == Novelty::New => Outcome::Created { chunks },
            Ok(chunks) => Outcome::Replaced { chunks },
            Err(refused) => refused,
        })
    }

    /// The number of chunks, or why there is none.
    fn upsert(&mut self, prepared: &Prepared) -> Result<Result<usize, Outcome>, IngestError> {
        let Prepared { document, signature, chunks, texts, .. } = prepared;
        let embeddings = match self.vectors.collect(texts, self.dim) {
            Ok(embeddings) => embeddings,
            Err(reason) => return Ok(Err(Outcome::refused("cannot be encoded", reason))),
        };
        match self.writer.upsert(document, *signature, chunks, &embeddings) {
            Ok(()) => Ok(Ok(chunks.len())),
            Err(IndexError::Document(error)) => Ok(Err(Outcome::refused("refused", chain(&error)))),
            Err(error) => Err(error.into()),
        }
    }
}
