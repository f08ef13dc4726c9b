//! Canonical texts and metadata of one generation: which documents exist, and
//! what a chunk's number stands for.
//!
//! "Here is a chunk number, which document and bytes is it?" is answered by
//! [`TextStore::locate`]; "here is a document id, give me the document" by
//! [`TextStore::document`]. Segments are immutable; later ones override earlier
//! ones, and the lexical index has the last word on what is alive.

mod segment;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub(crate) use segment::{TextSegment, TextSegmentWriter};

use segment::{Entry, State};

use crate::document::{Block, ChunkOrd, DocumentId, FieldValue, Span};
use crate::error::SegmentError;
use crate::ord_set::OrdSet;

/// Identifies what a stored document was made from: content and recipe. Two
/// equal signatures mean that indexing again would change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Signature(pub [u8; 32]);

/// A chunk as the index keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    /// Its number.
    pub ord: ChunkOrd,
    /// Its bytes in the canonical text.
    pub span: Span,
    /// Headings above it, outermost first.
    pub headings: Vec<String>,
    /// The larger passage that a hit on it returns; `None` for itself.
    pub parent: Option<Span>,
}

/// A document read back from an index.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDocument {
    /// Its id; for an exact duplicate the id that was asked for.
    pub id: DocumentId,
    /// The document whose text is stored, when `id` is its exact duplicate.
    pub duplicate_of: Option<DocumentId>,
    /// Its title, perhaps empty.
    pub title: String,
    /// The canonical text.
    pub text: String,
    /// The text's structure.
    pub blocks: Vec<Block>,
    /// Metadata.
    pub fields: BTreeMap<String, FieldValue>,
    /// Its chunks, by ascending number.
    pub chunks: Vec<StoredChunk>,
}

/// Where a document's entry lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    segment: u32,
    entry: u32,
}

/// All text segments of one generation with their directories resolved.
#[derive(Debug)]
pub(crate) struct TextStore {
    segments: Vec<Arc<TextSegment>>,
    by_id: HashMap<DocumentId, Place>,
    /// Live documents by first chunk number, ascending.
    by_ord: Vec<(u32, Place)>,
    duplicates: HashMap<DocumentId, Vec<DocumentId>>,
    n_documents: usize,
    n_chunks: usize,
}

impl TextStore {
    /// Resolves the directories: O(documents) time and about 100 bytes each.
    ///
    /// # Arguments
    /// * `segments` - oldest first.
    /// * `alive` - the chunks the lexical index holds.
    pub(crate) fn new(segments: Vec<Arc<TextSegment>>, alive: &OrdSet) -> Self {
        let mut by_id = HashMap::new();
        for (segment, texts) in segments.iter().enumerate() {
            for (entry, row) in texts.entries().iter().enumerate() {
                let place = Place { segment: segment as u32, entry: entry as u32 };
                match row.state {
                    State::Document { .. } | State::Duplicate { .. } => {
                        by_id.insert(row.id.clone(), place);
                    }
                    State::Removed => {
                        by_id.remove(&row.id);
                    }
                }
            }
        }
        let mut store = Self {
            segments,
            by_id,
            by_ord: Vec::new(),
            duplicates: HashMap::new(),
            n_documents: 0,
            n_chunks: 0,
        };
        store.drop_dead(alive);
        store
    }

    fn drop_dead(&mut self, alive: &OrdSet) {
        let segments = &self.segments;
        self.by_id.retain(|_, place| match entry_at(segments, *place).state {
            State::Document { first_ord, n_chunks, .. } => {
                let live = n_chunks > 0 && alive.contains(ChunkOrd(first_ord));
                if live {
                    self.by_ord.push((first_ord, *place));
                    self.n_chunks += n_chunks as usize;
                }
                live
            }
            State::Duplicate { .. } => true,
            State::Removed => false,
        });
        self.by_ord.sort_unstable_by_key(|&(first_ord, _)| first_ord);
        self.n_documents = self.by_ord.len();
        // A duplicate lives as long as the document that holds its text.
        let originals: std::collections::HashSet<DocumentId> =
            self.by_ord.iter().map(|&(_, place)| entry_at(segments, place).id.clone()).collect();
        self.by_id.retain(|id, place| match &entry_at(segments, *place).state {
            State::Duplicate { of, .. } => {
                let live = originals.contains(of);
                if live {
                    self.duplicates.entry(of.clone()).or_default().push(id.clone());
                }
                live
            }
            State::Document { .. } | State::Removed => true,
        });
        self.duplicates.values_mut().for_each(|ids| ids.sort_unstable());
    }

