//! Feedback: what those who searched said of passages, a JSON object a line.
//!
//! The server writes it, `trovato eval adopt --feedback` makes questions of it and
//! `trovato eval replay --feedback` grades of the passages it exports. A line names
//! the text that was judged by its digest: spans of another text mean nothing.

use std::collections::BTreeMap;

use engine::{DocumentId, Span};
use serde::{Deserialize, Serialize};

use crate::query_log::{parse_log_lines, span_pair};
use crate::redaction::{Redaction, RedactionRule};

/// A judgment of one passage for one query.
///
/// `relevant` stands first: a server knows its own file by how it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedFeedback {
    /// Whether the passage answers the query.
    pub relevant: bool,
    /// When it was said: RFC 3339, UTC, to the millisecond.
    pub time: String,
    /// The collection.
    pub collection: String,
    /// Generation of its index.
    pub generation: u64,
    /// The words, after redaction.
    pub query: String,
    /// The filter expression, after redaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// How often each rule replaced something in query or filter; absent when none did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redactions: BTreeMap<RedactionRule, usize>,
    /// The document the passage stands in.
    pub document: DocumentId,
    /// [`crate::text_digest`] of its canonical text.
    pub text: String,
    /// The passage's bytes in it, `[start, end]`.
    #[serde(with = "span_pair")]
    pub span: Span,
}

impl LoggedFeedback {
    /// Replaces in query and filter what `redaction` finds, and counts it.
    pub fn redact(&mut self, redaction: &Redaction) {
        self.query = redaction.apply(&self.query, &mut self.redactions);
        if let Some(filter) = &mut self.filter {
            *filter = redaction.apply(filter, &mut self.redactions);
        }
    }

    /// The judgment as a line, without its line end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("plain data with string keys serialises")
    }
}

/// Feedback that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("feedback, line {line}: {source}")]
pub struct FeedbackError {
    /// 1-based.
    pub line: usize,
    /// What the parser said.
    #[source]
    source: serde_json::Error,
}

/// Reads feedback, oldest first.
///
/// # Errors
/// [`FeedbackError`], with the line. A last line without a line end that does not
/// parse is what a killed server leaves: it is no error and not returned.
pub fn parse_feedback(jsonl: &str) -> Result<Vec<LoggedFeedback>, FeedbackError> {
    parse_log_lines(jsonl).map_err(|(line, source)| FeedbackError { line, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_and_knows_its_redactions() {
        let mut feedback = LoggedFeedback {
            relevant: true,
            time: "2026-01-02T03:04:05.678Z".to_owned(),
            collection: "notes".to_owned(),
            generation: 3,
            query: "mail ann@example.org".to_owned(),
            filter: Some("lang = en".to_owned()),
            redactions: BTreeMap::new(),
            document: DocumentId::new("notes/a.md").unwrap(),
            text: "0123456789abcdef".to_owned(),
            span: Span::new(3, 9),
        };
        feedback.redact(&Redaction::default());
        assert_eq!(feedback.query, "mail [email]");
        assert_eq!(feedback.redactions, BTreeMap::from([(RedactionRule::Email, 1)]));
        let line = feedback.to_line();
        assert!(line.starts_with(r#"{"relevant":true,"#) && line.contains(r#""span":[3,9]"#));
        let torn = &line[..line.len() / 2];
        assert_eq!(parse_feedback(&format!("{line}\n{torn}")).unwrap(), [feedback]);
        let error = parse_feedback(&format!("{line}\n{torn}\n")).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
