//! Which spans there are, and what they tell.
//!
//! | span | OpenInference's kind | |
//! |---|---|---|
//! | `POST /v1/search` | `CHAIN` | the request; it ends when nothing works for it any more |
//! | `retrieval COLLECTION` | `RETRIEVER` | the search in the engine |
//! | `plan`, `filter`, `fusion`, `expand`, `fetch` | `CHAIN` | its stages |
//! | `lexical`, `dense` | `RETRIEVER` | its legs |
//! | `embeddings MODEL` | `EMBEDDING` | the query's vector, or texts of a client |
//! | `rerank MODEL` | `RERANKER` | likewise |
//! | `context`, `extract`, `verify` | `CHAIN` | stages of an answer |
//! | `chat MODEL` | `LLM` | each time a language model was asked |
//!
//! Spans of a search are made when it is over, of what the engine measured: the legs
//! stand where they really ran, beside each other or one after the other; other stages
//! follow each other without a gap, counted back from the end, which is right to some
//! microseconds. A stage that did not run has no span.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::Request;
use axum::http::HeaderMap;
use engine::{Hit, RerankReport, SearchOutcome, Strategy};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::Span as _;
use opentelemetry::trace::{SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;

use super::export::{Exporting, Traces};
use super::{ModelCall, Stage, TextsCall, TextsTask, TraceContent};
use crate::telemetry::Searched;
use crate::telemetry::metrics::CompletionEnd;

/// What calls itself so in `gen_ai.provider.name`: encoders and rerankers run here.
const OURSELVES: &str = "trovato";

/// A request's part of a trace.
#[derive(Clone, Debug)]
pub(crate) struct RequestTrace {
    /// The request's span, or that of the caller where none is made here.
    context: Context,
    id: Option<String>,
    /// `None` where no span is to be made.
    exporting: Option<Arc<Exporting>>,
}

/// OpenInference's kinds.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Chain,
    Retriever,
    Embedding,
    Reranker,
    Llm,
}

impl Kind {
    fn attribute(self) -> KeyValue {
        let name = match self {
            Self::Chain => "CHAIN",
            Self::Retriever => "RETRIEVER",
            Self::Embedding => "EMBEDDING",
            Self::Reranker => "RERANKER",
            Self::Llm => "LLM",
        };
        KeyValue::new("openinference.span.kind", name)
    }
}

impl Traces {
    /// A request's part of the trace that its caller began, if it did.
    ///
    /// Requests of the API have a span; those for health, metrics and files have none,
    /// and there are very many of them.
    pub(crate) fn begin(&self, request: &Request, route: &str, request_id: &str) -> RequestTrace {
        let caller = caller(request.headers());
        let is_api = route.starts_with("/v1/") || route == "/mcp";
        let Some(exporting) = self.exporting().filter(|_| is_api) else {
            let id = trace_id(&caller);
            return RequestTrace { context: caller, id, exporting: None };
        };
        let method = request.method().as_str().to_owned();
        let attributes = vec![
            Kind::Chain.attribute(),
            KeyValue::new("http.request.method", method.clone()),
            KeyValue::new("http.route", route.to_owned()),
            KeyValue::new("trovato.request_id", request_id.to_owned()),
        ];
        let builder = SpanBuilder::from_name(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        let span = exporting.tracer.build_with_context(builder, &caller);
        let context = caller.with_span(span);
        let id = trace_id(&context);
        RequestTrace { context, id, exporting: Some(Arc::clone(exporting)) }
    }
}

/// The trace of a request's header `traceparent`.
fn caller(headers: &HeaderMap) -> Context {
    let propagator = TraceContextPropagator::new();
    propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers))
}

fn trace_id(context: &Context) -> Option<String> {
    let span = context.span();
    let is_valid = span.span_context().is_valid();
    is_valid.then(|| span.span_context().trace_id().to_string())
}

