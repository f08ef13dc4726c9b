//! Which part of a page is its content, and which elements in it are not text.
//!
//! Three kinds of page are told apart by what their generators write: mdBook,
//! rustdoc, and all others. The first two mark their content; for the others
//! the usual landmarks (`main`, `article`) decide, and where those are missing,
//! the density of text outside links. A learned extractor was rejected: it
//! would move the canonical text, and with it every span, between versions.

use std::collections::HashMap;

use super::dom::{Dom, NodeId, Step};
use crate::source::SkipReason;

/// Who made a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    /// A chapter of an mdBook.
    MdBook,
    /// An item's page made by rustdoc.
    Rustdoc,
    /// Anything else.
    Ordinary,
}

/// A child takes its parent's place as the content when it holds at least this
/// share of the text outside links. Lower shares cut off real sections.
const DOMINANT_SHARE: f64 = 0.8;

/// A page that refreshes to another within this many seconds is a redirect;
/// longer delays are pages that reload themselves.
const MAX_REDIRECT_DELAY_SECONDS: u32 = 5;

impl PageKind {
    /// Recognises the generator from the marks it leaves in a page.
    pub(super) fn of(dom: &Dom, html: &str) -> Self {
        let generator = dom
            .elements(Dom::ROOT)
            .find(|&id| is_meta(dom, id, "name", "generator"))
            .and_then(|id| dom.attribute(id, "content"));
        // rustdoc also renders single Markdown files, which lack `#main-content`.
        if generator == Some("rustdoc") && find_id(dom, "main-content").is_some() {
            return Self::Rustdoc;
        }
        // The comment is the only mark every version of mdBook leaves.
        if html.contains("<!-- Book generated using mdBook -->") {
            return Self::MdBook;
        }
        Self::Ordinary
    }
}

/// Refuses pages that stand for another one: redirects, and the copies of a
/// whole book that mdBook makes for printing.
///
/// # Errors
/// [`SkipReason::Redirect`] and [`SkipReason::PrintPage`].
pub(super) fn check_is_own_page(dom: &Dom, kind: PageKind) -> Result<(), SkipReason> {
    for id in dom.elements(Dom::ROOT).take_while(|&id| dom.tag(id) != "body") {
        if is_meta(dom, id, "http-equiv", "refresh")
            && let Some(to) = dom.attribute(id, "content").and_then(redirect_target)
        {
            return Err(SkipReason::Redirect { to });
        }
        let unlisted = is_meta(dom, id, "name", "robots")
            && dom.attribute(id, "content").is_some_and(|content| content.contains("noindex"));
        if unlisted && kind == PageKind::MdBook {
            return Err(SkipReason::PrintPage);
        }
    }
    Ok(())
}

/// The element that holds the content of a page.
pub(super) fn root(dom: &Dom, kind: PageKind) -> NodeId {
    let body = || dom.elements(Dom::ROOT).find(|&id| dom.tag(id) == "body").unwrap_or(Dom::ROOT);
    match kind {
        PageKind::Rustdoc => find_id(dom, "main-content").unwrap_or_else(body),
        PageKind::MdBook => find_tag(dom, "main").unwrap_or_else(body),
        PageKind::Ordinary => landmark(dom).unwrap_or_else(|| densest(dom, body())),
    }
}

/// Whether an element and all below it are left out of the text.
pub(super) fn is_dropped(dom: &Dom, kind: PageKind, id: NodeId) -> bool {
    let tag = dom.tag(id);
    is_never_text(tag)
        || dom.attribute(id, "hidden").is_some()
        || dom.attribute(id, "aria-hidden") == Some("true")
        || dom.attribute(id, "data-nosnippet").is_some()
        || dom.attribute(id, "style").is_some_and(hides)
        || (tag == "a" && is_mark(dom, id))
        || match kind {
            PageKind::MdBook => is_mdbook_chrome(dom, id),
            PageKind::Rustdoc => is_rustdoc_chrome(dom, id),
            PageKind::Ordinary => is_page_chrome(dom, id),
        }
}

/// All text below an element as it stands in the source.
pub(super) fn raw_text(dom: &Dom, root: NodeId) -> String {
    let mut text = String::new();
    for step in dom.walk(root) {
        if let Step::Enter(id) = step {
            text.push_str(dom.text(id).unwrap_or(""));
        }
    }
    text
}

fn is_never_text(tag: &str) -> bool {
    matches!(
        tag,
        "head"
            | "script"
            | "style"
            | "noscript"
            | "template"
            | "svg"
            | "math"
            | "canvas"
            | "object"
            | "iframe"
            | "audio"
            | "video"
            | "map"
            | "button"
            | "select"
            | "input"
            | "textarea"
            | "datalist"
            | "nav"
            | "dialog"
    )
}

fn hides(style: &str) -> bool {
    let style: String = style.chars().filter(|c| !c.is_whitespace()).collect();
    style.contains("display:none") || style.contains("visibility:hidden")
}

/// `¶`, `§`, `#`, `↩` and empty links: they lead to a place on the same page and
/// say nothing.
fn is_mark(dom: &Dom, id: NodeId) -> bool {
    if !dom.attribute(id, "href").is_some_and(|to| to.starts_with('#')) {
        return false;
    }
    let text = raw_text(dom, id);
    matches!(text.trim(), "" | "¶" | "§" | "#" | "\u{1F517}" | "\u{F0C1}" | "↩" | "↩\u{FE0E}")
}

