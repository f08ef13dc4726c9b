//! An answer in a model's words, or in a caller's form: asked for and read.

use std::time::Duration;

use crate::context::Context;
use crate::ground::prompt_passages;
use crate::model::{
    Completion, LanguageModel, MAX_PROBLEMS, ModelError, Schema, StopReason, Structured,
    StructuredError, Usage, complete_read,
};
use crate::prompt::{
    ABSTAIN, ParsedAnswer, Prompt, PromptError, PromptInputs, ReplyError, ReplyForm, undecorated,
};

/// How an answer was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The model, as its server names it.
    pub model: String,
    /// The prompt, and what of it a model is told ([`Prompt::fingerprint`]).
    pub prompt: (String, String),
    /// Tokens and money.
    pub usage: Usage,
    /// How often it was asked again, as a request failed.
    pub retries: u32,
    /// How often it was told what was wrong with its reply: 0 or 1, and 0 for prose.
    pub repairs: u32,
    /// From asking to the first piece of the reply.
    pub first_piece: Option<Duration>,
    /// Whether the reply ended at the limit of output tokens: its end is missing.
    pub is_cut: bool,
    /// What it says.
    pub reply: ParsedAnswer,
}

/// Why a model wrote no answer.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The prompt cannot be filled in.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Its reply cannot be read as prose.
    #[error("model {model} answered, but {source}")]
    Reply {
        /// Which model.
        model: String,
        /// What is wrong with the reply.
        source: ReplyError,
    },
    /// Its reply does not fit, and asking again did not help.
    #[error(transparent)]
    Structured(#[from] StructuredError),
}

/// Has a model answer from a context.
///
/// An empty context is not put to it: nothing could be cited, so it counts as refused.
///
/// # Arguments
/// * `schema` - what the answer's value must fit, for a prompt with [`ReplyForm::Value`].
/// * `on_piece` - is handed prose as it comes, markers and all, but for that of a refusal,
///   which is no text. What is no prose is checked when it is whole, and the model told
///   once what does not fit.
///
/// # Errors
/// [`WriteError`].
pub async fn write(
    model: &dyn LanguageModel,
    prompt: &Prompt,
    question: &str,
    schema: Option<&Schema>,
    context: &Context,
    on_piece: &mut (dyn FnMut(&str) + Send),
) -> Result<Written, WriteError> {
    if context.passages.is_empty() {
        return Ok(Written {
            model: model.name().to_owned(),
            prompt: (prompt.name(), prompt.fingerprint()),
            usage: Usage::default(),
            retries: 0,
            repairs: 0,
            first_piece: None,
            is_cut: false,
            reply: ParsedAnswer { abstained: true, ..ParsedAnswer::default() },
        });
    }
    let passages = prompt_passages(context);
    let inputs = PromptInputs { question, passages: &passages, schema: schema.map(Schema::text) };
    let completion = Completion::from(prompt.fill(&inputs)?);
    let known: Vec<u32> = context.passages.iter().map(|passage| passage.number).collect();
    let structured = match prompt.form() {
        ReplyForm::Prose => {
            let mut opening = Opening::default();
            let mut on_piece = |piece: &str| {
                if let Some(text) = opening.pass(piece) {
                    on_piece(&text);
                }
            };
            let completed = model.complete(&completion, &mut on_piece).await?;
            let value = prompt
                .read_reply(&completed.text, &known)
                .map_err(|source| WriteError::Reply { model: completed.model.clone(), source })?;
            Structured { value, repairs: 0, completions: vec![completed] }
        }
        ReplyForm::Json | ReplyForm::Value => {
            let read = |reply: &str| fitting(prompt, reply, &known, schema);
            complete_read(model, &completion, &read).await?
        }
    };
    Ok(written(prompt, structured))
}

/// The beginning of a reply, which may be a refusal's marker.
#[derive(Default)]
struct Opening {
    held: String,
    is_over: bool,
}

impl Opening {
    /// What can be handed on; nothing as long as it may be a refusal, and after one.
    fn pass(&mut self, piece: &str) -> Option<String> {
        if self.is_over {
            return Some(piece.to_owned());
        }
        self.held.push_str(piece);
        let bare = undecorated(&self.held);
        if ABSTAIN.starts_with(bare) || bare.starts_with(ABSTAIN) {
            return None;
        }
        self.is_over = true;
        Some(std::mem::take(&mut self.held))
    }
}

/// The answer in a reply, or what is wrong with it.
fn fitting(
    prompt: &Prompt,
    reply: &str,
    known: &[u32],
    schema: Option<&Schema>,
) -> Result<ParsedAnswer, Vec<String>> {
    let answer = prompt.read_reply(reply, known).map_err(|error| vec![error.to_string()])?;
    let problems = match (schema, &answer.value) {
        (Some(schema), Some(value)) => schema.problems(value, MAX_PROBLEMS),
        (None, _) | (_, None) => Vec::new(),
    };
    if problems.is_empty() {
        Ok(answer)
    } else {
        Err(problems.into_iter().map(|problem| format!("value, {problem}")).collect())
    }
}

fn written(prompt: &Prompt, structured: Structured<ParsedAnswer>) -> Written {
    let Structured { value, repairs, completions } = structured;
    let retries = completions.iter().map(|completed| completed.retries).sum();
    let first_piece = completions.first().and_then(|completed| completed.first_piece);
    let last = completions.last();
    Written {
        model: last.map_or_else(String::new, |completed| completed.model.clone()),
        prompt: (prompt.name(), prompt.fingerprint()),
        usage: completions.iter().map(|completed| completed.usage).sum(),
        retries,
        repairs,
        first_piece,
        is_cut: last.is_some_and(|completed| completed.stop == StopReason::Length),
        reply: value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pieces: &[&str]) -> Vec<String> {
        let mut opening = Opening::default();
        pieces.iter().filter_map(|piece| opening.pass(piece)).collect()
    }

    #[test]
    fn a_refusals_marker_is_never_handed_on() {
        assert!(passed(&["\n**[[AB", "STAIN]]", "** at all"]).is_empty());
        assert_eq!(
            passed(&["[", "[1]] is", " so", "[[ABSTAIN]]"]),
            ["[[1]] is", " so", "[[ABSTAIN]]"]
        );
        assert_eq!(passed(&["** ", "bold**"]), ["** bold**"]);
    }
}