impl RequestTrace {
    /// The trace's id, for the log: 32 hexadecimal digits.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Tells how the request was answered.
    pub(crate) fn answered(&self, status: u16) {
        if self.exporting.is_none() {
            return;
        }
        let span = self.context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            span.set_status(Status::error(""));
        }
    }

    /// The spans of an answered search.
    pub(crate) fn search(&self, searched: &Searched<'_>) {
        let Some(exporting) = self.recording() else { return };
        let total = ms(searched.outcome.timings_ms.total);
        let retrieval = NewSpan {
            name: format!("retrieval {}", searched.collection.name()).into(),
            kind: Kind::Retriever,
            started: searched.started,
            took: total,
            attributes: retrieval_attributes(searched, exporting.content),
        };
        let below = self.context.with_remote_span_context(exporting.add(&self.context, retrieval));
        for stage in stages(searched) {
            exporting.add(&below, stage);
        }
    }

    /// The span of a stage that is no search and no model's.
    pub(crate) fn stage(&self, stage: Stage) {
        let Some(exporting) = self.recording() else { return };
        let Stage { name, started, took_ms } = stage;
        exporting.add(&self.context, NewSpan::new(name, Kind::Chain, started, ms(took_ms)));
    }

    /// The span of a model that has read a client's texts, from its beginning to now.
    pub(crate) fn texts(&self, call: &TextsCall<'_>) {
        let Some(exporting) = self.recording() else { return };
        let TextsCall { task, model, texts, started } = *call;
        let took = started.elapsed().unwrap_or_default();
        let mut span = match task {
            TextsTask::Encode => embedding(model, started, took),
            TextsTask::Rerank => reranking(model, started, took),
        };
        span.attributes.push(KeyValue::new("trovato.texts", texts as i64));
        exporting.add(&self.context, span);
    }

    /// The span of what a language model was asked.
    pub(crate) fn language_model(&self, call: &ModelCall<'_>) {
        let Some(exporting) = self.recording() else { return };
        let ModelCall { model, started, took, end, .. } = *call;
        let span = NewSpan {
            name: format!("chat {model}").into(),
            kind: Kind::Llm,
            started,
            took,
            attributes: model_attributes(call, exporting.content),
        };
        let failure = match end {
            CompletionEnd::Answered => None,
            CompletionEnd::Failed(_) | CompletionEnd::Abandoned => Some(end.name()),
        };
        exporting.add_ended(&self.context, span, failure);
    }

    /// Where spans go, if this trace is one of those that are kept.
    fn recording(&self) -> Option<&Exporting> {
        let is_sampled = self.context.span().span_context().is_sampled();
        self.exporting.as_deref().filter(|_| is_sampled)
    }
}

/// A span whose beginning and end are known.
struct NewSpan {
    name: Cow<'static, str>,
    kind: Kind,
    started: SystemTime,
    took: Duration,
    attributes: Vec<KeyValue>,
}

impl NewSpan {
    fn new(name: &'static str, kind: Kind, started: SystemTime, took: Duration) -> Self {
        Self { name: name.into(), kind, started, took, attributes: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push(KeyValue::new(name, value));
        self
    }
}

impl Exporting {
    fn add(&self, parent: &Context, span: NewSpan) -> SpanContext {
        self.add_ended(parent, span, None)
    }

