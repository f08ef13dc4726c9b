//! The documentation of a Rust file: its prose, its items, their signatures.
//!
//! An item is shown when it is `pub` or documented; a body never is. Code for
//! tests is left out. Names are not resolved and macros not expanded: this is a
//! reader of text, and it reads code that need not compile.

use super::lexer::{Token, TokenKind, tokens};
use crate::formats::canonical::{CanonicalText, collapse};
use crate::formats::markdown::{self, Flavour};
use crate::source::SkipReason;

/// Modules, traits and implementations nested deeper are passed over.
const MAX_NESTING: u8 = 16;

/// Level of the headings of a file's own items; its title would be level 1.
const TOP_LEVEL: u8 = 2;

/// Adds what the file documents.
///
/// # Errors
/// Those of HTML inside the documentation.
pub(super) fn append(source: &str, out: &mut CanonicalText) -> Result<(), SkipReason> {
    let tokens = tokens(source);
    let mut reader = Reader { source, tokens: &tokens, at: 0, out };
    let file = Container { kind: ContainerKind::Module, level: TOP_LEVEL - 1, nesting: 0 };
    while reader.at < tokens.len() {
        reader.items(file)?;
        // A closing brace too many.
        reader.at += 1;
    }
    Ok(())
}

/// What items stand in.
#[derive(Clone, Copy, Debug)]
struct Container {
    kind: ContainerKind,
    /// Level of its heading.
    level: u8,
    nesting: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContainerKind {
    Module,
    Trait,
    Inherent,
    /// The items of `impl Trait for Type` are documented at the trait.
    TraitImpl,
}

/// What stands before an item.
#[derive(Debug, Default)]
struct Preface {
    docs: Vec<String>,
    /// For tests, or hidden from documentation.
    left_out: bool,
    exported_macro: bool,
}

/// An item up to its body.
#[derive(Debug)]
struct Header<'a> {
    keyword: &'a str,
    name: &'a str,
    signature: String,
    public: bool,
}

struct Reader<'a, 'o> {
    source: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
    out: &'o mut CanonicalText,
}

