//! What paragraph styles and list numberings mean.

use std::collections::HashMap;

use super::{Xml, XmlPart, attribute};
use crate::source::SkipReason;

/// Longest chain of styles based on styles.
const MAX_STYLE_CHAIN: usize = 16;

/// What a paragraph style makes of a paragraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A heading of level 1 to 6.
    Heading(u8),
    /// Preformatted text.
    Code,
    /// Running text.
    Text,
}

#[derive(Debug, Default)]
struct Style {
    name: String,
    based_on: Option<String>,
    outline_level: Option<u8>,
    list: Option<(String, usize)>,
}

/// The styles of a document by their ids.
#[derive(Debug, Default)]
pub(super) struct Styles {
    styles: HashMap<String, Style>,
}

impl Styles {
    /// Reads `word/styles.xml`.
    pub(super) fn parse(xml: &str) -> Result<Self, SkipReason> {
        let mut styles = HashMap::new();
        let mut open: Option<(String, Style)> = None;
        let mut part = XmlPart::new(xml);
        while let Some(step) = part.next()? {
            match step {
                Xml::Open(tag) => {
                    let name = tag.local_name();
                    let value = || attribute(&tag, "val");
                    match (name.as_ref(), &mut open) {
                        ("style", _) => {
                            open = attribute(&tag, "styleId").map(|id| (id, Style::default()));
                        }
                        ("name", Some((_, style))) => style.name = value().unwrap_or_default(),
                        ("basedOn", Some((_, style))) => style.based_on = value(),
                        ("outlineLvl", Some((_, style))) => {
                            style.outline_level = value().and_then(|level| level.parse().ok());
                        }
                        ("ilvl", Some((_, style))) => {
                            let depth = value().and_then(|depth| depth.parse().ok()).unwrap_or(0);
                            style.list.get_or_insert_default().1 = depth;
                        }
                        ("numId", Some((_, style))) => {
                            style.list.get_or_insert_default().0 = value().unwrap_or_default();
                        }
                        _ => {}
                    }
                }
                Xml::Close(tag) if tag.local_name().as_ref() == "style" => {
                    styles.extend(open.take());
                }
                Xml::Close(_) | Xml::Text(_) => {}
            }
        }
        Ok(Self { styles })
    }

    /// What a paragraph of the style `id` is.
    pub(super) fn role(&self, id: &str) -> Role {
        self.chain(id).find_map(|(id, style)| role_of(id, style)).unwrap_or(Role::Text)
    }

    /// The list (number id, depth) that paragraphs of the style belong to.
    pub(super) fn list(&self, id: &str) -> Option<(String, usize)> {
        self.chain(id).find_map(|(_, style)| style?.list.clone())
    }

    /// The style and those it is based on. A document may use a style that it
    /// does not define: then the id itself is the only hint.
    fn chain<'a>(&'a self, id: &'a str) -> impl Iterator<Item = (&'a str, Option<&'a Style>)> {
        let first = (id, self.styles.get(id));
        std::iter::successors(Some(first), |(_, style)| {
            let parent = style.as_ref()?.based_on.as_deref()?;
            Some((parent, self.styles.get(parent)))
        })
        .take(MAX_STYLE_CHAIN)
    }
}

fn role_of(id: &str, style: Option<&Style>) -> Option<Role> {
    let name = style.map_or(id, |style| &style.name).to_lowercase().replace([' ', '-', '_'], "");
    if name == "title" {
        return Some(Role::Heading(1));
    }
    if let Some(level) = name.strip_prefix("heading").and_then(|level| level.parse::<u8>().ok()) {
        return Some(Role::Heading(level.clamp(1, 6)));
    }
    if [
        "sourcecode",
        "htmlpreformatted",
        "preformattedtext",
        "plaintext",
        "code",
        "codeblock",
        "verbatim",
        "macrotext",
    ]
    .contains(&name.as_str())
    {
        return Some(Role::Code);
    }
    let level = style?.outline_level?;
    (level < 6).then_some(Role::Heading(level + 1))
}

#[derive(Clone, Debug)]
enum LevelFormat {
    Bullet,
    Number {
        start: i64,
    },
    /// A level that shows nothing: word processors and converters use it for
    /// further paragraphs of an item.
    Unmarked,
}

/// The list numberings of a document, with the counters of a reading.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbering {
    /// Levels by abstract numbering.
    levels: HashMap<String, Vec<LevelFormat>>,
    /// Abstract numbering by number id.
    abstract_of: HashMap<String, String>,
    counters: HashMap<String, Vec<i64>>,
}

impl Numbering {
    /// Most levels a list has in the format.
    const MAX_LEVELS: usize = 9;

    /// Reads `word/numbering.xml`.
    pub(super) fn parse(xml: &str) -> Result<Self, SkipReason> {
        let mut numbering = Self::default();
        // The abstract numbering or number id whose element is open.
        let mut open = String::new();
        let mut format = String::new();
        let mut text = String::new();
        let mut start = 1;
        let mut part = XmlPart::new(xml);
        while let Some(step) = part.next()? {
            match step {
                Xml::Open(tag) => {
                    let value = || attribute(&tag, "val").unwrap_or_default();
                    match tag.local_name().as_ref() {
                        "abstractNum" => {
                            open = attribute(&tag, "abstractNumId").unwrap_or_default();
                        }
                        "num" => open = attribute(&tag, "numId").unwrap_or_default(),
                        "abstractNumId" => {
                            numbering.abstract_of.insert(open.clone(), value());
                        }
                        "lvl" => (format, text, start) = (String::new(), String::new(), 1),
                        "numFmt" => format = value(),
                        "lvlText" => text = value(),
                        "start" => start = value().parse().unwrap_or(1),
                        _ => {}
                    }
                }
                Xml::Close(tag) if tag.local_name().as_ref() == "lvl" => {
                    let level = match format.as_str() {
                        "none" => LevelFormat::Unmarked,
                        "bullet" if text.trim().is_empty() => LevelFormat::Unmarked,
                        "bullet" => LevelFormat::Bullet,
                        _ => LevelFormat::Number { start },
                    };
                    numbering.levels.entry(open.clone()).or_default().push(level);
                }
                Xml::Close(_) | Xml::Text(_) => {}
            }
        }
        Ok(numbering)
    }

    /// The marker of the next item of a list; `None` when the paragraph shows
    /// none. Number id 0 takes a paragraph out of its style's list.
    pub(super) fn marker(&mut self, number_id: &str, depth: usize) -> Option<String> {
        if number_id == "0" {
            return None;
        }
        let depth = depth.min(Self::MAX_LEVELS - 1);
        let levels = self.abstract_of.get(number_id).and_then(|id| self.levels.get(id));
        match levels.and_then(|levels| levels.get(depth)) {
            Some(LevelFormat::Unmarked) => None,
            Some(LevelFormat::Number { start }) => {
                let counters = self.counters.entry(number_id.to_owned()).or_default();
                counters.truncate(depth + 1);
                if counters.len() <= depth {
                    counters.resize(depth, 0);
                    counters.push(*start);
                } else {
                    counters[depth] += 1;
                }
                Some(format!("{}. ", counters[depth]))
            }
            Some(LevelFormat::Bullet) | None => Some("- ".to_owned()),
        }
    }
}
