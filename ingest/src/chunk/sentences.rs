//! Sentence boundaries: Unicode's rules, corrected for abbreviations.
//!
//! UAX #29 ends a sentence after every full stop that is followed by a capital
//! letter, so "Dr. Smith" and "e.g. Vec" are cut. Boundaries after a known
//! abbreviation or a single initial are taken back. Line ends always end a
//! sentence: in a canonical text a line is a paragraph, an item, a table row or
//! a line of code.

use engine::Span;
use unicode_segmentation::UnicodeSegmentation;

/// English abbreviations that are followed by more of their sentence, lower
/// case, without their last full stop. Left out are those that often end one
/// ("etc", "Inc", "no"): joining two sentences costs less than tearing one, but
/// only where the case is rare.
const ABBREVIATIONS: [&str; 32] = [
    "al", "approx", "art", "cf", "ch", "col", "dr", "ed", "eds", "e.g", "eq", "eqs", "est", "fig",
    "figs", "gen", "i.e", "jr", "mr", "mrs", "ms", "mt", "pp", "prof", "ref", "refs", "sec", "sen",
    "st", "viz", "vol", "vs",
];

/// The sentences of `span`, touching and in order, each with the white space
/// that follows it. White space alone makes no sentence, except when `span`
/// holds nothing else.
pub fn sentences(text: &str, span: Span) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    let Some(inner) = span.slice(text) else {
        return found;
    };
    let mut joins_next = false;
    for (at, sentence) in inner.split_sentence_bound_indices() {
        let start = span.start as usize + at;
        let piece = Span::new(start, start + sentence.len());
        match found.last_mut() {
            Some(last) if joins_next || sentence.trim().is_empty() => last.end = piece.end,
            _ => found.push(piece),
        }
        // White space after an abbreviation leaves the question open.
        if !sentence.trim().is_empty() || sentence.contains('\n') {
            joins_next = ends_with_abbreviation(sentence);
        }
    }
    found
}

fn ends_with_abbreviation(sentence: &str) -> bool {
    if sentence.ends_with(['\n', '\r', '\u{2029}', '\u{85}']) {
        return false;
    }
    let Some(stem) = sentence.trim_end().strip_suffix('.') else {
        return false;
    };
    let word = stem
        .rsplit(|c: char| {
            c.is_whitespace() || matches!(c, '(' | '[' | '"' | '\u{201C}' | '\u{2018}')
        })
        .next()
        .unwrap_or("");
    let mut letters = word.chars();
    let initial =
        letters.next().is_some_and(char::is_uppercase) && letters.next().is_none() && word != "I";
    initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found = sentences(text, Span::new(0, text.len()));
        let texts: Vec<_> = found.iter().map(|span| span.slice(text).unwrap().trim()).collect();
        assert_eq!(texts, expected);
        let mut end = 0;
        for span in &found {
            assert_eq!(span.start, end, "sentences touch");
            end = span.end;
        }
        assert_eq!(end as usize, text.len());
    }

    #[test]
    fn ends_at_marks_and_lines() {
        check("One. Two? Three!", &["One.", "Two?", "Three!"]);
        check("a heading\n\nA paragraph. More.", &["a heading", "A paragraph.", "More."]);
        check("これは文です。次の文。", &["これは文です。", "次の文。"]);
        check("", &[]);
        check(" \n ", &[""]);
    }

    #[test]
    fn abbreviations_and_numbers_do_not_end_a_sentence() {
        check(
            "Dr. Smith et al. Found it. Then left.",
            &["Dr. Smith et al. Found it.", "Then left."],
        );
        check("Use a list (e.g. Vec) here. Or not.", &["Use a list (e.g. Vec) here.", "Or not."]);
        check("J. R. Jones wrote 3.14 of them. Yes.", &["J. R. Jones wrote 3.14 of them.", "Yes."]);
        check("So do I. You too.", &["So do I.", "You too."]);
        check("see Fig.\nNext line.", &["see Fig.", "Next line."]);
    }
}
