//! Asking again: when, how often, and when not.

use std::time::{Duration, Instant};

use answer::model::scripted::{LineEnd, Reply, Scripted, Step, events, reply};
use answer::model::{Failure, ModelConfig, Provider};
use serde_json::json;

use super::{PROVIDERS, ask, config, model, model_at, provider_of};

fn busy(status: u16) -> Reply {
    Reply::status(status, &json!({ "error": { "message": "busy" } }))
}

#[tokio::test]
async fn limits_and_failures_are_waited_out() {
    for provider in PROVIDERS {
        for status in [429, 500, 503, 529] {
            let good = reply(provider, &Scripted::new(["good"]));
            let server = provider_of([busy(status), busy(status), good]);
            let (end, pieces) = ask(&model_at(provider, &server)).await;
            assert_eq!(end.unwrap().retries, 2, "{provider:?}, {status}");
            assert_eq!(pieces, ["good"]);
        }
    }
}

#[tokio::test]
async fn tries_are_bounded_and_counted() {
    let server = provider_of([busy(503), busy(503), busy(429)]);
    let error = ask(&model_at(Provider::Openai, &server)).await.0.unwrap_err();
    assert_eq!((error.tries, server.asked().len()), (3, 3));
    let expected = Failure::RateLimited { retry_after: None, said: "busy".to_owned() };
    assert_eq!(error.failure, expected);
    assert_eq!(error.to_string(), "model tested, after 3 tries: rate limited: busy");
}

#[tokio::test]
async fn what_the_provider_asks_for_is_waited() {
    let good = reply(Provider::Openai, &Scripted::new(["good"]));
    let server = provider_of([busy(429).header("Retry-After", "0.08"), good]);
    let started = Instant::now();
    let end = ask(&model_at(Provider::Openai, &server)).await.0.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(80), "{:?}", started.elapsed());
    assert!(end.first_piece.unwrap() >= Duration::from_millis(80), "waits are counted");
}

#[tokio::test]
async fn a_wait_beyond_the_limit_is_not_begun() {
    let server = provider_of([busy(429).header("retry-after", "3600")]);
    let started = Instant::now();
    let error = ask(&model_at(Provider::Openai, &server)).await.0.unwrap_err();
    assert_eq!((error.tries, error.failure.retry_after()), (1, Some(Duration::from_hours(1))));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn what_will_not_change_is_not_asked_again() {
    for status in [400, 401, 403, 404, 422] {
        let server = provider_of([busy(status), busy(status)]);
        let error = ask(&model_at(Provider::Anthropic, &server)).await.0.unwrap_err();
        assert_eq!((error.tries, server.asked().len()), (1, 1), "{status}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_first_piece_is_tried_again() {
    for provider in PROVIDERS {
        let good = reply(provider, &Scripted::new(["good"]));
        let begun = Step::Send(b": waking up\n\n".to_vec());
        let half = Reply::events("data: {\"choic");
        let server = provider_of([Reply::stream([begun, Step::Cut]), half, good]);
        let end = ask(&model_at(provider, &server)).await.0.unwrap();
        assert_eq!((end.retries, end.text.as_str()), (2, "good"), "{provider:?}");
    }
}

#[tokio::test]
async fn nothing_is_tried_again_once_a_piece_was_handed_on() {
    for provider in PROVIDERS {
        let parts = events(provider, &Scripted::new(["one ", "two "]), LineEnd::Lf);
        let until = parts.iter().position(|part| part.windows(4).any(|w| w == b"one ")).unwrap();
        let begun: Vec<Step> = parts[..=until].iter().cloned().map(Step::Send).collect();
        let cut = Reply::stream(begun.into_iter().chain([Step::Cut]));
        let server = provider_of([cut, reply(provider, &Scripted::new(["never"]))]);
        let (end, pieces) = ask(&model_at(provider, &server)).await;
        let error = end.unwrap_err();
        assert_eq!(pieces, ["one "], "{provider:?}");
        assert!(error.handed_on && error.tries == 1, "{error}");
        assert!(matches!(error.failure, Failure::Cut { bytes: 4, .. }), "{error}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn without_retries_the_first_failure_is_the_last() {
    let server = provider_of([busy(503)]);
    let config = ModelConfig { max_retries: 0, ..config(Provider::Gemini, &server.base_url()) };
    let error = ask(&model(config)).await.0.unwrap_err();
    assert_eq!(error.to_string(), "model tested: the provider failed (status 503): busy");
}
