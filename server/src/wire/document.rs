//! The response to `GET /v1/documents/{id}`: a document in blocks, each block's
//! text in pieces, with the passage that was asked for marked.

use std::collections::BTreeMap;

use engine::{Block, BlockKind, Span, StoredChunk, StoredDocument};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::field::fields_body;
use super::{SpanBody, span_body};
use crate::pieces::{self, Piece};

/// A document, or the part of a long one around a passage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DocumentBody {
    /// Its id.
    document: String,
    /// The collection it is in.
    collection: String,
    /// The commit of the index that answered.
    generation: u64,
    /// The document with the same text that is searched in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<String>,
    /// Its title.
    title: String,
    /// Its metadata.
    fields: BTreeMap<String, Value>,
    /// Length of the whole text.
    bytes: usize,
    /// What `text`, `blocks` and `chunks` show of it.
    window: SpanBody,
    /// The passage that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    passage: Option<SpanBody>,
    /// The canonical text within the window.
    text: String,
    /// The same in blocks.
    blocks: Vec<BlockBody>,
    /// The passages that are searched.
    chunks: Vec<ChunkBody>,
}

/// A block of the text; the text between blocks comes as kind `text`, so that
/// all pieces joined are the window.
#[derive(Debug, Serialize, ToSchema)]
struct BlockBody {
    /// `heading`, `paragraph`, `list_item`, `code`, `table` or `text`.
    kind: &'static str,
    /// Of a heading: 1 is the outermost.
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<u8>,
    /// Of a heading: its name in links.
    #[serde(skip_serializing_if = "Option::is_none")]
    anchor: Option<String>,
    /// Of code, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// Its bytes.
    span: SpanBody,
    /// Its text, cut at the passage.
    pieces: Vec<Piece>,
}

/// A passage that is searched.
#[derive(Debug, Serialize, ToSchema)]
struct ChunkBody {
    /// Its number in this generation of the index.
    chunk: u32,
    /// Its bytes.
    span: SpanBody,
    /// The headings above it, outermost first.
    headings: Vec<String>,
    /// What a hit on it returns, where that is more than itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<SpanBody>,
}

/// How a document is shown.
#[derive(Clone, Debug)]
pub(crate) struct DocumentView {
    pub(crate) collection: String,
    pub(crate) generation: u64,
    /// Marked, and kept in the window.
    pub(crate) passage: Option<Span>,
    /// Longest window.
    pub(crate) max_bytes: usize,
}

impl DocumentBody {
    /// # Arguments
    /// * `view.passage` - must be a span of the document's text.
    pub(crate) fn new(document: StoredDocument, view: DocumentView) -> Self {
        let StoredDocument { id, duplicate_of, title, text, blocks, fields, chunks } = document;
        let window = window(&text, view.passage, view.max_bytes);
        let shown = window.slice(&text).unwrap_or_default();
        Self {
            document: id.into(),
            collection: view.collection,
            generation: view.generation,
            duplicate_of: duplicate_of.map(String::from),
            title,
            fields: fields_body(&fields),
            bytes: text.len(),
            window: span_body(window),
            passage: view.passage.map(span_body),
            text: shown.to_owned(),
            blocks: block_bodies(&text, &blocks, window, view.passage),
            chunks: chunks
                .into_iter()
                .filter(|chunk| chunk.span.overlaps(window))
                .map(ChunkBody::from)
                .collect(),
        }
    }
}

impl From<StoredChunk> for ChunkBody {
    fn from(chunk: StoredChunk) -> Self {
        let StoredChunk { ord, span, headings, parent } = chunk;
        Self { chunk: ord.0, span: span_body(span), headings, parent: parent.map(span_body) }
    }
}

/// The part of `text` to show: all of it where it is short enough, else
/// `max_bytes` with the passage's start a quarter from the top.
fn window(text: &str, passage: Option<Span>, max_bytes: usize) -> Span {
    if text.len() <= max_bytes {
        return Span::new(0, text.len());
    }
    let wanted = passage.map_or(0, |span| (span.start as usize).saturating_sub(max_bytes / 4));
    let start = text.ceil_char_boundary(wanted.min(text.len() - max_bytes));
    let end = text.floor_char_boundary(start + max_bytes);
    Span::new(start, end)
}

