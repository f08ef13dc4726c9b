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
    /// Share of all questions that were answered where the index answers them, and
    /// refused where it does not.
    pub accuracy: Estimate,
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

/// What became of a question, as far as refusing goes. One that was neither answered nor
/// refused got no reply that could be read.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusing {
    /// Whether the index answers it.
    pub(crate) answerable: bool,
    /// Whether it was answered.
    pub(crate) answered: bool,
    /// Whether it was refused.
    pub(crate) abstained: bool,
    /// Whether what was shown is right.
    pub(crate) right: bool,
}

impl Refusing {
    /// Whether it was answered or refused as it should have been.
    pub(crate) fn is_accurate(self) -> bool {
        if self.answerable { self.answered } else { self.abstained }
    }
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
        let f1: Vec<f64> = answerable.iter().filter_map(|score| score.quality.f1).collect();
        let exact: Vec<f64> =
            answerable.iter().filter_map(|score| score.quality.exact.map(flag)).collect();
        Self {
            answerable: answerable.len(),
            unanswerable: run.scores.len() - answerable.len(),
            unresolved: set.unresolved.len() + set.n_without_place,
            top_passage: over(|score| f64::from(u8::from(score.top_passage))),
            context: over(|score| f64::from(u8::from(score.context))),
            sentence: over(|score| f64::from(u8::from(score.quality.right))),
            citation_precision: over(|score| score.quality.precision),
            citation_recall: over(|score| score.quality.recall),
            token_f1: estimate_if_any(&f1),
            exact_match: estimate_if_any(&exact),
            citations: run.scores.iter().map(|score| score.citations.0).sum(),
            citations_found: run.scores.iter().map(|score| score.citations.1).sum(),
            abstention: AbstentionReport::new(run.scores.iter().map(|score| Refusing {
                answerable: score.answerable,
                answered: !score.abstained,
                abstained: score.abstained,
                right: score.quality.right,
            })),
            search_ms: Percentiles::of(run.scores.iter().map(|score| score.ms.0).collect()),
            total_ms: Percentiles::of(run.scores.iter().map(|score| score.ms.1).collect()),
        }
    }
}

impl AbstentionReport {
    /// Sums up what became of questions, in their order.
    pub(crate) fn new(questions: impl Iterator<Item = Refusing>) -> Self {
        let questions: Vec<Refusing> = questions.collect();
        let share = |of: fn(&Refusing) -> bool, holds: fn(&Refusing) -> bool| {
            let values = questions.iter().filter(|it| of(it));
            let values: Vec<f64> = values.map(|it| f64::from(u8::from(holds(it)))).collect();
            estimate_if_any(&values)
        };
        let nothing = || estimate(&[]);
        Self {
            accuracy: share(|_| true, |it| it.is_accurate()).unwrap_or_else(nothing),
            answered_right: share(|it| it.answerable, |it| it.answered && it.right)
                .unwrap_or_else(nothing),
            answered: share(|it| it.answerable, |it| it.answered).unwrap_or_else(nothing),
            precision: share(|it| it.abstained, |it| !it.answerable),
            recall: share(|it| !it.answerable, |it| it.abstained),
        }
    }
}

/// The mean of values with its interval; `None` for no values.
fn estimate_if_any(values: &[f64]) -> Option<Estimate> {
    (!values.is_empty()).then(|| estimate(values))
}

/// The mean of values with its interval.
pub(crate) fn estimate(values: &[f64]) -> Estimate {
    let interval = Bootstrap::DEFAULT.mean_interval(values);
    Estimate { mean: mean(values), ci95: [interval.low, interval.high] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Quality;

    fn score(answerable: bool, abstained: bool, sentence: bool) -> AnswerScore {
        AnswerScore {
            id: String::new(),
            answerable,
            abstained,
            confidence: 0.5,
            top_passage: sentence,
            context: sentence,
            quality: Quality {
                right: sentence,
                precision: 0.5,
                recall: 1.0,
                f1: answerable.then_some(0.25),
                exact: answerable.then_some(false),
            },
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
        let AbstentionReport { accuracy, answered_right, answered, precision, recall } =
            report.abstention;
        assert!(near(&accuracy, 3.0 / 5.0));
        assert!(near(&answered_right, 1.0 / 3.0) && near(&answered, 2.0 / 3.0));
        assert!(near(&precision.unwrap(), 0.5) && near(&recall.unwrap(), 0.5));
        assert_eq!(report.total_ms.p50, 2.0);
    }
}
