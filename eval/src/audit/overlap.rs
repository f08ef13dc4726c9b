//! How much of a question stands in its evidence, and in the documents around
//! it, word for word.
//!
//! A question written from the passage's own words is easy for BM25 and says
//! little about a search that should bridge vocabularies; one that shares no
//! word with its passage says little about BM25. The share tells which of the
//! two a set measures. It is taken over stems, as the lexical leg sees them,
//! without function words, which every text shares. The share in the documents
//! is beside it because headings and titles are searched too: a question made
//! from a heading shares no word with the sentence below it and is easy all the
//! same.

use std::collections::{BTreeMap, HashSet};

use corpora::{Question, QuestionKind};
use engine::{DocumentId, Language, stems};

use super::texts::Texts;
use crate::stats::mean;

/// English words that carry no topic: articles, pronouns, prepositions,
/// conjunctions, auxiliaries, and what questions are asked with. Closed classes
/// of the language and no frequency list, which would take "use" and "value"
/// from questions about programming.
const FUNCTION_WORDS: &str = "\
    a an the this that these those some any no every each either neither both all such same other another \
    i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her \
    hers herself it its itself they them their theirs themselves one ones someone anyone everyone something \
    anything everything nothing \
    in on at by for from of off to into onto with without within about above below under over between among \
    against through during before after until since up down out upon per via than as like near \
    and or but nor so yet if unless because although though while whereas whether then else \
    am is are was were be been being do does did doing done have has had having can could may might must shall \
    should will would ought get gets got getting \
    don't doesn't didn't isn't aren't wasn't weren't can't cannot couldn't won't wouldn't shouldn't haven't \
    hasn't hadn't i'm i've i'd i'll it's that's there's what's you're you've we're they're let's \
    who whom whose what which when where why how there here \
    not only just even also too very much many more most less least few little quite rather still again ever \
    never always often now instead please";

/// The shares of a set of questions.
#[derive(Clone, Debug, PartialEq)]
pub struct LexicalOverlap {
    /// Each question's share of distinct content stems that stand in its
    /// quotes, in `[0, 1]`, by ascending question id. Questions without
    /// evidence or without a content word have none.
    pub shares: BTreeMap<String, f64>,
    /// The same for the quoted documents' whole texts; without the questions
    /// whose documents are missing.
    pub document_shares: BTreeMap<String, f64>,
    /// Mean share in the quotes by kind.
    pub by_kind: BTreeMap<QuestionKind, f64>,
}

impl LexicalOverlap {
    /// Number of equal parts of `[0, 1]` in [`LexicalOverlap::distribution`].
    pub const N_BINS: usize = 5;

    pub(super) fn of(questions: &[Question], texts: &Texts, language: Language) -> Self {
        let ignored: HashSet<String> = if language == Language::English {
            stems(FUNCTION_WORDS, language).into_iter().collect()
        } else {
            HashSet::new()
        };
        let of_documents: BTreeMap<&DocumentId, HashSet<String>> = texts
            .iter()
            .map(|(id, text)| (id, stems(text, language).into_iter().collect()))
            .collect();
        let (mut shares, mut document_shares) = (BTreeMap::new(), BTreeMap::new());
        let mut of_kind: BTreeMap<QuestionKind, Vec<f64>> = BTreeMap::new();
        for question in questions.iter().filter(|question| !question.evidence.is_empty()) {
            let mut asked: HashSet<String> =
                stems(&question.question, language).into_iter().collect();
            asked.retain(|stem| !ignored.contains(stem));
            let quoted: HashSet<String> = question
                .evidence
                .iter()
                .flat_map(|evidence| stems(&evidence.quote, language))
                .collect();
            if asked.is_empty() {
                continue;
            }
            let share = |n_found: usize| n_found as f64 / asked.len() as f64;
            let in_quotes = share(asked.intersection(&quoted).count());
            of_kind.entry(question.kind).or_default().push(in_quotes);
            shares.insert(question.id.clone(), in_quotes);
            let documents: Option<Vec<_>> =
                question.evidence.iter().map(|e| of_documents.get(&e.document)).collect();
            if let Some(documents) = documents {
                let stands = |stem: &&String| documents.iter().any(|words| words.contains(*stem));
                document_shares
                    .insert(question.id.clone(), share(asked.iter().filter(stands).count()));
            }
        }
        let by_kind = of_kind.into_iter().map(|(kind, shares)| (kind, mean(&shares))).collect();
        Self { shares, document_shares, by_kind }
    }

