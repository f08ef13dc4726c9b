//! The body of `POST /v1/chat/completions`, and the question in it.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::answer_request::{AnswerRequestBody, TurnBody};
use super::parameters::refuse_unknown;
use crate::error::ApiError;
use crate::extract::RequestBody;
use crate::limits::Limits;

/// A conversation as OpenAI's clients send it; its last message is the question.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({
    "model": "trovato/books",
    "messages": [{"role": "user", "content": "who owns a value?"}],
})))]
pub(crate) struct ChatBody {
    /// What answers: a model of `/v1/models` that is `extractive` or `generative`, or a
    /// collection.
    #[schema(required, value_type = String)]
    model: Option<String>,
    /// The conversation, the question last.
    #[schema(required, value_type = Vec<MessageBody>)]
    messages: Option<Vec<MessageBody>>,
    /// Whether the answer comes in chunks, as Server-Sent Events.
    stream: Option<bool>,
    /// What else a stream tells.
    stream_options: Option<StreamOptionsBody>,
    /// `text`, or `json_schema` with the schema that a language model's answer must fit.
    response_format: Option<ResponseFormatBody>,
    /// Answers to be given: 1, for one is all there is.
    n: Option<u64>,
    /// As for `/v1/answer`.
    prompt: Option<String>,
    /// As for `/v1/answer`.
    rewrite: Option<String>,
    /// As for `/v1/answer`.
    context_tokens: Option<u64>,
    /// As in a search.
    strategy: Option<String>,
    /// Hits that the answer is made of.
    top: Option<u64>,
    /// As in a search.
    rerank: Option<String>,
    /// Which documents may be found and quoted.
    filter: Option<String>,
    /// Taken and used for nothing, with the rest of what a model alone could follow; the
    /// answer names what it did not use.
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Map<String, Value>,
}

impl RequestBody for ChatBody {
    fn max_bytes(limits: &Limits) -> usize {
        // Clients send the whole conversation with every question.
        limits.max_texts_body_bytes
    }
}

/// A message of the conversation.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({"role": "user", "content": "who owns a value?"})))]
struct MessageBody {
    /// `user`, `assistant`, or `system` and `developer`, which are not followed: what a
    /// model is told is the server's prompt.
    role: String,
    /// A text, or parts of the type `text`.
    #[schema(value_type = MessageContent)]
    content: Option<Value>,
    /// What else clients send back of a message; used for nothing.
    #[serde(flatten)]
    #[schema(ignore)]
    _rest: Map<String, Value>,
}

/// A text, or its parts.
#[derive(ToSchema)]
#[schema(as = MessageContent)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is the schema of a value that is read by hand")]
enum MessageContent {
    /// A text.
    Text(String),
    /// Parts that are one text together.
    Parts(Vec<TextPart>),
}

/// A part of a text.
#[derive(Deserialize, ToSchema)]
struct TextPart {
    /// Always `text`.
    #[serde(rename = "type")]
    kind: String,
    /// The text.
    text: String,
}

/// What else a stream tells.
#[derive(Debug, Deserialize, ToSchema)]
struct StreamOptionsBody {
    /// Whether a last chunk tells the tokens.
    include_usage: Option<bool>,
    /// What else there may be; used for nothing.
    #[serde(flatten)]
    #[schema(ignore)]
    _rest: Map<String, Value>,
}

/// The form of the answer.
#[derive(Debug, Deserialize, ToSchema)]
struct ResponseFormatBody {
    /// `text` or `json_schema`.
    #[serde(rename = "type")]
    kind: String,
    /// The schema, for `json_schema`.
    json_schema: Option<NamedSchemaBody>,
}

/// A schema with a name.
#[derive(Debug, Deserialize, ToSchema)]
struct NamedSchemaBody {
    /// As for `/v1/answer`.
    #[schema(value_type = Object)]
    schema: Value,
    /// Its name and the like; used for nothing.
    #[serde(flatten)]
    #[schema(ignore)]
    _rest: Map<String, Value>,
}

/// What OpenAI's clients may send that changes nothing here: a question has one answer,
/// sampled as the operator configured the model.
const IGNORED: [&str; 20] = [
    "audio",
    "frequency_penalty",
    "logit_bias",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "reasoning_effort",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "temperature",
    "top_p",
    "user",
    "verbosity",
];

/// What cannot be done, and is no answer's detail either: refused.
const REFUSED: [&str; 7] = [
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "logprobs",
    "top_logprobs",
    "modalities",
];

const PARAMETERS: &str = "model, messages, stream, stream_options, response_format, n, prompt, rewrite, context_tokens, strategy, top, \
                          rerank, filter, and those of OpenAI's that change nothing here";

