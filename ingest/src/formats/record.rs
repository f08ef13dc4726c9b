//! Reads a record: title, empty line, text, to the byte.
//!
//! This is the text the BEIR benchmarks search and the one their published
//! figures are measured on; answers of question sets are positions in it. So
//! nothing is collapsed, and the blocks only mark the title and paragraphs.

use engine::{Block, BlockKind, Span};

use super::ParsedText;

/// Joins title and text.
pub(super) fn read(title: &str, text: &str) -> ParsedText {
    let mut blocks = Vec::new();
    let mut joined = String::with_capacity(title.len() + 2 + text.len());
    if !title.is_empty() {
        joined.push_str(title);
        blocks.push(Block {
            kind: BlockKind::Heading { level: 1, anchor: None },
            span: Span::new(0, title.len()),
        });
    }
    if !title.is_empty() && !text.is_empty() {
        joined.push_str("\n\n");
    }
    let mut at = joined.len();
    joined.push_str(text);
    for paragraph in text.split("\n\n") {
        let start = at + (paragraph.len() - paragraph.trim_start().len());
        let end = at + paragraph.trim_end().len();
        if start < end {
            blocks.push(Block { kind: BlockKind::Paragraph, span: Span::new(start, end) });
        }
        at += paragraph.len() + 2;
    }
    let fields = std::collections::BTreeMap::new();
    ParsedText { title: title.to_owned(), text: joined, blocks, fields }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_paragraphs_are_marked_and_nothing_changes() {
        let parsed = read("A  title", " one\ntwo \n\n\n\nthree");
        assert_eq!(parsed.text, "A  title\n\n one\ntwo \n\n\n\nthree");
        let parts: Vec<_> =
            parsed.blocks.iter().map(|block| block.span.slice(&parsed.text).unwrap()).collect();
        assert_eq!(parts, ["A  title", "one\ntwo", "three"]);
        assert_eq!(read("", "x").text, "x");
        assert_eq!(read("t", "").text, "t");
    }
}
