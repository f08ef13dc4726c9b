//! The OpenAPI document of the service, served at `/openapi.json`.
//!
//! Routes, bodies and their descriptions come from the code by `utoipa`. What is the
//! same everywhere or known only when the server runs is put in here: the limits of
//! this very server, and the errors that any route may answer with.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use crate::access::{Needs, needs};
use crate::error::ErrorBody;
use crate::limits::Limits;
use crate::openai_error::{ErrorShape, OpenAiErrorBody};
use crate::state::AppState;
use crate::wire::{AnswerRequestBody, ChatBody, EmbeddingsBody, SearchBody};

/// What no route describes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Trovato",
        description = "Finds the passages of a document collection that answer a question, and says why each was found."
    ),
    components(schemas(ErrorBody, OpenAiErrorBody)),
    tags(
        (name = "search", description = "Passages, documents, and what was said of them."),
        (name = "documents", description = "Changes to what is searched, where the server was started with `--writable`."),
        (name = "models", description = "The models of the collections, for texts of one's own, in the shapes that clients of such services speak."),
        (name = "health", description = "For who watches the process."),
    )
)]
struct Start;

/// The document before its routes.
pub(crate) fn start() -> Document {
    Start::openapi()
}

/// The document of this very server: its limits, and the keys it asks for.
///
/// # Arguments
/// * `described` - with all routes.
pub(crate) fn finish(described: &Document, state: &AppState) -> Value {
    let mut document = serde_json::to_value(described).expect("strings and maps serialise");
    if state.keys().is_some() {
        ask_for_keys(&mut document);
    }
    name_tails(&mut document);
    for operation in operations(&mut document) {
        add_errors(operation);
    }
    state_limits(&mut document, state.limits());
    unwrap_lines(&mut document);
    document
}

/// Says which routes need a key, and which scope of it. Before [`name_tails`]: the table
/// of what routes need has the router's patterns.
fn ask_for_keys(document: &mut Value) {
    document["components"]["securitySchemes"]["key"] = json!({
        "type": "http",
        "scheme": "bearer",
        "description": "A key that `trovato keys create` made; `X-Api-Key: KEY` is the same.",
    });
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).ok();
            operation["security"] = match method.and_then(|method| needs(&method, path)) {
                Some(Needs::Nothing) => json!([]),
                Some(Needs::AnyKey) | None => json!([{"key": []}]),
                Some(Needs::Scope(scope)) => json!([{"key": [scope.name()]}]),
            };
        }
    }
}

/// `{*id}` is the router's way to say that an id may hold slashes; OpenAPI has none.
fn name_tails(document: &mut Value) {
    if let Some(paths) = document["paths"].as_object_mut() {
        *paths = std::mem::take(paths)
            .into_iter()
            .map(|(path, item)| (path.replace("{*", "{"), item))
            .collect();
    }
}

/// An operation with its path.
type Operation<'a> = (&'a str, &'a mut Map<String, Value>);

fn operations(document: &mut Value) -> impl Iterator<Item = Operation<'_>> {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object_mut().into_iter().flatten();
        methods.filter_map(|(_, operation)| Some((path.as_str(), operation.as_object_mut()?)))
    })
}

/// Adds the responses that are no success, each with the shape of its route.
fn add_errors((path, operation): Operation<'_>) {
    let schema = match ErrorShape::of_path(path) {
        ErrorShape::Own => "ErrorBody",
        ErrorShape::OpenAi => "OpenAiErrorBody",
    };
    let has_body = operation.contains_key("requestBody");
    let is_guarded =
        operation.get("security") != Some(&json!([])) && operation.contains_key("security");
    let has_input = has_body || operation.contains_key("parameters");
    let errors = [
        (
            StatusCode::BAD_REQUEST,
            has_input,
            "A parameter is unknown, missing, malformed or out of range.",
        ),
        (
            StatusCode::UNAUTHORIZED,
            is_guarded,
            "The server asks for a key, and none or an unknown one was sent.",
        ),
        (
            StatusCode::FORBIDDEN,
            true,
            "The server does not answer to this host, or the key lacks the scope.",
        ),
        (
            StatusCode::TOO_MANY_REQUESTS,
            is_guarded,
            "The key was used too often; the header `Retry-After` says when to try again.",
        ),
        (
            StatusCode::NOT_FOUND,
            has_input,
            "The collection, the document or the model is not there.",
        ),
        (StatusCode::PAYLOAD_TOO_LARGE, has_body, "The body is too long."),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, has_body, "The body is not said to be JSON."),
        (StatusCode::INTERNAL_SERVER_ERROR, true, "The server failed; its log says why."),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            true,
            "The server is starting, busy or too slow; the header `Retry-After` says when to try again.",
        ),
    ];
    for (status, _, description) in errors.into_iter().filter(|(_, applies, _)| *applies) {
        let reference = format!("#/components/schemas/{schema}");
        let responses = operation.entry("responses").or_insert_with(|| json!({}));
        responses[status.as_str()] = json!({
            "description": description,
            "content": {"application/json": {"schema": {"$ref": reference}}},
        });
    }
}

/// Bodies of requests, which refuse what they do not know.
const REQUEST_BODIES: [&str; 7] = [
    "SearchBody",
    "AnswerRequestBody",
    "TurnBody",
    "ChatBody",
    "FeedbackBody",
    "EmbeddingsBody",
    "RerankBody",
];

