//! One question put to a model, with everything that came of it.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use answer::model::{Completed, Completing, Completion, Failure, LanguageModel, ModelError};
use answer::{Context, WriteError, Written, write};

use super::PromptWriter;
use crate::error::EvalError;

/// Whether a model has replied to anything yet.
pub(super) type Replied = Cell<bool>;

/// What came of a question.
pub(super) struct Reply {
    /// The reply, read, or why there is none.
    pub(super) written: Result<Written, WriteError>,
    /// The reply as it came; its beginning where the model failed within it, and empty
    /// where the model was not asked.
    pub(super) text: String,
    /// What it took; `None` where the model failed or was not asked.
    pub(super) completed: Option<Completed>,
    /// From asking to the end, waits and retries included.
    pub(super) took: Duration,
}

/// A model that keeps what it replied, since [`write`] gives up what a reply took that
/// cannot be read, and it was paid for all the same.
struct Keeping<'m> {
    model: &'m dyn LanguageModel,
    kept: Mutex<Option<Completed>>,
}

impl LanguageModel for Keeping<'_> {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn complete<'a>(
        &'a self,
        completion: &'a Completion,
        on_piece: &'a mut (dyn FnMut(&str) + Send),
    ) -> Completing<'a> {
        Box::pin(async move {
            let completed = self.model.complete(completion, on_piece).await?;
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(completed.clone());
            Ok(completed)
        })
    }
}

/// Asks as `trovato ask` does.
///
/// # Errors
/// [`EvalError::Model`], [`EvalError::Prompt`]: what every other question would meet too.
pub(super) async fn ask(
    writer: &PromptWriter,
    question: &str,
    context: &Context,
    replied: &Replied,
) -> Result<Reply, EvalError> {
    let started = Instant::now();
    let model = Keeping { model: writer.model.as_ref(), kept: Mutex::default() };
    let mut text = String::new();
    let mut on_piece = |piece: &str| text.push_str(piece);
    let written = write(&model, &writer.prompt, question, context, &mut on_piece).await;
    let took = started.elapsed();
    let completed = model.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    replied.set(replied.get() || completed.is_some());
    match written {
        Err(WriteError::Prompt(error)) => Err(EvalError::Prompt(Box::new(error))),
        Err(WriteError::Model(error)) if is_hopeless(&error, replied) => {
            Err(EvalError::Model(Box::new(error)))
        }
        written => Ok(Reply { written, text, completed, took }),
    }
}

/// Whether every other question would meet the same failure.
///
/// # Arguments
/// * `replied` - whether the model replied to anything: a server that was there may come
///   back, one that never was is a wrong address.
pub(super) fn is_hopeless(error: &ModelError, replied: &Replied) -> bool {
    match &error.failure {
        Failure::Unauthorised { .. } | Failure::Refused { status: Some(404), .. } => true,
        Failure::Unreachable { .. } => !replied.get(),
        Failure::RateLimited { .. }
        | Failure::Overloaded { .. }
        | Failure::TimedOut { .. }
        | Failure::Cut { .. }
        | Failure::Malformed { .. }
        | Failure::ContextTooLong { .. }
        | Failure::Refused { .. } => false,
    }
}
