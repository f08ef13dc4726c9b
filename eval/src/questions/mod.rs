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
use engine::{Expansion, NearDuplicates, RerankReport, SearchRequest, Searcher, Strategy};

pub use judged::{JudgedQuestion, JudgedRanking, LostJudgments, join_judgments};
pub use resolve::{
    EvidencePassage, MissingEvidence, ResolvedQuestion, ResolvedQuestions, UnresolvedQuote,
    resolve_questions,
};

use crate::error::EvalError;
use crate::evaluation::{MeasureResult, evaluate};
use crate::measure::{Measure, Metric, RequestedMeasure};
use crate::reranker::RerankSetup;
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

/// What questions are put to: legs, and what orders what they find again.
#[derive(Clone, Debug)]
pub struct QuestionSystem {
    /// Which legs.
    pub strategy: Strategy,
    /// What is searched for besides the question; it must suit the strategy.
    pub expansion: Expansion,
    /// What reranks; `None` leaves the first stage's order.
    pub rerank: Option<RerankSetup>,
}

impl QuestionSystem {
    /// Whether it is the legs alone.
    pub(crate) fn is_plain(&self) -> bool {
        self.rerank.is_none() && self.expansion == Expansion::None
    }
}

impl From<Strategy> for QuestionSystem {
    fn from(strategy: Strategy) -> Self {
        Self { strategy, expansion: Expansion::None, rerank: None }
    }
}

/// A system's figures over the questions.
#[derive(Clone, Debug)]
pub struct SystemQuestionScores {
    /// Which system.
    pub system: QuestionSystem,
    /// Over documents; per question in the order of [`QuestionReport::questions`].
    pub documents: Vec<MeasureResult>,
    /// Over passages; likewise.
    pub passages: Vec<MeasureResult>,
    /// Wall time per stage, asking for 100 hits.
    pub timings: StagePercentiles,
    /// How far the reranker read, question by question.
    pub reports: Vec<RerankReport>,
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
    /// A row per system, in the order asked for.
    pub systems: Vec<SystemQuestionScores>,
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
    systems: &[QuestionSystem],
) -> Result<QuestionReport, EvalError> {
    let n_unconfirmed = questions.iter().filter(|q| q.status.is_unconfirmed()).count();
    let ResolvedQuestions { questions, unresolved, n_unanswerable } =
        resolve_questions(searcher, questions)?;
    let systems = systems
        .iter()
        .map(|system| score_system(searcher, &questions, system))
        .collect::<Result<_, _>>()?;
    let questions = questions
        .into_iter()
        .map(|question| ScoredQuestion { id: question.id, kind: question.kind })
        .collect();
    Ok(QuestionReport { questions, systems, unresolved, n_unconfirmed, n_unanswerable })
}

fn score_system(
    searcher: &Searcher,
    questions: &[ResolvedQuestion],
    system: &QuestionSystem,
) -> Result<SystemQuestionScores, EvalError> {
    let measures = measures();
    let searcher = match &system.rerank {
        Some(setup) => &searcher.clone().with_reranker(setup.pipeline.clone()),
        None => searcher,
    };
    let request = SearchRequest {
        strategy: system.strategy,
        expansion: system.expansion,
        rerank: system.rerank.as_ref().map(|setup| setup.options),
        top: TOP,
        near_duplicates: NearDuplicates::List,
        ..SearchRequest::new("")
    };
    let mut run = Run::new("questions");
    let mut qrels = Qrels::default();
    let mut passages: Vec<Vec<f64>> = vec![Vec::with_capacity(questions.len()); measures.len()];
    let mut timings = Vec::with_capacity(questions.len());
    let mut reports = Vec::new();
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
        reports.extend(outcome.reranked);
    }
    let passages = measures
        .iter()
        .zip(passages)
        .map(|(requested, values)| MeasureResult::new(requested, values))
        .collect();
    Ok(SystemQuestionScores {
        system: system.clone(),
        documents: evaluate(&run, &qrels, &measures).measures,
        passages,
        timings: stage_percentiles(&timings),
        reports,
    })
}
