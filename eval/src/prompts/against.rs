//! A run set against one that was kept: what became worse on the same questions?

use std::collections::HashMap;

use serde::Serialize;

use super::measure::PromptMeasure;
use super::run::{PromptRun, SystemAnswers};
use crate::error::EvalError;
use crate::report::{ByMeasure, Difference};
use crate::stats::{Bootstrap, compare_paired, mean};

/// What changed since a kept run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgainstReport {
    /// Questions that both runs asked, with the same words and the same truth.
    pub questions: usize,
    /// Questions of this run that the kept one lacks or asked otherwise.
    pub only_now: usize,
    /// Questions of the kept run that this one lacks or asks otherwise.
    pub only_then: usize,
    /// Systems of this run that the kept one lacks.
    pub new_systems: Vec<String>,
    /// Systems of the kept run that this one lacks.
    pub gone_systems: Vec<String>,
    /// Settings that differ, as `NAME: THEN -> NOW`.
    pub settings: Vec<String>,
    /// Systems of both, in the order of this run.
    pub systems: Vec<SystemChange>,
}

/// What changed in one system.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SystemChange {
    /// Its name.
    pub system: String,
    /// The prompt's fingerprints then and now, where they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_changed: Option<[String; 2]>,
    /// By measure, where both runs have it.
    pub measures: ByMeasure<MeasureChange>,
}

/// What changed in one measure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasureChange {
    /// The mean over the shared questions then.
    pub then: f64,
    /// And now.
    pub now: f64,
    /// Now minus then, paired.
    pub difference: Difference,
    /// Whether its interval lies wholly below zero.
    pub regressed: bool,
}

impl AgainstReport {
    /// Pairs two runs by question and system.
    ///
    /// # Errors
    /// [`EvalError::NothingShared`] where no system or no question is in both.
    pub fn new(now: &PromptRun, then: &PromptRun) -> Result<Self, EvalError> {
        let places: HashMap<_, usize> =
            then.questions.iter().enumerate().map(|(at, it)| (it.id.as_str(), at)).collect();
        let shared: Vec<(usize, usize)> = now
            .questions
            .iter()
            .enumerate()
            .filter_map(|(at, question)| {
                let place = *places.get(question.id.as_str())?;
                let other = &then.questions[place];
                let is_same =
                    other.text == question.text && other.answerable == question.answerable;
                is_same.then_some((at, place))
            })
            .collect();
        let twin = |row: &SystemAnswers, run: &PromptRun| run.system(&row.system.name).ok();
        let missing = |of: &PromptRun, from: &PromptRun| -> Vec<String> {
            let rows = of.systems.iter().filter(|row| twin(row, from).is_none());
            rows.map(|row| row.system.name.clone()).collect()
        };
        let systems = now
            .systems
            .iter()
            .filter_map(|row| Some((row, &then.systems[twin(row, then)?])))
            .map(|(row, other)| system_change((now, row), other, &shared))
            .collect::<Result<Vec<_>, _>>()?;
        if shared.is_empty() || systems.is_empty() {
            return Err(EvalError::NothingShared {
                questions: shared.len(),
                systems: systems.len(),
            });
        }
        Ok(Self {
            questions: shared.len(),
            only_now: now.questions.len() - shared.len(),
            only_then: then.questions.len() - shared.len(),
            new_systems: missing(now, then),
            gone_systems: missing(then, now),
            settings: changed_settings(now, then),
            systems,
        })
    }

    /// The measures that became worse, with their systems.
    pub fn regressions(&self) -> impl Iterator<Item = (&str, &str, &MeasureChange)> {
        self.systems.iter().flat_map(|row| {
            let fell = row.measures.0.iter().filter(|(_, change)| change.regressed);
            fell.map(|(measure, change)| (row.system.as_str(), measure.as_str(), change))
        })
    }
}

fn system_change(
    (run, now): (&PromptRun, &SystemAnswers),
    then: &SystemAnswers,
    shared: &[(usize, usize)],
) -> Result<SystemChange, EvalError> {
    let mut measures = Vec::new();
    for measure in PromptMeasure::ALL {
        let (before, after): (Vec<f64>, Vec<f64>) = shared
            .iter()
            .filter_map(|&(at, place)| {
                let answerable = run.questions[at].answerable;
                let before = measure.of(answerable, &then.answers[place])?;
                Some((before, measure.of(answerable, &now.answers[at])?))
            })
            .unzip();
        if before.is_empty() {
            continue;
        }
        let compared = compare_paired(&before, &after, &Bootstrap::DEFAULT)?;
        let regressed = compared.interval.high < 0.0;
        let difference = compared.into();
        let change =
            MeasureChange { then: mean(&before), now: mean(&after), difference, regressed };
        measures.push((measure.name().to_owned(), change));
    }
    let prints = then.system.fingerprint.clone().zip(now.system.fingerprint.clone());
    Ok(SystemChange {
        system: now.system.name.clone(),
        prompt_changed: prints.filter(|(then, now)| then != now).map(<[String; 2]>::from),
        measures: ByMeasure(measures),
    })
}

fn changed_settings(now: &PromptRun, then: &PromptRun) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> =
        now.settings.keys().chain(then.settings.keys()).collect();
    let value = |run: &PromptRun, name: &str| {
        run.settings.get(name).cloned().unwrap_or_else(|| "unknown".to_owned())
    };
    names
        .into_iter()
        .filter(|name| now.settings.get(*name) != then.settings.get(*name))
        .map(|name| format!("{name}: {} -> {}", value(then, name), value(now, name)))
        .collect()
}
