//! From what a server or the connection says to a [`Failure`].
//!
//! Providers agree on few codes, so their words are looked at as well. Whatever
//! is repeated passes [`tidied`], the one place that removes keys.

use std::time::Duration;

use serde_json::Value;

use super::error::Failure;
use super::key::ApiKey;

/// Characters of a provider's words that an error repeats.
const SAID_CHARS: usize = 400;

/// Words by which providers say that a question is too long; all lower case.
const TOO_LONG: [&str; 8] = [
    "context_length_exceeded",
    "exceed_context_size_error",
    "request_too_large",
    "maximum context length",
    "context size",
    "context window",
    "prompt is too long",
    "input token count",
];

/// An error status with its body.
pub(super) fn of_status(status: u16, retry_after: Option<Duration>, body: &str) -> Failure {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let said = parsed.as_ref().and_then(message).unwrap_or_else(|| body.to_owned());
    // The whole body: codes stand beside the message.
    let about = body.to_lowercase();
    match status {
        401 | 403 => Failure::Unauthorised { status, said },
        // Gemini calls a wrong key an invalid argument.
        400 if about.contains("api_key_invalid") => Failure::Unauthorised { status, said },
        429 => Failure::RateLimited { retry_after, said },
        408 | 500.. => Failure::Overloaded { status: Some(status), said, retry_after },
        400 | 413 | 422 if is_too_long(&about) => Failure::ContextTooLong { said },
        _ => Failure::Refused { status: Some(status), said },
    }
}

/// The `error` of an event within a stream.
pub(super) fn of_event(error: &Value) -> Failure {
    let said = message(error).unwrap_or_else(|| error.to_string());
    let about = error.to_string().to_lowercase();
    if let Some(code) = error.get("code").and_then(Value::as_u64) {
        let code = u16::try_from(code).unwrap_or(500);
        return of_status(code, None, &error.to_string());
    }
    let holds = |words: &[&str]| words.iter().any(|word| about.contains(word));
    if is_too_long(&about) {
        Failure::ContextTooLong { said }
    } else if holds(&["rate_limit"]) {
        Failure::RateLimited { retry_after: None, said }
    } else if holds(&["overloaded", "server_error", "api_error", "timeout", "unavailable"]) {
        Failure::Overloaded { status: None, said, retry_after: None }
    } else {
        Failure::Refused { status: None, said }
    }
}

fn is_too_long(about: &str) -> bool {
    TOO_LONG.iter().any(|words| about.contains(words))
}

/// The message of an error object, wherever providers put it.
fn message(body: &Value) -> Option<String> {
    ["/error/message", "/0/error/message", "/message", "/error", "/detail"]
        .iter()
        .find_map(|pointer| body.pointer(pointer)?.as_str())
        .map(str::to_owned)
}

/// A failure of the connection, before or within the answer.
///
/// # Arguments
/// * `url` - where the model is; holds no credentials.
/// * `bytes` - how much text had come.
pub(super) fn of_transport(error: reqwest::Error, url: &str, bytes: usize) -> Failure {
    let connecting = error.is_connect() || error.is_builder();
    // The request's own address is left out: Gemini's holds the model's name,
    // and `url` says what a user typed.
    let error = error.without_url();
    let mut why = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        let cause_said = cause.to_string();
        if !why.contains(&cause_said) {
            why = format!("{why}: {cause_said}");
        }
        source = cause.source();
    }
    if connecting {
        Failure::Unreachable { url: url.to_owned(), why }
    } else {
        Failure::Cut { bytes, why }
    }
}

/// The failure without the key and without more of the provider's words than
/// anybody reads. The key goes first: cutting might leave half of it.
pub(super) fn tidied(mut failure: Failure, key: Option<&ApiKey>) -> Failure {
    let text = match &mut failure {
        Failure::Unauthorised { said, .. }
        | Failure::RateLimited { said, .. }
        | Failure::Overloaded { said, .. }
        | Failure::ContextTooLong { said }
        | Failure::Refused { said, .. } => said,
        Failure::Unreachable { why, .. }
        | Failure::Cut { why, .. }
        | Failure::Malformed { why } => why,
        Failure::TimedOut { .. } => return failure,
    };
    let clean = key.map_or_else(|| text.clone(), |key| key.redact(text));
    let one_line: String =
        clean.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    *text = match one_line.char_indices().nth(SAID_CHARS) {
        Some((cut, _)) => format!("{} …", &one_line[..cut]),
        None if one_line.is_empty() => "nothing more".to_owned(),
        None => one_line,
    };
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, expected: &str) {
        let said = tidied(of_status(status, None, body), None).to_string();
        assert!(said.starts_with(expected), "{status} {body}: {said}");
    }

    #[test]
    fn statuses_and_words_become_kinds() {
        check(401, r#"{"error": {"message": "no key"}}"#, "unauthorised (status 401)");
        let gemini = r#"{"error": {"code": 400, "message": "API key not valid.",
            "details": [{"reason": "API_KEY_INVALID"}]}}"#;
        check(400, gemini, "unauthorised (status 400); check the key");
        check(429, "slow down", "rate limited: slow down");
        check(
            529,
            r#"{"error": {"type": "overloaded_error", "message": "Overloaded"}}"#,
            "the provider failed (status 529): Overloaded",
        );
        check(503, "", "the provider failed (status 503): nothing more");
        check(404, r#"{"error": "model 'x' not found"}"#, "refused (status 404): model 'x'");
        check(307, "", "refused (status 307)");
    }

    #[test]
    fn a_question_that_is_too_long_is_known_by_each_providers_words() {
        for (status, body) in [
            (400, r#"{"error": {"message": "m", "code": "context_length_exceeded"}}"#),
            (
                400,
                r#"{"error": {"message": "This model's maximum context length is 4096 tokens."}}"#,
            ),
            (
                400,
                r#"{"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}}"#,
            ),
            (400, r#"{"error": {"type": "exceed_context_size_error", "message": "m"}}"#),
            (400, r#"{"error": {"message": "The input token count (9) exceeds the maximum"}}"#),
            (413, r#"{"error": {"type": "request_too_large", "message": "m"}}"#),
        ] {
            check(status, body, "the question is longer than the model can read");
        }
    }

    #[test]
    fn errors_within_a_stream_become_the_same_kinds() {
        let of = |text: &str| of_event(&serde_json::from_str(text).unwrap());
        let overloaded = of(r#"{"type": "overloaded_error", "message": "Overloaded"}"#);
        assert!(overloaded.is_transient(), "{overloaded}");
        assert!(of(r#"{"code": 503, "message": "busy", "status": "UNAVAILABLE"}"#).is_transient());
        assert!(!of(r#"{"type": "invalid_request_error", "message": "bad"}"#).is_transient());
        let said = of(r#""plain words""#).to_string();
        assert!(said.contains("plain words"), "{said}");
    }

    #[test]
    fn a_key_is_removed_before_the_words_are_cut() {
        let key = ApiKey::new("KEY", "sk-0123456789").unwrap();
        let body = format!("{}sk-0123456789", "x".repeat(SAID_CHARS - 5));
        let failure = tidied(of_status(400, None, &body), Some(&key));
        assert!(!format!("{failure} {failure:?}").contains("sk-0"), "{failure}");
        let escaped = r#"{"error": {"message": "key sk-\u0030123456789 is\nwrong"}}"#;
        let failure = tidied(of_status(401, None, escaped), Some(&key)).to_string();
        assert!(failure.ends_with("key [key] is wrong"), "{failure}");
    }
}
