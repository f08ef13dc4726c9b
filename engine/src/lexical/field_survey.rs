//! Which metadata there is: the names that a filter may use, read from the
//! dictionary of keys without looking at any document.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use tantivy::termdict::TermDictionary;

use super::error::LexicalError;
use super::field_key::{self, Key};
use super::guard::guarded;
use super::snapshot::LexicalSnapshot;

/// Text values that are shown of a field, and up to which length.
const MAX_EXAMPLES: usize = 3;
const MAX_EXAMPLE_BYTES: usize = 60;
/// Values of a field that are looked at for examples: a field may hold millions of
/// long ones.
const MAX_READ: usize = 100;

/// The type of a metadata value, as filters compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldKind {
    /// True or false.
    Boolean,
    /// An integer or a float.
    Number,
    /// A moment.
    Timestamp,
    /// A text.
    Text,
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Timestamp => "timestamp",
            Self::Text => "text",
        })
    }
}

/// A metadata field of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSummary {
    /// Its name in a filter; `id` and `title` are there in every index.
    pub name: String,
    /// The types of its values, ascending; more than one where documents differ.
    pub kinds: Vec<FieldKind>,
    /// Some of its shorter text values, ascending; empty where it has none.
    pub examples: Vec<String>,
}

impl LexicalSnapshot {
    /// The fields, by name. One that only deleted documents have is still told until
    /// their segment is merged.
    pub(crate) fn fields(&self) -> Result<Vec<FieldSummary>, LexicalError> {
        let mut found = BTreeMap::new();
        guarded(&self.dir, || {
            for segment in &self.segments {
                survey(segment.key_terms.terms(), &mut found)
                    .map_err(|source| LexicalError::io(&self.dir, source))?;
            }
            Ok::<_, LexicalError>(())
        })?;
        Ok(found.into_values().collect())
    }
}

/// Jumps from one field and type to the next: a dictionary of a million values is
/// not read through for the ten names in it.
fn survey(
    dictionary: &TermDictionary,
    found: &mut BTreeMap<String, FieldSummary>,
) -> io::Result<()> {
    let mut from = Vec::new();
    loop {
        let mut stream = dictionary.range().ge(&from).into_stream()?;
        if !stream.advance() {
            return Ok(());
        }
        let Some(Key { name, kind, text: _ }) = field_key::read(stream.key()) else {
            let message = "a metadata key has no name or type";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        };
        let field = found.entry(name.to_owned()).or_insert_with(|| FieldSummary {
            name: name.to_owned(),
            kinds: Vec::new(),
            examples: Vec::new(),
        });
        if let Err(at) = field.kinds.binary_search(&kind) {
            field.kinds.insert(at, kind);
        }
        from = field_key::after_kind(name, kind);
        for _ in 0..MAX_READ {
            if stream.key() >= from.as_slice() {
                break;
            }
            let text = field_key::read(stream.key()).and_then(|key| key.text);
            if let Some(text) = text.filter(|text| text.len() <= MAX_EXAMPLE_BYTES) {
                if let Err(at) = field.examples.binary_search_by(|known| known.as_str().cmp(text)) {
                    field.examples.insert(at, text.to_owned());
                }
                // Those of one segment are ascending: the rest of it comes later.
                if field.examples.len() > MAX_EXAMPLES {
                    field.examples.truncate(MAX_EXAMPLES);
                    break;
                }
            }
            if !stream.advance() {
                break;
            }
        }
    }
}
