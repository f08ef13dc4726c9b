//! The body of `POST /v1/answer`, and how it becomes a request.

use std::sync::Arc;

use answer::model::{LanguageModel, Schema};
use answer::prompt::{Prompt, ReplyForm};
use answer::{AnswerRequest, ContextOptions, Standalone, Turn, standalone};
use engine::Highlights;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::answer::EXTRACTIVE;
use super::parameters::{choose, in_range, names, refuse_unknown, within};
use super::search_body::SearchBody;
use crate::collections::LoadedReranker;
use crate::error::ApiError;
use crate::extract::RequestBody;
use crate::language_models::LanguageModels;
use crate::limits::Limits;

/// A question as it is sent; only `question` must be there.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(examples(json!({"question": "who owns a value?"})))]
pub(crate) struct AnswerRequestBody {
    /// What is asked. The limit counts UTF-8 bytes.
    #[schema(required, value_type = String)]
    pub(super) question: Option<String>,
    /// Which collection is asked; left out, the first one.
    pub(crate) collection: Option<String>,
    /// What was asked and answered before, oldest first.
    pub(super) history: Option<Vec<TurnBody>>,
    /// What makes a follow-up whole: `rules`, which is the default, or `model`, the language
    /// model that answers, asked once more.
    pub(super) rewrite: Option<String>,
    /// What answers: `extractive`, sentences of the documents, or a language model of
    /// the server; `/v1/collections` names them.
    pub(super) model: Option<String>,
    /// What a language model is told: a prompt of the server.
    pub(super) prompt: Option<String>,
    /// A JSON Schema that a language model's answer must fit, without references that lead
    /// out of it or back to themselves; the answer then has a `value`.
    #[schema(value_type = Option<Object>)]
    pub(super) schema: Option<Value>,
    /// Most tokens of the passages that the answer is made of.
    pub(super) context_tokens: Option<u64>,
    /// Whether the answer comes as Server-Sent Events.
    pub(super) stream: Option<bool>,
    /// As in a search.
    pub(super) strategy: Option<String>,
    /// As in a search.
    pub(super) fusion: Option<String>,
    /// Hits that the answer is made of; 10 where it is left out.
    pub(super) top: Option<u64>,
    /// As in a search.
    pub(super) depth: Option<u64>,
    /// As in a search.
    pub(super) expand: Option<String>,
    /// As in a search; what reranks reads the sentences, too.
    pub(super) rerank: Option<String>,
    /// As in a search.
    pub(super) rerank_depth: Option<u64>,
    /// As in a search; sentences are read beyond it.
    pub(super) rerank_budget_ms: Option<u64>,
    /// Which documents may be found and quoted.
    pub(crate) filter: Option<String>,
    /// As in a search.
    pub(super) per_document: Option<u64>,
    /// As in a search.
    pub(super) typos: Option<String>,
    /// As in a search.
    pub(super) deadline_ms: Option<u64>,
    /// Everything else, to be refused by name.
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) unknown: Map<String, Value>,
}

impl RequestBody for AnswerRequestBody {}

/// A turn of the conversation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TurnBody {
    /// What was asked.
    pub(super) question: String,
    /// What was answered.
    #[serde(default)]
    pub(super) answer: String,
}

/// A language model and what it is told.
pub(crate) struct Writer {
    pub(crate) model: Arc<dyn LanguageModel>,
    pub(crate) prompt: Prompt,
    /// What its answer must fit; only where `prompt` asks for a value.
    pub(crate) schema: Option<Schema>,
}

/// A question that is understood.
pub(crate) struct Question {
    /// What writes the answer; `None` for sentences of the documents.
    pub(crate) writer: Option<Writer>,
    pub(crate) request: AnswerRequest,
    pub(crate) standalone: Standalone,
    /// What was said before, where the writer is to make the question whole.
    pub(crate) rewrite_after: Option<Vec<Turn>>,
    pub(crate) wants_stream: bool,
}

impl Question {
    /// What the answer depends on, beside the index.
    pub(crate) fn identity(&self) -> impl std::fmt::Debug + '_ {
        let Self { writer, request, standalone, rewrite_after, wants_stream: _ } = self;
        let writer = writer.as_ref().map(|Writer { model, prompt, schema }| {
            (model.name(), prompt.fingerprint(), schema.as_ref().map(Schema::text))
        });
        (writer, request, standalone, rewrite_after)
    }
}

