//! Bringing a leg's scores to a common scale.

use std::fmt;

use crate::ranked_list::RankedList;

/// How the scores of one leg are mapped before they are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// `(s - min) / (max - min)` over the leg: the best gets 1, the last 0.
    MinMax,
    /// `(s - (μ - 3σ)) / 6σ` over the leg, not clamped: distribution-based
    /// score fusion (Mazzeschi, 2023), with the population's σ.
    Distribution,
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MinMax => "minmax",
            Self::Distribution => "dbsf",
        })
    }
}

/// The affine map of one leg: `(s - origin) / width`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The score that maps to 0.
    pub origin: f64,
    /// The distance that maps to 1; zero when all scores are equal.
    pub width: f64,
}

impl Scale {
    /// Fits the map to a leg. Where all scores are equal, one-item lists
    /// included, `width` is 0 and every score maps to [`Scale::CONSTANT`].
    pub fn fit(list: &RankedList, normalization: Normalization) -> Self {
        let scores: Vec<f64> = list.entries().iter().map(|entry| entry.score).collect();
        Self::of_scores(&scores, normalization)
    }

    /// Fits the map to scores, in any order.
    pub fn of_scores(scores: &[f64], normalization: Normalization) -> Self {
        let n = scores.len() as f64;
        let (min, max) = scores
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), &s| (min.min(s), max.max(s)));
        if scores.is_empty() || max <= min {
            return Self { origin: 0.0, width: 0.0 };
        }
        match normalization {
            Normalization::MinMax => Self { origin: min, width: max - min },
            Normalization::Distribution => {
                let mean = scores.iter().sum::<f64>() / n;
                let deviation =
                    (scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / n).sqrt();
                Self { origin: mean - 3.0 * deviation, width: 6.0 * deviation }
            }
        }
    }

    /// What every score of a constant leg maps to: the middle of both scales,
    /// since such a leg says "found" but not how well. Systems differ here
    /// (raw scores, 0, 1); it is decided once, in this place.
    pub const CONSTANT: f64 = 0.5;

    /// Maps a score.
    pub fn apply(self, score: f64) -> f64 {
        if self.width > 0.0 { (score - self.origin) / self.width } else { Self::CONSTANT }
    }
}
