//! Chat completions: what OpenAI's clients send and read, whole and in chunks.

use super::support::{Answer, Fixture, says, send, written};
use answer::model::scripted::Reply;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

const QUESTION: &str = "a reference borrows a value without owning it";

async fn ask(fixture: &Fixture, body: &Value) -> Answer {
    let request = Request::post("/v1/chat/completions")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::HOST, "127.0.0.1:7700")
        .body(Body::from(body.to_string()))
        .unwrap();
    send(&fixture.app, request).await
}

fn question(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": QUESTION}]})
}

/// The chunks of a stream, whose end must be there.
fn chunks(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/event-stream");
    let mut data: Vec<&str> =
        answer.text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.pop(), Some("[DONE]"), "{}", answer.text);
    data.into_iter().map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// What the chunks say together.
fn content(chunks: &[Value]) -> String {
    let deltas = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    deltas.collect()
}

/// The part of a text that an annotation is about.
fn marked(content: &str, annotation: &Value) -> String {
    let at = |name: &str| annotation["url_citation"][name].as_u64().unwrap() as usize;
    content.chars().skip(at("start_index")).take(at("end_index") - at("start_index")).collect()
}

#[tokio::test]
async fn a_collection_answers_in_its_own_words_with_its_sources() {
    let fixture = Fixture::new();
    let body = ask(&fixture, &question("trovato/texts")).await.ok();
    assert_eq!(
        (&body["object"], &body["model"]),
        (&json!("chat.completion"), &json!("trovato/texts"))
    );
    let choice = &body["choices"][0];
    assert_eq!((&choice["index"], &choice["finish_reason"]), (&json!(0), &json!("stop")));
    let message = &choice["message"];
    assert_eq!((&message["role"], &message["refusal"]), (&json!("assistant"), &Value::Null));
    let text = message["content"].as_str().unwrap();
    assert!(text.starts_with("A reference borrows a value without owning it. [1]"), "{text}");
    assert_eq!(text.trim_end(), text, "no client shows an empty line well");
    let first = &message["annotations"][0];
    assert_eq!((marked(text, first).as_str(), &first["type"]), ("[1]", &json!("url_citation")));
    let source = &first["url_citation"];
    let address = source["url"].as_str().unwrap();
    assert!(
        address.starts_with("http://127.0.0.1:7700/?in=texts&doc=book%2Freferences%2Emd&start="),
        "{address}"
    );
    assert_eq!((&source["title"], &source["verdict"]), (&json!("References"), &json!("found")));
    assert_eq!(body["trovato"]["answer"]["citations"][0]["verdict"], "found");
    assert_eq!(body["usage"]["total_tokens"], 0, "no language model wrote");
}

