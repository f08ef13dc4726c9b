//! `GET /v1/documents/{*id}`: documents by any id, and nothing but documents.

use std::fmt::Write;

use super::support::{Fixture, TEXTS, hash_encoder, join_pieces};
use serde_json::json;
use server::Limits;

/// Every byte that is not a letter or digit as `%XX`, slashes too.
fn encoded(id: &str) -> String {
    id.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() {
            path.push(byte as char);
        } else {
            write!(path, "%{byte:02X}").unwrap();
        }
        path
    })
}

#[tokio::test]
async fn any_id_can_be_asked_for() {
    let fixture = Fixture::new();
    for (id, title, body) in TEXTS {
        let found = fixture.get(&format!("/v1/documents/{}", encoded(id))).await.ok();
        assert_eq!(found["document"], id);
        assert_eq!(found["title"], title);
        assert_eq!(found["text"], format!("{title}\n\n{body}"));
        assert_eq!(found["window"], json!([0, found["bytes"]]));
        assert_eq!(found["chunks"][0]["span"], found["window"]);
        assert_eq!(found["fields"]["bytes"], found["bytes"]);
    }
    fixture.get("/v1/documents/book/references.md").await.ok();
}

#[tokio::test]
async fn blocks_join_to_the_text_with_the_passage_marked() {
    let fixture = Fixture::new();
    let (id, title, _) = TEXTS[1];
    let start = title.len() + 2;
    let end = start + "Die Größe".len();
    let path = format!("/v1/documents/{}?start={start}&end={end}", encoded(id));
    let found = fixture.get(&path).await.ok();
    assert_eq!(found["passage"], json!([start, end]));
    let blocks = found["blocks"].as_array().unwrap();
    let kinds: Vec<_> = blocks.iter().map(|block| block["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["heading", "text", "paragraph"]);
    let join = |wanted: fn(bool) -> bool| -> String {
        blocks.iter().map(|block| join_pieces(&block["pieces"], wanted)).collect()
    };
    assert_eq!(join(|_| true), found["text"].as_str().unwrap());
    assert_eq!(join(|marked| marked), "Die Größe");
}

#[tokio::test]
async fn a_hit_opens_at_its_span() {
    let fixture = Fixture::new();
    let outcome = fixture.search(r#"{"query":"Größe"}"#).await.ok();
    let hit = &outcome["hits"][0];
    let (start, end) = (&hit["span"][0], &hit["span"][1]);
    let id = encoded(hit["document"].as_str().unwrap());
    let found = fixture.get(&format!("/v1/documents/{id}?start={start}&end={end}")).await.ok();
    let marked: String = found["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| join_pieces(&block["pieces"], |marked| marked))
        .collect();
    assert_eq!(marked, hit["text"].as_str().unwrap());
}

#[tokio::test]
async fn a_long_document_comes_as_a_window() {
    let limits = Limits { max_document_bytes: 40, ..Limits::default() };
    let fixture = Fixture::with(limits, hash_encoder());
    let (id, title, _) = TEXTS[1];
    let start = title.len() + 2 + "Die Größe ".len();
    let path = format!("/v1/documents/{}?start={start}&end={}", encoded(id), start + 6);
    let found = fixture.get(&path).await.ok();
    let window = (found["window"][0].as_u64().unwrap(), found["window"][1].as_u64().unwrap());
    assert!(window.1 - window.0 <= 40 && window.0 <= start as u64 && start as u64 + 6 <= window.1);
    assert_eq!(found["text"].as_str().unwrap().len() as u64, window.1 - window.0);
    assert!(found["bytes"].as_u64().unwrap() > 40);
}

#[tokio::test]
async fn ids_are_never_paths() {
    let fixture = Fixture::new();
    for id in [
        "../../etc/passwd",
        "..%2F..%2Fetc%2Fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "book/../book/references.md",
        "book//references.md",
        "book/./references.md",
        "book/references.md/",
        "BOOK/references.md",
        "..\\..\\windows",
        "manifest.json",
        "C%3A%5Cwindows",
    ] {
        let answer = fixture.get(&format!("/v1/documents/{}", id.replace('\\', "%5C"))).await;
        let error = answer.error(404, "unknown_document");
        assert_eq!(error["parameter"], "document");
    }
}

#[tokio::test]
async fn bad_ids_and_spans_are_refused() {
    let fixture = Fixture::new();
    fixture.get("/v1/documents/").await.error(404, "unknown_route");
    fixture.get("/v1/documents/%FF%FE").await.error(400, "malformed_path");
    fixture.get("/v1/documents/a%00b").await.error(400, "invalid_parameter");
    let long = "a".repeat(5000);
    fixture.get(&format!("/v1/documents/{long}")).await.error(400, "invalid_parameter");

    let path = format!("/v1/documents/{}", encoded(TEXTS[1].0));
    for (query, code, parameter) in [
        ("start=1", "missing_parameter", "end"),
        ("end=1", "missing_parameter", "start"),
        ("start=x&end=1", "invalid_parameter", "start"),
        ("start=0&end=-1", "invalid_parameter", "end"),
        ("start=0&end=99999999999", "invalid_parameter", "end"),
        ("start=5&end=2", "invalid_parameter", "start"),
        ("start=0&end=4294967295", "invalid_parameter", "start"),
        // Between the two bytes of the "ö" in "Größe".
        ("start=3&end=7", "invalid_parameter", "start"),
        ("stop=3", "unknown_parameter", "stop"),
        ("collection=other", "unknown_collection", "collection"),
    ] {
        let answer = fixture.get(&format!("{path}?{query}")).await;
        let status = if code == "unknown_collection" { 404 } else { 400 };
        assert_eq!(answer.error(status, code)["parameter"], parameter, "{query}");
    }
}
