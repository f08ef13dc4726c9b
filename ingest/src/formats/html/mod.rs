//! Reads HTML: the content of a page, without what surrounds it on the screen.
//!
//! Bytes become a tree ([`dom`]), the tree's content is found and its chrome
//! left out ([`content`]), and one walk writes the canonical text ([`text`]).
//! Pages of mdBook and rustdoc are recognised; all others are read by the
//! landmarks of HTML. Scripts are not run. Text alternatives of pictures are
//! left out: a quote must be findable in what a reader sees.

mod content;
mod dom;
mod text;

use self::content::PageKind;
use self::dom::Dom;
use super::ParsedText;
use super::canonical::{CanonicalText, collapse};
use crate::source::SkipReason;

/// Largest page, in bytes. The Rust documentation's largest has 8.5 MB.
pub const MAX_HTML_BYTES: u64 = 16 << 20;

/// Reads a page.
///
/// # Errors
/// [`SkipReason::Redirect`] and [`SkipReason::PrintPage`] for pages that stand
/// for others; [`SkipReason::TooDeep`] and [`SkipReason::TooManyParts`] for
/// trees beyond the budget.
pub(super) fn read(html: &str) -> Result<ParsedText, SkipReason> {
    let dom = Dom::parse(html)?;
    let kind = PageKind::of(&dom, html);
    content::check_is_own_page(&dom, kind)?;
    let mut out = CanonicalText::default();
    text::append(&dom, content::root(&dom, kind), kind, &mut out);
    if out.first_heading(1).is_none() {
        out.promote_opening_heading();
    }
    let shown = out.first_heading(1).map(str::to_owned);
    let title = shown.or_else(|| title_element(&dom)).unwrap_or_default();
    Ok(ParsedText::new(title, out))
}

/// Adds a piece of HTML found inside another format, all of it content.
///
/// # Errors
/// As [`read`].
pub(super) fn append_fragment(html: &str, out: &mut CanonicalText) -> Result<(), SkipReason> {
    let dom = Dom::parse(html)?;
    text::append(&dom, Dom::ROOT, PageKind::MdBook, out);
    Ok(())
}

/// The `title` element without the site's name behind the last separator.
fn title_element(dom: &Dom) -> Option<String> {
    let element = dom.elements(Dom::ROOT).find(|&id| dom.tag(id) == "title")?;
    let title = collapse(&content::raw_text(dom, element));
    let page = [" | ", " - ", " – ", " — ", " · "]
        .iter()
        .filter_map(|separator| title.rsplit_once(separator))
        .map(|(page, _site)| page.trim())
        .find(|page| !page.is_empty());
    Some(page.unwrap_or(&title).to_owned())
}

#[cfg(test)]
mod tests;
