//! Metadata at the head of a Markdown file: YAML between `---`, TOML between `+++`.
//!
//! TOML is read in full. Of YAML only the flat part that front matter is
//! written in is understood: scalars, quoted strings, lists in both forms,
//! nested maps by indentation, block text. A YAML library was rejected: anchors
//! and tags add ways to blow up and are absent from front matter. A line that
//! is not understood is passed over; metadata never costs the document.

use std::collections::BTreeMap;

use engine::FieldValue;

use super::fields::{insert_json, moment};
use crate::source::SkipReason;

/// Fields by name, and the text behind them.
pub(super) type Split<'a> = (BTreeMap<String, FieldValue>, &'a str);

/// Parts front matter from the text that follows it. Without front matter, no
/// fields and all of the text.
///
/// # Errors
/// [`SkipReason::Broken`] for TOML that is not TOML: unlike a `---`, which also
/// draws a line, `+++` has no other meaning.
pub(super) fn split(text: &str) -> Result<Split<'_>, SkipReason> {
    if let Some((head, body)) = fenced(text, "---") {
        // `---` is also a thematic break: between two there must be a key.
        if head.lines().any(|line| key_value(line).is_some()) {
            return Ok((yaml(head), body));
        }
    }
    let Some((head, body)) = fenced(text, "+++") else {
        return Ok((BTreeMap::new(), text));
    };
    let table: toml::Table = head.parse().map_err(|error: toml::de::Error| SkipReason::Broken {
        format: "front matter",
        problem: error.message().to_owned(),
    })?;
    let mut fields = BTreeMap::new();
    for (key, value) in table {
        insert_json(&mut fields, &key, toml_to_json(value));
    }
    Ok((fields, body))
}

