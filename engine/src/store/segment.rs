//! One text segment: directory, records, compressed text.
//!
//! Sections: 1 the directory (an entry per document, read when the segment is
//! opened), 2 the records (title, metadata, structure, chunk table; LZ4, one
//! frame per document), 3 the texts (LZ4 in blocks of 64 KiB, so that showing
//! a passage of a large document decompresses only its surroundings).

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Signature;
use crate::document::{Block, Chunk, Document, DocumentId, FieldValue, Span};
use crate::error::SegmentError;
use crate::segment_file::{self, Section, SegmentFile, SegmentKind};

const DIRECTORY: u32 = 1;
const RECORDS: u32 = 2;
const TEXTS: u32 = 3;

/// Text is compressed in blocks of this many bytes.
const BLOCK_BYTES: usize = 64 << 10;

/// What a directory entry says about its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum State {
    /// A document with chunks `first_ord..first_ord + n_chunks`.
    Document {
        signature: Signature,
        first_ord: u32,
        n_chunks: u32,
        record_offset: u64,
        record_bytes: u32,
    },
    /// An exact duplicate: its text is stored under `of`.
    Duplicate { of: DocumentId, signature: Signature },
    /// The id is gone.
    Removed,
}

/// One row of the directory; later rows of one id override earlier ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: DocumentId,
    pub(super) state: State,
}

/// Everything about a document but its text.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
    pub(super) fields: Vec<(String, FieldValue)>,
    pub(super) chunks: Vec<ChunkRecord>,
    pub(super) text_bytes: u32,
    text_offset: u64,
    /// Compressed length of each text block.
    text_blocks: Vec<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ChunkRecord {
    pub(super) span: Span,
    pub(super) headings: Vec<String>,
    pub(super) parent: Option<Span>,
}

/// Collects documents for one segment.
#[derive(Debug, Default)]
pub(crate) struct TextSegmentWriter {
    entries: Vec<Entry>,
    records: Vec<u8>,
    texts: Vec<u8>,
}

impl TextSegmentWriter {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Compressed bytes held in memory so far.
    pub(crate) fn len_bytes(&self) -> usize {
        self.records.len() + self.texts.len()
    }

    /// Adds a checked document; its chunks get `first_ord` and following.
    pub(crate) fn add_document(
        &mut self,
        document: &Document,
        signature: Signature,
        first_ord: u32,
        chunks: &[Chunk],
    ) {
        let text_offset = self.texts.len() as u64;
        let text_blocks = document
            .text
            .as_bytes()
            .chunks(BLOCK_BYTES)
            .map(|block| {
                let compressed = lz4_flex::block::compress(block);
                self.texts.extend_from_slice(&compressed);
                compressed.len() as u32
            })
            .collect();
        let record = Record {
            title: document.title.clone(),
            blocks: document.blocks.clone(),
            fields: document.fields.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            chunks: chunks
                .iter()
                .map(|chunk| ChunkRecord {
                    span: chunk.span,
                    headings: chunk.headings.clone(),
                    parent: chunk.parent,
                })
                .collect(),
            text_bytes: document.text.len() as u32,
            text_offset,
            text_blocks,
        };
        self.push(&document.id, signature, first_ord, &record);
    }

    /// Copies a live document of another segment, its text still compressed.
    ///
    /// # Errors
    /// [`SegmentError::Damaged`] when the source does not decode.
    pub(super) fn copy(&mut self, from: &TextSegment, entry: &Entry) -> Result<(), SegmentError> {
        let State::Document { signature, first_ord, .. } = entry.state else { return Ok(()) };
        let mut record = from.record(entry)?;
        let compressed = from.compressed_text(&record)?;
        record.text_offset = self.texts.len() as u64;
        self.texts.extend_from_slice(compressed);
        self.push(&entry.id, signature, first_ord, &record);
        Ok(())
    }

    fn push(&mut self, id: &DocumentId, signature: Signature, first_ord: u32, record: &Record) {
        let encoded = postcard::to_allocvec(record).expect("plain data serialises into memory");
        let compressed = lz4_flex::block::compress_prepend_size(&encoded);
        self.entries.push(Entry {
            id: id.clone(),
            state: State::Document {
                signature,
                first_ord,
                n_chunks: record.chunks.len() as u32,
                record_offset: self.records.len() as u64,
                record_bytes: compressed.len() as u32,
            },
        });
        self.records.extend_from_slice(&compressed);
    }

    /// Records `id` as an exact duplicate of `of`.
    pub(crate) fn add_duplicate(&mut self, id: &DocumentId, of: &DocumentId, signature: Signature) {
        let state = State::Duplicate { of: of.clone(), signature };
        self.entries.push(Entry { id: id.clone(), state });
    }

    /// Records that `id` is gone.
    pub(crate) fn add_removal(&mut self, id: &DocumentId) {
        self.entries.push(Entry { id: id.clone(), state: State::Removed });
    }

    /// Writes the segment and syncs it; returns its size in bytes.
    ///
    /// # Errors
    /// [`SegmentError::Io`].
    pub(crate) fn write(&self, path: &Path) -> Result<u64, SegmentError> {
        let directory =
            postcard::to_allocvec(&self.entries).expect("plain data serialises into memory");
        segment_file::write(
            path,
            SegmentKind::Texts,
            &[
                Section { id: DIRECTORY, bytes: &directory },
                Section { id: RECORDS, bytes: &self.records },
                Section { id: TEXTS, bytes: &self.texts },
            ],
        )
    }
}

