//! Pooled judgments: what judges said of passages that systems returned.
//!
//! A question's own quotes are what its author foresaw. Another page may answer
//! it as well, so the passages that several systems ranked high were read and
//! graded. As with evidence, the *quote* that answers is the truth and its span
//! is derived, so judgments hold for every way of chunking: a passage is
//! relevant when it reaches such a quote, and judged when somebody read it.

use std::collections::HashMap;

use engine::{DocumentId, Span};
use serde::{Deserialize, Serialize};

use crate::topics::numbered_lines;

/// The best grade: the passage answers the question by itself.
pub const MAX_GRADE: u8 = 2;

/// What one judge said of one document for one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedDocument {
    /// The question's id.
    pub question: String,
    /// Whose text was read.
    pub document: DocumentId,
    /// [`text_digest`] of the canonical text that was read. With another text
    /// the spans mean nothing and are dropped; the quotes may still be found.
    pub text: String,
    /// What was read: byte spans, ascending, disjoint.
    pub judged: Vec<JudgedSpan>,
    /// What answers the question, fully or in part. Everything else that was
    /// read does not.
    pub relevant: Vec<RelevantQuote>,
    /// Who judged.
    pub judge: String,
    /// When, as `YYYY-MM-DD`.
    pub date: String,
}

impl JudgedDocument {
    /// Adds what the same judge said later of the same document. Of another
    /// text only the later judgment stays.
    pub fn absorb(&mut self, later: Self) {
        if self.text != later.text {
            *self = later;
            return;
        }
        let spans = self.judged.iter().chain(&later.judged).map(|judged| judged.0).collect();
        self.judged = union_spans(spans).into_iter().map(JudgedSpan).collect();
        for quote in later.relevant {
            if !self.relevant.contains(&quote) {
                self.relevant.push(quote);
            }
        }
        self.date = later.date;
    }
}

/// `[start, end]` in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u32; 2]", into = "[u32; 2]")]
pub struct JudgedSpan(pub Span);

impl From<[u32; 2]> for JudgedSpan {
    fn from([start, end]: [u32; 2]) -> Self {
        Self(Span { start, end })
    }
}

impl From<JudgedSpan> for [u32; 2] {
    fn from(JudgedSpan(span): JudgedSpan) -> Self {
        [span.start, span.end]
    }
}

/// A text that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelevantQuote {
    /// Its visible text; white space runs count as one blank.
    pub quote: String,
    /// Which match of the quote in the document, 1-based.
    pub occurrence: usize,
    /// 2: answers by itself. 1: a part of the answer, or what leads to it.
    pub grade: u8,
}

/// A judgment file that breaks its own rules.
#[derive(Debug, thiserror::Error)]
pub enum JudgmentError {
    /// A line is not a judgment.
    #[error("judgments, line {line}: {source}")]
    Json {
        /// 1-based.
        line: usize,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A grade is none.
    #[error(
        "judgments, line {line}: grade {grade} of {quote:?}; a quote that answers has 1 or {MAX_GRADE}"
    )]
    Grade {
        /// 1-based.
        line: usize,
        /// The grade given.
        grade: u8,
        /// Of what.
        quote: String,
    },
    /// Spans overlap, are empty or out of order.
    #[error(
        "judgments, line {line}: the judged span {span:?} is empty or begins before the one before it ends"
    )]
    Span {
        /// 1-based.
        line: usize,
        /// The first that is wrong.
        span: Span,
    },
    /// One judge judged a document twice for a question.
    #[error(
        "judgments, line {line}: {judge:?} has judged {document} for {question:?} on line {first} already"
    )]
    Repeated {
        /// 1-based.
        line: usize,
        /// The earlier line.
        first: usize,
        /// Who.
        judge: String,
        /// What.
        document: DocumentId,
        /// For which question.
        question: String,
    },
}

