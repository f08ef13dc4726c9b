//! The query log: what a server writes is what was asked and answered.

use std::collections::BTreeMap;
use std::fs;

use super::support::{Fixture, search_request, send};
use corpora::{LoggedSearch, RedactionRule, parse_query_log};
use server::{QueryLog, QueryLogConfig, QueryLogSummary};

#[tokio::test]
async fn answered_searches_are_logged_with_their_hits() {
    let fixture = Fixture::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queries.jsonl");
    let log = QueryLog::open(QueryLogConfig::new(&path)).unwrap();
    fixture.search(r#"{"query":"before the log"}"#).await.ok();
    fixture.state.log_queries(log.clone());

    let body = r#"{"query":"borrowed value, mail ann@example.org","fusion":"rrf:7","top":3,
        "depth":50,"per_document":1,"typos":"one_edit","near_duplicates":"list",
        "filter":"folder in [notes, book]","explain":true,"deadline_ms":60000}"#;
    let answered = fixture.search(body).await.ok();
    fixture.search(r#"{"query":"threads","strategy":"lexical"}"#).await.ok();
    fixture.search(r#"{"query":"threads","top":0}"#).await.error(400, "out_of_range");
    assert_eq!(log.close(), QueryLogSummary { n_written: 2, ..QueryLogSummary::default() });

    let written = fs::read_to_string(&path).unwrap();
    let searches = parse_query_log(&written).unwrap();
    let LoggedSearch {
        time,
        collection,
        generation,
        sample,
        request,
        redactions,
        hits,
        timings_ms,
        degraded,
    } = &searches[0];
    assert!(time.len() == "2026-01-02T03:04:05.678Z".len() && time.ends_with('Z'), "{time}");
    assert_eq!(
        (collection.as_str(), *generation),
        ("texts", answered["generation"].as_u64().unwrap())
    );
    assert_eq!(*sample, None, "all were kept");
    assert_eq!(request.query, "borrowed value, mail [email]");
    assert_eq!((request.strategy.as_str(), request.fusion.as_deref()), ("hybrid", Some("rrf:7")));
    assert_eq!((request.top, request.depth, request.per_document), (3, Some(50), Some(1)));
    assert_eq!(request.filter.as_deref(), Some("folder in [notes, book]"));
    assert!(request.typos && request.list_near_duplicates);
    assert_eq!(*redactions, BTreeMap::from([(RedactionRule::Email, 1)]));
    assert!(timings_ms["total"] > 0.0 && degraded.is_empty());
    assert!(!written.contains("deadline") && !written.contains("ann@"), "{written}");
    let shown = answered["hits"].as_array().unwrap();
    assert!(!shown.is_empty() && shown.len() == hits.len());
    for (hit, shown) in hits.iter().zip(shown) {
        assert_eq!(hit.document.as_str(), shown["document"]);
        assert_eq!([hit.span.start, hit.span.end].as_slice(), shown["span"].as_array().unwrap());
        assert_eq!(hit.score, shown["score"]);
    }
    let LoggedSearch { request, redactions, .. } = &searches[1];
    assert_eq!((request.strategy.as_str(), &request.fusion), ("lexical", &None));
    assert!(redactions.is_empty());
}

#[tokio::test]
async fn a_sample_is_chosen_by_the_requests_id_and_says_so() {
    let fixture = Fixture::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queries.jsonl");
    let sample = "0.3".parse().unwrap();
    let log = QueryLog::open(QueryLogConfig { sample, ..QueryLogConfig::new(&path) }).unwrap();
    fixture.state.log_queries(log.clone());
    // The same ids twice, as a client that tries again sends them.
    for at in (0..40).chain(0..40) {
        let mut request = search_request(&format!(r#"{{"query":"threads {at}"}}"#));
        request.headers_mut().insert("x-request-id", format!("r-{at}").parse().unwrap());
        send(&fixture.app, request).await.ok();
    }
    let n = log.close().n_written as usize;
    assert!(n > 0 && n < 80, "{n}");
    let searches = parse_query_log(&fs::read_to_string(&path).unwrap()).unwrap();
    assert!(searches.iter().all(|search| search.sample == Some(0.3)));
    let asked: Vec<_> = searches.iter().map(|search| &search.request.query).collect();
    assert_eq!(asked[..n / 2], asked[n / 2..], "what is sent again is kept again");
}