/// Puts this server's limits where a client reads them.
fn state_limits(document: &mut Value, limits: &Limits) {
    let schemas = &mut document["components"]["schemas"];
    for body in REQUEST_BODIES {
        state(schemas, body, json!({"additionalProperties": false}));
    }
    // A count and a text; a limit in bytes is one in characters for ASCII only, and
    // the descriptions say so.
    let count = |most: usize| json!({"minimum": 1, "maximum": most});
    let text = |most: usize| json!({"minLength": 1, "maxLength": most, "pattern": "\\S"});
    let texts = json!({"minItems": 1, "maxItems": limits.max_texts});
    let filled = json!({"minLength": 1, "pattern": "\\S"});
    for (place, words) in [
        ("SearchBody/properties/query", text(limits.max_query_bytes)),
        ("SearchBody/properties/filter", json!({"maxLength": limits.max_filter_bytes})),
        ("SearchBody/properties/vector", json!({"minItems": 1})),
        ("SearchBody/properties/top", count(limits.max_top)),
        ("SearchBody/properties/depth", count(limits.max_depth)),
        ("SearchBody/properties/rerank_depth", count(limits.max_rerank_depth)),
        ("SearchBody/properties/per_document", count(limits.max_top)),
        ("AnswerRequestBody/properties/question", text(limits.max_query_bytes)),
        ("AnswerRequestBody/properties/filter", json!({"maxLength": limits.max_filter_bytes})),
        ("AnswerRequestBody/properties/history", json!({"maxItems": limits.max_history_turns})),
        ("AnswerRequestBody/properties/context_tokens", count(limits.max_context_tokens)),
        ("AnswerRequestBody/properties/top", count(limits.max_top)),
        ("AnswerRequestBody/properties/depth", count(limits.max_depth)),
        ("AnswerRequestBody/properties/rerank_depth", count(limits.max_rerank_depth)),
        ("AnswerRequestBody/properties/per_document", count(limits.max_top)),
        ("ChatBody/properties/messages", json!({"minItems": 1})),
        ("ChatBody/properties/n", json!({"minimum": 1, "maximum": 1})),
        ("ChatBody/properties/filter", json!({"maxLength": limits.max_filter_bytes})),
        ("ChatBody/properties/context_tokens", count(limits.max_context_tokens)),
        ("ChatBody/properties/top", count(limits.max_top)),
        (
            "MessageBody/properties/role",
            json!({"enum": ["user", "assistant", "system", "developer"]}),
        ),
        ("TextPart/properties/type", json!({"const": "text"})),
        ("ResponseFormatBody/properties/type", json!({"enum": ["text", "json_schema"]})),
        ("FeedbackBody/properties/query", text(limits.max_query_bytes)),
        ("FeedbackBody/properties/filter", json!({"maxLength": limits.max_filter_bytes})),
        ("SpanBody", json!({"minItems": 2, "maxItems": 2})),
        ("RerankBody/properties/query", text(limits.max_query_bytes)),
        ("RerankBody/properties/top_n", count(limits.max_texts)),
        ("RerankBody/properties/documents", texts.clone()),
        ("TextOrDocument/oneOf/0", filled.clone()),
        ("TextDocument", json!({"additionalProperties": false})),
        ("TextDocument/properties/text", filled.clone()),
        ("TextOrTexts/oneOf/0", filled.clone()),
        ("TextOrTexts/oneOf/1", texts),
        ("TextOrTexts/oneOf/1/items", filled),
    ] {
        state(schemas, place, words);
    }
    for name in ChatBody::ignored() {
        let words = json!({name: {"description": "Taken, and used for nothing."}});
        state(schemas, "ChatBody/properties", words);
    }
    let search = SearchBody::choices().map(|choices| ("SearchBody", choices));
    let answer = AnswerRequestBody::choices().map(|choices| ("AnswerRequestBody", choices));
    let embeddings = EmbeddingsBody::choices().map(|choices| ("EmbeddingsBody", choices));
    let chat = ChatBody::choices().map(|choices| ("ChatBody", choices));
    for (body, (parameter, names)) in search.into_iter().chain(answer).chain(chat).chain(embeddings)
    {
        // Each may be null, which is the same as leaving it out.
        let names: Vec<Value> = names.into_iter().map(Value::from).chain([Value::Null]).collect();
        state(schemas, &format!("{body}/properties/{parameter}"), json!({"enum": names}));
    }
}

/// Adds `words` to the schema at `place`, which must be there: tests find a name that
/// is not.
fn state(schemas: &mut Value, place: &str, words: Value) {
    let schema = schemas.pointer_mut(&format!("/{place}")).and_then(Value::as_object_mut);
    debug_assert!(schema.is_some(), "no schema has {place}");
    if let (Some(schema), Value::Object(words)) = (schema, words) {
        schema.extend(words);
    }
}

/// Doc comments are wrapped for an editor; a description is one line a paragraph.
fn unwrap_lines(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        *text = text
                            .split("\n\n")
                            .map(|part| part.replace('\n', " "))
                            .collect::<Vec<_>>()
                            .join("\n\n");
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
                    Value::Array(_) | Value::Object(_) => unwrap_lines(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_lines),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
