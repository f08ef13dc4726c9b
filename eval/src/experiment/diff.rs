//! Two systems question by question: what one found and the other did not, with
//! the passages side by side.

use engine::{Searcher, Span};
use serde::{Deserialize, Serialize};

use super::run::SystemRun;
use super::{ExperimentOutcome, SystemRow};
use crate::error::EvalError;

/// Passages shown of each system.
const SHOWN: usize = 3;

/// Characters shown of a passage.
const EXCERPT_CHARS: usize = 320;

/// A topic on which two systems differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicDiff {
    /// Its id.
    pub topic: String,
    /// What was asked.
    pub text: String,
    /// The first system's score.
    pub first_score: f64,
    /// The second's.
    pub second_score: f64,
    /// What the first returned, best first.
    pub first: Vec<DiffPassage>,
    /// What the second returned.
    pub second: Vec<DiffPassage>,
}

/// A passage as a reader compares it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiffPassage {
    /// The document.
    pub document: String,
    /// Its bytes.
    pub span: [u32; 2],
    /// Its beginning.
    pub excerpt: String,
}

/// The topics on which two systems differ most, the largest difference first;
/// of equal ones by topic id.
///
/// # Arguments
/// * `measure` - position among the experiment's measures.
/// * `limit` - topics at most.
///
/// # Returns
/// Nothing for a measure that is withheld from either.
///
/// # Errors
/// [`EvalError::Segment`] when a passage cannot be read.
pub fn topic_diffs(
    outcome: &ExperimentOutcome,
    (first, second): (&SystemRow, &SystemRow),
    measure: usize,
    limit: usize,
) -> Result<Vec<TopicDiff>, EvalError> {
    let scores = |row: &SystemRow| {
        let result = row.scores.measures.get(measure)?.1.as_ref()?;
        Some(result.per_topic.clone())
    };
    let (Some(first_scores), Some(second_scores)) = (scores(first), scores(second)) else {
        return Ok(Vec::new());
    };
    let mut order: Vec<usize> = (0..first_scores.len().min(second_scores.len()))
        .filter(|&at| first_scores[at] != second_scores[at])
        .collect();
    let gap = |at: usize| (first_scores[at] - second_scores[at]).abs();
    // Stable: topics ascend by id.
    order.sort_by(|&a, &b| gap(b).total_cmp(&gap(a)));
    order.truncate(limit);
    let searcher = &outcome.searcher;
    order
        .into_iter()
        .map(|at| {
            let topic = first.scores.topics[at].clone();
            let asked = outcome.data.topics().iter().find(|asked| asked.id == topic);
            Ok(TopicDiff {
                text: asked.map(|asked| asked.text.clone()).unwrap_or_default(),
                first_score: first_scores[at],
                second_score: second_scores[at],
                first: passages(searcher, &first.run, &topic)?,
                second: passages(searcher, &second.run, &topic)?,
                topic,
            })
        })
        .collect()
}

fn passages(
    searcher: &Searcher,
    run: &SystemRun,
    topic: &str,
) -> Result<Vec<DiffPassage>, EvalError> {
    let ranking = run.rankings.iter().find(|ranking| ranking.topic == topic);
    let hits = ranking.map(|ranking| run.passages(ranking)).unwrap_or_default();
    hits.into_iter()
        .take(SHOWN)
        .map(|(document, span)| {
            let text = searcher.document(document)?.map(|stored| stored.text).unwrap_or_default();
            Ok(DiffPassage {
                document: document.to_string(),
                span: [span.start, span.end],
                excerpt: excerpt(&text, span),
            })
        })
        .collect()
}

fn excerpt(text: &str, span: Span) -> String {
    let passage = span.slice(text).unwrap_or_default();
    let words = passage.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(EXCERPT_CHARS) {
        Some((cut, _)) => format!("{} …", words[..cut].trim_end()),
        None => words,
    }
}
