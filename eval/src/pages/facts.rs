//! What a report says, apart from how: rows in order, breakdowns, a summary in
//! sentences that follow from the figures.

use std::collections::BTreeMap;

use crate::experiment::{ExperimentReport, MeasureReport, SystemReport, SystemSpec};
use crate::stats::Resolution;

use super::{decimals, signed};

/// A system's means by kind of question, in the order of [`kinds`].
pub(super) struct KindRow<'r> {
    pub(super) system: &'r SystemReport,
    pub(super) means: Vec<f64>,
}

/// What a system is called among the others of its report: the encoder is said
/// only where there are several.
pub(super) fn label(report: &ExperimentReport, system: &SystemSpec) -> String {
    match shared_encoder(report) {
        Some(_) => {
            let rerank = system.rerank.as_ref().map(|name| format!(" | rerank {name}"));
            format!("{} | {}{}", system.chunker, system.strategy, rerank.unwrap_or_default())
        }
        None => system.to_string(),
    }
}

/// The encoder of all systems, if it is one.
pub(super) fn shared_encoder(report: &ExperimentReport) -> Option<&str> {
    let encoder = &report.systems.first()?.system.encoder;
    report.systems.iter().all(|row| row.system.encoder == *encoder).then_some(encoder)
}

/// Systems by the first measure, best first; those it is withheld from last.
pub(super) fn ranked(report: &ExperimentReport) -> Vec<&SystemReport> {
    let mut systems: Vec<_> = report.systems.iter().collect();
    let mean = |row: &SystemReport| primary(report, row).map_or(f64::MIN, |measure| measure.mean);
    systems.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    systems
}

/// A system's figures by the first measure.
pub(super) fn primary<'r>(
    report: &ExperimentReport,
    row: &'r SystemReport,
) -> Option<&'r MeasureReport> {
    row.measures.get(report.measures.first()?)
}

/// What a verdict is called.
pub(super) fn verdict(measure: &MeasureReport) -> &'static str {
    measure.against_baseline.map_or("baseline", |against| against.verdict.name())
}

/// The kinds of question with their numbers; empty for a collection's topics.
pub(super) fn kinds(report: &ExperimentReport) -> Vec<(&str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in report.topics.iter().filter(|topic| !topic.kind.is_empty()) {
        *counts.entry(&topic.kind).or_default() += 1;
    }
    counts.into_iter().collect()
}

/// The first measure by kind of question, systems best first.
pub(super) fn by_kind(report: &ExperimentReport) -> Vec<KindRow<'_>> {
    let kinds = kinds(report);
    if kinds.is_empty() {
        return Vec::new();
    }
    let row = |system| {
        let scores = &primary(report, system)?.per_topic;
        let mean = |&(kind, n): &(&str, usize)| {
            let of_kind = report.topics.iter().zip(scores).filter(|(topic, _)| topic.kind == kind);
            of_kind.map(|(_, score)| score).sum::<f64>() / n.max(1) as f64
        };
        Some(KindRow { system, means: kinds.iter().map(mean).collect() })
    };
    ranked(report).into_iter().filter_map(row).collect()
}

/// What the figures say, in sentences.
pub(super) fn summary(report: &ExperimentReport) -> Vec<String> {
    let mut sentences = Vec::new();
    let Some(name) = report.measures.first() else { return sentences };
    let ranked = ranked(report);
    let Some(best) = ranked.first().and_then(|row| Some((row, primary(report, row)?))) else {
        sentences.push(format!("{name} is withheld from every system: too little is judged."));
        return sentences;
    };
    let (row, measure) = best;
    let [low, high] = measure.ci95;
    let best = format!(
        "Best by {name}: {}, {} [{}, {}]",
        label(report, &row.system),
        decimals(measure.mean),
        decimals(low),
        decimals(high)
    );
    let comparison = measure.against_baseline.map_or_else(String::new, |against| {
        let said = match against.verdict {
            Resolution::Better => "better than",
            Resolution::Worse => "worse than",
            Resolution::CannotResolve => "not told apart from",
        };
        format!(
            "; {said} the baseline {} ({}, corrected p = {:.4})",
            label(report, &report.baseline),
            signed(against.difference),
            against.adjusted_p
        )
    });
    sentences.push(format!("{best}{comparison}."));
    let count = |wanted: &str| {
        ranked
            .iter()
            .filter_map(|row| primary(report, row))
            .filter(|measure| verdict(measure) == wanted)
            .count()
    };
    let (better, worse, open) = (count("better"), count("worse"), count("cannot resolve"));
    if better + worse + open > 0 {
        sentences.push(format!(
            "Against the baseline {better} systems are better, {worse} worse, and {open} cannot be told apart on these {} topics.",
            report.topics.len()
        ));
    }
    // Systems whose interval reaches the best one's mean: rivals, not losers.
    let rivals = ranked[1..]
        .iter()
        .filter_map(|row| primary(report, row))
        .filter(|rival| rival.ci95[1] >= measure.mean)
        .count();
    sentences.push(format!(
        "The intervals of {rivals} other systems reach the best one's mean: the order among these is not established by this table."
    ));
    sentences
}

/// Where a system lies on a plane of cost and quality.
pub(super) struct Point<'r> {
    pub(super) system: &'r SystemReport,
    pub(super) cost: f64,
    pub(super) quality: f64,
    /// No system is at least as good at a lower cost.
    pub(super) efficient: bool,
}

/// A cost that quality is set against.
pub(super) struct Cost {
    pub(super) name: &'static str,
    pub(super) of: fn(&SystemReport) -> Option<f64>,
}

/// Time, work and space.
pub(super) const COSTS: [Cost; 3] = [
    Cost {
        name: "p95 of a search, ms",
        of: |row| row.timings_ms.get("total").map(|total| total.p95),
    },
    Cost {
        name: "tokens encoded to index",
        // Without vectors nothing would have to be encoded.
        of: |row| (row.system.strategy != "lexical").then_some(row.indexing.tokens as f64),
    },
    Cost { name: "bytes of the index", of: |row| Some(row.indexing.bytes as f64) },
];

/// Every system with a quality and a cost, ascending by cost.
pub(super) fn points<'r>(report: &'r ExperimentReport, cost: &Cost) -> Vec<Point<'r>> {
    let mut points: Vec<Point<'_>> = report
        .systems
        .iter()
        .filter_map(|system| {
            let quality = primary(report, system)?.mean;
            Some(Point { system, cost: (cost.of)(system)?, quality, efficient: false })
        })
        .collect();
    points.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(b.quality.total_cmp(&a.quality)));
    let mut best = f64::MIN;
    for point in &mut points {
        point.efficient = point.quality > best;
        best = best.max(point.quality);
    }
    points
}
