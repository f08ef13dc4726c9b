//! Quotes: words found again in a canonical text, whatever white space they were
//! written with.
//!
//! A quote is how people and models say where something stands; a byte span is how
//! Trovato does. Ground truth is kept as quotes, so that judgments outlive a change of
//! the extraction; citations of an answer are checked as quotes. Both are found by
//! the same rule, which is stated here.

use crate::document::Span;

/// What counts as the same character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteFolding {
    /// White space runs are equal to one another, whatever they consist of; everything
    /// else must match exactly. The rule of ground truth.
    WhiteSpace,
    /// Besides, quotation marks, apostrophes, dashes and the ellipsis are equal to
    /// their ASCII forms, and characters without width are not there. What writers and
    /// models change without changing a word.
    Typography,
}

/// A text in which quotes are looked for, prepared once.
///
/// # Examples
/// ```
/// use engine::{QuoteFolding, QuotedText};
///
/// let text = "Ownership is\n a “set” of rules.";
/// let quoted = QuotedText::new(text, QuoteFolding::Typography);
/// let span = quoted.find("is a \"set\"").next().unwrap();
/// assert_eq!(&text[span.range()], "is\n a “set”");
/// ```
#[derive(Clone, Debug)]
pub struct QuotedText {
    folding: QuoteFolding,
    folded: String,
    /// Where each byte of `folded` came from: first byte and one past the last of the
    /// original's character.
    origin: Vec<Span>,
}

impl QuotedText {
    /// Prepares a text: O(bytes), and nine bytes of memory for each of its bytes.
    pub fn new(text: &str, folding: QuoteFolding) -> Self {
        let mut quoted = Self {
            folding,
            folded: String::with_capacity(text.len()),
            origin: Vec::with_capacity(text.len()),
        };
        fold(text, folding, &mut |at, c, folded| {
            let from = quoted.folded.len();
            quoted.folded.push_str(folded);
            let bytes = quoted.folded.len() - from;
            let span = Span::new(at, at + c.len_utf8());
            quoted.origin.extend(std::iter::repeat_n(span, bytes));
        });
        quoted
    }

    /// Every place where the text reads as `quote`, in order and without overlaps; none
    /// for a blank quote.
    ///
    /// # Returns
    /// Byte spans of the original, from the first to the last character that is not
    /// white space.
    pub fn find(&self, quote: &str) -> impl Iterator<Item = Span> + '_ {
        let quote = self.folded_quote(quote);
        let mut from = 0;
        std::iter::from_fn(move || {
            if quote.is_empty() {
                return None;
            }
            let start = from + self.folded[from..].find(&quote)?;
            from = start + quote.len();
            Some(Span { start: self.origin[start].start, end: self.origin[from - 1].end })
        })
    }

    /// The first place that reads as the longest run of whole words at the start of
    /// `quote`, and how many of its words those are.
    ///
    /// # Returns
    /// `None` when not even the first word occurs.
    pub fn find_longest_start(&self, quote: &str) -> Option<(Span, usize)> {
        let quote = self.folded_quote(quote);
        let ends: Vec<usize> = quote
            .match_indices(' ')
            .map(|(at, _)| at)
            .chain((!quote.is_empty()).then_some(quote.len()))
            .collect();
        // The places of n words are among those of n - 1: as more words are asked for,
        // fewer remain, so that is a binary search.
        let n = ends.partition_point(|&end| self.folded.contains(&quote[..end]));
        let end = *ends.get(n.checked_sub(1)?)?;
        let start = self.folded.find(&quote[..end])?;
        let span = Span { start: self.origin[start].start, end: self.origin[start + end - 1].end };
        Some((span, n))
    }

    fn folded_quote(&self, quote: &str) -> String {
        let mut folded = String::with_capacity(quote.len());
        fold(quote.trim(), self.folding, &mut |_, _, as_text| folded.push_str(as_text));
        folded
    }
}

