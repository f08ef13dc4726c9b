//! Follow-ups: what a question means after what was said before it.
//!
//! By rules, so that it costs nothing, needs no model and can be read: a follow-up that
//! leans on what came before gets its subject's words put in front of it, any other
//! question stays as it is. The rules about words are for English; in other languages
//! only very short questions count as leaning.
//!
//! Most questions with an "it" or a "that" mean something in themselves. So a word that
//! stands for another counts only near a question's beginning, where nothing else was
//! named that it could stand for, and not where grammar gives it another job. On dev
//! that takes 6 of 171 questions that were asked of nothing for follow-ups, where the
//! words alone took 79, and misses 5 of 32 true ones instead of 4.
//!
//! On the dev conversations the words of the last *answer* are what helps most (reciprocal
//! rank .47 with them, .33 without; .55 for a question that a person made whole):
//! pronouns mean what the answer named more often than what the question did.

use std::collections::HashSet;
use std::fmt;

use unicode_segmentation::UnicodeSegmentation;

/// A question that was asked before, and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// What was asked.
    pub question: String,
    /// What was answered; may be empty.
    pub answer: String,
}

/// What shows that a question leans on what came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaning {
    /// A word that stands for something: "it", "those", "the latter".
    Reference(String),
    /// It goes on: "and", "no, I meant", "what about".
    Continuation(String),
    /// It is part of a sentence: "with generics?", "strings too?".
    Fragment(String),
    /// It has hardly a word of its own.
    Short,
}

impl fmt::Display for Leaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(word) => write!(f, "{word:?} stands for something said before"),
            Self::Continuation(word) => write!(f, "{word:?} goes on with what was said before"),
            Self::Fragment(word) => write!(f, "{word:?} makes it part of a sentence"),
            Self::Short => f.write_str("it has hardly a word of its own"),
        }
    }
}

/// A question that can be searched for by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standalone {
    /// What to search for.
    pub query: String,
    /// Why the question was not enough; empty where it was, and `query` is the question.
    pub leanings: Vec<Leaning>,
    /// The words that were put in front of it, in order.
    pub added: Vec<String>,
    /// The language model that wrote it; `None` for these rules.
    pub written_by: Option<String>,
}

/// Words that stand for others.
const REFERENCES: [&str; 26] = [
    "it", "its", "they", "them", "their", "theirs", "that", "this", "those", "these", "one",
    "ones", "there", "here", "same", "former", "latter", "either", "both", "neither", "another",
    "others", "other", "such", "first", "second",
];

/// Words that begin a continuation.
const CONTINUATIONS: [&str; 11] =
    ["and", "but", "or", "also", "so", "then", "no", "sorry", "well", "ok", "okay"];

/// After an "I" that begins one: "I meant the other".
const MEANING: [&str; 3] = ["mean", "meant", "wanted"];

/// Words that begin a fragment, as a question they do not.
const FRAGMENT_STARTS: [&str; 6] = ["with", "for", "in", "if", "without", "only"];

/// Words that end one.
const FRAGMENT_ENDS: [&str; 5] = ["too", "instead", "either", "then", "well"];

/// Words after which "that" stands for something: elsewhere it joins clauses.
const BEFORE_THAT: [&str; 46] = [
    "do", "does", "did", "is", "are", "was", "were", "can", "could", "will", "would", "should",
    "may", "might", "must", "has", "have", "had", "isn't", "aren't", "doesn't", "don't", "won't",
    "can't", "to", "about", "of", "for", "with", "from", "like", "than", "on", "at", "in", "by",
    "why", "how", "and", "or", "but", "what", "what's", "that's", "how's", "why's",
];

/// Words that name something new with the noun after them: "such a", "another crate".
const BEFORE_NOUNS: [&str; 7] = ["another", "such", "first", "second", "both", "either", "other"];

/// Words that choose among what was named, before a noun or after "the": "the second
/// arm" is told apart from "the second one".
const AFTER_THE: [&str; 4] = ["first", "second", "same", "other"];

/// Words after a choice that leave it without a noun.
const NO_NOUN: [&str; 8] = ["one", "ones", "and", "or", "rather", "too", "as", "instead"];

/// Content words before a reference up to which it means something said before.
const NEAR_WORDS: usize = 2;

/// Content words up to which a question may begin as a fragment or go on.
const FRAGMENT_WORDS: usize = 3;
const CONTINUATION_WORDS: usize = 6;
const ENDING_WORDS: usize = 5;

/// Content words up to which a question is hardly one.
const SHORT_WORDS: usize = 2;

/// Content words of an answer that are taken.
const MAX_ANSWER_WORDS: usize = 24;