    /// Live documents whose text is stored; exact duplicates apart.
    pub(crate) fn n_documents(&self) -> usize {
        self.n_documents
    }

    /// Live chunks, as the directories count them.
    pub(crate) fn n_chunks(&self) -> usize {
        self.n_chunks
    }

    /// Ids of exact duplicates.
    pub(crate) fn n_duplicates(&self) -> usize {
        self.by_id.len() - self.n_documents
    }

    /// All ids, duplicates included, in no particular order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &DocumentId> {
        self.by_id.keys()
    }

    /// What `id` was indexed from.
    pub(crate) fn signature(&self, id: &DocumentId) -> Option<Signature> {
        match self.entry(id)?.state {
            State::Document { signature, .. } | State::Duplicate { signature, .. } => {
                Some(signature)
            }
            State::Removed => None,
        }
    }

    /// The document that holds the text of the exact duplicate `id`.
    pub(crate) fn duplicate_of(&self, id: &DocumentId) -> Option<&DocumentId> {
        match &self.entry(id)?.state {
            State::Duplicate { of, .. } => Some(of),
            State::Document { .. } | State::Removed => None,
        }
    }

    /// Exact duplicates of `id`, ascending.
    pub(crate) fn duplicates_of(&self, id: &DocumentId) -> &[DocumentId] {
        self.duplicates.get(id).map_or(&[], Vec::as_slice)
    }

    /// The chunk numbers of `id`, of its original when it is a duplicate.
    pub(crate) fn ords_of(&self, id: &DocumentId) -> std::ops::Range<u32> {
        match self.entry(id).map(|entry| &entry.state) {
            Some(&State::Document { first_ord, n_chunks, .. }) => first_ord..first_ord + n_chunks,
            Some(State::Duplicate { of, .. }) => self.ords_of(of),
            Some(State::Removed) | None => 0..0,
        }
    }

    /// Live documents' chunk ranges, ascending.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = std::ops::Range<u32>> + '_ {
        self.by_ord.iter().filter_map(|&(_, place)| match entry_at(&self.segments, place).state {
            State::Document { first_ord, n_chunks, .. } => Some(first_ord..first_ord + n_chunks),
            State::Duplicate { .. } | State::Removed => None,
        })
    }

    /// The document that holds `ord`.
    pub(crate) fn locate(&self, ord: ChunkOrd) -> Option<&DocumentId> {
        let at = self.by_ord.partition_point(|&(first, _)| first <= ord.0).checked_sub(1)?;
        let entry = entry_at(&self.segments, self.by_ord[at].1);
        match entry.state {
            State::Document { first_ord, n_chunks, .. } if ord.0 - first_ord < n_chunks => {
                Some(&entry.id)
            }
            State::Document { .. } | State::Duplicate { .. } | State::Removed => None,
        }
    }

    /// Reads title, metadata, structure and chunk table of `id`, not its text.
    ///
    /// # Errors
    /// [`SegmentError::Damaged`] when the record does not decode.
    pub(crate) fn record(&self, id: &DocumentId) -> Result<Option<DocumentRecord>, SegmentError> {
        let Some(&place) = self.by_id.get(id) else { return Ok(None) };
        let segment = &self.segments[place.segment as usize];
        let entry = entry_at(&self.segments, place);
        match &entry.state {
            State::Document { .. } => segment
                .record(entry)
                .map(|record| Some(DocumentRecord { record, segment: Arc::clone(segment) })),
            State::Duplicate { of, .. } => self.record(of),
            State::Removed => Ok(None),
        }
    }

    /// Reads the whole document.
    ///
    /// # Errors
    /// [`SegmentError::Damaged`] when its record or text does not decode.
    pub(crate) fn document(&self, id: &DocumentId) -> Result<Option<StoredDocument>, SegmentError> {
        let duplicate_of = self.duplicate_of(id).cloned();
        let Some(found) = self.record(id)? else { return Ok(None) };
        let text = found.text(Span::new(0, found.record.text_bytes as usize))?;
        let ords = self.ords_of(id);
        let segment::Record { title, blocks, fields, chunks, .. } = found.record;
        let chunks = ords
            .zip(chunks)
            .map(|(ord, chunk)| StoredChunk {
                ord: ChunkOrd(ord),
                span: chunk.span,
                headings: chunk.headings,
                parent: chunk.parent,
            })
            .collect();
        Ok(Some(StoredDocument {
            id: id.clone(),
            duplicate_of,
            title,
            text,
            blocks,
            fields: fields.into_iter().collect(),
            chunks,
        }))
    }

    /// Writes what the segments behind the first `from` say as one fresh segment:
    /// live documents, duplicates, and, where older segments may know the id,
    /// removals.
    ///
    /// # Errors
    /// [`SegmentError`] when a record cannot be copied.
    pub(crate) fn merged(&self, from: usize) -> Result<TextSegmentWriter, SegmentError> {
        let mut writer = TextSegmentWriter::default();
        let newer = |place: &Place| place.segment as usize >= from;
        for &(_, place) in self.by_ord.iter().filter(|(_, place)| newer(place)) {
            writer.copy(&self.segments[place.segment as usize], entry_at(&self.segments, place))?;
        }
        let mut duplicates: Vec<_> = self.duplicates.iter().collect();
        duplicates.sort_unstable();
        for (of, ids) in duplicates {
            for id in ids.iter().filter(|id| self.by_id.get(*id).is_some_and(newer)) {
                if let Some(signature) = self.signature(id) {
                    writer.add_duplicate(id, of, signature);
                }
            }
        }
        if from > 0 {
            let tail = self.segments[from.min(self.segments.len())..].iter();
            let said: BTreeSet<_> =
                tail.flat_map(|segment| segment.entries()).map(|entry| &entry.id).collect();
            for id in said.into_iter().filter(|id| !self.by_id.contains_key(*id)) {
                writer.add_removal(id);
            }
        }
        Ok(writer)
    }

    fn entry(&self, id: &DocumentId) -> Option<&Entry> {
        self.by_id.get(id).map(|&place| entry_at(&self.segments, place))
    }
}

