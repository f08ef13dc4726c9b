//! What users said of passages, as judged lines.
//!
//! Feedback of a server becomes what a judge would have filled in: questions by
//! [`super::questions_from_judgments`], or grades of the lines that a replay exports.

use std::collections::HashMap;

use corpora::{LoggedFeedback, text_digest};
use engine::{DocumentId, Searcher, Span};

use super::JudgingLine;
use crate::error::EvalError;

/// The outcome of [`feedback_judgments`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedbackJudgments {
    /// A line for each judged passage of a query, graded 1 or 0, with the number of its
    /// last judgment, from 1; in the order of these numbers.
    pub lines: Vec<(usize, JudgingLine)>,
    /// Judgments from which something was redacted: what was asked is not known.
    pub n_redacted: usize,
    /// Judgments of a passage that was judged for the same query again: the last word
    /// counts.
    pub n_replaced: usize,
    /// Judgments of documents that the index does not hold, or holds with another text.
    pub n_outdated: usize,
}

/// Makes judged lines of feedback.
///
/// A filter is not part of what is judged: whether a passage answers does not depend on
/// what else might have been found.
///
/// # Arguments
/// * `feedback` - of one collection, oldest first.
/// * `searcher` - an index that holds the documents.
///
/// # Errors
/// [`EvalError::Segment`] when a document is damaged.
pub fn feedback_judgments(
    feedback: &[LoggedFeedback],
    searcher: &Searcher,
) -> Result<FeedbackJudgments, EvalError> {
    let mut made = FeedbackJudgments::default();
    let mut last: HashMap<(&str, &DocumentId, &str, Span), usize> = HashMap::new();
    for (at, judged) in feedback.iter().enumerate() {
        if !judged.redactions.is_empty() {
            made.n_redacted += 1;
            continue;
        }
        let LoggedFeedback { query, document, text, span, .. } = judged;
        if last.insert((query, document, text, *span), at).is_some() {
            made.n_replaced += 1;
        }
    }
    let mut places: Vec<usize> = last.into_values().collect();
    places.sort_unstable();
    for at in places {
        let LoggedFeedback { relevant, query, document, text, span, .. } = &feedback[at];
        let stored = searcher.document(document)?;
        let same = stored.filter(|stored| text_digest(&stored.text) == *text);
        let Some(passage) = same.as_ref().and_then(|stored| span.slice(&stored.text)) else {
            made.n_outdated += 1;
            continue;
        };
        let line = JudgingLine {
            query: query.clone(),
            document: document.clone(),
            span: [span.start, span.end],
            text: Some(passage.to_owned()),
            logged_rank: None,
            replayed_rank: None,
            grade: Some(u8::from(*relevant)),
            quote: None,
            answer: None,
            kind: None,
        };
        made.lines.push((at + 1, line));
    }
    Ok(made)
}

impl FeedbackJudgments {
    /// Grades the lines whose passages users have judged for their queries; returns how
    /// many.
    pub fn grade(&self, lines: &mut [JudgingLine]) -> usize {
        let grades: HashMap<_, _> =
            self.lines.iter().map(|(_, line)| (passage(line), line.grade)).collect();
        let mut n_graded = 0;
        for line in lines {
            if let Some(grade) = grades.get(&passage(line)) {
                line.grade = *grade;
                n_graded += 1;
            }
        }
        n_graded
    }
}

fn passage(line: &JudgingLine) -> (String, DocumentId, [u32; 2]) {
    (line.query.clone(), line.document.clone(), line.span)
}
