//! Pooling: what several systems ranked high and nobody has read yet, for
//! judges to read; and their answers, as judgments.
//!
//! The method is TREC's (Sparck Jones and van Rijsbergen 1975): the union of the
//! first ranks of different systems is judged, and what none of them returned
//! counts as not relevant. Differs: what is judged is text, not a document id.
//! Passages of different chunkers that touch become one region, so nothing is
//! read twice, and a judge answers with the words that answer.

mod judging;

use std::collections::BTreeMap;

use corpora::text_digest;
use engine::{DocumentId, Span};
use serde::{Deserialize, Serialize};

pub use judging::{
    Agreement, GivenAnswer, GivenQuote, JudgingError, agreement, judgments_from_answers,
    parse_answers,
};

use crate::error::EvalError;
use crate::experiment::{ExperimentOutcome, Truth};

/// What is to be read for one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PooledQuestion {
    /// The question's id.
    pub question: String,
    /// What is asked.
    pub text: String,
    /// The answer its author had in mind.
    pub answer: String,
    /// The passages; nothing in their order tells which system returned them.
    pub regions: Vec<PooledRegion>,
}

/// A stretch of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PooledRegion {
    /// From 1, in its question.
    pub region: usize,
    /// Where it stands.
    pub document: DocumentId,
    /// The document's title.
    pub title: String,
    /// Its bytes in the canonical text.
    pub span: [u32; 2],
    /// Tells that canonical text from another.
    pub digest: String,
    /// What a judge reads.
    pub text: String,
}

/// Collects the regions of the first ranks of every system that are not judged
/// yet.
///
/// # Arguments
/// * `outcomes` - experiments over the same questions, each with the number of
///   ranks taken from its systems.
/// * `everything` - whether regions that were judged come again, for a second
///   judge.
///
/// # Returns
/// Questions with at least one region, by ascending id; regions by document and
/// place.
///
/// # Errors
/// [`EvalError::Segment`] when a document cannot be read;
/// [`EvalError::NothingToPool`] for a collection that judges documents.
pub fn pool(
    outcomes: &[(ExperimentOutcome, usize)],
    everything: bool,
) -> Result<Vec<PooledQuestion>, EvalError> {
    let Some((outcome, _)) = outcomes.first() else { return Ok(Vec::new()) };
    let Truth::Questions { questions, judged, .. } = &outcome.truth else {
        return Err(EvalError::NothingToPool);
    };
    let systems = || {
        outcomes
            .iter()
            .flat_map(|(outcome, depth)| outcome.rows.iter().map(move |row| (row, *depth)))
    };
    let mut pooled = Vec::new();
    for (question, judged) in questions.iter().zip(judged) {
        let mut spans: BTreeMap<&DocumentId, Vec<Span>> = BTreeMap::new();
        for (row, depth) in systems() {
            let ranking = row.run.rankings.iter().find(|ranking| ranking.topic == question.id);
            let hits = ranking.map(|ranking| row.run.passages(ranking)).unwrap_or_default();
            for (document, span) in hits.into_iter().take(depth) {
                if everything || !judged.is_judged(document, span) {
                    spans.entry(document).or_default().push(span);
                }
            }
        }
        let mut regions = Vec::new();
        for (document, spans) in spans {
            let Some(stored) = outcome.searcher.document(document)? else { continue };
            let digest = text_digest(&stored.text);
            for span in joined(spans, &stored.text) {
                regions.push(PooledRegion {
                    region: regions.len() + 1,
                    document: document.clone(),
                    title: stored.title.clone(),
                    span: [span.start, span.end],
                    digest: digest.clone(),
                    text: span.slice(&stored.text).unwrap_or_default().to_owned(),
                });
            }
        }
        if !regions.is_empty() {
            let author = outcome.data.questions().iter().find(|asked| asked.id == question.id);
            pooled.push(PooledQuestion {
                question: question.id.clone(),
                text: question.text.clone(),
                answer: author.map(|asked| asked.answer.clone()).unwrap_or_default(),
                regions,
            });
        }
    }
    Ok(pooled)
}

/// Spans that overlap, or have only white space between them, as one.
fn joined(mut spans: Vec<Span>, text: &str) -> Vec<Span> {
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    let mut regions: Vec<Span> = Vec::new();
    for span in spans {
        match regions.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            Some(last) if is_blank(text, last.end, span.start) => last.end = span.end,
            _ => regions.push(span),
        }
    }
    regions
}

fn is_blank(text: &str, from: u32, to: u32) -> bool {
    text.get(from as usize..to as usize).is_some_and(|between| between.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_passages_are_one_region() {
        let text = "one two three four five";
        let span = Span::new;
        assert_eq!(
            joined(vec![span(8, 13), span(0, 3), span(4, 7), span(19, 23), span(2, 5)], text),
            [span(0, 13), span(19, 23)]
        );
    }
}
