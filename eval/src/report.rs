//! What is printed with `--json`: the reports' own types, apart from what they
//! are made from.

use engine::{Expansion, RerankOptions, RerankReport, RerankStop, SearchRequest};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::collection::{CollectionOptions, CollectionOutcome, strategy_parts};
use crate::evaluation::{Evaluation, MeasureResult};
use crate::fingerprint::Fingerprint;
use crate::indexing::IndexingRecord;
use crate::questions::{QuestionReport, SystemQuestionScores};
use crate::reranked_run::{RerankRunOptions, RerankedRun};
use crate::reranker::RerankSetup;
use crate::stats::{Bootstrap, PairedComparison, PairedError, compare_paired, mean};
use crate::timing::StagePercentiles;

/// A mean, or another statistic of topics, with its 95 % interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value over all topics.
    pub mean: f64,
    /// Lower and upper end.
    pub ci95: [f64; 2],
}

/// A difference of means on the same topics.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// This run's mean minus the other's.
    pub mean: f64,
    /// Its bootstrap interval over topics.
    pub ci95: [f64; 2],
    /// Two-sided, of a randomisation test.
    pub p_value: f64,
}

impl From<PairedComparison> for Difference {
    fn from(compared: PairedComparison) -> Self {
        let PairedComparison { mean_difference, interval, p_value } = compared;
        Self { mean: mean_difference, ci95: [interval.low, interval.high], p_value }
    }
}

/// Values by measure, in the order asked for and named as they were.
#[derive(Clone, Debug, PartialEq)]
pub struct ByMeasure<T>(pub Vec<(String, T)>);

/// Means by measure.
pub type NamedEstimates = ByMeasure<Estimate>;

impl ByMeasure<Difference> {
    /// `run` minus `other`, measure by measure.
    ///
    /// # Errors
    /// [`PairedError`] when the two were not scored on the same topics.
    pub fn between(run: &[MeasureResult], other: &[MeasureResult]) -> Result<Self, PairedError> {
        let pairs = run.iter().zip(other);
        let differences = pairs.map(|(this, other)| {
            let compared = compare_paired(&other.per_topic, &this.per_topic, &Bootstrap::DEFAULT)?;
            Ok((this.requested.name.clone(), compared.into()))
        });
        Ok(Self(differences.collect::<Result<_, _>>()?))
    }
}

impl NamedEstimates {
    pub(crate) fn new(results: &[MeasureResult]) -> Self {
        Self(
            results
                .iter()
                .map(|result| {
                    let ci95 = [result.ci95.low, result.ci95.high];
                    (result.requested.name.clone(), Estimate { mean: result.mean, ci95 })
                })
                .collect(),
        )
    }
}

impl<T: Serialize> Serialize for ByMeasure<T> {
    // A map, whose keys are the user's own words, in their order; a tree map
    // would sort them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// What `eval collection` and `eval score` print.
#[derive(Clone, Debug, Serialize)]
pub struct ScoreReport {
    /// The collection's name; for a run file the name of the judgment file.
    pub collection: String,
    /// How many topics the means are over.
    pub topics: usize,
    /// `lexical`, `dense` or `hybrid`; for a run file its tag.
    pub strategy: String,
    /// How the legs were fused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<String>,
    /// What was searched for besides a topic's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expand: Option<String>,
    /// What reranked, and how far it read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<RerankSummary>,
    /// The figures.
    pub measures: NamedEstimates,
    /// How far the run is from another on the same topics, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differences: Option<ByMeasure<Difference>>,
    /// Milliseconds per stage; empty for a run file.
    pub timings_ms: StagePercentiles,
    /// Digest of everything the figures depend on.
    pub fingerprint: String,
    /// What the digest covers.
    pub depends_on: Fingerprint,
    /// What indexing did; absent for a run file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indexing: Option<IndexingRecord>,
    /// Topics that count 0 or are left out, by cause.
    pub topic_counts: TopicCounts,
}

/// What a reranker did over all topics.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RerankSummary {
    /// Its name.
    pub reranker: String,
    /// Who set the weights of the mix.
    pub mixer: String,
    /// Candidates of a topic that might be read.
    pub depth: usize,
    /// Milliseconds it might take; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_ms: Option<u64>,
    /// Candidates it read, on average over topics.
    pub mean_scored: f64,
    /// Topics of which the budget left candidates unread.
    pub out_of_budget: usize,
}

