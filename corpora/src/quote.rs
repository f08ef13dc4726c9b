//! Quotes: evidence written as visible text, found again in a canonical text.
//!
//! A quote is the ground truth and its byte span is derived from it at run
//! time, so that judgments outlive a change of the extraction, and a new
//! edition of the documentation loses only the passages that were rewritten.

use engine::Span;

/// Finds the `occurrence`-th place where `text` reads as `quote`.
///
/// White space runs are equal to one another whatever they consist of (blanks,
/// line breaks, no-break spaces); everything else must match exactly.
/// Occurrences do not overlap and are counted from the start of the text.
///
/// # Arguments
/// * `text` - a document's canonical text.
/// * `quote` - visible text; white space around it is ignored.
/// * `occurrence` - 1-based.
///
/// # Returns
/// The byte span in `text`, from the first to the last character that is not
/// white space; `None` when there are fewer occurrences, or the quote is blank.
///
/// # Examples
/// ```
/// let text = "Ownership is\n a set of rules.";
/// let span = corpora::resolve_quote(text, "is a set", 1).unwrap();
/// assert_eq!(&text[span.range()], "is\n a set");
/// ```
pub fn resolve_quote(text: &str, quote: &str, occurrence: usize) -> Option<Span> {
    let collapsed = Collapsed::new(text);
    let quote = collapse(quote)?;
    collapsed.matches(&quote).nth(occurrence.checked_sub(1)?)
}

/// The first place inside `within` where `text` reads as `quote`: the inverse of
/// [`resolve_quote`].
///
/// # Arguments
/// * `within` - a span of `text`; the match must lie inside it.
///
/// # Returns
/// The `occurrence` under which [`resolve_quote`] gives back that place; `None`
/// when the quote is blank or does not lie inside.
///
/// # Examples
/// ```
/// use engine::Span;
///
/// let text = "a b, a\nb";
/// assert_eq!(corpora::quote_occurrence(text, "a b", Span::new(3, 8)), Some(2));
/// ```
pub fn quote_occurrence(text: &str, quote: &str, within: Span) -> Option<usize> {
    let collapsed = Collapsed::new(text);
    let quote = collapse(quote)?;
    let inside = |span: Span| span.start >= within.start && span.end <= within.end;
    collapsed.matches(&quote).position(inside).map(|at| at + 1)
}

/// `quote` with single blanks; `None` for a blank one.
fn collapse(quote: &str) -> Option<String> {
    let quote = quote.split_whitespace().collect::<Vec<_>>().join(" ");
    (!quote.is_empty()).then_some(quote)
}

/// A text whose white space runs are single blanks, and where each of its
/// bytes came from.
struct Collapsed {
    text: String,
    origin: Vec<usize>,
}

impl Collapsed {
    fn new(text: &str) -> Self {
        let mut collapsed = Self {
            text: String::with_capacity(text.len()),
            origin: Vec::with_capacity(text.len()),
        };
        let mut after_blank = false;
        for (at, c) in text.char_indices() {
            if c.is_whitespace() {
                if !after_blank {
                    collapsed.text.push(' ');
                    collapsed.origin.push(at);
                }
                after_blank = true;
            } else {
                collapsed.text.push(c);
                collapsed.origin.extend(at..at + c.len_utf8());
                after_blank = false;
            }
        }
        collapsed
    }

    /// Where the original reads as `quote`, which is not empty and has single
    /// blanks.
    fn matches(&self, quote: &str) -> impl Iterator<Item = Span> {
        self.text.match_indices(quote).map(|(start, found)| {
            let end = start + found.len();
            // The last byte belongs to a character that stands in the text unchanged.
            Span::new(self.origin[start], self.origin[end - 1] + 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found<'a>(text: &'a str, quote: &str, occurrence: usize) -> Option<&'a str> {
        resolve_quote(text, quote, occurrence).map(|span| &text[span.range()])
    }

    #[test]
    fn white_space_is_equal_to_any_other() {
        let text = "Der Besitz\u{a0}ist\r\n\tein  Regelwerk: übertragbar — immer.";
        assert_eq!(found(text, "Besitz ist ein", 1), Some("Besitz\u{a0}ist\r\n\tein"));
        assert_eq!(found(text, "  ein\nRegelwerk: ", 1), Some("ein  Regelwerk:"));
        assert_eq!(found(text, "übertragbar — immer.", 1), Some("übertragbar — immer."));
        assert_eq!(found(text, "Besitzist", 1), None);
        assert_eq!(found(text, " \n", 1), None);
    }

    #[test]
    fn occurrences_count_from_one() {
        let text = "a b, a\nb, a\u{2009}b";
        assert_eq!(resolve_quote(text, "a b", 1), Some(Span::new(0, 3)));
        assert_eq!(resolve_quote(text, "a b", 2), Some(Span::new(5, 8)));
        assert_eq!(found(text, "a b", 3), Some("a\u{2009}b"));
        assert_eq!(found(text, "a b", 4), None);
        assert_eq!(found(text, "a b", 0), None);
    }

    #[test]
    fn an_occurrence_is_found_by_its_place() {
        let text = "a b, a\nb, a\u{2009}b";
        for occurrence in 1..=3 {
            let span = resolve_quote(text, "a b", occurrence).unwrap();
            assert_eq!(quote_occurrence(text, "a b", span), Some(occurrence));
        }
        assert_eq!(quote_occurrence(text, "a b", Span::new(0, text.len())), Some(1));
        assert_eq!(quote_occurrence(text, "a b", Span::new(1, 7)), None);
        assert_eq!(quote_occurrence(text, " ", Span::new(0, 3)), None);
    }

    proptest! {
        /// A passage between two white space runs is found again, whatever
        /// white space the quote was written with.
        #[test]
        fn a_passage_quoted_with_other_white_space_is_found(
            words in prop::collection::vec("[a-zé漢🦀]{1,4}", 1..8),
            gaps in prop::collection::vec("[ \n\t\u{a0}]{1,3}", 8),
            pick in any::<prop::sample::Index>(),
        ) {
            let mut text = String::new();
            for (word, gap) in words.iter().zip(&gaps) {
                text.push_str(word);
                text.push_str(gap);
            }
            let first = pick.index(words.len());
            let quote = words[first..].join(" ");
            let span = resolve_quote(&text, &quote, 1).expect("the text holds the words in this order");
            prop_assert_eq!(text[span.range()].split_whitespace().collect::<Vec<_>>().join(" "), quote);
        }
    }
}
