//! The end of the pipeline: vectors and documents into the index, in the order
//! of the source, with a commit now and then.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use engine::{DocumentId, Embeddings, IndexError, IndexWriter, Signature};

use super::batch::{Batch, Entry, Prepared};
use super::encode::{Encoded, Rows};
use super::feed::Fed;
use super::plan::Novelty;
use super::{Event, IngestError, Merge, Run, Totals};
use crate::report::{Duplicate, IngestReport, SkippedFile, chain};

/// Writes batches and keeps the report.
pub(super) struct Writer<'w, 'r> {
    run: &'w Run<'r>,
    index: &'w mut IndexWriter,
    report: IngestReport,
    unlisted: Option<String>,
    totals: Totals,
    uncommitted: usize,
    last_commit: Instant,
}

impl<'w, 'r> Writer<'w, 'r> {
    pub(super) fn new(run: &'w Run<'r>, index: &'w mut IndexWriter) -> Self {
        Self {
            run,
            index,
            report: IngestReport::default(),
            unlisted: None,
            totals: Totals::default(),
            uncommitted: 0,
            last_commit: Instant::now(),
        }
    }

    pub(super) fn index(&self) -> &IndexWriter {
        self.index
    }

    pub(super) fn report_mut(&mut self) -> &mut IngestReport {
        &mut self.report
    }

    /// A part of the source that could not be listed, if there was one.
    pub(super) fn unlisted(&self) -> Option<&str> {
        self.unlisted.as_deref()
    }

    /// Notes where a root is; returns where it was, if that is elsewhere.
    pub(super) fn add_root(&mut self, name: &str, path: &std::path::Path) -> Option<String> {
        let known = self.index.roots().iter().find(|root| root.name == name);
        let before = known.map(|root| root.path.clone());
        self.index.add_root(name, path);
        let now = self.index.roots().iter().find(|root| root.name == name);
        let moved = now.map(|root| &root.path) != before.as_ref();
        self.uncommitted += usize::from(moved);
        before.filter(|_| moved)
    }

    /// Writes what comes, in the order of its sequence numbers.
    ///
    /// # Arguments
    /// * `permits` - one is given back for each batch.
    pub(super) fn run(
        &mut self,
        done: &Receiver<Encoded>,
        permits: &Sender<()>,
    ) -> Result<(), IngestError> {
        let mut waiting = BTreeMap::new();
        let mut vectors = Vectors::default();
        let mut next = 0;
        for Encoded { batch, rows } in done {
            let rows = rows.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            waiting.insert(batch.sequence, (batch, rows));
            while let Some((batch, rows)) = waiting.remove(&next) {
                next += 1;
                self.batch(batch, rows, &mut vectors)?;
                // The feed may have ended already.
                let _ = permits.send(());
            }
        }
        Ok(())
    }

    fn batch(
        &mut self,
        batch: Batch,
        rows: Rows,
        vectors: &mut Vectors,
    ) -> Result<(), IngestError> {
        let tokens: usize = batch.texts.iter().map(|text| text.n_tokens).sum();
        let n_texts = batch.texts.len();
        let documents = batch.passed + batch.entries.len();
        self.report.tokens += tokens;
        self.report.truncated += rows.n_truncated;
        vectors.extend(batch.first_text, rows.vectors);
        let chunks_before = self.report.chunks;
        let clocks = &self.run.clocks;
        clocks.write.time(|| {
            batch.entries.into_iter().try_for_each(|entry| match entry {
                Entry::Document(prepared) => self.document(&prepared, vectors),
                Entry::Duplicate { id, of, signature, novelty } => {
                    self.duplicate(&id, &of, signature, novelty)
                }
            })
        })?;
        vectors.forget_before(batch.forget_before);
        let chunks = self.report.chunks - chunks_before;
        self.report.repeated_texts += chunks.saturating_sub(n_texts);
        self.totals.documents += documents;
        self.totals.chunks += chunks;
        self.totals.tokens += tokens;
        self.run.progress.report(Event::Advanced(self.totals));
        let options = self.run.options;
        if self.uncommitted >= options.commit_documents
            || (self.uncommitted > 0 && self.last_commit.elapsed() >= options.commit_interval)
        {
            self.commit()?;
        }
        Ok(())
    }