/// Parses and checks judgments, one JSON object a line.
///
/// # Errors
/// [`JudgmentError`], with the line.
pub fn parse_judgments(jsonl: &str) -> Result<Vec<JudgedDocument>, JudgmentError> {
    let mut judgments: Vec<JudgedDocument> = Vec::new();
    let mut lines: HashMap<(String, DocumentId, String), usize> = HashMap::new();
    for (line, text) in numbered_lines(jsonl) {
        let judged: JudgedDocument =
            serde_json::from_str(text).map_err(|source| JudgmentError::Json { line, source })?;
        let mut end = 0;
        for &JudgedSpan(span) in &judged.judged {
            if span.start < end || span.end <= span.start {
                return Err(JudgmentError::Span { line, span });
            }
            end = span.end;
        }
        for RelevantQuote { quote, grade, .. } in &judged.relevant {
            if !(1..=MAX_GRADE).contains(grade) {
                return Err(JudgmentError::Grade { line, grade: *grade, quote: quote.clone() });
            }
        }
        let key = (judged.question.clone(), judged.document.clone(), judged.judge.clone());
        if let Some(first) = lines.insert(key, line) {
            let JudgedDocument { question, document, judge, .. } = judged;
            return Err(JudgmentError::Repeated { line, first, judge, document, question });
        }
        judgments.push(judged);
    }
    Ok(judgments)
}

/// The judgments over the Rust documentation that come with this version.
///
/// # Errors
/// None in a released version: a test parses the embedded file.
pub fn rust_docs_judgments() -> Result<Vec<JudgedDocument>, JudgmentError> {
    parse_judgments(include_str!("../rust-docs/judgments.jsonl"))
}

/// The same bytes as disjoint spans in order: overlapping and touching ones are
/// one, empty ones vanish.
pub fn union_spans(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| !span.is_empty());
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// 16 hexadecimal digits that tell one canonical text from another.
pub fn text_digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_judgments_are_about_the_embedded_questions() {
        let judgments = rust_docs_judgments().unwrap();
        let questions = crate::rust_docs_questions().unwrap();
        for judged in &judgments {
            assert!(
                questions.iter().any(|question| question.id == judged.question),
                "{}: no such question",
                judged.question
            );
        }
    }

    #[test]
    fn a_later_judgment_adds_to_an_earlier_one() {
        let judged = |text: &str, spans: &[[u32; 2]], quote: &str| JudgedDocument {
            question: "q".into(),
            document: DocumentId::new("d").unwrap(),
            text: text.into(),
            judged: spans.iter().map(|span| JudgedSpan::from(*span)).collect(),
            relevant: vec![RelevantQuote { quote: quote.into(), occurrence: 1, grade: 1 }],
            judge: "a".into(),
            date: "2026-01-01".into(),
        };
        let mut first = judged("0", &[[0, 5], [20, 30]], "x");
        first.absorb(judged("0", &[[4, 9], [30, 31]], "x"));
        assert_eq!(first, judged("0", &[[0, 9], [20, 31]], "x"));
        first.absorb(judged("1", &[[2, 3]], "y"));
        assert_eq!(first, judged("1", &[[2, 3]], "y"));
    }

    #[test]
    fn broken_rules_are_named_with_their_line() {
        let line = |judged: &str, grade: u8| {
            format!(
                "{{\"question\":\"q\",\"document\":\"d\",\"text\":\"0\",\"judged\":{judged},\
                 \"relevant\":[{{\"quote\":\"x\",\"occurrence\":1,\"grade\":{grade}}}],\"judge\":\"a\",\"date\":\"2026-01-01\"}}\n"
            )
        };
        let message = |jsonl: &str| parse_judgments(jsonl).unwrap_err().to_string();
        assert_eq!(parse_judgments(&line("[[0,4],[4,9]]", 2)).unwrap().len(), 1);
        assert!(message(&line("[[0,4]]", 3)).contains("grade 3"));
        assert!(message(&line("[[0,4]]", 0)).contains("grade 0"));
        assert!(message(&line("[[0,4],[3,9]]", 1)).contains("line 1"));
        assert!(message(&line("[[4,4]]", 1)).contains("empty"));
        assert!(message(&line("[[0]]", 1)).contains("line 1"));
        assert!(message(&(line("[]", 1) + &line("[]", 2))).contains("on line 1 already"));
    }
}
