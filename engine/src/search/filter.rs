//! Filters over a document's typed fields.

use crate::document::FieldValue;

/// Which documents may be found, by their metadata.
///
/// The expression language that builds it is in `filter_syntax`; matching is
/// the lexical index's, whose columns hold the fields. The reserved name `id`
/// stands for the document's id and `title` for its title.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them match; an empty list matches everything.
    All(Vec<Filter>),
    /// At least one matches; an empty list matches nothing.
    Any(Vec<Filter>),
    /// It does not match (documents without the field included).
    Not(Box<Filter>),
    /// The field has one of the values, of the same type. Integers and floats
    /// compare as numbers.
    In {
        /// Field name.
        field: String,
        /// Accepted values.
        values: Vec<FieldValue>,
    },
    /// The field lies between the bounds; text compares by bytes.
    Range {
        /// Field name.
        field: String,
        /// Lower bound.
        lower: Bound,
        /// Upper bound.
        upper: Bound,
    },
    /// The text field begins with these bytes.
    StartsWith {
        /// Field name.
        field: String,
        /// The prefix, not empty.
        prefix: String,
    },
    /// The document has the field.
    Exists {
        /// Field name.
        field: String,
    },
}

/// One end of a [`Filter::Range`].
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// No limit.
    Open,
    /// The value itself is inside.
    Included(FieldValue),
    /// The value itself is outside.
    Excluded(FieldValue),
}
