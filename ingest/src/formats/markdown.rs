//! Reads Markdown: CommonMark with tables, footnotes, task lists and
//! strikethrough, HTML blocks, and front matter.
//!
//! Also reads the Markdown of Rust's documentation comments, where links need
//! no target, `# ` hides a line of an example, and headings stand below the
//! item they document.

use engine::FieldValue;
use pulldown_cmark::{BrokenLink, CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};

use super::canonical::{CanonicalText, Inline};
use super::{ParsedText, front_matter, html};
use crate::source::SkipReason;

/// Where Markdown stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// A file of its own.
    File,
    /// A documentation comment; its headings are put `below` levels deeper.
    DocComment {
        /// Level of the heading it stands under.
        below: u8,
    },
}

/// Reads a Markdown file. The title is that of the front matter, else the first
/// heading of level 1, else the heading that opens the file. A title only the
/// front matter knows becomes the first line, as site generators show it.
///
/// # Errors
/// [`SkipReason::Broken`] for broken front matter; HTML blocks beyond the
/// budget of a page.
pub(super) fn read(source: &str) -> Result<ParsedText, SkipReason> {
    let (fields, body) = front_matter::split(source)?;
    let stated = match fields.get("title") {
        Some(FieldValue::Text(title)) if !title.trim().is_empty() => Some(title.trim().to_owned()),
        _ => None,
    };
    let mut out = CanonicalText::default();
    if let Some(title) = &stated
        && !has_title(body)
    {
        out.heading(1, None, title);
    }
    append(body, Flavour::File, &mut out)?;
    if out.first_heading(1).is_none() {
        out.promote_opening_heading();
    }
    let shown = out.first_heading(1).map(str::to_owned);
    let mut parsed = ParsedText::new(stated.or(shown).unwrap_or_default(), out);
    parsed.fields = fields;
    Ok(parsed)
}

/// Adds Markdown to `out`.
///
/// # Errors
/// [`SkipReason::TooDeep`], [`SkipReason::TooManyParts`] from HTML blocks.
pub(super) fn append(
    source: &str,
    flavour: Flavour,
    out: &mut CanonicalText,
) -> Result<(), SkipReason> {
    let mut writer = Writer {
        out,
        flavour,
        inline: Inline::default(),
        verbatim: None,
        lists: Vec::new(),
        marker: None,
        row: Vec::new(),
        rows: Vec::new(),
        in_cell: false,
        images: 0,
        anchor: None,
    };
    // In a documentation comment `[Vec]` links to the type of that name: no
    // target is given and none is missing.
    let resolve =
        |link: BrokenLink<'_>| Some((CowStr::from(link.reference.to_string()), "".into()));
    match flavour {
        Flavour::File => writer.events(Parser::new_ext(source, options()))?,
        Flavour::DocComment { .. } => {
            let parser = Parser::new_with_broken_link_callback(source, options(), Some(resolve));
            writer.events(parser)?;
        }
    }
    writer.flush();
    Ok(())
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
}

fn has_title(body: &str) -> bool {
    Parser::new_ext(body, options()).any(|event| {
        matches!(event, Event::Start(Tag::Heading { level: pulldown_cmark::HeadingLevel::H1, .. }))
    })
}

/// Text that is collected as it stands.
#[derive(Debug)]
enum Verbatim {
    Code { language: Option<String>, text: String },
    Html(String),
}

struct Writer<'a> {
    out: &'a mut CanonicalText,
    flavour: Flavour,
    inline: Inline,
    verbatim: Option<Verbatim>,
    /// The lists that are open, with the next number of numbered ones.
    lists: Vec<Option<u64>>,
    marker: Option<String>,
    row: Vec<String>,
    rows: Vec<Vec<String>>,
    in_cell: bool,
    images: usize,
    /// Of the heading the walk is in, where it states one.
    anchor: Option<String>,
}

