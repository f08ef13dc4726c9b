//! Evaluation on questions whose answers are proved by quoted passages.
//!
//! Two levels. *Documents*: was a page found that holds evidence? *Passages*:
//! was a chunk found that overlaps the evidence itself? The second is what
//! answering needs, and what tells chunkers apart. A hit counts as soon as its
//! chunk shares a byte with an evidence span; each piece of evidence counts
//! once, for the first hit that reaches it.

mod judged;
mod resolve;

use corpora::{Qrels, Question, QuestionKind, Topic};
use engine::{Expansion, NearDuplicates, SearchRequest, Searcher, Strategy};

pub use judged::{JudgedQuestion, JudgedRanking, LostJudgments, join_judgments};
pub use resolve::{
    EvidencePassage, MissingEvidence, ResolvedQuestion, ResolvedQuestions, UnresolvedQuote,
    resolve_questions,
};

use crate::error::EvalError;
use crate::evaluation::{MeasureResult, evaluate};
use crate::measure::{Measure, Metric, RequestedMeasure};
use crate::run::Run;
use crate::timing::{StagePercentiles, stage_percentiles};
use crate::topic_run::{documents, search};

/// Ranks that are looked at.
const TOP: usize = 100;

/// What is measured, on both levels.
fn measures() -> Vec<RequestedMeasure> {
    [
        (Metric::Ndcg, 10),
        (Metric::Recall, 5),
        (Metric::Recall, 10),
        (Metric::Recall, TOP),
        (Metric::ReciprocalRank, 10),
    ]
    .map(|(metric, cutoff)| Measure::at(metric, cutoff).into())
    .into()
}

/// A strategy's figures over the questions.
#[derive(Clone, Debug)]
pub struct StrategyScores {
    /// Which strategy.
    pub strategy: Strategy,
    /// What was searched for besides the question.
    pub expansion: Expansion,
    /// Over documents; per question in the order of [`QuestionReport::questions`].
    pub documents: Vec<MeasureResult>,
    /// Over passages; likewise.
    pub passages: Vec<MeasureResult>,
    /// Wall time per stage, asking for 100 hits.
    pub timings: StagePercentiles,
}

/// A question that was scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoredQuestion {
    /// Its id.
    pub id: String,
    /// What it asks for.
    pub kind: QuestionKind,
}

/// The outcome of [`evaluate_questions`].
#[derive(Clone, Debug)]
pub struct QuestionReport {
    /// The questions that were scored, by ascending id.
    pub questions: Vec<ScoredQuestion>,
    /// A row per strategy, in the order asked for.
    pub strategies: Vec<StrategyScores>,
    /// Quotes that are not in the index; their questions were left out.
    pub unresolved: Vec<UnresolvedQuote>,
    /// How many of the questions asked nobody has confirmed; see
    /// [`crate::drafts_notice`].
    pub n_unconfirmed: usize,
    /// Questions that nothing answers; ranking measures say nothing of them.
    pub n_unanswerable: usize,
}

/// Runs the questions and scores what was found.
///
/// Questions with a quote that does not resolve are left out and listed, so
/// that on another version of the documentation only those are scored whose
/// ground truth still stands.
///
/// # Errors
/// [`EvalError::Segment`] when a document cannot be read; [`EvalError::Search`]
/// and [`EvalError::Degraded`] with the question's id.
pub fn evaluate_questions(
    searcher: &Searcher,
    questions: &[Question],
    strategies: &[Strategy],
) -> Result<QuestionReport, EvalError> {
    let plain: Vec<_> = strategies.iter().map(|&it| (it, Expansion::None)).collect();
    evaluate_expanded_questions(searcher, questions, &plain)
}

/// The same with an expansion for each strategy, which must suit it; to compare, name
/// the strategy without one too.
///
/// # Errors
/// As [`evaluate_questions`].
pub fn evaluate_expanded_questions(
    searcher: &Searcher,
    questions: &[Question],
    strategies: &[(Strategy, Expansion)],
) -> Result<QuestionReport, EvalError> {
    let n_unconfirmed = questions.iter().filter(|q| q.status.is_unconfirmed()).count();
    let ResolvedQuestions { questions, unresolved, n_unanswerable } =
        resolve_questions(searcher, questions)?;
    let strategies = strategies
        .iter()
        .map(|strategy| score_strategy(searcher, &questions, *strategy))
        .collect::<Result<_, _>>()?;
    let questions = questions
        .into_iter()
        .map(|question| ScoredQuestion { id: question.id, kind: question.kind })
        .collect();
    Ok(QuestionReport { questions, strategies, unresolved, n_unconfirmed, n_unanswerable })
}

fn score_strategy(
    searcher: &Searcher,
    questions: &[ResolvedQuestion],
    (strategy, expansion): (Strategy, Expansion),
) -> Result<StrategyScores, EvalError> {
    let measures = measures();
    let request = SearchRequest {
        strategy,
        expansion,
        top: TOP,
        near_duplicates: NearDuplicates::List,
        ..SearchRequest::new("")
    };
    let mut run = Run::new("questions");
    let mut qrels = Qrels::default();
    let mut passages: Vec<Vec<f64>> = vec![Vec::with_capacity(questions.len()); measures.len()];
    let mut timings = Vec::with_capacity(questions.len());
    for question in questions {
        let topic = Topic { id: question.id.clone(), text: question.text.clone() };
        let outcome = search(searcher, &topic, &request)?;
        let hits: Vec<_> = outcome.hits.iter().map(|hit| (&hit.document, hit.span)).collect();
        let found = question.newly_found(&hits);
        for (requested, values) in measures.iter().zip(&mut passages) {
            values.push(requested.measure.score_units(&found, question.evidence.len()));
        }
        for evidence in &question.evidence {
            qrels.insert(&question.id, evidence.document.clone(), 1);
        }
        run.insert(&question.id, documents(&outcome));
        timings.push(outcome.timings_ms);
    }
    let passages = measures
        .iter()
        .zip(passages)
        .map(|(requested, values)| MeasureResult::new(requested, values))
        .collect();
    Ok(StrategyScores {
        strategy,
        expansion,
        documents: evaluate(&run, &qrels, &measures).measures,
        passages,
        timings: stage_percentiles(&timings),
    })
}
