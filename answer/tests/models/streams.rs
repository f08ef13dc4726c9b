//! Answers that arrive, however they are cut.

use answer::model::scripted::{LineEnd, Reply, Scripted, Step, cut_at, events, reply};
use answer::model::{Provider, StopReason};
use serde_json::json;

use super::{KEY, PROVIDERS, ask, config, model, model_at, provider_of};

/// Characters of one to four bytes.
const PIECES: [&str; 4] = ["Größe ", "🦀 is ", "\"日本\"\n", "[1]."];

#[tokio::test]
async fn every_provider_streams_its_pieces_and_says_what_it_took() {
    for provider in PROVIDERS {
        let server = provider_of([reply(provider, &Scripted::new(PIECES))]);
        let (end, pieces) = ask(&model_at(provider, &server)).await;
        let end = end.unwrap();
        assert_eq!(pieces, PIECES, "{provider:?}");
        assert_eq!(end.text, PIECES.concat());
        assert_eq!((end.usage.input_tokens, end.usage.output_tokens), (Some(100), Some(20)));
        assert_eq!(end.usage.cost_usd, Some(2e-4));
        assert_eq!(end.model, "scripted-1");
        assert_eq!((end.stop, end.retries), (StopReason::Finished, 0));
        assert!(end.first_piece.unwrap() <= end.total);
    }
}

#[tokio::test]
async fn every_provider_is_asked_in_its_format() {
    for provider in PROVIDERS {
        let server = provider_of([reply(provider, &Scripted::new(["x"]))]);
        let mut config = config(provider, &server.base_url());
        config.temperature = Some(0.5);
        config.max_output_tokens = 77;
        ask(&model(config)).await.0.unwrap();
        let asked = server.asked().remove(0);
        let body = asked.body.clone();
        let bearer = format!("Bearer {KEY}");
        match provider {
            Provider::Openai | Provider::Ollama => {
                assert_eq!(asked.path, "/v1/chat/completions");
                assert_eq!(asked.header("authorization"), Some(bearer.as_str()));
                let messages = json!([
                    { "role": "system", "content": "Be brief." },
                    { "role": "user", "content": "Why?" },
                ]);
                assert_eq!((&body["messages"], &body["model"]), (&messages, &json!("asked-for")));
                assert_eq!((&body["max_tokens"], &body["temperature"]), (&json!(77), &json!(0.5)));
                assert_eq!(body["stream_options"]["include_usage"], true);
            }
            Provider::Anthropic => {
                assert_eq!(asked.path, "/v1/messages");
                assert_eq!(asked.header("x-api-key"), Some(KEY));
                assert_eq!(asked.header("anthropic-version"), Some("2023-06-01"));
                assert_eq!(body["messages"], json!([{ "role": "user", "content": "Why?" }]));
                assert_eq!(
                    (&body["system"], &body["max_tokens"]),
                    (&json!("Be brief."), &json!(77))
                );
            }
            Provider::Gemini => {
                assert_eq!(asked.path, "/v1/models/asked-for:streamGenerateContent?alt=sse");
                assert_eq!(asked.header("x-goog-api-key"), Some(KEY));
                assert_eq!(body["systemInstruction"]["parts"][0]["text"], "Be brief.");
                assert_eq!(body["contents"][0]["parts"][0]["text"], "Why?");
                let expected = json!({ "maxOutputTokens": 77, "temperature": 0.5 });
                assert_eq!(body["generationConfig"], expected);
            }
        }
    }
}

/// Parts that end within characters, within `data:` and between CR and LF.
#[tokio::test]
async fn an_answer_does_not_depend_on_how_its_bytes_are_cut() {
    for provider in PROVIDERS {
        for line_end in [LineEnd::Lf, LineEnd::CrLf] {
            let bytes = events(provider, &Scripted::new(PIECES), line_end).concat();
            let each_byte: Vec<usize> = (1..bytes.len()).collect();
            let each_seventh: Vec<usize> = (3..bytes.len()).step_by(7).collect();
            let script = [each_byte, each_seventh].map(|cuts| Reply::stream(cut_at(&bytes, &cuts)));
            let server = provider_of(script);
            let model = model_at(provider, &server);
            for _ in 0..2 {
                let (end, pieces) = ask(&model).await;
                assert_eq!(pieces, PIECES, "{provider:?}, {line_end:?}");
                assert_eq!(end.unwrap().usage.output_tokens, Some(20));
            }
        }
    }
}

#[tokio::test]
async fn an_answer_at_the_limit_of_tokens_says_so() {
    for provider in PROVIDERS {
        let answer = Scripted { stop: "length", ..Scripted::new(["cut o"]) };
        let server = provider_of([reply(provider, &answer)]);
        let end = ask(&model_at(provider, &server)).await.0.unwrap();
        assert_eq!(end.stop, StopReason::Length, "{provider:?}");
    }
}

#[tokio::test]
async fn without_usage_no_cost_is_made_up() {
    for provider in PROVIDERS {
        let answer = Scripted { tokens: None, ..Scripted::new(["x"]) };
        let server = provider_of([reply(provider, &answer)]);
        let end = ask(&model_at(provider, &server)).await.0.unwrap();
        assert_eq!((end.usage.output_tokens, end.usage.cost_usd), (None, None), "{provider:?}");
    }
}

/// Some servers close the connection instead of saying `[DONE]`, and some say
/// it and leave the connection open.
// With threads of its own, since the test waits for what the runtime has to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_where_the_answer_says_so() {
    let mut parts = events(Provider::Openai, &Scripted::new(PIECES), LineEnd::Lf);
    let whole = parts.concat();
    parts.pop();
    let server = provider_of([
        Reply::events(parts.concat()),
        Reply::stream([Step::Send(whole.clone()), Step::Cut]),
        Reply::stream([Step::Send(whole), Step::UntilHungUp]),
    ]);
    let model = model_at(Provider::Openai, &server);
    for _ in 0..3 {
        let end = ask(&model).await.0.unwrap();
        assert_eq!((end.text, end.usage.output_tokens), (PIECES.concat(), Some(20)));
    }
    assert!(server.was_hung_up_on());
}

#[tokio::test]
async fn reasoning_is_no_part_of_the_answer() {
    let openai = "data: {\"choices\": [{\"delta\": {\"reasoning_content\": \"hm\"}}]}\n\n";
    let anthropic = "data: {\"type\": \"content_block_delta\", \"delta\": \
                     {\"type\": \"thinking_delta\", \"thinking\": \"hm\"}}\n\n";
    let gemini = "data: {\"candidates\": [{\"content\": {\"parts\": \
                  [{\"text\": \"hm\", \"thought\": true}]}}]}\n\n";
    for (provider, thought) in
        [(Provider::Openai, openai), (Provider::Anthropic, anthropic), (Provider::Gemini, gemini)]
    {
        let mut bytes = thought.as_bytes().to_vec();
        bytes.extend(events(provider, &Scripted::new(["yes"]), LineEnd::Lf).concat());
        let server = provider_of([Reply::events(bytes)]);
        assert_eq!(ask(&model_at(provider, &server)).await.1, ["yes"], "{provider:?}");
    }
}