/// An open text segment.
#[derive(Debug)]
pub(crate) struct TextSegment {
    file: SegmentFile,
    entries: Vec<Entry>,
}

impl TextSegment {
    /// Opens a segment and decodes its directory.
    ///
    /// # Errors
    /// [`SegmentError`] for a missing, damaged or foreign file.
    pub(crate) fn open(path: &Path) -> Result<Self, SegmentError> {
        let file = SegmentFile::open(path, SegmentKind::Texts)?;
        let entries: Vec<Entry> = postcard::from_bytes(file.section(DIRECTORY)?)
            .map_err(|_| file.damaged("the directory does not decode"))?;
        let records = file.section(RECORDS)?.len() as u64;
        file.section(TEXTS)?;
        for entry in &entries {
            if let State::Document { first_ord, n_chunks, record_offset, record_bytes, .. } =
                entry.state
            {
                let inside = record_offset
                    .checked_add(u64::from(record_bytes))
                    .is_some_and(|end| end <= records);
                if !inside || first_ord.checked_add(n_chunks).is_none() {
                    return Err(file.damaged("a directory entry points outside the file"));
                }
            }
        }
        Ok(Self { file, entries })
    }

    /// Compares every section with its checksum.
    ///
    /// # Errors
    /// [`SegmentError::Damaged`].
    pub(crate) fn verify(&self) -> Result<(), SegmentError> {
        self.file.verify()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn record(&self, entry: &Entry) -> Result<Record, SegmentError> {
        let State::Document { record_offset, record_bytes, n_chunks, .. } = entry.state else {
            return Err(self.file.damaged("an entry without a document was asked for its record"));
        };
        let at = record_offset as usize;
        let damaged = || self.file.damaged(&format!("the record of {} does not decode", entry.id));
        let compressed =
            self.file.section(RECORDS)?.get(at..at + record_bytes as usize).ok_or_else(damaged)?;
        let encoded =
            lz4_flex::block::decompress_size_prepended(compressed).map_err(|_| damaged())?;
        let record: Record = postcard::from_bytes(&encoded).map_err(|_| damaged())?;
        let blocks = (record.text_bytes as usize).div_ceil(BLOCK_BYTES);
        if record.chunks.len() != n_chunks as usize || record.text_blocks.len() != blocks {
            return Err(damaged());
        }
        Ok(record)
    }

    fn compressed_text(&self, record: &Record) -> Result<&[u8], SegmentError> {
        let start = record.text_offset as usize;
        let len: usize = record.text_blocks.iter().map(|&len| len as usize).sum();
        self.file
            .section(TEXTS)?
            .get(start..start.saturating_add(len))
            .ok_or_else(|| self.file.damaged("a text lies outside its section"))
    }

    pub(super) fn text(&self, record: &Record, span: Span) -> Result<String, SegmentError> {
        let damaged = || self.file.damaged("a text does not decode");
        let range = span.range();
        if range.start > range.end || range.end > record.text_bytes as usize {
            return Err(damaged());
        }
        let compressed = self.compressed_text(record)?;
        let first = range.start / BLOCK_BYTES;
        let mut bytes = Vec::with_capacity(range.len() + BLOCK_BYTES);
        let mut offset = 0;
        for (at, &len) in record.text_blocks.iter().enumerate() {
            let block_start = at * BLOCK_BYTES;
            if block_start >= range.end {
                break;
            }
            if at >= first {
                let size = BLOCK_BYTES.min(record.text_bytes as usize - block_start);
                let block =
                    lz4_flex::block::decompress(&compressed[offset..offset + len as usize], size)
                        .map_err(|_| damaged())?;
                if block.len() != size {
                    return Err(damaged());
                }
                bytes.extend_from_slice(&block);
            }
            offset += len as usize;
        }
        let skip = first * BLOCK_BYTES;
        let inside = bytes.get(range.start - skip..range.end - skip).ok_or_else(damaged)?;
        String::from_utf8(inside.to_vec()).map_err(|_| damaged())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_large_text_reads_back_whole_and_in_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let text = "une ligne accentuée\n".repeat(40_000);
        let document = Document {
            id: DocumentId::new("a").unwrap(),
            title: "A".into(),
            text: text.clone(),
            blocks: vec![],
            fields: BTreeMap::from([("year".into(), FieldValue::Integer(2024))]),
        };
        let spans = [Span::new(0, 10), Span::new(65_530, 65_560), Span::new(0, text.len())];
        let spans = spans.map(|s| {
            let floor = |at: u32| text.floor_char_boundary(at as usize);
            Span::new(floor(s.start), floor(s.end))
        });
        let mut writer = TextSegmentWriter::default();
        let chunks: Vec<_> = spans.iter().map(|&span| Chunk::plain(span)).collect();
        writer.add_document(&document, Signature([7; 32]), 5, &chunks);
        let path = dir.path().join("t");
        writer.write(&path).unwrap();
        let segment = TextSegment::open(&path).unwrap();
        segment.verify().unwrap();
        let record = segment.record(&segment.entries()[0]).unwrap();
        for span in spans {
            assert_eq!(segment.text(&record, span).unwrap(), &text[span.range()]);
        }
        assert!(segment.text(&record, Span::new(0, text.len() + 1)).is_err());
    }
}
