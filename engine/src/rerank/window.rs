//! The part of a passage that a model is shown: where the query's words are
//! densest.
//!
//! A pair costs as much as it is long, so two short windows read more candidates
//! than one whole chunk; and what does not mention the query rarely answers it.

use crate::Span;

/// A word of the query at a place of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WordMatch {
    /// Its bytes.
    pub(crate) span: Span,
    /// Which of the query's words.
    pub(crate) word: usize,
    /// What it counts.
    pub(crate) weight: f64,
}

/// What each further place of a word counts, of the first one's weight: a window
/// with two words of the query once beats one with a word twice.
const REPEATED: f64 = 0.1;

/// Words of running English that fill so many tokens of a WordPiece vocabulary.
pub(crate) fn words_for_tokens(tokens: usize) -> usize {
    (tokens * 3 / 4).max(1)
}

/// The stretch of at most `most` words whose matches weigh most, the first of
/// equal ones, with its matches in its middle.
///
/// # Arguments
/// * `matches` - in the order of the text.
/// * `most` - words, at least 1.
///
/// # Returns
/// Bytes of `text`, from the start of a word to the end of one; all of a short
/// text, the start of one without a match.
pub(crate) fn best_window(text: &str, matches: &[WordMatch], most: usize) -> Span {
    let words = words(text);
    let Some(last) = words.last() else { return Span::new(0, 0) };
    if words.len() <= most {
        return Span { start: words[0].start, end: last.end };
    }
    // Which word each match stands in.
    let places: Vec<usize> = matches
        .iter()
        .map(|found| words.partition_point(|word| word.start <= found.span.start).saturating_sub(1))
        .collect();
    let mut best: Option<(f64, usize, usize)> = None;
    for (at, &first) in places.iter().enumerate() {
        let held = places[at..].iter().take_while(|&&place| place < first + most).count();
        let weight = weigh(&matches[at..at + held]);
        if best.is_none_or(|(heaviest, ..)| weight > heaviest) {
            best = Some((weight, first, places[at + held - 1]));
        }
    }
    let start = best.map_or(0, |(_, first, last)| {
        let slack = most - (last - first + 1);
        first.saturating_sub(slack / 2).min(words.len() - most)
    });
    Span { start: words[start].start, end: words[start + most - 1].end }
}

fn weigh(matches: &[WordMatch]) -> f64 {
    let value = |(at, found): (usize, &WordMatch)| {
        let is_repeated = matches[..at].iter().any(|before| before.word == found.word);
        found.weight * if is_repeated { REPEATED } else { 1.0 }
    };
    matches.iter().enumerate().map(value).sum()
}

/// Runs without white space.
fn words(text: &str) -> Vec<Span> {
    let at = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split_whitespace().map(|word| Span::new(at(word), at(word) + word.len())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The window around the words that stand in `query`, all of weight 1.
    fn window<'t>(text: &'t str, query: &[&str], most: usize) -> &'t str {
        let found = words(text).into_iter().filter_map(|span| {
            let word = query.iter().position(|word| Some(*word) == span.slice(text))?;
            Some(WordMatch { span, word, weight: 1.0 })
        });
        best_window(text, &found.collect::<Vec<_>>(), most).slice(text).unwrap()
    }

    #[test]
    fn the_densest_stretch_is_shown_with_its_matches_in_the_middle() {
        let text = "a b c owner d e f g value h owner i j k l";
        assert_eq!(window(text, &["owner", "value"], 5), "g value h owner i");
        assert_eq!(window(text, &["owner", "value"], 4), "value h owner i");
        assert_eq!(window(text, &["value"], 1), "value");
        assert_eq!(window(text, &["l"], 5), "owner i j k l");
        assert_eq!(window(text, &["a"], 3), "a b c");
    }

    #[test]
    fn a_second_word_beats_a_repeated_one() {
        let text = "owner owner owner a b c d owner value e f";
        assert_eq!(window(text, &["owner", "value"], 3), "owner value e");
    }

    #[test]
    fn short_and_unmatched_texts_are_shown_from_their_start() {
        assert_eq!(window("  a b ", &["b"], 2), "a b");
        assert_eq!(window("a b c", &[], 2), "a b");
        assert_eq!(window("", &["a"], 2), "");
        assert_eq!(window(" \n", &["a"], 2), "");
    }

    proptest! {
        #[test]
        fn a_window_is_whole_words_and_no_longer_than_asked(
            text in "([abé]{1,3}[ \n]{1,2}){0,60}", most in 1..20_usize,
        ) {
            let shown = window(&text, &["a", "b", "ab"], most);
            let all: Vec<&str> = text.split_whitespace().collect();
            let kept: Vec<&str> = shown.split_whitespace().collect();
            prop_assert_eq!(kept.len(), most.min(all.len()));
            prop_assert!(kept.is_empty() || all.windows(kept.len()).any(|part| part == kept));
        }
    }
}
