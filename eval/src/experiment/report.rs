//! An experiment's results as a file: everything a report shows, nothing of the
//! machine it was rendered on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::diff::{TopicDiff, topic_diffs};
use super::stages::StageAccount;
use super::system::SystemSpec;
use super::truth::Truth;
use super::{ExperimentOutcome, SystemRow};
use crate::error::EvalError;
use crate::indexing::IndexingRecord;
use crate::machine::machine;
use crate::stats::{FamilyComparison, Resolution};
use crate::timing::StagePercentiles;

/// Topics shown where the best system and the baseline differ most.
const SHOWN_DIFFS: usize = 16;

/// A finished experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExperimentReport {
    /// Its name.
    pub name: String,
    /// The question it answers.
    pub about: String,
    /// What was searched.
    pub corpus: String,
    /// Which part of its topics.
    pub split: String,
    /// What the others are compared with.
    pub baseline: SystemSpec,
    /// The measures, the first being what systems are compared by.
    pub measures: Vec<String>,
    /// The topics of every figure, in order.
    pub topics: Vec<TopicReport>,
    /// Quotes that the corpus at hand does not hold; their questions are left out.
    pub unresolved_quotes: usize,
    /// Judged documents whose text is another one now.
    pub outdated_judgments: usize,
    /// A row per system, in the file's order.
    pub systems: Vec<SystemReport>,
    /// The best system by the first measure, where it is not the baseline.
    pub best: Option<SystemSpec>,
    /// Where it and the baseline differ most: first the baseline's side.
    pub diffs: Vec<TopicDiff>,
    /// What the times were taken on.
    pub machine: String,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicReport {
    /// Its id.
    pub id: String,
    /// What a question asks for; empty for topics of a collection.
    pub kind: String,
}

/// A system's results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemReport {
    /// Which system.
    pub system: SystemSpec,
    /// Figures by measure; a pooled one is absent where it is withheld.
    pub measures: BTreeMap<String, MeasureReport>,
    /// Mean `Judged@10`, where passages are judged.
    pub judged: Option<f64>,
    /// For hybrid systems, what each stage kept.
    pub stages: Option<StageAccount>,
    /// Milliseconds per stage of a search for ten hits.
    pub timings_ms: StagePercentiles,
    /// What indexing did.
    pub indexing: IndexingRecord,
    /// What the rankings depend on, by name.
    pub depends_on: BTreeMap<String, String>,
    /// Equal iff the rankings are.
    pub rankings: String,
}

/// One measure of one system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasureReport {
    /// The mean over topics.
    pub mean: f64,
    /// Its 95 % bootstrap interval.
    pub ci95: [f64; 2],
    /// By topic.
    pub per_topic: Vec<f64>,
    /// Against the baseline; absent for the baseline.
    pub against_baseline: Option<ComparisonReport>,
    /// What an earlier run found, where the experiment file says.
    pub expected: Option<f64>,
}

/// A system minus the baseline on the same topics.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonReport {
    /// The mean difference.
    pub difference: f64,
    /// Its 95 % bootstrap interval, by itself.
    pub ci95: [f64; 2],
    /// Two-sided, of the randomisation test, by itself.
    pub p_value: f64,
    /// After Holm's correction over the systems compared.
    pub adjusted_p: f64,
    /// What it says after the correction.
    pub verdict: Resolution,
    /// The difference that so many topics find four times in five.
    pub detectable: f64,
}

impl From<FamilyComparison> for ComparisonReport {
    fn from(comparison: FamilyComparison) -> Self {
        let FamilyComparison { paired, adjusted_p, resolution, detectable } = comparison;
        Self {
            difference: paired.mean_difference,
            ci95: [paired.interval.low, paired.interval.high],
            p_value: paired.p_value,
            adjusted_p,
            verdict: resolution,
            detectable,
        }
    }
}

impl MeasureReport {
    /// Whether the mean is another than expected, to four decimals.
    pub fn is_unexpected(&self) -> bool {
        self.expected.is_some_and(|expected| (self.mean - expected).abs() > 0.5e-4 + 1e-9)
    }
}

