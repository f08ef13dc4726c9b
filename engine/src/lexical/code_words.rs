//! What of a text is code, and of which words: for asking the same in another way.

use super::identifiers::for_each_identifier;
use super::words::{WordKind, for_each_word};
use crate::document::Span;

/// The spellings in `text` that read like code, each as long as it is written:
/// ascending, disjoint. A hyphenated word ("well-known") is prose.
pub(crate) fn code_spans(text: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for_each_identifier(text, &mut |identifier| {
        let span = Span::new(identifier.start, identifier.end);
        let is_prose = span.slice(text).is_some_and(is_hyphenated);
        let is_inside = spans.last().is_some_and(|last| span.start < last.end);
        if !is_prose && !is_inside {
            spans.push(span);
        }
    });
    spans
}

fn is_hyphenated(run: &str) -> bool {
    run.contains('-')
        && run.split('-').all(|part| !part.is_empty() && part.chars().all(char::is_alphanumeric))
}

/// The words that a spelling is made of: `Vec::with_capacity` gives Vec, with,
/// capacity.
pub(crate) fn words_of_code(spelling: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for_each_word(spelling, false, &mut |word| {
        if word.kind != WordKind::Whole {
            words.push(word.text);
        }
    });
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_found_whole_and_prose_is_not_code() {
        let code = |text: &'static str| -> Vec<&str> {
            code_spans(text).into_iter().filter_map(|span| span.slice(text)).collect()
        };
        assert_eq!(
            code("why does std::mem::swap(a) need E0382, hash_map?"),
            ["std::mem::swap(a)", "E0382", "hash_map"]
        );
        assert_eq!(code("a well-known e-mail"), Vec::<&str>::new());
        assert_eq!(code("plain words."), Vec::<&str>::new());
    }

    #[test]
    fn a_spelling_is_taken_apart() {
        assert_eq!(words_of_code("Vec::with_capacity"), ["Vec", "with", "capacity"]);
        assert_eq!(words_of_code("HashMap<K>"), ["Hash", "Map", "K"]);
    }
}
