//! `GET /metrics`: what is counted, under which names, and that labels stay few.

use std::collections::BTreeSet;
use std::fs;

use answer::model::scripted::Reply;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;
use server::{CacheLookup, DocumentChange, JobEnd, Limits, Refused};

use super::support::{Fixture, GateEncoder, hash_encoder, post, says, send, written};

async fn scrape(fixture: &Fixture) -> String {
    let answer = fixture.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let kind = answer.headers[header::CONTENT_TYPE].to_str().unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    answer.text
}

/// The value of a series; its labels in any order.
#[track_caller]
fn value(text: &str, name: &str, labels: &[&str]) -> f64 {
    let found: Vec<&str> = text
        .lines()
        .filter(|line| {
            let rest = line.strip_prefix(name).unwrap_or_default();
            rest.starts_with([' ', '{']) && labels.iter().all(|label| rest.contains(label))
        })
        .collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}\n{text}");
    found[0].rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn searches_are_counted_with_their_stages() {
    // A response that is given again is no search.
    let limits = Limits { cached_bytes: 0, ..Limits::default() };
    let fixture = Fixture::with(limits, hash_encoder());
    let before = scrape(&fixture).await;
    assert!(!before.contains("trovato_search_duration_seconds_count"), "{before}");
    fixture.search(r#"{"query":"borrowed value"}"#).await.ok();
    fixture.search(r#"{"query":"threads","strategy":"lexical"}"#).await.ok();
    for _ in 0..2 {
        fixture.search(r#"{"query":"value","filter":"folder = nothing"}"#).await.ok();
    }
    fixture.search(r#"{"query":"threads","top":0}"#).await.error(400, "out_of_range");

    let text = scrape(&fixture).await;
    let search = "route=\"/v1/search\"";
    assert_eq!(value(&text, "trovato_http_requests_total", &[search, "status=\"200\""]), 4.0);
    assert_eq!(value(&text, "trovato_http_requests_total", &[search, "status=\"400\""]), 1.0);
    assert_eq!(value(&text, "trovato_http_request_duration_seconds_count", &[search]), 5.0);
    let texts = "collection=\"texts\"";
    assert_eq!(value(&text, "trovato_search_duration_seconds_count", &[texts]), 4.0);
    for (stage, ran) in [("lexical", 4.0), ("encode", 3.0), ("dense", 3.0), ("fetch", 4.0)] {
        let stage = format!("stage=\"{stage}\"");
        let n = value(&text, "trovato_search_stage_duration_seconds_count", &[texts, &stage]);
        assert_eq!(n, ran, "{stage}");
    }
    assert!(!text.contains("stage=\"rerank\""), "nothing was reranked");
    for (stage, ran) in [("filter", 2.0), ("fusion", 3.0)] {
        let stage = format!("stage=\"{stage}\"");
        let n = value(&text, "trovato_search_stage_duration_seconds_count", &[texts, &stage]);
        assert_eq!(n, ran, "{stage}");
    }
    assert_eq!(value(&text, "trovato_searches_without_hits_total", &[texts]), 2.0);
    for outcome in ["outcome=\"hit\"", "outcome=\"miss\""] {
        let filters = ["cache=\"filters\"", outcome];
        assert_eq!(value(&text, "trovato_cache_lookups_total", &filters), 1.0);
    }
    assert_eq!(value(&text, "trovato_admission_wait_seconds_count", &[]), 4.0);
    assert_eq!(value(&text, "trovato_collection_generation", &[texts]), 1.0);
    assert_eq!(value(&text, "trovato_collection_documents", &[texts]), 5.0);
    assert!(value(&text, "trovato_collection_bytes", &[texts]) > 0.0);
    assert_eq!(value(&text, "trovato_collection_stale", &[texts]), 0.0);
    assert_eq!(value(&text, "trovato_ready", &[]), 1.0);
    assert!(value(&text, "process_start_time_seconds", &[]) > 1.6e9);
}

#[tokio::test]
async fn what_clients_choose_is_no_label() {
    let fixture = Fixture::new();
    for path in ["/v1/documents/secret-id", "/secret-path", "/v1/models/secret-model"] {
        fixture.get(path).await;
    }
    let invented = Request::builder().method("SECRET").uri("/").body(Body::empty()).unwrap();
    send(&fixture.app, invented).await;
    fixture.search(r#"{"query":"a","collection":"secret-name"}"#).await;
    let text = scrape(&fixture).await;
    assert!(!text.to_lowercase().contains("secret"), "{text}");
    assert!(text.contains(r#"route="/v1/documents/{*id}""#) && text.contains(r#"method="other""#));
    assert_eq!(value(&text, "trovato_http_requests_total", &["route=\"unmatched\""]), 1.0);
}

#[tokio::test]
async fn answers_and_what_models_took_are_counted() {
    let text = "It \"borrows a value without owning it\" [1].";
    let refused = Reply::status(400, &json!({"error": {"message": "no such parameter"}}));
    let (fixture, _provider) = written([says(&[text]), says(&["[[ABSTAIN]]"]), refused]);
    let question = "a reference borrows a value without owning it";
    for (model, status) in [("small", 200), ("small", 200), ("small", 502), ("extractive", 200)] {
        let body = json!({"question": question, "model": model}).to_string();
        let answer = send(&fixture.app, post("/v1/answer", Body::from(body))).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let text = scrape(&fixture).await;
    for outcome in ["answered", "abstained", "failed"] {
        let labels = ["by=\"model\"", &format!("outcome=\"{outcome}\"")];
        assert_eq!(value(&text, "trovato_answers_total", &labels), 1.0, "{outcome}");
    }
    value(&text, "trovato_answers_total", &["by=\"documents\""]);
    let small = "model=\"small\"";
    assert_eq!(value(&text, "trovato_llm_requests_total", &[small, "\"answered\""]), 2.0);
    assert_eq!(value(&text, "trovato_llm_requests_total", &[small, "\"refused\""]), 1.0);
    assert_eq!(value(&text, "trovato_llm_tokens_total", &[small, "\"input\""]), 200.0);
    assert_eq!(value(&text, "trovato_llm_tokens_total", &[small, "\"output\""]), 40.0);
    assert_eq!(value(&text, "trovato_llm_request_duration_seconds_count", &[small]), 3.0);
    assert_eq!(value(&text, "trovato_llm_cost_usd_total", &[small]), 0.0, "it has no price");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_shows_and_does_not_keep_a_scrape_out() {
    let gate = GateEncoder::new();
    let limits = Limits { concurrent_searches: 1, queued_searches: 1, ..Limits::default() };
    let fixture = Fixture::with(limits, gate.clone());
    // Equal ones would be worked on once.
    let hold = |app: axum::Router, body: &'static str| {
        tokio::spawn(async move { send(&app, super::support::search_request(body)).await })
    };
    let first = hold(fixture.app.clone(), r#"{"query":"hold"}"#);
    gate.until_held(1).await;
    let second = hold(fixture.app.clone(), r#"{"query":"hold too"}"#);
    let full = loop {
        let text = scrape(&fixture).await;
        if value(&text, "trovato_admission_waiting", &[]) == 1.0 {
            break text;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert_eq!(value(&full, "trovato_admission_running", &[]), 1.0);
    assert_eq!(value(&full, "trovato_http_requests_in_flight", &[]), 3.0, "and the scrape");
    fixture.search(r#"{"query":"a"}"#).await.error(503, "overloaded");
    // A client that has left.
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    gate.open();
    first.await.unwrap().ok();
    let text = scrape(&fixture).await;
    assert_eq!(value(&text, "trovato_admission_refused_total", &[]), 1.0);
    assert_eq!(value(&text, "trovato_admission_waiting", &[]), 0.0);
    assert_eq!(value(&text, "trovato_http_requests_total", &["status=\"499\""]), 1.0);
}

#[tokio::test]
async fn a_degraded_search_names_the_stage() {
    let fixture = Fixture::new();
    fixture.search(r#"{"query":"borrowed value","deadline_ms":0}"#).await.ok();
    let text = scrape(&fixture).await;
    let labels = ["collection=\"texts\"", "stage=\"encode\""];
    assert_eq!(value(&text, "trovato_search_degradations_total", &labels), 1.0);
}

/// Every metric there is, by the names of its families.
async fn all_names() -> BTreeSet<String> {
    let (fixture, _provider) = written([says(&["It \"borrows\" [1]."])]);
    let dir = tempfile::tempdir().unwrap();
    let config = server::QueryLogConfig::new(dir.path().join("queries.jsonl"));
    fixture.state.log_queries(server::QueryLog::open(config).unwrap());
    fixture.state.tell_slow_queries(server::SlowQueries {
        threshold: std::time::Duration::ZERO,
        redaction: corpora::Redaction::default(),
    });
    let exporter = super::spans::Kept::default();
    fixture.state.trace_with(server::Traces::exporting_to(exporter, server::TraceContent::Told));
    fixture.search(r#"{"query":"a","deadline_ms":0,"filter":"folder = notes"}"#).await.ok();
    let body = json!({"question": "a value", "model": "small"}).to_string();
    send(&fixture.app, post("/v1/answer", Body::from(body))).await.ok();
    let metrics = fixture.state.metrics();
    metrics.count_cache("answers", CacheLookup::Miss);
    metrics.count_documents("texts", DocumentChange::Upserted, 3);
    metrics.count_job("bulk", JobEnd::Done);
    metrics.count_refused(Refused::RateLimited);
    let text = scrape(&fixture).await;
    text.lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn the_manual_lists_every_metric_and_no_other() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let manual = fs::read_to_string(format!("{root}/docs/operations.md")).unwrap();
    let listed: BTreeSet<String> = manual
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split('`').next())
        .map(|name| name.split('{').next().unwrap_or_default().to_owned())
        .filter(|name| name.starts_with("trovato_") || name.starts_with("process_"))
        .collect();
    let mut served = all_names().await;
    if !cfg!(target_os = "linux") {
        served.extend(listed.iter().filter(|name| name.starts_with("process_")).cloned());
        served.insert("trovato_memory_bytes".to_owned());
    }
    assert_eq!(listed, served);
}
