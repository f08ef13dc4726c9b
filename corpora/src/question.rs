//! Questions with the quotes that prove their answers: this project's own
//! ground truth over the Rust documentation.
//!
//! The file is part of the binary, so the demo evaluates itself without a
//! checkout. Its format, and how the questions were written, is described in
//! `corpora/rust-docs/README.md`.

use std::collections::HashSet;

use engine::DocumentId;
use serde::{Deserialize, Serialize};

use crate::topics::numbered_lines;

/// What a question asks for; results are reported per kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionKind {
    /// One statement.
    Fact,
    /// A procedure or a piece of code.
    HowTo,
    /// A reason.
    Why,
    /// A compiler error by its code.
    ErrorCode,
    /// A name, a flag, an attribute.
    Identifier,
    /// How two things differ.
    Comparison,
    /// An answer that needs several passages.
    MultiPassage,
    /// Nothing in the corpus answers it: the right result is to say so.
    Unanswerable,
}

/// Which half a question belongs to. No page serves both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionSplit {
    /// For choosing and tuning.
    Dev,
    /// For reporting, and nothing else.
    Test,
}

/// Whether a person stands behind a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionStatus {
    /// Written or checked by a person; what a question without the field is.
    #[default]
    Confirmed,
    /// A draft made from the document's own words, which nobody has read yet.
    Unconfirmed,
}

impl QuestionKind {
    /// The name in question files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fact => "fact",
            Self::HowTo => "how-to",
            Self::Why => "why",
            Self::ErrorCode => "error-code",
            Self::Identifier => "identifier",
            Self::Comparison => "comparison",
            Self::MultiPassage => "multi-passage",
            Self::Unanswerable => "unanswerable",
        }
    }
}

impl QuestionSplit {
    /// The name in question files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Test => "test",
        }
    }
}

impl QuestionStatus {
    /// Whether nobody has read the question yet.
    pub fn is_unconfirmed(self) -> bool {
        self == Self::Unconfirmed
    }

    // By reference, as serde's `skip_serializing_if` asks.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A passage that proves an answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Where it stands.
    pub document: DocumentId,
    /// Its visible text; white space runs count as one blank.
    pub quote: String,
    /// Which match of the quote in the document, 1-based.
    pub occurrence: usize,
}

/// A question, its answer, and the passages that prove it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Unique.
    pub id: String,
    /// In a user's words.
    pub question: String,
    /// In a sentence.
    pub answer: String,
    /// What it asks for.
    pub kind: QuestionKind,
    /// Which half it belongs to.
    pub split: QuestionSplit,
    /// Whether a person stands behind it.
    #[serde(default, skip_serializing_if = "QuestionStatus::is_default")]
    pub status: QuestionStatus,
    /// Empty iff the question is unanswerable.
    pub evidence: Vec<Evidence>,
}

/// A question file that breaks its own rules.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// A line is not a question.
    #[error("questions, line {line}: {source}")]
    Json {
        /// 1-based.
        line: usize,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// Two questions share an id.
    #[error("questions, line {line}: the id {id:?} occurs a second time")]
    RepeatedId {
        /// 1-based.
        line: usize,
        /// The id.
        id: String,
    },
    /// A question has no evidence although it is answerable, or the reverse.
    #[error(
        "questions, line {line}: {id:?} has {found} passages of evidence; unanswerable questions have none, all others at least one"
    )]
    EvidenceCount {
        /// 1-based.
        line: usize,
        /// The question's id.
        id: String,
        /// Number of passages given.
        found: usize,
    },
    /// A quote is blank, or its occurrence is 0.
    #[error(
        "questions, line {line}: {id:?} has a blank quote, or an occurrence of 0 (the first is 1)"
    )]
    Quote {
        /// 1-based.
        line: usize,
        /// The question's id.
        id: String,
    },
}

