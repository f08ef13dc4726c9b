//! A run of prompts as figures with intervals, each system beside the baseline.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::against::AgainstReport;
use super::judge::JudgeReport;
use super::measure::PromptMeasure;
use super::run::{PromptRun, PromptSystem, SystemAnswers};
use super::score::{PromptScore, Spent, Treatment};
use crate::answers::{AbstentionReport, estimate};
use crate::error::EvalError;
use crate::experiment::ComparisonReport;
use crate::report::{ByMeasure, Estimate};
use crate::stats::{Bootstrap, compare_family, mean};
use crate::timing::Percentiles;

/// The figures of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PromptReport {
    /// How far the judge can be trusted; first, as what it says hangs on that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeReport>,
    /// What the answers depend on besides models and prompts.
    pub settings: BTreeMap<String, String>,
    /// Questions that the index answers.
    pub answerable: usize,
    /// Questions that it does not.
    pub unanswerable: usize,
    /// Questions left out, as their quotes or answers are not in the index.
    pub unresolved: usize,
    /// What the others are compared with.
    pub baseline: String,
    /// Milliseconds of searching and putting the context together, which all systems
    /// share.
    pub retrieval_ms: Percentiles,
    /// A row per system, in the order asked for.
    pub systems: Vec<PromptSystemReport>,
    /// How the run differs from a kept one, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<AgainstReport>,
}

/// One system's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PromptSystemReport {
    /// Which system.
    #[serde(flatten)]
    pub system: PromptSystem,
    /// The models that replied, as their servers name them.
    pub answered_by: BTreeSet<String>,
    /// Quality, by measure.
    pub measures: ByMeasure<MeasuredPrompt>,
    /// Who was refused.
    pub abstention: AbstentionReport,
    /// Citations of all answers, by verdict.
    pub citations: BTreeMap<String, usize>,
    /// Mean words of an answer, without markers; over answered questions.
    pub words: f64,
    /// Replies that were not of the prompt's form, whatever the model was told of them.
    pub unfit: usize,
    /// Replies that the model was told about, over all questions.
    pub repairs: u64,
    /// Replies that ended at the limit of output tokens.
    pub cut: usize,
    /// Tries after the first, over all questions.
    pub retries: u64,
    /// Questions to which no reply came that could be read.
    pub failures: Vec<PromptFailure>,
    /// Milliseconds from the context to the answer, its citations looked up.
    pub answer_ms: Percentiles,
    /// Milliseconds to the first piece; absent where nothing came in pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_piece_ms: Option<Percentiles>,
    /// Mean tokens read for a question, over those where the server says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<f64>,
    /// Mean tokens written; likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<f64>,
    /// US dollars for a thousand such questions, over those whose cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd_per_1000: Option<f64>,
}

/// A measure of a system.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasuredPrompt {
    /// The mean over questions.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Against the baseline on the same questions; absent for the baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against_baseline: Option<ComparisonReport>,
}

/// A question to which nothing came that could be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PromptFailure {
    /// Its id.
    pub question: String,
    /// Why.
    pub error: String,
}

