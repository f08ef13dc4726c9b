//! The shapes that other services' clients speak: models, embeddings, reranking, and
//! their errors.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::support::{Answer, Fixture, build_index, hash_encoder, post, send};
use axum::body::Body;
use axum::http::{Request, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::{Encoder, OverlapReranker, RerankOptions, RerankPipeline, TextRole};
use serde_json::{Value, json};
use server::{AppState, Collection, Collections, HostPolicy, Limits, LoadedReranker, app};

fn reranked() -> Fixture {
    let pipeline = Arc::new(RerankPipeline::new(Arc::new(OverlapReranker)));
    let options = RerankOptions { depth: None, budget_ms: None };
    Fixture::reranked(LoadedReranker { pipeline, options })
}

async fn ask(fixture: &Fixture, path: &str, body: &Value) -> Answer {
    send(&fixture.app, post(path, Body::from(body.to_string()))).await
}

/// The `error` of a refusal in OpenAI's shape, of which all four members are there.
#[track_caller]
fn openai_error(answer: &Answer, status: u16, code: &str) -> Value {
    let error = answer.error(status, code);
    let names: BTreeSet<_> = error.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["code", "message", "param", "type"]), "{error}");
    error
}

fn floats(embedding: &Value) -> Vec<f32> {
    embedding.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

#[tokio::test]
async fn models_are_listed_once_and_found_by_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    let index = |name: &str| build_index(&dir.path().join(name), hash_encoder());
    let pipeline = Arc::new(RerankPipeline::new(Arc::new(OverlapReranker)));
    let options = RerankOptions { depth: None, budget_ms: None };
    let reranker = LoadedReranker { pipeline, options };
    let two = Collection::new("two", index("b")).with_reranker(reranker);
    let state = AppState::starting(Limits::default(), HostPolicy::Any);
    state.publish(Collections::new(vec![Collection::new("one", index("a")), two]).unwrap());
    let app = app(state);
    let get = async |path: &str| send(&app, Request::get(path).body(Body::empty()).unwrap()).await;

    let body = get("/v1/models").await.ok();
    assert_eq!(body["object"], "list");
    let models = body["data"].as_array().unwrap();
    let told: Vec<_> = models
        .iter()
        .map(|model| (model["id"].as_str().unwrap(), model["kind"].as_str().unwrap()))
        .collect();
    let expected = [
        ("hash", "embedding"),
        ("overlap", "reranker"),
        ("trovato/one", "extractive"),
        ("trovato/two", "extractive"),
    ];
    assert_eq!(told, expected);
    assert_eq!(models[0]["collections"], json!(["one", "two"]));
    assert_eq!((&models[0]["dimensions"], &models[0]["max_tokens"]), (&128.into(), &256.into()));
    for model in models {
        assert_eq!((&model["object"], &model["owned_by"]), (&"model".into(), &"trovato".into()));
        assert!(model["created"].as_i64().unwrap() > 1_700_000_000, "{model}");
        // Clients differ in whether they encode the slash.
        let id = model["id"].as_str().unwrap();
        for id in [id.to_owned(), id.replace('/', "%2F")] {
            assert_eq!(&get(&format!("/v1/models/{id}")).await.ok(), model);
        }
    }
    let error = openai_error(&get("/v1/models/gpt").await, 404, "model_not_found");
    assert_eq!(error["param"], "model");
    assert!(error["message"].as_str().unwrap().contains("trovato/two"), "{error}");
}

