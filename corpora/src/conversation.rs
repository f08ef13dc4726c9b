//! Conversations that end in a follow-up, with what is meant and what proves its answer:
//! this project's own ground truth for several turns over the Rust documentation.
//!
//! The format, and how they were written, is described in `corpora/rust-docs/README.md`.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::question::{
    Evidence, Question, QuestionError, QuestionKind, QuestionSplit, QuestionStatus,
};
use crate::topics::numbered_lines;

/// How a follow-up hangs on what came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConversationKind {
    /// A word stands for something said before.
    Pronoun,
    /// Words are left out.
    Ellipsis,
    /// The subject goes on without being named.
    Topic,
    /// Something else is asked of what was asked about.
    Comparison,
    /// What was asked before was meant otherwise.
    Correction,
    /// Another subject: the history must not leak into the query.
    Switch,
    /// The same subject, asked whole: likewise.
    SelfContained,
}

impl ConversationKind {
    /// Whether the follow-up means nothing without its history.
    pub fn needs_history(self) -> bool {
        match self {
            Self::Pronoun | Self::Ellipsis | Self::Topic | Self::Comparison | Self::Correction => {
                true
            }
            Self::Switch | Self::SelfContained => false,
        }
    }
}

/// What was asked and answered before.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// In a user's words.
    pub question: String,
    /// In a sentence or two.
    pub answer: String,
}

/// A conversation with its last question.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    /// Unique.
    pub id: String,
    /// Which half it belongs to.
    pub split: QuestionSplit,
    /// What came before, oldest first; at least one exchange.
    pub history: Vec<Exchange>,
    /// What is asked now.
    pub follow_up: String,
    /// What is meant, as a question that a person made whole.
    pub standalone: String,
    /// How it hangs on what came before.
    pub kind: ConversationKind,
    /// The passages that prove its answer, at least one.
    pub evidence: Vec<Evidence>,
}

impl Conversation {
    /// The question that it ends in, worded as `text`.
    pub fn asking(&self, text: impl Into<String>) -> Question {
        Question {
            id: self.id.clone(),
            question: text.into(),
            answer: String::new(),
            kind: QuestionKind::Fact,
            split: self.split,
            status: QuestionStatus::default(),
            evidence: self.evidence.clone(),
        }
    }
}

/// Parses and checks conversations, one JSON object a line.
///
/// # Errors
/// [`QuestionError`], with the line. A conversation without history is told as a line
/// that does not parse.
pub fn parse_conversations(jsonl: &str) -> Result<Vec<Conversation>, QuestionError> {
    let mut conversations: Vec<Conversation> = Vec::new();
    let mut ids = HashSet::new();
    for (line, text) in numbered_lines(jsonl) {
        let parsed: Conversation =
            serde_json::from_str(text).map_err(|source| QuestionError::Json { line, source })?;
        let id = parsed.id.clone();
        if parsed.history.is_empty() {
            let source = serde::de::Error::custom("`history` is empty; it must have an exchange");
            return Err(QuestionError::Json { line, source });
        }
        if !ids.insert(id.clone()) {
            return Err(QuestionError::RepeatedId { line, id });
        }
        if parsed.evidence.is_empty() {
            return Err(QuestionError::EvidenceCount { line, id, found: 0 });
        }
        let is_bad = |it: &Evidence| it.quote.trim().is_empty() || it.occurrence == 0;
        if parsed.evidence.iter().any(is_bad) {
            return Err(QuestionError::Quote { line, id });
        }
        conversations.push(parsed);
    }
    Ok(conversations)
}

/// The conversations over the Rust documentation that come with this version.
///
/// # Errors
/// None in a released version: a test parses the embedded file.
pub fn rust_docs_conversations() -> Result<Vec<Conversation>, QuestionError> {
    parse_conversations(include_str!("../rust-docs/conversations.jsonl"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::question::rust_docs_questions;

    #[test]
    fn conversations_keep_to_the_splits_of_the_questions() {
        let questions = rust_docs_questions().unwrap();
        let mut splits = HashMap::new();
        for question in &questions {
            for evidence in &question.evidence {
                splits.insert(evidence.document.clone(), question.split);
            }
        }
        let conversations = rust_docs_conversations().unwrap();
        assert_eq!(conversations.len(), 120);
        for conversation in &conversations {
            for evidence in &conversation.evidence {
                let split = splits.entry(evidence.document.clone()).or_insert(conversation.split);
                assert_eq!(*split, conversation.split, "{}", conversation.id);
            }
        }
    }

    #[test]
    fn a_conversation_that_says_too_little_is_refused_with_its_line() {
        let line = |history: &str, evidence: &str| {
            format!(
                r#"{{"id":"a","split":"dev","history":[{history}],"follow_up":"why?","standalone":"why b?","kind":"ellipsis","evidence":[{evidence}]}}"#
            )
        };
        let (said, proof) =
            (r#"{"question":"b?","answer":"c"}"#, r#"{"document":"d","quote":"q","occurrence":1}"#);
        let whole = line(said, proof);
        assert_eq!(parse_conversations(&whole).unwrap()[0].asking("x").question, "x");
        let told = |jsonl: &str| parse_conversations(jsonl).unwrap_err().to_string();
        assert!(
            told(&line("", proof)).contains("line 1") && told(&line("", proof)).contains("history")
        );
        assert!(told(&line(said, "")).contains("0 passages"));
        assert!(told(&format!("{whole}\n{whole}")).contains("line 2"));
        let blank = proof.replace("\"q\"", "\" \"");
        assert!(told(&line(said, &blank)).contains("blank quote"));
    }
}
