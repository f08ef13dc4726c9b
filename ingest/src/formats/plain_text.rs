//! Reads text without markup: paragraphs are what empty lines separate.
//!
//! Indentation carries meaning in logs, listings and ASCII tables, so a
//! paragraph with an indented line after its first, or a tab, is kept as it
//! stands; any other is running text and its line breaks are only layout.

use super::ParsedText;
use super::canonical::{CanonicalText, Inline};

/// Reads a text file. It has no title: the first line of a text is as often a
/// greeting or a licence.
pub(super) fn read(text: &str) -> ParsedText {
    let mut out = CanonicalText::default();
    let lines: Vec<&str> = text.lines().collect();
    for paragraph in lines.split(|line| line.trim().is_empty()) {
        let laid_out = paragraph.iter().skip(1).any(|line| line.starts_with("  "))
            || paragraph.iter().any(|line| line.contains('\t'));
        if laid_out {
            out.code(None, &paragraph.join("\n"));
        } else {
            let mut inline = Inline::default();
            for line in paragraph {
                inline.push(line);
                inline.space();
            }
            out.paragraph(&inline.take());
        }
    }
    ParsedText::new(String::new(), out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_flow_and_layout_stays() {
        let parsed = read("One\r\ntwo  three.\r\n \r\n\nname   value\n  indented\n\n\nLast");
        assert_eq!(parsed.text, "One two three.\n\nname   value\n  indented\n\nLast");
        assert_eq!(parsed.blocks.len(), 3);
    }
}