fn is_mdbook_chrome(dom: &Dom, id: NodeId) -> bool {
    dom.classes(id).any(|class| {
        // `boring` lines are hidden until a reader asks for them; `rule` is the
        // Reference's margin with links to its own paragraphs.
        matches!(class, "boring" | "buttons" | "nav-chapters" | "mobile-nav-chapters")
            || (class == "rule" && dom.tag(id) == "div")
    })
}

fn is_rustdoc_chrome(dom: &Dom, id: NodeId) -> bool {
    match dom.tag(id) {
        "rustdoc-toolbar" | "rustdoc-topbar" => return true,
        "a" if raw_text(dom, id) == "Read more" => return true,
        _ => {}
    }
    if dom.anchor(id).is_some_and(|anchor| {
        // The same blanket and auto-trait implementations stand on the page of
        // nearly every type: thousands of copies that answer no question.
        matches!(
            anchor,
            "blanket-implementations"
                | "blanket-implementations-list"
                | "synthetic-implementations"
                | "synthetic-implementations-list"
        )
    }) {
        return true;
    }
    dom.classes(id).any(|class| {
        matches!(
            class,
            "rustdoc-breadcrumbs"
                | "sub-heading"
                | "since"
                | "rightside"
                | "out-of-band"
                | "src"
                | "srclink"
                | "anchor"
                | "doc-anchor"
                | "test-arrow"
                | "tooltip"
                | "hideme"
                | "item-spacer"
                | "notable-traits"
        )
    })
}

fn is_page_chrome(dom: &Dom, id: NodeId) -> bool {
    match dom.tag(id) {
        "footer" | "aside" => return true,
        // A header inside an article carries its title.
        "header" => return !has_ancestor(dom, id, &["main", "article", "section"]),
        _ => {}
    }
    let role = dom.attribute(id, "role").unwrap_or("");
    matches!(role, "navigation" | "banner" | "contentinfo" | "complementary" | "search")
}

fn has_ancestor(dom: &Dom, id: NodeId, tags: &[&str]) -> bool {
    std::iter::successors(dom.parent(id), |&up| dom.parent(up))
        .any(|up| tags.contains(&dom.tag(up)))
}

/// `main`, or the only `article`, or what names itself the content.
fn landmark(dom: &Dom) -> Option<NodeId> {
    let by_role = || dom.elements(Dom::ROOT).find(|&id| dom.attribute(id, "role") == Some("main"));
    let only_article = || {
        let mut articles = dom.elements(Dom::ROOT).filter(|&id| dom.tag(id) == "article");
        articles.next().filter(|_| articles.next().is_none())
    };
    find_tag(dom, "main").or_else(by_role).or_else(only_article)
}

/// Goes down from `body` while one child holds nearly all text outside links.
fn densest(dom: &Dom, body: NodeId) -> NodeId {
    let weights = weigh(dom, body);
    let weight = |id: NodeId| weights.get(&id).copied().unwrap_or(0) as f64;
    let mut root = body;
    loop {
        let heavy = dom.children(root).find(|&child| {
            matches!(
                dom.tag(child),
                "div" | "section" | "article" | "td" | "tr" | "tbody" | "table" | "center"
            ) && weight(child) > 0.0
                && weight(child) >= DOMINANT_SHARE * weight(root)
                && !has_heading_sibling(dom, child)
        });
        match heavy {
            Some(child) => root = child,
            None => return root,
        }
    }
}

/// A title beside the densest block belongs to it: stop above both.
fn has_heading_sibling(dom: &Dom, id: NodeId) -> bool {
    dom.parent(id).is_some_and(|up| dom.children(up).any(|child| dom.tag(child) == "h1"))
}

/// Bytes of text outside links and chrome below every element.
fn weigh(dom: &Dom, root: NodeId) -> HashMap<NodeId, usize> {
    let mut weights = HashMap::new();
    let mut open: Vec<usize> = Vec::new();
    let mut walk = dom.walk(root);
    while let Some(step) = walk.next() {
        match step {
            Step::Enter(id) => {
                let tag = dom.tag(id);
                if tag == "a" || is_never_text(tag) || matches!(tag, "footer" | "aside" | "header")
                {
                    walk.leave_out(id);
                } else {
                    open.push(dom.text(id).map_or(0, |text| text.trim().len()));
                }
            }
            Step::Leave(id) => {
                let weight = open.pop().unwrap_or(0);
                if let Some(parent) = open.last_mut() {
                    *parent += weight;
                }
                if !dom.tag(id).is_empty() {
                    weights.insert(id, weight);
                }
            }
        }
    }
    weights
}

fn is_meta(dom: &Dom, id: NodeId, attribute: &str, value: &str) -> bool {
    dom.tag(id) == "meta"
        && dom.attribute(id, attribute).is_some_and(|found| found.eq_ignore_ascii_case(value))
}

/// `0; URL='there.html'` gives `there.html`.
fn redirect_target(content: &str) -> Option<String> {
    let (delay, target) = content.split_once([';', ','])?;
    let delay: f64 = delay.trim().parse().ok()?;
    if delay > f64::from(MAX_REDIRECT_DELAY_SECONDS) {
        return None;
    }
    let (key, to) = target.split_once('=')?;
    let to = to.trim().trim_matches(['\'', '"']);
    (key.trim().eq_ignore_ascii_case("url") && !to.is_empty()).then(|| to.to_owned())
}

fn find_id(dom: &Dom, wanted: &str) -> Option<NodeId> {
    dom.elements(Dom::ROOT).find(|&id| dom.anchor(id) == Some(wanted))
}

fn find_tag(dom: &Dom, wanted: &str) -> Option<NodeId> {
    dom.elements(Dom::ROOT).find(|&id| dom.tag(id) == wanted)
}
