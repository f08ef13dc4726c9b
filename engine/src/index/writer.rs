//! The one thing that changes an index: upsert, delete, commit, merge.
//!
//! Chunks and vectors collect in memory and go to segment files that nothing
//! names yet. [`IndexWriter::commit`] syncs those files and their folder, then
//! makes one tantivy commit whose payload names them: the only instant at which
//! anything becomes visible. A crash before it leaves files that the next
//! writer sweeps; a crash after it leaves a whole commit.
//!
//! A commit of few vectors writes them without a graph, and they are scanned
//! exactly; one of many ([`GraphParams::min_rows`]) builds a graph over them, so
//! that searches stay fast until [`IndexWriter::merge`] joins the segments.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fail::fail_point;

use super::commit::{CommitRecord, RootRecord};
use super::error::IndexError;
use super::generation::{Checksums, Generation, OpenSegments};
use super::lock::WriterLock;
use super::manifest::Manifest;
use super::{Index, files};
use crate::dense::{self, EncodedRows, GraphParams};
use crate::document::{Chunk, ChunkOrd, Document, DocumentId, Span};
use crate::encoder::Embeddings;
use crate::error::DocumentError;
use crate::lexical::{LexicalIndex, LexicalRow, LexicalWriter};
use crate::segment_file;
use crate::store::{Signature, TextSegmentWriter};

/// Memory and threads of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// Memory of the lexical side before it spills, at least 15 MB a thread.
    pub lexical_memory_bytes: usize,
    /// Threads of the lexical side.
    pub lexical_threads: usize,
    /// Vectors and compressed texts held in memory before they go to files of
    /// their own (still invisible).
    pub pending_bytes: usize,
}

impl Default for WriterOptions {
    /// 64 MB and one thread for the lexical side (encoding takes the other
    /// cores and two hundred times as long), 256 MB of vectors and texts.
    fn default() -> Self {
        Self { lexical_memory_bytes: 64_000_000, lexical_threads: 1, pending_bytes: 256 << 20 }
    }
}

/// What a commit made visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitSummary {
    /// Its number.
    pub generation: u64,
    /// Bytes of the segment files it added.
    pub bytes_written: u64,
}

/// What this writer has made of an id since it was opened.
#[derive(Clone, Debug)]
enum Change {
    Document(Signature),
    Duplicate(DocumentId, Signature),
    Removed,
}

/// Why pending rows go to files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flush {
    /// There are too many to hold: a piece of a bulk load, which a merge will
    /// join with others, so that a graph would be built for nothing.
    Spill,
    /// They are to be searched from now on.
    Commit,
}

/// Writes an index; see the module's documentation for the protocol.
///
/// Dropping a writer forgets what was not committed.
pub struct IndexWriter {
    pub(super) dir: PathBuf,
    pub(super) manifest: Manifest,
    lexical_index: Arc<LexicalIndex>,
    pub(super) lexical: LexicalWriter,
    /// The generation at opening; `changes` says what has happened since.
    base: Arc<Generation>,
    changes: HashMap<DocumentId, Change>,
    /// The record that the next commit publishes.
    pub(super) next: CommitRecord,
    committed: CommitRecord,
    /// Files of the commit before `committed`, kept for readers that are about
    /// to open them.
    previous: HashSet<String>,
    pending: Pending,
    pub(super) pending_limit_bytes: usize,
    n_files: u64,
    pub(super) bytes_written: u64,
    /// Whether anything was changed since the last commit.
    changed: bool,
    // Last: the lock is released after the lexical writer is gone.
    _lock: WriterLock,
}

struct Pending {
    vectors: EncodedRows,
    texts: TextSegmentWriter,
}

impl Pending {
    fn new(manifest: &Manifest) -> Result<Self, IndexError> {
        let vectors = EncodedRows::new(manifest.vectors, manifest.encoder.dim)?;
        Ok(Self { vectors, texts: TextSegmentWriter::default() })
    }

    fn len_bytes(&self) -> usize {
        self.vectors.len_bytes() + self.texts.len_bytes()
    }
}

