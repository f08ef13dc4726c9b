//! What is needed to run a cross-encoder whose files are there.

use std::path::PathBuf;

use super::RerankError;
use crate::encoder::{Precision, ScorePooling};

/// How a model's output becomes a score in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreActivation {
    /// `1 / (1 + e^-x)`, for models trained to give probabilities.
    Sigmoid,
    /// `(x - low) / (high - low)`, cut to `[0, 1]`, for models trained to order
    /// passages: a sigmoid would press all but the undecided ones together.
    Linear {
        /// What becomes 0.
        low: f32,
        /// What becomes 1.
        high: f32,
    },
}

impl ScoreActivation {
    /// Outputs from `low` to `high` as scores from 0 to 1.
    ///
    /// # Errors
    /// [`RerankError::ScoreRange`] unless both are finite and `low < high`.
    pub fn linear(low: f32, high: f32) -> Result<Self, RerankError> {
        if low.is_finite() && high.is_finite() && low < high {
            Ok(Self::Linear { low, high })
        } else {
            Err(RerankError::ScoreRange { low, high })
        }
    }

    /// The score of a finite output.
    pub(super) fn apply(self, output: f32) -> f32 {
        match self {
            Self::Sigmoid => (1.0 / (1.0 + f64::from(-output).exp())) as f32,
            Self::Linear { low, high } => ((output - low) / (high - low)).clamp(0.0, 1.0),
        }
    }
}

/// A cross-encoder's numbers, and with that, what runs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrossEncoderFiles {
    /// 8-bit weights for [`crate::CrossEncoder`].
    Weights {
        /// The file, as `models` writes it.
        path: PathBuf,
        /// Which token vectors the score is made from.
        pooling: ScorePooling,
    },
    /// An ONNX graph for [`crate::OnnxCrossEncoder`].
    Graph {
        /// The graph; its weights may be in a file beside it.
        path: PathBuf,
    },
}

/// Everything needed to run a cross-encoder. Nothing has a default: a model run
/// with another pooling or activation gives plausible, wrong scores.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossEncoderSpec {
    /// The model card's name.
    pub name: String,
    /// The model's numbers.
    pub files: CrossEncoderFiles,
    /// The `tokenizer.json`.
    pub tokenizer_path: PathBuf,
    /// Longest pair in tokens, special tokens included.
    pub max_tokens: usize,
    /// From the model's output to a score.
    pub activation: ScoreActivation,
    /// What the model computes with.
    pub precision: Precision,
    /// Identifies model files, precision and policy.
    pub fingerprint: String,
}

impl CrossEncoderSpec {
    /// The name with the precision.
    pub(super) fn full_name(&self) -> String {
        format!("{}@{}", self.name, self.precision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_activations_rise_from_zero_to_one() {
        let linear = ScoreActivation::linear(-10.0, 10.0).unwrap();
        let scores = [-20.0, -10.0, 0.0, 5.0, 10.0, 20.0].map(|x| linear.apply(x));
        assert_eq!(scores, [0.0, 0.0, 0.5, 0.75, 1.0, 1.0]);
        let scores = [-200.0, 0.0, 200.0].map(|x| ScoreActivation::Sigmoid.apply(x));
        assert_eq!(scores, [0.0, 0.5, 1.0]);
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f32::NAN, 1.0), (0.0, f32::INFINITY)] {
            let error = ScoreActivation::linear(low, high).unwrap_err();
            assert!(matches!(error, RerankError::ScoreRange { .. }), "{error}");
        }
    }
}