#[tokio::test]
async fn vectors_are_the_encoders_in_both_formats() {
    let fixture = Fixture::new();
    let texts = ["a borrowed value", "Größe"];
    let expected = hash_encoder().encode(&texts, TextRole::Query).unwrap();
    let body = ask(&fixture, "/v1/embeddings", &json!({"input": texts})).await.ok();
    assert_eq!((&body["object"], &body["model"]), (&"list".into(), &"hash".into()));
    for (at, row) in body["data"].as_array().unwrap().iter().enumerate() {
        assert_eq!((&row["object"], &row["index"]), (&"embedding".into(), &at.into()));
        assert_eq!(floats(&row["embedding"]), expected.row(at).unwrap());
    }
    let usage = json!({"prompt_tokens": 4, "total_tokens": 4});
    assert_eq!((&body["usage"], &body["truncated"]), (&usage, &0.into()));

    // As OpenAI's client asks: one text, base64, the dimension.
    let single = json!({
        "input": texts[1], "model": "hash", "encoding_format": "base64", "dimensions": 128,
        "user": "u",
    });
    let body = ask(&fixture, "/v1/embeddings", &single).await.ok();
    let bytes = STANDARD.decode(body["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let (rows, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    let decoded: Vec<f32> = rows.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    assert_eq!(decoded, expected.row(1).unwrap());

    let long = json!({"input": "word ".repeat(300), "model": "texts", "input_type": "passage"});
    let body = ask(&fixture, "/v1/embeddings", &long).await.ok();
    assert_eq!((&body["truncated"], &body["usage"]["prompt_tokens"]), (&1.into(), &256.into()));
}

/// Tells its two roles apart.
struct TwoSided;

impl Encoder for TwoSided {
    fn name(&self) -> &'static str {
        "two-sided"
    }

    fn fingerprint(&self) -> &'static str {
        "two-sided-1"
    }

    fn dim(&self) -> usize {
        2
    }

    fn max_tokens(&self) -> usize {
        8
    }

    fn encode(
        &self,
        texts: &[&str],
        role: TextRole,
    ) -> Result<engine::Embeddings, engine::EncodeError> {
        let row = if role == TextRole::Query { [1.0, 0.0] } else { [0.0, 1.0] };
        engine::Embeddings::new(texts.iter().flat_map(|_| row).collect(), 2)
    }
}

#[tokio::test]
async fn the_side_of_the_search_is_the_querys_unless_it_is_said() {
    let fixture = Fixture::with(Limits::default(), Arc::new(TwoSided));
    for (input_type, expected) in
        [(Value::Null, [1.0, 0.0]), (json!("query"), [1.0, 0.0]), (json!("passage"), [0.0, 1.0])]
    {
        let body = json!({"input": "a", "input_type": input_type});
        let answer = ask(&fixture, "/v1/embeddings", &body).await.ok();
        assert_eq!(floats(&answer["data"][0]["embedding"]), expected, "{body}");
    }
}