/// What makes a follow-up whole.
#[derive(Clone, Copy)]
enum Rewriter {
    Rules,
    Model,
}

const REWRITERS: [(&str, Rewriter); 2] = [("rules", Rewriter::Rules), ("model", Rewriter::Model)];

const PARAMETERS: &str = "question, collection, history, rewrite, model, prompt, schema, context_tokens, stream, strategy, fusion, top, depth, expand, \
                          rerank, rerank_depth, rerank_budget_ms, filter, per_document, typos, deadline_ms";

impl AnswerRequestBody {
    /// Parameters with a fixed choice, and the choices.
    pub(crate) fn choices() -> [(&'static str, Vec<&'static str>); 4] {
        let [strategy, typos, _near_duplicates] = SearchBody::choices();
        let prompt = ("prompt", Prompt::built_in_names().collect());
        [strategy, typos, prompt, ("rewrite", names(&REWRITERS))]
    }

    /// Checks the body against the limits and fills in what the server decides.
    ///
    /// # Arguments
    /// * `reranker` - the collection's, which reads again unless the body says `none`.
    /// * `models` - the server's language models.
    ///
    /// # Errors
    /// The first parameter that is unknown, missing, malformed or out of range.
    pub(crate) fn understand(
        self,
        limits: &Limits,
        reranker: Option<&LoadedReranker>,
        models: &LanguageModels,
    ) -> Result<Question, ApiError> {
        refuse_unknown(&self.unknown, PARAMETERS)?;
        let question = self.question.ok_or(ApiError::MissingParameter { parameter: "question" })?;
        if question.trim().is_empty() {
            return Err(ApiError::invalid("question", &question, "it is empty"));
        }
        within("question", &question, limits.max_query_bytes)?;
        let writer = writer(self.model.as_deref(), self.prompt.as_deref(), self.schema, models)?;
        let history = history(self.history.unwrap_or_default(), limits)?;
        let standalone = standalone(&question, &history);
        let rewrite_after = match choose("rewrite", self.rewrite, &REWRITERS)? {
            Some(Rewriter::Model) if writer.is_none() => {
                let reason = "only a language model does; leave it out, or name a `model`";
                return Err(ApiError::invalid("rewrite", "model", reason));
            }
            Some(Rewriter::Model) if !history.is_empty() => Some(history),
            Some(Rewriter::Model | Rewriter::Rules) | None => None,
        };
        let defaults = ContextOptions::default();
        let budget_tokens = match self.context_tokens {
            Some(tokens) => in_range("context_tokens", tokens, limits.max_context_tokens)?,
            None => defaults.budget_tokens.min(limits.max_context_tokens),
        };
        let search = SearchBody {
            // What was put in front of a question may carry it over the limit of a query.
            query: Some(shortened(&standalone.query, limits.max_query_bytes)),
            collection: self.collection,
            strategy: self.strategy,
            fusion: self.fusion,
            top: Some(self.top.unwrap_or(AnswerRequest::TOP as u64)),
            depth: self.depth,
            expand: self.expand,
            rerank: self.rerank,
            rerank_depth: self.rerank_depth,
            rerank_budget_ms: self.rerank_budget_ms,
            filter: self.filter,
            per_document: self.per_document,
            typos: self.typos,
            deadline_ms: self.deadline_ms,
            ..SearchBody::default()
        };
        let mut search = search.into_request(limits, reranker)?;
        search.highlights = Highlights::Off;
        let request = AnswerRequest {
            question,
            search,
            context: ContextOptions { budget_tokens, ..defaults },
            ..AnswerRequest::new("")
        };
        let wants_stream = self.stream == Some(true);
        Ok(Question { writer, request, standalone, rewrite_after, wants_stream })
    }
}

