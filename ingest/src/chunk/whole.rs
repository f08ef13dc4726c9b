//! `whole`: the document is the passage.
//!
//! For collections whose documents are passages already, such as the abstracts
//! of SciFact. The encoder reads as much as its window takes; the rest is
//! searchable by words only, and the report counts such texts.

use engine::{Chunk, Document, Span};

use super::token_map::trim;
use super::{ChunkError, Chunker};

/// Makes one chunk of each document, whatever its length.
#[derive(Clone, Copy, Debug, Default)]
pub struct WholeChunker;

impl Chunker for WholeChunker {
    fn spec(&self) -> String {
        "whole".to_owned()
    }

    fn chunk(&self, document: &Document) -> Result<Vec<Chunk>, ChunkError> {
        document.check()?;
        let span = trim(&document.text, Span::new(0, document.text.len()));
        Ok(span.map(Chunk::plain).into_iter().collect())
    }
}