impl PromptReport {
    /// Sums a run up.
    ///
    /// # Arguments
    /// * `baseline` - the name of the system that the others are compared with.
    ///
    /// # Errors
    /// [`EvalError::NoPromptSystem`].
    pub fn new(run: &PromptRun, baseline: &str) -> Result<Self, EvalError> {
        let baseline = run.system(baseline)?;
        let mut measured: Vec<Vec<(String, MeasuredPrompt)>> = vec![Vec::new(); run.systems.len()];
        for measure in PromptMeasure::ALL {
            let values: Vec<Vec<f64>> =
                run.systems.iter().map(|row| run.values(row, measure)).collect();
            if values[baseline].is_empty() {
                continue;
            }
            let others: Vec<&[f64]> = (0..values.len())
                .filter(|&at| at != baseline)
                .map(|at| values[at].as_slice())
                .collect();
            let mut compared =
                compare_family(&values[baseline], &others, &Bootstrap::DEFAULT)?.into_iter();
            for (at, (values, measured)) in values.iter().zip(&mut measured).enumerate() {
                let comparison = if at == baseline { None } else { compared.next() };
                let against_baseline = comparison.map(ComparisonReport::from);
                let estimate = estimate(values);
                measured.push((
                    measure.name().to_owned(),
                    MeasuredPrompt { estimate, against_baseline },
                ));
            }
        }
        let rows = run.systems.iter().zip(measured);
        let answerable = run.questions.iter().filter(|question| question.answerable).count();
        Ok(Self {
            judge: run.judge.clone(),
            settings: run.settings.clone(),
            answerable,
            unanswerable: run.questions.len() - answerable,
            unresolved: run.unresolved,
            baseline: run.systems[baseline].system.name.clone(),
            retrieval_ms: Percentiles::of(run.questions.iter().map(|it| it.retrieval_ms).collect()),
            systems: rows.map(|(row, measured)| system_report(run, row, measured)).collect(),
            against: None,
        })
    }
}

impl PromptRun {
    /// A system's values by a measure, for the questions of which it says something.
    fn values(&self, row: &SystemAnswers, measure: PromptMeasure) -> Vec<f64> {
        let pairs = self.questions.iter().zip(&row.answers);
        pairs.filter_map(|(question, score)| measure.of(question.answerable, score)).collect()
    }
}

fn system_report(
    run: &PromptRun,
    SystemAnswers { system, answers }: &SystemAnswers,
    measured: Vec<(String, MeasuredPrompt)>,
) -> PromptSystemReport {
    let questions = || run.questions.iter().zip(answers);
    let mut citations = BTreeMap::new();
    for (verdict, n) in answers.iter().flat_map(|score| &score.citations) {
        *citations.entry(verdict.clone()).or_insert(0) += n;
    }
    let answered = answers.iter().filter(|score| score.treatment == Treatment::Answered);
    let words: Vec<f64> = answered.map(|score| score.words as f64).collect();
    let known = |value: fn(&Spent) -> Option<f64>| -> Vec<f64> {
        answers.iter().filter_map(|score| score.spent.as_ref().and_then(value)).collect()
    };
    let mean_of = |value| {
        let values = known(value);
        (!values.is_empty()).then(|| mean(&values))
    };
    let first_pieces = known(|spent| spent.first_piece_ms);
    let failures = questions().filter_map(|(question, score)| {
        let error = score.error.clone()?;
        Some(PromptFailure { question: question.id.clone(), error })
    });
    let spent = || answers.iter().filter_map(|score| score.spent.as_ref());
    PromptSystemReport {
        system: system.clone(),
        answered_by: spent().filter_map(|spent| spent.model.clone()).collect(),
        measures: ByMeasure(measured),
        abstention: AbstentionReport::new(
            questions().map(|(question, score)| score.refusing(question.answerable)),
        ),
        citations,
        words: mean(&words),
        unfit: answers.iter().filter(|score| score.is_unfit()).count(),
        repairs: spent().map(|spent| u64::from(spent.repairs)).sum(),
        cut: answers.iter().filter(|score| score.is_cut).count(),
        retries: spent().map(|spent| u64::from(spent.retries)).sum(),
        failures: failures.collect(),
        answer_ms: Percentiles::of(answers.iter().map(|score: &PromptScore| score.ms).collect()),
        first_piece_ms: (!first_pieces.is_empty()).then(|| Percentiles::of(first_pieces)),
        input_tokens: mean_of(|spent| spent.input_tokens.map(|tokens| tokens as f64)),
        output_tokens: mean_of(|spent| spent.output_tokens.map(|tokens| tokens as f64)),
        cost_usd_per_1000: mean_of(|spent| spent.cost_usd).map(|mean| mean * 1e3),
    }
}