    /// The mean share in the quotes; 0 for no questions.
    pub fn mean(&self) -> f64 {
        mean(&self.shares.values().copied().collect::<Vec<_>>())
    }

    /// The mean share in the documents; 0 for no questions.
    pub fn document_mean(&self) -> f64 {
        mean(&self.document_shares.values().copied().collect::<Vec<_>>())
    }

    /// How many shares in quotes fall into each fifth of `[0, 1]`; the last one is
    /// closed, `[0.8, 1]`.
    pub fn distribution(&self) -> [usize; Self::N_BINS] {
        let mut bins = [0; Self::N_BINS];
        for share in self.shares.values() {
            let bin = (share * Self::N_BINS as f64) as usize;
            bins[bin.min(Self::N_BINS - 1)] += 1;
        }
        bins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpora::{Evidence, QuestionSplit, QuestionStatus};

    fn overlap(pairs: &[(&str, &[&str])], language: Language) -> LexicalOverlap {
        let questions: Vec<_> = pairs
            .iter()
            .enumerate()
            .map(|(at, (text, quotes))| Question {
                id: at.to_string(),
                question: (*text).to_owned(),
                answer: String::new(),
                kind: if at == 0 { QuestionKind::Why } else { QuestionKind::Fact },
                split: QuestionSplit::Dev,
                status: QuestionStatus::Confirmed,
                evidence: quotes
                    .iter()
                    .map(|quote| Evidence {
                        document: DocumentId::new("d").unwrap(),
                        quote: (*quote).to_owned(),
                        occurrence: 1,
                    })
                    .collect(),
            })
            .collect();
        let text = "# Threads\n\nA borrow of one value. Tea is what he drinks.";
        let texts = Texts::from([(DocumentId::new("d").unwrap(), text.to_owned())]);
        LexicalOverlap::of(&questions, &texts, language)
    }

    #[test]
    fn content_words_count_by_stem_over_all_quotes() {
        let found = overlap(
            &[
                // borrow, value, thread, panick: the first two are quoted.
                (
                    "Why does borrowing my values from a thread panic?",
                    &["A borrow", "of one value"],
                ),
                ("What is it?", &["It is what it is."]),
                ("Which drinks?", &["Tea."]),
                ("Who drinks tea?", &["He drinks the tea."]),
                ("Nobody said?", &[]),
            ],
            Language::English,
        );
        let shares: Vec<_> = found.shares.iter().map(|(id, share)| (id.as_str(), *share)).collect();
        assert_eq!(shares, [("0", 0.5), ("2", 0.0), ("3", 1.0)]);
        assert_eq!(found.mean(), 0.5);
        // In the document stand thread as well, and drink for the second.
        let shares: Vec<_> = found.document_shares.values().copied().collect();
        assert_eq!(shares, [0.75, 1.0, 1.0]);
        assert!((found.document_mean() - 2.75 / 3.0).abs() < 1e-12);
        assert_eq!(found.distribution(), [1, 0, 1, 0, 1]);
        assert_eq!(found.by_kind[&QuestionKind::Why], 0.5);
    }

    #[test]
    fn without_a_list_of_function_words_all_words_count() {
        let found = overlap(&[("Wer hat die Häuser?", &["Das Haus hat er."])], Language::German);
        // wer, hat, die, haus: two of four.
        assert_eq!(found.mean(), 0.5);
    }
}
