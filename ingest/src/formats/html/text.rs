//! Turns the content of a page into canonical text, in one iterative walk.
//!
//! Inline elements add to the running text; block elements end it. What the
//! finished text becomes depends on where the walk is: in a heading, in a list
//! item whose marker is still to be written, in a table cell, or in none of
//! these, which makes a paragraph. Nothing recurses, so depth costs no stack.

use super::content::{self, PageKind};
use super::dom::{Dom, NodeId, Step};
use crate::formats::canonical::{CanonicalText, Inline, collapse};

/// Adds the content below `root` to `out`.
pub(super) fn append(dom: &Dom, root: NodeId, kind: PageKind, out: &mut CanonicalText) {
    let mut writer = Writer {
        dom,
        kind,
        out,
        inline: Inline::default(),
        lists: Vec::new(),
        marker: None,
        terms: Vec::new(),
        flat: None,
    };
    let mut walk = dom.walk(root);
    while let Some(step) = walk.next() {
        match step {
            Step::Enter(id) => {
                if writer.enter(id) == Children::Skip {
                    walk.leave_out(id);
                }
            }
            Step::Leave(id) => writer.leave(id),
        }
    }
    writer.flush();
    writer.flush_terms();
}

/// Whether the walk goes below a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Children {
    Visit,
    Skip,
}

/// A list the walk is in.
#[derive(Debug)]
enum List {
    Bullets,
    Numbers { next: i64 },
    Definitions { shared: bool },
}

/// What stands before the next text of a list.
#[derive(Debug)]
enum Marker {
    Bullet,
    Number(i64),
    Terms(String),
}

/// An element in which block elements only separate words. Inside one, no other
/// is opened, so there is at most one.
#[derive(Debug)]
enum Flat {
    Heading {
        node: NodeId,
        level: u8,
        anchor: Option<String>,
    },
    Term {
        node: NodeId,
    },
    /// An implementation without items, as rustdoc lists them: an entry, not a
    /// section. Trait pages have thousands.
    BareImpl {
        node: NodeId,
    },
    Table {
        node: NodeId,
        rows: Vec<Vec<String>>,
    },
}

impl Flat {
    fn node(&self) -> NodeId {
        match self {
            Self::Heading { node, .. }
            | Self::Term { node }
            | Self::BareImpl { node }
            | Self::Table { node, .. } => *node,
        }
    }
}

struct Writer<'a> {
    dom: &'a Dom,
    kind: PageKind,
    out: &'a mut CanonicalText,
    inline: Inline,
    lists: Vec<List>,
    marker: Option<Marker>,
    /// Definition terms whose description has not come yet.
    terms: Vec<String>,
    flat: Option<Flat>,
}

