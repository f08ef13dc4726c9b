//! Changes over HTTP: what is told to be done is found, and nothing else is told.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use engine::{DocumentId, Encoder, Signature, WriterOptions};
use ingest::chunk::{ChunkerParts, ChunkerSpec, WordSizer};
use ingest::pipeline::LiveIngest;
use serde_json::{Value, json};
use server::Limits;

use super::support::{Answer, Fixture, GateEncoder, TEXTS, hash_encoder, send};

fn ingest(encoder: Arc<dyn Encoder>) -> LiveIngest {
    let sizer = Arc::new(WordSizer::for_encoder(encoder.max_tokens()));
    let parts = ChunkerParts { sizer, encoder: Arc::clone(&encoder) };
    LiveIngest::new(ChunkerSpec::parse("whole").unwrap().build(&parts), encoder, 1).unwrap()
}

fn writable(limits: &Limits, encoder: Arc<dyn Encoder>) -> Fixture {
    let ingest = ingest(Arc::clone(&encoder));
    Fixture::over(limits.clone(), encoder, |collection| {
        collection.writable(ingest, limits).unwrap()
    })
}

fn fixture() -> Fixture {
    writable(&Limits::default(), hash_encoder())
}

async fn put(fixture: &Fixture, path: &str, media: &str, body: &str) -> Answer {
    let request = Request::put(path).header(header::CONTENT_TYPE, media);
    send(&fixture.app, request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn delete(fixture: &Fixture, path: &str) -> Answer {
    send(&fixture.app, Request::delete(path).body(Body::empty()).unwrap()).await
}

async fn bulk(fixture: &Fixture, path: &str, body: &str) -> Answer {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-ndjson");
    send(&fixture.app, request.body(Body::from(body.to_owned())).unwrap()).await
}

/// The documents that hold a word.
async fn found(fixture: &Fixture, word: &str) -> Vec<String> {
    let body = json!({"query": word, "strategy": "lexical", "top": 100}).to_string();
    let hits = fixture.search(&body).await.ok();
    let hits = hits["hits"].as_array().unwrap();
    let mut ids: Vec<_> =
        hits.iter().map(|hit| hit["document"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids
}

/// A job once it is done.
async fn done(fixture: &Fixture, name: &str) -> Value {
    for _ in 0..1000 {
        let job = fixture.get(&format!("/v1/jobs/{name}")).await.ok();
        if job["state"] == "done" {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("job {name} is never done");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_found_and_what_is_deleted_is_not() {
    let fixture = fixture();
    let path = "/v1/documents/new/a.md";
    let made = put(&fixture, path, "text/markdown; charset=utf-8", "# Eels\n\nA zitteraal.").await;
    assert_eq!(made.status, 201, "{}", made.text);
    let body: Value = serde_json::from_str(&made.text).unwrap();
    assert_eq!((&body["result"], &body["chunks"]), (&json!("created"), &json!(1)));
    assert_eq!(found(&fixture, "zitteraal").await, ["new/a.md"]);
    let shown = fixture.get(path).await.ok();
    assert_eq!((&shown["title"], &shown["generation"]), (&json!("Eels"), &body["generation"]));

    let same = put(&fixture, path, "text/markdown", "# Eels\n\nA zitteraal.").await.ok();
    assert_eq!((&same["result"], &same["generation"]), (&json!("unchanged"), &body["generation"]));
    let record = json!({"title": "Eels", "text": "A moray.", "year": 1999}).to_string();
    assert_eq!(put(&fixture, path, "application/json", &record).await.ok()["result"], "replaced");
    assert!(found(&fixture, "zitteraal").await.is_empty());
    assert_eq!(fixture.get(path).await.ok()["fields"]["year"], 1999);

    assert_eq!(delete(&fixture, path).await.ok()["result"], "deleted");
    assert!(found(&fixture, "moray").await.is_empty());
    delete(&fixture, path).await.error(404, "unknown_document");
    fixture.get(path).await.error(404, "unknown_document");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_document_is_refused_by_name() {
    let fixture = fixture();
    put(&fixture, "/v1/documents/a.csv", "text/csv", "a,b")
        .await
        .error(415, "unsupported_media_type");
    put(&fixture, "/v1/documents/a", "text/plain", "  \n").await.error(422, "document_refused");
    put(&fixture, "/v1/documents/a", "application/pdf", "no pdf")
        .await
        .error(422, "document_refused");
    put(&fixture, "/v1/documents/a", "application/json", "[]").await.error(400, "malformed_json");
    let other = json!({"id": "b", "text": "x"}).to_string();
    let refused = put(&fixture, "/v1/documents/a", "application/json", &other).await;
    assert_eq!(refused.error(400, "invalid_parameter")["parameter"], "id");
    let refused = put(&fixture, "/v1/documents/a?wiat=false", "text/plain", "x").await;
    assert_eq!(refused.error(400, "unknown_parameter")["parameter"], "wiat");
    let refused = put(&fixture, "/v1/documents/a?title=T", "application/json", "{}").await;
    assert_eq!(refused.error(400, "invalid_parameter")["parameter"], "title");
    bulk(&fixture, "/v1/bulk", "\n\n").await.error(400, "missing_parameter");
    fixture.get("/v1/jobs/1-1").await.error(404, "unknown_job");
    assert_eq!(fixture.index.searcher().generation(), 1, "nothing was committed");

    let limits = Limits { max_write_bytes: 10, ..Limits::default() };
    let small = writable(&limits, hash_encoder());
    let refused = put(&small, "/v1/documents/a", "text/plain", "eleven bytes").await;
    assert_eq!(refused.error(413, "body_too_large")["limit"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_is_read_only_unless_it_was_opened_for_more() {
    let fixture = Fixture::new();
    put(&fixture, "/v1/documents/a", "text/plain", "x").await.error(403, "read_only");
    delete(&fixture, "/v1/documents/a").await.error(403, "read_only");
    bulk(&fixture, "/v1/bulk", "{\"delete\": \"a\"}").await.error(403, "read_only");
    assert_eq!(fixture.get("/v1/collections").await.ok()["collections"][0]["writable"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_bulk_request_has_a_result_of_its_own() {
    let fixture = fixture();
    let lines = "{\"id\": \"a\", \"text\": \"zander\"}\n{\"id\": \"b\"}\n\n{\"delete\": \"nobody\"}\n\
        {\"id\": \"a\", \"text\": \"zander again\"}\n{\"delete\": \"notes/threads.md\"}\nnot json\n";
    let answered = bulk(&fixture, "/v1/bulk?wait=true", lines).await.ok();
    let items = answered["items"].as_array().unwrap();
    let results: Vec<_> = items
        .iter()
        .map(|item| (item["line"].as_u64().unwrap(), item["result"].as_str().unwrap()))
        .collect();
    let expected = [
        (1, "created"),
        (2, "refused"),
        (4, "not_found"),
        (5, "replaced"),
        (6, "deleted"),
        (7, "refused"),
    ];
    assert_eq!(results, expected);
    assert!(items[1]["reason"].as_str().unwrap().contains("no member \"text\""), "{}", items[1]);
    assert_eq!(answered["counts"]["settled"], 6);
    assert_eq!(found(&fixture, "zander").await, ["a"]);
    assert!(found(&fixture, "stack").await.is_empty());

    let accepted = bulk(&fixture, "/v1/bulk", "{\"id\": \"c\", \"text\": \"zope\"}").await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let body: Value = serde_json::from_str(&accepted.text).unwrap();
    let name = body["job"].as_str().unwrap();
    assert_eq!(accepted.headers[header::LOCATION], format!("/v1/jobs/{name}"));
    let job = done(&fixture, name).await;
    assert_eq!(job["items"][0]["result"], "created");
    assert_eq!(found(&fixture, "zope").await, ["c"]);
    let latest = fixture.get("/v1/jobs").await.ok();
    assert_eq!(latest["jobs"][0]["job"], name);
    assert_eq!(latest["jobs"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_come_together_share_commits_and_all_are_kept() {
    let gate = GateEncoder::new();
    let encoder: Arc<dyn Encoder> = Arc::clone(&gate) as Arc<dyn Encoder>;
    let fixture = writable(&Limits::default(), encoder);
    let first = put(&fixture, "/v1/documents/first?wait=false", "text/plain", "hold zobel").await;
    assert_eq!(first.status, 202);
    gate.until_held(1).await;
    let puts = (0..40).map(|n| {
        let app = fixture.app.clone();
        tokio::spawn(async move {
            let request = Request::put(format!("/v1/documents/d{n}"))
                .header(header::CONTENT_TYPE, "text/plain")
                .body(Body::from(format!("zobel number {n}")))
                .unwrap();
            send(&app, request).await.status
        })
    });
    let puts: Vec<_> = puts.collect();
    while fixture.get("/v1/jobs").await.ok()["jobs"].as_array().unwrap().len() < 41 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(found(&fixture, "zobel").await.is_empty(), "nothing of it was committed");
    gate.open();
    for put in puts {
        assert_eq!(put.await.unwrap(), 201);
    }
    assert_eq!(found(&fixture, "zobel").await.len(), 41);
    let generation = fixture.index.searcher().generation();
    assert!(generation <= 1 + 2 + 1, "{generation} commits for 41 changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_says_whom_it_waits_for_and_goes_on_afterwards() {
    let fixture = fixture();
    let other = fixture.index.writer(WriterOptions::default()).unwrap();
    let accepted = put(&fixture, "/v1/documents/a?wait=false", "text/plain", "zebu").await;
    let body: Value = serde_json::from_str(&accepted.text).unwrap();
    let path = format!("/v1/jobs/{}", body["job"].as_str().unwrap());
    let waiting = loop {
        let job = fixture.get(&path).await.ok();
        if job["state"] != "queued" {
            break job;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(waiting["state"], "waiting");
    assert_eq!(waiting["waiting_for"], format!("process {}", std::process::id()));
    drop(other);
    done(&fixture, body["job"].as_str().unwrap()).await;
    assert_eq!(found(&fixture, "zebu").await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_the_queue_is_refused_whole() {
    let gate = GateEncoder::new();
    let encoder: Arc<dyn Encoder> = Arc::clone(&gate) as Arc<dyn Encoder>;
    let fixture = writable(&Limits { queued_writes: 2, ..Limits::default() }, encoder);
    put(&fixture, "/v1/documents/a?wait=false", "text/plain", "hold").await;
    gate.until_held(1).await;
    assert_eq!(
        bulk(&fixture, "/v1/bulk", "{\"delete\": \"x\"}\n{\"delete\": \"y\"}").await.status,
        202
    );
    let refused = put(&fixture, "/v1/documents/b", "text/plain", "zilpzalp").await;
    assert_eq!(refused.error(429, "writes_queued")["limit"], 2);
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
    gate.open();
    let jobs = fixture.get("/v1/jobs").await.ok();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 2, "what was refused is no job");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_keeps_its_text_when_its_original_changes() {
    let fixture = fixture();
    let (original, _, body) = TEXTS[0];
    let id = |name: &str| DocumentId::new(name).unwrap();
    let mut writer = fixture.index.writer(WriterOptions::default()).unwrap();
    for name in ["copy/1", "copy/2"] {
        writer.add_duplicate(&id(name), &id(original), Signature([1; 32])).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    fixture.index.refresh().unwrap();
    // One of them is deleted in the very request that replaces its original.
    let lines = format!(
        "{{\"delete\": \"copy/2\"}}\n{{\"id\": \"{original}\", \"text\": \"zwergmaus\"}}\n"
    );
    let answered = bulk(&fixture, "/v1/bulk?wait=true", &lines).await.ok();
    assert_eq!(answered["counts"]["deleted"], 1);
    assert_eq!(answered["counts"]["replaced"], 1);
    assert_eq!(found(&fixture, "reference").await, ["copy/1"]);
    let kept = fixture.get("/v1/documents/copy/1").await.ok();
    assert!(kept["text"].as_str().unwrap().ends_with(body));
    assert_eq!(kept["duplicate_of"], Value::Null);
    fixture.get("/v1/documents/copy/2").await.error(404, "unknown_document");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_loses_its_own_changes_and_says_so() {
    let encoder: Arc<dyn Encoder> = GateEncoder::new();
    let fixture = writable(&Limits::default(), encoder);
    let lost = put(&fixture, "/v1/documents/a", "text/plain", "panic").await;
    lost.error(503, "change_lost");
    fixture.get("/v1/documents/a").await.error(404, "unknown_document");
    let kept = put(&fixture, "/v1/documents/b", "text/plain", "zebrafink").await;
    assert_eq!(kept.status, 201, "{}", kept.text);
    assert_eq!(found(&fixture, "zebrafink").await, ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_changes_leave_few_files() {
    let fixture = fixture();
    for n in 0..40 {
        let text = format!("zaunkoenig number {n}");
        put(&fixture, &format!("/v1/documents/d{n}"), "text/plain", &text).await;
    }
    for n in (0..40).step_by(3) {
        delete(&fixture, &format!("/v1/documents/d{n}")).await.ok();
    }
    assert_eq!(found(&fixture, "zaunkoenig").await.len(), 26);
    let info = fixture.index.info().unwrap();
    assert!(info.vector_segments <= 10 && info.text_segments <= 10, "{info:?}");
}
