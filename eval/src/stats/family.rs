//! Many comparisons with one baseline: corrected, with a verdict each.

use serde::{Deserialize, Serialize};

use super::bootstrap::Bootstrap;
use super::paired::{PairedComparison, PairedError, compare_paired};

/// The share of false alarms that a family of comparisons may have.
pub const FAMILY_ALPHA: f64 = 0.05;

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// The system is better than the baseline.
    Better,
    /// It is worse.
    Worse,
    /// These topics cannot tell.
    CannotResolve,
}

impl Resolution {
    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::CannotResolve => "cannot resolve",
        }
    }
}

/// A system against the baseline, as one of a family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FamilyComparison {
    /// By itself.
    pub paired: PairedComparison,
    /// Its p-value after Holm's correction.
    pub adjusted_p: f64,
    /// What it says at [`FAMILY_ALPHA`].
    pub resolution: Resolution,
    /// The smallest difference that so many topics find four times in five.
    pub detectable: f64,
}

/// Compares systems with a baseline on the same topics.
///
/// # Arguments
/// * `baseline` - scores by topic.
/// * `systems` - the same of each system.
///
/// # Returns
/// A comparison per system, in order. The verdicts hold together: the chance
/// that any of them is a false alarm is at most [`FAMILY_ALPHA`].
///
/// # Errors
/// [`PairedError`] when the topics differ.
///
/// # Source
/// Holm, Scandinavian Journal of Statistics 6, 1979.
pub fn compare_family(
    baseline: &[f64],
    systems: &[&[f64]],
    how: &Bootstrap,
) -> Result<Vec<FamilyComparison>, PairedError> {
    let paired = systems
        .iter()
        .map(|scores| compare_paired(baseline, scores, how))
        .collect::<Result<Vec<_>, _>>()?;
    let adjusted = holm(&paired.iter().map(|comparison| comparison.p_value).collect::<Vec<_>>());
    Ok(paired
        .into_iter()
        .zip(adjusted)
        .zip(systems)
        .map(|((paired, adjusted_p), scores)| {
            let resolution = match paired.mean_difference {
                _ if adjusted_p >= FAMILY_ALPHA => Resolution::CannotResolve,
                difference if difference > 0.0 => Resolution::Better,
                _ => Resolution::Worse,
            };
            let detectable = detectable_difference(baseline, scores);
            FamilyComparison { paired, adjusted_p, resolution, detectable }
        })
        .collect())
}

/// Holm's step-down correction: adjusted p-values in the order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut above = 0.0_f64;
    for (rank, &at) in order.iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        above = above.max((p_values[at] * factor).min(1.0));
        adjusted[at] = above;
    }
    adjusted
}