    /// # Arguments
    /// * `failure` - the kind of error with which it ended.
    fn add_ended(
        &self,
        parent: &Context,
        span: NewSpan,
        failure: Option<&'static str>,
    ) -> SpanContext {
        let NewSpan { name, kind, started, took, mut attributes } = span;
        attributes.push(kind.attribute());
        attributes.extend(failure.map(|failure| KeyValue::new("error.type", failure)));
        let span_kind = match kind {
            Kind::Llm => SpanKind::Client,
            Kind::Chain | Kind::Retriever | Kind::Embedding | Kind::Reranker => SpanKind::Internal,
        };
        let builder = SpanBuilder::from_name(name)
            .with_kind(span_kind)
            .with_start_time(started)
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(builder, parent);
        if let Some(failure) = failure {
            span.set_status(Status::error(failure));
        }
        span.end_with_timestamp(started + took);
        span.span_context().clone()
    }
}

fn retrieval_attributes(searched: &Searched<'_>, content: TraceContent) -> Vec<KeyValue> {
    let Searched { request, filter, collection, outcome, started: _, waited } = *searched;
    let SearchOutcome { hits, generation, candidates, n_dropped_terms, degraded, .. } = outcome;
    let mut attributes = vec![
        KeyValue::new("gen_ai.operation.name", "retrieval"),
        KeyValue::new("gen_ai.provider.name", OURSELVES),
        KeyValue::new("gen_ai.data_source.id", collection.name().to_owned()),
        KeyValue::new("gen_ai.request.top_k", request.top as f64),
        KeyValue::new("trovato.strategy", strategy(request.strategy)),
        KeyValue::new("trovato.generation", *generation as i64),
        KeyValue::new("trovato.hits", hits.len() as i64),
        KeyValue::new("trovato.candidates.fused", candidates.fused as i64),
        KeyValue::new("trovato.dropped_terms", *n_dropped_terms as i64),
        KeyValue::new("trovato.waited_ms", waited.as_secs_f64() * 1e3),
    ];
    for (name, leg) in [
        ("trovato.candidates.lexical", candidates.lexical),
        ("trovato.candidates.dense", candidates.dense),
    ] {
        attributes.extend(leg.map(|leg| KeyValue::new(name, leg.candidates as i64)));
    }
    if !degraded.is_empty() {
        let stages: Vec<StringValue> =
            degraded.iter().map(|left_out| left_out.stage.to_string().into()).collect();
        attributes.push(KeyValue::new("trovato.degraded", Value::Array(Array::String(stages))));
    }
    if content == TraceContent::Told {
        attributes.push(KeyValue::new("input.value", request.query.clone()));
        attributes.push(KeyValue::new("gen_ai.retrieval.query.text", request.query.clone()));
        attributes.extend(filter.map(|it| KeyValue::new("trovato.filter", it.to_owned())));
        attributes.extend(hits.iter().enumerate().flat_map(|(at, hit)| document(at, hit)));
    }
    attributes
}

/// A hit as OpenInference lists documents.
fn document(at: usize, hit: &Hit) -> [KeyValue; 3] {
    let name = |field| format!("retrieval.documents.{at}.document.{field}");
    [
        KeyValue::new(name("id"), hit.document.to_string()),
        KeyValue::new(name("score"), hit.score),
        KeyValue::new(name("content"), hit.text.clone()),
    ]
}

fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Lexical => "lexical",
        Strategy::Dense => "dense",
        Strategy::Hybrid { .. } => "hybrid",
    }
}

/// The stages that ran.
fn stages(searched: &Searched<'_>) -> impl Iterator<Item = NewSpan> {
    let Searched { collection, outcome, started, .. } = *searched;
    let SearchOutcome { hits, candidates, reranked, timings_ms: timings, .. } = outcome;
    let at = |since_start_ms: f64| started + ms(since_start_ms);
    // From the end: after the legs one stage follows the other.
    let fetch_at = timings.total - timings.fetch;
    let rerank_at = fetch_at - timings.rerank;
    let expand_at = rerank_at - timings.expand;
    let fusion_at = expand_at - timings.fusion;

    let plan = NewSpan::new("plan", Kind::Chain, at(0.0), ms(timings.plan));
    let filter = candidates.filter.map(|filter| {
        NewSpan::new("filter", Kind::Chain, at(timings.plan), ms(timings.filter))
            .with("trovato.allowed_chunks", filter.allowed as i64)
            .with("trovato.cache_hit", filter.was_kept)
    });
    let lexical = candidates.lexical.map(|leg| {
        NewSpan::new("lexical", Kind::Retriever, at(leg.started_ms), ms(timings.lexical))
            .with("trovato.candidates", leg.candidates as i64)
    });
    let encoded = candidates.dense.filter(|_| timings.encode > 0.0);
    let encode = encoded.zip(collection.index().encoder()).map(|(leg, encoder)| {
        embedding(encoder.name(), at(leg.started_ms), ms(timings.encode))
            .with("gen_ai.embeddings.dimension.count", encoder.dim() as i64)
            .with("trovato.texts", 1)
    });
    let dense = candidates.dense.filter(|_| timings.dense > 0.0).map(|leg| {
        let begins = at(leg.started_ms + timings.encode);
        NewSpan::new("dense", Kind::Retriever, begins, ms(timings.dense))
            .with("trovato.candidates", leg.candidates as i64)
    });
    let both = candidates.lexical.is_some() && candidates.dense.is_some();
    let fusion = both.then(|| {
        NewSpan::new("fusion", Kind::Chain, at(fusion_at), ms(timings.fusion))
            .with("trovato.candidates", candidates.fused as i64)
    });
    let expand = outcome
        .expanded
        .as_ref()
        .map(|_| NewSpan::new("expand", Kind::Chain, at(expand_at), ms(timings.expand)));
    let rerank = reranked.zip(collection.reranker()).map(|(report, loaded)| {
        let RerankReport { scored, candidates, stop: _ } = report;
        reranking(loaded.pipeline.name(), at(rerank_at), ms(timings.rerank))
            .with("reranker.top_k", candidates as i64)
            .with("trovato.candidates", candidates as i64)
            .with("trovato.texts", scored as i64)
    });
    let fetch = NewSpan::new("fetch", Kind::Chain, at(fetch_at), ms(timings.fetch))
        .with("trovato.hits", hits.len() as i64);
    let optional = [filter, lexical, encode, dense, fusion, expand, rerank];
    std::iter::once(plan).chain(optional.into_iter().flatten()).chain([fetch])
}

