//! Which searches a log keeps, where it does not keep all.

use std::fmt;
use std::str::FromStr;

/// A part of all searches, in (0, 1].
///
/// Whether a search is kept depends on its request's id alone: what a client sends again
/// under one id is kept again or left out again, and servers that share a load agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleRate(f64);

// Never NaN.
impl Eq for SampleRate {}

/// A rate that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no part of all searches; give a number above 0 and up to 1, like 0.1")]
pub struct SampleRateError {
    /// What was given.
    pub given: String,
}

impl SampleRate {
    /// Every search.
    pub const ALL: Self = Self(1.0);

    /// Whether the search of this request is kept.
    pub(super) fn takes(self, request_id: &str) -> bool {
        let hash = blake3::hash(request_id.as_bytes());
        let [a, b, c, d, ..] = *hash.as_bytes();
        // Uniform in [0, 1).
        f64::from(u32::from_le_bytes([a, b, c, d])) / 2_f64.powi(32) < self.0
    }

    /// What a log's line says of it.
    pub(super) fn told(self) -> Option<f64> {
        (self != Self::ALL).then_some(self.0)
    }
}

impl FromStr for SampleRate {
    type Err = SampleRateError;

    fn from_str(text: &str) -> Result<Self, SampleRateError> {
        let rate = text.parse().ok().filter(|rate| *rate > 0.0 && *rate <= 1.0);
        rate.map(Self).ok_or_else(|| SampleRateError { given: text.to_owned() })
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_part_of_all() {
        for (text, rate) in [("1", 1.0), ("0.1", 0.1), ("1e-3", 0.001)] {
            assert_eq!(text.parse(), Ok(SampleRate(rate)));
        }
        for text in ["0", "-0.1", "1.01", "NaN", "inf", "10%", ""] {
            assert!(text.parse::<SampleRate>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_ids_are_kept_every_time_and_about_as_many_as_asked_for() {
        let tenth: SampleRate = "0.1".parse().unwrap();
        let half: SampleRate = "0.5".parse().unwrap();
        let ids: Vec<String> = (0..10_000).map(|at| format!("19a7-{at}")).collect();
        let kept = |rate: SampleRate| ids.iter().filter(move |id| rate.takes(id));
        let n = kept(tenth).count();
        // Six standard deviations of a binomial distribution.
        assert!((820..=1180).contains(&n), "{n}");
        assert!(kept(tenth).eq(kept(tenth)) && kept(SampleRate::ALL).count() == ids.len());
        assert!(kept(tenth).all(|id| half.takes(id)), "a larger sample holds the smaller one");
        assert_eq!((tenth.told(), SampleRate::ALL.told()), (Some(0.1), None));
    }
}
