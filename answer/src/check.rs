//! Comparing a citation with the text it quotes.

use engine::{SearchError, Searcher};

use crate::extract::Citation;

/// What the stored text says of a citation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The bytes of the span are the citation's text.
    Found,
    /// The document is there, but other words stand at the span.
    Differs,
    /// The index holds no such document.
    NoDocument,
}

/// Looks a citation up in the index and compares byte for byte.
///
/// # Errors
/// [`SearchError::Segment`] when the stored text cannot be read.
pub fn check(citation: &Citation, searcher: &Searcher) -> Result<Verdict, SearchError> {
    let Some(document) = searcher.document(&citation.document)? else {
        return Ok(Verdict::NoDocument);
    };
    let quoted = citation.span.slice(&document.text);
    Ok(if quoted == Some(citation.text.as_str()) { Verdict::Found } else { Verdict::Differs })
}