/// Words without content of their own, lower case.
const EMPTY: [&str; 94] = [
    "what", "what's", "who", "whom", "whose", "which", "where", "when", "why", "how", "is", "are",
    "was", "were", "do", "does", "did", "can", "could", "should", "would", "will", "may", "must",
    "please", "tell", "explain", "describe", "give", "show", "help", "hi", "hello", "i", "i'm",
    "there", "me", "you", "we", "us", "to", "know", "want", "need", "like", "the", "a", "an", "of",
    "in", "on", "at", "by", "for", "with", "from", "into", "and", "or", "as", "be", "been",
    "being", "has", "have", "had", "might", "shall", "my", "your", "our", "its", "it", "this",
    "that", "these", "those", "if", "than", "then", "so", "such", "some", "any", "about", "also",
    "one", "they", "their", "them", "get", "not", "no", "am",
];

/// Makes a question stand by itself.
///
/// # Arguments
/// * `history` - what was asked and answered before, oldest first. Of it the last answer
///   counts, and the questions back to the last one that stood by itself.
///
/// # Examples
/// ```
/// use answer::{Turn, standalone};
///
/// let history = [Turn {
///     question: "What is a virtual manifest?".into(),
///     answer: "A Cargo.toml with a workspace section but no package section.".into(),
/// }];
/// let made = standalone("does it need the resolver field?", &history);
/// assert_eq!(
///     made.query,
///     "virtual manifest Cargo.toml workspace section but package does it need the resolver field?"
/// );
/// let unchanged = standalone("Does Cargo use the OpenSSH configuration?", &history);
/// assert!(unchanged.leanings.is_empty());
/// ```
pub fn standalone(question: &str, history: &[Turn]) -> Standalone {
    let as_it_is = || Standalone {
        query: question.trim().to_owned(),
        leanings: Vec::new(),
        added: Vec::new(),
        written_by: None,
    };
    let Some((last, before)) = history.split_last() else { return as_it_is() };
    let leanings = leanings(question);
    if leanings.is_empty() {
        return as_it_is();
    }
    let mut questions = vec![last.question.as_str()];
    for turn in before.iter().rev() {
        if self::leanings(questions[questions.len() - 1]).is_empty() {
            break;
        }
        questions.push(&turn.question);
    }
    let own: HashSet<String> = content_words(question).map(str::to_lowercase).collect();
    let mut seen = own;
    let of_questions = questions.into_iter().rev().flat_map(content_words);
    let of_answer = content_words(&last.answer).take(MAX_ANSWER_WORDS);
    let added: Vec<String> = of_questions
        .chain(of_answer)
        .filter(|word| seen.insert(word.to_lowercase()))
        .map(str::to_owned)
        .collect();
    if added.is_empty() {
        return as_it_is();
    }
    let query = format!("{} {}", added.join(" "), question.trim());
    Standalone { query, leanings, added, written_by: None }
}

/// What in a question leans on something before it.
fn leanings(question: &str) -> Vec<Leaning> {
    let lower = question.to_lowercase();
    let words = placed_words(&lower);
    let (Some(first), Some(end)) = (words.first(), words.last()) else { return Vec::new() };
    let (first, end) = (first.text, end.text);
    let n_content = content_words(question).count();
    let second = words.get(1).map(|word| word.text);
    let mut found: Vec<Leaning> = Vec::new();
    match (first, second) {
        ("i", Some(verb)) if MEANING.contains(&verb) => {
            found.push(Leaning::Continuation(format!("{first} {verb}")));
        }
        ("what" | "how", Some(second @ ("about" | "if"))) => {
            found.push(Leaning::Continuation(format!("{first} {second}")));
        }
        _ if CONTINUATIONS.contains(&first) && n_content <= CONTINUATION_WORDS => {
            found.push(Leaning::Continuation(first.to_owned()));
        }
        _ if FRAGMENT_STARTS.contains(&first) && n_content <= FRAGMENT_WORDS => {
            found.push(Leaning::Fragment(first.to_owned()));
        }
        _ => {}
    }
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| words[before].text);
        let after = words.get(at + 1).map(|after| after.text);
        let reference = Leaning::Reference(word.text.to_owned());
        let is_near = word.n_before <= NEAR_WORDS;
        if is_near && is_reference(word.text, before, after) && !found.contains(&reference) {
            found.push(reference);
        }
    }
    if words.len() > 1 && FRAGMENT_ENDS.contains(&end) && n_content <= ENDING_WORDS {
        found.push(Leaning::Fragment(end.to_owned()));
    }
    if n_content <= SHORT_WORDS {
        found.push(Leaning::Short);
    }
    found
}

/// Whether a word stands for something, by the words around it.
fn is_reference(word: &str, before: Option<&str>, after: Option<&str>) -> bool {
    let is_after = |word| before == Some(word);
    match word {
        "that" => after.is_none() || before.is_none_or(|before| BEFORE_THAT.contains(&before)),
        // "Is there a way" says that something exists.
        "there" => {
            let exists = before.is_some_and(|it| ["is", "are", "was", "were"].contains(&it));
            !(exists && after.is_some())
        }
        // "One thread" counts; "which one" stands for one.
        "one" => after.is_none() || ["which", "the", "that", "this"].into_iter().any(is_after),
        _ if is_after("the") && AFTER_THE.contains(&word) => {
            after.is_none_or(|after| NO_NOUN.contains(&after))
        }
        _ if BEFORE_NOUNS.contains(&word) => after.is_none() || is_after("the"),
        _ => REFERENCES.contains(&word),
    }
}