impl IndexWriter {
    pub(super) fn open(index: &Index, options: WriterOptions) -> Result<Self, IndexError> {
        let lock = WriterLock::acquire(&index.dir)?;
        index.refresh()?;
        let base = index.generation();
        let committed = base.record().clone();
        files::sweep(&index.dir, &committed.files())?;
        let lexical =
            index.lexical.writer(options.lexical_memory_bytes, options.lexical_threads)?;
        Ok(Self {
            dir: index.dir.clone(),
            manifest: index.manifest.clone(),
            lexical_index: Arc::clone(&index.lexical),
            lexical,
            base,
            changes: HashMap::new(),
            next: committed.clone(),
            committed,
            previous: HashSet::new(),
            pending: Pending::new(&index.manifest)?,
            pending_limit_bytes: options.pending_bytes,
            n_files: 0,
            bytes_written: 0,
            changed: false,
            _lock: lock,
        })
    }

    /// Adds a document or replaces the one of its id, from the next commit on.
    ///
    /// Exact duplicates of an earlier version of the id are dropped, since they
    /// are duplicates no more: [`IndexWriter::signature`] then says `None` for
    /// them, and the caller indexes them again.
    ///
    /// # Arguments
    /// * `signature` - identifies content and recipe, see [`Signature`].
    /// * `chunks` - at least one; spans into the document's text.
    /// * `vectors` - `[chunks.len(), dim]`, of the index's encoder.
    ///
    /// # Errors
    /// [`IndexError::Document`] when document, chunks and vectors do not fit;
    /// nothing has changed. [`IndexError::OrdsExhausted`] likewise.
    /// [`IndexError::Lexical`] or [`IndexError::Segment`] when the disk refuses.
    pub fn upsert(
        &mut self,
        document: &Document,
        signature: Signature,
        chunks: &[Chunk],
        vectors: &Embeddings,
    ) -> Result<(), IndexError> {
        self.check(document, chunks, vectors)?;
        let first_ord = self.next.next_ord;
        let next_ord = u32::try_from(chunks.len())
            .ok()
            .and_then(|n| first_ord.checked_add(n))
            .ok_or(IndexError::OrdsExhausted)?;
        self.changed = true;
        self.forget(&document.id)?;
        for (nth, chunk) in chunks.iter().enumerate() {
            self.lexical.add(&LexicalRow {
                ord: ChunkOrd(first_ord + nth as u32),
                document: &document.id,
                title: &document.title,
                headings: &chunk.headings,
                context: &chunk.lexical_context,
                body: chunk.span.slice(&document.text).unwrap_or_default(),
                fields: &document.fields,
            })?;
        }
        for (ord, row) in (first_ord..next_ord).zip(vectors.values().chunks_exact(vectors.dim())) {
            self.pending.vectors.push(ord, row)?;
        }
        self.pending.texts.add_document(document, signature, first_ord, chunks);
        self.next.next_ord = next_ord;
        self.changes.insert(document.id.clone(), Change::Document(signature));
        if self.pending.len_bytes() >= self.pending_limit_bytes {
            self.flush(Flush::Spill)?;
        }
        Ok(())
    }

    /// Stores `id` as an exact duplicate of `of`: found and shown with it, its
    /// text stored once.
    ///
    /// # Errors
    /// [`IndexError::NoOriginal`] when `of` is not a document with a text.
    pub fn add_duplicate(
        &mut self,
        id: &DocumentId,
        of: &DocumentId,
        signature: Signature,
    ) -> Result<(), IndexError> {
        if id == of || !self.is_original(of) {
            return Err(IndexError::NoOriginal { id: id.clone(), of: of.clone() });
        }
        self.changed = true;
        self.forget(id)?;
        self.pending.texts.add_duplicate(id, of, signature);
        self.changes.insert(id.clone(), Change::Duplicate(of.clone(), signature));
        Ok(())
    }

    /// Removes a document and its exact duplicates, from the next commit on;
    /// returns whether it was there.
    ///
    /// # Errors
    /// [`IndexError::Lexical`].
    pub fn delete(&mut self, id: &DocumentId) -> Result<bool, IndexError> {
        if self.signature(id).is_none() {
            return Ok(false);
        }
        self.changed = true;
        self.forget(id)?;
        self.pending.texts.add_removal(id);
        self.changes.insert(id.clone(), Change::Removed);
        Ok(true)
    }

    /// What `id` is indexed from, changes that are not yet committed included.
    pub fn signature(&self, id: &DocumentId) -> Option<Signature> {
        match self.changes.get(id) {
            Some(Change::Document(signature) | Change::Duplicate(_, signature)) => Some(*signature),
            Some(Change::Removed) => None,
            None => self.base.texts.signature(id),
        }
    }

