//! Documents and chunkers for the tests of chunking.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Block, BlockKind, Document, DocumentId, HashEncoder, Span};
use ingest::chunk::{Chunker, ChunkerParts, ChunkerSpec, TokenSizer};

/// The encoder's window in every test.
pub(crate) const WINDOW: usize = 64;

/// Builds a document from blocks; `None` is text that no block claims.
pub(crate) fn document(title: &str, parts: &[(Option<BlockKind>, &str)]) -> Document {
    let mut text = String::new();
    let mut blocks = Vec::new();
    for (kind, part) in parts {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        let start = text.len();
        text.push_str(part);
        if let Some(kind) = kind {
            blocks.push(Block { kind: kind.clone(), span: Span::new(start, text.len()) });
        }
    }
    Document {
        id: DocumentId::new("docs/page.html").unwrap(),
        title: title.to_owned(),
        text,
        blocks,
        fields: BTreeMap::new(),
    }
}

pub(crate) fn heading(level: u8) -> BlockKind {
    BlockKind::Heading { level, anchor: None }
}

pub(crate) fn code(language: &str) -> BlockKind {
    BlockKind::Code { language: Some(language.to_owned()) }
}

pub(crate) const CODE: Option<BlockKind> = Some(BlockKind::Code { language: None });

pub(crate) const PROSE: Option<BlockKind> = Some(BlockKind::Paragraph);

/// The chunker of a SPEC, with an encoder of words.
pub(crate) fn build(spec: &str, sizer: &Arc<dyn TokenSizer>) -> Box<dyn Chunker> {
    let encoder = Arc::new(HashEncoder::new(32, WINDOW));
    let parts = ChunkerParts { sizer: Arc::clone(sizer), encoder };
    ChunkerSpec::parse(spec).unwrap().build(&parts)
}