fn entry_at(segments: &[Arc<TextSegment>], place: Place) -> &Entry {
    &segments[place.segment as usize].entries()[place.entry as usize]
}

/// What a hit returns of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passage<'r> {
    pub(crate) span: Span,
    pub(crate) headings: &'r [String],
    pub(crate) unit: Unit,
}

/// What a passage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Chunk,
    /// Returned for each of its chunks, and once at most.
    Parent,
}

/// A document's record with the segment its text can be read from.
#[derive(Debug)]
pub(crate) struct DocumentRecord {
    record: segment::Record,
    segment: Arc<TextSegment>,
}

impl DocumentRecord {
    pub(crate) fn title(&self) -> &str {
        &self.record.title
    }

    pub(crate) fn fields(&self) -> &[(String, FieldValue)] {
        &self.record.fields
    }

    /// What a hit on the document's `nth` chunk returns: the chunk, or its
    /// parent under the headings of the parent's first chunk.
    pub(crate) fn passage(&self, nth: usize) -> Option<Passage<'_>> {
        let chunks = &self.record.chunks;
        let chunk = chunks.get(nth)?;
        let Some(span) = chunk.parent else {
            return Some(Passage {
                span: chunk.span,
                headings: &chunk.headings,
                unit: Unit::Chunk,
            });
        };
        let other = chunks[..nth].iter().rposition(|before| before.parent != chunk.parent);
        let first = other.map_or(0, |at| at + 1);
        Some(Passage { span, headings: &chunks[first].headings, unit: Unit::Parent })
    }

    /// The bytes of the document's `nth` chunk itself, whatever a hit on it returns.
    pub(crate) fn chunk_span(&self, nth: usize) -> Option<Span> {
        self.record.chunks.get(nth).map(|chunk| chunk.span)
    }

    /// The bytes of `span` in the canonical text, decompressing no more than it
    /// touches.
    ///
    /// # Errors
    /// [`SegmentError::Damaged`] when the text does not decode.
    pub(crate) fn text(&self, span: Span) -> Result<String, SegmentError> {
        self.segment.text(&self.record, span)
    }
}