/// Parses and checks questions, one JSON object a line.
///
/// # Errors
/// [`QuestionError`], with the line.
pub fn parse_questions(jsonl: &str) -> Result<Vec<Question>, QuestionError> {
    let mut questions: Vec<Question> = Vec::new();
    let mut ids = HashSet::new();
    for (line, text) in numbered_lines(jsonl) {
        let question: Question =
            serde_json::from_str(text).map_err(|source| QuestionError::Json { line, source })?;
        let id = question.id.clone();
        if !ids.insert(id.clone()) {
            return Err(QuestionError::RepeatedId { line, id });
        }
        let found = question.evidence.len();
        if (question.kind == QuestionKind::Unanswerable) != (found == 0) {
            return Err(QuestionError::EvidenceCount { line, id, found });
        }
        if question
            .evidence
            .iter()
            .any(|evidence| evidence.quote.trim().is_empty() || evidence.occurrence == 0)
        {
            return Err(QuestionError::Quote { line, id });
        }
        questions.push(question);
    }
    Ok(questions)
}

/// Questions as a file: one JSON object a line, which [`parse_questions`] reads
/// back.
pub fn questions_to_jsonl(questions: &[Question]) -> String {
    questions
        .iter()
        .map(|question| {
            let line = serde_json::to_string(question).expect("plain data serialises");
            line + "\n"
        })
        .collect()
}

/// The questions over the Rust documentation that come with this version.
///
/// # Errors
/// None in a released version: a test parses the embedded file.
pub fn rust_docs_questions() -> Result<Vec<Question>, QuestionError> {
    parse_questions(include_str!("../rust-docs/questions.jsonl"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn no_page_serves_both_splits() {
        let questions = rust_docs_questions().unwrap();
        let mut splits: HashMap<DocumentId, (QuestionSplit, String)> = HashMap::new();
        for question in &questions {
            for evidence in &question.evidence {
                let (split, id) = splits
                    .entry(evidence.document.clone())
                    .or_insert_with(|| (question.split, question.id.clone()));
                assert_eq!(
                    *split, question.split,
                    "{}: {} and {id}",
                    evidence.document, question.id
                );
            }
        }
    }

    #[test]
    fn no_question_is_asked_twice() {
        let mut seen = HashMap::new();
        for question in rust_docs_questions().unwrap() {
            if let Some(other) = seen.insert(question.question.to_lowercase(), question.id.clone())
            {
                panic!("{} asks the same as {other}", question.id);
            }
        }
    }

    #[test]
    fn a_file_is_read_as_it_is_written() {
        let questions = rust_docs_questions().unwrap();
        let written = questions_to_jsonl(&questions);
        assert_eq!(parse_questions(&written).unwrap(), questions);
        assert!(!written.contains("\"status\":"), "confirmed is what a line without the field is");
        for question in &questions {
            let kind = serde_json::to_string(&question.kind).unwrap();
            let split = serde_json::to_string(&question.split).unwrap();
            assert_eq!(kind, format!("\"{}\"", question.kind.name()));
            assert_eq!(split, format!("\"{}\"", question.split.name()));
        }
        let draft = Question {
            status: QuestionStatus::Unconfirmed,
            ..questions.into_iter().next().unwrap()
        };
        let written = questions_to_jsonl(std::slice::from_ref(&draft));
        assert!(written.contains(r#""status":"unconfirmed""#), "{written}");
        assert_eq!(parse_questions(&written).unwrap(), [draft]);
    }

    #[test]
    fn broken_rules_are_named_with_their_line() {
        let line = |id: &str, kind: &str, evidence: &str| {
            format!(
                "{{\"id\":\"{id}\",\"question\":\"q\",\"answer\":\"a\",\"kind\":\"{kind}\",\"split\":\"dev\",\"evidence\":{evidence}}}\n"
            )
        };
        let quote = r#"[{"document":"d","quote":"x","occurrence":1}]"#;
        let check = |jsonl: String, expected: &str| {
            let message = parse_questions(&jsonl).unwrap_err().to_string();
            assert!(message.contains(expected), "{jsonl}: {message}");
        };
        assert_eq!(
            parse_questions(&(line("1", "fact", quote) + &line("2", "unanswerable", "[]")))
                .unwrap()
                .len(),
            2
        );
        check(line("1", "fact", quote) + &line("1", "how-to", quote), "line 2: the id \"1\"");
        check(line("1", "fact", "[]"), "0 passages");
        check(line("1", "unanswerable", quote), "1 passages");
        check(line("1", "rumour", quote), "line 1: unknown variant `rumour`");
        check(line("1", "fact", r#"[{"document":"d","quote":" ","occurrence":1}]"#), "blank quote");
        check(
            line("1", "fact", r#"[{"document":"d","quote":"x","occurrence":0}]"#),
            "occurrence of 0",
        );
    }
}
