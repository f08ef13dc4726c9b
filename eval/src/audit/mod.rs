//! Is a question file fit to measure with?
//!
//! [`audit`] answers from the questions and the canonical texts alone, without
//! an index: does every quote stand in its document, does a page serve both
//! splits, is a question there twice, and how much of each question stands in
//! its evidence word for word ([`overlap`](LexicalOverlap)). The first three are
//! defects that make figures wrong; overlap is a property of the set that says
//! what its figures can mean.

mod duplicates;
mod overlap;
mod texts;

use std::collections::{BTreeMap, BTreeSet};

use corpora::{Question, QuestionKind, QuestionSplit};
use engine::{DocumentId, Language, resolve_quote};

pub use duplicates::{NEAR_DUPLICATE_THRESHOLD, NearDuplicatePair};
pub use overlap::LexicalOverlap;
pub use texts::{Texts, quoted_documents, read_texts, stored_texts};

pub(crate) use duplicates::normal_form;

use crate::questions::{MissingEvidence, UnresolvedQuote};

/// Where questions are counted that have no evidence, or evidence in a document
/// whose id names no folder.
pub const NO_BOOK: &str = "(none)";

/// What [`audit`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    /// How many questions there are.
    pub n_questions: usize,
    /// How many of them nobody has confirmed.
    pub n_unconfirmed: usize,
    /// How many quotes they have together.
    pub n_quotes: usize,
    /// Quotes that do not stand in their documents.
    pub unresolved: Vec<UnresolvedQuote>,
    /// Questions that ask the same as an earlier one but for case, white space
    /// and punctuation around words: the later id, then the earlier.
    pub duplicates: Vec<(String, String)>,
    /// Pairs that share most of their wording; not a defect, but worth a look.
    pub near_duplicates: Vec<NearDuplicatePair>,
    /// Documents with evidence in both splits.
    pub leaks: Vec<Leak>,
    /// How much of the questions stands in their evidence.
    pub overlap: LexicalOverlap,
    /// How many questions there are of what.
    pub coverage: Coverage,
}

/// Questions by kind, split and book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By kind and split.
    pub by_kind: BTreeMap<QuestionKind, BySplit>,
    /// By book and split; see [`book_of`].
    pub by_book: BTreeMap<String, BySplit>,
}

/// A document that serves both splits: what was tuned on dev has then seen a
/// part of test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Which document.
    pub document: DocumentId,
    /// Ids of its dev questions.
    pub dev: Vec<String>,
    /// Ids of its test questions.
    pub test: Vec<String>,
}

/// Counts of questions by split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BySplit {
    /// In dev.
    pub dev: usize,
    /// In test.
    pub test: usize,
}

impl BySplit {
    /// In both.
    pub fn total(self) -> usize {
        self.dev + self.test
    }

    fn add(&mut self, split: QuestionSplit) {
        match split {
            QuestionSplit::Dev => self.dev += 1,
            QuestionSplit::Test => self.test += 1,
        }
    }
}

impl Coverage {
    /// Counts questions.
    pub fn of(questions: &[Question]) -> Self {
        let mut coverage = Self::default();
        for question in questions {
            coverage.by_kind.entry(question.kind).or_default().add(question.split);
            let book = book_of(question).to_owned();
            coverage.by_book.entry(book).or_default().add(question.split);
        }
        coverage
    }

    /// By split.
    pub fn by_split(&self) -> BySplit {
        self.by_kind.values().fold(BySplit::default(), |sum, counts| BySplit {
            dev: sum.dev + counts.dev,
            test: sum.test + counts.test,
        })
    }
}

impl Audit {
    /// How many questions have nothing but quotes that resolve; those without
    /// evidence by design are among them.
    pub fn n_resolved(&self) -> usize {
        let broken: BTreeSet<_> = self.unresolved.iter().map(|quote| &quote.question).collect();
        self.n_questions - broken.len()
    }

    /// Whether nothing stands against measuring with the file.
    pub fn passed(&self) -> bool {
        self.unresolved.is_empty() && self.duplicates.is_empty() && self.leaks.is_empty()
    }
}

/// The part of a collection a question belongs to: the second folder in its
/// first document's id, which for `rust-docs/cargo/index.html` is the book and
/// for a folder of one's own the subfolder; the first folder where there is no
/// second, else [`NO_BOOK`].
pub fn book_of(question: &Question) -> &str {
    let id = question.evidence.first().map_or("", |evidence| evidence.document.as_str());
    match id.rsplit_once('/') {
        Some((folders, _)) => folders.split('/').take(2).last().unwrap_or(NO_BOOK),
        None => NO_BOOK,
    }
}

/// Checks questions against the texts they quote.
///
/// # Arguments
/// * `texts` - the canonical texts of the quoted documents; a quoted document
///   that is not among them counts as missing.
/// * `language` - in which words are stemmed where overlap is measured. Stop
///   words are known for English only; in others all words count.
pub fn audit(questions: &[Question], texts: &Texts, language: Language) -> Audit {
    let (duplicates, near_duplicates) = duplicates::find(questions);
    Audit {
        n_questions: questions.len(),
        n_unconfirmed: questions.iter().filter(|q| q.status.is_unconfirmed()).count(),
        n_quotes: questions.iter().map(|question| question.evidence.len()).sum(),
        unresolved: unresolved(questions, texts),
        duplicates,
        near_duplicates,
        leaks: leaks(questions),
        overlap: LexicalOverlap::of(questions, texts, language),
        coverage: Coverage::of(questions),
    }
}

