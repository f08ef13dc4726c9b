//! Disagreements as a file for judging, and judgments as questions.
//!
//! A line is a passage that at least one of the two rankings returned. Who
//! judges fills in `grade`, and may narrow the passage to the words that answer
//! (`quote`), give the `answer` and the `kind`. The passages of a query are in
//! the order of their documents, not of either ranking, so that neither is
//! favoured by being read first.

use std::collections::{BTreeMap, HashMap};

use corpora::{Evidence, Question, QuestionKind, QuestionSplit, QuestionStatus};
use engine::{DocumentId, Searcher, Span, quote_occurrence, resolve_quote};
use serde::{Deserialize, Serialize};

use super::ReplayedQuery;
use crate::error::EvalError;
use crate::splits::assign_splits;

/// A passage to be judged for a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgingLine {
    /// What was asked.
    pub query: String,
    /// The document the passage stands in.
    pub document: DocumentId,
    /// Its bytes in the document's canonical text.
    pub span: [u32; 2],
    /// The passage; absent when the index does not hold these bytes, as for a
    /// document that has changed since it was logged.
    pub text: Option<String>,
    /// Where the user saw it, 1-based.
    pub logged_rank: Option<usize>,
    /// Where the configuration returns it, 1-based.
    pub replayed_rank: Option<usize>,
    /// The judgment: 0 for not relevant, higher for more so. Absent: not judged.
    #[serde(default)]
    pub grade: Option<u8>,
    /// The words of the passage that answer; absent for all of it.
    #[serde(default)]
    pub quote: Option<String>,
    /// The answer in a sentence; absent for the quote itself.
    #[serde(default)]
    pub answer: Option<String>,
    /// What the query asks for; absent for a fact, or for an answer of several
    /// passages where several are relevant.
    #[serde(default)]
    pub kind: Option<QuestionKind>,
}

/// The passages of `queries` with their texts, to be judged.
///
/// # Errors
/// [`EvalError::Segment`] when a document is damaged.
pub fn judging_lines(
    queries: &[&ReplayedQuery],
    searcher: &Searcher,
) -> Result<Vec<JudgingLine>, EvalError> {
    let mut lines = Vec::new();
    for query in queries {
        let mut passages: BTreeMap<(&DocumentId, Span), [Option<usize>; 2]> = BTreeMap::new();
        for (side, hits) in [&query.logged, &query.replayed].into_iter().enumerate() {
            for (at, hit) in hits.iter().enumerate() {
                passages.entry((&hit.document, hit.span)).or_default()[side].get_or_insert(at + 1);
            }
        }
        for ((document, span), [logged_rank, replayed_rank]) in passages {
            let stored = searcher.document(document)?;
            lines.push(JudgingLine {
                query: query.request.query.clone(),
                document: document.clone(),
                span: [span.start, span.end],
                text: stored.and_then(|stored| span.slice(&stored.text).map(str::to_owned)),
                logged_rank,
                replayed_rank,
                grade: None,
                quote: None,
                answer: None,
                kind: None,
            });
        }
    }
    Ok(lines)
}

/// Reads judged lines, each with its 1-based line number.
///
/// # Errors
/// [`EvalError::Judgment`], with the line.
pub fn parse_judging_lines(jsonl: &str) -> Result<Vec<(usize, JudgingLine)>, EvalError> {
    jsonl
        .lines()
        .enumerate()
        .map(|(at, text)| (at + 1, text))
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(line, text)| {
            let judged = serde_json::from_str(text)
                .map_err(|error| EvalError::Judgment { line, reason: error.to_string() })?;
            Ok((line, judged))
        })
        .collect()
}

/// What [`questions_from_judgments`] made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JudgedQuestions {
    /// A question for each query with a relevant passage; confirmed.
    pub questions: Vec<Question>,
    /// Queries of which no passage was judged.
    pub n_unjudged: usize,
    /// Queries whose judged passages are all irrelevant. No question is made:
    /// that these passages do not answer does not mean that nothing does.
    pub n_without_relevant: usize,
}

