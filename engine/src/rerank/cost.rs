//! What a pair costs: a running average over the pairs a model has scored.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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

    /// Milliseconds for a pair of so many tokens; 0 before the first measurement.
    pub(super) fn estimate_ms(&self, tokens: usize) -> f64 {
        self.average() * tokens as f64 / 1e6
    }

    fn average(&self) -> f64 {
        f64::from_bits(self.ns_per_token.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
