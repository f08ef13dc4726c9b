//! Builds a canonical text and the blocks over it.
//!
//! Every format ends here, so the rules listed in [`crate::formats`] are
//! written once: separators, markers, white space. A reader collects the text
//! of one block in an [`Inline`] and then names what the block is. Spans are
//! taken while the text grows; nothing is searched for afterwards.

use engine::{Block, BlockKind, Span};

/// Running text with white space collapsed while it is collected.
///
/// A run of white space becomes one blank; blanks at either end and around a
/// hard line break are dropped; invisible characters do not get in.
#[derive(Debug, Default)]
pub(crate) struct Inline {
    text: String,
    gap: bool,
}

impl Inline {
    /// Adds `raw`; white space at its ends joins with what comes before and after.
    pub(crate) fn push(&mut self, raw: &str) {
        for c in raw.chars() {
            if c.is_whitespace() {
                self.gap = true;
            } else if !is_invisible(c) {
                if self.gap && !self.text.is_empty() && !self.text.ends_with('\n') {
                    self.text.push(' ');
                }
                self.gap = false;
                self.text.push(c);
            }
        }
    }

    /// Separates what comes next by a blank.
    pub(crate) fn space(&mut self) {
        self.gap = true;
    }

    /// Starts a new line inside the block, unless nothing stands before it.
    pub(crate) fn line_break(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.gap = false;
    }

    /// What was collected; the buffer is empty afterwards.
    pub(crate) fn take(&mut self) -> String {
        self.gap = false;
        let mut text = std::mem::take(&mut self.text);
        text.truncate(text.trim_end().len());
        text
    }
}

/// Characters that take part in no word and show nothing: controls, zero-width
/// blanks, soft hyphens. Left in, they split words for the index and make quotes
/// unfindable. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}' | '\u{2060}' | '\u{FEFF}') || c.is_control()
}

/// `raw` on one line, white space collapsed.
pub(crate) fn collapse(raw: &str) -> String {
    let mut inline = Inline::default();
    inline.push(raw);
    inline.take()
}

/// How much of a canonical text there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    bytes: usize,
    blocks: usize,
}

/// A canonical text under construction.
#[derive(Debug, Default)]
pub(crate) struct CanonicalText {
    text: String,
    blocks: Vec<Block>,
}

impl CanonicalText {
    /// A heading on a line of its own. `level` is clamped to 1..=6.
    pub(crate) fn heading(&mut self, level: u8, anchor: Option<String>, text: &str) {
        self.append(BlockKind::Heading { level: level.clamp(1, 6), anchor }, &collapse(text));
    }

    /// A paragraph; line breaks inside it stay.
    pub(crate) fn paragraph(&mut self, text: &str) {
        self.append(BlockKind::Paragraph, text);
    }

    /// A list item; `depth` is 0 for an outermost list, `marker` ends in a blank.
    pub(crate) fn list_item(&mut self, depth: usize, marker: &str, text: &str) {
        // Deeper nesting says nothing more to a reader, and indentation that
        // grows with it would let a small file make a large text.
        const MAX_INDENT: usize = 8;
        let indent = "  ".repeat(depth.min(MAX_INDENT));
        self.append(BlockKind::ListItem, &format!("{indent}{marker}{text}"));
    }

    /// Preformatted text: kept but for line ends, controls, and blank lines at
    /// the ends.
    pub(crate) fn code(&mut self, language: Option<String>, raw: &str) {
        let clean: String = raw
            .replace("\r\n", "\n")
            .chars()
            .map(|c| if c == '\r' { '\n' } else { c })
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
            .collect();
        let body = clean.trim_end();
        let start = body.len() - body.trim_start().len();
        let first_line = body[..start].rfind('\n').map_or(0, |at| at + 1);
        self.append(BlockKind::Code { language }, &body[first_line..]);
    }

    /// A table, one row a line, cells apart by ` | `. Rows without text are left out.
    pub(crate) fn table(&mut self, rows: &[Vec<String>]) {
        let lines: Vec<String> = rows
            .iter()
            .filter(|cells| cells.iter().any(|cell| !cell.is_empty()))
            .map(|cells| collapse(&cells.join(" | ")))
            .collect();
        self.append(BlockKind::Table, &lines.join("\n"));
    }

    /// The text of the first heading of `level`.
    pub(crate) fn first_heading(&self, level: u8) -> Option<&str> {
        let block = self.blocks.iter().find(
            |block| matches!(block.kind, BlockKind::Heading { level: l, .. } if l == level),
        )?;
        block.span.slice(&self.text)
    }

    /// Makes the heading that opens the text the document's title, so that
    /// level 1 means the same in every format.
    pub(crate) fn promote_opening_heading(&mut self) {
        if let Some(Block { kind: BlockKind::Heading { level, .. }, .. }) = self.blocks.first_mut()
        {
            *level = 1;
        }
    }

    /// A state to come back to with [`CanonicalText::rewind`].
    pub(crate) fn mark(&self) -> Mark {
        Mark { bytes: self.text.len(), blocks: self.blocks.len() }
    }

    /// Takes back all that was added since `mark`.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.text.truncate(mark.bytes);
        self.blocks.truncate(mark.blocks);
    }

    /// The text and its blocks, in order and disjoint.
    pub(crate) fn finish(self) -> (String, Vec<Block>) {
        (self.text, self.blocks)
    }

    fn append(&mut self, kind: BlockKind, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        if let Some(last) = self.blocks.last() {
            let one_list = last.kind == BlockKind::ListItem && kind == BlockKind::ListItem;
            self.text.push_str(if one_list { "\n" } else { "\n\n" });
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.blocks.push(Block { kind, span: Span::new(start, self.text.len()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_collapses_across_pushes() {
        let mut inline = Inline::default();
        for part in ["  one\n", " two\u{a0}", "\u{200b}three", "\t"] {
            inline.push(part);
        }
        assert_eq!(inline.take(), "one two three");
        assert_eq!(inline.take(), "");
    }

    #[test]
    fn a_line_break_swallows_the_blanks_around_it() {
        let mut inline = Inline::default();
        inline.line_break();
        inline.push("one ");
        inline.line_break();
        inline.line_break();
        inline.push(" two");
        inline.line_break();
        assert_eq!(inline.take(), "one\ntwo");
    }

    #[test]
    fn blocks_are_separated_by_kind_and_spans_hit_them() {
        let mut canonical = CanonicalText::default();
        canonical.heading(1, Some("top".to_owned()), "Title");
        canonical.list_item(0, "- ", "a");
        canonical.list_item(1, "- ", "b");
        canonical.code(None, "\n\n  x = 1;\r\n\ty\n\n");
        canonical.table(&[vec!["k".into(), "v".into()], vec![String::new(), String::new()]]);
        canonical.paragraph("  ");
        let (text, blocks) = canonical.finish();
        assert_eq!(text, "Title\n\n- a\n  - b\n\n  x = 1;\n\ty\n\nk | v");
        let parts: Vec<_> = blocks.iter().map(|block| block.span.slice(&text).unwrap()).collect();
        assert_eq!(parts, ["Title", "- a", "  - b", "  x = 1;\n\ty", "k | v"]);
    }
}
