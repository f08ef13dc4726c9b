//! Follow-ups: what a question means after what was said before it.
//!
//! By rules, so that it costs nothing, needs no model and can be read: a follow-up that
//! leans on what came before gets its subject's words put in front of it, any other
//! question stays as it is. The rules about words are for English; in other languages
//! only very short questions count as leaning.
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
const CONTINUATIONS: [&str; 12] =
    ["and", "but", "or", "also", "so", "then", "no", "sorry", "well", "ok", "okay", "i"];

/// Words that begin a fragment, as a question they do not.
const FRAGMENT_STARTS: [&str; 6] = ["with", "for", "in", "if", "without", "only"];

/// Words that end one.
const FRAGMENT_ENDS: [&str; 5] = ["too", "instead", "either", "then", "well"];

/// References so weak that a long question with one of them stands by itself: in "when I
/// run it in the root of a workspace" the question itself says what is run.
const WEAK_REFERENCES: [&str; 1] = ["it"];

/// Content words from which on a question is long.
const LONG_WORDS: usize = 6;

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
    let words: Vec<&str> = lower.unicode_words().collect();
    let (Some(&first), Some(&end)) = (words.first(), words.last()) else { return Vec::new() };
    let n_content = content_words(question).count();
    let mut found: Vec<Leaning> = Vec::new();
    if CONTINUATIONS.contains(&first) {
        found.push(Leaning::Continuation(first.to_owned()));
    } else if let ["what" | "how", second @ ("about" | "if"), ..] = words[..] {
        found.push(Leaning::Continuation(format!("{first} {second}")));
    } else if FRAGMENT_STARTS.contains(&first) {
        found.push(Leaning::Fragment(first.to_owned()));
    }
    for word in &words {
        let reference = Leaning::Reference((*word).to_owned());
        if REFERENCES.contains(word) && !found.contains(&reference) {
            found.push(reference);
        }
    }
    if words.len() > 1 && FRAGMENT_ENDS.contains(&end) {
        found.push(Leaning::Fragment(end.to_owned()));
    }
    if n_content <= SHORT_WORDS {
        found.push(Leaning::Short);
    }
    let is_weak = |leaning: &Leaning| match leaning {
        Leaning::Reference(word) => WEAK_REFERENCES.contains(&word.as_str()),
        Leaning::Continuation(word) => word == "and",
        Leaning::Fragment(_) | Leaning::Short => false,
    };
    if n_content >= LONG_WORDS && found.iter().all(is_weak) {
        found.clear();
    }
    found
}

/// Runs without white space that are no empty word, without the punctuation around them
/// but with that inside, as in `Rc<T>` and `--release`.
fn content_words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().filter_map(|run| {
        let word = run
            .trim_end_matches(|c: char| ".,;:?!)\"'`".contains(c))
            .trim_start_matches(|c: char| "(\"'`".contains(c));
        let is_empty = EMPTY.contains(&word.to_lowercase().as_str());
        (word.chars().any(char::is_alphanumeric) && !is_empty).then_some(word)
    })
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