/// A word, and how many content words stand before it.
struct PlacedWord<'a> {
    text: &'a str,
    n_before: usize,
}

fn placed_words(text: &str) -> Vec<PlacedWord<'_>> {
    let mut n_before = 0;
    let mut words = Vec::new();
    for run in text.split_whitespace() {
        words.extend(run.unicode_words().map(|text| PlacedWord { text, n_before }));
        n_before += content_words(run).count();
    }
    words
}

/// Runs without white space that are no empty word, without the punctuation and the
/// markers `[1]` around them but with that inside, as in `Rc<T>` and `--release`.
fn content_words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().filter_map(|run| {
        let is_mark = |c: char| ".,;:?!)\"'`".contains(c);
        let mut word = run.trim_end_matches(is_mark);
        while let Some((rest, _)) = split_marker(word) {
            word = rest.trim_end_matches(is_mark);
        }
        let word = word.trim_start_matches(|c: char| "(\"'`".contains(c));
        let is_empty = EMPTY.contains(&word.to_lowercase().as_str());
        (word.chars().any(char::is_alphanumeric) && !is_empty).then_some(word)
    })
}

/// A word and the marker `[n]` that it ends in, as answers cite.
fn split_marker(word: &str) -> Option<(&str, &str)> {
    let open = word.strip_suffix(']')?.rfind('[')?;
    let digits = &word[open + 1..word.len() - 1];
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| word.split_at(open))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turn(question: &str, answer: &str) -> Turn {
        Turn { question: question.to_owned(), answer: answer.to_owned() }
    }

    #[test]
    fn a_question_that_leans_gets_its_subject() {
        let history = [
            turn("Why does my tree of Rc nodes leak?", "A cycle keeps the counts above 0."),
            turn("What breaks it?", "A Weak<T> reference to the parent."),
        ];
        let made = standalone("how do I get at the value in it?", &history);
        // The last question leans too, so the one before it says what is meant.
        assert_eq!(
            made.query,
            "tree Rc nodes leak breaks Weak<T> reference parent how do I get at the value in it?"
        );
        assert_eq!(made.leanings, [Leaning::Reference("it".to_owned()), Leaning::Short]);
    }

    #[test]
    fn a_new_subject_and_a_whole_question_stay_as_they_are() {
        let history = [turn("What is a const context?", "Where constants are evaluated.")];
        for question in [
            "Do backticks break an intra-doc link?",
            "Which packages does a cargo command work on when I run it in the root of a workspace?",
            "And which profile does cargo install use for building binaries by default?",
            "Is there a way to read the manuals on a plane with no connection?",
            "How do I panic with a value that is no string nowadays?",
            "I get linker errors on a fresh Mac. What do I install?",
            "Where does a reference made from a raw pointer get its lifetime?",
            "How do I cap rayon's thread pool at four threads for one parallel iterator?",
            "Which trait makes the second arm of my match unreachable?",
        ] {
            let made = standalone(question, &history);
            assert_eq!((made.query.as_str(), made.added.len()), (question, 0), "{made:?}");
        }
        assert_eq!(standalone("why?", &[]).query, "why?");
        assert_eq!(standalone(" ", &history).query, "");
    }

    #[test]
    fn what_shows_a_leaning_is_told() {
        let told = |question: &str| {
            leanings(question).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert!(told("And tier 2?").starts_with("\"and\" goes on"));
        assert!(told("what about release?").starts_with("\"what about\" goes on"));
        assert!(told("strings too?").starts_with("\"too\" makes it part"));
        assert!(told("can those fail at run time?").starts_with("\"those\" stands for"));
        assert!(told("does that work if my test returns a Result?").contains("\"that\" stands"));
        assert!(told("when would I take the first rather than it?").contains("\"first\" stands"));
        assert!(told("I meant the release profile").starts_with("\"i meant\" goes on"));
        assert!(told("what happens there if an index is wrong?").contains("\"there\" stands"));
        assert!(told("which one is dropped first?").contains("\"one\" stands"));
    }

    #[test]
    fn markers_of_an_answer_are_no_words_of_it() {
        let history = [turn("What breaks a cycle?", "A Weak<T> reference [1][2]. See v[0] [3]")];
        let made = standalone("and how is it made?", &history);
        assert_eq!(made.added, ["breaks", "cycle", "Weak<T>", "reference", "See", "v"]);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(question in "\\PC{0,40}", asked in "\\PC{0,40}", said in "\\PC{0,80}") {
            let made = standalone(&question, &[turn(&asked, &said)]);
            prop_assert!(made.query.ends_with(question.trim()));
            prop_assert_eq!(made.leanings.is_empty(), made.added.is_empty());
        }
    }
}
