//! Stored figures, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ANSWERS, GATE_COLLECTION};
use crate::error::EvalError;

/// A fall larger than this fails. Neural measures move in the third decimal
/// between machines; one question of the development split weighs about .008.
const TOLERANCE: f64 = 0.015;

/// The same, where the documentation is of another version than the baseline's
/// and some pages and questions differ.
const TOLERANCE_OTHER_VERSION: f64 = 0.04;

/// The same for answers: a sentence is chosen among sixteen and a refusal hangs on a
/// threshold, so more turns with the third decimal than in a ranking. Three of the
/// answerable development questions.
const ANSWER_TOLERANCE: f64 = 0.025;

/// Stored figures: strategy to measure to value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The documentation's version when they were taken.
    pub documentation: String,
    /// By strategy (its fusion apart, so that another default is compared with
    /// this one) and by measure.
    pub scores: BTreeMap<String, BTreeMap<String, f64>>,
    /// The fingerprints of the prompts that come with the program, by name.
    #[serde(default)]
    pub prompts: BTreeMap<String, String>,
}

/// A prompt beside its baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptRow {
    /// Its name.
    pub name: String,
    /// The stored fingerprint.
    pub baseline: Option<String>,
    /// The fingerprint now.
    pub found: Option<String>,
}

impl PromptRow {
    /// Whether it says what it said when the baseline was stored.
    pub fn is_unchanged(&self) -> bool {
        self.baseline == self.found
    }
}

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Within the tolerance of its baseline, or above it.
    Held,
    /// Further below its baseline than the tolerance.
    Fell,
    /// The baseline does not have it.
    New,
    /// Only the baseline has it.
    Gone,
}

/// A figure beside its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct GateRow {
    /// The strategy.
    pub strategy: String,
    /// `documents nDCG@10` and the like.
    pub measure: String,
    /// The stored value.
    pub baseline: Option<f64>,
    /// The value now.
    pub found: Option<f64>,
    /// The fall that is allowed.
    pub tolerance: f64,
    /// What became of it.
    pub verdict: Verdict,
}

