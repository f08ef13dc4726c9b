//! A key sees its collections, and nothing lets it tell that there are others.

use super::access::{Entry, Guarded};
use super::support::{add, document, post};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use server::{AccessKey, Scope};

fn tenants() -> (Guarded, AccessKey, AccessKey) {
    let scopes = [Scope::Search, Scope::Answer];
    let (guarded, keys) = Guarded::new(vec![
        Entry::of("alice", &scopes).seeing("mine"),
        Entry::of("bob", &scopes).seeing("theirs"),
    ]);
    add(&guarded.theirs, &[document("secret/plan.md", "Plan", "The zyzzyva plan is secret.")]);
    guarded.theirs.refresh().unwrap();
    let [alice, bob] = <[AccessKey; 2]>::try_from(keys).unwrap();
    (guarded, alice, bob)
}

fn body(path: &str, body: &Value) -> Request<Body> {
    post(path, Body::from(body.to_string()))
}

fn tool(name: &str, arguments: &Value) -> Request<Body> {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": name, "arguments": arguments}});
    rpc(&call)
}

fn rpc(call: &Value) -> Request<Body> {
    let mut request = body("/mcp", call);
    let accept = "application/json, text/event-stream".parse().unwrap();
    request.headers_mut().insert(header::ACCEPT, accept);
    request.headers_mut().insert(header::HOST, "localhost".parse().unwrap());
    request.headers_mut().insert("mcp-protocol-version", "2025-06-18".parse().unwrap());
    request
}

/// Requests that name a collection or a model, in every way there is.
fn naming(collection: &str) -> Vec<Request<Body>> {
    let get = |path: String| Request::get(path).body(Body::empty()).unwrap();
    let messages = json!([{"role": "user", "content": "zyzzyva?"}]);
    vec![
        body("/v1/search", &json!({"query": "zyzzyva", "collection": collection})),
        body("/v1/answer", &json!({"question": "zyzzyva?", "collection": collection})),
        get(format!("/v1/documents/secret%2Fplan.md?collection={collection}")),
        get(format!("/v1/models/trovato/{collection}")),
        body("/v1/chat/completions", &json!({"model": collection, "messages": messages})),
        body("/v1/embeddings", &json!({"model": collection, "input": "zyzzyva"})),
        body("/v1/rerank", &json!({"model": collection, "query": "a", "documents": ["b"]})),
        tool("search", &json!({"query": "zyzzyva", "collection": collection})),
        tool(
            "explain",
            &json!({"query": "a", "document": "secret/plan.md", "collection": collection}),
        ),
        tool("read_document", &json!({"document": "secret/plan.md", "collection": collection})),
        rpc(&json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read",
            "params": {"uri": format!("trovato://{collection}/secret/plan.md")}})),
    ]
}

/// An answer without its request's own id, which says nothing of a collection.
fn unnamed(text: &str) -> String {
    match text.split_once("\"request_id\":\"") {
        Some((before, rest)) => {
            let after = rest.split_once('"').map_or("", |(_, after)| after);
            format!("{before}{after}")
        }
        None => text.to_owned(),
    }
}

#[tokio::test]
async fn another_tenants_collection_answers_as_one_that_does_not_exist() {
    let (guarded, alice, bob) = tenants();
    // Names of one length, so that equal answers are equal byte for byte.
    for (theirs, nobodys) in naming("theirs").into_iter().zip(naming("nobody")) {
        let path = theirs.uri().to_string();
        let hidden = guarded.send(Some(&alice), theirs).await;
        let absent = guarded.send(Some(&alice), nobodys).await;
        assert_eq!(hidden.status, absent.status, "{path}");
        assert_eq!(
            unnamed(&hidden.text.replace("theirs", "nobody")),
            unnamed(&absent.text),
            "{path}"
        );
        assert!(!absent.text.contains("theirs"), "{path}: {}", absent.text);
        assert!(!hidden.text.contains("The zyzzyva plan"), "{path}: {}", hidden.text);
    }
    let mut n_found = 0;
    for request in naming("theirs") {
        n_found +=
            usize::from(guarded.send(Some(&bob), request).await.text.contains("zyzzyva plan"));
    }
    assert!(n_found >= 6, "who may see it does, {n_found} times");
}

#[tokio::test]
async fn what_names_no_collection_is_the_callers_own() {
    let (guarded, alice, bob) = tenants();
    // `theirs` is the first that is served, and the default for whoever sees it.
    for (key, own, other) in [(&alice, "mine", "theirs"), (&bob, "theirs", "mine")] {
        let found = guarded.send(Some(key), body("/v1/search", &json!({"query": "a value"}))).await;
        assert_eq!(found.ok()["collection"], own);
        for path in ["/v1/collections", "/v1/models"] {
            let text = guarded.get(Some(key), path).await.text;
            assert!(text.contains(own) && !text.contains(other), "{path}: {text}");
        }
        let listed = guarded.send(Some(key), tool("list_collections", &json!({}))).await;
        assert!(listed.text.contains(own) && !listed.text.contains(other), "{}", listed.text);
    }
}

/// BM25 knows how rare a word is; were it counted over both, a tenant would read in their
/// own scores which words another's documents hold.
#[tokio::test]
async fn scores_do_not_move_with_another_tenants_documents() {
    let (guarded, alice, _) = tenants();
    let asked = json!({"query": "reference value thread", "strategy": "lexical", "explain": true});
    let ask = async || {
        let mut found = guarded.send(Some(&alice), body("/v1/search", &asked)).await.ok();
        found.as_object_mut().unwrap().remove("timings_ms");
        found
    };
    let before = ask().await;
    assert!(before["hits"].as_array().unwrap().len() >= 2, "{before}");
    let flood: Vec<_> = (0..50)
        .map(|n| document(&format!("secret/{n}.md"), "Flood", "reference value thread reference"))
        .collect();
    add(&guarded.theirs, &flood);
    guarded.theirs.refresh().unwrap();
    assert_eq!(ask().await, before);
}
