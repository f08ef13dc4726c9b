//! `whole`: the document is the passage.
//!
//! For collections whose documents are passages already, such as the abstracts
//! of SciFact. The encoder reads as much as its window takes; the rest is
//! searchable by words only, and the report counts such texts.

use std::sync::Arc;

use engine::{Chunk, Document, Span};

use super::token_map::{MAX_TOKEN_BYTES, TokenMap, trim};
use super::tokenizer::TokenSizer;
use super::{ChunkError, Chunker, SizedChunk};

/// Makes one chunk of each document, whatever its length.
pub struct WholeChunker {
    sizer: Arc<dyn TokenSizer>,
}

impl WholeChunker {
    pub(super) fn new(sizer: Arc<dyn TokenSizer>) -> Self {
        Self { sizer }
    }

    /// The start of `text` that is sure to fill the window, if there is one:
    /// the size of the rest changes nothing.
    fn measured<'t>(&self, text: &'t str) -> &'t str {
        let Some(window) = self.sizer.window() else { return text };
        &text[..text.floor_char_boundary(window.max_tokens.saturating_mul(MAX_TOKEN_BYTES))]
    }
}

impl Chunker for WholeChunker {
    fn spec(&self) -> String {
        "whole".to_owned()
    }

    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError> {
        document.check()?;
        let text = document.text.as_str();
        let Some(span) = trim(text, Span::new(0, text.len())) else { return Ok(Vec::new()) };
        let passage = self.measured(span.slice(text).unwrap_or(""));
        let n_tokens = TokenMap::new(passage, &*self.sizer)
            .map_err(|source| ChunkError::Tokenize { document: document.id.clone(), source })?
            .len();
        Ok(vec![SizedChunk {
            chunk: Chunk::plain(span),
            n_tokens: self.sizer.window().map_or(n_tokens, |window| window.read_of(n_tokens)),
            within: None,
        }])
    }
}
