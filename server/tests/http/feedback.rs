//! Feedback: what is kept is what was said, and only of passages that are there.

use std::collections::BTreeMap;
use std::fs;

use super::support::{Answer, Fixture, post, send};
use axum::body::Body;
use corpora::{LoggedFeedback, RedactionRule, parse_feedback, text_digest};
use engine::Span;
use serde_json::{Value, json};
use server::{FeedbackLog, FeedbackLogConfig};

async fn say(fixture: &Fixture, body: &Value) -> Answer {
    send(&fixture.app, post("/v1/feedback", Body::from(body.to_string()))).await
}

/// A judgment of the first bytes of a document with the text
/// `Größe und Maß\n\nDie Größe ...`.
fn judgment() -> Value {
    json!({"query": "was ist groß", "document": "book/größe.md", "span": [0, 16], "relevant": true})
}

fn with(member: &str, value: Value) -> Value {
    let mut body = judgment();
    body[member] = value;
    body
}

#[tokio::test]
async fn a_hit_that_is_judged_is_kept_with_its_text() {
    let fixture = Fixture::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("feedback.jsonl");
    let log = FeedbackLog::open(FeedbackLogConfig::new(&path)).unwrap();
    assert_eq!(fixture.get("/v1/collections").await.ok()["feedback"], false);
    fixture.state.keep_feedback(log);
    assert_eq!(fixture.get("/v1/collections").await.ok()["feedback"], true);

    let found = fixture.search(r#"{"query":"borrowed value","top":1}"#).await.ok();
    let hit = &found["hits"][0];
    let body = json!({
        "query": "borrowed value, mail ann@example.org", "collection": "texts",
        "document": hit["document"], "span": hit["span"], "relevant": false,
        "filter": "folder = notes",
    });
    let answer = say(&fixture, &body).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    assert_eq!(say(&fixture, &judgment()).await.status, 204);

    let kept = parse_feedback(&fs::read_to_string(&path).unwrap()).unwrap();
    let LoggedFeedback { relevant, time, collection, generation, query, filter, .. } = &kept[0];
    assert!(!relevant && time.ends_with('Z'), "{time}");
    assert_eq!((collection.as_str(), *generation), ("texts", 1));
    assert_eq!(query, "borrowed value, mail [email]");
    assert_eq!(filter.as_deref(), Some("folder = notes"));
    assert_eq!(kept[0].redactions, BTreeMap::from([(RedactionRule::Email, 1)]));
    assert_eq!(kept[0].document.as_str(), hit["document"]);
    assert_eq!(json!([kept[0].span.start, kept[0].span.end]), hit["span"]);
    let text = fixture.index.searcher().document(&kept[1].document).unwrap().unwrap().text;
    assert!(kept[1].relevant && kept[1].text == text_digest(&text));
    assert_eq!(kept[1].span, Span::new(0, 16));
}

#[tokio::test]
async fn without_a_file_feedback_is_refused() {
    let fixture = Fixture::new();
    let error = say(&fixture, &judgment()).await.error(404, "no_feedback");
    assert!(error["message"].as_str().unwrap().contains("--feedback"), "{error}");
}

#[tokio::test]
async fn what_is_not_in_the_index_cannot_be_judged() {
    let fixture = Fixture::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("feedback.jsonl");
    fixture.state.keep_feedback(FeedbackLog::open(FeedbackLogConfig::new(&path)).unwrap());
    for (body, status, code, parameter) in [
        (with("document", json!("none.md")), 404, "unknown_document", "document"),
        (with("collection", json!("none")), 404, "unknown_collection", "collection"),
        // Byte 3 is the second of `ö`.
        (with("span", json!([0, 3])), 400, "invalid_parameter", "span"),
        (with("span", json!([0, 9999])), 400, "invalid_parameter", "span"),
        (with("span", json!([5, 2])), 400, "invalid_parameter", "span"),
        (with("span", json!([2, 2])), 400, "invalid_parameter", "span"),
        (with("span", json!([1])), 400, "invalid_parameter", "span"),
        (with("span", Value::Null), 400, "missing_parameter", "span"),
        (with("relevant", json!(1)), 400, "invalid_parameter", "relevant"),
        (with("relevant", Value::Null), 400, "missing_parameter", "relevant"),
        (with("query", json!(" ")), 400, "invalid_parameter", "query"),
        (with("filter", json!("folder =")), 400, "invalid_parameter", "filter"),
        (with("grade", json!(2)), 400, "unknown_parameter", "grade"),
    ] {
        let error = say(&fixture, &body).await.error(status, code);
        let told = error["parameter"].as_str().unwrap();
        assert!(told.starts_with(parameter), "{body}: {error}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[tokio::test]
async fn a_full_file_loses_nothing_and_says_so() {
    let fixture = Fixture::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("feedback.jsonl");
    let config = FeedbackLogConfig { max_bytes: 300, ..FeedbackLogConfig::new(&path) };
    fixture.state.keep_feedback(FeedbackLog::open(config).unwrap());
    assert_eq!(say(&fixture, &judgment()).await.status, 204);
    say(&fixture, &judgment()).await.error(500, "feedback_lost");
    assert_eq!(parse_feedback(&fs::read_to_string(&path).unwrap()).unwrap().len(), 1);
}

#[test]
fn a_file_of_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    fs::write(&path, "{\"time\":1}\n").unwrap();
    let error = FeedbackLog::open(FeedbackLogConfig::new(&path)).unwrap_err();
    assert!(error.to_string().contains("something else than feedback"), "{error}");
}
