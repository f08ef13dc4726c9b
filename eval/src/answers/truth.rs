//! What a right answer is: the passages that prove it, and how it may be worded.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use corpora::{BeirCollection, Question, QuestionKind};
use engine::{DocumentId, QuoteFolding, QuotedText, Searcher, Span};
use serde::Deserialize;

use crate::error::EvalError;
use crate::questions::{EvidencePassage, UnresolvedQuote, resolve_questions};

/// Something an answer must rest on: any one of these places.
pub type Need = Vec<EvidencePassage>;

/// A question with its truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerQuestion {
    /// Its id.
    pub id: String,
    /// What is asked.
    pub text: String,
    /// What an answer must rest on; empty where nothing in the index answers.
    pub needs: Vec<Need>,
    /// How it may be worded; empty where nobody wrote that down.
    pub expected: Vec<String>,
}

impl AnswerQuestion {
    /// Whether the index holds an answer.
    pub fn is_answerable(&self) -> bool {
        !self.needs.is_empty()
    }

    /// The needs that a passage meets: those it shares a byte with.
    pub(super) fn met_by(&self, document: &DocumentId, span: Span) -> Vec<usize> {
        let meets =
            |place: &EvidencePassage| place.document == *document && place.span.overlaps(span);
        (0..self.needs.len()).filter(|&at| self.needs[at].iter().any(meets)).collect()
    }
}

/// Questions that are asked together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerSet {
    /// By ascending id: intervals depend on the order.
    pub questions: Vec<AnswerQuestion>,
    /// Quotes that the index does not hold; their questions are left out.
    pub unresolved: Vec<UnresolvedQuote>,
    /// Questions whose answer strings the judged document does not hold, likewise.
    pub n_without_place: usize,
}

impl AnswerSet {
    /// Questions with quoted evidence, and those that nothing answers.
    ///
    /// # Errors
    /// [`EvalError::Segment`] when a document cannot be read.
    pub fn of_questions(searcher: &Searcher, questions: &[Question]) -> Result<Self, EvalError> {
        let resolved = resolve_questions(searcher, questions)?;
        let expected: HashMap<&str, &str> = questions
            .iter()
            .map(|question| (question.id.as_str(), question.answer.as_str()))
            .collect();
        let answerable = resolved.questions.into_iter().map(|question| AnswerQuestion {
            expected: expected
                .get(question.id.as_str())
                .map(|&text| text.to_owned())
                .into_iter()
                .collect(),
            needs: question.evidence.into_iter().map(|place| vec![place]).collect(),
            id: question.id,
            text: question.text,
        });
        let unanswerable = questions
            .iter()
            .filter(|question| question.kind == QuestionKind::Unanswerable)
            .map(|question| AnswerQuestion {
                id: question.id.clone(),
                text: question.question.clone(),
                needs: Vec::new(),
                expected: Vec::new(),
            });
        let mut questions: Vec<_> = answerable.chain(unanswerable).collect();
        questions.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self { questions, unresolved: resolved.unresolved, n_without_place: 0 })
    }

    /// The topics of a collection whose answers are strings: an answer must rest on a
    /// place where the judged document has one of them.
    ///
    /// # Arguments
    /// * `answers` - JSON lines with `_id`, the topic, and `answers`, its strings.
    ///
    /// # Errors
    /// [`EvalError::Io`] and [`EvalError::AnswerFile`] with the line;
    /// [`EvalError::Segment`] when a document cannot be read.
    pub fn of_collection(
        searcher: &Searcher,
        collection: &BeirCollection,
        answers: &Path,
    ) -> Result<Self, EvalError> {
        let answers = read_answers(answers)?;
        let mut set = Self::default();
        for topic in &collection.topics {
            let Some(expected) = answers.get(&topic.id) else { continue };
            let judged = collection.qrels.topic(&topic.id).into_iter().flatten();
            let mut places = Need::new();
            for (document, _) in judged.filter(|(_, grade)| **grade > 0) {
                places.extend(places_of(searcher, document, expected)?);
            }
            if places.is_empty() {
                set.n_without_place += 1;
                continue;
            }
            set.questions.push(AnswerQuestion {
                id: topic.id.clone(),
                text: topic.text.clone(),
                needs: vec![places],
                expected: expected.clone(),
            });
        }
        set.questions.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(set)
    }
}

/// Where a document has one of the strings.
fn places_of(
    searcher: &Searcher,
    document: &DocumentId,
    strings: &[String],
) -> Result<Need, EvalError> {
    let Some(stored) = searcher.document(document)? else { return Ok(Need::new()) };
    let text = QuotedText::new(&stored.text, QuoteFolding::WhiteSpace);
    let holder = stored.duplicate_of.unwrap_or(stored.id);
    let found = strings.iter().flat_map(|string| text.find(string).collect::<Vec<_>>());
    Ok(found.map(|span| EvidencePassage { document: holder.clone(), span }).collect())
}

#[derive(Deserialize)]
struct AnswerLine {
    #[serde(rename = "_id")]
    id: String,
    answers: Vec<String>,
}

fn read_answers(path: &Path) -> Result<HashMap<String, Vec<String>>, EvalError> {
    let file = File::open(path).map_err(EvalError::io(path))?;
    let mut answers = HashMap::new();
    for (at, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(EvalError::io(path))?;
        if line.trim().is_empty() {
            continue;
        }
        let AnswerLine { id, answers: strings } =
            serde_json::from_str(&line).map_err(|source| EvalError::AnswerFile {
                path: path.to_owned(),
                line: at + 1,
                source,
            })?;
        answers.insert(id, strings);
    }
    Ok(answers)
}
