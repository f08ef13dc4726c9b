//! Answers over HTTP: the body, the events, what is refused.

use super::support::{Answer, Fixture, send};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

async fn ask(fixture: &Fixture, body: &Value) -> Answer {
    let request = Request::post("/v1/answer")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    send(&fixture.app, request).await
}

/// The events of a stream, each with its data.
fn events(text: &str) -> Vec<(String, Value)> {
    let parts = text.split("\n\n").filter(|part| part.starts_with("event:"));
    parts
        .map(|part| {
            let (name, data) = part.split_once('\n').unwrap();
            let data = data.strip_prefix("data:").unwrap().trim();
            (name["event:".len()..].trim().to_owned(), serde_json::from_str(data).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn an_answer_says_what_it_rests_on() {
    let fixture = Fixture::new();
    let question = "a reference borrows a value without owning it";
    let body = ask(&fixture, &json!({"question": question})).await.ok();
    assert_eq!((&body["question"], &body["model"]), (&json!(question), &json!("extractive")));
    assert_eq!(body["standalone"], json!({"query": question, "rules": [], "added": []}));
    assert_eq!((&body["collection"], &body["abstained"]), (&json!("texts"), &json!(false)));
    assert!(body["confidence"].as_f64().is_some_and(|chance| (0.0..=1.0).contains(&chance)));
    let citation = &body["citations"][0];
    assert_eq!(citation["verdict"], "found");
    assert_eq!(citation["document"], "book/references.md");
    assert_eq!(citation["quote"], "A reference borrows a value without owning it.");
    assert_eq!(body["claims"][0]["citations"], json!([1]));
    assert!(body["answer"].as_str().unwrap().ends_with("[1]"), "{body}");
    let passage = &body["context"]["passages"][0];
    assert_eq!(passage["number"], 1);
    assert!(body["context"]["tokens"].as_u64() <= body["context"]["budget"].as_u64());
    assert!(body["timings_ms"]["total"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn what_nothing_answers_is_refused_in_a_field_and_not_in_a_phrase() {
    let fixture = Fixture::new();
    let body = ask(&fixture, &json!({"question": "how tall is mount everest"})).await.ok();
    assert_eq!((&body["abstained"], &body["answer"]), (&json!(true), &json!("")));
    assert_eq!((&body["claims"], &body["citations"]), (&json!([]), &json!([])));
    assert!(body["nearest"].is_array());
}

#[tokio::test]
async fn events_begin_with_what_was_found_and_end_with_the_answer() {
    let fixture = Fixture::new();
    let question = json!({"question": "a reference borrows a value without owning it"});
    let whole = ask(&fixture, &question).await.ok();
    let mut streamed = question.clone();
    streamed["stream"] = json!(true);
    let answer = ask(&fixture, &streamed).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/event-stream");
    let events = events(&answer.text);
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names[0], names[names.len() - 1]), ("retrieval", "answer"), "{names:?}");
    assert!(names[1..names.len() - 1].iter().all(|name| *name == "token"), "{names:?}");
    assert_eq!(events[0].1["context"], whole["context"]);
    let pieces = events.iter().filter(|(name, _)| name == "token");
    let text: String = pieces.map(|(_, data)| data["text"].as_str().unwrap()).collect();
    assert_eq!(text.trim(), whole["answer"].as_str().unwrap());
    let last = &events[events.len() - 1].1;
    for field in ["answer", "citations", "claims", "context", "confidence", "standalone"] {
        assert_eq!(last[field], whole[field], "{field}");
    }
}

#[tokio::test]
async fn a_follow_up_says_what_was_searched_for() {
    let fixture = Fixture::new();
    let body = json!({
        "question": "and what does it borrow?",
        "history": [{"question": "What owns a stack?", "answer": "A thread owns its stack."}],
    });
    let body = ask(&fixture, &body).await.ok();
    let query = body["standalone"]["query"].as_str().unwrap();
    assert!(query.contains("stack") && query.ends_with("and what does it borrow?"), "{query}");
    assert!(!body["standalone"]["rules"].as_array().unwrap().is_empty());
    assert_eq!(body["question"], "and what does it borrow?");
    assert_eq!(body["context"]["passages"][0]["document"], "notes/threads.md");
}

#[tokio::test]
async fn what_cannot_be_answered_has_a_status_streamed_or_not() {
    let fixture = Fixture::new();
    for stream in [false, true] {
        let refused = async |body: Value| {
            let mut body = body;
            body["stream"] = json!(stream);
            ask(&fixture, &body).await
        };
        refused(json!({})).await.error(400, "missing_parameter");
        refused(json!({"question": "a", "query": "a"})).await.error(400, "unknown_parameter");
        refused(json!({"question": "a", "top": 0})).await.error(400, "out_of_range");
        refused(json!({"question": "a", "model": "gpt"})).await.error(400, "invalid_parameter");
        let malformed = refused(json!({"question": "a", "filter": "bytes >"})).await;
        malformed.error(400, "invalid_parameter");
        refused(json!({"question": "a", "collection": "b"})).await.error(404, "unknown_collection");
    }
}