impl ExperimentReport {
    /// Gathers what a report shows.
    ///
    /// # Errors
    /// [`EvalError::Segment`] when a passage cannot be read.
    pub fn new(outcome: &ExperimentOutcome) -> Result<Self, EvalError> {
        let experiment = &outcome.experiment;
        let (unresolved_quotes, outdated_judgments) = match &outcome.truth {
            Truth::Questions { lost, n_unresolved, .. } => (*n_unresolved, lost.documents),
            Truth::Documents(_) => (0, 0),
        };
        let baseline = outcome.rows.iter().find(|row| row.run.system == experiment.baseline);
        let best = outcome
            .rows
            .iter()
            .filter(|row| primary(row).is_some())
            // The first of equal ones: `max_by` would take the last.
            .rev()
            .max_by(|a, b| primary(a).unwrap_or(0.0).total_cmp(&primary(b).unwrap_or(0.0)))
            .filter(|row| row.run.system != experiment.baseline);
        let diffs = match (baseline, best) {
            (Some(baseline), Some(best)) => topic_diffs(outcome, (baseline, best), 0, SHOWN_DIFFS)?,
            _ => Vec::new(),
        };
        let topics = outcome.rows.first().map(|row| row.scores.topics.as_slice());
        Ok(Self {
            name: experiment.name.clone(),
            about: experiment.about.clone(),
            corpus: experiment.corpus.name().to_owned(),
            split: experiment.split.clone(),
            baseline: experiment.baseline.clone(),
            measures: experiment.measures.iter().map(ToString::to_string).collect(),
            topics: topics
                .unwrap_or_default()
                .iter()
                .map(|id| TopicReport { id: id.clone(), kind: kind_of(outcome, id) })
                .collect(),
            unresolved_quotes,
            outdated_judgments,
            systems: outcome.rows.iter().map(|row| system_report(outcome, row)).collect(),
            best: best.map(|row| row.run.system.clone()),
            diffs,
            machine: machine(),
        })
    }

    /// The figures that differ from what the file expects.
    pub fn unexpected(&self) -> impl Iterator<Item = (&SystemSpec, &str, &MeasureReport)> {
        self.systems.iter().flat_map(|row| {
            row.measures
                .iter()
                .filter(|(_, measure)| measure.is_unexpected())
                .map(|(name, measure)| (&row.system, name.as_str(), measure))
        })
    }
}

/// The mean by the first measure.
fn primary(row: &SystemRow) -> Option<f64> {
    row.scores.measures.first()?.1.as_ref().map(|result| result.mean)
}

fn kind_of(outcome: &ExperimentOutcome, topic: &str) -> String {
    let question = outcome.data.questions().iter().find(|question| question.id == topic);
    question.map(|question| question.kind.name().to_owned()).unwrap_or_default()
}

fn system_report(outcome: &ExperimentOutcome, row: &SystemRow) -> SystemReport {
    let expected = outcome.experiment.expected.get(&row.run.system);
    let measures = row.scores.measures.iter().zip(&row.comparisons);
    SystemReport {
        system: row.run.system.clone(),
        measures: measures
            .filter_map(|((measure, result), comparison)| {
                let (name, result) = (measure.to_string(), result.as_ref()?);
                let report = MeasureReport {
                    mean: result.mean,
                    ci95: [result.ci95.low, result.ci95.high],
                    per_topic: result.per_topic.clone(),
                    against_baseline: comparison.map(ComparisonReport::from),
                    expected: expected.and_then(|figures| figures.get(&name).copied()),
                };
                Some((name, report))
            })
            .collect(),
        judged: row.scores.judged,
        stages: row.stages,
        timings_ms: row.run.timings_ms.clone(),
        indexing: row.run.indexing.clone(),
        depends_on: row.run.depends_on.clone(),
        rankings: row.run.ranking_digest(),
    }
}