impl Writer<'_> {
    fn enter(&mut self, id: NodeId) -> Children {
        if let Some(text) = self.dom.text(id) {
            self.inline.push(text);
            return Children::Visit;
        }
        let tag = self.dom.tag(id);
        if tag.is_empty() {
            return Children::Visit;
        }
        if content::is_dropped(self.dom, self.kind, id) {
            if is_block(tag) {
                self.boundary();
            }
            return Children::Skip;
        }
        if self.flat.is_some() {
            return self.enter_flat(id, tag);
        }
        if is_heading(tag) && self.is_bare_impl(id) {
            self.flush();
            self.flat = Some(Flat::BareImpl { node: id });
            return Children::Visit;
        }
        if let Some(level) = self.heading_level(id, tag) {
            self.flush();
            self.marker = None;
            let anchor = self.heading_anchor(id).map(str::to_owned);
            self.flat = Some(Flat::Heading { node: id, level, anchor });
            return Children::Visit;
        }
        match tag {
            "br" => self.inline.line_break(),
            "pre" => {
                self.preformatted(id);
                return Children::Skip;
            }
            "ul" | "menu" => self.open_list(List::Bullets),
            "ol" => self.open_list(List::Numbers { next: self.number(id, "start").unwrap_or(1) }),
            "dl" => {
                let shared = !self.dom.has_class(id, "item-table");
                self.open_list(List::Definitions { shared });
            }
            "li" => self.open_item(id),
            "dt" => self.open_term(id),
            "dd" => self.open_description(),
            "table" if self.is_data_table(id) => {
                self.flush();
                self.flat = Some(Flat::Table { node: id, rows: Vec::new() });
            }
            tag if is_block(tag) => self.flush(),
            _ => {}
        }
        Children::Visit
    }

    fn enter_flat(&mut self, id: NodeId, tag: &str) -> Children {
        match tag {
            "tr" => {
                self.inline.take();
                if let Some(Flat::Table { rows, .. }) = &mut self.flat {
                    rows.push(Vec::new());
                }
            }
            "span" if self.is_breadcrumb_place(id) => self.breadcrumbs(id),
            tag if tag == "br" || tag == "pre" || is_block(tag) => self.inline.space(),
            _ => {}
        }
        Children::Visit
    }

    fn leave(&mut self, id: NodeId) {
        if self.flat.as_ref().is_some_and(|flat| flat.node() == id) {
            self.close_flat();
            return;
        }
        let tag = self.dom.tag(id);
        if self.flat.is_some() {
            if matches!(tag, "td" | "th") {
                self.close_cell();
            } else if is_block(tag) || tag == "pre" {
                self.inline.space();
            }
            return;
        }
        match tag {
            "ul" | "ol" | "menu" | "dl" => {
                self.flush();
                self.flush_terms();
                self.lists.pop();
            }
            "li" | "dd" => {
                self.flush();
                self.marker = None;
            }
            tag if is_block(tag) => self.flush(),
            _ => {}
        }
    }

    /// Ends the running text: as a block, or as a word inside a flat element.
    fn boundary(&mut self) {
        if self.flat.is_some() {
            self.inline.space();
        } else {
            self.flush();
        }
    }

    fn close_flat(&mut self) {
        let text = self.inline.take();
        match self.flat.take() {
            Some(Flat::Heading { level, anchor, .. }) => self.out.heading(level, anchor, &text),
            Some(Flat::Term { .. }) if !text.is_empty() => self.terms.push(text),
            Some(Flat::BareImpl { .. }) if !text.is_empty() => self.item(&Marker::Bullet, &text),
            Some(Flat::Table { rows, .. }) => self.out.table(&rows),
            Some(Flat::Term { .. } | Flat::BareImpl { .. }) | None => {}
        }
    }

    fn flush(&mut self) {
        let text = self.inline.take();
        if text.is_empty() {
            return;
        }
        match self.marker.take() {
            Some(marker) => self.item(&marker, &text),
            None => self.out.paragraph(&text),
        }
    }

    fn item(&mut self, marker: &Marker, text: &str) {
        let marker = match marker {
            Marker::Bullet => "- ".to_owned(),
            Marker::Number(number) => format!("{number}. "),
            Marker::Terms(terms) if text.is_empty() => format!("- {terms}"),
            Marker::Terms(terms) => format!("- {terms}: "),
        };
        self.out.list_item(self.lists.len().saturating_sub(1), &marker, text);
    }

    fn heading_level(&self, id: NodeId, tag: &str) -> Option<u8> {
        if self.kind == PageKind::Rustdoc && self.dom.has_class(id, "structfield") {
            return Some(3);
        }
        if is_heading(tag) { tag[1..].parse().ok() } else { None }
    }

    fn is_bare_impl(&self, id: NodeId) -> bool {
        self.kind == PageKind::Rustdoc
            && self.dom.parent(id).is_some_and(|up| {
                self.dom.has_class(up, "impl")
                    && self.dom.parent(up).is_some_and(|over| self.dom.tag(over) != "summary")
            })
    }

    /// The fragment that leads to a heading: its own id, that of a link inside
    /// it, or that of the section it opens.
    fn heading_anchor(&self, id: NodeId) -> Option<&str> {
        let inside = || {
            self.dom.children(id).find_map(|child| {
                let is_link = self.dom.tag(child) == "a";
                is_link.then(|| self.dom.anchor(child).or(self.dom.attribute(child, "name")))?
            })
        };
        let section = || {
            let up =
                self.dom.parent(id).filter(|&up| matches!(self.dom.tag(up), "section" | "div"))?;
            let opens =
                self.dom.children(up).find(|&child| is_heading(self.dom.tag(child))) == Some(id);
            opens.then(|| self.dom.anchor(up))?
        };
        self.dom.anchor(id).or_else(inside).or_else(section)
    }

    /// rustdoc writes a page's path above its heading; here it goes into the
    /// heading, so that `std::option::Option` is found in the title.
    fn is_breadcrumb_place(&self, id: NodeId) -> bool {
        self.kind == PageKind::Rustdoc
            && matches!(self.flat, Some(Flat::Heading { level: 1, .. }))
            && self.dom.parent(id).is_some_and(|up| self.dom.tag(up) == "h1")
    }

    fn breadcrumbs(&mut self, id: NodeId) {
        let dom = self.dom;
        let path = dom.parent(id).and_then(|h1| dom.parent(h1)).and_then(|main_heading| {
            dom.children(main_heading).find(|&child| dom.has_class(child, "rustdoc-breadcrumbs"))
        });
        if let Some(path) = path {
            self.inline.push(&collapse(&content::raw_text(dom, path)));
            self.inline.push("::");
        }
    }

    fn open_list(&mut self, list: List) {
        self.flush();
        self.marker = None;
        self.lists.push(list);
    }

    fn open_item(&mut self, id: NodeId) {
        self.flush();
        let value = self.number(id, "value");
        self.marker = Some(match self.lists.last_mut() {
            Some(List::Numbers { next }) => {
                let number = value.unwrap_or(*next);
                *next = number.saturating_add(1);
                Marker::Number(number)
            }
            Some(List::Bullets | List::Definitions { .. }) | None => Marker::Bullet,
        });
    }

    fn open_term(&mut self, id: NodeId) {
        self.flush();
        self.marker = None;
        // Several terms may share one description; in rustdoc's tables an item
        // without a description has none.
        if matches!(self.lists.last(), Some(List::Definitions { shared: false })) {
            self.flush_terms();
        }
        self.flat = Some(Flat::Term { node: id });
    }

    fn open_description(&mut self) {
        self.flush();
        let terms = std::mem::take(&mut self.terms).join(", ");
        self.marker = Some(if terms.is_empty() { Marker::Bullet } else { Marker::Terms(terms) });
    }

    /// Writes terms that no description followed.
    fn flush_terms(&mut self) {
        for term in std::mem::take(&mut self.terms) {
            self.item(&Marker::Bullet, &term);
        }
    }

    fn close_cell(&mut self) {
        match &mut self.flat {
            Some(Flat::Table { rows, .. }) => {
                let cell = self.inline.take();
                match rows.last_mut() {
                    Some(row) => row.push(cell),
                    None => rows.push(vec![cell]),
                }
            }
            Some(Flat::Heading { .. } | Flat::Term { .. } | Flat::BareImpl { .. }) | None => {
                self.inline.space();
            }
        }
    }

    /// Tables that hold other blocks arrange a page; their cells are sections.
    fn is_data_table(&self, id: NodeId) -> bool {
        !self.dom.elements(id).skip(1).any(|below| {
            let tag = self.dom.tag(below);
            matches!(tag, "table" | "pre" | "ul" | "ol" | "dl") || is_heading(tag)
        })
    }

    fn preformatted(&mut self, id: NodeId) {
        let mut code = String::new();
        let mut walk = self.dom.walk(id);
        while let Some(step) = walk.next() {
            let Step::Enter(node) = step else { continue };
            if let Some(text) = self.dom.text(node) {
                code.push_str(text);
            } else if self.dom.tag(node) == "br" {
                code.push('\n');
            } else if node != id && content::is_dropped(self.dom, self.kind, node) {
                walk.leave_out(node);
            }
        }
        self.flush();
        if let Some(marker @ Marker::Terms(_)) = self.marker.take() {
            self.item(&marker, "");
        }
        self.out.code(self.language(id), &code);
    }

    /// `language-rust`, `lang-rust`, or rustdoc's plain `rust`, on the element
    /// or the `code` in it.
    fn language(&self, id: NodeId) -> Option<String> {
        let code = self.dom.children(id).find(|&child| self.dom.tag(child) == "code");
        std::iter::once(id).chain(code).find_map(|node| {
            self.dom.classes(node).find_map(|class| {
                let named = class.strip_prefix("language-").or_else(|| class.strip_prefix("lang-"));
                let plain = (self.kind == PageKind::Rustdoc && class == "rust").then_some("rust");
                named.or(plain).filter(|name| !name.is_empty()).map(str::to_owned)
            })
        })
    }

    fn number(&self, id: NodeId, attribute: &str) -> Option<i64> {
        self.dom.attribute(id, attribute)?.trim().parse().ok()
    }
}

fn is_heading(tag: &str) -> bool {
    matches!(tag, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")
}

fn is_block(tag: &str) -> bool {
    is_heading(tag)
        || matches!(
            tag,
            "address"
                | "article"
                | "aside"
                | "blockquote"
                | "body"
                | "caption"
                | "center"
                | "details"
                | "dir"
                | "div"
                | "dd"
                | "dl"
                | "dt"
                | "fieldset"
                | "figcaption"
                | "figure"
                | "footer"
                | "form"
                | "header"
                | "hgroup"
                | "hr"
                | "html"
                | "legend"
                | "li"
                | "main"
                | "menu"
                | "ol"
                | "optgroup"
                | "option"
                | "p"
                | "section"
                | "summary"
                | "table"
                | "tbody"
                | "td"
                | "tfoot"
                | "th"
                | "thead"
                | "tr"
                | "ul"
        )
}
