//! An answer in a model's words: asked for, read, grounded.

use std::time::Duration;

use crate::context::Context;
use crate::ground::prompt_passages;
use crate::model::{Completion, LanguageModel, ModelError, StopReason, Usage};
use crate::prompt::{ParsedAnswer, Prompt, PromptError, PromptInputs, ReplyError};

/// How an answer was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The model, as its server names it.
    pub model: String,
    /// The prompt, and what of it a model is told ([`Prompt::fingerprint`]).
    pub prompt: (String, String),
    /// Tokens and money.
    pub usage: Usage,
    /// How often it was asked again.
    pub retries: u32,
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
    /// Its reply cannot be read.
    #[error("model {model} answered, but {source}")]
    Reply {
        /// Which model.
        model: String,
        /// What is wrong with the reply.
        source: ReplyError,
    },
}

/// Has a model answer from a context.
///
/// An empty context is not put to it: nothing could be cited, so it counts as refused.
///
/// # Arguments
/// * `on_piece` - is handed the reply as it comes, markers and all.
///
/// # Errors
/// [`WriteError`].
pub async fn write(
    model: &dyn LanguageModel,
    prompt: &Prompt,
    question: &str,
    context: &Context,
    on_piece: &mut (dyn FnMut(&str) + Send),
) -> Result<Written, WriteError> {
    let named = (prompt.name(), prompt.fingerprint());
    if context.passages.is_empty() {
        return Ok(Written {
            model: model.name().to_owned(),
            prompt: named,
            usage: Usage::default(),
            retries: 0,
            first_piece: None,
            is_cut: false,
            reply: ParsedAnswer { abstained: true, claims: Vec::new() },
        });
    }
    let passages = prompt_passages(context);
    let inputs = PromptInputs { question, passages: &passages, schema: None };
    let completion = Completion::from(prompt.fill(&inputs)?);
    let completed = model.complete(&completion, on_piece).await?;
    let known: Vec<u32> = context.passages.iter().map(|passage| passage.number).collect();
    let reply = prompt
        .read_reply(&completed.text, &known)
        .map_err(|source| WriteError::Reply { model: completed.model.clone(), source })?;
    Ok(Written {
        model: completed.model,
        prompt: named,
        usage: completed.usage,
        retries: completed.retries,
        first_piece: completed.first_piece,
        is_cut: completed.stop == StopReason::Length,
        reply,
    })
}
