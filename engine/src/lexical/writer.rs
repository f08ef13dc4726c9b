//! Adds and deletes rows, commits, merges.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tantivy::indexer::{IndexWriterOptions, NoMergePolicy};
use tantivy::schema::TantivyDocument;
use tantivy::{Index, IndexWriter, SegmentMeta};

use super::error::LexicalError;
use super::field_key;
use super::schema::{Fields, TextField};
use super::snapshot::id_term;
use crate::document::{ChunkOrd, DocumentId, FieldValue};

/// The least memory tantivy gives a thread.
const MIN_THREAD_BYTES: usize = 15_000_000;
/// The most.
const MAX_THREAD_BYTES: usize = 4_000_000_000;

/// A chunk to be indexed.
pub(crate) struct LexicalRow<'a> {
    /// Its number; the caller sees to it that none is used twice.
    pub(crate) ord: ChunkOrd,
    /// Its document.
    pub(crate) document: &'a DocumentId,
    /// The document's title.
    pub(crate) title: &'a str,
    /// The headings above it, outermost first.
    pub(crate) headings: &'a [String],
    /// Searched as one more heading; empty for none.
    pub(crate) context: &'a str,
    /// Its text.
    pub(crate) body: &'a str,
    /// The document's metadata. `id` and `title` are reserved for the document's
    /// own and ignored here.
    pub(crate) fields: &'a BTreeMap<String, FieldValue>,
}

/// The only writer of an index. Nothing it does is seen before
/// [`LexicalWriter::commit`].
pub(crate) struct LexicalWriter {
    dir: PathBuf,
    fields: Fields,
    /// `None` once it has failed: tantivy may have dropped rows it had taken, and a
    /// commit without them would be a half one.
    inner: Option<IndexWriter>,
}

impl LexicalWriter {
    /// Takes the writer lock.
    ///
    /// # Arguments
    /// * `memory_bytes` - for rows not yet written, all threads together; raised
    ///   to what one thread needs.
    /// * `threads` - at most; fewer where the memory does not reach.
    pub(super) fn open(
        index: &Index,
        dir: &Path,
        fields: Fields,
        memory_bytes: usize,
        threads: usize,
    ) -> Result<Self, LexicalError> {
        let threads = threads.min(memory_bytes / MIN_THREAD_BYTES).max(1);
        let options = IndexWriterOptions::builder()
            .num_worker_threads(threads)
            .memory_budget_per_thread(
                (memory_bytes / threads).clamp(MIN_THREAD_BYTES, MAX_THREAD_BYTES),
            )
            .build();
        let failed = |error| LexicalError::from_tantivy(dir, error);
        let inner: IndexWriter = index.writer_with_options(options).map_err(failed)?;
        inner.set_merge_policy(Box::new(NoMergePolicy));
        // What a crashed writer left behind and no commit names.
        inner.garbage_collect_files().wait().map_err(failed)?;
        Ok(Self { dir: dir.to_owned(), fields, inner: Some(inner) })
    }

    /// Adds a chunk. Analysis runs in the writer's threads.
    pub(crate) fn add(&mut self, row: &LexicalRow<'_>) -> Result<(), LexicalError> {
        let LexicalRow { ord, document, title, headings, context, body, fields } = *row;
        let mut doc = TantivyDocument::new();
        let text = |field| self.fields.text(field);
        doc.add_u64(self.fields.ord, u64::from(ord.0));
        doc.add_text(text(TextField::Title), title);
        doc.add_text(text(TextField::Body), body);
        let context = Some(context).filter(|context| !context.is_empty());
        for heading in headings.iter().map(String::as_str).chain(context) {
            doc.add_text(text(TextField::Headings), heading);
            doc.add_text(text(TextField::Spellings), heading);
        }
        for field in [TextField::Identifiers, TextField::Spellings] {
            doc.add_text(text(field), title);
            doc.add_text(text(field), body);
        }
        doc.add_bytes(self.fields.keys, &field_key::text_key(field_key::ID, document.as_str()));
        doc.add_bytes(self.fields.keys, &field_key::text_key(field_key::TITLE, title));
        for (name, value) in fields {
            if name != field_key::ID && name != field_key::TITLE {
                field_key::for_each_key(name, value, &mut |key| {
                    doc.add_bytes(self.fields.keys, &key);
                });
            }
        }
        let added = self.inner()?.add_document(doc);
        self.or_close(added).map(drop)
    }

