//! Bodies of requests, mutated, and in them queries and filters: every one is answered or
//! refused, none makes the server fail.

#[path = "../../../fuzz/mutate.rs"]
mod mutate;

use super::support::{Answer, Fixture, post, send};
use axum::body::Body;
use mutate::Mutator;
use serde_json::{Value, json};

const SEARCH: &str = r#"{"query":"\"borrows a value\" -thread refer* title:Größe~ AND (a OR b)^2","top":3,
"filter":"folder = \"book\" and (bytes >= 10 or not bytes in [1, 2.5])","explain":true,"strategy":"hybrid",
"fusion":"rrf","expand":"feedback","per_document":1,"highlight":true}"#;
const ANSWER: &str = r#"{"question":"and who owns it?","history":[{"role":"user","content":"what borrows?"},
{"role":"assistant","content":"A reference."}],"filter":"bytes > 1","context_tokens":300}"#;
const CHAT: &str = r#"{"model":"texts","messages":[{"role":"system","content":"be brief"},
{"role":"user","content":[{"type":"text","text":"what borrows?"}]}],"n":1,"temperature":0.5,"stream":false}"#;
const EMBEDDINGS: &str =
    r#"{"model":"texts","input":["a","b"],"encoding_format":"base64","dimensions":128}"#;
const FEEDBACK: &str =
    r#"{"query":"a","document":"book/references.md","span":[0,9],"relevant":true}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search",
"arguments":{"query":"value","top":2,"filter":"bytes > 1"}}}"#;

const BODIES: [(&str, &str); 6] = [
    ("/v1/search", SEARCH),
    ("/v1/answer", ANSWER),
    ("/v1/chat/completions", CHAT),
    ("/v1/embeddings", EMBEDDINGS),
    ("/v1/feedback", FEEDBACK),
    ("/mcp", CALL),
];

const QUERIES: [&str; 4] = [
    "\"borrows a value\" -thread refer* value~ (a OR b) NOT c",
    "HashMap::entry std::vec::Vec<T> a_b-c 3.14 C++",
    "所有権 Größe naïve \u{1f980} e\u{301}",
    "title:x folder:\"book\" +must -not \"unclosed (",
];

const FILTERS: [&str; 3] = [
    "folder = \"book\" and (bytes >= 10 or not bytes in [1, 2.5])",
    "bytes > 1 and bytes < 1e9 and folder != \"a\\\"b\"",
    "not (folder in [\"a\", \"b\"]) or bytes = -1",
];

fn bytes(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[track_caller]
fn check(answer: &Answer, body: &[u8]) {
    let status = answer.status.as_u16();
    let whole = status != 500 && (answer.text.is_empty() || status == 406 || is_told(answer));
    assert!(whole, "{status} {} for {:?}", answer.text, String::from_utf8_lossy(body));
}

fn is_told(answer: &Answer) -> bool {
    answer.text.starts_with("event:") || serde_json::from_str::<Value>(&answer.text).is_ok()
}

#[tokio::test]
async fn mutated_bodies() {
    let fixture = Fixture::new();
    let mut mutator = Mutator::start();
    let seeds = bytes(&BODIES.map(|(_, body)| body));
    while let Some(body) = mutator.next(&seeds) {
        let (path, _) = BODIES[mutator.n_given as usize % BODIES.len()];
        // The protocol's own refusals are plain text.
        let answer = send(&fixture.app, post(path, Body::from(body.clone()))).await;
        if path == "/mcp" {
            assert_ne!(answer.status, 500, "{:?}", String::from_utf8_lossy(&body));
        } else {
            check(&answer, &body);
        }
    }
    println!("request bodies: {} inputs", mutator.n_given);
}

#[tokio::test]
async fn mutated_queries_and_filters() {
    let fixture = Fixture::new();
    for (what, seeds) in [("query", bytes(&QUERIES)), ("filter", bytes(&FILTERS))] {
        let mut mutator = Mutator::start();
        let mut n_answered = 0;
        while let Some(text) = mutator.next(&seeds) {
            let text = String::from_utf8_lossy(&text).into_owned();
            let mut body = json!({"query": "value", "explain": true, "strategy": "lexical"});
            body[what] = json!(text);
            let answer = fixture.search(&body.to_string()).await;
            check(&answer, text.as_bytes());
            n_answered += usize::from(answer.status == 200);
        }
        println!("{what}: {} inputs, of which {n_answered} were answered", mutator.n_given);
    }
}