/// A question out of a conversation.
pub(crate) struct ChatQuestion {
    /// The question as `/v1/answer` takes it.
    pub(crate) body: AnswerRequestBody,
    /// Whether a stream ends with the tokens.
    pub(crate) tells_usage: bool,
    /// Whether the answer is to be chunks.
    pub(crate) wants_stream: bool,
    /// Parameters and roles that were not used, each once.
    pub(crate) ignored: Vec<String>,
}

impl ChatBody {
    /// Parameters with a fixed choice, and the choices.
    pub(crate) fn choices() -> [(&'static str, Vec<&'static str>); 3] {
        let [strategy, _typos, prompt, rewrite] = AnswerRequestBody::choices();
        [strategy, prompt, rewrite]
    }

    /// What may be sent and changes nothing.
    pub(crate) fn ignored() -> impl Iterator<Item = &'static str> {
        IGNORED.into_iter()
    }

    /// What is to answer.
    ///
    /// # Errors
    /// [`ApiError::MissingParameter`].
    pub(crate) fn model(&self) -> Result<&str, ApiError> {
        self.model.as_deref().ok_or(ApiError::MissingParameter { parameter: "model" })
    }

    /// The question in it.
    ///
    /// # Arguments
    /// * `collection`, `writer` - what the model's name stands for.
    ///
    /// # Errors
    /// The first parameter that is unknown, missing or malformed; ranges are checked with
    /// the question itself.
    pub(crate) fn into_question(
        mut self,
        collection: &str,
        writer: Option<String>,
        limits: &Limits,
    ) -> Result<ChatQuestion, ApiError> {
        let mut ignored: Vec<String> = Vec::new();
        for name in IGNORED {
            if self.rest.remove(name).is_some_and(|value| !value.is_null()) {
                ignored.push(name.to_owned());
            }
        }
        for name in REFUSED {
            if self.rest.remove(name).is_some_and(|value| !asks_for_nothing(&value)) {
                let reason = "this server does not do it; leave it out";
                return Err(invalid(name, reason));
            }
        }
        refuse_unknown(&self.rest, PARAMETERS)?;
        if let Some(n) = self.n.filter(|n| *n != 1) {
            return Err(ApiError::OutOfRange { parameter: "n", value: n, min: 1, max: 1 });
        }
        let messages = self.messages.ok_or(ApiError::MissingParameter { parameter: "messages" })?;
        let (question, history) = conversation(messages, limits, &mut ignored)?;
        let schema = self.response_format.map(schema).transpose()?.flatten();
        let wants_stream = self.stream == Some(true);
        let tells_usage = self.stream_options.is_some_and(|told| told.include_usage == Some(true));
        let body = AnswerRequestBody {
            question: Some(question),
            collection: Some(collection.to_owned()),
            history: Some(history),
            model: writer,
            prompt: self.prompt,
            rewrite: self.rewrite,
            schema,
            context_tokens: self.context_tokens,
            strategy: self.strategy,
            top: self.top,
            rerank: self.rerank,
            filter: self.filter,
            ..AnswerRequestBody::default()
        };
        Ok(ChatQuestion { body, tells_usage, wants_stream, ignored })
    }
}

/// Whether a value of something that cannot be done does not ask for it.
fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty() || items == &["text"],
        Value::String(choice) => choice == "none",
        Value::Bool(true) | Value::Number(_) | Value::Object(_) => false,
    }
}

fn invalid(parameter: &str, reason: &str) -> ApiError {
    ApiError::InvalidParameter {
        parameter: parameter.to_owned(),
        reason: reason.to_owned(),
        value: None,
    }
}

fn schema(format: ResponseFormatBody) -> Result<Option<Value>, ApiError> {
    match (format.kind.as_str(), format.json_schema) {
        ("text", None) => Ok(None),
        ("json_schema", Some(named)) => Ok(Some(named.schema)),
        ("json_schema", None) => {
            Err(ApiError::MissingParameter { parameter: "response_format.json_schema" })
        }
        ("text", Some(_)) => {
            Err(invalid("response_format.json_schema", "it is for the type json_schema"))
        }
        (other, _) => {
            let reason = "it must be text or json_schema";
            Err(ApiError::invalid("response_format.type", other, reason))
        }
    }
}

