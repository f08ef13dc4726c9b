//! Responses that are given again: the same, only until the index changes, and only
//! once worked on.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use engine::Encoder;
use serde_json::json;
use server::{Limits, QueryVectors};

use super::support::{
    Fixture, GateEncoder, add, document, hash_encoder, post, search_request, send,
};

fn source(headers: &HeaderMap) -> &str {
    headers["x-cache"].to_str().unwrap()
}

#[tokio::test]
async fn an_equal_search_is_given_again_until_the_index_changes() {
    let fixture = Fixture::new();
    let body = r#"{"query": "borrowed value", "top": 3}"#;
    let first = fixture.search(body).await;
    let again = fixture.search(r#"{ "top": 3, "query": "borrowed value" }"#).await;
    assert_eq!([source(&first.headers), source(&again.headers)], ["miss", "hit"]);
    assert_eq!(first.text, again.text, "to the byte, times included");
    assert_eq!(
        source(&fixture.search(r#"{"query": "borrowed value", "top": 2}"#).await.headers),
        "miss"
    );

    let fresh = Request::post("/v1/search")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "max-age=0, no-cache");
    let fresh = send(&fixture.app, fresh.body(Body::from(body)).unwrap()).await;
    assert_eq!(source(&fresh.headers), "miss");

    add(&fixture.index, &[document("new.md", "New", "A borrowed value of late.")]);
    fixture.index.refresh().unwrap();
    let after = fixture.search(body).await;
    assert_eq!(source(&after.headers), "miss");
    assert!(after.text.contains("of late"), "{}", after.text);
}

#[tokio::test]
async fn an_answer_is_given_again_and_a_refusal_is_not_kept() {
    let fixture = Fixture::new();
    let ask = || post("/v1/answer", Body::from(r#"{"question": "what does a thread own?"}"#));
    let (first, again) = (send(&fixture.app, ask()).await, send(&fixture.app, ask()).await);
    assert_eq!([source(&first.headers), source(&again.headers)], ["miss", "hit"]);
    assert_eq!(first.ok(), again.ok());
    for _ in 0..2 {
        fixture
            .search(r#"{"query": "x", "filter": "year >"}"#)
            .await
            .error(400, "invalid_parameter");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_searches_at_once_are_worked_on_once() {
    let gate = GateEncoder::new();
    let encoder: Arc<dyn Encoder> = Arc::clone(&gate) as Arc<dyn Encoder>;
    let fixture = Fixture::with(Limits { concurrent_searches: 4, ..Limits::default() }, encoder);
    let ask = |body: &'static str| {
        let app = fixture.app.clone();
        tokio::spawn(async move { send(&app, search_request(body)).await })
    };
    let equal: Vec<_> = (0..6).map(|_| ask(r#"{"query": "hold one"}"#)).collect();
    let other = ask(r#"{"query": "hold two"}"#);
    gate.until_held(2).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(gate.n_held(), 2, "one for six, one for the other");
    gate.open();
    let mut texts = Vec::new();
    for asked in equal {
        texts.push(asked.await.unwrap().ok());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
    other.await.unwrap().ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_one_that_left_is_answered() {
    let gate = GateEncoder::new();
    let encoder: Arc<dyn Encoder> = Arc::clone(&gate) as Arc<dyn Encoder>;
    let fixture = Fixture::with(Limits { concurrent_searches: 4, ..Limits::default() }, encoder);
    let ask = || {
        let app = fixture.app.clone();
        tokio::spawn(async move { send(&app, search_request(r#"{"query": "hold"}"#)).await })
    };
    let first = ask();
    gate.until_held(1).await;
    let second = ask();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    first.abort();
    gate.open();
    second.await.unwrap().ok();
}

#[tokio::test]
async fn a_query_is_encoded_once_for_all_generations() {
    let known = QueryVectors::new(1 << 20);
    let encoder = known.around(hash_encoder());
    let fixture = Fixture::with(Limits { cached_bytes: 0, ..Limits::default() }, encoder);
    fixture.state.count_query_vectors(&known);
    let body = json!({"query": "borrowed value"}).to_string();
    assert_eq!(source(&fixture.search(&body).await.headers), "miss");
    assert_eq!(source(&fixture.search(&body).await.headers), "miss", "nothing is kept");
    let metrics = fixture.get("/metrics").await.text;
    for outcome in ["hit", "miss"] {
        let line = format!(
            r#"trovato_cache_lookups_total{{cache="query_vectors",outcome="{outcome}"}} 1"#
        );
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}