/// Who writes the answer.
fn writer(
    model: Option<&str>,
    prompt: Option<&str>,
    schema: Option<Value>,
    models: &LanguageModels,
) -> Result<Option<Writer>, ApiError> {
    let Some(name) = model.filter(|name| *name != EXTRACTIVE) else {
        let told = "only a language model is told one; leave it out, or name a `model`";
        return match (prompt, schema) {
            (Some(prompt), _) => Err(ApiError::invalid("prompt", prompt, told)),
            (None, Some(schema)) => Err(ApiError::invalid("schema", &schema.to_string(), told)),
            (None, None) => Ok(None),
        };
    };
    let Some(model) = models.named(name) else {
        let known: Vec<&str> = std::iter::once(EXTRACTIVE).chain(models.names()).collect();
        let reason = format!("it must be one of {}", known.join(", "));
        return Err(ApiError::invalid("model", name, reason));
    };
    let schema = schema
        .map(|schema| {
            let refused = |error| ApiError::invalid("schema", &schema.to_string(), error);
            Schema::new(&schema).map_err(refused)
        })
        .transpose()?;
    let name = prompt.unwrap_or(Prompt::default_name(schema.is_some()));
    let prompt =
        Prompt::built_in(name).map_err(|error| ApiError::invalid("prompt", name, error))?;
    if (prompt.form() == ReplyForm::Value) != schema.is_some() {
        let reason = if schema.is_some() {
            let value = Prompt::default_name(true);
            format!("its answers have no value for `schema`; leave it out, or write {value}")
        } else {
            "it asks for a value; send its `schema`".to_owned()
        };
        return Err(ApiError::invalid("prompt", name, reason));
    }
    Ok(Some(Writer { model: Arc::clone(model), prompt, schema }))
}

fn history(turns: Vec<TurnBody>, limits: &Limits) -> Result<Vec<Turn>, ApiError> {
    if turns.len() > limits.max_history_turns {
        let (value, max) = (turns.len() as u64, limits.max_history_turns as u64);
        return Err(ApiError::OutOfRange { parameter: "history", value, min: 0, max });
    }
    let turn = |TurnBody { question, answer }: TurnBody| Turn { question, answer };
    Ok(turns.into_iter().map(turn).collect())
}

/// The end of a text, at most `most` bytes: what the user typed stands there.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    text[text.ceil_char_boundary(text.len().saturating_sub(most))..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understand(body: &str) -> Result<Question, ApiError> {
        let body: AnswerRequestBody = serde_json::from_str(body).unwrap();
        body.understand(&Limits::default(), None, &LanguageModels::none())
    }

    #[test]
    fn a_follow_up_is_searched_for_with_its_subject() {
        let body = r#"{"question":"does it need a resolver?",
            "history":[{"question":"What is a virtual manifest?","answer":"One without a package."}]}"#;
        let Question { request, standalone, wants_stream, .. } = understand(body).unwrap();
        assert_eq!(request.question, "does it need a resolver?");
        assert_eq!(request.search.query, standalone.query);
        assert!(standalone.query.starts_with("virtual manifest"), "{standalone:?}");
        assert!(!wants_stream && request.search.highlights == Highlights::Off);
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        let refused = |body: &str| understand(body).err().expect("it is refused").to_string();
        assert!(refused(r#"{"query":"a"}"#).contains("query"));
        assert!(refused("{}").contains("question"));
        assert!(refused(r#"{"question":" "}"#).contains("empty"));
        assert!(refused(r#"{"question":"a","model":"gpt"}"#).contains("extractive"));
        assert!(refused(r#"{"question":"a","prompt":"cited-v1"}"#).contains("language model"));
        assert!(refused(r#"{"question":"a","context_tokens":0}"#).contains("context_tokens"));
        assert!(refused(r#"{"question":"a","strategy":"magic"}"#).contains("strategy"));
        let turns = vec![r#"{"question":"a"}"#; 21].join(",");
        assert!(refused(&format!(r#"{{"question":"a","history":[{turns}]}}"#)).contains("history"));
    }

    #[test]
    fn what_was_typed_survives_a_long_history() {
        let long = "wort ".repeat(4000);
        let body = format!(
            r#"{{"question":"and is it größer?","history":[{{"question":"{long}","answer":"{long}"}}]}}"#
        );
        let question = understand(&body).unwrap();
        assert!(question.request.search.query.ends_with("and is it größer?"));
        assert_eq!(shortened("aé", 2), "é");
        assert_eq!(shortened("aé", 1), "");
    }
}
