//! Gemini's `streamGenerateContent`.

use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};

use super::{Gathered, WireRequest, below, count, secret, string};
use crate::model::config::ModelConfig;
use crate::model::key::ApiKey;
use crate::model::{Completion, Role, StopReason};

pub(super) fn request(
    config: &ModelConfig,
    key: Option<&ApiKey>,
    completion: &Completion,
) -> WireRequest {
    let turns = completion.turns.iter().map(|turn| {
        let role = match turn.role {
            Role::User => "user",
            Role::Model => "model",
        };
        json!({ "role": role, "parts": [{ "text": turn.text }] })
    });
    let mut body = json!({
        "contents": turns.collect::<Vec<_>>(),
        "generationConfig": { "maxOutputTokens": config.max_output_tokens },
    });
    if !completion.system.is_empty() {
        body["systemInstruction"] = json!({ "parts": [{ "text": completion.system }] });
    }
    if let Some(temperature) = config.temperature {
        body["generationConfig"]["temperature"] = temperature.into();
    }
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        // Not in the address, where it would reach logs.
        headers.insert(HeaderName::from_static("x-goog-api-key"), secret(key.secret()));
    }
    let action = format!("{}:streamGenerateContent", config.model);
    let mut url = below(&config.base_url, &["models", &action]);
    url.set_query(Some("alt=sse"));
    WireRequest { url, headers, body }
}

pub(super) fn read(event: &Value, gathered: &mut Gathered) -> String {
    gathered.model = string(event, "/modelVersion").or(gathered.model.take());
    gathered.input_tokens =
        count(event, "/usageMetadata/promptTokenCount").or(gathered.input_tokens);
    // Reasoning is counted apart from the text and charged alike.
    if let Some(written) = count(event, "/usageMetadata/candidatesTokenCount") {
        let thought = count(event, "/usageMetadata/thoughtsTokenCount").unwrap_or(0);
        gathered.output_tokens = Some(written.saturating_add(thought));
    }
    if string(event, "/promptFeedback/blockReason").is_some() {
        gathered.stop = Some(StopReason::Filtered);
        gathered.ended = true;
    }
    if let Some(reason) = string(event, "/candidates/0/finishReason") {
        gathered.stop = Some(match reason.as_str() {
            "STOP" => StopReason::Finished,
            "MAX_TOKENS" => StopReason::Length,
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => {
                StopReason::Filtered
            }
            _ => StopReason::Other(reason),
        });
        gathered.ended = true;
    }
    let parts = event.pointer("/candidates/0/content/parts").and_then(Value::as_array);
    parts
        .into_iter()
        .flatten()
        .filter(|part| part.get("thought").and_then(Value::as_bool) != Some(true))
        .filter_map(|part| part.get("text").and_then(Value::as_str))
        .collect()
}