/// The question, and the turns before it that are still read.
fn conversation(
    messages: Vec<MessageBody>,
    limits: &Limits,
    ignored: &mut Vec<String>,
) -> Result<(String, Vec<TurnBody>), ApiError> {
    let mut turns: Vec<TurnBody> = Vec::new();
    let mut is_asked = false;
    for (at, MessageBody { role, content, _rest: _ }) in messages.into_iter().enumerate() {
        match role.as_str() {
            "user" => {
                turns.push(TurnBody { question: text(at, content)?, answer: String::new() });
                is_asked = true;
            }
            "assistant" => {
                let said = text(at, content)?;
                is_asked = false;
                // Words before any question were nobody's answer.
                if let Some(turn) = turns.last_mut() {
                    turn.answer = said;
                }
            }
            "system" | "developer" => {
                if !ignored.contains(&role) {
                    ignored.push(role);
                }
            }
            other => {
                let reason = "it must be user, assistant, system or developer";
                return Err(ApiError::invalid(&format!("messages[{at}].role"), other, reason));
            }
        }
    }
    let question = turns.pop().filter(|_| is_asked);
    let Some(TurnBody { question, .. }) = question else {
        return Err(invalid("messages", "the last one must be the user's, with the question"));
    };
    // Clients send conversations of any length; what is said is told by its end.
    let older = turns.len().saturating_sub(limits.max_history_turns);
    if older > 0 {
        ignored.push(format!("the first {older} turns"));
        turns.drain(..older);
    }
    Ok((question, turns))
}

fn text(at: usize, content: Option<Value>) -> Result<String, ApiError> {
    let refused = || {
        let name = format!("messages[{at}].content");
        invalid(&name, "it must be a text, or an array of parts of the type text")
    };
    match content {
        Some(Value::String(text)) => Ok(text),
        Some(parts @ Value::Array(_)) => {
            let parts: Vec<TextPart> = serde_json::from_value(parts).map_err(|_| refused())?;
            let texts =
                parts.into_iter().map(
                    |TextPart { kind, text }| {
                        if kind == "text" { Ok(text) } else { Err(refused()) }
                    },
                );
            Ok(texts.collect::<Result<Vec<_>, _>>()?.join("\n"))
        }
        None | Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            Err(refused())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<ChatQuestion, ApiError> {
        let body: ChatBody = serde_json::from_str(body).unwrap();
        body.into_question("books", None, &Limits::default())
    }

    fn asked(messages: &str, more: &str) -> Result<ChatQuestion, ApiError> {
        read(&format!(r#"{{"model": "m", "messages": [{messages}] {more}}}"#))
    }

    #[test]
    fn the_question_is_the_last_message_and_what_was_said_before_is_its_history() {
        let question = asked(
            r#"{"role": "system", "content": "Be a pirate."},
               {"role": "user", "content": "What is a lint?"},
               {"role": "assistant", "content": "A check.", "annotations": []},
               {"role": "user", "content": [{"type": "text", "text": "can I"},
                                            {"type": "text", "text": "turn it off?"}]}"#,
            r#", "temperature": 0.2, "seed": null, "stream": true,
               "stream_options": {"include_usage": true}"#,
        )
        .unwrap();
        let shown = format!("{:?}", question.body);
        assert!(shown.contains(r#"question: Some("can I\nturn it off?")"#), "{shown}");
        assert!(shown.contains(r#"question: "What is a lint?", answer: "A check.""#), "{shown}");
        assert_eq!(question.ignored, ["temperature", "system"]);
        assert!(question.wants_stream && question.tells_usage);
    }

    #[test]
    fn old_turns_are_left_out_and_told() {
        let turns = r#"{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},"#;
        let last = r#"{"role": "user", "content": "c"}"#;
        let question = asked(&format!("{}{last}", turns.repeat(23)), "").unwrap();
        assert_eq!(question.ignored, ["the first 3 turns"]);
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        let user = r#"{"role": "user", "content": "a"}"#;
        let refused = |messages: &str, more: &str| match asked(messages, more) {
            Ok(_) => panic!("{messages} {more}"),
            Err(error) => error.to_string(),
        };
        for (messages, more, name) in [
            ("", "", "`messages`"),
            (
                r#"{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}"#,
                "",
                "`messages`",
            ),
            (r#"{"role": "tool", "content": "a"}"#, "", "`messages[0].role`"),
            (
                r#"{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}"#,
                "",
                "`messages[0].content`",
            ),
            (r#"{"role": "user"}"#, "", "`messages[0].content`"),
            (user, r#", "n": 2"#, "`n`"),
            (user, r#", "tools": [{}]"#, "`tools`"),
            (user, r#", "temprature": 1"#, "`temprature`"),
            (user, r#", "response_format": {"type": "json_object"}"#, "`response_format.type`"),
            (
                user,
                r#", "response_format": {"type": "json_schema"}"#,
                "`response_format.json_schema`",
            ),
        ] {
            assert!(refused(messages, more).starts_with(name), "{}", refused(messages, more));
        }
        assert!(asked(user, r#", "tools": [], "tool_choice": "none", "logprobs": false"#).is_ok());
        assert!(read("{}").err().unwrap().to_string().contains("`messages` is missing"));
    }
}
