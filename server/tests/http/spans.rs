//! Spans of requests, as an exporter gets them: which there are, in what they lie, what
//! they tell, and what they keep to themselves.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use engine::{OverlapReranker, RerankOptions, RerankPipeline};
use opentelemetry::Value;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use serde_json::json;
use server::{LoadedReranker, TraceContent, Traces};

use super::support::{Fixture, post, says, search_request, send, written};

/// Keeps spans.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// Traces a fixture's requests.
fn traced(fixture: &Fixture, content: TraceContent) -> (Traces, Kept) {
    let kept = Kept::default();
    let traces = Traces::exporting_to(kept.clone(), content);
    fixture.state.trace_with(traces.clone());
    (traces, kept)
}

/// The spans so far, oldest first.
fn finished((traces, kept): &(Traces, Kept)) -> Vec<SpanData> {
    traces.flush();
    let mut spans = kept.0.lock().unwrap().clone();
    spans.sort_by_key(|span| span.start_time);
    spans
}

#[track_caller]
fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(found.len(), 1, "{name} among {names:?}");
    found[0]
}

fn attribute(span: &SpanData, name: &str) -> Option<Value> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.clone())
}

fn kind(span: &SpanData) -> String {
    attribute(span, "openinference.span.kind").map(|kind| kind.to_string()).unwrap_or_default()
}

#[track_caller]
fn assert_within(child: &SpanData, parent: &SpanData) {
    assert_eq!(child.parent_span_id, parent.span_context.span_id(), "{}", child.name);
    assert_eq!(child.span_context.trace_id(), parent.span_context.trace_id());
    // Times of the engine are floats of milliseconds.
    let slack = std::time::Duration::from_micros(1);
    assert!(child.start_time + slack >= parent.start_time, "{} begins early", child.name);
    assert!(child.end_time <= parent.end_time + slack, "{} ends late", child.name);
}

fn overlap() -> LoadedReranker {
    let pipeline = Arc::new(RerankPipeline::new(Arc::new(OverlapReranker)));
    LoadedReranker { pipeline, options: RerankOptions { depth: Some(20), budget_ms: None } }
}