    fn document(&mut self, prepared: &Prepared, vectors: &Vectors) -> Result<(), IngestError> {
        let Prepared { document, signature, novelty, origin, chunks, texts } = prepared;
        let embeddings = match vectors.collect(texts, self.run.encoder.dim()) {
            Ok(embeddings) => embeddings,
            Err(reason) => {
                self.skip(origin.clone(), "cannot be encoded", reason);
                return Ok(());
            }
        };
        match self.index.upsert(document, *signature, chunks, &embeddings) {
            Ok(()) => {
                self.report.chunks += chunks.len();
                self.count(*novelty);
                Ok(())
            }
            Err(IndexError::Document(error)) => {
                self.skip(origin.clone(), "refused", chain(&error));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Stores `id` as a reference to `of`.
    pub(super) fn duplicate(
        &mut self,
        id: &DocumentId,
        of: &DocumentId,
        signature: Signature,
        novelty: Novelty,
    ) -> Result<(), IngestError> {
        match self.index.add_duplicate(id, of, signature) {
            Ok(()) if novelty == Novelty::Same => {
                self.uncommitted += 1;
                self.report.unchanged += 1;
                Ok(())
            }
            Ok(()) => {
                self.count(novelty);
                let (id, of) = (id.to_string(), of.to_string());
                self.report.duplicates.push(Duplicate { id, of });
                Ok(())
            }
            // The original could not be cut or encoded, so neither can this.
            Err(error @ IndexError::NoOriginal { .. }) => {
                self.skip(id.to_string(), "refused", chain(&error));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a document whose source has gone.
    pub(super) fn remove(&mut self, id: &DocumentId) -> Result<(), IngestError> {
        self.index.delete(id)?;
        self.report.removed += 1;
        self.uncommitted += 1;
        Ok(())
    }

    pub(super) fn add(&mut self, fed: Fed) {
        self.report.skipped.extend(fed.skipped);
        self.report.unchanged += fed.unchanged;
        self.unlisted = self.unlisted.take().or(fed.unlisted);
    }

    fn count(&mut self, novelty: Novelty) {
        self.uncommitted += 1;
        match novelty {
            Novelty::New => self.report.new += 1,
            Novelty::Changed | Novelty::Same => self.report.changed += 1,
        }
    }

    fn skip(&mut self, origin: String, kind: &'static str, reason: String) {
        self.report.skipped.push(SkippedFile { origin, kind, reason });
    }

    fn commit(&mut self) -> Result<(), IngestError> {
        self.run.progress.report(Event::Committing);
        self.run.clocks.commit.time(|| self.index.commit())?;
        self.uncommitted = 0;
        self.last_commit = Instant::now();
        Ok(())
    }

    /// The last commit, a merge where it pays, and the report.
    pub(super) fn finish(mut self) -> Result<IngestReport, IngestError> {
        if self.uncommitted > 0 {
            self.commit()?;
        }
        if self.run.options.merge == Merge::WhereItPays && self.index.should_merge()? {
            self.run.progress.report(Event::Merging);
            self.run.clocks.merge.time(|| self.index.merge())?;
        }
        Ok(self.report)
    }
}

/// The vectors of the latest texts, by number.
#[derive(Default)]
pub(super) struct Vectors {
    first: u64,
    rows: VecDeque<Result<Box<[f32]>, String>>,
}

impl Vectors {
    /// Adds rows numbered from `first_text`, which follows the last one held.
    pub(super) fn extend(&mut self, first_text: u64, rows: Vec<Result<Box<[f32]>, String>>) {
        debug_assert_eq!(first_text, self.first + self.rows.len() as u64);
        self.rows.extend(rows);
    }

    fn forget_before(&mut self, number: u64) {
        while self.first < number && self.rows.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// The vectors of a document's chunks, or why one of them has none.
    pub(super) fn collect(&self, texts: &[u64], dim: usize) -> Result<Embeddings, String> {
        let mut values = Vec::with_capacity(texts.len() * dim);
        for &number in texts {
            let row = number.checked_sub(self.first).and_then(|at| self.rows.get(at as usize));
            match row {
                Some(Ok(row)) => values.extend_from_slice(row),
                Some(Err(reason)) => return Err(reason.clone()),
                None => return Err(format!("the vector of text {number} is gone")),
            }
        }
        Embeddings::new(values, dim).map_err(|error| chain(&error))
    }
}
