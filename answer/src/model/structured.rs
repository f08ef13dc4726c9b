//! An answer in a caller's form: asked for, validated, repaired once.

use serde_json::Value;

use super::schema::Schema;
use super::{Completed, Completion, LanguageModel, ModelError, Role, StopReason, Turn};

/// Times that a model is told what was wrong. A second time helps rarely and
/// costs the whole question again.
const MAX_REPAIRS: u32 = 1;

/// A reply that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Structured<T = Value> {
    /// What it holds.
    pub value: T,
    /// How often the model had to be told what was wrong: 0 or 1.
    pub repairs: u32,
    /// Every completion that was paid for, the last one being `value`.
    pub completions: Vec<Completed>,
}

/// No value that fits.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StructuredError {
    /// The model could not be asked.
    #[error(transparent)]
    Model {
        /// Why.
        #[from]
        source: ModelError,
    },
    /// The model could not be asked again, after a first reply that did not fit.
    #[error("the reply did not fit, and asking again failed: {source}")]
    Repair {
        /// Why asking again failed.
        source: ModelError,
        /// What was paid for.
        spent: Vec<Completed>,
    },
    /// The model was cut off: what it began may have been right. Raise
    /// `max_output_tokens`.
    #[error("the reply reached the limit of output tokens; raise max_output_tokens")]
    CutOff {
        /// What was paid for.
        spent: Vec<Completed>,
    },
    /// It did not fit, and told why, the model did no better.
    #[error("the model's reply does not fit, repaired {repairs} times: {}",
        .problems.join("; "))]
    Unfit {
        /// What does not fit, each with its place.
        problems: Vec<String>,
        /// How often the model was told.
        repairs: u32,
        /// What was paid for.
        spent: Vec<Completed>,
    },
}

/// Asks until a reply fits the schema, as [`complete_read`] does.
///
/// The schema is not added to the question: a prompt shows it where it should
/// stand. The text is not handed on as it comes, since it may not be the last.
///
/// # Errors
/// [`StructuredError`], with what was paid for.
pub async fn complete_structured(
    model: &dyn LanguageModel,
    completion: &Completion,
    schema: &Schema,
) -> Result<Structured, StructuredError> {
    complete_read(model, completion, &|reply| schema.read(reply)).await
}

/// Asks until a reply can be read, twice at most.
///
/// # Arguments
/// * `read` - what a reply holds, or what is wrong with it, each with its place: the model
///   is told once.
///
/// # Errors
/// [`StructuredError`], with what was paid for.
pub async fn complete_read<T>(
    model: &dyn LanguageModel,
    completion: &Completion,
    read: &(dyn Fn(&str) -> Result<T, Vec<String>> + Sync),
) -> Result<Structured<T>, StructuredError> {
    let mut completion = completion.clone();
    let mut completions = Vec::new();
    let mut repairs = 0;
    loop {
        let completed = match model.complete(&completion, &mut |_: &str| {}).await {
            Ok(completed) => completed,
            Err(source) if repairs == 0 => return Err(source.into()),
            Err(source) => return Err(StructuredError::Repair { source, spent: completions }),
        };
        let found = read(&completed.text);
        let stop = completed.stop.clone();
        let text = completed.text.clone();
        completions.push(completed);
        let problems = match found {
            Ok(value) => return Ok(Structured { value, repairs, completions }),
            Err(problems) => problems,
        };
        if stop == StopReason::Length {
            return Err(StructuredError::CutOff { spent: completions });
        }
        if repairs == MAX_REPAIRS {
            return Err(StructuredError::Unfit { problems, repairs, spent: completions });
        }
        repairs += 1;
        completion.turns.push(Turn { role: Role::Model, text });
        completion.turns.push(Turn { role: Role::User, text: complaint(&problems) });
    }
}

fn complaint(problems: &[String]) -> String {
    format!(
        "That reply does not fit:\n- {}\nReply with the corrected JSON alone.",
        problems.join("\n- ")
    )
}
