//! What goes wrong, and that it is named without naming the key.

use std::net::TcpListener;
use std::time::Duration;

use answer::model::scripted::{LineEnd, Reply, Scripted, Step, events};
use answer::model::{Failure, ModelConfig, Provider, Waiting};
use serde_json::json;

use super::{KEY, PROVIDERS, ask, config, model, model_at, provider_of};

async fn failure_of(provider: Provider, replies: Vec<Reply>) -> Failure {
    let server = provider_of(replies);
    ask(&model_at(provider, &server)).await.0.unwrap_err().failure
}

#[tokio::test]
async fn a_key_that_the_provider_repeats_is_removed() {
    let said = format!("Incorrect API key provided: {KEY}. Get one.");
    for provider in PROVIDERS {
        let server = provider_of([
            Reply::status(401, &json!({ "error": { "message": said } })),
            Reply::status(400, &json!(said)),
            Reply::events(format!("data: {}\n\n", json!({ "error": { "message": said } }))),
            Reply::events(format!("data: {KEY}\n\n")),
            Reply::events("").header("x-echo", KEY),
        ]);
        let model = model_at(provider, &server);
        for n_asked in 0..4 {
            let error = ask(&model).await.0.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(KEY), "{provider:?}, {n_asked}: {shown}");
            assert!(n_asked > 2 || shown.contains("[key]"), "{provider:?}, {n_asked}: {shown}");
        }
    }
}

#[tokio::test]
async fn a_refused_connection_names_where_it_went() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/v1");
    for provider in PROVIDERS {
        let error = ask(&model(config(provider, &url))).await.0.unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("model tested, after 3 tries: cannot reach"), "{said}");
        assert!(said.contains(&url) && said.contains("refused"), "{said}");
        assert!(matches!(error.failure, Failure::Unreachable { .. }));
    }
}

// With threads of its own, since the test waits for what the runtime has to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_first_piece_times_out() {
    for provider in PROVIDERS {
        let mute = Reply::stream([Step::Send(b": ping\n\n".to_vec()), Step::UntilHungUp]);
        let server = provider_of([mute]);
        let limit = Duration::from_millis(60);
        let base = config(provider, &server.base_url());
        let model = model(ModelConfig { first_piece_timeout: limit, ..base });
        let error = ask(&model).await.0.unwrap_err();
        let expected = Failure::TimedOut { waiting: Waiting::FirstPiece, after: limit };
        assert_eq!((error.failure, error.tries), (expected, 1), "{provider:?}");
        assert!(server.was_hung_up_on(), "the provider is not left writing");
    }
}

// With threads of its own, since the test waits for what the runtime has to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_times_out_as_a_whole() {
    for provider in PROVIDERS {
        let parts = events(provider, &Scripted::new(["one ", "two "]), LineEnd::Lf);
        let until = parts.iter().position(|part| part.windows(4).any(|w| w == b"one ")).unwrap();
        let begun = parts[..=until].concat();
        let server = provider_of([Reply::stream([Step::Send(begun), Step::UntilHungUp])]);
        let limit = Duration::from_millis(150);
        let base = config(provider, &server.base_url());
        let model = model(ModelConfig { timeout: limit, first_piece_timeout: limit, ..base });
        let (end, pieces) = ask(&model).await;
        let error = end.unwrap_err();
        let expected = Failure::TimedOut { waiting: Waiting::End, after: limit };
        assert_eq!(error.failure, expected, "{provider:?}");
        assert_eq!((pieces, error.handed_on), (vec!["one ".to_owned()], true));
        assert!(server.was_hung_up_on());
    }
}

#[tokio::test]
async fn errors_within_a_stream_are_errors() {
    let openai = json!({ "error": { "message": "went down", "type": "server_error" } });
    let anthropic = json!({ "type": "error",
        "error": { "type": "overloaded_error", "message": "went down" } });
    let gemini = json!({ "error":
        { "code": 503, "message": "went down", "status": "UNAVAILABLE" } });
    for (provider, event) in
        [(Provider::Openai, openai), (Provider::Anthropic, anthropic), (Provider::Gemini, gemini)]
    {
        let event = format!("event: error\ndata: {event}\n\n").into_bytes();
        let script: Vec<_> = (0..3).map(|_| Reply::events(event.clone())).collect();
        let server = provider_of(script);
        let error = ask(&model_at(provider, &server)).await.0.unwrap_err();
        assert_eq!(error.tries, 3, "before a piece it is tried again");
        assert!(
            matches!(&error.failure,
            Failure::Overloaded { said, .. } if said == "went down"),
            "{error}"
        );

        let mut parts = events(provider, &Scripted::new(["one "]), LineEnd::Lf);
        let until = parts.iter().position(|part| part.windows(4).any(|w| w == b"one ")).unwrap();
        parts.truncate(until + 1);
        parts.push(event);
        let server = provider_of([Reply::events(parts.concat())]);
        let error = ask(&model_at(provider, &server)).await.0.unwrap_err();
        assert!(error.handed_on && error.tries == 1, "{error}");
    }
}

#[tokio::test]
async fn what_is_not_the_format_is_malformed() {
    for provider in PROVIDERS {
        let page = Reply::events("<html>Welcome</html>").header("content-type", "text/html");
        let cut_json = Reply::events("data: {\"choices\": [{\"del\n\n");
        let endless = Reply::events(format!("data: {}", "x".repeat(2 << 20)));
        for (reply, expected) in
            [(page, "no event in the reply"), (cut_json, "not JSON"), (endless, "does not end")]
        {
            let failure = failure_of(provider, vec![reply]).await;
            assert!(matches!(failure, Failure::Malformed { .. }), "{provider:?}: {failure}");
            assert!(failure.to_string().contains(expected), "{provider:?}: {failure}");
        }
    }
}

#[tokio::test]
async fn a_question_that_is_too_long_is_told_apart() {
    for (provider, message) in [
        (Provider::Openai, "This model's maximum context length is 4096 tokens."),
        (Provider::Anthropic, "prompt is too long: 210000 tokens > 200000 maximum"),
        (Provider::Gemini, "The input token count (9) exceeds the maximum number of tokens"),
    ] {
        let body = json!({ "error": { "message": message } });
        let failure = failure_of(provider, vec![Reply::status(400, &body)]).await;
        assert!(matches!(failure, Failure::ContextTooLong { .. }), "{failure}");
    }
}

/// A key would go with it.
#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = provider_of([]);
    let moved = Reply::status(307, &json!({})).header("location", &elsewhere.base_url());
    let failure = failure_of(Provider::Openai, vec![moved]).await;
    assert!(matches!(failure, Failure::Refused { status: Some(307), .. }), "{failure}");
    assert!(elsewhere.asked().is_empty());
}
