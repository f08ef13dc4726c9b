//! The bootstrap interval of a mean, or of any other statistic of topics.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::mean;

/// An interval around a mean or another statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How to resample.
///
/// The interval is the percentile one, not BCa, which also corrects bias and
/// skew: BCa divides by the spread of the jackknife values and has none to
/// divide by where all topics score alike, which recall at 100 often does,
/// and for bounded scores of hundreds of topics its ends hardly move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Number of resamples, at least 1.
    pub n_resamples: usize,
    /// Seed of the generator. Two calls with one seed and equally many values
    /// draw the same topics, so intervals of several measures belong together.
    pub seed: u64,
    /// Coverage, in `(0, 1)`.
    pub confidence: f64,
}

impl Bootstrap {
    /// 10,000 resamples, seed 42, 95 %: what every report uses.
    pub const DEFAULT: Self = Self { n_resamples: 10_000, seed: 42, confidence: 0.95 };

    /// The percentile interval of the mean of `values`.
    ///
    /// # Returns
    /// The mean itself at both ends for fewer than two values.
    pub fn mean_interval(&self, values: &[f64]) -> Interval {
        if values.len() < 2 {
            return Interval { low: mean(values), high: mean(values) };
        }
        self.interval(values.len(), |drawn| {
            drawn.iter().map(|&at| values[at]).sum::<f64>() / values.len() as f64
        })
    }

    /// The percentile interval of any statistic of `n` topics.
    ///
    /// # Arguments
    /// * `n` - how many topics there are, at least 1.
    /// * `statistic` - the statistic of a resample, which is given as `n` positions in
    ///   `0..n`.
    ///
    /// # Returns
    /// The interval from the `(1 - confidence) / 2` to the
    /// `(1 + confidence) / 2` quantile (nearest rank) of the resampled values.
    ///
    /// # Source
    /// Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.
    pub fn interval(&self, n: usize, statistic: impl Fn(&[usize]) -> f64) -> Interval {
        let n = n.max(1);
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut drawn = vec![0; n];
        let mut found: Vec<f64> = (0..self.n_resamples.max(1))
            .map(|_| {
                drawn.fill_with(|| rng.random_range(0..n));
                statistic(&drawn)
            })
            .collect();
        found.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.confidence) / 2.0;
        let rank =
            |quantile: f64| ((quantile * found.len() as f64).ceil() as usize).clamp(1, found.len());
        Interval { low: found[rank(tail) - 1], high: found[rank(1.0 - tail) - 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_coin_flips_is_the_binomial_one() {
        // 100 topics, half of them 1: the mean's standard error is .05, and the
        // binomial quantiles at 2.5 % and 97.5 % are 40 and 60 of 100.
        let values: Vec<f64> = (0..100).map(|at| f64::from(at % 2)).collect();
        let Interval { low, high } = Bootstrap::DEFAULT.mean_interval(&values);
        assert!((low - 0.40).abs() < 0.011 && (high - 0.60).abs() < 0.011, "{low} {high}");
    }

    #[test]
    fn equal_values_have_no_spread_and_one_seed_gives_one_interval() {
        assert_eq!(Bootstrap::DEFAULT.mean_interval(&[0.5; 20]), Interval { low: 0.5, high: 0.5 });
        assert_eq!(Bootstrap::DEFAULT.mean_interval(&[0.3]), Interval { low: 0.3, high: 0.3 });
        let values = [0.0, 0.2, 0.9, 1.0, 0.4];
        let other = Bootstrap { seed: 7, n_resamples: 101, ..Bootstrap::DEFAULT };
        assert_eq!(
            Bootstrap::DEFAULT.mean_interval(&values),
            Bootstrap::DEFAULT.mean_interval(&values)
        );
        assert_ne!(other.mean_interval(&values), Bootstrap::DEFAULT.mean_interval(&values));
    }
}
