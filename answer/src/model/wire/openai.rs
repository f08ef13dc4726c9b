//! OpenAI's chat completions, as its many imitators speak them.

use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};

use super::{Gathered, WireRequest, below, count, secret, string};
use crate::model::config::ModelConfig;
use crate::model::key::ApiKey;
use crate::model::{Completion, Role, StopReason};

/// The event that ends a stream.
pub(super) const DONE: &str = "[DONE]";

/// OpenAI itself refuses `max_tokens` for its newer models; servers elsewhere
/// may know nothing else.
const OPENAI_HOST: &str = "api.openai.com";

pub(super) fn request(
    config: &ModelConfig,
    key: Option<&ApiKey>,
    completion: &Completion,
) -> WireRequest {
    let system = (!completion.system.is_empty())
        .then(|| json!({ "role": "system", "content": completion.system }));
    let turns = completion.turns.iter().map(|turn| {
        let role = match turn.role {
            Role::User => "user",
            Role::Model => "assistant",
        };
        json!({ "role": role, "content": turn.text })
    });
    let mut body = json!({
        "model": config.model,
        "messages": system.into_iter().chain(turns).collect::<Vec<_>>(),
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    let limit = match config.base_url.host_str() {
        Some(OPENAI_HOST) => "max_completion_tokens",
        _ => "max_tokens",
    };
    body[limit] = config.max_output_tokens.into();
    if let Some(temperature) = config.temperature {
        body["temperature"] = temperature.into();
    }
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        headers.insert(AUTHORIZATION, secret(&format!("Bearer {}", key.secret())));
    }
    WireRequest { url: below(&config.base_url, &["chat", "completions"]), headers, body }
}

pub(super) fn read(event: &Value, gathered: &mut Gathered) -> String {
    gathered.model = string(event, "/model").or(gathered.model.take());
    gathered.input_tokens = count(event, "/usage/prompt_tokens").or(gathered.input_tokens);
    gathered.output_tokens = count(event, "/usage/completion_tokens").or(gathered.output_tokens);
    if let Some(reason) = string(event, "/choices/0/finish_reason") {
        gathered.stop = Some(match reason.as_str() {
            "stop" => StopReason::Finished,
            "length" => StopReason::Length,
            "content_filter" => StopReason::Filtered,
            _ => StopReason::Other(reason),
        });
        // Some servers close the connection instead of sending DONE.
        gathered.ended = true;
    }
    string(event, "/choices/0/delta/content").unwrap_or_default()
}
