//! Citations, and whether they hold.
//!
//! A claim cites by quoting. The quote is looked for in the canonical texts of the
//! index, by [`engine::QuoteFolding::Typography`]: white space, the shape of quotation
//! marks and dashes may differ, words may not. What was found decides the
//! [`Verdict`]; a citation that does not hold is kept and marked, since an answer that
//! hides its false quotes looks better than it is.

mod verify;

use std::fmt;

use engine::{DocumentId, Span};

pub use verify::Verifier;

/// What the stored texts say of a citation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The quote stands in the cited passage, wholly or over its end: a quote may go
    /// across two chunks.
    Found,
    /// The quote stands word for word in the index, but not where the citation says:
    /// misattributed.
    Elsewhere,
    /// Its parts stand in the index, but not as one: words were left out between them,
    /// or several places were made one.
    Stitched,
    /// It stands nowhere.
    NotFound,
    /// The citation names a passage and quotes nothing, so there is nothing to compare.
    Unquoted,
}

impl Verdict {
    /// Whether what is cited says what is quoted.
    pub fn holds(self) -> bool {
        self == Self::Found
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Found => "found",
            Self::Elsewhere => "elsewhere",
            Self::Stitched => "stitched",
            Self::NotFound => "not_found",
            Self::Unquoted => "unquoted",
        })
    }
}

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The document.
    pub document: DocumentId,
    /// Bytes of its canonical text.
    pub span: Span,
}

/// What a claim rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Citation {
    /// What the answer's text calls it: 1 for the first.
    pub number: u32,
    /// The passage of the context that is cited; `None` where there is none of that
    /// number.
    pub passage: Option<u32>,
    /// What is cited: where the quote stands if it was found there, else the passage.
    /// `None` where nothing was cited that exists.
    pub cited: Option<Place>,
    /// The document's title; empty without one.
    pub title: String,
    /// Headings above the passage, outermost first.
    pub headings: Vec<String>,
    /// The words quoted, as the answer has them; empty for none.
    pub quote: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// Where the quote, or its parts, stand; empty for none.
    pub places: Vec<Place>,
}
