//! Percentiles of wall time, per stage of a search.

use std::collections::BTreeMap;

use engine::StageTimings;
use serde::{Deserialize, Serialize};

/// Percentiles of a sample, by nearest rank: each is a value that was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half of the sample is not above it.
    pub p50: f64,
    /// 95 % of the sample are not above it.
    pub p95: f64,
    /// 99 % of the sample are not above it.
    pub p99: f64,
}

impl Percentiles {
    /// The percentiles of `sample`; zeros when it is empty.
    pub fn of(mut sample: Vec<f64>) -> Self {
        sample.sort_unstable_by(f64::total_cmp);
        let rank = |share: f64| {
            let at = (share * sample.len() as f64).ceil() as usize;
            sample.get(at.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        Self { p50: rank(0.50), p95: rank(0.95), p99: rank(0.99) }
    }
}

/// Milliseconds per stage, keyed by the stage's name; `total` is the whole
/// search.
pub type StagePercentiles = BTreeMap<String, Percentiles>;

/// Summarises the timings of many searches.
pub fn stage_percentiles(timings: &[StageTimings]) -> StagePercentiles {
    let mut samples: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    for timing in timings {
        // Destructured whole, so that a new stage cannot be forgotten here.
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
            total,
        } = *timing;
        for (stage, ms) in [
            ("plan", plan),
            ("filter", filter),
            ("encode", encode),
            ("lexical", lexical),
            ("dense", dense),
            ("fusion", fusion),
            ("expand", expand),
            ("rerank", rerank),
            ("fetch", fetch),
            ("total", total),
        ] {
            samples.entry(stage).or_default().push(ms);
        }
    }
    samples.into_iter().map(|(stage, sample)| (stage.to_owned(), Percentiles::of(sample))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_values() {
        let sample: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(Percentiles::of(sample), Percentiles { p50: 50.0, p95: 95.0, p99: 99.0 });
        assert_eq!(Percentiles::of(vec![3.0, 1.0]), Percentiles { p50: 1.0, p95: 3.0, p99: 3.0 });
        assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
    }
}
