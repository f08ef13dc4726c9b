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

/// Bytes beyond which a run without blanks is no word but a text of its own, as in
/// Chinese or in minified code: there, windows begin and end anywhere.
const LONGEST_WORD: usize = 64;

/// Bytes of the pieces such a run is taken in, so that a window is exact to some
/// characters; at least four, the longest character.
const PIECE: usize = 16;

/// Bytes of running English that fill so many tokens of a WordPiece vocabulary.
///
/// Bytes and not words: prose has 1.3 tokens a word and a chemist's abstract 1.6,
/// but both have 4.4 to 4.6 bytes a token, and it is tokens that cost.
pub(crate) fn bytes_for_tokens(tokens: usize) -> usize {
    (tokens * 9 / 2).max(1)
}

/// The other way round, for a pair: with its three special tokens.
pub(super) fn tokens_of_bytes(bytes: usize) -> usize {
    bytes * 2 / 9 + 3
}

/// The stretch of whole words, at most `most` bytes, whose matches weigh most, the
/// first of equal ones, with its matches in its middle.
///
/// # Arguments
/// * `matches` - in the order of the text.
/// * `most` - bytes, at least 1; a word that is longer is shown alone, a run of more than
///   [`LONGEST_WORD`] bytes is cut between characters.
///
/// # Returns
/// Bytes of `text`, from the start of a word to the end of one; all of a short
/// text, the start of one without a match.
pub(crate) fn best_window(text: &str, matches: &[WordMatch], most: usize) -> Span {
    let words = words(text);
    if words.is_empty() {
        return Span::new(0, 0);
    }
    let bytes = |first: usize, last: usize| (words[last].end - words[first].start) as usize;
    // Which word each match stands in.
    let places: Vec<usize> = matches
        .iter()
        .map(|found| words.partition_point(|word| word.start <= found.span.start).saturating_sub(1))
        .collect();
    let mut best: (f64, usize, usize) = (0.0, 0, 0);
    for (at, &first) in places.iter().enumerate() {
        let held = places[at..].iter().take_while(|&&last| bytes(first, last) <= most).count();
        let weight = weigh(&matches[at..at + held]);
        if held > 0 && weight > best.0 {
            best = (weight, first, places[at + held - 1]);
        }
    }
    let (_, mut first, mut last) = best;
    // Half of what is left goes before the matches, the rest behind them, and what the
    // end of the text leaves over before them again.
    let room = most.saturating_sub(bytes(first, last)) / 2;
    let start = words[first].start;
    while first > 0 && (start - words[first - 1].start) as usize <= room {
        first -= 1;
    }
    while last + 1 < words.len() && bytes(first, last + 1) <= most {
        last += 1;
    }
    while first > 0 && bytes(first - 1, last) <= most {
        first -= 1;
    }
    Span { start: words[first].start, end: words[last].end }
}

fn weigh(matches: &[WordMatch]) -> f64 {
    let value = |(at, found): (usize, &WordMatch)| {
        let is_repeated = matches[..at].iter().any(|before| before.word == found.word);
        found.weight * if is_repeated { REPEATED } else { 1.0 }
    };
    matches.iter().enumerate().map(value).sum()
}

/// Runs without white space, the longest in pieces.
fn words(text: &str) -> Vec<Span> {
    let mut words = Vec::new();
    for run in text.split_whitespace() {
        let mut start = run.as_ptr() as usize - text.as_ptr() as usize;
        let end = start + run.len();
        while run.len() > LONGEST_WORD && end - start > PIECE {
            let cut = text.floor_char_boundary(start + PIECE);
            words.push(Span::new(start, cut));
            start = cut;
        }
        words.push(Span::new(start, end));
    }
    words
}

/// The passage under its title, unless it begins with it already. Its words and not
/// its letters: "Mapping" does not begin with the title "Map".
pub(crate) fn titled(title: &str, window: &str) -> String {
    let goes_on = |rest: &str| rest.chars().next().is_some_and(char::is_alphanumeric);
    let begins_with_it = window.strip_prefix(title).is_some_and(|rest| !goes_on(rest));
    if title.is_empty() || begins_with_it {
        window.to_owned()
    } else {
        format!("{title}\n{window}")
    }
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
        assert_eq!(window(text, &["owner", "value"], 17), "g value h owner i");
        assert_eq!(window(text, &["owner", "value"], 15), "value h owner i");
        assert_eq!(window(text, &["value"], 5), "value");
        assert_eq!(window(text, &["l"], 13), "owner i j k l");
        assert_eq!(window(text, &["a"], 5), "a b c");
    }

    #[test]
    fn a_second_word_beats_a_repeated_one() {
        let text = "owner owner owner a b c d owner value e f";
        assert_eq!(window(text, &["owner", "value"], 13), "owner value e");
    }

    #[test]
    fn short_and_unmatched_texts_are_shown_from_their_start() {
        assert_eq!(window("  a b ", &["b"], 3), "a b");
        assert_eq!(window("a b c", &[], 3), "a b");
        assert_eq!(window("", &["a"], 2), "");
        assert_eq!(window(" \n", &["a"], 2), "");
        assert_eq!(window("endless b", &["b", "endless"], 3), "b");
        assert_eq!(window("endless b", &[], 3), "endless", "a word is never cut");
    }

    #[test]
    fn text_without_blanks_is_cut_between_characters() {
        let text = format!("{}借用{}", "所有权".repeat(50), "値".repeat(50));
        let found = text.find("借用").unwrap();
        let span = Span::new(found, found + "借用".len());
        let shown = best_window(&text, &[WordMatch { span, word: 0, weight: 1.0 }], 90);
        assert!(shown.slice(&text).unwrap().contains("借用"), "{shown:?}");
        assert!((60..=90).contains(&(shown.end - shown.start)), "{shown:?}");
        let start = best_window(&text, &[], 90).slice(&text).unwrap();
        assert!(text.starts_with(start) && (60..=90).contains(&start.len()), "{start}");
    }

    proptest! {
        #[test]
        fn a_window_is_whole_words_as_many_as_fit(
            text in "([abé]{1,3}[ \n]{1,2}){0,60}", most in 1..40_usize,
        ) {
            let shown = window(&text, &["a", "b", "ab"], most);
            let all: Vec<&str> = text.split_whitespace().collect();
            let kept: Vec<&str> = shown.split_whitespace().collect();
            prop_assert!(shown.len() <= most || kept.len() == 1);
            prop_assert_eq!(kept.is_empty(), all.is_empty());
            prop_assert!(kept.is_empty() || all.windows(kept.len()).any(|part| part == kept));
            // The longest word with its blanks would not have fitted any more.
            prop_assert!(kept.len() == all.len() || shown.len() + 8 > most);
        }
    }

    #[test]
    fn a_title_stands_once_before_its_passage() {
        assert_eq!(titled("Maps", "keys and values"), "Maps\nkeys and values");
        assert_eq!(titled("Maps", "Maps\n\nkeys"), "Maps\n\nkeys");
        assert_eq!(titled("Maps", "Maps: keys"), "Maps: keys");
        assert_eq!(titled("Map", "Mapping keys"), "Map\nMapping keys");
        assert_eq!(titled("", "keys"), "keys");
    }
}
