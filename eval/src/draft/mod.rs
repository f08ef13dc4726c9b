//! Drafts of questions about a user's own documents, for a person to confirm
//! or rewrite.
//!
//! A question file is the expensive part of an evaluation, and an empty page
//! the hardest part of that. [`draft_questions`] fills the page: headings,
//! definitions and first sentences become candidates with exact quotes, which
//! [`crate::audit()`] passes. They are no ground truth. [`drafts_notice`] says
//! how far they can be trusted, wherever they are written or scored.

mod candidates;

use std::collections::HashSet;

use corpora::{Evidence, Question, QuestionSplit, QuestionStatus};
use engine::{Document, quote_occurrence};
use ingest::source::{DocumentSource, Skipped};

use self::candidates::{Candidate, candidates};
use crate::audit::normal_form;
use crate::indexing::next_document;
use crate::splits::assign_splits;

/// What [`draft_questions`] made of a source.
#[derive(Debug, Default)]
pub struct Drafts {
    /// The drafts, in the order of the documents; all unconfirmed.
    pub questions: Vec<Question>,
    /// Documents read, exact duplicates apart.
    pub n_documents: usize,
    /// Documents whose text another one has already.
    pub n_duplicates: usize,
    /// Documents in which nothing was found to ask about.
    pub n_without: usize,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
}

/// How far figures over these questions can be trusted; `None` when a person
/// stands behind all of them.
pub fn drafts_notice(questions: &[Question]) -> Option<String> {
    let n = questions.iter().filter(|question| question.status.is_unconfirmed()).count();
    (n > 0).then(|| {
        format!(
            "{n} of {} questions are unconfirmed drafts. They are made from the documents' own headings and \
             sentences: word search finds them more easily than what people ask, so figures are too \
             high and lexical search looks better than it is. Confirm or rewrite them before drawing conclusions",
            questions.len()
        )
    })
}

/// Drafts at most `max` questions from the documents of `source`.
///
/// Documents take turns, in an order that has nothing to do with their names,
/// so that a small `max` is a sample of the whole folder; within a document the
/// first sections come first. About two fifths of the questions are for dev, no
/// document serves both splits. Equal documents give equal drafts.
pub fn draft_questions(source: &mut dyn DocumentSource, max: usize) -> Drafts {
    let mut drafts = Drafts::default();
    let mut texts = HashSet::new();
    let mut found: Vec<DocumentDrafts> = Vec::new();
    while let Some(next) = next_document(source) {
        match next {
            Err(skipped) => drafts.skipped.push(skipped),
            Ok(document) => {
                if !texts.insert(blake3::hash(document.text.as_bytes())) {
                    drafts.n_duplicates += 1;
                    continue;
                }
                drafts.n_documents += 1;
                let of_document = DocumentDrafts::new(&document);
                if of_document.questions.is_empty() {
                    drafts.n_without += 1;
                } else {
                    found.push(of_document);
                }
            }
        }
    }
    drafts.questions = choose(found, max);
    for (at, question) in drafts.questions.iter_mut().enumerate() {
        question.id = format!("draft-{:04}", at + 1);
    }
    assign_splits(&mut drafts.questions);
    drafts
}

/// The drafts of one document, and its place among the documents' turns.
struct DocumentDrafts {
    turn: [u8; 32],
    questions: Vec<Question>,
}

impl DocumentDrafts {
    fn new(document: &Document) -> Self {
        let turn = *blake3::hash(document.id.as_str().as_bytes()).as_bytes();
        let question = |candidate: Candidate| draft(document, candidate);
        Self { turn, questions: candidates(document).into_iter().filter_map(question).collect() }
    }
}

fn draft(document: &Document, candidate: Candidate) -> Option<Question> {
    let Candidate { question, kind, span } = candidate;
    // Quotes are written with single blanks, as `resolve_quote` reads them.
    let quote = span.slice(&document.text)?.split_whitespace().collect::<Vec<_>>().join(" ");
    let occurrence = quote_occurrence(&document.text, &quote, span)?;
    Some(Question {
        id: String::new(),
        question,
        answer: quote.clone(),
        kind,
        split: QuestionSplit::Test,
        status: QuestionStatus::Unconfirmed,
        evidence: vec![Evidence { document: document.id.clone(), quote, occurrence }],
    })
}

