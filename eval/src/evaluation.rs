//! A run against judgments: every measure, per topic and on average.

use corpora::Qrels;

use crate::measure::RequestedMeasure;
use crate::run::Run;
use crate::stats::{Bootstrap, Interval, mean};

/// One measure over all topics.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureResult {
    /// Which measure, as it was asked for.
    pub requested: RequestedMeasure,
    /// Its value for each topic of [`Evaluation::topics`], in `[0, 1]`.
    pub per_topic: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// The mean's 95 % bootstrap interval over topics ([`Bootstrap::DEFAULT`]).
    pub ci95: Interval,
}

impl MeasureResult {
    /// The mean of per-topic values, with its interval.
    pub(crate) fn new(requested: &RequestedMeasure, per_topic: Vec<f64>) -> Self {
        Self {
            requested: requested.clone(),
            mean: mean(&per_topic),
            ci95: Bootstrap::DEFAULT.mean_interval(&per_topic),
            per_topic,
        }
    }
}

/// A scored run.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The judged topics, ascending: what the means are taken over.
    pub topics: Vec<String>,
    /// The measures, in the order asked for.
    pub measures: Vec<MeasureResult>,
    /// Judged topics for which the run returned nothing: they count 0.
    pub n_without_results: usize,
    /// Judged topics none of whose documents is relevant: they count 0.
    pub n_without_relevant: usize,
    /// Topics of the run without judgments: left out.
    pub n_unjudged: usize,
}

/// Scores a run.
///
/// The topics are those of `qrels`, whatever the run holds: dropping the topics
/// that a system failed to answer would reward failing.
///
/// # Examples
/// ```
/// use corpora::Qrels;
/// use engine::DocumentId;
/// use eval::{Run, evaluate};
///
/// let [a, b] = ["a", "b"].map(|id| DocumentId::new(id).unwrap());
/// let mut qrels = Qrels::default();
/// qrels.insert("1", b.clone(), 1);
/// qrels.insert("2", a.clone(), 1);
/// let mut run = Run::new("example");
/// run.insert("1", [(a, 2.0), (b, 1.0)]); // topic 2 has no results
///
/// let evaluation = evaluate(&run, &qrels, &["RR@10".parse()?]);
/// assert_eq!(evaluation.measures[0].mean, (0.5 + 0.0) / 2.0);
/// # Ok::<(), eval::MeasureError>(())
/// ```
pub fn evaluate(run: &Run, qrels: &Qrels, measures: &[RequestedMeasure]) -> Evaluation {
    let rankings: Vec<Vec<_>> = qrels
        .iter()
        .map(|(topic, _)| run.ranking(topic).iter().map(|entry| &entry.document).collect())
        .collect();
    let results = measures
        .iter()
        .map(|requested| {
            let per_topic = qrels
                .iter()
                .zip(&rankings)
                .map(|((_, judgments), ranking)| requested.measure.score(ranking, judgments))
                .collect();
            MeasureResult::new(requested, per_topic)
        })
        .collect();
    Evaluation {
        topics: qrels.iter().map(|(topic, _)| topic.to_owned()).collect(),
        measures: results,
        n_without_results: rankings.iter().filter(|ranking| ranking.is_empty()).count(),
        n_without_relevant: qrels
            .iter()
            .filter(|(_, judgments)| judgments.values().all(|grade| *grade < 1))
            .count(),
        n_unjudged: run.iter().filter(|(topic, _)| qrels.topic(topic).is_none()).count(),
    }
}

#[cfg(test)]
mod tests {
    use engine::DocumentId;

    use super::*;

    #[test]
    fn unanswered_topics_count_zero_and_unjudged_ones_are_left_out() {
        let id = |name: &str| DocumentId::new(name).unwrap();
        let mut qrels = Qrels::default();
        qrels.insert("answered", id("a"), 1);
        qrels.insert("unanswered", id("a"), 1);
        qrels.insert("hopeless", id("a"), 0);
        let mut run = Run::new("t");
        run.insert("answered", [(id("a"), 1.0)]);
        run.insert("hopeless", [(id("a"), 1.0)]);
        run.insert("unjudged", [(id("a"), 1.0)]);
        let evaluation = evaluate(&run, &qrels, &["nDCG@10".parse().unwrap()]);
        assert_eq!(evaluation.topics, ["answered", "hopeless", "unanswered"]);
        assert_eq!(evaluation.measures[0].per_topic, [1.0, 0.0, 0.0]);
        assert_eq!(
            (evaluation.n_without_results, evaluation.n_without_relevant, evaluation.n_unjudged),
            (1, 1, 1)
        );
    }
}