fn unresolved(questions: &[Question], texts: &Texts) -> Vec<UnresolvedQuote> {
    let mut unresolved = Vec::new();
    for question in questions {
        for evidence in &question.evidence {
            let missing = match texts.get(&evidence.document) {
                None => MissingEvidence::Document,
                Some(text)
                    if resolve_quote(text, &evidence.quote, evidence.occurrence).is_none() =>
                {
                    MissingEvidence::Quote
                }
                Some(_) => continue,
            };
            unresolved.push(UnresolvedQuote {
                question: question.id.clone(),
                document: evidence.document.clone(),
                missing,
            });
        }
    }
    unresolved
}

fn leaks(questions: &[Question]) -> Vec<Leak> {
    let mut by_document: BTreeMap<&DocumentId, Leak> = BTreeMap::new();
    for question in questions {
        for evidence in &question.evidence {
            let document = &evidence.document;
            let leak = by_document.entry(document).or_insert_with(|| Leak {
                document: document.clone(),
                dev: Vec::new(),
                test: Vec::new(),
            });
            let ids = match question.split {
                QuestionSplit::Dev => &mut leak.dev,
                QuestionSplit::Test => &mut leak.test,
            };
            if ids.last() != Some(&question.id) {
                ids.push(question.id.clone());
            }
        }
    }
    by_document.into_values().filter(|leak| !leak.dev.is_empty() && !leak.test.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use corpora::{Evidence, QuestionStatus};

    use super::*;

    fn question(id: &str, text: &str, split: QuestionSplit, quotes: &[(&str, &str)]) -> Question {
        Question {
            id: id.to_owned(),
            question: text.to_owned(),
            answer: "a".to_owned(),
            kind: if quotes.is_empty() { QuestionKind::Unanswerable } else { QuestionKind::Fact },
            split,
            status: QuestionStatus::Confirmed,
            evidence: quotes
                .iter()
                .map(|(document, quote)| Evidence {
                    document: DocumentId::new(*document).unwrap(),
                    quote: (*quote).to_owned(),
                    occurrence: 1,
                })
                .collect(),
        }
    }

    fn texts() -> Texts {
        [("r/a/x.md", "One owner  each."), ("r/b/y.md", "Borrowing\nlasts."), ("r/z.md", "End.")]
            .map(|(id, text)| (DocumentId::new(id).unwrap(), text.to_owned()))
            .into()
    }

    use QuestionSplit::{Dev, Test};

    #[test]
    fn a_sound_file_passes_and_is_counted() {
        let found = audit(
            &[
                question("1", "Who owns?", Dev, &[("r/a/x.md", "One owner each.")]),
                question("2", "How long?", Test, &[("r/b/y.md", "Borrowing lasts.")]),
                question("3", "What ends?", Test, &[("r/z.md", "End."), ("r/b/y.md", "lasts")]),
                question("4", "Never said?", Test, &[]),
            ],
            &texts(),
            Language::English,
        );
        assert!(found.passed(), "{found:?}");
        assert_eq!((found.n_questions, found.n_resolved(), found.n_quotes), (4, 4, 4));
        assert_eq!(found.coverage.by_split(), BySplit { dev: 1, test: 3 });
        assert_eq!(
            found.coverage.by_kind[&QuestionKind::Unanswerable],
            BySplit { dev: 0, test: 1 }
        );
        let books: Vec<_> = found.coverage.by_book.keys().map(String::as_str).collect();
        assert_eq!(books, [NO_BOOK, "a", "b", "r"]);
    }

    #[test]
    fn a_quote_that_is_not_there_is_named() {
        let mut second = question("2", "Which?", Dev, &[("r/a/x.md", "owner")]);
        second.evidence[0].occurrence = 2;
        let found = audit(
            &[
                question("1", "Who?", Dev, &[("r/a/x.md", "two owners"), ("r/c.md", "x")]),
                second,
                question("3", "How?", Dev, &[("r/a/x.md", "owner")]),
            ],
            &texts(),
            Language::English,
        );
        let missing: Vec<_> =
            found.unresolved.iter().map(|quote| (quote.question.as_str(), quote.missing)).collect();
        let expected = [
            ("1", MissingEvidence::Quote),
            ("1", MissingEvidence::Document),
            ("2", MissingEvidence::Quote),
        ];
        assert_eq!(missing, expected);
        assert_eq!(found.n_resolved(), 1);
        assert!(!found.passed());
    }

    #[test]
    fn a_page_that_serves_both_splits_is_a_leak() {
        let found = audit(
            &[
                question("1", "Who?", Dev, &[("r/a/x.md", "One"), ("r/a/x.md", "owner")]),
                question("2", "How?", Dev, &[("r/b/y.md", "lasts")]),
                question("3", "When?", Test, &[("r/z.md", "End."), ("r/a/x.md", "each")]),
            ],
            &texts(),
            Language::English,
        );
        assert_eq!(found.leaks.len(), 1, "{:?}", found.leaks);
        assert_eq!(found.leaks[0].document.as_str(), "r/a/x.md");
        assert_eq!(
            (&found.leaks[0].dev, &found.leaks[0].test),
            (&vec!["1".into()], &vec!["3".into()])
        );
        assert!(!found.passed());
    }

    #[test]
    fn a_question_that_is_there_twice_is_named() {
        let quote = [("r/a/x.md", "owner")];
        let found = audit(
            &[
                question("1", "Who owns a  value?", Dev, &quote),
                question("2", "who owns a value", Dev, &quote),
                question("3", "Who owns &a value?", Dev, &quote),
            ],
            &texts(),
            Language::English,
        );
        assert_eq!(found.duplicates, [("2".to_owned(), "1".to_owned())]);
        assert!(!found.passed());
    }
}
