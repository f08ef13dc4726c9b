//! Texts cut at byte spans on the server, so that no client has to.
//!
//! Spans count UTF-8 bytes; a browser's strings count UTF-16 units. A client
//! that slices by our spans is right for ASCII and wrong for everything else,
//! and nobody notices. So texts travel in pieces, each marked or not.

use engine::Span;
use serde::Serialize;
use utoipa::ToSchema;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Piece {
    /// The part, never empty.
    pub(crate) text: String,
    /// Whether it is what was looked for.
    #[serde(rename = "match")]
    pub(crate) is_match: bool,
}

/// Cuts `text` at the marks.
///
/// # Arguments
/// * `text` - the bytes of a document's text from `start` on.
/// * `start` - byte offset of `text` in its document.
/// * `marks` - spans in the document, ascending and disjoint. The parts outside
///   `text` are left out; a mark that would cut a character is not shown.
///
/// # Returns
/// Pieces that joined give `text`.
pub(crate) fn cut(text: &str, start: u32, marks: &[Span]) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(2 * marks.len() + 1);
    let mut push = |part: &str, is_match: bool| {
        if !part.is_empty() {
            pieces.push(Piece { text: part.to_owned(), is_match });
        }
    };
    let mut done = 0;
    for mark in marks {
        let from = (mark.start.saturating_sub(start) as usize).max(done);
        let to = (mark.end.saturating_sub(start) as usize).min(text.len());
        // `get` refuses both an inverted range and a cut character.
        let (Some(before), Some(marked)) = (text.get(done..from), text.get(from..to)) else {
            continue;
        };
        push(before, false);
        push(marked, true);
        done = to;
    }
    push(&text[done..], false);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(pieces: &[Piece]) -> String {
        pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    #[test]
    fn marks_are_bytes_of_the_document_not_of_the_passage() {
        // "Größe" has 7 bytes; the passage starts at byte 10 of its document.
        let pieces = cut("Die Größe", 10, &[Span::new(14, 21)]);
        let expected = [("Die ", false), ("Größe", true)];
        assert_eq!(pieces.len(), expected.len());
        for (piece, (text, is_match)) in pieces.iter().zip(expected) {
            assert_eq!((piece.text.as_str(), piece.is_match), (text, is_match));
        }
        assert!(cut("", 0, &[Span::new(0, 3)]).is_empty());
    }

    proptest! {
        #[test]
        fn pieces_join_to_the_text_whatever_the_marks(
            text in "\\PC{0,40}",
            start in 0_u32..50,
            mut ends in prop::collection::vec(0_usize..150, 0..8)
        ) {
            ends.sort_unstable();
            let marks: Vec<Span> =
                ends.chunks_exact(2).map(|pair| Span::new(pair[0], pair[1])).collect();
            let pieces = cut(&text, start, &marks);
            prop_assert_eq!(joined(&pieces), text);
            prop_assert!(pieces.iter().all(|piece| !piece.text.is_empty()));
        }
    }
}
