//! Searches: how long each stage took, what was left out, what found nothing.

use engine::{CandidateReport, SearchOutcome, StageTimings};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::buckets::{self, Histograms};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CollectionLabels {
    collection: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StageLabels {
    collection: String,
    stage: String,
}

#[derive(Debug)]
pub(crate) struct SearchMetrics {
    seconds: Histograms<CollectionLabels>,
    stage_seconds: Histograms<StageLabels>,
    degradations: Family<StageLabels, Counter>,
    without_hits: Family<CollectionLabels, Counter>,
    slow: Family<CollectionLabels, Counter>,
}

impl SearchMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            seconds: Histograms::new_with_constructor(buckets::searches),
            stage_seconds: Histograms::new_with_constructor(buckets::stages),
            degradations: Family::default(),
            without_hits: Family::default(),
            slow: Family::default(),
        };
        registry.register(
            "search_duration_seconds",
            "Searches in the engine, without waiting for a place; those of answers among them",
            metrics.seconds.clone(),
        );
        registry.register(
            "search_stage_duration_seconds",
            "Stages of searches that ran; legs run beside each other, so they add up to more than the search",
            metrics.stage_seconds.clone(),
        );
        registry.register(
            "search_degradations",
            "Stages that were left out of a result, or cut short",
            metrics.degradations.clone(),
        );
        registry.register(
            "searches_without_hits",
            "Searches that found nothing",
            metrics.without_hits.clone(),
        );
        registry.register(
            "slow_queries",
            "Searches that took longer than --slow-query-ms, waiting included",
            metrics.slow.clone(),
        );
        metrics
    }

    /// Counts an answered search.
    pub(crate) fn answered(&self, collection: &str, outcome: &SearchOutcome) {
        let of_collection = CollectionLabels { collection: collection.to_owned() };
        let of_stage = |stage: &str| StageLabels {
            collection: collection.to_owned(),
            stage: stage.to_owned(),
        };
        self.seconds.get_or_create(&of_collection).observe(outcome.timings_ms.total / 1e3);
        for (stage, ms) in stages_ms(outcome) {
            self.stage_seconds.get_or_create(&of_stage(stage)).observe(ms / 1e3);
        }
        for left_out in &outcome.degraded {
            self.degradations.get_or_create(&of_stage(&left_out.stage.to_string())).inc();
        }
        // Made with the first search, so that the first time is an increase from 0.
        self.without_hits.get_or_create(&of_collection).inc_by(u64::from(outcome.hits.is_empty()));
    }

    /// Counts a search that was too slow.
    pub(crate) fn was_slow(&self, collection: &str) {
        let labels = CollectionLabels { collection: collection.to_owned() };
        self.slow.get_or_create(&labels).inc();
    }
}

/// The stages that ran, with their milliseconds. The clock of one that did not run shows
/// a fraction of a microsecond, which would drown those that did.
fn stages_ms(outcome: &SearchOutcome) -> impl Iterator<Item = (&'static str, f64)> {
    let StageTimings {
        plan,
        filter,
        encode,
        lexical,
        dense,
        fusion,
        expand,
        rerank,
        fetch,
        total: _,
    } = outcome.timings_ms;
    let CandidateReport { filter: filtered, lexical: words, dense: vectors, fused: _ } =
        outcome.candidates;
    [
        ("plan", plan, true),
        ("filter", filter, filtered.is_some()),
        ("encode", encode, vectors.is_some() && encode > 0.0),
        ("lexical", lexical, words.is_some()),
        ("dense", dense, vectors.is_some() && dense > 0.0),
        ("fusion", fusion, words.is_some() && vectors.is_some()),
        ("expand", expand, outcome.expanded.is_some()),
        ("rerank", rerank, outcome.reranked.is_some()),
        ("fetch", fetch, true),
    ]
    .into_iter()
    .filter_map(|(stage, ms, ran)| ran.then_some((stage, ms)))
}
