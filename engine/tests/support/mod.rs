//! What the integration tests share: a small world of documents.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{
    Chunk, Document, DocumentId, Encoder, EncoderIdentity, FieldValue, HashEncoder, Index,
    IndexError, IndexWriter, Manifest, Signature, Span, TextRole,
};

/// The encoder of every test index.
pub(crate) fn encoder() -> Arc<dyn Encoder> {
    Arc::new(HashEncoder::new(64, 256))
}

/// The manifest that goes with [`encoder`].
pub(crate) fn manifest() -> Manifest {
    Manifest::new(EncoderIdentity::of(encoder().as_ref()), "paragraphs")
}

/// A fresh index with the test encoder.
pub(crate) fn create(dir: &Path) -> Index {
    Index::create(dir, manifest(), Some(encoder())).unwrap()
}

/// A document whose paragraphs (split at blank lines) become chunks.
pub(crate) fn document(id: &str, text: &str) -> Document {
    Document {
        id: DocumentId::new(id).unwrap(),
        title: text.lines().next().unwrap_or_default().to_owned(),
        text: text.to_owned(),
        blocks: Vec::new(),
        fields: BTreeMap::new(),
    }
}

/// The same with one metadata field.
pub(crate) fn with_field(mut document: Document, name: &str, value: FieldValue) -> Document {
    document.fields.insert(name.to_owned(), value);
    document
}

/// One chunk per paragraph.
pub(crate) fn chunks(text: &str) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut start = 0;
    for paragraph in text.split("\n\n") {
        if !paragraph.trim().is_empty() {
            chunks.push(Chunk::plain(Span::new(start, start + paragraph.len())));
        }
        start += paragraph.len() + 2;
    }
    chunks
}

/// Chunks, encodes and upserts.
pub(crate) fn upsert(writer: &mut IndexWriter, document: &Document) {
    try_upsert(writer, document).unwrap();
}

/// The same where the disk may refuse.
pub(crate) fn try_upsert(writer: &mut IndexWriter, document: &Document) -> Result<(), IndexError> {
    let chunks = chunks(&document.text);
    let texts: Vec<_> = chunks.iter().map(|chunk| chunk.encoder_text(&document.text)).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let vectors = encoder().encode(&texts, TextRole::Passage).unwrap();
    writer.upsert(document, signature(&document.text), &chunks, &vectors)
}

/// A signature of the text alone.
pub(crate) fn signature(text: &str) -> Signature {
    Signature(*blake3::hash(text.as_bytes()).as_bytes())
}

/// All files below a folder, sorted.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}
