//! More requests than cores, requests that fail, requests that take too long.

use std::sync::Arc;
use std::time::Duration;

use super::support::{Fixture, GateEncoder, search_request, send};
use axum::http::header;
use engine::Encoder;
use server::Limits;

fn held(limits: Limits) -> (Arc<GateEncoder>, Fixture) {
    let encoder = GateEncoder::new();
    let fixture = Fixture::with(limits, Arc::clone(&encoder) as Arc<dyn Encoder>);
    (encoder, fixture)
}

#[tokio::test]
async fn searches_beyond_the_queue_are_refused_and_the_others_answered() {
    let limits = Limits { concurrent_searches: 2, queued_searches: 3, ..Limits::default() };
    let (encoder, fixture) = held(limits);
    let tasks: Vec<_> = (0..5)
        .map(|n| {
            let app = fixture.app.clone();
            // Equal ones would be worked on once.
            let body = format!(r#"{{"query":"hold {n}"}}"#);
            tokio::spawn(async move { send(&app, search_request(&body)).await })
        })
        .collect();
    encoder.until_held(2).await;
    // All five are inside once a sixth is refused.
    let refused = loop {
        let answer = fixture.search(r#"{"query":"value","strategy":"lexical"}"#);
        match tokio::time::timeout(Duration::from_millis(50), answer).await {
            Ok(answer) => break answer,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let error = refused.error(503, "overloaded");
    assert_eq!(error["limit"], 3);
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
    assert_eq!(encoder.n_held(), 2, "no more than two may work at once");
    // Health does not wait behind searches.
    fixture.get("/healthz").await.ok();
    fixture.get("/readyz").await.ok();

    encoder.open();
    for task in tasks {
        task.await.unwrap().ok();
    }
    fixture.search(r#"{"query":"value"}"#).await.ok();
}

#[tokio::test]
async fn an_abandoned_search_keeps_its_place_until_it_ends() {
    let limits = Limits { concurrent_searches: 1, queued_searches: 0, ..Limits::default() };
    let (encoder, fixture) = held(limits);
    let app = fixture.app.clone();
    let client =
        tokio::spawn(async move { send(&app, search_request(r#"{"query":"hold"}"#)).await });
    encoder.until_held(1).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    fixture.search(r#"{"query":"value"}"#).await.error(503, "overloaded");
    encoder.open();
    for _ in 0..1000 {
        let answer = fixture.search(r#"{"query":"value"}"#).await;
        if answer.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the place was never given back");
}

#[tokio::test]
async fn a_panic_in_the_engine_is_an_error_and_frees_its_place() {
    let limits = Limits { concurrent_searches: 1, queued_searches: 0, ..Limits::default() };
    let (_encoder, fixture) = held(limits);
    for _ in 0..3 {
        let answer = fixture.search(r#"{"query":"panic"}"#).await;
        answer.error(500, "internal");
        assert!(!answer.text.contains("the word was"), "{}", answer.text);
    }
    fixture.search(r#"{"query":"value"}"#).await.ok();
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_told_so() {
    let limits = Limits { request_timeout: Duration::from_millis(50), ..Limits::default() };
    let (encoder, fixture) = held(limits);
    let error = fixture.search(r#"{"query":"hold"}"#).await.error(503, "timed_out");
    assert_eq!(error["limit"], 50);
    encoder.open();
}