/// Makes a question of every query that has a relevant passage.
///
/// Relevant passages (grade 1 and more) become its evidence, the best graded
/// first, one that overlaps an earlier one left out. Splits are assigned by
/// document.
///
/// # Arguments
/// * `judged` - with their line numbers, as [`parse_judging_lines`] gives them.
/// * `searcher` - an index that holds the documents; quotes are looked up in it.
///
/// # Errors
/// [`EvalError::Judgment`] with the line whose quote does not stand in its
/// passage; [`EvalError::Segment`].
pub fn questions_from_judgments(
    judged: &[(usize, JudgingLine)],
    searcher: &Searcher,
) -> Result<JudgedQuestions, EvalError> {
    let mut order: Vec<&str> = Vec::new();
    let mut by_query: HashMap<&str, Vec<&(usize, JudgingLine)>> = HashMap::new();
    for line in judged {
        let lines = by_query.entry(&line.1.query).or_default();
        if lines.is_empty() {
            order.push(&line.1.query);
        }
        lines.push(line);
    }
    let mut made = JudgedQuestions::default();
    for query in order {
        let lines = &by_query[query];
        let mut relevant: Vec<_> =
            lines.iter().filter(|(_, line)| line.grade.is_some_and(|grade| grade > 0)).collect();
        if relevant.is_empty() {
            if lines.iter().any(|(_, line)| line.grade.is_some()) {
                made.n_without_relevant += 1;
            } else {
                made.n_unjudged += 1;
            }
            continue;
        }
        relevant.sort_by_key(|(_, line)| std::cmp::Reverse(line.grade));
        let mut evidence = Vec::new();
        let mut spans: Vec<(&DocumentId, Span)> = Vec::new();
        for (number, line) in relevant.iter().copied() {
            let (found, span) = locate(*number, line, searcher)?;
            let is_new = |&(document, taken): &(&DocumentId, Span)| {
                *document != line.document || !taken.overlaps(span)
            };
            if spans.iter().all(is_new) {
                spans.push((&line.document, span));
                evidence.push(found);
            }
        }
        let stated = relevant.iter().find_map(|(_, line)| line.kind);
        let kind = stated.unwrap_or(if evidence.len() > 1 {
            QuestionKind::MultiPassage
        } else {
            QuestionKind::Fact
        });
        let answer = relevant.iter().find_map(|(_, line)| line.answer.clone());
        made.questions.push(Question {
            id: format!("judged-{:04}", made.questions.len() + 1),
            question: query.to_owned(),
            answer: answer.unwrap_or_else(|| evidence[0].quote.clone()),
            kind,
            split: QuestionSplit::Test,
            status: QuestionStatus::Confirmed,
            evidence,
        });
    }
    assign_splits(&mut made.questions);
    Ok(made)
}

/// The evidence of a relevant line, and where it stands.
fn locate(
    line: usize,
    judged: &JudgingLine,
    searcher: &Searcher,
) -> Result<(Evidence, Span), EvalError> {
    let JudgingLine { document, span: [start, end], text, quote, kind, .. } = judged;
    let refused = |reason: String| EvalError::Judgment { line, reason };
    if *kind == Some(QuestionKind::Unanswerable) {
        return Err(refused(
            "a passage is relevant, so the kind cannot be unanswerable".to_owned(),
        ));
    }
    let quote = quote.as_ref().or(text.as_ref()).ok_or_else(|| {
        refused("it is graded as relevant and has neither text nor quote".to_owned())
    })?;
    let stored = searcher
        .document(document)?
        .ok_or_else(|| refused(format!("the index does not hold {document}")))?;
    let within = Span { start: *start, end: *end };
    let occurrence = quote_occurrence(&stored.text, quote, within).ok_or_else(|| {
        refused(format!(
            "the quote does not stand in bytes {start} to {end} of {document}; it must be copied from the passage"
        ))
    })?;
    let span = resolve_quote(&stored.text, quote, occurrence).unwrap_or(within);
    let quote = quote.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok((Evidence { document: document.clone(), quote, occurrence }, span))
}
