//! The paragraphs and tables of a document part, as blocks.

use quick_xml::events::BytesStart;

use super::styles::{Numbering, Role, Styles};
use super::{Xml, XmlPart, attribute};
use crate::formats::canonical::{CanonicalText, Inline, collapse};
use crate::source::SkipReason;

/// Deepest nesting of paragraphs in text boxes; what lies deeper is left out.
const MAX_PARAGRAPH_DEPTH: usize = 16;

/// Adds the blocks of a part.
///
/// # Errors
/// [`SkipReason::Broken`] for XML that is not well formed.
pub(super) fn append(
    xml: &str,
    styles: &Styles,
    numbering: Numbering,
    out: &mut CanonicalText,
) -> Result<(), SkipReason> {
    let mut writer = Writer {
        out,
        styles,
        numbering,
        paragraphs: Vec::new(),
        tables: Vec::new(),
        code: String::new(),
        in_text: false,
        left_out: 0,
        hidden: false,
    };
    let mut part = XmlPart::new(xml);
    while let Some(step) = part.next()? {
        match step {
            Xml::Open(tag) if writer.left_out > 0 || is_left_out(tag.local_name().as_ref()) => {
                writer.left_out += 1;
            }
            Xml::Open(tag) => writer.open(&tag),
            Xml::Close(_) if writer.left_out > 0 => writer.left_out -= 1,
            Xml::Close(tag) => writer.close(tag.local_name().as_ref()),
            Xml::Text(text) => writer.text(&text),
        }
    }
    writer.flush_code();
    Ok(())
}

/// Older drawings of what stands beside them, deleted and moved text, separators
/// of footnotes.
fn is_left_out(name: &str) -> bool {
    matches!(name, "Fallback" | "del" | "moveFrom" | "separator" | "continuationSeparator")
}

#[derive(Debug, Default)]
struct Paragraph {
    text: Inline,
    /// The text with its white space, should this turn out to be code.
    raw: String,
    style: String,
    list: Option<(String, usize)>,
    outline_level: Option<u8>,
}

struct Writer<'a> {
    out: &'a mut CanonicalText,
    styles: &'a Styles,
    numbering: Numbering,
    /// Paragraphs that are open: a text box stands inside one.
    paragraphs: Vec<Paragraph>,
    /// Tables that are open, as rows of cells.
    tables: Vec<Vec<Vec<String>>>,
    /// Code paragraphs that follow each other are one block.
    code: String,
    in_text: bool,
    /// How many elements are open inside one that is left out.
    left_out: usize,
    /// Whether the run is formatted as hidden.
    hidden: bool,
}

impl Writer<'_> {
    fn open(&mut self, tag: &BytesStart<'_>) {
        let value = || attribute(tag, "val");
        match tag.local_name().as_ref() {
            "p" if self.paragraphs.len() < MAX_PARAGRAPH_DEPTH => {
                self.paragraphs.push(Paragraph::default());
            }
            "pStyle" => self.with_paragraph(|p| p.style = value().unwrap_or_default()),
            "numId" => self.with_paragraph(|p| {
                p.list.get_or_insert_default().0 = value().unwrap_or_default();
            }),
            "ilvl" => self.with_paragraph(|p| {
                p.list.get_or_insert_default().1 =
                    value().and_then(|v| v.parse().ok()).unwrap_or(0);
            }),
            "outlineLvl" => {
                self.with_paragraph(|p| p.outline_level = value().and_then(|v| v.parse().ok()));
            }
            "r" => self.hidden = false,
            "vanish" => self.hidden = !matches!(value().as_deref(), Some("0" | "false" | "off")),
            "t" => self.in_text = true,
            "tab" if self.paragraphs.last().is_some_and(|p| !p.raw.is_empty()) => self.push("\t"),
            "br" | "cr" => {
                let page_break = attribute(tag, "type").is_some_and(|kind| kind != "textWrapping");
                if !page_break {
                    self.with_paragraph(|p| {
                        p.text.line_break();
                        p.raw.push('\n');
                    });
                }
            }
            "noBreakHyphen" => self.push("-"),
            "footnoteReference" | "endnoteReference" => {
                if let Some(id) = attribute(tag, "id") {
                    self.push(&format!("[{id}]"));
                }
            }
            "tbl" => {
                self.flush_code();
                self.tables.push(Vec::new());
            }
            "tr" => {
                if let Some(rows) = self.tables.last_mut() {
                    rows.push(Vec::new());
                }
            }
            "tc" => {
                if let Some(row) = self.tables.last_mut().and_then(|rows| rows.last_mut()) {
                    row.push(String::new());
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "p" => self.close_paragraph(),
            "t" => self.in_text = false,
            "tbl" => {
                let Some(rows) = self.tables.pop() else { return };
                match self.tables.last_mut().and_then(|outer| outer.last_mut()?.last_mut()) {
                    Some(cell) => {
                        for text in rows.iter().flatten().filter(|text| !text.is_empty()) {
                            push_word(cell, text);
                        }
                    }
                    None => self.out.table(&rows),
                }
            }
            _ => {}
        }
    }

    fn close_paragraph(&mut self) {
        let Some(mut paragraph) = self.paragraphs.pop() else { return };
        let text = paragraph.text.take();
        if let Some(cell) = self.tables.last_mut().and_then(|rows| rows.last_mut()?.last_mut()) {
            push_word(cell, &collapse(&text));
            return;
        }
        let role = match paragraph.outline_level {
            Some(level @ 0..=5) => Role::Heading(level + 1),
            _ => self.styles.role(&paragraph.style),
        };
        if role == Role::Code {
            self.code.push_str(&paragraph.raw);
            self.code.push('\n');
            return;
        }
        if text.is_empty() {
            return;
        }
        self.flush_code();
        if let Role::Heading(level) = role {
            self.out.heading(level, None, &text);
            return;
        }
        let list = paragraph.list.or_else(|| self.styles.list(&paragraph.style));
        match list.and_then(|(id, depth)| Some((self.numbering.marker(&id, depth)?, depth))) {
            Some((marker, depth)) => self.out.list_item(depth, &marker, &text),
            None => self.out.paragraph(&text),
        }
    }

    fn flush_code(&mut self) {
        let code = std::mem::take(&mut self.code);
        self.out.code(None, &code);
    }

    fn text(&mut self, text: &str) {
        if self.in_text && self.left_out == 0 {
            self.push(text);
        }
    }

    fn push(&mut self, text: &str) {
        if self.hidden {
            return;
        }
        self.with_paragraph(|paragraph| {
            paragraph.text.push(text);
            paragraph.raw.push_str(text);
        });
    }

    fn with_paragraph(&mut self, change: impl FnOnce(&mut Paragraph)) {
        if let Some(paragraph) = self.paragraphs.last_mut() {
            change(paragraph);
        }
    }
}

fn push_word(cell: &mut String, text: &str) {
    if !cell.is_empty() && !text.is_empty() {
        cell.push(' ');
    }
    cell.push_str(text);
}
