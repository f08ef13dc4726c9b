//! The OpenAPI document: that it is of this service, and that its words hold.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::support::{Fixture, hash_encoder, send};
use axum::body::Body;
use axum::http::{Request, header};
use engine::SearchRequest;
use serde_json::Value;
use server::Limits;

async fn document(fixture: &Fixture) -> Value {
    fixture.get("/openapi.json").await.ok()
}

/// Methods and paths as the document has them.
fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone()))
    });
    operations.collect()
}

#[tokio::test]
async fn every_route_is_in_the_document_and_every_one_in_it_is_served() {
    let fixture = Fixture::new();
    let document = document(&fixture).await;
    assert_eq!(document["openapi"], "3.1.0");
    let described = operations(&document);
    let served = [
        ("POST", "/v1/search"),
        ("POST", "/v1/answer"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/documents/{id}"),
        ("PUT", "/v1/documents/{id}"),
        ("DELETE", "/v1/documents/{id}"),
        ("POST", "/v1/bulk"),
        ("GET", "/v1/jobs"),
        ("GET", "/v1/jobs/{id}"),
        ("GET", "/v1/collections"),
        ("POST", "/v1/feedback"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{id}"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/rerank"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
    ];
    let served = served.map(|(method, path)| (method.to_owned(), path.to_owned()));
    assert_eq!(described, BTreeSet::from(served));
    for (method, path) in described {
        // Names of jobs are the server's own and hold no slash.
        let id = if path.starts_with("/v1/jobs") { "1-1" } else { "a/b%2Fc" };
        let path = path.replace("{id}", id);
        let request = Request::builder().method(method.as_str()).uri(&path);
        let answer = send(&fixture.app, request.body(Body::empty()).unwrap()).await;
        assert!(!answer.text.contains("unknown_route"), "{method} {path}: {}", answer.text);
        assert_ne!(answer.status, 405, "{method} {path}");
    }
}

#[tokio::test]
async fn the_routes_of_the_crates_own_page_are_those_of_the_document() {
    let fixture = Fixture::new();
    let told = include_str!("../../src/lib.rs").replace("{*", "{");
    for (method, path) in operations(&document(&fixture).await) {
        assert!(told.contains(&format!("`{method} {path}`")), "lib.rs lacks {method} {path}");
    }
}

/// Of two schemas with one name the document keeps the last, and says so nowhere.
#[test]
fn every_schema_has_a_name_of_its_own() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut names: Vec<String> = Vec::new();
    for folder in ["wire", "routes", "."] {
        for file in fs::read_dir(sources.join(folder)).unwrap() {
            let path = file.unwrap().path();
            if !path.is_file() {
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            for (at, _) in text.match_indices("ToSchema)]") {
                let declared = text[at..].split(['\n', ' ']);
                let mut words = declared.skip_while(|word| !matches!(*word, "struct" | "enum"));
                names.extend(words.nth(1).map(|name| name.trim_end_matches(';').to_owned()));
            }
        }
    }
    assert!(names.len() > 50, "the derives are found: {names:?}");
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[tokio::test]
async fn the_example_of_a_search_is_answered() {
    let fixture = Fixture::new();
    let document = document(&fixture).await;
    let body = &document["components"]["schemas"]["SearchBody"]["examples"][0];
    assert!(body["query"].is_string(), "{body}");
    fixture.search(&body.to_string()).await.ok();
}

#[tokio::test]
async fn everything_is_described_and_every_reference_leads_somewhere() {
    let fixture = Fixture::new();
    let document = document(&fixture).await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        assert!(schema["description"].is_string(), "{name}: {schema}");
        for (property, of) in schema["properties"].as_object().into_iter().flatten() {
            let refers = of.to_string().contains("$ref");
            assert!(refers || of["description"].is_string(), "{name}.{property}: {of}");
        }
    }
    let text = document.to_string();
    for (at, _) in text.match_indices("#/components/schemas/") {
        let name = text[at..].split(['/', '"']).nth(3).unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn limits_are_those_of_the_server() {
    let limits = Limits { max_top: 7, max_texts: 3, ..Limits::default() };
    let fixture = Fixture::with(limits, hash_encoder());
    let document = document(&fixture).await;
    let schemas = &document["components"]["schemas"];
    let search = &schemas["SearchBody"];
    assert_eq!(search["properties"]["top"]["maximum"], 7);
    assert_eq!(search["properties"]["query"]["maxLength"], SearchRequest::MAX_QUERY_BYTES);
    assert_eq!(search["required"], serde_json::json!(["query"]));
    assert_eq!(search["additionalProperties"], false);
    assert_eq!(schemas["RerankBody"]["properties"]["documents"]["maxItems"], 3);
    fixture.search(r#"{"query":"a","top":7}"#).await.ok();
    fixture.search(r#"{"query":"a","top":8}"#).await.error(400, "out_of_range");
}

#[tokio::test]
async fn every_route_tells_its_errors_in_its_own_shape() {
    let fixture = Fixture::new();
    let document = document(&fixture).await;
    let shape = |path: &str, method: &str, status: &str| {
        let responses = &document["paths"][path][method]["responses"];
        responses[status]["content"]["application/json"]["schema"]["$ref"].clone()
    };
    for status in ["400", "403", "404", "413", "415", "500", "503"] {
        let own = shape("/v1/search", "post", status);
        assert_eq!(own, "#/components/schemas/ErrorBody", "{status}");
        let theirs = shape("/v1/embeddings", "post", status);
        assert_eq!(theirs, "#/components/schemas/OpenAiErrorBody", "{status}");
    }
    assert!(shape("/healthz", "get", "400").is_null());
}

#[tokio::test]
async fn the_page_to_try_it_is_served_and_reads_the_document() {
    let fixture = Fixture::new();
    let page = fixture.get("/docs").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(page.text.contains("/docs.js"), "{}", page.text);
    assert!(fixture.get("/docs.js").await.text.contains("/openapi.json"));
    for forbidden in ["<script>", "<style", "style=", "onclick=", "http://", "https://"] {
        assert!(!page.text.contains(forbidden), "{forbidden}");
    }
}
