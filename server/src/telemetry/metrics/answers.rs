//! Answers and abstentions, and what language models took for them.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use answer::model::Usage;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::buckets::{self, Histograms};

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnsweredBy {
    /// Sentences of the documents.
    Documents,
    /// A language model.
    Model,
}

/// A completion that has ended, whichever way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion<'a> {
    /// The model's name in the configuration.
    pub(crate) model: &'a str,
    pub(crate) end: CompletionEnd,
    pub(crate) took: Duration,
    pub(crate) first_piece: Option<Duration>,
    /// Nothing of what a provider did not say.
    pub(crate) usage: Usage,
}

/// How a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompletionEnd {
    /// Whole.
    Answered,
    /// It failed, for this kind of reason.
    Failed(&'static str),
    /// Nobody waited for it any more.
    Abandoned,
}

impl CompletionEnd {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed(kind) => kind,
            Self::Abandoned => "abandoned",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AnswerLabels {
    collection: String,
    by: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ModelLabels {
    model: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EndLabels {
    model: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TokenLabels {
    model: String,
    direction: &'static str,
}

#[derive(Debug)]
pub(crate) struct AnswerMetrics {
    answers: Family<AnswerLabels, Counter>,
    completions: Family<EndLabels, Counter>,
    seconds: Histograms<ModelLabels>,
    first_piece: Histograms<ModelLabels>,
    tokens: Family<TokenLabels, Counter>,
    cost_usd: Family<ModelLabels, Counter<f64, AtomicU64>>,
}

impl AnswerMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            answers: Family::default(),
            completions: Family::default(),
            seconds: Histograms::new_with_constructor(buckets::completions),
            first_piece: Histograms::new_with_constructor(buckets::completions),
            tokens: Family::default(),
            cost_usd: Family::default(),
        };
        registry.register(
            "answers",
            "Answers by who made them, and whether they answered, abstained or failed",
            metrics.answers.clone(),
        );
        registry.register(
            "llm_requests",
            "What language models were asked, by how it ended",
            metrics.completions.clone(),
        );
        registry.register(
            "llm_request_duration_seconds",
            "From asking a language model to its end, retries included",
            metrics.seconds.clone(),
        );
        registry.register(
            "llm_first_piece_seconds",
            "From asking a language model to the first piece of its reply",
            metrics.first_piece.clone(),
        );
        registry.register(
            "llm_tokens",
            "Tokens that language models read and wrote, where their providers say",
            metrics.tokens.clone(),
        );
        registry.register(
            "llm_cost_usd",
            "US dollars by the configured prices, where price and tokens are known",
            metrics.cost_usd.clone(),
        );
        metrics
    }

    /// Counts an answer.
    ///
    /// # Arguments
    /// * `abstained` - whether it was refused; `None` where it failed.
    pub(crate) fn answered(&self, collection: &str, by: AnsweredBy, abstained: Option<bool>) {
        let by = match by {
            AnsweredBy::Documents => "documents",
            AnsweredBy::Model => "model",
        };
        let outcome = match abstained {
            Some(false) => "answered",
            Some(true) => "abstained",
            None => "failed",
        };
        let labels = AnswerLabels { collection: collection.to_owned(), by, outcome };
        self.answers.get_or_create(&labels).inc();
    }

    /// Counts a completion.
    pub(crate) fn completed(&self, completion: &Completion<'_>) {
        let Completion { model, end, took, first_piece, usage } = *completion;
        let Usage { input_tokens, output_tokens, cost_usd } = usage;
        let model = model.to_owned();
        let ended = EndLabels { model: model.clone(), outcome: end.name() };
        self.completions.get_or_create(&ended).inc();
        for (direction, tokens) in [("input", input_tokens), ("output", output_tokens)] {
            let labels = TokenLabels { model: model.clone(), direction };
            self.tokens.get_or_create(&labels).inc_by(tokens.unwrap_or_default());
        }
        let of_model = ModelLabels { model };
        self.seconds.get_or_create(&of_model).observe(took.as_secs_f64());
        if let Some(first_piece) = first_piece {
            self.first_piece.get_or_create(&of_model).observe(first_piece.as_secs_f64());
        }
        self.cost_usd.get_or_create(&of_model).inc_by(cost_usd.unwrap_or_default());
    }
}
