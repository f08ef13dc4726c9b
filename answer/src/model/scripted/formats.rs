//! Streams as the providers write them.

use serde_json::{Value, json};

use super::{Reply, Step};
use crate::model::Provider;

/// How lines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`, as most servers write it.
    Lf,
    /// `\r\n`, as some proxies make of it.
    CrLf,
}

/// An answer to be written in a provider's format.
#[derive(Clone, Debug)]
pub struct Scripted {
    /// The text, an event for each piece.
    pub pieces: Vec<String>,
    /// The model that is said to have answered.
    pub model: String,
    /// Tokens read and written; `None` says nothing of them.
    pub tokens: Option<(u64, u64)>,
    /// In OpenAI's words: `stop` or `length`.
    pub stop: &'static str,
}

impl Scripted {
    /// An answer that ends well, with tokens 100 and 20.
    pub fn new<P: Into<String>>(pieces: impl IntoIterator<Item = P>) -> Self {
        Self {
            pieces: pieces.into_iter().map(Into::into).collect(),
            model: "scripted-1".to_owned(),
            tokens: Some((100, 20)),
            stop: "stop",
        }
    }
}

/// A whole answer in one part.
pub fn reply(provider: Provider, answer: &Scripted) -> Reply {
    Reply::events(events(provider, answer, LineEnd::Lf).concat())
}

/// The bytes of an answer, event by event.
pub fn events(provider: Provider, answer: &Scripted, line_end: LineEnd) -> Vec<Vec<u8>> {
    let events = match provider {
        Provider::Openai | Provider::Ollama => openai(answer),
        Provider::Anthropic => anthropic(answer),
        Provider::Gemini => gemini(answer),
    };
    let written = events.into_iter().map(|event| match line_end {
        LineEnd::Lf => event.into_bytes(),
        LineEnd::CrLf => event.replace('\n', "\r\n").into_bytes(),
    });
    written.collect()
}

/// `bytes` in parts, cut at these places.
pub fn cut_at(bytes: &[u8], cuts: &[usize]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut start = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        steps.push(Step::Send(bytes[start..cut].to_vec()));
        start = cut;
    }
    steps
}

fn openai(answer: &Scripted) -> Vec<String> {
    let event = |choices: Value, usage: Value| {
        let body = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
            "model": answer.model, "choices": choices, "usage": usage,
        });
        format!("data: {body}\n\n")
    };
    let choice = |delta: Value, reason: Value| json!([{ "index": 0, "delta": delta, "finish_reason": reason }]);
    let first =
        event(choice(json!({ "role": "assistant", "content": "" }), Value::Null), Value::Null);
    let pieces = answer
        .pieces
        .iter()
        .map(|piece| event(choice(json!({ "content": piece }), Value::Null), Value::Null));
    let last = event(choice(json!({}), json!(answer.stop)), Value::Null);
    // Usage comes behind the reason, with no choice at all.
    let usage = answer.tokens.map(|(input, output)| {
        let usage = json!({ "prompt_tokens": input, "completion_tokens": output });
        event(json!([]), usage)
    });
    let done = "data: [DONE]\n\n".to_owned();
    std::iter::once(first).chain(pieces).chain([last]).chain(usage).chain([done]).collect()
}

fn anthropic(answer: &Scripted) -> Vec<String> {
    let event = |kind: &str, mut body: Value| {
        body["type"] = kind.into();
        format!("event: {kind}\ndata: {body}\n\n")
    };
    let (input, output) = answer.tokens.unzip();
    let start = json!({ "message": {
        "id": "msg_1", "role": "assistant", "model": answer.model, "content": [],
        "usage": { "input_tokens": input, "output_tokens": output.map(|_| 1) },
    }});
    let block = json!({ "index": 0, "content_block": { "type": "text", "text": "" } });
    let pieces = answer.pieces.iter().map(|piece| {
        let delta = json!({ "type": "text_delta", "text": piece });
        event("content_block_delta", json!({ "index": 0, "delta": delta }))
    });
    let reason = if answer.stop == "length" { "max_tokens" } else { "end_turn" };
    let delta = json!({
        "delta": { "stop_reason": reason, "stop_sequence": null },
        "usage": { "output_tokens": output },
    });
    [event("message_start", start), event("content_block_start", block)]
        .into_iter()
        .chain([event("ping", json!({}))])
        .chain(pieces)
        .chain([
            event("content_block_stop", json!({ "index": 0 })),
            event("message_delta", delta),
            event("message_stop", json!({})),
        ])
        .collect()
}

fn gemini(answer: &Scripted) -> Vec<String> {
    let event = |text: &str, reason: Option<&str>| {
        let mut body = json!({
            "candidates": [{ "index": 0,
                "content": { "role": "model", "parts": [{ "text": text }] } }],
            "modelVersion": answer.model,
        });
        if let Some(reason) = reason {
            body["candidates"][0]["finishReason"] = reason.into();
        }
        if let Some((input, output)) = answer.tokens {
            body["usageMetadata"] =
                json!({ "promptTokenCount": input, "candidatesTokenCount": output });
        }
        format!("data: {body}\n\n")
    };
    let reason = if answer.stop == "length" { "MAX_TOKENS" } else { "STOP" };
    let pieces = answer.pieces.iter().map(|piece| event(piece, None));
    pieces.chain([event("", Some(reason))]).collect()
}
