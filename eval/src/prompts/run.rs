//! A run of prompts, whole, as a file: to be compared with later ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use answer::prompt::Prompt;
use serde::{Deserialize, Serialize};

use super::judge::JudgeReport;
use super::score::PromptScore;
use crate::answers::AnswerQuestion;
use crate::error::EvalError;

/// Names the form of the file; raised with any change that an older program would read
/// wrongly.
const FORMAT: u32 = 1;

/// What answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptSystem {
    /// `extractive`, or `MODEL | PROMPT`.
    pub name: String,
    /// The model, as its configuration calls it; `None` for the extractive answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The prompt; likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What the prompt tells a model ([`Prompt::fingerprint`]); likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl PromptSystem {
    /// What the extractive answer is called.
    pub const EXTRACTIVE: &'static str = "extractive";

    pub(super) fn extractive() -> Self {
        let name = Self::EXTRACTIVE.to_owned();
        Self { name, model: None, prompt: None, fingerprint: None }
    }

    pub(super) fn written(model: &str, prompt: &Prompt) -> Self {
        Self {
            name: format!("{model} | {}", prompt.name()),
            model: Some(model.to_owned()),
            prompt: Some(prompt.name()),
            fingerprint: Some(prompt.fingerprint()),
        }
    }
}

/// A question that was put to every system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskedQuestion {
    /// Its id.
    pub id: String,
    /// What was asked.
    pub text: String,
    /// Whether the index answers it.
    pub answerable: bool,
    /// Milliseconds of the search and of putting the context together.
    pub retrieval_ms: f64,
}

impl AskedQuestion {
    pub(super) fn new(question: &AnswerQuestion, retrieval_ms: f64) -> Self {
        Self {
            id: question.id.clone(),
            text: question.text.clone(),
            answerable: question.is_answerable(),
            retrieval_ms,
        }
    }
}

/// What a system answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemAnswers {
    /// Which system.
    pub system: PromptSystem,
    /// One per question of [`PromptRun::questions`], in their order.
    pub answers: Vec<PromptScore>,
}

/// Every answer of every system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptRun {
    /// The form of the file.
    format: u32,
    /// What else the answers depend on, by name; for people and for comparing runs.
    pub settings: BTreeMap<String, String>,
    /// Questions left out, as their quotes or answers are not in the index.
    pub unresolved: usize,
    /// What was asked, in order.
    pub questions: Vec<AskedQuestion>,
    /// The extractive answer first, then the writers in the order asked for.
    pub systems: Vec<SystemAnswers>,
    /// What is known of the judge, where one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeReport>,
}

#[derive(Deserialize)]
struct Head {
    format: u32,
}

impl PromptRun {
    /// A run in which nothing was asked yet.
    pub(super) fn new(systems: Vec<PromptSystem>) -> Self {
        let unasked = |system| SystemAnswers { system, answers: Vec::new() };
        Self {
            format: FORMAT,
            settings: BTreeMap::new(),
            unresolved: 0,
            questions: Vec::new(),
            systems: systems.into_iter().map(unasked).collect(),
            judge: None,
        }
    }

    /// Reads a run that was kept.
    ///
    /// # Errors
    /// [`EvalError::Io`]; [`EvalError::Format`] for another form, and where a system has
    /// not an answer for each question.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let content = fs::read_to_string(path).map_err(EvalError::io(path))?;
        let wrong = |reason: String| EvalError::Format { path: path.to_owned(), reason };
        let parse = |error: serde_json::Error| wrong(format!("not a kept run: {error}"));
        let Head { format } = serde_json::from_str(&content).map_err(parse)?;
        if format != FORMAT {
            return Err(wrong(format!("its format is {format}, and this program reads {FORMAT}")));
        }
        let run: Self = serde_json::from_str(&content).map_err(parse)?;
        let n = run.questions.len();
        match run.systems.iter().find(|system| system.answers.len() != n) {
            Some(SystemAnswers { system, answers }) => Err(wrong(format!(
                "{:?} has {} answers to {n} questions",
                system.name,
                answers.len()
            ))),
            None => Ok(run),
        }
    }

    /// Keeps the run.
    ///
    /// # Errors
    /// [`EvalError::Io`]; the file may be left incomplete.
    pub fn write(&self, path: &Path) -> Result<(), EvalError> {
        let mut content = serde_json::to_string_pretty(self).map_err(|error| {
            EvalError::Format { path: path.to_owned(), reason: error.to_string() }
        })?;
        content.push('\n');
        fs::write(path, content).map_err(EvalError::io(path))
    }

    /// The place of a system among [`PromptRun::systems`].
    ///
    /// # Errors
    /// [`EvalError::NoPromptSystem`] with those there are.
    pub(super) fn system(&self, name: &str) -> Result<usize, EvalError> {
        system_position(self.systems.iter().map(|row| &row.system), name)
    }
}

/// The place of a system among those that are compared.
///
/// # Errors
/// [`EvalError::NoPromptSystem`] with those there are.
pub fn system_position<'s>(
    systems: impl Iterator<Item = &'s PromptSystem> + Clone,
    name: &str,
) -> Result<usize, EvalError> {
    systems.clone().position(|system| system.name == name).ok_or_else(|| {
        let known = systems.map(|system| format!("{:?}", system.name)).collect::<Vec<_>>();
        EvalError::NoPromptSystem { name: name.to_owned(), known: known.join(", ") }
    })
}
