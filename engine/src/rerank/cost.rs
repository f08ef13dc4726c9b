//! What a pair costs: a running average over the pairs a model has scored.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{RerankError, RerankQuery, Reranker};

/// Share of the newest measurement in the average: the last ten or so pairs
/// decide, so that an estimate follows a machine that others begin to use.
const NEWEST: f64 = 0.1;

/// Nanoseconds a token, averaged.
///
/// Linear in the tokens: attention's square is under a tenth of the time below
/// 256 tokens, which is where windows keep pairs.
#[derive(Debug, Default)]
pub(super) struct CostMeter {
    /// Bits of an `f64`; 0 before the first measurement.
    ns_per_token: AtomicU64,
}

impl CostMeter {
    /// Takes a measurement into the average. Two at the same time may lose one.
    pub(super) fn record(&self, tokens: usize, took: Duration) {
        let newest = took.as_nanos() as f64 / tokens.max(1) as f64;
        let average = self.average();
        let next = if average > 0.0 { average + NEWEST * (newest - average) } else { newest };
        self.ns_per_token.store(next.to_bits(), Ordering::Relaxed);
    }

    /// Forgets all measurements.
    fn clear(&self) {
        self.ns_per_token.store(0, Ordering::Relaxed);
    }

    /// Milliseconds for a pair of so many tokens; 0 before the first measurement.
    pub(super) fn estimate_ms(&self, tokens: usize) -> f64 {
        self.average() * tokens as f64 / 1e6
    }

    fn average(&self) -> f64 {
        f64::from_bits(self.ns_per_token.load(Ordering::Relaxed))
    }
}

/// Scores a pair twice and takes the cost from the second run alone: the first one
/// of a model waits for its memory.
///
/// # Arguments
/// * `cost` - what the reranker records its runs in.
pub(super) fn warm_up(reranker: &dyn Reranker, cost: &CostMeter) -> Result<(), RerankError> {
    let query = RerankQuery::plain("how long does it take");
    let passage = "as long as it takes to read a passage of some length ".repeat(8);
    reranker.score(&query, &[passage.as_str().into()])?;
    cost.clear();
    reranker.score(&query, &[passage.as_str().into()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::RerankPassage;
    use super::*;

    /// A reranker whose first run takes a hundred times as long as the others.
    #[derive(Default)]
    struct ColdFirst {
        runs: AtomicU64,
        cost: CostMeter,
    }

    impl Reranker for ColdFirst {
        fn name(&self) -> &'static str {
            "cold first"
        }
        fn fingerprint(&self) -> &'static str {
            "cold first"
        }
        fn estimate_ms(&self, tokens: usize) -> f64 {
            self.cost.estimate_ms(tokens)
        }
        fn score(
            &self,
            _: &RerankQuery<'_>,
            passages: &[RerankPassage<'_>],
        ) -> Result<Vec<f32>, RerankError> {
            let is_first = self.runs.fetch_add(1, Ordering::Relaxed) == 0;
            self.cost.record(100, Duration::from_millis(if is_first { 200 } else { 2 }));
            Ok(vec![0.5; passages.len()])
        }
    }

    #[test]
    fn a_models_first_run_says_nothing_of_its_cost() {
        let model = ColdFirst::default();
        warm_up(&model, &model.cost).unwrap();
        assert!((model.estimate_ms(100) - 2.0).abs() < 1e-9, "{}", model.estimate_ms(100));
    }

    #[test]
    fn the_first_measurement_counts_whole_and_later_ones_move_it() {
        let meter = CostMeter::default();
        assert_eq!(meter.estimate_ms(100), 0.0);
        meter.record(100, Duration::from_millis(2));
        assert!((meter.estimate_ms(50) - 1.0).abs() < 1e-9);
        meter.record(100, Duration::from_millis(4));
        assert!((meter.estimate_ms(100) - 2.2).abs() < 1e-9);
        for _ in 0..100 {
            meter.record(10, Duration::from_millis(1));
        }
        assert!((meter.estimate_ms(10) - 1.0).abs() < 0.01);
    }
}