/// Takes one question of each document per round until there are `max`; a
/// question that is asked already is passed over.
fn choose(found: Vec<DocumentDrafts>, max: usize) -> Vec<Question> {
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_unstable_by_key(|&at| found[at].turn);
    let mut waiting: Vec<_> =
        found.into_iter().map(|document| document.questions.into_iter()).collect();
    let mut asked = HashSet::new();
    let mut chosen: Vec<(usize, Question)> = Vec::new();
    let mut is_empty = false;
    while !is_empty && chosen.len() < max {
        is_empty = true;
        for &at in &order {
            let next = waiting[at].find(|question| asked.insert(normal_form(&question.question)));
            if let Some(question) = next.filter(|_| chosen.len() < max) {
                is_empty = false;
                chosen.push((at, question));
            }
        }
    }
    // Stable: within a document they were taken in its order.
    chosen.sort_by_key(|(at, _)| *at);
    chosen.into_iter().map(|(_, question)| question).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use engine::Language;
    use ingest::source::{FormatChoice, open};

    use super::*;
    use crate::audit::{audit, quoted_documents, read_texts};

    const OWNERSHIP: &str = "\
# Ownership

Ownership is a set of rules that govern how a program manages memory.

## Why ownership matters

Without it, every allocation would have to be paired with exactly one free. More here.

## How to return a value

Return the value and its owner\nbecomes the caller of the function. And more.

```rust
fn main() {}
```

## Short

Too short.
";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = dir.path().join("notes").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir
    }

    fn source(dir: &Path) -> Box<dyn DocumentSource> {
        open(&[dir.join("notes")], FormatChoice::Auto).unwrap()
    }

    #[test]
    fn a_small_folder_is_drafted_as_expected() {
        let dir = folder(&[
            ("ownership.md", OWNERSHIP),
            ("copy/ownership.md", OWNERSHIP),
            ("empty.md", "# Nothing\n\nToo short.\n"),
            ("log.bin", "\0"),
        ]);
        let drafts = draft_questions(source(dir.path()).as_mut(), 100);
        let asked: Vec<_> = drafts
            .questions
            .iter()
            .map(|question| {
                let Evidence { document, quote, occurrence } = &question.evidence[0];
                assert_eq!((document.as_str(), *occurrence), ("notes/copy/ownership.md", 1));
                assert!(question.status.is_unconfirmed());
                (
                    question.id.as_str(),
                    question.question.as_str(),
                    question.kind.name(),
                    quote.as_str(),
                )
            })
            .collect();
        assert_eq!(
            asked,
            [
                (
                    "draft-0001",
                    "What is Ownership?",
                    "fact",
                    "Ownership is a set of rules that govern how a program manages memory."
                ),
                (
                    "draft-0002",
                    "Why ownership matters?",
                    "why",
                    "Without it, every allocation would have to be paired with exactly one free."
                ),
                (
                    "draft-0003",
                    "How do I return a value?",
                    "how-to",
                    "Return the value and its owner becomes the caller of the function."
                ),
            ]
        );
        let Drafts { n_documents, n_duplicates, n_without, skipped, .. } = drafts;
        assert_eq!((n_documents, n_duplicates, n_without, skipped.len()), (2, 1, 1, 1));
    }

    #[test]
    fn drafts_pass_the_audit_and_are_the_same_again() {
        let page = |n: usize| {
            format!(
                "# Page {n}\n\nThe page of number {n} says what is to be said about it.\n\n## Setup\n\n\
                 Setting number {n} up takes a while and then it simply works.\n"
            )
        };
        let files: Vec<_> = (0..10).map(|n| (format!("{n}.md"), page(n))).collect();
        let files: Vec<_> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let dir = folder(&files);
        let drafts = draft_questions(source(dir.path()).as_mut(), 100).questions;
        assert_eq!(drafts.len(), 20);
        let texts = read_texts(source(dir.path()).as_mut(), &quoted_documents(&drafts));
        let found = audit(&drafts, &texts, Language::English);
        assert!(found.passed(), "{found:?}");
        assert_eq!((found.coverage.by_split().dev, found.n_unconfirmed), (8, 20));
        assert_eq!(draft_questions(source(dir.path()).as_mut(), 100).questions, drafts);

        // A smaller number takes from all documents.
        let few = draft_questions(source(dir.path()).as_mut(), 10).questions;
        assert_eq!(quoted_documents(&few).len(), 10);
        assert!(drafts_notice(&few).unwrap().contains("10 of 10"));
    }
}
