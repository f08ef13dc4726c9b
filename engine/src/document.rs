//! What is indexed: documents, their canonical text, and the chunks cut from it.
//!
//! Every position in Trovato is a [`Span`]: UTF-8 byte offsets into one
//! document's canonical text. Chunks, highlights, citations and ground truth
//! all use it, so any chunking strategy is judged on the same text.
//!
//! The serde derives here serve the index's own files; what travels over HTTP
//! or into a report has its own types where it is sent.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::DocumentError;

/// Names a document: the TREC "docno".
///
/// For files it is `<root name>/<relative path with />`, for JSONL and BEIR the
/// record's own id. Never empty, at most [`DocumentId::MAX_BYTES`] bytes, no
/// control characters (a run file separates columns by white space, so blanks
/// inside an id are escaped there, not here).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocumentId(Arc<str>);

impl DocumentId {
    /// Longest id, in bytes: a term longer than 64 KiB would be dropped by the
    /// lexical index without a word, and no path on a common system needs more.
    pub const MAX_BYTES: usize = 4096;

    /// Checks and wraps an id.
    ///
    /// # Errors
    /// [`DocumentError::InvalidId`] when `id` is empty, too long, or holds a
    /// control character.
    pub fn new(id: impl Into<String>) -> Result<Self, DocumentError> {
        let id = id.into();
        let reason = if id.is_empty() {
            "it is empty".to_owned()
        } else if id.len() > Self::MAX_BYTES {
            format!("it has {} bytes; at most {} are allowed", id.len(), Self::MAX_BYTES)
        } else if let Some(control) = id.chars().find(|c| c.is_control()) {
            format!("it holds the control character U+{:04X}", control as u32)
        } else {
            return Ok(Self(id.into()));
        };
        Err(DocumentError::InvalidId { id: id.chars().take(80).collect(), reason })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DocumentId {
    type Error = DocumentError;

    fn try_from(id: String) -> Result<Self, DocumentError> {
        Self::new(id)
    }
}

impl From<DocumentId> for String {
    fn from(id: DocumentId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl Borrow<str> for DocumentId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A half-open byte range `[start, end)` in a canonical text.
///
/// 32 bits are enough: a canonical text has at most [`Document::MAX_TEXT_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span `[start, end)`; positions beyond 4 GiB cannot occur in a
    /// checked document and saturate.
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end) }
    }

    /// The same positions as a range for slicing.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        (self.end.saturating_sub(self.start)) as usize
    }

    /// Whether no byte lies inside.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether the two spans share at least one byte.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The bytes of `text` inside the span; `None` when the span ends outside
    /// the text or cuts a character.
    pub fn slice(self, text: &str) -> Option<&str> {
        text.get(self.range())
    }
}

/// What a [`Block`] of a canonical text is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockKind {
    /// A heading of `level` 1 to 6.
    Heading {
        /// 1 is the document's title.
        level: u8,
        /// The fragment that links to it, without `#`, where the source has one.
        anchor: Option<String>,
    },
    /// Running text.
    Paragraph,
    /// One list item with what it contains.
    ListItem,
    /// Preformatted code, in `language` where the source says so.
    Code {
        /// For example `rust`.
        language: Option<String>,
    },
    /// A table, one row a line.
    Table,
}

/// A structural unit of a canonical text; blocks are in order and disjoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Where it is.
    pub span: Span,
}

/// A typed metadata value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FieldValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number with a fraction.
    Float(f64),
    /// A moment, in seconds since 1970-01-01T00:00:00Z, negative before.
    Timestamp(i64),
    /// Anything else, as it was written.
    Text(String),
    /// Several values: a document matches when one of them does.
    List(Vec<FieldValue>),
}

/// One document: an id, a canonical text, its structure, its metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its name.
    pub id: DocumentId,
    /// Shown above hits and searched in a field of its own; may be empty.
    pub title: String,
    /// The one text that is stored, shown, chunked and cited. It holds the
    /// title where the source's own text does.
    pub text: String,
    /// The text's structure, in order and disjoint; may be empty.
    pub blocks: Vec<Block>,
    /// Metadata by name.
    pub fields: BTreeMap<String, FieldValue>,
}

impl Document {
    /// Longest canonical text, in bytes (64 MiB).
    pub const MAX_TEXT_BYTES: usize = 64 << 20;

    /// Checks what every later stage relies on.
    ///
    /// # Errors
    /// [`DocumentError::TextTooLong`]; [`DocumentError::InvalidBlock`] when a
    /// block leaves the text, cuts a character or overlaps its predecessor;
    /// [`DocumentError::NonFiniteField`] for a NaN or infinite number.
    pub fn check(&self) -> Result<(), DocumentError> {
        if self.text.len() > Self::MAX_TEXT_BYTES {
            return Err(DocumentError::TextTooLong {
                id: self.id.clone(),
                bytes: self.text.len(),
                limit: Self::MAX_TEXT_BYTES,
            });
        }
        let mut end = 0;
        for block in &self.blocks {
            if block.span.start < end || block.span.slice(&self.text).is_none() {
                return Err(DocumentError::InvalidBlock { id: self.id.clone(), span: block.span });
            }
            end = block.span.end;
        }
        for (name, value) in &self.fields {
            if !value.is_finite() {
                return Err(DocumentError::NonFiniteField {
                    id: self.id.clone(),
                    field: name.clone(),
                });
            }
        }
        Ok(())
    }
}

impl FieldValue {
    fn is_finite(&self) -> bool {
        match self {
            Self::Float(number) => number.is_finite(),
            Self::List(values) => values.iter().all(Self::is_finite),
            Self::Bool(_) | Self::Integer(_) | Self::Timestamp(_) | Self::Text(_) => true,
        }
    }
}

/// A passage cut from a document: the unit that is ranked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its bytes in the document's canonical text. Chunks may overlap.
    pub span: Span,
    /// Headings above it, outermost first; searched and shown, empty where the
    /// chunker does not know structure.
    pub headings: Vec<String>,
    /// Text put before the passage for the encoder, empty for none: a heading
    /// path, a title, a lead sentence. Not part of the canonical text.
    pub context: String,
    /// Words the lexical leg finds the chunk by besides its own, in the field of
    /// headings; empty for none. Neither shown nor stored.
    pub lexical_context: String,
    /// The larger passage that a hit on this chunk returns, which holds `span`;
    /// `None` returns the chunk itself. Chunks of one parent follow each other
    /// and come back as one hit.
    pub parent: Option<Span>,
}

impl Chunk {
    /// A chunk without headings, context or parent.
    pub fn plain(span: Span) -> Self {
        Self {
            span,
            headings: Vec::new(),
            context: String::new(),
            lexical_context: String::new(),
            parent: None,
        }
    }

    /// What the encoder sees: the context, a line break, the passage.
    ///
    /// # Arguments
    /// * `text` - the canonical text the chunk was cut from. A span outside it
    ///   gives the context alone; [`crate::IndexWriter::upsert`] refuses such
    ///   chunks before they get here.
    pub fn encoder_text(&self, text: &str) -> String {
        let passage = self.span.slice(text).unwrap_or("");
        if self.context.is_empty() {
            passage.to_owned()
        } else {
            format!("{}\n{passage}", self.context)
        }
    }
}

/// A chunk's number in an index: assigned once at upsert, ascending, never
/// reused, never changed by a merge. Ties in every ranking go to the lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChunkOrd(pub u32);