#[tokio::test]
async fn texts_that_cannot_be_encoded_are_refused_in_openais_shape() {
    let limits = Limits { max_texts: 2, max_texts_body_bytes: 400, ..Limits::default() };
    let fixture = Fixture::with(limits, hash_encoder());
    for (body, code, param) in [
        (json!({}), "missing_parameter", "input"),
        (json!({"input": []}), "invalid_parameter", "input"),
        (json!({"input": ["a", "b", "c"]}), "invalid_parameter", "input"),
        (json!({"input": ["a", " "]}), "invalid_parameter", "input[1]"),
        (json!({"input": ""}), "invalid_parameter", "input[0]"),
        (json!({"input": {"text": "a"}}), "invalid_parameter", "input"),
        (json!({"input": [{"text": "a"}]}), "invalid_parameter", "input[0]"),
        (json!({"input": "a", "dimensions": 64}), "invalid_parameter", "dimensions"),
        (json!({"input": "a", "encoding_format": "int8"}), "invalid_parameter", "encoding_format"),
        (json!({"input": "a", "input_type": "doc"}), "invalid_parameter", "input_type"),
        (json!({"input": "a", "inputs": "b"}), "unknown_parameter", "inputs"),
    ] {
        let error = openai_error(&ask(&fixture, "/v1/embeddings", &body).await, 400, code);
        assert_eq!(error["param"], param, "{body}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    for tokens in [json!([1, 2]), json!([[1, 2], [3]])] {
        let answer = ask(&fixture, "/v1/embeddings", &json!({"input": tokens})).await;
        let error = openai_error(&answer, 400, "invalid_parameter");
        assert!(error["message"].as_str().unwrap().contains("send the texts"), "{error}");
    }
    let unknown = json!({"input": "a", "model": "text-embedding-3-small"});
    let answer = ask(&fixture, "/v1/embeddings", &unknown).await;
    let error = openai_error(&answer, 404, "model_not_found");
    assert!(error["message"].as_str().unwrap().contains("hash, texts"), "{error}");
    let long = json!({"input": "a".repeat(500)});
    openai_error(&ask(&fixture, "/v1/embeddings", &long).await, 413, "body_too_large");
}

#[tokio::test]
async fn documents_come_back_in_the_rerankers_order() {
    let fixture = reranked();
    let body = json!({
        "query": "who owns a value",
        "documents": ["a thread", {"text": "Who owns a value?"}, "a value", "threads"],
        "top_n": 3,
        "return_documents": true,
    });
    let answer = ask(&fixture, "/v1/rerank", &body).await.ok();
    assert_eq!(answer["model"], "overlap");
    let expected = json!([
        {"index": 1, "relevance_score": 1.0, "document": {"text": "Who owns a value?"}},
        {"index": 2, "relevance_score": 0.5, "document": {"text": "a value"}},
        {"index": 0, "relevance_score": 0.25, "document": {"text": "a thread"}},
    ]);
    assert_eq!(answer["results"], expected);
    // Equal scores stay in their order; without a wish everything comes back, bare.
    let ties = json!({"query": "b", "documents": ["x", "b", "y"], "model": "texts"});
    let answer = ask(&fixture, "/v1/rerank", &ties).await.ok();
    let order: Vec<_> =
        answer["results"].as_array().unwrap().iter().map(|row| row["index"].clone()).collect();
    assert_eq!(order, [1, 0, 2]);
    assert!(answer["results"][0].get("document").is_none());
}

#[tokio::test]
async fn what_cannot_be_reranked_is_refused_in_openais_shape() {
    let fixture = reranked();
    for (body, code, param) in [
        (json!({"documents": ["a"]}), "missing_parameter", "query"),
        (json!({"query": "a"}), "missing_parameter", "documents"),
        (json!({"query": "a", "documents": []}), "invalid_parameter", "documents"),
        (json!({"query": "a", "documents": [1]}), "invalid_parameter", "documents[0]"),
        (
            json!({"query": "a", "documents": [{"text": "a", "id": 1}]}),
            "invalid_parameter",
            "documents[0]",
        ),
        (json!({"query": "a", "documents": ["b"], "top_n": 0}), "out_of_range", "top_n"),
        (json!({"query": " ", "documents": ["b"]}), "invalid_parameter", "query"),
        (json!({"query": "a", "texts": ["b"]}), "unknown_parameter", "texts"),
    ] {
        let error = openai_error(&ask(&fixture, "/v1/rerank", &body).await, 400, code);
        assert_eq!(error["param"], param, "{body}");
    }
    let unknown = json!({"query": "a", "documents": ["b"], "model": "hash"});
    let answer = ask(&fixture, "/v1/rerank", &unknown).await;
    openai_error(&answer, 404, "model_not_found");
    let without = Fixture::new();
    let body = json!({"query": "a", "documents": ["b"]});
    let error = openai_error(&ask(&without, "/v1/rerank", &body).await, 404, "model_not_found");
    assert!(error["message"].as_str().unwrap().contains("--rerank"), "{error}");
}

#[tokio::test]
async fn what_the_middleware_refuses_has_the_routes_shape_too() {
    let state = AppState::starting(Limits::default(), HostPolicy::Any);
    let starting = app(state);
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let answer = send(&starting, get("/v1/models")).await;
    let error = openai_error(&answer, 503, "starting");
    assert_eq!((&error["type"], &error["param"]), (&"server_error".into(), &Value::Null));
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");

    let fixture = Fixture::new();
    let answer = fixture.get("/v1/embeddings").await;
    openai_error(&answer, 405, "method_not_allowed");
    assert_eq!(answer.headers[header::ALLOW], "POST");
    let form = Request::post("/v1/embeddings").body(Body::from("a")).unwrap();
    openai_error(&send(&fixture.app, form).await, 415, "unsupported_media_type");
    // The rest of the API keeps its own.
    let own = fixture.get("/v1/search").await.error(405, "method_not_allowed");
    assert!(own.get("type").is_none(), "{own}");
}
