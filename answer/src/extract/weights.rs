//! The weights of an extractive answer: which sentence, and whether any.
//!
//! Logistic regressions over [`SentenceFeature`]s, in a file one can read. Two for each
//! rung of the ladder, words, vectors, a reranker's score: the chance that a sentence
//! answers, and the chance that the best one found does so at all.
//! docs/experiments/answers.md says what they were fitted to and how they do elsewhere.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::features::{SentenceFeature, SentenceFeatures};

/// The weights that ship.
const SHIPPED: &str = include_str!("weights.json");

/// The version of the file that this build reads.
const FORMAT: u32 = 2;

/// Weights that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file is not such JSON.
    #[error("the answer weights cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The file is of another version.
    #[error("the answer weights have format {found}, and this build reads {FORMAT}")]
    Format {
        /// What it says.
        found: u32,
    },
    /// A weight of something that is no feature.
    #[error("{name:?} is no feature of a sentence; known are {known}")]
    UnknownFeature {
        /// What was given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A weight that is no finite number, or a threshold that is no probability.
    #[error("{name} is {value}; it must be a finite number, a threshold one from 0 to 1")]
    OutOfRange {
        /// Of what.
        name: String,
        /// What it is.
        value: f64,
    },
}

/// A logistic regression: `1 / (1 + exp(-(bias + Σ w_f f)))`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Logistic {
    bias: f64,
    weights: Vec<(SentenceFeature, f64)>,
}

impl Logistic {
    /// The probability, in `[0, 1]`.
    pub(super) fn apply(&self, features: &SentenceFeatures) -> f64 {
        let terms = self.weights.iter().map(|(feature, weight)| weight * features.get(*feature));
        let sum: f64 = self.bias + terms.sum::<f64>();
        1.0 / (1.0 + (-sum).exp())
    }
}

/// How likely an answer is right, and from when on it is given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Confidence {
    pub(super) chance: Logistic,
    /// Least chance at which a question is answered.
    pub(super) threshold: f64,
}

/// The weights of a rung.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judge {
    pub(super) sentence: Logistic,
    pub(super) confidence: Confidence,
}

/// What an extractive answer is chosen by.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerWeights {
    /// Who set them.
    name: String,
    /// By words alone.
    pub(super) words: Judge,
    /// By vectors, too.
    pub(super) compared: Judge,
    /// By a reranker's score, too.
    pub(super) read: Judge,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    name: String,
    words: StoredJudge,
    compared: StoredJudge,
    read: StoredJudge,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredJudge {
    sentence: StoredLogistic,
    confidence: StoredLogistic,
    threshold: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLogistic {
    bias: f64,
    weights: BTreeMap<String, f64>,
}

impl AnswerWeights {
    /// The weights that ship with this build.
    ///
    /// # Panics
    /// Never: a test reads the file that is compiled in.
    pub fn shipped() -> Self {
        Self::from_json(SHIPPED).expect("the shipped weights are valid")
    }

    /// Reads weights.
    ///
    /// # Errors
    /// [`WeightsError`], with what is wrong.
    pub fn from_json(text: &str) -> Result<Self, WeightsError> {
        let Stored { format, name, words, compared, read } = serde_json::from_str(text)?;
        if format != FORMAT {
            return Err(WeightsError::Format { found: format });
        }
        Ok(Self { name, words: judge(words)?, compared: judge(compared)?, read: judge(read)? })
    }

    /// Who set them.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The weights of the last rung that an answer reaches.
    pub(super) fn last_rung(&self, has_encoder: bool, has_reranker: bool) -> &Judge {
        match (has_reranker, has_encoder) {
            (true, _) => &self.read,
            (false, true) => &self.compared,
            (false, false) => &self.words,
        }
    }
}

fn judge(stored: StoredJudge) -> Result<Judge, WeightsError> {
    let StoredJudge { sentence, confidence, threshold } = stored;
    if !(0.0..=1.0).contains(&threshold) {
        return Err(WeightsError::OutOfRange { name: "threshold".to_owned(), value: threshold });
    }
    let confidence = Confidence { chance: logistic(&confidence)?, threshold };
    Ok(Judge { sentence: logistic(&sentence)?, confidence })
}

fn logistic(stored: &StoredLogistic) -> Result<Logistic, WeightsError> {
    let finite = |name: &str, value: f64| {
        if value.is_finite() {
            Ok(value)
        } else {
            Err(WeightsError::OutOfRange { name: name.to_owned(), value })
        }
    };
    let weights = stored.weights.iter().map(|(name, weight)| -> Result<_, WeightsError> {
        let feature = SentenceFeature::ALL.into_iter().find(|known| known.name() == name);
        let feature = feature.ok_or_else(|| WeightsError::UnknownFeature {
            name: name.clone(),
            known: SentenceFeature::ALL.map(SentenceFeature::name).join(", "),
        })?;
        Ok((feature, finite(name, *weight)?))
    });
    Ok(Logistic { bias: finite("bias", stored.bias)?, weights: weights.collect::<Result<_, _>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_weights_are_read_and_tell_more_from_less() {
        let weights = AnswerWeights::shipped();
        let mut near = SentenceFeatures::default();
        near.set(SentenceFeature::Cosine, 0.9);
        near.set(SentenceFeature::WordMatch, 1.0);
        near.set(SentenceFeature::ContextMatch, 1.0);
        near.set(SentenceFeature::PassageMatch, 1.0);
        near.set(SentenceFeature::Rerank, 0.9);
        let far = SentenceFeatures::default();
        for judge in [&weights.words, &weights.compared, &weights.read] {
            assert!(judge.sentence.apply(&near) > judge.sentence.apply(&far));
            let chance = &judge.confidence.chance;
            assert!(chance.apply(&near) > judge.confidence.threshold);
            assert!(chance.apply(&far) < judge.confidence.threshold);
        }
    }

    #[test]
    fn weights_that_mean_nothing_are_refused_by_name() {
        let with = |from: &str, to: &str| AnswerWeights::from_json(&SHIPPED.replacen(from, to, 1));
        let error = with("\"cosine\"", "\"cosinus\"").unwrap_err();
        assert!(error.to_string().contains("\"cosinus\" is no feature"), "{error}");
        assert!(matches!(
            with("\"format\": 2", "\"format\": 7"),
            Err(WeightsError::Format { found: 7 })
        ));
        assert!(matches!(
            with("\"threshold\": 0.", "\"threshold\": 4."),
            Err(WeightsError::OutOfRange { .. })
        ));
    }
}