fn embedding(model: &str, started: SystemTime, took: Duration) -> NewSpan {
    let attributes = vec![
        KeyValue::new("gen_ai.operation.name", "embeddings"),
        KeyValue::new("gen_ai.provider.name", OURSELVES),
        KeyValue::new("gen_ai.request.model", model.to_owned()),
        KeyValue::new("embedding.model_name", model.to_owned()),
    ];
    let name = format!("embeddings {model}").into();
    NewSpan { name, kind: Kind::Embedding, started, took, attributes }
}

fn reranking(model: &str, started: SystemTime, took: Duration) -> NewSpan {
    let attributes = vec![
        KeyValue::new("gen_ai.request.model", model.to_owned()),
        KeyValue::new("reranker.model_name", model.to_owned()),
    ];
    NewSpan {
        name: format!("rerank {model}").into(),
        kind: Kind::Reranker,
        started,
        took,
        attributes,
    }
}

fn model_attributes(call: &ModelCall<'_>, content: TraceContent) -> Vec<KeyValue> {
    let ModelCall { model, provider, completion, completed, .. } = *call;
    let provider = provider.map_or("unknown", semantic_provider);
    let mut attributes = vec![
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.provider.name", provider),
        KeyValue::new("gen_ai.request.model", model.to_owned()),
        KeyValue::new("gen_ai.request.stream", true),
        KeyValue::new("llm.system", provider),
        KeyValue::new("llm.model_name", model.to_owned()),
    ];
    if let Some(completed) = completed {
        let usage = completed.usage;
        attributes.push(KeyValue::new("gen_ai.response.model", completed.model.clone()));
        attributes.push(KeyValue::new("trovato.retries", i64::from(completed.retries)));
        for (tokens, names) in [
            (usage.input_tokens, ["gen_ai.usage.input_tokens", "llm.token_count.prompt"]),
            (usage.output_tokens, ["gen_ai.usage.output_tokens", "llm.token_count.completion"]),
        ] {
            let tokens = tokens.into_iter().flat_map(|n| names.map(|name| (name, n)));
            attributes.extend(tokens.map(|(name, n)| KeyValue::new(name, n as i64)));
        }
        attributes.extend(usage.cost_usd.map(|usd| KeyValue::new("llm.cost.total", usd)));
        attributes.extend(completed.first_piece.map(|first| {
            KeyValue::new("gen_ai.response.time_to_first_chunk", first.as_secs_f64())
        }));
    }
    if content == TraceContent::Told {
        let asked = completion.turns.last().map(|turn| turn.text.clone());
        attributes.extend(asked.map(|text| KeyValue::new("input.value", text)));
        let written = completed.map(|completed| completed.text.clone());
        attributes.extend(written.map(|text| KeyValue::new("output.value", text)));
    }
    attributes
}

/// The convention's name of a provider of the configuration.
fn semantic_provider(name: &'static str) -> &'static str {
    if name == "gemini" { "gcp.gemini" } else { name }
}

/// Milliseconds as the engine measures them; what would end before it began takes none.
fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms.max(0.0) / 1e3)
}