impl Writer<'_> {
    fn events<'e>(&mut self, events: impl Iterator<Item = Event<'e>>) -> Result<(), SkipReason> {
        for event in events {
            match event {
                Event::Start(tag) => self.start(tag),
                Event::End(tag) => self.end(tag)?,
                Event::Text(text) => self.text(&text),
                Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                    self.text(&text);
                }
                Event::Html(html) => match &mut self.verbatim {
                    Some(Verbatim::Html(block)) => block.push_str(&html),
                    Some(Verbatim::Code { .. }) | None => {}
                },
                Event::InlineHtml(tag) => self.inline_html(&tag),
                Event::FootnoteReference(name) => self.text(&format!("[{name}]")),
                Event::SoftBreak => self.inline.space(),
                Event::HardBreak if self.in_cell => self.inline.space(),
                Event::HardBreak => self.inline.line_break(),
                Event::Rule => self.flush(),
                Event::TaskListMarker(done) => self.text(if done { "[x] " } else { "[ ] " }),
            }
        }
        Ok(())
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => language(&info, self.flavour),
                    CodeBlockKind::Indented => None,
                };
                self.verbatim = Some(Verbatim::Code { language, text: String::new() });
            }
            Tag::HtmlBlock => {
                self.flush();
                self.verbatim = Some(Verbatim::Html(String::new()));
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush();
                self.marker = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let marker = format!("{number}. ");
                        *number = number.saturating_add(1);
                        marker
                    }
                    Some(None) | None => "- ".to_owned(),
                });
            }
            Tag::FootnoteDefinition(name) => {
                self.flush();
                self.text(&format!("[{name}]: "));
            }
            Tag::TableCell => self.in_cell = true,
            Tag::Image { .. } => self.images += 1,
            Tag::Heading { id, .. } => {
                self.flush();
                self.marker = None;
                self.anchor = id.map(String::from);
            }
            Tag::Table(_) | Tag::BlockQuote(_) => self.flush(),
            // The blocks before these have ended; what stands in the buffer is
            // the label of a footnote, which their text follows.
            Tag::Paragraph
            | Tag::TableHead
            | Tag::TableRow
            | Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::Link { .. }
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) -> Result<(), SkipReason> {
        match tag {
            TagEnd::Heading(level) => {
                let below = match self.flavour {
                    Flavour::File => 0,
                    Flavour::DocComment { below } => below,
                };
                let text = self.inline.take();
                self.out.heading(below + level as u8, self.anchor.take(), &text);
            }
            TagEnd::CodeBlock | TagEnd::HtmlBlock => match self.verbatim.take() {
                Some(Verbatim::Code { language, text }) => self.code(language, &text),
                Some(Verbatim::Html(html)) => html::append_fragment(&html, self.out)?,
                None => {}
            },
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::Item => {
                self.flush();
                self.marker = None;
            }
            TagEnd::TableCell => {
                self.in_cell = false;
                self.row.push(self.inline.take());
            }
            TagEnd::TableHead | TagEnd::TableRow => self.rows.push(std::mem::take(&mut self.row)),
            TagEnd::Table => self.out.table(&std::mem::take(&mut self.rows)),
            TagEnd::Image => self.images = self.images.saturating_sub(1),
            TagEnd::Paragraph | TagEnd::BlockQuote(_) | TagEnd::FootnoteDefinition => self.flush(),
            TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::Link
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::MetadataBlock(_) => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        match &mut self.verbatim {
            Some(Verbatim::Code { text: code, .. }) => code.push_str(text),
            Some(Verbatim::Html(html)) => html.push_str(text),
            None if self.images == 0 => self.inline.push(text),
            None => {}
        }
    }

    /// Tags between words show nothing; the words are events of their own.
    fn inline_html(&mut self, tag: &str) {
        let name = tag.trim_start_matches('<').trim_end_matches(['>', '/', ' ']);
        if name.eq_ignore_ascii_case("br") {
            if self.in_cell { self.inline.space() } else { self.inline.line_break() }
        }
    }

    fn code(&mut self, language: Option<String>, text: &str) {
        let hides_lines = self.flavour != Flavour::File && language.as_deref() == Some("rust");
        if hides_lines {
            let shown: Vec<&str> = text
                .lines()
                .filter(|line| {
                    let line = line.trim_start();
                    line != "#" && !line.starts_with("# ")
                })
                .collect();
            self.out.code(language, &shown.join("\n"));
        } else {
            self.out.code(language, text);
        }
    }

    fn flush(&mut self) {
        let text = self.inline.take();
        if text.is_empty() {
            return;
        }
        match self.marker.take() {
            Some(marker) => self.out.list_item(self.lists.len().saturating_sub(1), &marker, &text),
            None => self.out.paragraph(&text),
        }
    }
}