fn block_bodies(
    text: &str,
    blocks: &[Block],
    window: Span,
    passage: Option<Span>,
) -> Vec<BlockBody> {
    let mut bodies = Vec::with_capacity(2 * blocks.len() + 1);
    let mut push = |kind: Option<&BlockKind>, span: Span| {
        let span = clip(span, window);
        if let Some(part) = span.slice(text).filter(|part| !part.is_empty()) {
            bodies.push(block_body(kind, span, pieces::cut(part, span.start, passage.as_slice())));
        }
    };
    let mut done = window.start;
    for block in blocks.iter().filter(|block| block.span.overlaps(window)) {
        push(None, Span { start: done, end: block.span.start.max(done) });
        push(Some(&block.kind), block.span);
        done = block.span.end;
    }
    push(None, Span { start: done.min(window.end), end: window.end });
    bodies
}

fn clip(span: Span, window: Span) -> Span {
    Span { start: span.start.max(window.start), end: span.end.min(window.end) }
}

fn block_body(kind: Option<&BlockKind>, span: Span, pieces: Vec<Piece>) -> BlockBody {
    let mut body = BlockBody {
        kind: "text",
        level: None,
        anchor: None,
        language: None,
        span: span_body(span),
        pieces,
    };
    match kind {
        None => {}
        Some(BlockKind::Heading { level, anchor }) => {
            body.kind = "heading";
            body.level = Some(*level);
            body.anchor.clone_from(anchor);
        }
        Some(BlockKind::Paragraph) => body.kind = "paragraph",
        Some(BlockKind::ListItem) => body.kind = "list_item",
        Some(BlockKind::Code { language }) => {
            body.kind = "code";
            body.language.clone_from(language);
        }
        Some(BlockKind::Table) => body.kind = "table",
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(bodies: &[BlockBody]) -> String {
        let pieces = bodies.iter().flat_map(|body| &body.pieces);
        pieces.map(|piece| piece.text.as_str()).collect()
    }

    #[test]
    fn a_passage_across_blocks_is_marked_in_each() {
        let text = "Größe\n\nEin Satz.";
        let heading = BlockKind::Heading { level: 1, anchor: None };
        let blocks = [
            Block { kind: heading, span: Span::new(0, 7) },
            Block { kind: BlockKind::Paragraph, span: Span::new(9, 18) },
        ];
        let all = Span::new(0, text.len());
        let bodies = block_bodies(text, &blocks, all, Some(Span::new(2, 12)));
        let kinds: Vec<_> = bodies.iter().map(|body| body.kind).collect();
        assert_eq!(kinds, ["heading", "text", "paragraph"]);
        let marked: String = bodies
            .iter()
            .flat_map(|body| &body.pieces)
            .filter(|piece| piece.is_match)
            .map(|piece| piece.text.as_str())
            .collect();
        assert_eq!(marked, "öße\n\nEin");
        assert_eq!(joined(&bodies), text);
    }

    #[test]
    fn a_long_document_is_shown_around_its_passage() {
        let text = "ä".repeat(1000);
        let passage = Span::new(1500, 1510);
        let window = window(&text, Some(passage), 401);
        assert!(window.len() <= 401 && window.start <= 1500 && 1510 <= window.end);
        assert!(window.slice(&text).is_some());
        assert_eq!(super::window(&text, Some(Span::new(1998, 2000)), 401).end, 2000);
        assert_eq!(super::window(&text, None, 401).start, 0);
    }

    proptest! {
        #[test]
        fn blocks_join_to_the_window(
            text in "\\PC{0,60}",
            mut cuts in prop::collection::vec(0_usize..200, 0..8),
            max_bytes in 1_usize..200
        ) {
            for at in &mut cuts {
                *at = text.floor_char_boundary(*at);
            }
            cuts.sort_unstable();
            let blocks: Vec<Block> = cuts
                .chunks_exact(2)
                .map(|pair| Block { kind: BlockKind::Paragraph, span: Span::new(pair[0], pair[1]) })
                .collect();
            let passage = blocks.first().map(|block| block.span);
            let window = window(&text, passage, max_bytes);
            let bodies = block_bodies(&text, &blocks, window, passage);
            prop_assert_eq!(joined(&bodies), window.slice(&text).unwrap());
        }
    }
}