impl Baseline {
    /// Reads a baseline; an empty one when the file does not exist.
    ///
    /// # Errors
    /// [`EvalError::Io`], [`EvalError::Format`].
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        match fs::read_to_string(path) {
            Ok(content) => toml::from_str(&content).map_err(|error| EvalError::Format {
                path: path.to_owned(),
                reason: error.to_string(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(EvalError::io(path)(error)),
        }
    }

    /// Writes the baseline.
    ///
    /// # Errors
    /// [`EvalError::Io`], [`EvalError::Format`].
    pub fn write(&self, path: &Path) -> Result<(), EvalError> {
        let content = toml::to_string_pretty(self).map_err(|error| EvalError::Format {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let head =
            "# Written by `trovato eval gate --update`; compared by `trovato eval gate`.\n\n";
        fs::write(path, format!("{head}{content}")).map_err(EvalError::io(path))
    }

    /// The same without the collection's figures.
    pub(super) fn without_collection(&self) -> Self {
        let mut kept = self.clone();
        for measures in kept.scores.values_mut() {
            measures.retain(|name, _| !name.starts_with(GATE_COLLECTION));
        }
        kept
    }

    fn tolerance(&self, documentation: &str, strategy: &str) -> f64 {
        if self.documentation != documentation {
            TOLERANCE_OTHER_VERSION
        } else if strategy == ANSWERS {
            ANSWER_TOLERANCE
        } else {
            TOLERANCE
        }
    }

    /// Sets each figure beside its baseline.
    pub(super) fn compare(&self, found: &Self) -> Vec<GateRow> {
        let key = |scores: &BTreeMap<String, BTreeMap<String, f64>>| -> Vec<(String, String)> {
            let pairs = scores.iter().flat_map(|(strategy, measures)| {
                measures.keys().map(move |measure| (strategy.clone(), measure.clone()))
            });
            pairs.collect()
        };
        let mut keys = key(&self.scores);
        keys.extend(key(&found.scores));
        keys.sort();
        keys.dedup();
        keys.into_iter()
            .map(|(strategy, measure)| {
                let tolerance = self.tolerance(&found.documentation, &strategy);
                let value =
                    |baseline: &Self| baseline.scores.get(&strategy)?.get(&measure).copied();
                let (stored, now) = (value(self), value(found));
                let verdict = match (stored, now) {
                    (Some(stored), Some(now)) if now >= stored - tolerance => Verdict::Held,
                    (Some(_), Some(_)) => Verdict::Fell,
                    (None, _) => Verdict::New,
                    (Some(_), None) => Verdict::Gone,
                };
                GateRow { strategy, measure, baseline: stored, found: now, tolerance, verdict }
            })
            .collect()
    }

    /// Sets each prompt beside its baseline.
    pub(super) fn compare_prompts(&self, found: &Self) -> Vec<PromptRow> {
        let names: BTreeSet<&String> = self.prompts.keys().chain(found.prompts.keys()).collect();
        names
            .into_iter()
            .map(|name| PromptRow {
                name: name.clone(),
                baseline: self.prompts.get(name).cloned(),
                found: found.prompts.get(name).cloned(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(documentation: &str, value: f64) -> Baseline {
        let measures = BTreeMap::from([("documents nDCG@10".to_owned(), value)]);
        Baseline {
            documentation: documentation.to_owned(),
            scores: BTreeMap::from([("lexical".to_owned(), measures)]),
            prompts: BTreeMap::from([("cited-v1".to_owned(), "0123".to_owned())]),
        }
    }

    #[test]
    fn a_fall_beyond_the_tolerance_fails_and_a_rise_does_not() {
        let stored = baseline("1.95.0", 0.8);
        let verdict = |found: &Baseline| stored.compare(found)[0].verdict;
        assert_eq!(verdict(&baseline("1.95.0", 0.8 - TOLERANCE + 1e-9)), Verdict::Held);
        assert_eq!(verdict(&baseline("1.95.0", 0.9)), Verdict::Held);
        assert_eq!(verdict(&baseline("1.95.0", 0.8 - TOLERANCE - 1e-9)), Verdict::Fell);
        assert_eq!(verdict(&baseline("1.96.0", 0.8 - TOLERANCE - 1e-9)), Verdict::Held);
        assert_eq!(verdict(&baseline("1.96.0", 0.7)), Verdict::Fell);
        assert_eq!(verdict(&Baseline::default()), Verdict::Gone);
        assert_eq!(Baseline::default().compare(&stored)[0].verdict, Verdict::New);
    }

    #[test]
    fn an_answer_may_fall_further_than_a_ranking() {
        let mut stored = baseline("1.95.0", 0.8);
        let mut found = stored.clone();
        let (fall, name) = (ANSWER_TOLERANCE - 1e-9, "citation recall".to_owned());
        stored.scores.insert(ANSWERS.to_owned(), BTreeMap::from([(name.clone(), 0.3)]));
        found.scores.insert(ANSWERS.to_owned(), BTreeMap::from([(name.clone(), 0.3 - fall)]));
        assert!(stored.compare(&found).iter().all(|row| row.verdict == Verdict::Held));
        found.scores.insert(ANSWERS.to_owned(), BTreeMap::from([(name, 0.27)]));
        let rows = stored.compare(&found);
        let fell: Vec<_> = rows.iter().filter(|row| row.verdict == Verdict::Fell).collect();
        assert_eq!((fell.len(), fell[0].strategy.as_str()), (1, ANSWERS));
    }

    #[test]
    fn a_prompt_that_says_something_else_is_told() {
        let stored = baseline("1.95.0", 0.8);
        let unchanged = |found: &Baseline| {
            stored.compare_prompts(found).iter().map(PromptRow::is_unchanged).collect::<Vec<_>>()
        };
        assert_eq!(unchanged(&stored), [true]);
        let mut found = stored.clone();
        found.prompts.insert("cited-v1".to_owned(), "4567".to_owned());
        assert_eq!(unchanged(&found), [false]);
        found = stored.clone();
        found.prompts.insert("cited-v2".to_owned(), "89ab".to_owned());
        assert_eq!(unchanged(&found), [true, false], "a new one is to be measured too");
        assert_eq!(unchanged(&Baseline::default()), [false]);
    }

    #[test]
    fn without_the_collection_its_figures_are_not_missed() {
        let mut stored = baseline("1.95.0", 0.8);
        let found = stored.clone();
        let lexical = stored.scores.get_mut("lexical").unwrap();
        lexical.insert(format!("{GATE_COLLECTION} nDCG@10"), 0.4);
        assert!(stored.compare(&found).iter().any(|row| row.verdict == Verdict::Gone));
        assert_eq!(stored.without_collection(), found);
    }

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gate.toml");
        assert_eq!(Baseline::read(&path).unwrap(), Baseline::default());
        let stored = baseline("1.95.0", 0.1234);
        stored.write(&path).unwrap();
        assert_eq!(Baseline::read(&path).unwrap(), stored);
        fs::write(&path, "scores = 1").unwrap();
        assert!(matches!(Baseline::read(&path), Err(EvalError::Format { .. })));
    }
}