#[tokio::test]
async fn a_search_has_a_span_for_each_stage_that_ran() {
    let fixture = Fixture::reranked(overlap());
    let traces = traced(&fixture, TraceContent::Withheld);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut request =
        search_request(r#"{"query":"borrowed value","top":3,"filter":"folder in [book, notes]"}"#);
    request.headers_mut().insert("traceparent", parent.parse().unwrap());
    request.headers_mut().insert("x-request-id", "case-1".parse().unwrap());
    let answer = send(&fixture.app, request).await;
    assert_eq!(answer.headers["x-request-id"], "case-1");
    let answered = answer.ok();
    let spans = finished(&traces);

    let server = named(&spans, "POST /v1/search");
    assert_eq!(server.span_context.trace_id().to_string(), parent[3..35]);
    assert_eq!(server.parent_span_id, SpanId::from_hex("b7ad6b7169203331").unwrap());
    assert_eq!(server.span_kind, SpanKind::Server);
    assert_eq!(attribute(server, "trovato.request_id"), Some("case-1".into()));
    assert_eq!(attribute(server, "http.response.status_code"), Some(200.into()));

    let retrieval = named(&spans, "retrieval texts");
    assert_within(retrieval, server);
    assert_eq!(kind(retrieval), "RETRIEVER");
    let count = |span: &SpanData, name: &str| match attribute(span, name) {
        Some(Value::I64(n)) => n,
        other => panic!("{name} of {}: {other:?}", span.name),
    };
    assert_eq!(count(retrieval, "trovato.hits"), answered["hits"].as_array().unwrap().len() as i64);
    assert_eq!(count(retrieval, "trovato.generation"), 1);
    assert_eq!(attribute(retrieval, "gen_ai.operation.name"), Some("retrieval".into()));
    assert_eq!(attribute(retrieval, "gen_ai.data_source.id"), Some("texts".into()));

    let expected = [
        ("plan", "CHAIN"),
        ("filter", "CHAIN"),
        ("lexical", "RETRIEVER"),
        ("embeddings", "EMBEDDING"),
        ("dense", "RETRIEVER"),
        ("fusion", "CHAIN"),
        ("rerank overlap", "RERANKER"),
        ("fetch", "CHAIN"),
    ];
    let encoder = fixture.index.encoder().unwrap().name().to_owned();
    for (name, of_kind) in expected {
        let name =
            if of_kind == "EMBEDDING" { format!("embeddings {encoder}") } else { name.into() };
        let stage = named(&spans, &name);
        assert_within(stage, retrieval);
        assert_eq!(kind(stage), of_kind, "{name}");
        let key = match name.split(' ').next().unwrap() {
            "embeddings" => "encode",
            key => key,
        };
        let ms = stage.end_time.duration_since(stage.start_time).unwrap().as_secs_f64() * 1e3;
        let told = answered["timings_ms"][key].as_f64().unwrap();
        assert!((ms - told).abs() < 1e-3, "{name}: {ms} ms, told {told} ms");
    }
    assert_eq!(spans.len(), 2 + expected.len());
    let (lexical, dense) = (named(&spans, "lexical"), named(&spans, "dense"));
    assert_eq!(
        count(lexical, "trovato.candidates"),
        count(retrieval, "trovato.candidates.lexical")
    );
    assert_eq!(count(dense, "trovato.candidates"), 5, "vectors rank all that there is");
    let (embedding, fusion) =
        (named(&spans, &format!("embeddings {encoder}")), named(&spans, "fusion"));
    assert!(embedding.end_time <= dense.start_time + std::time::Duration::from_micros(1));
    assert!(dense.end_time <= fusion.end_time && lexical.end_time <= fusion.end_time);
    assert_eq!(count(named(&spans, "filter"), "trovato.allowed_chunks"), 5);
    let rerank = named(&spans, "rerank overlap");
    assert_eq!(count(rerank, "trovato.texts"), answered["reranked"]["scored"].as_i64().unwrap());

    let all = format!("{spans:?}");
    assert!(!all.contains("borrow") && !all.contains("references.md"), "words are withheld");
}

#[tokio::test]
async fn words_are_told_where_that_is_asked_for() {
    let fixture = Fixture::new();
    let traces = traced(&fixture, TraceContent::Told);
    fixture.search(r#"{"query":"borrowed value","top":1,"strategy":"lexical"}"#).await.ok();
    let spans = finished(&traces);
    let retrieval = named(&spans, "retrieval texts");
    assert_eq!(attribute(retrieval, "input.value"), Some("borrowed value".into()));
    for field in ["id", "score", "content"] {
        let name = format!("retrieval.documents.0.document.{field}");
        assert!(attribute(retrieval, &name).is_some(), "{name}");
    }
    for absent in ["embeddings", "dense", "fusion", "filter", "rerank"] {
        assert!(!spans.iter().any(|span| span.name.starts_with(absent)), "{absent} did not run");
    }
}

#[tokio::test]
async fn a_models_answer_has_a_span_with_tokens_inside_its_request() {
    for stream in [false, true] {
        let (fixture, _provider) = written([says(&["It \"borrows ", "a value\" [1]."])]);
        let traces = traced(&fixture, TraceContent::Withheld);
        let question = "a reference borrows a value without owning it";
        let body = json!({"question": question, "model": "small", "stream": stream});
        let answer = send(&fixture.app, post("/v1/answer", Body::from(body.to_string()))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let spans = finished(&traces);
        let server = named(&spans, "POST /v1/answer");
        let chat = named(&spans, "chat small");
        assert_within(chat, server);
        assert_within(named(&spans, "retrieval texts"), server);
        assert_within(named(&spans, "context"), server);
        assert_within(named(&spans, "verify"), server);
        assert_eq!((kind(chat).as_str(), &chat.span_kind), ("LLM", &SpanKind::Client));
        for (name, value) in [
            ("gen_ai.operation.name", Value::from("chat")),
            ("gen_ai.provider.name", "openai".into()),
            ("gen_ai.request.model", "small".into()),
            ("gen_ai.response.model", "scripted-1".into()),
            ("gen_ai.usage.input_tokens", 100.into()),
            ("gen_ai.usage.output_tokens", 20.into()),
        ] {
            assert_eq!(attribute(chat, name), Some(value), "{name}");
        }
        assert!(!format!("{spans:?}").contains("borrows"), "words are withheld");
    }
}

#[tokio::test]
async fn a_failure_is_told_by_its_kind() {
    let failing = answer::model::scripted::Reply::status(500, &json!({"error": {"message": "x"}}));
    let (fixture, _provider) = written([failing]);
    let traces = traced(&fixture, TraceContent::Withheld);
    let body = json!({"question": "a value", "model": "small"}).to_string();
    send(&fixture.app, post("/v1/answer", Body::from(body))).await.error(502, "not_written");
    let spans = finished(&traces);
    assert_eq!(attribute(named(&spans, "chat small"), "error.type"), Some("overloaded".into()));
    assert!(matches!(named(&spans, "POST /v1/answer").status, Status::Error { .. }));
}

#[tokio::test]
async fn agents_and_texts_have_spans_and_health_has_none() {
    let fixture = Fixture::reranked(overlap());
    let traces = traced(&fixture, TraceContent::Withheld);
    for path in ["/healthz", "/readyz", "/metrics", "/", "/nothing"] {
        fixture.get(path).await;
    }
    assert!(finished(&traces).is_empty());
    let texts = Body::from(json!({"input": ["a", "b"]}).to_string());
    send(&fixture.app, post("/v1/embeddings", texts)).await.ok();
    let texts = Body::from(json!({"query": "a", "documents": ["a", "b", "c"]}).to_string());
    send(&fixture.app, post("/v1/rerank", texts)).await.ok();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "search", "arguments": {"query": "a value"}}});
    let request = Request::post("/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("host", "localhost")
        .body(Body::from(call.to_string()))
        .unwrap();
    let answer = send(&fixture.app, request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    // The library's task may outlive its response by a moment.
    while !finished(&traces).iter().any(|span| span.name == "POST /mcp") {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let spans = finished(&traces);
    let encoder = fixture.index.encoder().unwrap().name().to_owned();
    for (child, parent, texts) in [
        (format!("embeddings {encoder}"), "POST /v1/embeddings", 2),
        ("rerank overlap".to_owned(), "POST /v1/rerank", 3),
    ] {
        let parent = named(&spans, parent);
        let child = spans.iter().find(|span| {
            span.name == child && span.parent_span_id == parent.span_context.span_id()
        });
        assert_eq!(attribute(child.unwrap(), "trovato.texts"), Some(texts.into()));
    }
    assert_within(named(&spans, "retrieval texts"), named(&spans, "POST /mcp"));
}
