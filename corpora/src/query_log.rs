//! The query log: what was asked of a server and what it answered, a JSON
//! object a line.
//!
//! The server writes it, `trovato eval replay` reads it; docs/evaluate-your-own.md
//! describes the fields. A line holds what decides a ranking and the ranking
//! itself. It does not hold the passages' texts, which the index has, nor the
//! deadline, which depends on the day and not on the question.

use std::collections::BTreeMap;

use engine::{DocumentId, Span};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::redaction::{Redaction, RedactionRule};
use crate::topics::numbered_lines;

/// One search that was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedSearch {
    /// When it was answered: RFC 3339, UTC, to the millisecond.
    pub time: String,
    /// The collection that was searched.
    pub collection: String,
    /// Generation of its index.
    pub generation: u64,
    /// The part of all searches that was kept, in (0, 1]: each kept one stands for
    /// `1 / sample`. Absent where all were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<f64>,
    /// What was asked.
    pub request: LoggedRequest,
    /// How often each rule replaced something in the request. Absent when
    /// nothing was: the request then stands as it was asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redactions: BTreeMap<RedactionRule, usize>,
    /// The hits returned, best first.
    pub hits: Vec<LoggedHit>,
    /// Wall time by stage, in milliseconds.
    pub timings_ms: BTreeMap<String, f64>,
    /// Stages that were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<String>,
}

/// What of a request decides its result; names as in the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LoggedRequest {
    /// The words, after redaction.
    pub query: String,
    /// Whether the client gave the query's vector, which is not logged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_vector: bool,
    /// `lexical`, `dense` or `hybrid`.
    pub strategy: String,
    /// How the legs were fused: `dbsf:0.5`. Absent for a single leg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fusion: Option<String>,
    /// Hits asked for.
    pub top: usize,
    /// Candidates of each leg, where the client chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<usize>,
    /// What was searched for besides the query: `feedback:3:0.5`. Absent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expand: Option<String>,
    /// What reranked; absent where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerank: Option<String>,
    /// Candidates that might be reranked, where it was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerank_depth: Option<usize>,
    /// The filter expression, after redaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Most hits of one document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_document: Option<usize>,
    /// Whether words one edit away matched.
    #[serde(default)]
    pub typos: bool,
    /// Whether near-duplicates were hits of their own.
    #[serde(default)]
    pub list_near_duplicates: bool,
}

/// A passage that was returned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedHit {
    /// The document it stands in.
    pub document: DocumentId,
    /// Its bytes in the document's canonical text, `[start, end]`.
    #[serde(with = "span_pair")]
    pub span: Span,
    /// Comparable within this result only.
    pub score: f64,
}

/// A span as `[start, end]`, as in the HTTP API.
pub(crate) mod span_pair {
    use engine::Span;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
        [span.start, span.end].serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Span, D::Error> {
        let [start, end] = <[u32; 2]>::deserialize(deserializer)?;
        Ok(Span { start, end })
    }
}

impl LoggedSearch {
    /// Replaces in the request what `redaction` finds, and counts it.
    ///
    /// The ids of the hits stay: they name documents of the collection, which
    /// whoever reads the log can read anyway.
    pub fn redact(&mut self, redaction: &Redaction) {
        let LoggedRequest { query, filter, .. } = &mut self.request;
        *query = redaction.apply(query, &mut self.redactions);
        if let Some(filter) = filter {
            *filter = redaction.apply(filter, &mut self.redactions);
        }
    }

    /// The search as a line, without its line end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("plain data with string keys serialises")
    }
}

/// A query log that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("query log, line {line}: {source}")]
pub struct QueryLogError {
    /// 1-based.
    pub line: usize,
    /// What the parser said.
    #[source]
    source: serde_json::Error,
}

/// Reads a query log, oldest search first.
///
/// # Errors
/// [`QueryLogError`], with the line. A last line without a line end that does
/// not parse is what a killed server leaves: it is no error and not returned.
pub fn parse_query_log(jsonl: &str) -> Result<Vec<LoggedSearch>, QueryLogError> {
    parse_log_lines(jsonl).map_err(|(line, source)| QueryLogError { line, source })
}

/// The lines of a server's log but for one that a killed server broke off; the error
/// has its line, 1-based.
pub(crate) fn parse_log_lines<T: DeserializeOwned>(
    jsonl: &str,
) -> Result<Vec<T>, (usize, serde_json::Error)> {
    let mut entries = Vec::new();
    let mut lines = numbered_lines(jsonl).peekable();
    while let Some((line, text)) = lines.next() {
        match serde_json::from_str(text) {
            Ok(entry) => entries.push(entry),
            Err(_) if lines.peek().is_none() && !jsonl.ends_with('\n') => {}
            Err(source) => return Err((line, source)),
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(query: &str) -> LoggedSearch {
        LoggedSearch {
            time: "2026-01-02T03:04:05.678Z".to_owned(),
            collection: "notes".to_owned(),
            generation: 3,
            sample: None,
            request: LoggedRequest {
                own_vector: false,
                query: query.to_owned(),
                strategy: "hybrid".to_owned(),
                fusion: Some("dbsf:0.5".to_owned()),
                top: 10,
                depth: None,
                expand: None,
                rerank: None,
                rerank_depth: None,
                filter: Some("author = \"ann@example.org\"".to_owned()),
                per_document: None,
                typos: false,
                list_near_duplicates: false,
            },
            redactions: BTreeMap::new(),
            hits: vec![LoggedHit {
                document: DocumentId::new("notes/a.md").unwrap(),
                span: Span::new(3, 9),
                score: 0.25,
            }],
            timings_ms: BTreeMap::from([("total".to_owned(), 1.5)]),
            degraded: Vec::new(),
        }
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let searches = [search("a\nb \"c\""), search("ü")];
        let log: String = searches.iter().map(|search| search.to_line() + "\n").collect();
        assert_eq!(log.lines().count(), 2);
        assert!(log.contains(r#""span":[3,9]"#) && !log.contains("redactions"), "{log}");
        assert_eq!(parse_query_log(&log).unwrap(), searches);
    }

    #[test]
    fn query_and_filter_are_redacted_and_counted_together() {
        let mut search = search("mail bob@example.org");
        search.redact(&Redaction::default());
        assert_eq!(search.request.query, "mail [email]");
        assert_eq!(search.request.filter.as_deref(), Some("author = \"[email]\""));
        assert_eq!(search.redactions, BTreeMap::from([(RedactionRule::Email, 2)]));
        assert!(!search.to_line().contains('@'));
    }

    #[test]
    fn only_the_end_of_a_killed_writer_is_forgiven() {
        let whole = search("a").to_line();
        let torn = &whole[..whole.len() / 2];
        assert_eq!(parse_query_log(&format!("{whole}\n{torn}")).unwrap().len(), 1);
        for damaged in [format!("{torn}\n{whole}\n"), format!("{whole}\n{torn}\n")] {
            assert!(parse_query_log(&damaged).is_err());
        }
        let error = parse_query_log(&format!("{torn}\n{whole}\n")).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
