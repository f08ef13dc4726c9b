//! What goes over the wire: a request per provider, and its stream read back.
//!
//! Only this folder knows wire formats. Each file has `request`, which builds
//! a body, and `read`, which takes one event's JSON.

mod anthropic;
mod gemini;
mod openai;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::config::{ModelConfig, Provider};
use super::error::Failure;
use super::key::ApiKey;
use super::{Completion, StopReason};

/// A request, ready to be sent.
pub(super) struct WireRequest {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// What a stream said so far besides text.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) model: Option<String>,
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    pub(super) stop: Option<StopReason>,
    /// The model said why it stopped: the text is whole. Without it, the stream
    /// was cut.
    pub(super) ended: bool,
    /// Nothing follows any more, usage neither.
    pub(super) closed: bool,
}

/// A header that carries a key, marked so that it is not shown.
fn secret(value: &str) -> HeaderValue {
    // A key is visible ASCII, which every header takes.
    let mut value = HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// `base` with path segments more; signs that would end a path are escaped.
fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

pub(super) fn request(
    config: &ModelConfig,
    key: Option<&ApiKey>,
    completion: &Completion,
) -> WireRequest {
    match config.provider {
        Provider::Openai | Provider::Ollama => openai::request(config, key, completion),
        Provider::Anthropic => anthropic::request(config, key, completion),
        Provider::Gemini => gemini::request(config, key, completion),
    }
}

/// Takes the data of one event.
///
/// # Returns
/// The text in it; empty where it has none.
///
/// # Errors
/// [`Failure::Malformed`] for what is not JSON; the failure that an event of
/// the provider reports.
pub(super) fn read(
    provider: Provider,
    data: &str,
    gathered: &mut Gathered,
) -> Result<String, Failure> {
    if data == openai::DONE {
        (gathered.ended, gathered.closed) = (true, true);
        return Ok(String::new());
    }
    let event: Value = serde_json::from_str(data)
        .map_err(|error| Failure::Malformed { why: format!("an event is not JSON: {error}") })?;
    if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
        return Err(super::failure::of_event(error));
    }
    Ok(match provider {
        Provider::Openai | Provider::Ollama => openai::read(&event, gathered),
        Provider::Anthropic => anthropic::read(&event, gathered),
        Provider::Gemini => gemini::read(&event, gathered),
    })
}

/// The string at a JSON pointer.
fn string(event: &Value, pointer: &str) -> Option<String> {
    event.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

/// The count at a JSON pointer.
fn count(event: &Value, pointer: &str) -> Option<u64> {
    event.pointer(pointer).and_then(Value::as_u64)
}
