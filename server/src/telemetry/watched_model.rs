//! A language model whose every completion is counted and has a span.
//!
//! Put around the models when they are handed to the server, and not at each place that
//! asks: an answer may take several completions (a follow-up made whole, a reply that is
//! mended), each with its own time and price, and those of a failed answer were paid too.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use answer::model::{
    Completed, Completing, Completion, LanguageModel, ModelError, Provider, Usage,
};

use super::RequestScope;
use super::metrics::{self, CompletionEnd, Metrics};
use super::traces::ModelCall;

/// See the module.
pub(crate) struct WatchedModel {
    model: Arc<dyn LanguageModel>,
    metrics: Arc<Metrics>,
}

impl WatchedModel {
    pub(crate) fn around(
        model: Arc<dyn LanguageModel>,
        metrics: Arc<Metrics>,
    ) -> Arc<dyn LanguageModel> {
        Arc::new(Self { model, metrics })
    }
}

impl LanguageModel for WatchedModel {
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
            let mut asked = Asked {
                watched: self,
                completion,
                scope: RequestScope::current(),
                started: SystemTime::now(),
                clock: Instant::now(),
                ended: None,
            };
            let ended = self.model.complete(completion, on_piece).await;
            asked.ended = Some(ended.clone());
            ended
        })
    }
}

/// A completion under way; told of when it is dropped, which may be before its end.
struct Asked<'a> {
    watched: &'a WatchedModel,
    completion: &'a Completion,
    scope: Option<RequestScope>,
    started: SystemTime,
    clock: Instant,
    ended: Option<Result<Completed, ModelError>>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let took = self.clock.elapsed();
        let completed = self.ended.as_ref().and_then(|ended| ended.as_ref().ok());
        let end = match &self.ended {
            Some(Ok(_)) => CompletionEnd::Answered,
            Some(Err(error)) => CompletionEnd::Failed(error.failure.kind()),
            None => CompletionEnd::Abandoned,
        };
        let usage = completed.map_or(Usage::default(), |completed| completed.usage);
        let first_piece = completed.and_then(|completed| completed.first_piece);
        let model = self.watched.model.name();
        self.watched.metrics.answers.completed(&metrics::Completion {
            model,
            end,
            took,
            first_piece,
            usage,
        });
        if let Some(scope) = &self.scope {
            scope.trace().language_model(&ModelCall {
                model,
                provider: self.watched.model.provider().map(Provider::name),
                completion: self.completion,
                completed,
                end,
                started: self.started,
                took,
            });
        }
    }
}