/// The mean difference that a two-sided test at 5 % finds with 80 % power, from
/// the spread of the differences that were seen: 2.80 standard errors.
///
/// # Source
/// Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, chapter
/// 2 (normal approximation); for the uncorrected test, so a family needs more.
pub fn detectable_difference(first: &[f64], second: &[f64]) -> f64 {
    const Z_TWO_SIDED_5_PERCENT: f64 = 1.959_964;
    const Z_POWER_80_PERCENT: f64 = 0.841_621;
    let n = first.len() as f64;
    if first.len() < 2 {
        return f64::INFINITY;
    }
    let differences = || first.iter().zip(second).map(|(first, second)| second - first);
    let mean = differences().sum::<f64>() / n;
    let variance = differences().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (Z_TWO_SIDED_5_PERCENT + Z_POWER_80_PERCENT) * (variance / n).sqrt()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn holm_by_hand() {
        // Sorted .01 .02 .03 .04 times 4 3 2 1, never falling.
        assert_eq!(holm(&[0.03, 0.01, 0.04, 0.02]), [0.06, 0.04, 0.06, 0.06]);
        assert_eq!(holm(&[0.5, 0.9]), [1.0, 1.0]);
        assert_eq!(holm(&[]), [0.0; 0]);
    }

    #[test]
    fn verdicts_follow_the_correction() {
        let baseline = vec![0.5; 40];
        let better: Vec<f64> = (0..40).map(|at| 0.5 + f64::from(at % 4) * 0.1).collect();
        let worse: Vec<f64> = better.iter().map(|score| 1.0 - score).collect();
        let same: Vec<f64> = (0..40).map(|at| if at % 2 == 0 { 0.6 } else { 0.4 }).collect();
        let family =
            compare_family(&baseline, &[&better, &worse, &same], &Bootstrap::DEFAULT).unwrap();
        let verdicts: Vec<_> = family.iter().map(|comparison| comparison.resolution).collect();
        assert_eq!(verdicts, [Resolution::Better, Resolution::Worse, Resolution::CannotResolve]);
        for comparison in &family {
            assert!(comparison.adjusted_p >= comparison.paired.p_value);
        }
    }

    #[test]
    fn the_detectable_difference_is_found_four_times_in_five() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let n = 100;
        let zeros = vec![0.0; n];
        let noise = |rng: &mut ChaCha8Rng| -> Vec<f64> {
            (0..n).map(|_| rng.random_range(-1.0..1.0_f64)).collect()
        };
        let detectable = detectable_difference(&zeros, &noise(&mut rng));
        let how = Bootstrap { n_resamples: 400, ..Bootstrap::DEFAULT };
        let found = (0..400)
            .filter(|_| {
                let scores: Vec<f64> =
                    noise(&mut rng).iter().map(|value| value + detectable).collect();
                compare_paired(&zeros, &scores, &how).unwrap().p_value < 0.05
            })
            .count();
        let power = found as f64 / 400.0;
        assert!((0.7..0.9).contains(&power), "{power}");
    }

    /// Two systems of equal quality on scores shaped like nDCG: lumps at 0 and
    /// 1 and a spread between. The test must cry wolf as often as it says.
    #[test]
    fn false_alarms_are_as_rare_as_promised() {
        const TRIALS: usize = 1_000;
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let how = Bootstrap { n_resamples: 400, ..Bootstrap::DEFAULT };
        let mut score = || match rng.random_range(0..10) {
            0..4 => 0.0,
            4..7 => 1.0,
            _ => rng.random_range(0.2..0.9),
        };
        let mut alarms = 0;
        for _ in 0..TRIALS {
            let first: Vec<f64> = (0..60).map(|_| score()).collect();
            let second: Vec<f64> = (0..60).map(|_| score()).collect();
            alarms += usize::from(compare_paired(&first, &second, &how).unwrap().p_value < 0.05);
        }
        let rate = alarms as f64 / TRIALS as f64;
        // Three standard errors of a share of .05 in 1,000 trials are .021.
        assert!((0.029..0.071).contains(&rate), "{rate}");
    }

    /// Six systems, all as good as the baseline: any verdict is a false alarm.
    #[test]
    fn a_family_cries_wolf_no_more_often_than_one_test() {
        const TRIALS: usize = 300;
        let mut rng = ChaCha8Rng::seed_from_u64(13);
        let how = Bootstrap { n_resamples: 300, ..Bootstrap::DEFAULT };
        let mut scores = || -> Vec<f64> { (0..40).map(|_| rng.random_range(0.0..1.0)).collect() };
        let alarms = (0..TRIALS)
            .filter(|_| {
                let baseline = scores();
                let systems: Vec<_> = (0..6).map(|_| scores()).collect();
                let systems: Vec<_> = systems.iter().map(Vec::as_slice).collect();
                compare_family(&baseline, &systems, &how)
                    .unwrap()
                    .iter()
                    .any(|comparison| comparison.resolution != Resolution::CannotResolve)
            })
            .count();
        let rate = alarms as f64 / TRIALS as f64;
        // The bound is .05, here less since the systems share a baseline; three
        // standard errors of .05 in 300 trials are .038.
        assert!(rate < 0.088, "{rate}");
    }
}
