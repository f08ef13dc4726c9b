//! Reads a Word document (Office Open XML, ECMA-376).
//!
//! A DOCX is a ZIP archive of XML parts. [`package`] takes the parts out within
//! limits, [`styles`] knows what paragraph styles and list numberings mean, and
//! [`body`] turns the document part into blocks. Deleted text, comments, headers
//! and footers are left out; footnotes follow the text.

mod body;
mod package;
mod styles;

use std::borrow::Cow;
use std::collections::BTreeMap;

use engine::FieldValue;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesEnd, BytesRef, BytesStart, Event};

use self::package::Package;
use self::styles::{Numbering, Styles};
use super::ParsedText;
use super::canonical::{CanonicalText, collapse};
use super::fields::typed_text;
use crate::source::SkipReason;

pub use self::package::{MAX_DOCX_BYTES, MAX_DOCX_PART_BYTES};

/// Reads a document. The title is the first heading of level 1, else the one in
/// the file's properties; `created`, `author`, `keywords` and `language` become
/// fields where they are stated.
///
/// # Errors
/// [`SkipReason::PasswordProtected`]; [`SkipReason::TooLarge`] for a part beyond
/// [`MAX_DOCX_PART_BYTES`]; [`SkipReason::Broken`] for what is no DOCX.
pub(super) fn read(bytes: Vec<u8>) -> Result<ParsedText, SkipReason> {
    let mut package = Package::open(bytes)?;
    let document = package
        .part("word/document.xml")?
        .ok_or_else(|| broken("it has no part word/document.xml".to_owned()))?;
    let styles = Styles::parse(&package.part("word/styles.xml")?.unwrap_or_default())?;
    let numbering = Numbering::parse(&package.part("word/numbering.xml")?.unwrap_or_default())?;
    let mut out = CanonicalText::default();
    body::append(&document, &styles, numbering.clone(), &mut out)?;
    for notes in ["word/footnotes.xml", "word/endnotes.xml"] {
        if let Some(notes) = package.part(notes)? {
            body::append(&notes, &styles, numbering.clone(), &mut out)?;
        }
    }
    if out.first_heading(1).is_none() {
        out.promote_opening_heading();
    }
    let (stated, fields) = properties(&package.part("docProps/core.xml")?.unwrap_or_default())?;
    let shown = out.first_heading(1).map(str::to_owned);
    let mut parsed = ParsedText::new(shown.or(stated).unwrap_or_default(), out);
    parsed.fields = fields;
    Ok(parsed)
}

fn broken(problem: String) -> SkipReason {
    SkipReason::Broken { format: "DOCX", problem }
}

/// The title and the fields of the core properties (Dublin Core).
fn properties(xml: &str) -> Result<(Option<String>, BTreeMap<String, FieldValue>), SkipReason> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    let mut open = String::new();
    let mut part = XmlPart::new(xml);
    while let Some(step) = part.next()? {
        match step {
            Xml::Open(tag) => tag.local_name().as_ref().clone_into(&mut open),
            Xml::Text(text) => values.entry(open.clone()).or_default().push_str(&text),
            Xml::Close(_) => {}
        }
    }
    let mut take = |name: &str| {
        values.remove(name).map(|value| collapse(&value)).filter(|value| !value.is_empty())
    };
    let title = take("title");
    let named = [
        ("created", "created"),
        ("creator", "author"),
        ("keywords", "keywords"),
        ("language", "language"),
    ];
    let fields = named
        .into_iter()
        .filter_map(|(property, field)| Some((field.to_owned(), typed_text(take(property)?))));
    Ok((title, fields.collect()))
}

/// What matters of XML: elements and text. An empty element is opened and closed.
enum Xml<'a> {
    Open(BytesStart<'a>),
    Close(BytesEnd<'a>),
    Text(Cow<'a, str>),
}

/// Reads an XML part step by step.
struct XmlPart<'a> {
    reader: Reader<&'a [u8]>,
}

impl<'a> XmlPart<'a> {
    fn new(xml: &'a str) -> Self {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().expand_empty_elements = true;
        Self { reader }
    }

    /// The next step; `None` at the end.
    fn next(&mut self) -> Result<Option<Xml<'a>>, SkipReason> {
        loop {
            return Ok(Some(match self.reader.read_event() {
                Ok(Event::Start(tag) | Event::Empty(tag)) => Xml::Open(tag),
                Ok(Event::End(tag)) => Xml::Close(tag),
                Ok(Event::Text(text)) => Xml::Text(text.xml10_content()),
                Ok(Event::CData(text)) => Xml::Text(text.xml10_content()),
                Ok(Event::GeneralRef(reference)) => Xml::Text(resolved(&reference).into()),
                Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {
                    continue;
                }
                Ok(Event::Eof) => return Ok(None),
                Err(error) => return Err(broken(error.to_string())),
            }));
        }
    }
}

/// An attribute by its local name, entities resolved.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute =
        tag.attributes().flatten().find(|attribute| attribute.key.local_name().as_ref() == name)?;
    quick_xml::escape::unescape(&attribute.value).ok().map(Cow::into_owned)
}

/// What `&amp;` or `&#8217;` stands for; empty for entities XML does not define.
fn resolved(reference: &BytesRef<'_>) -> String {
    match reference.resolve_char_ref() {
        Ok(Some(c)) => c.to_string(),
        Ok(None) => resolve_predefined_entity(reference).unwrap_or("").to_owned(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests;
