//! Questions that are there twice, and those that nearly are.
//!
//! Near-duplicates are judged by their shingles (Broder, "On the resemblance and
//! containment of documents", 1997), found through an inverted index: comparing
//! every pair would take minutes for ten thousand questions.

use std::collections::{BTreeMap, HashMap, HashSet};

use corpora::Question;

/// Words of a shingle. Grouping of passages takes five; a question has about
/// fifteen words, and one changed word would break a third of its five-grams.
const SHINGLE_WORDS: usize = 3;

/// Jaccard similarity of shingle sets from which two questions are reported.
/// A fifteen-word question with one changed word has 10 of 16 in common, .625.
pub const NEAR_DUPLICATE_THRESHOLD: f64 = 0.5;

/// Two questions that share most of their wording.
#[derive(Clone, Debug, PartialEq)]
pub struct NearDuplicatePair {
    /// Their ids, in the order of the file.
    pub questions: [String; 2],
    /// Jaccard similarity of their sets of word trigrams, below 1 or equal in
    /// words and different in order.
    pub similarity: f64,
}

/// The words of a question in lower case, without the punctuation around them.
///
/// Only sentence punctuation, quotes and brackets: `&str` and `*str` are other
/// things than `str`.
pub(crate) fn normal_form(question: &str) -> String {
    let words = question
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| ".,;:?!\"'()[]“”‘’`".contains(c)).to_lowercase())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Exact duplicates (the later id, then the earlier) and near-duplicates, both
/// in the order of the file. Exact ones are not listed again as near ones.
pub(super) fn find(questions: &[Question]) -> (Vec<(String, String)>, Vec<NearDuplicatePair>) {
    let normal: Vec<String> =
        questions.iter().map(|question| normal_form(&question.question)).collect();
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut duplicates = Vec::new();
    let mut distinct = Vec::new();
    for (at, form) in normal.iter().enumerate() {
        if let Some(&earlier) = first.get(form.as_str()) {
            duplicates.push((questions[at].id.clone(), questions[earlier].id.clone()));
        } else {
            first.insert(form, at);
            distinct.push(at);
        }
    }

    let mut holders: HashMap<Vec<&str>, Vec<usize>> = HashMap::new();
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    let mut near = Vec::new();
    for at in distinct {
        let shingles = shingles(&normal[at]);
        let mut common: BTreeMap<usize, usize> = BTreeMap::new();
        for shingle in &shingles {
            for &earlier in holders.get(shingle).into_iter().flatten() {
                *common.entry(earlier).or_default() += 1;
            }
        }
        for (earlier, n_common) in common {
            let union = shingles.len() + sizes[&earlier] - n_common;
            let similarity = n_common as f64 / union as f64;
            if similarity >= NEAR_DUPLICATE_THRESHOLD {
                let ids = [earlier, at].map(|at| questions[at].id.clone());
                near.push(NearDuplicatePair { questions: ids, similarity });
            }
        }
        sizes.insert(at, shingles.len());
        for shingle in shingles {
            holders.entry(shingle).or_default().push(at);
        }
    }
    (duplicates, near)
}

/// The distinct word n-grams; a shorter question is one.
fn shingles(normal: &str) -> HashSet<Vec<&str>> {
    let words: Vec<&str> = normal.split(' ').collect();
    words.windows(SHINGLE_WORDS.min(words.len())).map(<[&str]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use corpora::{QuestionKind, QuestionSplit, QuestionStatus};

    use super::*;

    fn find_in(texts: &[&str]) -> (Vec<(String, String)>, Vec<NearDuplicatePair>) {
        let questions: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| Question {
                id: at.to_string(),
                question: (*text).to_owned(),
                answer: String::new(),
                kind: QuestionKind::Fact,
                split: QuestionSplit::Dev,
                status: QuestionStatus::Confirmed,
                evidence: Vec::new(),
            })
            .collect();
        find(&questions)
    }

    #[test]
    fn case_and_punctuation_do_not_make_another_question() {
        let (duplicates, near) =
            find_in(&["What is `Vec`?", "what is vec", "What is &vec?", "WHAT IS “VEC”!"]);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(duplicates, [pair("1", "0"), pair("3", "0")]);
        assert_eq!(near, []);
    }

    #[test]
    fn similarity_is_of_word_trigrams() {
        // abc bcd cde against abc bcd cdx: 2 of 4. Against xbc bcd cde: 2 of 4.
        let (duplicates, near) = find_in(&["a b c d e", "a b c d x", "x b c d e", "p q r"]);
        assert!(duplicates.is_empty());
        let found: Vec<_> =
            near.iter().map(|pair| (pair.questions.join("-"), pair.similarity)).collect();
        // 1 and 2 share bcd only: 1 of 5.
        assert_eq!(found, [("0-1".to_owned(), 0.5), ("0-2".to_owned(), 0.5)]);
    }
}