impl RerankSummary {
    /// Summarises what was reported topic by topic.
    pub fn new(setup: &RerankSetup, reports: &[RerankReport]) -> Self {
        let RerankOptions { depth, budget_ms } = setup.options;
        let scored: Vec<f64> = reports.iter().map(|report| report.scored as f64).collect();
        Self {
            reranker: setup.pipeline.name().to_owned(),
            mixer: setup.pipeline.mixer_name(),
            depth: depth.unwrap_or(SearchRequest::DEFAULT_RERANK_DEPTH),
            budget_ms,
            mean_scored: mean(&scored),
            out_of_budget: reports.iter().filter(|it| it.stop == RerankStop::Budget).count(),
        }
    }
}

/// Topics that were not scored like the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TopicCounts {
    /// Judged, but nothing was returned: they count 0.
    pub without_results: usize,
    /// Judged, but no document is relevant: they count 0.
    pub without_relevant: usize,
    /// Not judged: left out.
    pub unjudged: usize,
}

impl ScoreReport {
    /// The report of a collection.
    ///
    /// # Arguments
    /// * `n_unjudged` - topics of the collection that were not run because
    ///   nothing is judged for them.
    pub fn of_collection(
        (name, n_unjudged): (&str, usize),
        options: &CollectionOptions,
        outcome: &CollectionOutcome,
    ) -> Self {
        let (strategy, fusion) = strategy_parts(options.strategy);
        let summary = |setup| RerankSummary::new(setup, &outcome.topic_run.reports);
        Self {
            rerank: options.rerank.as_ref().map(summary),
            expand: expansion_name(options.expansion),
            strategy: strategy.to_owned(),
            fusion,
            timings_ms: outcome.timings.clone(),
            indexing: Some(outcome.indexing.clone()),
            ..Self::of_run((name, String::new()), &outcome.evaluation, &outcome.fingerprint)
        }
        .with_unjudged(n_unjudged)
    }

    /// The report of a run file.
    pub fn of_run(
        (name, tag): (&str, String),
        evaluation: &Evaluation,
        fingerprint: &Fingerprint,
    ) -> Self {
        Self {
            collection: name.to_owned(),
            topics: evaluation.topics.len(),
            strategy: tag,
            fusion: None,
            expand: None,
            rerank: None,
            measures: NamedEstimates::new(&evaluation.measures),
            differences: None,
            timings_ms: StagePercentiles::new(),
            fingerprint: fingerprint.digest(),
            depends_on: fingerprint.clone(),
            indexing: None,
            topic_counts: TopicCounts {
                without_results: evaluation.n_without_results,
                without_relevant: evaluation.n_without_relevant,
                unjudged: evaluation.n_unjudged,
            },
        }
    }

    /// The report of a run that was reranked, set against what it was before.
    ///
    /// # Errors
    /// [`PairedError`] when the two were not scored on the same topics.
    pub fn of_reranked(
        name: &str,
        options: &RerankRunOptions,
        reranked: &RerankedRun,
    ) -> Result<Self, PairedError> {
        let RerankedRun { run, evaluation, before, fingerprint, .. } = reranked;
        Ok(Self {
            rerank: Some(RerankSummary::new(&options.setup(), &reranked.reports)),
            differences: Some(ByMeasure::between(&evaluation.measures, &before.measures)?),
            timings_ms: reranked.timings.clone(),
            indexing: Some(reranked.indexing.clone()),
            ..Self::of_run((name, run.tag.clone()), evaluation, fingerprint)
        })
    }

    fn with_unjudged(mut self, n_unjudged: usize) -> Self {
        self.topic_counts.unjudged += n_unjudged;
        self
    }
}

/// The name of an expansion that adds something.
fn expansion_name(expansion: Expansion) -> Option<String> {
    (expansion != Expansion::None).then(|| expansion.to_string())
}

