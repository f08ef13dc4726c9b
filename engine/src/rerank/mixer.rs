//! From features to a final score: a weighted sum that can be read and bounded.
//!
//! Linear, so that a hit's explanation is a list of products and so that what an
//! unread candidate can still reach is known before it is read. What a model's
//! score counts may depend on the query: a feature of the query times a model's
//! score is a further term.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::features::{Feature, FeatureKind, Features};
use super::stage::ModelScores;
use crate::fusion::Scale;

/// The weights that ship with the engine.
const DEFAULT: &str = include_str!("mixer.json");

/// Those for a first stage of words alone.
const BEHIND_WORDS: &str = include_str!("mixer-words.json");

/// The version of the file that this build reads.
const FORMAT: u32 = 1;

/// A weighted sum of features, and of features of the query times scores of
/// models.
///
/// `score = bias + Σ_f w_f f + Σ_(q, m) w_qm q m`, with `f` any [`Feature`], `q` one
/// of [`FeatureKind::Query`], `m` one of [`FeatureKind::Model`].
#[derive(Clone, Debug, PartialEq)]
pub struct Mixer {
    name: String,
    bias: f64,
    terms: Vec<Term>,
    fingerprint: String,
}

/// One product of the sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Term {
    pub(crate) weight: f64,
    /// The query's feature that `feature` is multiplied by.
    pub(crate) times: Option<Feature>,
    pub(crate) feature: Feature,
}

/// The file, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    name: String,
    #[serde(default)]
    bias: f64,
    weights: BTreeMap<String, f64>,
    /// Keys are `QUERY_FEATURE * MODEL_FEATURE`.
    #[serde(default)]
    interactions: BTreeMap<String, f64>,
}

/// Weights that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MixerError {
    /// The file is not such JSON.
    #[error("the mixer's weights cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The file is of another version.
    #[error("the mixer's weights have format {found}, and this build reads {FORMAT}")]
    Format {
        /// What it says.
        found: u32,
    },
    /// A weight of something that is no feature.
    #[error("{name:?} is no feature; known are {known}")]
    UnknownFeature {
        /// What was given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A product that is not of a query's feature and a model's.
    #[error(
        "{given:?} is no interaction; write QUERY_FEATURE * MODEL_FEATURE, as in \"question * rerank\""
    )]
    Interaction {
        /// What was given.
        given: String,
    },
    /// A weight beyond [`Mixer::MAX_WEIGHT`].
    #[error("the weight of {name:?} is {value}; it must lie within ±{}", Mixer::MAX_WEIGHT)]
    TooLarge {
        /// Of what.
        name: String,
        /// What it is.
        value: f64,
    },
}

impl Mixer {
    /// The largest weight, and bias, either side of zero. Sums of larger ones could
    /// overflow, and a candidate whose score is no number has no place in a ranking.
    pub const MAX_WEIGHT: f64 = 1e6;

    /// Reads weights.
    ///
    /// # Errors
    /// [`MixerError`], with what is wrong.
    pub fn from_json(text: &str) -> Result<Self, MixerError> {
        let Stored { format, name, bias, weights, interactions } = serde_json::from_str(text)?;
        if format != FORMAT {
            return Err(MixerError::Format { found: format });
        }
        let bounded = |name: &str, value: f64| {
            if value.abs() <= Self::MAX_WEIGHT {
                Ok(value)
            } else {
                Err(MixerError::TooLarge { name: name.to_owned(), value })
            }
        };
        let mut terms = Vec::with_capacity(weights.len() + interactions.len());
        for (name, weight) in &weights {
            let feature = feature(name)?;
            terms.push(Term { weight: bounded(name, *weight)?, times: None, feature });
        }
        for (given, weight) in &interactions {
            let refused = || MixerError::Interaction { given: given.clone() };
            let (query, model) = given.split_once('*').ok_or_else(refused)?;
            let (query, model) = (feature(query.trim())?, feature(model.trim())?);
            if query.kind() != FeatureKind::Query || model.kind() != FeatureKind::Model {
                return Err(refused());
            }
            let weight = bounded(given, *weight)?;
            terms.push(Term { weight, times: Some(query), feature: model });
        }
        terms.retain(|term| term.weight != 0.0);
        let bias = bounded("bias", bias)?;
        let hash = blake3::hash(format!("{bias} {terms:?}").as_bytes()).to_hex();
        let fingerprint = format!("{name}-{}", &hash[..16]);
        Ok(Self { name, bias, terms, fingerprint })
    }

    /// Who set the weights.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Equal for equal names and weights.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The final score of a candidate all of whose features are known.
    pub fn score(&self, features: &Features) -> f64 {
        self.terms.iter().fold(self.bias, |sum, term| sum + term.value(features))
    }

    /// The products of the sum, and what is added to them.
    pub(crate) fn terms(&self) -> (&[Term], f64) {
        (&self.terms, self.bias)
    }

    /// The final score as a function of the models' scores alone.
    ///
    /// # Arguments
    /// * `known` - the features of the query and the candidate.
    pub(super) fn line(&self, known: &Features) -> Line {
        let mut line = Line { fixed: self.bias, ..Line::default() };
        for term in &self.terms {
            let slope = term.weight * term.times.map_or(1.0, |times| known.get(times));
            match term.feature {
                Feature::MaxSim => line.max_sim += slope,
                Feature::Rerank => line.rerank += slope,
                Feature::RerankInQuery => line.in_query += slope,
                feature @ (Feature::QueryWords
                | Feature::Question
                | Feature::CodeQuery
                | Feature::LegsAgree
                | Feature::Lead
                | Feature::FirstStage
                | Feature::Lexical
                | Feature::Dense
                | Feature::LexicalRank
                | Feature::DenseRank
                | Feature::WordMatch
                | Feature::TitleMatch
                | Feature::CodeMatch) => line.fixed += slope * known.get(feature),
            }
        }
        line
    }
}