    /// The document that holds the text of the exact duplicate `id`.
    pub fn duplicate_of(&self, id: &DocumentId) -> Option<&DocumentId> {
        match self.changes.get(id) {
            Some(Change::Duplicate(of, _)) => Some(of),
            Some(Change::Document(_) | Change::Removed) => None,
            None => self.base.texts.duplicate_of(id),
        }
    }

    /// The exact duplicates of `id`, changes included, ascending: what replacing or
    /// removing it would drop.
    pub fn duplicates_of(&self, id: &DocumentId) -> Vec<DocumentId> {
        let changed = self.changes.iter().filter_map(|(duplicate, change)| match change {
            Change::Duplicate(of, _) if of == id => Some(duplicate),
            Change::Duplicate(..) | Change::Document(_) | Change::Removed => None,
        });
        // Another text of this id had other duplicates.
        let base =
            if self.changes.contains_key(id) { &[] } else { self.base.texts.duplicates_of(id) };
        let unchanged = base.iter().filter(|duplicate| !self.changes.contains_key(*duplicate));
        let mut duplicates: Vec<_> = changed.chain(unchanged).cloned().collect();
        duplicates.sort_unstable();
        duplicates
    }

    /// All ids of the index, changes and duplicates included, ascending.
    pub fn document_ids(&self) -> Vec<DocumentId> {
        let unchanged = self.base.texts.ids().filter(|id| !self.changes.contains_key(*id));
        let changed = self
            .changes
            .iter()
            .filter(|(_, change)| !matches!(change, Change::Removed))
            .map(|(id, _)| id);
        let mut ids: Vec<_> = unchanged.chain(changed).cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// Records where documents come from; a known name gets the new path.
    pub fn add_root(&mut self, name: &str, path: &Path) {
        self.changed = true;
        let path = path.display().to_string();
        match self.next.roots.iter_mut().find(|root| root.name == name) {
            Some(root) => root.path = path,
            None => self.next.roots.push(RootRecord { name: name.to_owned(), path }),
        }
    }

    /// Where documents came from.
    pub fn roots(&self) -> &[RootRecord] {
        &self.next.roots
    }

    /// Makes everything since the last commit visible and durable, or nothing.
    ///
    /// When it returns, the generation survives a power failure. An error
    /// before the commit point leaves the last commit in force.
    ///
    /// # Errors
    /// [`IndexError::Segment`] or [`IndexError::Dense`]: the changes are still pending,
    /// and the caller may commit again, after a full disk for example.
    /// [`IndexError::Lexical`]: the writer is closed, since the lexical side may have lost
    /// some of them, and fails from now on; a new one starts at the last commit.
    pub fn commit(&mut self) -> Result<CommitSummary, IndexError> {
        self.flush(Flush::Commit)?;
        self.publish()
    }

    /// Commits if anything has changed since the last commit.
    pub(super) fn commit_pending(&mut self) -> Result<(), IndexError> {
        if self.changed { self.commit().map(drop) } else { Ok(()) }
    }

    /// The last commit, its files opened anew and closed with the view.
    pub(super) fn last_commit(&self) -> Result<Generation, IndexError> {
        let (dir, segments) = (&self.dir, &mut OpenSegments::default());
        Generation::load(dir, &self.manifest, &self.lexical_index, segments, Checksums::Skip)
    }

    fn check(
        &self,
        document: &Document,
        chunks: &[Chunk],
        vectors: &Embeddings,
    ) -> Result<(), IndexError> {
        document.check()?;
        let id = || document.id.clone();
        if chunks.is_empty() {
            return Err(DocumentError::NoChunks { id: id() }.into());
        }
        if chunks.len() != vectors.len() {
            let (chunks, vectors) = (chunks.len(), vectors.len());
            return Err(DocumentError::VectorCount { id: id(), chunks, vectors }.into());
        }
        if vectors.dim() != self.manifest.encoder.dim {
            let (found, expected) = (vectors.dim(), self.manifest.encoder.dim);
            return Err(DocumentError::VectorDim { id: id(), found, expected }.into());
        }
        for row in vectors.values().chunks_exact(vectors.dim()) {
            self.pending.vectors.check(row)?;
        }
        for &Chunk { span, parent, .. } in chunks {
            if span.slice(&document.text).is_none_or(str::is_empty) {
                return Err(DocumentError::InvalidChunk { id: id(), span }.into());
            }
            let holds = |parent: Span| {
                parent.start <= span.start
                    && span.end <= parent.end
                    && parent.slice(&document.text).is_some()
            };
            if let Some(parent) = parent.filter(|&parent| !holds(parent)) {
                return Err(DocumentError::InvalidParent { id: id(), span, parent }.into());
            }
        }
        Ok(())
    }

    fn is_original(&self, id: &DocumentId) -> bool {
        self.signature(id).is_some() && self.duplicate_of(id).is_none()
    }

    /// Takes the current version of `id` out of the lexical side and drops the
    /// duplicates that refer to it.
    fn forget(&mut self, id: &DocumentId) -> Result<(), IndexError> {
        if !self.is_original(id) {
            return Ok(());
        }
        self.lexical.delete(id)?;
        for orphan in self.duplicates_of(id) {
            self.pending.texts.add_removal(&orphan);
            self.changes.insert(orphan, Change::Removed);
        }
        Ok(())
    }

    /// Moves pending rows and texts to segment files that nothing names yet.
    fn flush(&mut self, flush: Flush) -> Result<(), IndexError> {
        fail_point!("flush-start");
        let pending = std::mem::replace(&mut self.pending, Pending::new(&self.manifest)?);
        let graph = match flush {
            Flush::Spill => GraphParams { min_rows: usize::MAX, ..self.manifest.graph },
            Flush::Commit => self.manifest.graph,
        };
        let written = self.write_vectors(&pending.vectors, &graph).and_then(|vectors| {
            fail_point!("vectors-written");
            Ok((vectors, self.write_texts(&pending.texts)?))
        });
        match written {
            Ok((vectors, texts)) => {
                self.next.vectors.extend(vectors);
                self.next.texts.extend(texts);
            }
            Err(error) => {
                // Nothing is lost when the disk was full: commit can be tried again.
                self.pending = pending;
                return Err(error);
            }
        }
        fail_point!("texts-written");
        files::sync_dir(&self.dir.join(files::SEGMENTS_DIR))?;
        fail_point!("segments-synced");
        Ok(())
    }

    pub(super) fn write_vectors(
        &mut self,
        rows: &EncodedRows,
        graph: &GraphParams,
    ) -> Result<Option<String>, IndexError> {
        if rows.ords().is_empty() {
            return Ok(None);
        }
        let (name, path) = self.new_file("vectors");
        self.bytes_written += dense::write_segment(&path, rows, graph)?;
        Ok(Some(name))
    }

    pub(super) fn write_texts(
        &mut self,
        texts: &TextSegmentWriter,
    ) -> Result<Option<String>, IndexError> {
        if texts.is_empty() {
            return Ok(None);
        }
        let (name, path) = self.new_file("texts");
        self.bytes_written += texts.write(&path)?;
        Ok(Some(name))
    }

    /// A name no file has: the generation to come and a counter.
    pub(super) fn new_file(&mut self, extension: &str) -> (String, PathBuf) {
        self.n_files += 1;
        let generation = self.committed.generation + 1;
        let name = format!("{generation:010}-{:04}.{extension}", self.n_files);
        let path = files::segment_path(&self.dir, &name);
        (name, path)
    }

    /// The commit point, and what follows it.
    pub(super) fn publish(&mut self) -> Result<CommitSummary, IndexError> {
        let mut record =
            CommitRecord { generation: self.committed.generation + 1, ..self.next.clone() };
        record.identities = self.identities(&record)?;
        fail_point!("before-commit");
        self.lexical.commit(&record.to_payload())?;
        fail_point!("after-commit");
        let previous = std::mem::replace(&mut self.committed, record.clone());
        self.previous = previous.files();
        self.next = record;
        self.changed = false;
        let mut keep = self.committed.files();
        keep.extend(self.previous.iter().cloned());
        files::sweep(&self.dir, &keep)?;
        fail_point!("swept");
        let bytes_written = std::mem::take(&mut self.bytes_written);
        Ok(CommitSummary { generation: self.committed.generation, bytes_written })
    }

    /// What each file of a record is; those of the last commit are known.
    fn identities(&self, record: &CommitRecord) -> Result<BTreeMap<String, u32>, IndexError> {
        let mut identities = BTreeMap::new();
        for name in record.files() {
            let identity = match self.committed.identities.get(&name) {
                Some(&known) => known,
                None => segment_file::identity(&files::segment_path(&self.dir, &name))?,
            };
            identities.insert(name, identity);
        }
        Ok(identities)
    }
}
