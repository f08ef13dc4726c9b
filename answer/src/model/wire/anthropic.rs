//! Anthropic's messages.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{Gathered, WireRequest, below, count, secret, string};
use crate::model::config::ModelConfig;
use crate::model::key::ApiKey;
use crate::model::{Completion, Role, StopReason};

/// The version of the format that is spoken here.
const VERSION: &str = "2023-06-01";

pub(super) fn request(
    config: &ModelConfig,
    key: Option<&ApiKey>,
    completion: &Completion,
) -> WireRequest {
    let turns = completion.turns.iter().map(|turn| {
        let role = match turn.role {
            Role::User => "user",
            Role::Model => "assistant",
        };
        json!({ "role": role, "content": turn.text })
    });
    let mut body = json!({
        "model": config.model,
        "max_tokens": config.max_output_tokens,
        "messages": turns.collect::<Vec<_>>(),
        "stream": true,
    });
    if !completion.system.is_empty() {
        body["system"] = completion.system.clone().into();
    }
    if let Some(temperature) = config.temperature {
        body["temperature"] = temperature.into();
    }
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(VERSION));
    if let Some(key) = key {
        headers.insert(HeaderName::from_static("x-api-key"), secret(key.secret()));
    }
    WireRequest { url: below(&config.base_url, &["messages"]), headers, body }
}

pub(super) fn read(event: &Value, gathered: &mut Gathered) -> String {
    match event.get("type").and_then(Value::as_str) {
        Some("message_start") => {
            gathered.model = string(event, "/message/model");
            // Tokens of the cache are counted apart from the others.
            gathered.input_tokens = count(event, "/message/usage/input_tokens").map(|fresh| {
                ["cache_creation_input_tokens", "cache_read_input_tokens"]
                    .iter()
                    .filter_map(|part| count(event, &format!("/message/usage/{part}")))
                    .fold(fresh, u64::saturating_add)
            });
        }
        Some("content_block_delta") => {
            // Reasoning comes as another kind of delta, without `text`.
            return string(event, "/delta/text").unwrap_or_default();
        }
        Some("message_delta") => {
            gathered.output_tokens =
                count(event, "/usage/output_tokens").or(gathered.output_tokens);
            if let Some(reason) = string(event, "/delta/stop_reason") {
                gathered.stop = Some(match reason.as_str() {
                    "end_turn" | "stop_sequence" => StopReason::Finished,
                    "max_tokens" | "model_context_window_exceeded" => StopReason::Length,
                    "refusal" => StopReason::Filtered,
                    _ => StopReason::Other(reason),
                });
            }
        }
        Some("message_stop") => (gathered.ended, gathered.closed) = (true, true),
        // The format promises that kinds may be added.
        _ => {}
    }
    String::new()
}