/// Calls `each` with the place of every character that is kept, the character, and what
/// it is folded to.
fn fold(text: &str, folding: QuoteFolding, each: &mut impl FnMut(usize, char, &str)) {
    let mut after_blank = false;
    let mut buffer = [0; 4];
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            if !after_blank {
                each(at, c, " ");
            }
            after_blank = true;
            continue;
        }
        let plain = match folding {
            QuoteFolding::WhiteSpace => None,
            QuoteFolding::Typography => plain_form(c),
        };
        if plain != Some("") {
            each(at, c, plain.unwrap_or(c.encode_utf8(&mut buffer)));
            after_blank = false;
        }
    }
}

/// The ASCII form of a typographic character; empty for one without width.
fn plain_form(c: char) -> Option<&'static str> {
    match c {
        '\u{2018}'..='\u{201B}' | '\u{2032}' | '\u{00B4}' => Some("'"),
        '\u{201C}'..='\u{201F}' | '\u{2033}' | '\u{00AB}' | '\u{00BB}' => Some("\""),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some("-"),
        '\u{2026}' => Some("..."),
        '\u{00AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}' => Some(""),
        _ => None,
    }
}

/// Finds the `occurrence`-th place where `text` reads as `quote`, by
/// [`QuoteFolding::WhiteSpace`].
///
/// # Arguments
/// * `text` - a document's canonical text.
/// * `quote` - visible text; white space around it is ignored.
/// * `occurrence` - 1-based, counted from the start of the text.
///
/// # Returns
/// The byte span in `text`; `None` when there are fewer occurrences, or the quote is
/// blank.
///
/// # Examples
/// ```
/// let text = "Ownership is\n a set of rules.";
/// let span = engine::resolve_quote(text, "is a set", 1).unwrap();
/// assert_eq!(&text[span.range()], "is\n a set");
/// ```
pub fn resolve_quote(text: &str, quote: &str, occurrence: usize) -> Option<Span> {
    let quoted = QuotedText::new(text, QuoteFolding::WhiteSpace);
    quoted.find(quote).nth(occurrence.checked_sub(1)?)
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
/// assert_eq!(engine::quote_occurrence(text, "a b", Span::new(3, 8)), Some(2));
/// ```
pub fn quote_occurrence(text: &str, quote: &str, within: Span) -> Option<usize> {
    let quoted = QuotedText::new(text, QuoteFolding::WhiteSpace);
    let inside = |span: Span| span.start >= within.start && span.end <= within.end;
    quoted.find(quote).position(inside).map(|at| at + 1)
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

    #[test]
    fn typography_is_no_difference_where_it_is_folded() {
        let text = "It\u{2019}s \u{201C}fine\u{201D} \u{2014} so\u{AD}me\u{200B}how\u{2026}";
        let folded = QuotedText::new(text, QuoteFolding::Typography);
        let found = |quote: &str| folded.find(quote).next().map(|span| &text[span.range()]);
        assert_eq!(found("It's \"fine\" -"), Some("It\u{2019}s \u{201C}fine\u{201D} \u{2014}"));
        assert_eq!(found("somehow..."), Some("so\u{AD}me\u{200B}how\u{2026}"));
        assert_eq!(found("its fine"), None);
        let strict = QuotedText::new(text, QuoteFolding::WhiteSpace);
        assert_eq!(strict.find("It's").count(), 0);
    }

    #[test]
    fn the_longest_start_is_whole_words() {
        let text = "one two three. one two four five";
        let quoted = QuotedText::new(text, QuoteFolding::Typography);
        let found = |quote: &str| {
            quoted.find_longest_start(quote).map(|(span, n)| (&text[span.range()], n))
        };
        assert_eq!(found("one two four six"), Some(("one two four", 3)));
        assert_eq!(found("one two four five"), Some(("one two four five", 4)));
        assert_eq!(found("six one"), None);
        assert_eq!(found(" "), None);
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
            let quoted = QuotedText::new(&text, QuoteFolding::Typography);
            prop_assert_eq!(quoted.find_longest_start(&quote).map(|(_, n)| n), Some(words.len() - first));
            let span = resolve_quote(&text, &quote, 1).expect("the text holds the words in this order");
            prop_assert_eq!(text[span.range()].split_whitespace().collect::<Vec<_>>().join(" "), quote);
        }
    }
}
