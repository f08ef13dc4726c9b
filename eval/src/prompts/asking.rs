//! One question put to a model, with everything that came of it.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use answer::model::{
    Completed, Completing, Completion, Failure, LanguageModel, ModelError, Provider,
    StructuredError,
};
use answer::{Context, WriteError, Written, write};

use super::PromptWriter;
use crate::error::EvalError;

/// Whether a model has replied to anything yet.
pub(super) type Replied = Cell<bool>;

/// What came of a question.
pub(super) struct Reply {
    /// The reply, read, or why there is none.
    pub(super) written: Result<Written, WriteError>,
    /// The last reply as it came; its beginning where the model failed within it, and
    /// empty where the model was not asked.
    pub(super) text: String,
    /// What it took, in order; the second is a repair. Empty where the model failed or was
    /// not asked.
    pub(super) completions: Vec<Completed>,
    /// From asking to the end, waits and retries included.
    pub(super) took: Duration,
}

/// A model that keeps what it replied, since [`write`] gives up what a reply took that
/// cannot be read, and it was paid for all the same.
struct Keeping<'m> {
    model: &'m dyn LanguageModel,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    text: String,
    completions: Vec<Completed>,
}

impl Keeping<'_> {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LanguageModel for Keeping<'_> {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn provider(&self) -> Option<Provider> {
        self.model.provider()
    }

    fn complete<'a>(
        &'a self,
        completion: &'a Completion,
        on_piece: &'a mut (dyn FnMut(&str) + Send),
    ) -> Completing<'a> {
        Box::pin(async move {
            self.kept().text.clear();
            let mut keep = |piece: &str| {
                self.kept().text.push_str(piece);
                on_piece(piece);
            };
            let completed = self.model.complete(completion, &mut keep).await?;
            self.kept().completions.push(completed.clone());
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
    let written = write(&model, &writer.prompt, question, None, context, &mut |_| {}).await;
    let took = started.elapsed();
    let Kept { text, completions } =
        model.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    replied.set(replied.get() || !completions.is_empty());
    match written {
        Err(WriteError::Prompt(error)) => Err(EvalError::Prompt(Box::new(error))),
        Err(
            WriteError::Model(error)
            | WriteError::Structured(StructuredError::Model { source: error }),
        ) if is_hopeless(&error, replied) => Err(EvalError::Model(Box::new(error))),
        written => Ok(Reply { written, text, completions, took }),
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