#[tokio::test]
async fn who_streams_reads_what_who_waits_does() {
    let fixture = Fixture::new();
    let whole = ask(&fixture, &question("texts")).await.ok();
    let mut streamed = question("texts");
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({"include_usage": true});
    let chunks = chunks(&ask(&fixture, &streamed).await);
    let message = &whole["choices"][0]["message"];
    assert_eq!(content(&chunks), message["content"].as_str().unwrap());
    assert!(chunks.iter().all(|chunk| chunk["id"] == chunks[0]["id"]));
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let found = &chunks[0]["trovato"]["retrieval"]["context"]["passages"];
    assert!(found.as_array().is_some_and(|passages| !passages.is_empty()), "{}", chunks[0]);
    let (last, usage) = (&chunks[chunks.len() - 2], &chunks[chunks.len() - 1]);
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["choices"][0]["delta"]["annotations"], message["annotations"]);
    assert_eq!(last["trovato"]["answer"]["question"], QUESTION);
    assert_eq!((&usage["choices"], &usage["usage"]["total_tokens"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn a_models_words_are_followed_by_what_did_not_hold() {
    let text = ["It \"borrows a value\" [1]. It ", "\"frees it twice\" [1]."];
    let (fixture, provider) = written([says(&text), says(&text)]);
    let body = ask(&fixture, &question("trovato/texts/small")).await.ok();
    let message = &body["choices"][0]["message"];
    let said = message["content"].as_str().unwrap();
    assert_eq!(
        said,
        "It \"borrows a value\" [1]. It \"frees it twice\" [1].\n\n\
         Not verified:\n- \"frees it twice\" stands nowhere in the documents"
    );
    let marks: Vec<String> = message["annotations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|annotation| marked(said, annotation))
        .collect();
    assert_eq!(marks, ["[1]", "[1]"]);
    assert_eq!(message["annotations"][0]["url_citation"]["verdict"], "not_found", "the worst");
    assert_eq!(
        body["usage"],
        json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120})
    );
    let mut streamed = question("trovato/texts/small");
    streamed["stream"] = json!(true);
    assert_eq!(content(&chunks(&ask(&fixture, &streamed).await)), said);
    assert_eq!(provider.asked().len(), 2);
}

#[tokio::test]
async fn a_refusal_is_said_in_words_and_told_in_a_field() {
    let (fixture, _provider) = written([says(&["[[ABS", "TAIN]]"]), says(&["[[ABSTAIN]]"])]);
    let body = ask(&fixture, &question("trovato/texts/small")).await.ok();
    let said = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(said.starts_with("Nothing that was found"), "{said}");
    assert_eq!(body["trovato"]["answer"]["abstained"], true);
    let mut streamed = question("trovato/texts/small");
    streamed["stream"] = json!(true);
    assert_eq!(content(&chunks(&ask(&fixture, &streamed).await)), said);
}

#[tokio::test]
async fn a_schema_makes_the_content_its_value() {
    let value = says(&[r#"{"abstained": false, "value": {"borrows": [1]},
        "quotes": [{"passage": 1, "quote": "frees it twice"}]}"#]);
    let (fixture, _provider) = written([value]);
    let mut body = question("trovato/texts/small");
    body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "n",
        "strict": true, "schema": {"type": "object"}}});
    let body = ask(&fixture, &body).await.ok();
    let message = &body["choices"][0]["message"];
    assert_eq!(message["content"], r#"{"borrows":[1]}"#, "a program reads it");
    assert_eq!(message["annotations"], json!([]), "a list is no marker");
    assert_eq!(body["trovato"]["answer"]["citations"][0]["verdict"], "not_found");
}

#[tokio::test]
async fn what_was_said_before_is_read_and_what_cannot_be_followed_is_told() {
    let fixture = Fixture::new();
    let body = json!({"model": "texts", "temperature": 0, "max_tokens": 20, "messages": [
        {"role": "system", "content": "Answer in verse."},
        {"role": "user", "content": "What borrows a value?"},
        {"role": "assistant", "content": "A reference."},
        {"role": "user", "content": "does it own it?"},
    ]});
    let body = ask(&fixture, &body).await.ok();
    assert_eq!(body["trovato"]["ignored"], json!(["max_tokens", "temperature", "system"]));
    let standalone = &body["trovato"]["answer"]["standalone"];
    assert!(standalone["query"].as_str().unwrap().contains("reference"), "{standalone}");
}

#[tokio::test]
async fn errors_have_the_shape_that_clients_raise_from() {
    let failed = Reply::status(500, &json!({"error": {"message": "secret detail"}}));
    let (fixture, _provider) = written([failed]);
    let unknown = ask(&fixture, &question("gpt-9")).await.error(404, "model_not_found");
    assert_eq!(unknown["type"], "invalid_request_error");
    let known = unknown["message"].as_str().unwrap();
    assert!(known.contains("trovato/texts, trovato/texts/small"), "{known}");
    ask(&fixture, &json!({"messages": []})).await.error(400, "missing_parameter");
    let mut empty = question("texts");
    empty["messages"][0]["content"] = json!(" ");
    assert_eq!(ask(&fixture, &empty).await.error(400, "invalid_parameter")["param"], "question");
    let mut streamed = question("trovato/texts/small");
    streamed["stream"] = json!(true);
    let answer = ask(&fixture, &streamed).await;
    assert!(answer.text.contains(r#"data: {"error":{"message":"#), "{}", answer.text);
    assert!(!answer.text.contains("secret") && !answer.text.contains("[DONE]"), "{}", answer.text);
}

#[tokio::test]
async fn what_answers_is_listed() {
    let (fixture, _provider) = written([]);
    let listed = fixture.get("/v1/models").await.ok();
    let kinds: Vec<(&str, &str)> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| (model["id"].as_str().unwrap(), model["kind"].as_str().unwrap()))
        .collect();
    assert!(kinds.contains(&("trovato/texts", "extractive")), "{kinds:?}");
    assert!(kinds.contains(&("trovato/texts/small", "generative")), "{kinds:?}");
}
