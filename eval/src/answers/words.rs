//! Answers compared as words: exact match and token F1.

use std::collections::HashMap;

/// The words of a text as SQuAD compares them: lower case, without punctuation and
/// without articles.
///
/// # Source
/// Rajpurkar et al., SQuAD: 100,000+ Questions for Machine Comprehension of Text,
/// EMNLP 2016, section 6.1, and the official evaluation script of version 1.1.
fn words(text: &str) -> Vec<String> {
    let plain: String = text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    let is_word = |word: &&str| !matches!(*word, "a" | "an" | "the");
    plain.split_whitespace().filter(is_word).map(str::to_owned).collect()
}

/// Whether an answer is one of the expected ones, word for word.
pub(super) fn exact_match(answer: &str, expected: &[String]) -> bool {
    let answer = words(answer);
    expected.iter().any(|other| words(other) == answer)
}

/// The best harmonic mean of precision and recall of an answer's words against one of
/// the expected answers, in `[0, 1]`; two empty texts agree.
pub(super) fn token_f1(answer: &str, expected: &[String]) -> f64 {
    let answer = words(answer);
    expected.iter().map(|other| f1(&answer, &words(other))).fold(0.0, f64::max)
}

fn f1(answer: &[String], expected: &[String]) -> f64 {
    if answer.is_empty() || expected.is_empty() {
        return if answer.is_empty() && expected.is_empty() { 1.0 } else { 0.0 };
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in expected {
        *counts.entry(word).or_default() += 1;
    }
    let mut shared = 0_usize;
    for word in answer {
        if let Some(left) = counts.get_mut(word.as_str()).filter(|left| **left > 0) {
            *left -= 1;
            shared += 1;
        }
    }
    2.0 * shared as f64 / (answer.len() + expected.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_as_the_official_script_does() {
        let expected = ["The Denver Broncos".to_owned(), "Broncos, Denver!".to_owned()];
        assert!(exact_match("denver broncos.", &expected));
        assert!(!exact_match("the Broncos", &expected));
        // 1 of 1 words right, 1 of 2 found.
        assert!((token_f1("the Broncos", &expected) - 2.0 / 3.0).abs() < 1e-12);
        // A word counts as often as both have it: 1 shared of 2 and 2.
        assert_eq!(token_f1("denver denver", &expected), 0.5);
        assert_eq!(token_f1("", &expected), 0.0);
        assert_eq!(token_f1("anything", &[]), 0.0);
    }
}