/// What lies between a first line that is `fence` and the next such line, and
/// what follows.
fn fenced<'a>(text: &'a str, fence: &str) -> Option<(&'a str, &'a str)> {
    let (first, rest) = text.split_once('\n')?;
    if first.trim_end() != fence {
        return None;
    }
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == fence {
            return Some((&rest[..at], &rest[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// TOML's dates become text, which [`insert_json`] recognises again.
fn toml_to_json(value: toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(integer) => integer.into(),
        toml::Value::Float(float) => float.into(),
        toml::Value::Boolean(boolean) => boolean.into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(toml_to_json).collect(),
        toml::Value::Table(table) => {
            let members = table.into_iter().map(|(key, value)| (key, toml_to_json(value)));
            serde_json::Value::Object(members.collect())
        }
    }
}

fn yaml(head: &str) -> BTreeMap<String, FieldValue> {
    let mut fields: BTreeMap<String, FieldValue> = BTreeMap::new();
    // The maps that are open, as (indentation, path with a dot behind it).
    let mut open: Vec<(usize, String)> = Vec::new();
    // The key whose value, a list or a map, is to come on the next lines.
    let mut awaiting: Option<(usize, String)> = None;
    let mut lines = head.lines().peekable();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let (Some((at, name)), Some(entry)) = (&awaiting, content.strip_prefix("- "))
            && indent >= *at
        {
            if let FieldValue::List(values) =
                fields.entry(name.clone()).or_insert_with(|| FieldValue::List(Vec::new()))
            {
                values.push(scalar(entry));
            }
            continue;
        }
        let Some((key, value)) = key_value(content) else { continue };
        if let Some((at, name)) = awaiting.take()
            && indent > at
        {
            open.push((at, format!("{name}.")));
        }
        while open.last().is_some_and(|(at, _)| indent <= *at) {
            open.pop();
        }
        let name = format!("{}{key}", open.last().map_or("", |(_, path)| path));
        match value {
            "" => awaiting = Some((indent, name)),
            "|" | "|-" | "|+" | ">" | ">-" | ">+" => {
                let separator = if value.starts_with('|') { "\n" } else { " " };
                let mut block = Vec::new();
                while let Some(next) = lines.next_if(|next| {
                    next.trim().is_empty() || next.len() - next.trim_start().len() > indent
                }) {
                    block.push(next.trim());
                }
                let text = block.join(separator).trim().to_owned();
                fields.insert(name, FieldValue::Text(text));
            }
            value => {
                let value = match value.strip_prefix('[').and_then(|v| v.strip_suffix(']')) {
                    Some(inner) => {
                        FieldValue::List(split_list(inner).into_iter().map(scalar).collect())
                    }
                    None => scalar(value),
                };
                fields.insert(name, value);
            }
        }
    }
    fields
}

/// `key: value`, with a key that is one word.
fn key_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let key = key.trim().trim_matches(['"', '\'']);
    let is_word = !key.is_empty()
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    // A colon within a word is a URL or a time.
    (is_word && (value.is_empty() || value.starts_with([' ', '\t'])))
        .then(|| (key, without_comment(value.trim())))
}

/// Cuts ` # comment` off an unquoted value.
fn without_comment(value: &str) -> &str {
    if value.starts_with(['"', '\'']) {
        return value;
    }
    value.find(" #").map_or(value, |at| value[..at].trim_end())
}

/// Splits `a, "b, c"` at the commas outside quotes.
fn split_list(inner: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quote) = (0, None);
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ',') => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// A YAML scalar: quoted ones are text, others what they look like.
fn scalar(raw: &str) -> FieldValue {
    let raw = raw.trim();
    for quote in ['"', '\''] {
        if let Some(text) = raw.strip_prefix(quote).and_then(|raw| raw.strip_suffix(quote)) {
            return FieldValue::Text(if quote == '"' {
                text.replace("\\\"", "\"").replace("\\\\", "\\")
            } else {
                text.replace("''", "'")
            });
        }
    }
    match raw {
        "true" | "True" => return FieldValue::Bool(true),
        "false" | "False" => return FieldValue::Bool(false),
        _ => {}
    }
    if let Some(seconds) = moment(raw) {
        return FieldValue::Timestamp(seconds);
    }
    // `007` is a name, `1e5` more often a commit than a number.
    let looks_numeric = raw.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && (!raw.starts_with('0') || raw == "0" || raw.starts_with("0."));
    if looks_numeric {
        if let Ok(integer) = raw.parse() {
            return FieldValue::Integer(integer);
        }
        if let Ok(float) = raw.parse() {
            return FieldValue::Float(float);
        }
    }
    FieldValue::Text(raw.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> FieldValue {
        FieldValue::Text(value.to_owned())
    }

    #[test]
    fn yaml_scalars_lists_and_maps() {
        let source = "---\ntitle: \"A: b\" \ndate: 2024-05-01 # comment\nweight: 3\nratio: 0.5\n\
            code: 007\ndraft: false\ntags: [a, \"b, c\", 2]\nauthors:\n  - Ada\n  - Bo\n\
            extra:\n  a: 1\n  deep:\n    b: x\n  c: y\nabout: >-\n  two\n  lines\n\
            url: http://x.y/z\nnonsense\nlast: end\n---\n# Body\n";
        let (fields, body) = split(source).unwrap();
        let expected = [
            ("title", text("A: b")),
            ("date", FieldValue::Timestamp(1_714_521_600)),
            ("weight", FieldValue::Integer(3)),
            ("ratio", FieldValue::Float(0.5)),
            ("code", text("007")),
            ("draft", FieldValue::Bool(false)),
            ("tags", FieldValue::List(vec![text("a"), text("b, c"), FieldValue::Integer(2)])),
            ("authors", FieldValue::List(vec![text("Ada"), text("Bo")])),
            ("extra.a", FieldValue::Integer(1)),
            ("extra.deep.b", text("x")),
            ("extra.c", text("y")),
            ("about", text("two lines")),
            ("url", text("http://x.y/z")),
            ("last", text("end")),
        ];
        assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value)).into());
        assert_eq!(body, "# Body\n");
    }

    #[test]
    fn toml_is_read_in_full_and_refused_when_broken() {
        let (fields, body) =
            split("+++\ntitle = 'T'\ndate = 1970-01-01\n[extra]\nn = 1\n+++\nx").unwrap();
        assert_eq!(fields["title"], text("T"));
        assert_eq!(fields["date"], FieldValue::Timestamp(0));
        assert_eq!(fields["extra.n"], FieldValue::Integer(1));
        assert_eq!(body, "x");
        let error = split("+++\ntitle = \n+++\nx").unwrap_err();
        assert!(matches!(error, SkipReason::Broken { format: "front matter", .. }));
    }

    #[test]
    fn lines_that_only_look_like_front_matter_are_text() {
        for source in ["---\nJust a rule above.\n\n---\nand below", "---\nno: end", "# plain"] {
            let (fields, body) = split(source).unwrap();
            assert!(fields.is_empty());
            assert_eq!(body, source);
        }
    }
}
