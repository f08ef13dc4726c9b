//! A run of answers as figures with intervals.

use serde::Serialize;

use super::{AnswerRun, AnswerScore, AnswerSet};
use crate::report::Estimate;
use crate::stats::{Bootstrap, mean};
use crate::timing::Percentiles;

/// The figures of a set of questions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnswerReport {
    /// Questions that the index answers.
    pub answerable: usize,
    /// Questions that it does not.
    pub unanswerable: usize,
    /// Questions left out, as their quotes or answers are not in the index.
    pub unresolved: usize,
    /// Over answerable questions, counting what was or would have been quoted: is there
    /// an answer in the best passage?
    pub top_passage: Estimate,
    /// In any passage of the context?
    pub context: Estimate,
    /// In a quoted sentence?
    pub sentence: Estimate,
    /// Share of citations that are right.
    pub citation_precision: Estimate,
    /// Share of what was needed that is cited.
    pub citation_recall: Estimate,
    /// Token F1 against the expected answers; absent where none are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_f1: Option<Estimate>,
    /// Exact match, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact_match: Option<Estimate>,
    /// Citations of all questions.
    pub citations: usize,
    /// Those whose quotation stands where it is said to.
    pub citations_found: usize,
    /// Who was refused.
    pub abstention: AbstentionReport,
    /// Milliseconds of the search.
    pub search_ms: Percentiles,
    /// Milliseconds of search, context, answer and verification.
    pub total_ms: Percentiles,
}

/// Who was refused, and whether rightly.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AbstentionReport {
    /// Share of answerable questions that were answered, with a right sentence.
    pub answered_right: Estimate,
    /// Share of answerable questions that were answered at all.
    pub answered: Estimate,
    /// Share of refused questions that nothing answers; absent where none was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Estimate>,
    /// Share of unanswerable questions that were refused; absent without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<Estimate>,
}

impl AnswerReport {
    /// Sums a run up.
    pub fn new(set: &AnswerSet, run: &AnswerRun) -> Self {
        let answerable: Vec<&AnswerScore> =
            run.scores.iter().filter(|score| score.answerable).collect();
        let over = |value: fn(&AnswerScore) -> f64| {
            estimate(&answerable.iter().map(|score| value(score)).collect::<Vec<_>>())
        };
        let flag = |value: bool| if value { 1.0 } else { 0.0 };
        let f1: Vec<f64> = answerable.iter().filter_map(|score| score.f1).collect();
        let exact: Vec<f64> = answerable.iter().filter_map(|score| score.exact.map(flag)).collect();
        Self {
            answerable: answerable.len(),
            unanswerable: run.scores.len() - answerable.len(),
            unresolved: set.unresolved.len() + set.n_without_place,
            top_passage: over(|score| f64::from(u8::from(score.top_passage))),
            context: over(|score| f64::from(u8::from(score.context))),
            sentence: over(|score| f64::from(u8::from(score.sentence))),
            citation_precision: over(|score| score.precision),
            citation_recall: over(|score| score.recall),
            token_f1: estimate_if_any(&f1),
            exact_match: estimate_if_any(&exact),
            citations: run.scores.iter().map(|score| score.citations.0).sum(),
            citations_found: run.scores.iter().map(|score| score.citations.1).sum(),
            abstention: AbstentionReport::new(&run.scores),
            search_ms: Percentiles::of(run.scores.iter().map(|score| score.ms.0).collect()),
            total_ms: Percentiles::of(run.scores.iter().map(|score| score.ms.1).collect()),
        }
    }
}

impl AbstentionReport {
    fn new(scores: &[AnswerScore]) -> Self {
        let share = |of: fn(&AnswerScore) -> bool, holds: fn(&AnswerScore) -> bool| {
            let values = scores.iter().filter(|score| of(score));
            let values: Vec<f64> = values.map(|score| f64::from(u8::from(holds(score)))).collect();
            estimate_if_any(&values)
        };
        let nothing = || estimate(&[]);
        Self {
            answered_right: share(|it| it.answerable, |it| !it.abstained && it.sentence)
                .unwrap_or_else(nothing),
            answered: share(|it| it.answerable, |it| !it.abstained).unwrap_or_else(nothing),
            precision: share(|it| it.abstained, |it| !it.answerable),
            recall: share(|it| !it.answerable, |it| it.abstained),
        }
    }
}

fn estimate_if_any(values: &[f64]) -> Option<Estimate> {
    (!values.is_empty()).then(|| estimate(values))
}

fn estimate(values: &[f64]) -> Estimate {
    let interval = Bootstrap::DEFAULT.mean_interval(values);
    Estimate { mean: mean(values), ci95: [interval.low, interval.high] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(answerable: bool, abstained: bool, sentence: bool) -> AnswerScore {
        AnswerScore {
            id: String::new(),
            answerable,
            abstained,
            confidence: 0.5,
            top_passage: sentence,
            context: sentence,
            sentence,
            precision: 0.5,
            recall: 1.0,
            f1: answerable.then_some(0.25),
            exact: answerable.then_some(false),
            citations: (2, 1),
            ms: (1.0, 2.0),
        }
    }

    #[test]
    fn choosing_is_judged_over_answerable_questions_and_abstaining_over_all() {
        let scores = vec![
            score(true, false, true),
            score(true, false, false),
            score(true, true, true),
            score(false, true, false),
            score(false, false, false),
        ];
        let run = AnswerRun { scores, sentences: Vec::new() };
        let report = AnswerReport::new(&AnswerSet::default(), &run);
        let near = |estimate: &Estimate, value: f64| (estimate.mean - value).abs() < 1e-12;
        assert_eq!((report.answerable, report.unanswerable), (3, 2));
        assert!(near(&report.sentence, 2.0 / 3.0) && near(&report.citation_precision, 0.5));
        assert!(near(report.token_f1.as_ref().unwrap(), 0.25));
        assert_eq!((report.citations, report.citations_found), (10, 5));
        let AbstentionReport { answered_right, answered, precision, recall } = report.abstention;
        assert!(near(&answered_right, 1.0 / 3.0) && near(&answered, 2.0 / 3.0));
        assert!(near(&precision.unwrap(), 0.5) && near(&recall.unwrap(), 0.5));
        assert_eq!(report.total_ms.p50, 2.0);
    }
}
