//! Two systems on the same topics: the difference, its interval, its test.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::bootstrap::{Bootstrap, Interval};
use super::mean;

/// How two systems differ on the same topics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedComparison {
    /// Mean of `second - first`.
    pub mean_difference: f64,
    /// Bootstrap interval of that mean, over topics.
    pub interval: Interval,
    /// Two-sided p-value of the randomisation test: how often swapping the two
    /// systems' scores at random gives a difference at least as large.
    pub p_value: f64,
}

/// Two lists that cannot be compared.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairedError {
    /// They are not about the same topics.
    #[error(
        "cannot compare {first} topics with {second}: both systems must be scored on the same topics"
    )]
    Lengths {
        /// Topics of the first system.
        first: usize,
        /// Topics of the second.
        second: usize,
    },
}

/// Compares two systems by their per-topic scores.
///
/// # Arguments
/// * `first`, `second` - scores of the same topics in the same order.
/// * `how` - resamples and seed, for the interval and the test alike.
///
/// # Returns
/// The p-value is `(1 + c) / (1 + n)`, `c` the number of `n` random sign
/// assignments whose absolute mean is not below the observed one: never 0,
/// which no finite number of resamples could show.
///
/// # Errors
/// [`PairedError::Lengths`].
///
/// # Source
/// Smucker, Allan and Carterette, CIKM 2007, section 3 (randomisation).
pub fn compare_paired(
    first: &[f64],
    second: &[f64],
    how: &Bootstrap,
) -> Result<PairedComparison, PairedError> {
    if first.len() != second.len() {
        return Err(PairedError::Lengths { first: first.len(), second: second.len() });
    }
    let differences: Vec<f64> =
        first.iter().zip(second).map(|(first, second)| second - first).collect();
    Ok(PairedComparison {
        mean_difference: mean(&differences),
        interval: how.mean_interval(&differences),
        p_value: randomisation_p_value(&differences, how),
    })
}

fn randomisation_p_value(differences: &[f64], how: &Bootstrap) -> f64 {
    // Sums of the same numbers in another sign order differ by rounding; ties
    // with the observed sum must count as ties.
    const ROUNDING: f64 = 1e-9;
    let observed = differences.iter().sum::<f64>().abs();
    let mut rng = ChaCha8Rng::seed_from_u64(how.seed);
    let as_large = (0..how.n_resamples)
        .filter(|_| {
            let mut signs = 0_u64;
            let sum: f64 = differences
                .iter()
                .enumerate()
                .map(|(at, difference)| {
                    if at % 64 == 0 {
                        signs = rng.next_u64();
                    }
                    let sign = signs >> (at % 64) & 1;
                    if sign == 0 { *difference } else { -difference }
                })
                .sum();
            sum.abs() >= observed - ROUNDING
        })
        .count();
    (as_large + 1) as f64 / (how.n_resamples + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_systems_do_not_differ() {
        let scores = [0.1, 0.5, 0.9];
        let comparison = compare_paired(&scores, &scores, &Bootstrap::DEFAULT).unwrap();
        assert_eq!((comparison.mean_difference, comparison.p_value), (0.0, 1.0));
        assert!(compare_paired(&scores, &scores[1..], &Bootstrap::DEFAULT).is_err());
    }

    #[test]
    fn the_p_value_is_the_exact_one_within_sampling_error() {
        // Eight topics, all better by a different amount: of the 256 sign
        // assignments only the two uniform ones reach the observed sum.
        let first = [0.0; 8];
        let second: Vec<f64> = (1..=8).map(|at| f64::from(at) / 10.0).collect();
        let comparison = compare_paired(&first, &second, &Bootstrap::DEFAULT).unwrap();
        assert!((comparison.p_value - 2.0 / 256.0).abs() < 0.003, "{}", comparison.p_value);
        assert!((comparison.mean_difference - 0.45).abs() < 1e-12);
        assert!(comparison.interval.low > 0.0 && comparison.interval.high < 0.8);
        let swapped = compare_paired(&second, &first, &Bootstrap::DEFAULT).unwrap();
        assert_eq!(swapped.p_value, comparison.p_value);
    }
}
