//! Where in a TOML text something stands, and keys that nobody reads.
//!
//! serde names an unknown key without its line, and the library's own report
//! prints the line it stands on, which may hold a secret that somebody typed
//! into the wrong place. So keys are looked at before values are read.

use std::ops::Range;

use toml::de::DeTable;

use crate::nearest::suggestion;

/// A mistake in a TOML text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misplaced {
    /// 1-based; 0 where the library gives no place.
    pub(crate) line: usize,
    /// What is wrong, without the text of the line.
    pub(crate) what: String,
}

impl Misplaced {
    pub(crate) fn at(text: &str, span: Option<Range<usize>>, what: String) -> Self {
        let line = span.map_or(0, |span| {
            let before = text.get(..span.start).unwrap_or(text);
            before.matches('\n').count() + 1
        });
        Self { line, what }
    }

    /// What the library says, without the line it would print.
    pub(crate) fn said(text: &str, error: &toml::de::Error) -> Self {
        Self::at(text, error.span(), error.message().to_owned())
    }
}

/// Known keys of a table and of the tables below it.
pub(crate) struct Keys {
    /// The table's own.
    pub(crate) names: &'static [&'static str],
    /// Those of a table or of tables in a list, by the key they lie under.
    pub(crate) below: &'static [(&'static str, Keys)],
}

/// Parses a text and refuses keys that are not known, the first in the order
/// of the file.
pub(crate) fn check_keys(text: &str, known: &Keys) -> Result<(), Misplaced> {
    let table = DeTable::parse(text).map_err(|error| Misplaced::said(text, &error))?;
    match first_unknown(table.get_ref(), known) {
        Some((span, what)) => Err(Misplaced::at(text, Some(span), what)),
        None => Ok(()),
    }
}

fn first_unknown(table: &DeTable<'_>, known: &Keys) -> Option<(Range<usize>, String)> {
    let mut found: Vec<(Range<usize>, String)> = Vec::new();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if !known.names.contains(&name) {
            let what = format!("unknown key {name:?}; {}", suggestion(name, known.names));
            found.push((key.span(), what));
        } else if let Some((_, below)) = known.below.iter().find(|(under, _)| *under == name) {
            // Of another type than due: reading the values reports it.
            let tables = value.get_ref().as_table().into_iter();
            let rows = value.get_ref().as_array().into_iter().flatten();
            let tables = tables.chain(rows.filter_map(|row| row.get_ref().as_table()));
            found.extend(tables.filter_map(|table| first_unknown(table, below)));
        }
    }
    found.into_iter().min_by_key(|(span, _)| span.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Keys = Keys {
        names: &["name", "part"],
        below: &[("part", Keys { names: &["size"], below: &[] })],
    };

    #[test]
    fn the_first_unknown_key_is_named_with_its_line_and_without_its_value() {
        let text = "name = 'a'\n[[part]]\nsize = 1\n[[part]]\nsise = 'secret'\nzzz = 2\n";
        let mistake = check_keys(text, &KNOWN).unwrap_err();
        assert_eq!(mistake.line, 5);
        assert_eq!(mistake.what, "unknown key \"sise\"; did you mean \"size\"?");
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        let mistake = check_keys("name = 'a'\nkey = = 'secret'\n", &KNOWN).unwrap_err();
        assert_eq!(mistake.line, 2);
        assert!(!mistake.what.contains("secret"), "{}", mistake.what);
    }
}