/// What the demo and `eval questions` print.
#[derive(Clone, Debug, Serialize)]
pub struct QuestionScoreReport {
    /// How many questions were scored.
    pub questions: usize,
    /// Questions that nothing answers; not in the means.
    pub unanswerable: usize,
    /// Drafts that nobody has confirmed; figures over them are too high and
    /// favour lexical search.
    pub unconfirmed: usize,
    /// Quotes that the index does not hold; their questions were left out.
    pub unresolved_quotes: usize,
    /// A row per system.
    pub strategies: Vec<StrategyReport>,
}

/// One system's figures over the questions.
#[derive(Clone, Debug, Serialize)]
pub struct StrategyReport {
    /// `lexical`, `dense` or `hybrid`.
    pub strategy: &'static str,
    /// How the legs were fused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<String>,
    /// What was searched for besides the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expand: Option<String>,
    /// What reranked, and how far it read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<RerankSummary>,
    /// Over documents.
    pub documents: NamedEstimates,
    /// Over passages.
    pub passages: NamedEstimates,
    /// What expansion or reranking moved, where the row of the same strategy without
    /// either is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differences: Option<QuestionDifferences>,
    /// Milliseconds per stage, asking for 100 hits.
    pub timings_ms: StagePercentiles,
}

/// A system minus its legs alone, paired over questions.
#[derive(Clone, Debug, Serialize)]
pub struct QuestionDifferences {
    /// Over documents.
    pub documents: ByMeasure<Difference>,
    /// Over passages.
    pub passages: ByMeasure<Difference>,
}

impl QuestionDifferences {
    fn between(
        system: &SystemQuestionScores,
        plain: &SystemQuestionScores,
    ) -> Result<Self, PairedError> {
        Ok(Self {
            documents: ByMeasure::between(&system.documents, &plain.documents)?,
            passages: ByMeasure::between(&system.passages, &plain.passages)?,
        })
    }
}

impl QuestionScoreReport {
    /// The report of questions.
    ///
    /// # Errors
    /// [`PairedError`] when there are no questions to compare systems on.
    pub fn new(report: &QuestionReport) -> Result<Self, PairedError> {
        let plain = |of: &SystemQuestionScores| {
            let is_it = |other: &&SystemQuestionScores| {
                other.system.is_plain() && other.system.strategy == of.system.strategy
            };
            (!of.system.is_plain()).then(|| report.systems.iter().find(is_it)).flatten()
        };
        let rows = report.systems.iter().map(|of| StrategyReport::new(of, plain(of)));
        Ok(Self {
            questions: report.questions.len(),
            unanswerable: report.n_unanswerable,
            unconfirmed: report.n_unconfirmed,
            unresolved_quotes: report.unresolved.len(),
            strategies: rows.collect::<Result<_, _>>()?,
        })
    }
}

impl StrategyReport {
    /// # Arguments
    /// * `plain` - the same strategy alone.
    fn new(
        scores: &SystemQuestionScores,
        plain: Option<&SystemQuestionScores>,
    ) -> Result<Self, PairedError> {
        let (strategy, fusion) = strategy_parts(scores.system.strategy);
        let rerank = scores.system.rerank.as_ref();
        let moved = plain.map(|plain| QuestionDifferences::between(scores, plain));
        Ok(Self {
            strategy,
            fusion,
            expand: expansion_name(scores.system.expansion),
            rerank: rerank.map(|setup| RerankSummary::new(setup, &scores.reports)),
            differences: moved.transpose()?,
            documents: NamedEstimates::new(&scores.documents),
            passages: NamedEstimates::new(&scores.passages),
            timings_ms: scores.timings.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_keep_their_names_and_order() {
        let estimate = |mean| Estimate { mean, ci95: [0.0, 1.0] };
        let named =
            ByMeasure(vec![("nDCG@10".into(), estimate(0.5)), ("MRR".into(), estimate(0.25))]);
        assert_eq!(
            serde_json::to_string(&named).unwrap(),
            r#"{"nDCG@10":{"mean":0.5,"ci95":[0.0,1.0]},"MRR":{"mean":0.25,"ci95":[0.0,1.0]}}"#
        );
    }
}