    /// Deletes a document's chunks, those added before in this transaction
    /// included; chunks added later stay.
    pub(crate) fn delete(&mut self, document: &DocumentId) -> Result<(), LexicalError> {
        let term = id_term(&self.fields, document);
        self.inner()?.delete_term(term);
        Ok(())
    }

    /// Makes everything since the last commit visible and durable, with
    /// `payload`: the commit point of the whole index. When it returns, the
    /// rename of the commit file is on the disk.
    ///
    /// After an error either the old commit stands or, if the disk failed
    /// between rename and sync, the new one; the writer is closed, and a new one reads
    /// which.
    pub(crate) fn commit(&mut self, payload: &str) -> Result<(), LexicalError> {
        fail::fail_point!("lexical-commit-before");
        let inner = self.inner()?;
        let committed = inner.prepare_commit().and_then(|mut prepared| {
            prepared.set_payload(payload);
            prepared.commit()
        });
        self.or_close(committed)?;
        fail::fail_point!("lexical-commit-after");
        Ok(())
    }

    /// Merges all committed segments into one and drops deleted rows for good.
    /// A commit of its own with the same payload; rows added since the last
    /// commit are not part of it.
    pub(crate) fn merge(&mut self) -> Result<(), LexicalError> {
        let metas = self.segment_metas()?;
        if metas.len() < 2 && metas.iter().all(|meta| !meta.has_deletes()) {
            return Ok(());
        }
        self.join(&metas)
    }

    /// Merges the smallest committed segments, like [`LexicalWriter::merge`];
    /// returns whether there was anything to merge.
    ///
    /// # Arguments
    /// * `tail` - where the segments to be merged begin, of sizes in rows, largest first.
    pub(crate) fn merge_recent(
        &mut self,
        tail: fn(&[u64]) -> Option<usize>,
    ) -> Result<bool, LexicalError> {
        let mut metas = self.segment_metas()?;
        metas.sort_by_key(|meta| Reverse(meta.max_doc()));
        let sizes: Vec<_> = metas.iter().map(|meta| u64::from(meta.max_doc())).collect();
        let Some(from) = tail(&sizes) else { return Ok(false) };
        self.join(&metas[from..])?;
        Ok(true)
    }

    fn segment_metas(&mut self) -> Result<Vec<SegmentMeta>, LexicalError> {
        let metas = self.inner()?.index().searchable_segment_metas();
        self.or_close(metas)
    }

    fn join(&mut self, metas: &[SegmentMeta]) -> Result<(), LexicalError> {
        let ids: Vec<_> = metas.iter().map(SegmentMeta::id).collect();
        let merged = self.inner()?.merge(&ids).wait();
        self.or_close(merged).map(drop)
    }

    /// Number of committed segments.
    pub(crate) fn segment_count(&mut self) -> Result<usize, LexicalError> {
        let ids = self.inner()?.index().searchable_segment_ids();
        self.or_close(ids).map(|ids| ids.len())
    }

    fn inner(&mut self) -> Result<&mut IndexWriter, LexicalError> {
        self.inner.as_mut().ok_or_else(|| LexicalError::Closed { path: self.dir.clone() })
    }

    /// What tantivy did, or why not, and then nothing more.
    fn or_close<T>(&mut self, done: tantivy::Result<T>) -> Result<T, LexicalError> {
        done.map_err(|error| {
            self.inner = None;
            LexicalError::from_tantivy(&self.dir, error)
        })
    }
}