impl Default for Mixer {
    /// The weights that ship with the engine, fitted by `training/mixer.py` to six
    /// collections behind two first stages and judged on each by weights fitted to
    /// the others: docs/experiments/rerank.md.
    fn default() -> Self {
        Self::from_json(DEFAULT).expect("a test reads the shipped weights")
    }
}

impl Mixer {
    /// Those that ship for a first stage of words alone, fitted behind BM25 and judged
    /// likewise.
    pub fn behind_words() -> Self {
        Self::from_json(BEHIND_WORDS).expect("a test reads the shipped weights")
    }
}

impl Term {
    fn value(&self, features: &Features) -> f64 {
        let times = self.times.map_or(1.0, |times| features.get(times));
        self.weight * times * features.get(self.feature)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.times {
            None => write!(f, "weight x {}", self.feature),
            Some(times) => write!(f, "weight x {times} x {}", self.feature),
        }
    }
}

/// `fixed + max_sim m + rerank r + in_query scale(r)`, a candidate's final score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Line {
    fixed: f64,
    max_sim: f64,
    rerank: f64,
    in_query: f64,
}

impl Line {
    /// Its value.
    pub(super) fn at(&self, scores: ModelScores, scale: Scale) -> f64 {
        let ModelScores { rerank, max_sim } = scores;
        let in_query = self.in_query * scale.apply(rerank);
        self.fixed + self.max_sim * max_sim + self.rerank * rerank + in_query
    }

    /// Its largest value over all scores in `[0, 1]`, up to rounding.
    pub(super) fn bound(&self, scale: Scale) -> f64 {
        let ends = [0.0, 1.0].map(|rerank| {
            [0.0, 1.0].map(|max_sim| self.at(ModelScores { rerank, max_sim }, scale))
        });
        // Linear in either score, so largest at a corner.
        ends.into_iter().flatten().fold(f64::NEG_INFINITY, f64::max)
    }
}

fn feature(name: &str) -> Result<Feature, MixerError> {
    Feature::named(name).ok_or_else(|| MixerError::UnknownFeature {
        name: name.to_owned(),
        known: Feature::ALL.map(Feature::name).join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(weights: &str, interactions: &str) -> Result<Mixer, MixerError> {
        Mixer::from_json(&format!(
            r#"{{"format": 1, "name": "t", "bias": 0.25,
                "weights": {{{weights}}}, "interactions": {{{interactions}}}}}"#
        ))
    }

    #[test]
    fn the_shipped_weights_are_read_and_nothing_found_counts_against_a_passage() {
        let mixer = Mixer::default();
        let alone = |feature| {
            let mut features = Features::default();
            features.set(feature, 1.0);
            mixer.score(&features) - mixer.score(&Features::default())
        };
        assert!(alone(Feature::FirstStage) > 0.1 && alone(Feature::RerankInQuery) > 0.1);
        for feature in Feature::ALL {
            assert!(alone(feature) >= 0.0, "{feature}");
        }
    }

    #[test]
    fn a_line_is_the_sum_with_the_models_left_open() {
        let mixer =
            with(r#""dense": 2, "rerank": 3, "max_sim": -1"#, r#""question*rerank": 4"#).unwrap();
        let mut features = Features::default();
        features.set(Feature::Dense, 0.5);
        features.set(Feature::Question, 0.5);
        let line = mixer.line(&features);
        let scores = ModelScores { rerank: 0.4, max_sim: 0.3 };
        features.set(Feature::Rerank, 0.4);
        features.set(Feature::MaxSim, 0.3);
        // 0.25 + 2·½ + 3·0.4 - 0.3 + 4·½·0.4
        let scale = Scale { origin: 0.0, width: 0.0 };
        assert!((mixer.score(&features) - 2.95).abs() < 1e-12);
        assert!((line.at(scores, scale) - mixer.score(&features)).abs() < 1e-12);
        // The best a passage could do: rerank 1, max_sim 0.
        assert!((line.bound(scale) - (0.25 + 1.0 + 3.0 + 2.0)).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_a_weight_is_named() {
        let message = |mixer: Result<Mixer, MixerError>| mixer.unwrap_err().to_string();
        assert!(message(with(r#""denze": 1"#, "")).contains("denze"));
        assert!(message(with("", r#""dense * rerank": 1"#)).contains("dense * rerank"));
        assert!(message(with("", r#""question": 1"#)).contains("QUERY_FEATURE"));
        assert!(message(with(r#""dense": 1e999"#, "")).contains("number out of range"));
        assert!(message(with(r#""dense": 2e6"#, "")).contains("dense"));
        let large = message(with("", r#""question * rerank": -1e300"#));
        assert!(large.contains("±1000000"), "{large}");
        assert!(with(r#""dense": -1e6"#, "").is_ok());
        assert!(
            message(Mixer::from_json(r#"{"format": 2, "name": "t", "weights": {}}"#))
                .contains("format 2")
        );
        let same = with(r#""dense": 1, "lexical": 0"#, "").unwrap();
        assert_eq!(same.fingerprint(), with(r#""dense": 1"#, "").unwrap().fingerprint());
        assert_ne!(same.fingerprint(), with(r#""dense": 2"#, "").unwrap().fingerprint());
    }
}
