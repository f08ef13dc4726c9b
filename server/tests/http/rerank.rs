//! Reranking over HTTP: the collection's reranker, what a request may choose, what
//! the answer says.

use std::sync::Arc;

use super::support::Fixture;
use engine::{OverlapReranker, RerankOptions, RerankPipeline};
use serde_json::json;
use server::LoadedReranker;

/// A service whose collection is reranked by shared words.
fn fixture() -> Fixture {
    let pipeline = Arc::new(RerankPipeline::new(Arc::new(OverlapReranker)));
    let options = RerankOptions { depth: Some(20), budget_ms: None };
    Fixture::reranked(LoadedReranker { pipeline, options })
}

#[tokio::test]
async fn a_collection_with_a_reranker_is_reranked_and_says_how_far() {
    let fixture = fixture();
    let query = json!({"query": "who borrows a value", "explain": true});
    let body = fixture.search(&query.to_string()).await.ok();
    let report = &body["reranked"];
    assert_eq!(report["scored"], report["candidates"], "{report}");
    assert!(report["scored"].as_u64().unwrap() > 0, "{report}");
    let hit = &body["hits"][0];
    assert_eq!(hit["score_kind"], "reranked");
    assert!(hit["explanation"]["description"].as_str().unwrap().contains("overlap"), "{hit}");
    assert!(body["timings_ms"]["rerank"].as_f64().unwrap() > 0.0);

    let plain = json!({"query": "who borrows a value", "rerank": "none"});
    let plain = fixture.search(&plain.to_string()).await.ok();
    assert!(plain.get("reranked").is_none(), "{plain}");
    assert_ne!(plain["hits"][0]["score_kind"], "reranked");

    let spent = json!({"query": "who borrows a value", "rerank_budget_ms": 0});
    let spent = fixture.search(&spent.to_string()).await.ok();
    assert_eq!(spent["reranked"]["stop"], "budget");
    assert_eq!(spent["degraded"][0]["stage"], "rerank");
    assert_eq!(spent["hits"][0]["chunk"], plain["hits"][0]["chunk"]);

    let collections = fixture.get("/v1/collections").await.ok();
    assert_eq!(collections["collections"][0]["reranker"], "overlap");
    assert_eq!(collections["limits"]["rerank_depth"], 100);
}

#[tokio::test]
async fn what_cannot_be_reranked_is_refused_by_name() {
    let fixture = fixture();
    let refusal = |body: serde_json::Value| {
        let fixture = &fixture;
        async move {
            let answer = fixture.search(&body.to_string()).await;
            assert_eq!(answer.status, 400, "{}", answer.text);
            answer.text
        }
    };
    let told = refusal(json!({"query": "a", "rerank": "other"})).await;
    assert!(told.contains("overlap") && told.contains("none"), "{told}");
    let told = refusal(json!({"query": "a", "rerank_depth": 0})).await;
    assert!(told.contains("rerank_depth"), "{told}");
    let told = refusal(json!({"query": "a", "rerank": "none", "rerank_depth": 5})).await;
    assert!(told.contains("nothing is reranked"), "{told}");
    let without = Fixture::new();
    let answer = without.search(r#"{"query":"a","rerank":"default"}"#).await;
    assert!(answer.status == 400 && answer.text.contains("no reranker"), "{}", answer.text);
}
