//! `POST /v1/search`: what is found, and everything that is refused.

use super::support::{Fixture, TEXTS, hash_encoder, join_pieces, send};
use engine::TextRole;
use serde_json::{Value, json};

#[tokio::test]
async fn a_hit_carries_everything_the_page_shows() {
    let fixture = Fixture::new();
    let body = fixture.search(r#"{"query":"who borrows a value"}"#).await.ok();
    assert_eq!(body["query"], "who borrows a value");
    assert_eq!(body["collection"], "texts");
    assert_eq!(body["generation"], 1);
    assert_eq!(body["degraded"], json!([]));
    for stage in [
        "plan", "filter", "encode", "lexical", "dense", "fusion", "expand", "rerank", "fetch",
        "total",
    ] {
        assert!(body["timings_ms"][stage].as_f64().is_some_and(|ms| ms >= 0.0), "{stage}");
    }
    let hit = &body["hits"][0];
    assert_eq!(hit["document"], "book/references.md");
    assert_eq!(hit["title"], "References");
    assert_eq!(hit["headings"], json!(["References"]));
    assert_eq!(hit["span"], json!([0, hit["text"].as_str().unwrap().len()]));
    assert_eq!(hit["fields"]["folder"], "book");
    assert!(hit["score"].as_f64().is_some_and(f64::is_finite));
    assert!(hit["score_kind"].as_str().unwrap().contains(':'), "{hit}");
    assert!(hit.get("explanation").is_none() && body.get("why_not").is_none());
    assert!(body["hits"].as_array().unwrap().len() <= 10);
}

#[tokio::test]
async fn pieces_join_to_the_text_and_mark_what_the_highlights_span() {
    let fixture = Fixture::new();
    for (query, expected) in [
        ("Größe Maß", "Größe"),
        ("所有権", "所有権"),
        ("borrowed value", "value"),
        ("Ende 🦀", "Ende"),
    ] {
        let body = json!({"query": query, "strategy": "lexical"}).to_string();
        let outcome = fixture.search(&body).await.ok();
        let hits = outcome["hits"].as_array().unwrap();
        assert!(!hits.is_empty(), "{query}");
        for hit in hits {
            let text = hit["text"].as_str().unwrap();
            assert_eq!(join_pieces(&hit["pieces"], |_| true), text);
            let start = hit["span"][0].as_u64().unwrap() as usize;
            let spans = hit["highlights"].as_array().unwrap().iter().map(|span| {
                let at = |end: usize| span[end].as_u64().unwrap() as usize - start;
                &text[at(0)..at(1)]
            });
            assert_eq!(join_pieces(&hit["pieces"], |marked| marked), spans.collect::<String>());
        }
        let marked = join_pieces(&hits[0]["pieces"], |marked| marked);
        assert!(marked.contains(expected), "{query}: {marked}");
    }
}

#[tokio::test]
async fn each_strategy_names_its_scores() {
    let fixture = Fixture::new();
    for (body, kind) in [
        (r#"{"query":"value","strategy":"lexical"}"#, "bm25"),
        (r#"{"query":"value","strategy":"dense"}"#, "cosine"),
        (r#"{"query":"value","strategy":"hybrid","fusion":"rrf:60"}"#, "rrf:60"),
        (r#"{"query":"value","fusion":"minmax:0.25"}"#, "minmax:0.25"),
    ] {
        let outcome = fixture.search(body).await.ok();
        assert_eq!(outcome["hits"][0]["score_kind"], kind);
    }
}

#[tokio::test]
async fn an_explanation_recombines_to_the_score() {
    fn recombine(node: &Value) -> f64 {
        let empty = Vec::new();
        let details = node["details"].as_array().unwrap_or(&empty);
        let mut values = details.iter().map(recombine);
        match node["operation"].as_str().unwrap() {
            "leaf" => node["value"].as_f64().unwrap(),
            "sum" => values.sum(),
            "product" => values.product(),
            "quotient" => values.next().unwrap() / values.next().unwrap(),
            "difference" => values.next().unwrap() - values.next().unwrap(),
            "ln_one_plus" => values.next().unwrap().ln_1p(),
            "maximum" => values.fold(f64::NEG_INFINITY, f64::max),
            other => panic!("unknown operation {other}"),
        }
    }
    let fixture = Fixture::new();
    for fusion in ["rrf:60", "minmax", "dbsf:0.3"] {
        let body = json!({"query": "borrowed value", "fusion": fusion, "explain": true});
        let outcome = fixture.search(&body.to_string()).await.ok();
        for hit in outcome["hits"].as_array().unwrap() {
            let score = hit["score"].as_f64().unwrap();
            let again = recombine(&hit["explanation"]);
            assert!((score - again).abs() < 1e-6, "{fusion}: {score} {again}");
        }
    }
}

#[tokio::test]
async fn filters_and_counts_are_obeyed() {
    let fixture = Fixture::new();
    let body = r#"{"query":"value","filter":"folder = notes","top":1}"#;
    let outcome = fixture.search(body).await.ok();
    let hits = outcome["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 1);
    assert!(hits[0]["document"].as_str().unwrap().starts_with("notes/"));

    let none = fixture.search(r#"{"query":"value","filter":"folder = nowhere"}"#).await.ok();
    assert_eq!(none["hits"], json!([]));
}

#[tokio::test]
async fn why_not_names_the_stage() {
    let fixture = Fixture::new();
    let ask = async |extra: Value| {
        let mut body = json!({"query": "who borrows a value", "why_not": "book/größe.md"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        fixture.search(&body.to_string()).await.ok()["why_not"].clone()
    };
    assert_eq!(
        ask(json!({"why_not": "book/none.md"})).await,
        json!({"document": "book/none.md", "stage": "not_indexed"})
    );
    assert_eq!(ask(json!({"filter": "folder = notes"})).await["stage"], "filtered");
    assert_eq!(ask(json!({"top": 5})).await["stage"], "returned");
    let outranked = ask(json!({"top": 1})).await;
    assert_eq!(outranked["stage"], "outranked");
    assert!(outranked["rank"].as_u64().unwrap() > 1 && outranked["gap"].as_f64().unwrap() >= 0.0);
    let beyond = ask(json!({"strategy": "dense", "top": 1, "depth": 1})).await;
    assert_eq!(beyond["stage"], "beyond_depth");
    assert!(beyond["dense"]["rank"].as_u64().unwrap() > 1 && beyond["lexical"].is_null());
}

#[tokio::test]
async fn an_expansion_says_what_it_added() {
    let fixture = Fixture::new();
    let ask = async |expand: &str| {
        let body = json!({"query": "who borrows a value", "expand": expand});
        let outcome = fixture.search(&body.to_string()).await.ok();
        assert_eq!(outcome["degraded"], json!([]), "{expand}");
        assert!(!outcome["hits"].as_array().unwrap().is_empty(), "{expand}");
        outcome["expanded"].clone()
    };
    assert_eq!(ask("none").await, Value::Null);
    let moved = ask("feedback:2").await;
    assert_eq!((&moved["expansion"], &moved["passages"]), (&json!("feedback:2:0.5"), &json!(2)));
    assert!(moved["cosine"].as_f64().is_some_and(|cosine| cosine > 0.0), "{moved}");
    // Five texts: no word is in less than a tenth of them.
    let learnt = ask("feedback:lexical:2").await;
    assert_eq!((&learnt["passages"], &learnt["terms"]), (&json!(2), &json!([])));
    let variants = [
        json!({"text": "borrows a value", "rule": "statement"}),
        json!({"text": "borrows value", "rule": "keywords"}),
    ];
    assert_eq!(ask("multi-query").await["variants"], json!(variants));
}

#[tokio::test]
async fn a_passed_deadline_is_told() {
    let fixture = Fixture::new();
    let outcome = fixture.search(r#"{"query":"value","deadline_ms":0}"#).await.ok();
    assert_eq!(outcome["degraded"][0]["stage"], "encode");
    assert!(!outcome["hits"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn refusals_name_the_parameter() {
    let fixture = Fixture::new();
    for (body, code, parameter) in [
        (r"{}", "missing_parameter", Some("query")),
        (r#"{"query":""}"#, "invalid_parameter", Some("query")),
        (r#"{"query":" \t\n"}"#, "invalid_parameter", Some("query")),
        (r#"{"query":null}"#, "missing_parameter", Some("query")),
        (r#"{"query":7}"#, "invalid_parameter", Some("query")),
        (r#"{"query":"a","tops":3}"#, "unknown_parameter", Some("tops")),
        (r#"{"query":"a","top":0}"#, "out_of_range", Some("top")),
        (r#"{"query":"a","top":101}"#, "out_of_range", Some("top")),
        (r#"{"query":"a","top":-1}"#, "invalid_parameter", Some("top")),
        (r#"{"query":"a","top":2.5}"#, "invalid_parameter", Some("top")),
        (r#"{"query":"a","top":"3"}"#, "invalid_parameter", Some("top")),
        (r#"{"query":"a","top":18446744073709551615}"#, "out_of_range", Some("top")),
        (r#"{"query":"a","depth":100000}"#, "out_of_range", Some("depth")),
        (r#"{"query":"a","per_document":0}"#, "out_of_range", Some("per_document")),
        (r#"{"query":"a","strategy":"semantic"}"#, "invalid_parameter", Some("strategy")),
        (r#"{"query":"a","fusion":"rrf:x"}"#, "invalid_parameter", Some("fusion")),
        (r#"{"query":"a","strategy":"dense","fusion":"rrf"}"#, "invalid_parameter", Some("fusion")),
        (r#"{"query":"a","expand":"synonyms"}"#, "invalid_parameter", Some("expand")),
        (r#"{"query":"a","expand":"feedback:0"}"#, "invalid_parameter", Some("expand")),
        (r#"{"query":"a","filter":"folder >="}"#, "invalid_parameter", Some("filter")),
        (r#"{"query":"a","typos":true}"#, "invalid_parameter", Some("typos")),
        (r#"{"query":"a","explain":"yes"}"#, "invalid_parameter", Some("explain")),
        (r#"{"query":"a","why_not":""}"#, "invalid_parameter", Some("why_not")),
        (r#"{"query":"a","deadline_ms":-5}"#, "invalid_parameter", Some("deadline_ms")),
        (r#"{"query":"a","near_duplicates":"hide"}"#, "invalid_parameter", Some("near_duplicates")),
        (r#"{"query":"a"} trailing"#, "malformed_json", None),
        (r#"{"query":"a""#, "malformed_json", None),
        ("", "malformed_json", None),
        ("[1]", "malformed_json", None),
        ("\"query\"", "malformed_json", None),
    ] {
        let answer = fixture.search(body).await;
        let error = answer.error(400, code);
        assert_eq!(error["parameter"].as_str(), parameter, "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn refusals_say_the_value_and_the_limit() {
    let fixture = Fixture::new();
    let error = fixture.search(r#"{"query":"a","top":101}"#).await.error(400, "out_of_range");
    assert_eq!((&error["value"], &error["limit"]), (&json!("101"), &json!(100)));

    let error = fixture.search(r#"{"query":"a","strategy":"semantic"}"#).await;
    let error = error.error(400, "invalid_parameter");
    assert_eq!(error["value"], "semantic");
    assert!(error["message"].as_str().unwrap().contains("lexical, dense, hybrid"), "{error}");

    let error = fixture.search(r#"{"query":"a","filter":"a ="}"#).await;
    let error = error.error(400, "invalid_parameter");
    assert_eq!(error["value"], "a =");
    assert!(error["message"].as_str().unwrap().contains("byte 3"), "{error}");

    let limit = fixture.state.limits().max_query_bytes;
    let long = json!({"query": "ä".repeat(limit / 2 + 1)}).to_string();
    let error = fixture.search(&long).await.error(400, "too_long");
    assert_eq!((&error["parameter"], &error["limit"]), (&json!("query"), &json!(limit)));
    let longest = json!({"query": "ä".repeat(limit / 2), "strategy": "lexical"}).to_string();
    fixture.search(&longest).await.ok();

    let error = fixture.search(r#"{"query":"a","collection":"other"}"#).await;
    let error = error.error(404, "unknown_collection");
    assert_eq!((&error["parameter"], &error["value"]), (&json!("collection"), &json!("other")));
}

#[tokio::test]
async fn a_given_vector_stands_for_the_encoded_query() {
    let fixture = Fixture::new();
    let encode = |text: &str| {
        let rows = hash_encoder().encode(&[text], TextRole::Query).unwrap();
        rows.values().to_vec()
    };
    for strategy in ["dense", "hybrid"] {
        let body = json!({"query": "borrows a value", "strategy": strategy});
        let mut encoded = fixture.search(&body.to_string()).await.ok();
        let mut body = body;
        body["vector"] = json!(encode("borrows a value"));
        let mut given = fixture.search(&body.to_string()).await.ok();
        for outcome in [&mut encoded, &mut given] {
            outcome.as_object_mut().unwrap().remove("timings_ms");
        }
        assert_eq!(encoded, given, "{strategy}");
    }
    // It is the vector that counts: another one finds another passage first.
    let body = json!({"query": "a", "strategy": "dense", "vector": encode(TEXTS[4].2)});
    let outcome = fixture.search(&body.to_string()).await.ok();
    assert_eq!(outcome["hits"][0]["document"], TEXTS[4].0);
}

#[tokio::test]
async fn a_vector_that_means_nothing_is_refused() {
    let fixture = Fixture::new();
    let mut unit = vec![0.0_f32; 128];
    unit[0] = 1.0;
    let with = |at: usize, value: Value| {
        let mut vector = json!(unit);
        vector[at] = value;
        vector
    };
    for (vector, says) in [
        (json!([]), "0 components, the index holds 128"),
        (json!([1.0]), "1 components, the index holds 128"),
        (with(1, json!(1e39)), "number out of range"),
        (with(0, json!(0.5)), "length 0.5, expected 1"),
        (with(0, json!(0)), "length 0, expected 1"),
        (with(0, Value::Null), "null"),
        (with(0, json!("NaN")), "string"),
        (json!({"x": 1}), "map"),
    ] {
        for strategy in ["dense", "hybrid"] {
            let body = json!({"query": "a", "strategy": strategy, "vector": vector}).to_string();
            let error = fixture.search(&body).await.error(400, "invalid_parameter");
            assert!(error["parameter"].as_str().unwrap().starts_with("vector"), "{error}");
            assert!(error["message"].as_str().unwrap().contains(says), "{says}: {error}");
        }
    }
    let body = json!({"query": "a", "strategy": "lexical", "vector": unit}).to_string();
    let error = fixture.search(&body).await.error(400, "invalid_parameter");
    assert!(error["message"].as_str().unwrap().contains("lexical search reads no vector"));
}

#[tokio::test]
async fn odd_queries_are_text() {
    let fixture = Fixture::new();
    for query in [
        "C++ -> Vec<T>: foo(bar)^2 AND \"unbalanced",
        "+ - \" * ( ) [ ] { } ^ ~ : \\ /",
        "<script>alert(1)</script>",
        "\u{0}\u{1}\u{7f}",
        "\u{202e}reversed\u{feff}",
        "日本語 🦀 ß",
        "*",
    ] {
        for strategy in ["lexical", "dense", "hybrid"] {
            let body = json!({"query": query, "strategy": strategy, "explain": true});
            fixture.search(&body.to_string()).await.ok();
        }
    }
}

#[tokio::test]
async fn the_same_search_has_the_same_answer() {
    let fixture = Fixture::new();
    let mut answers = Vec::new();
    for _ in 0..3 {
        let mut outcome = fixture.search(r#"{"query":"value","explain":true}"#).await.ok();
        outcome.as_object_mut().unwrap().remove("timings_ms");
        answers.push(outcome);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(answers[0]["hits"].as_array().unwrap().len(), TEXTS.len());
}

#[tokio::test]
async fn only_json_is_a_body() {
    use axum::body::Body;
    use axum::http::Request;

    let fixture = Fixture::new();
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("")] {
        let mut request = Request::post("/v1/search");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let request = request.body(Body::from(r#"{"query":"a"}"#)).unwrap();
        send(&fixture.app, request).await.error(415, "unsupported_media_type");
    }
    let request = Request::post("/v1/search")
        .header("content-type", "Application/JSON; charset=utf-8")
        .body(Body::from(r#"{"query":"a"}"#));
    send(&fixture.app, request.unwrap()).await.ok();
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let fixture = Fixture::new();
    let limit = fixture.state.limits().max_body_bytes;
    let body = format!(r#"{{"query":"a"{}}}"#, " ".repeat(limit));
    let error = fixture.search(&body).await.error(413, "body_too_large");
    assert_eq!(error["limit"], limit);
}
