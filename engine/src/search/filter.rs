//! Filters over a document's typed fields.

use crate::document::FieldValue;
use crate::lexical::LexicalError;

pub use super::filter_syntax::FilterSyntaxError;

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

/// A filter that cannot be applied. Mend it and search again; only
/// [`FilterError::Lexical`] is about the index.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The bounds of a range have different types.
    #[error(
        "the bounds of field {field:?} have different types; give both as numbers, dates or text"
    )]
    MixedBounds {
        /// Which field.
        field: String,
    },
    /// A bound or value has no place in an order: a list, NaN, infinity.
    #[error(
        "field {field:?} cannot be compared with {value:?}; use a finite number, a date, text, true or false"
    )]
    NotComparable {
        /// Which field.
        field: String,
        /// What was given.
        value: FieldValue,
    },
    /// Parts nested too deep.
    #[error("the filter is nested {depth} deep; at most {limit} are allowed")]
    TooDeep {
        /// Where counting stopped.
        depth: usize,
        /// How deep it may be.
        limit: usize,
    },
    /// The index could not be read.
    #[error(transparent)]
    Lexical(#[from] LexicalError),
}

impl Filter {
    /// How deep [`Filter::All`], [`Filter::Any`] and [`Filter::Not`] may be
    /// nested: far above what anyone writes, far below the end of a stack.
    pub const MAX_DEPTH: usize = 64;
}