/// The first word of a fence's info string. In documentation comments an
/// example is Rust unless it says otherwise, and `should_panic` and its like
/// are attributes, not languages.
fn language(info: &str, flavour: Flavour) -> Option<String> {
    let first = info.split([',', ' ', '{', '\t']).map(str::trim).find(|word| !word.is_empty());
    match (flavour, first) {
        (Flavour::DocComment { .. }, None) => Some("rust".to_owned()),
        (Flavour::DocComment { .. }, Some(word)) if is_test_attribute(word) => {
            Some("rust".to_owned())
        }
        (_, first) => first.map(str::to_owned),
    }
}

fn is_test_attribute(word: &str) -> bool {
    matches!(
        word,
        "ignore" | "no_run" | "should_panic" | "compile_fail" | "test_harness" | "standalone_crate"
    ) || word.starts_with("ignore-")
        || word.starts_with("edition20")
        || (word.len() == 5
            && word.starts_with('E')
            && word[1..].bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, title: &str, text: &str) {
        let parsed = read(source).unwrap();
        assert_eq!((parsed.title.as_str(), parsed.text.as_str()), (title, text));
    }

    #[test]
    fn blocks_follow_the_rules_of_canonical_text() {
        check(
            "# The `Title` {#top}\n\nOne\ntwo **three** [link](x).  \nNext line.\n\n\
             - a\n  - b\n- [x] c\n\n  more\n\n3. d\n4. e\n\n```rust,no_run\nfn f() {}\n\n# shown\n```\n\n\
             | K | V |\n|---|---|\n| `a` | b\\|c |\n\n> quoted\n\nEnd[^n].\n\n[^n]: Note.\n",
            "The Title",
            "The Title\n\nOne two three link.\nNext line.\n\n- a\n  - b\n- [x] c\n\nmore\n\n\
             3. d\n4. e\n\nfn f() {}\n\n# shown\n\nK | V\na | b|c\n\nquoted\n\nEnd[n].\n\n[n]: Note.",
        );
    }

    #[test]
    fn html_inside_is_read_and_pictures_are_not() {
        check(
            "<p align=\"center\">Hello<br>world <img alt=\"badge\"></p>\n\n\
             ![Build status](x.svg) Press <kbd>Ctrl</kbd>.<br/>Now.\n\n<!-- note -->\n",
            "",
            "Hello\nworld\n\nPress Ctrl.\nNow.",
        );
    }

    #[test]
    fn a_title_only_the_front_matter_knows_becomes_the_first_line() {
        check("---\ntitle: T\n---\nText.", "T", "T\n\nText.");
        check("---\ntitle: T\n---\n# H\n\nText.", "T", "H\n\nText.");
        check("## Opens\n\nText.", "Opens", "Opens\n\nText.");
    }

    #[test]
    fn documentation_comments_hide_lines_and_link_without_targets() {
        let mut out = CanonicalText::default();
        let source = "See [`Vec`] and [x][y].\n\n# Examples\n\n```\n# use a::b;\nb();\n#\n```\n";
        append(source, Flavour::DocComment { below: 2 }, &mut out).unwrap();
        let (text, blocks) = out.finish();
        assert_eq!(text, "See Vec and x.\n\nExamples\n\nb();");
        assert!(matches!(blocks[1].kind, engine::BlockKind::Heading { level: 3, .. }));
        let rust = Some("rust".to_owned());
        assert_eq!(blocks[2].kind, engine::BlockKind::Code { language: rust });
    }
}