impl<'a> Reader<'a, '_> {
    /// Reads items up to the brace that closes their container.
    fn items(&mut self, container: Container) -> Result<(), SkipReason> {
        self.inner_docs(container.level)?;
        while let Some(token) = self.peek() {
            if token.is('}') {
                break;
            }
            let preface = self.preface();
            let Some(header) = self.header() else {
                self.skip_tree();
                continue;
            };
            self.item(container, &preface, &header)?;
        }
        Ok(())
    }

    fn item(
        &mut self,
        container: Container,
        preface: &Preface,
        header: &Header<'a>,
    ) -> Result<(), SkipReason> {
        let shown = !preface.left_out
            && container.nesting < MAX_NESTING
            && match (header.keyword, container.kind) {
                ("macro_rules", _) => preface.exported_macro || !preface.docs.is_empty(),
                ("mod", _) => self.peek().is_some_and(|t| t.is('{')) || !preface.docs.is_empty(),
                ("impl", _) | (_, ContainerKind::Trait) => true,
                (_, ContainerKind::TraitImpl) => !preface.docs.is_empty(),
                (_, ContainerKind::Module | ContainerKind::Inherent) => {
                    header.public || !preface.docs.is_empty()
                }
            };
        if !shown {
            self.skip_body();
            return Ok(());
        }
        let level = (container.level + 1).min(6);
        let below =
            Container { kind: ContainerKind::Module, level, nesting: container.nesting + 1 };
        match header.keyword {
            "mod" => self.scope(below, preface, header),
            "trait" => {
                self.scope(Container { kind: ContainerKind::Trait, ..below }, preface, header)
            }
            "impl" => {
                let kind = if header.signature.contains(" for ") {
                    ContainerKind::TraitImpl
                } else {
                    ContainerKind::Inherent
                };
                self.scope(Container { kind, ..below }, preface, header)
            }
            _ => {
                self.describe(level, preface, header)?;
                if matches!(header.keyword, "struct" | "enum" | "union")
                    && self.peek().is_some_and(|token| token.is('{'))
                {
                    self.members(header, level)?;
                } else {
                    self.skip_body();
                }
                Ok(())
            }
        }
    }

    /// A module, trait or implementation: its heading is written only if
    /// something stands below it.
    fn scope(
        &mut self,
        container: Container,
        preface: &Preface,
        header: &Header<'a>,
    ) -> Result<(), SkipReason> {
        let before = self.out.mark();
        self.describe(container.level, preface, header)?;
        let described = self.out.mark();
        if self.peek().is_some_and(|token| token.is('{')) {
            self.at += 1;
            self.items(container)?;
            self.at += 1;
        } else {
            self.skip_body();
        }
        let empty = self.out.mark() == described && preface.docs.is_empty();
        if empty && matches!(header.keyword, "mod" | "impl") {
            self.out.rewind(before);
        }
        Ok(())
    }

    fn describe(
        &mut self,
        level: u8,
        preface: &Preface,
        header: &Header<'a>,
    ) -> Result<(), SkipReason> {
        let heading = match header.keyword {
            "impl" => collapse(&header.signature),
            "macro_rules" => format!("macro {}!", header.name),
            keyword => format!("{keyword} {}", header.name),
        };
        self.out.heading(level, None, &heading);
        if !matches!(header.keyword, "impl" | "macro_rules" | "mod") {
            self.out.code(Some("rust".to_owned()), &header.signature);
        }
        self.docs(&preface.docs, level)
    }

    fn docs(&mut self, docs: &[String], level: u8) -> Result<(), SkipReason> {
        markdown::append(&docs.join("\n"), Flavour::DocComment { below: level }, self.out)
    }

    fn inner_docs(&mut self, level: u8) -> Result<(), SkipReason> {
        let mut docs = Vec::new();
        loop {
            match self.peek() {
                Some(token) if token.kind == TokenKind::InnerDoc => {
                    docs.push(doc_text(token.text));
                    self.at += 1;
                }
                Some(token) if token.is('#') && self.nth(1).is_some_and(|t| t.is('!')) => {
                    self.at += 2;
                    self.skip_tree();
                }
                _ => break,
            }
        }
        self.docs(&docs, level)
    }

    fn preface(&mut self) -> Preface {
        let mut preface = Preface::default();
        while let Some(token) = self.peek() {
            if token.kind == TokenKind::OuterDoc {
                preface.docs.push(doc_text(token.text));
                self.at += 1;
            } else if token.kind == TokenKind::InnerDoc {
                self.at += 1;
            } else if token.is('#') {
                self.at += 1;
                if self.peek().is_some_and(|t| t.is('!')) {
                    self.at += 1;
                }
                let from = token.start;
                self.skip_tree();
                let end = self.tokens[..self.at].last().map_or(from, |t| t.end);
                let attribute: String =
                    self.source[from..end].chars().filter(|c| !c.is_whitespace()).collect();
                preface.left_out |= attribute.contains("cfg(test")
                    || attribute.contains("cfg(all(test")
                    || matches!(attribute.as_str(), "#[test]" | "#[bench]" | "#[doc(hidden)]");
                preface.exported_macro |= attribute.starts_with("#[macro_export");
            } else {
                break;
            }
        }
        preface
    }

    /// The header of an item; the reader stands at its body or past its `;`.
    /// `None`, with the reader unmoved, for what is no item.
    fn header(&mut self) -> Option<Header<'a>> {
        let start = self.at;
        let mut at = start;
        // `pub(crate)` is not public: its documentation is shown, its absence is not.
        let public = self.token(at)?.is_word("pub") && !self.token(at + 1)?.is('(');
        let keyword = loop {
            let token = self.token(at)?;
            let next = self.token(at + 1);
            match token.text {
                _ if token.kind == TokenKind::Literal => at += 1, // The ABI of `extern "C"`.
                "pub" => {
                    at += 1;
                    if next.is_some_and(|t| t.is('(')) {
                        at = self.tree_end(at);
                    }
                }
                "unsafe" | "async" | "default" | "extern" | "safe" | "auto" => at += 1,
                "const"
                    if next.is_some_and(|t| {
                        matches!(t.text, "fn" | "unsafe" | "async" | "extern" | "trait" | "impl")
                    }) =>
                {
                    at += 1;
                }
                "fn" | "struct" | "enum" | "union" | "trait" | "impl" | "mod" | "const"
                | "static" | "type" | "macro_rules" => break token.text,
                _ => return None,
            }
        };
        let named =
            at + if keyword == "macro_rules" || self.token(at + 1)?.is_word("mut") { 2 } else { 1 };
        let name =
            self.token(named).filter(|t| keyword == "impl" || t.kind == TokenKind::Word)?.text;
        let mut end = at + 1;
        while let Some(token) = self.token(end) {
            let value = token.is('=') && matches!(keyword, "const" | "static");
            if token.is('{') || token.is('}') || token.is(';') || value {
                break;
            }
            end = self.tree_end(end);
        }
        let from = self.token(start)?.start;
        let to = self.tokens[..end].last()?.end.max(from);
        self.at = end;
        Some(Header { keyword, name, signature: dedent(&self.source[from..to]), public })
    }

    /// Fields and variants, each as a list item with its documentation.
    fn members(&mut self, header: &Header<'a>, level: u8) -> Result<(), SkipReason> {
        let close = self.tree_end(self.at).saturating_sub(1);
        self.at += 1;
        while self.at < close {
            let preface = self.preface();
            let start = self.at;
            while self.at < close && !self.tokens[self.at].is(',') {
                self.at = self.tree_end(self.at).min(close);
            }
            let public = header.keyword == "enum"
                || self.tokens.get(start).is_some_and(|token| token.is_word("pub"));
            if start < self.at && !preface.left_out && (public || !preface.docs.is_empty()) {
                let declaration =
                    &self.source[self.tokens[start].start..self.tokens[self.at - 1].end];
                self.out.list_item(0, "- ", &collapse(&without_docs(declaration)));
                self.docs(&preface.docs, level)?;
            }
            self.at += 1;
        }
        self.at = close + 1;
        Ok(())
    }

    /// Passes over what follows a header: a body, a value, a `;`.
    fn skip_body(&mut self) {
        while let Some(token) = self.peek() {
            if token.is('}') {
                return;
            }
            let ends = token.is('{') || token.is(';');
            self.skip_tree();
            if ends {
                return;
            }
        }
    }

    /// Passes over a token, with all inside it when it opens brackets.
    fn skip_tree(&mut self) {
        self.at = self.tree_end(self.at);
    }

    fn tree_end(&self, from: usize) -> usize {
        let mut depth = 0usize;
        let mut at = from;
        while let Some(token) = self.token(at) {
            if token.is('{') || token.is('(') || token.is('[') {
                depth += 1;
            } else if token.is('}') || token.is(')') || token.is(']') {
                depth = depth.saturating_sub(1);
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
        at
    }

    fn peek(&self) -> Option<&'a Token<'a>> {
        self.token(self.at)
    }

    fn nth(&self, ahead: usize) -> Option<&'a Token<'a>> {
        self.token(self.at + ahead)
    }

    fn token(&self, at: usize) -> Option<&'a Token<'a>> {
        self.tokens.get(at)
    }
}

/// A comment's Markdown: for `/** */`, without the stars that lines begin with.
fn doc_text(comment: &str) -> String {
    if !comment.contains('\n') {
        return comment.strip_prefix(' ').unwrap_or(comment).to_owned();
    }
    let lines: Vec<&str> = comment
        .lines()
        .map(|line| {
            let trimmed = line.trim_start();
            trimmed.strip_prefix("* ").or(trimmed.strip_prefix('*')).unwrap_or(trimmed)
        })
        .collect();
    lines.join("\n")
}

/// Documentation inside a declaration, such as that of a variant's fields.
fn without_docs(declaration: &str) -> String {
    let lines: Vec<&str> =
        declaration.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    lines.join("\n")
}

/// A signature whose later lines are no deeper than they stand in the source.
fn dedent(signature: &str) -> String {
    let indent = signature
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let lines: Vec<&str> = signature
        .lines()
        .enumerate()
        .map(|(at, line)| if at == 0 { line } else { line.get(indent..).unwrap_or("") })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        let mut out = CanonicalText::default();
        append(source, &mut out).unwrap();
        assert_eq!(out.finish().0, expected);
    }

    #[test]
    fn items_signatures_and_prose() {
        check(
            r#"
//! Cuts *things*.
//!
//! # Use
//! With care.
#![allow(dead_code)]

use std::fmt;

/// A thing.
///
/// ```
/// # use x;
/// Thing::new();
/// ```
#[derive(Debug)]
pub struct Thing<T>
where
    T: Clone,
{
    /// How large, in [`Bytes`].
    pub size: usize,
    hidden: Vec<T>,
}

impl<T: Clone> Thing<T> {
    /// Makes one.
    pub fn new(
        size: usize,
    ) -> Self { loop { let s = "}"; } }

    fn private(&self) {}
}

impl<T: Clone> fmt::Debug for Thing<T> {
    fn fmt(&self) {}
}

pub enum Kind { /** Big.
     * Very. */ Large { x: u8 }, Small(u8), }

/// Most.
pub(crate) const LIMIT: usize = { 3 };
pub(crate) const INNER: usize = 4;
static SILENT: u8 = 1;

/// Splits.
pub trait Split { type Out; fn split(&self) -> Self::Out; }

#[macro_export]
macro_rules! cut { ($x:expr) => {{ $x }}; }

#[cfg(test)]
mod tests { pub fn no() {} }

mod inner { pub async unsafe extern "C" fn deep() {} }
mod empty { fn x() {} }
pub type Short = Vec<u8>;
"#,
            "Cuts things.\n\nUse\n\nWith care.\n\n\
struct Thing\n\npub struct Thing<T>\nwhere\n    T: Clone,\n\nA thing.\n\nThing::new();\n\n\
- pub size: usize\n\nHow large, in Bytes.\n\n\
impl<T: Clone> Thing<T>\n\nfn new\n\npub fn new(\n    size: usize,\n) -> Self\n\nMakes one.\n\n\
enum Kind\n\npub enum Kind\n\n- Large { x: u8 }\n\nBig. Very.\n\n- Small(u8)\n\n\
const LIMIT\n\npub(crate) const LIMIT: usize\n\nMost.\n\n\
trait Split\n\npub trait Split\n\nSplits.\n\ntype Out\n\ntype Out\n\nfn split\n\nfn split(&self) -> Self::Out\n\n\
macro cut!\n\n\
mod inner\n\nfn deep\n\npub async unsafe extern \"C\" fn deep()\n\n\
type Short\n\npub type Short = Vec<u8>",
        );
    }

    #[test]
    fn broken_source_is_read_as_far_as_it_goes() {
        for source in [
            "}}} pub fn a() {",
            "pub",
            "pub(",
            "pub fn",
            "impl {",
            "struct S { a",
            "#",
            "#[",
            "///",
            "macro_rules!",
        ] {
            append(source, &mut CanonicalText::default()).unwrap();
        }
        check("} /// Doc\npub fn a() {}", "fn a\n\npub fn a()\n\nDoc");
        let deep = "mod a {".repeat(10_000);
        append(&deep, &mut CanonicalText::default()).unwrap();
    }
}
