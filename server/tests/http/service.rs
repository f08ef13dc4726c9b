//! What holds for every route: readiness, unknown routes, headers, the page.

use super::support::{Fixture, build_index, hash_encoder, post, search_request, send, written};
use answer::model::scripted::Reply;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use server::{
    AppState, Collection, Collections, CollectionsError, HostPolicy, Limits, ReportPage, app,
};

#[tokio::test]
async fn nothing_but_health_and_page_answers_before_the_indexes_are_open() {
    let state = AppState::starting(Limits::default(), HostPolicy::Any);
    let app = app(state.clone());
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(send(&app, get("/healthz")).await.ok()["status"], "ok");
    assert_eq!(send(&app, get("/")).await.status, 200);
    for request in [
        get("/readyz"),
        get("/v1/collections"),
        get("/v1/documents/book/references.md"),
        search_request(r#"{"query":"a"}"#),
    ] {
        let answer = send(&app, request).await;
        answer.error(503, "starting");
        assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    }

    let dir = tempfile::tempdir().unwrap();
    let index = build_index(&dir.path().join("index"), hash_encoder());
    state.publish(Collections::new(vec![Collection::new("texts", index)]).unwrap());
    assert_eq!(send(&app, get("/readyz")).await.ok()["status"], "ready");
    send(&app, search_request(r#"{"query":"a"}"#)).await.ok();
}

#[tokio::test]
async fn collections_and_limits_are_told() {
    let fixture = Fixture::new();
    let body = fixture.get("/v1/collections").await.ok();
    let collection = &body["collections"][0];
    assert_eq!(collection["name"], "texts");
    assert_eq!(collection["documents"], 5);
    assert_eq!(collection["chunks"], 5);
    assert_eq!(collection["generation"], 1);
    assert_eq!(collection["stale"], false);
    assert_eq!(body["limits"]["top"], 100);
    assert!(!serde_json::to_string(&body).unwrap().contains(fixture.index.dir().to_str().unwrap()));
}

#[tokio::test]
async fn the_first_collection_answers_when_none_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let index = |name: &str| build_index(&dir.path().join(name), hash_encoder());
    let two = vec![Collection::new("one", index("a")), Collection::new("two", index("b"))];
    let state = AppState::starting(Limits::default(), HostPolicy::Any);
    state.publish(Collections::new(two).unwrap());
    let app = app(state);
    let search = |body| send(&app, search_request(body));
    assert_eq!(search(r#"{"query":"a"}"#).await.ok()["collection"], "one");
    let second = search(r#"{"query":"a","collection":"two"}"#).await.ok();
    assert_eq!(second["collection"], "two");
}

#[test]
fn names_must_tell_collections_apart() {
    let dir = tempfile::tempdir().unwrap();
    let index = build_index(&dir.path().join("index"), hash_encoder());
    let named = |name: &str| Collection::new(name, index.clone());
    assert_eq!(Collections::new(Vec::new()).unwrap_err(), CollectionsError::Empty);
    assert_eq!(Collections::new(vec![named("")]).unwrap_err(), CollectionsError::Unnamed);
    let twice = Collections::new(vec![named("a"), named("b"), named("a")]).unwrap_err();
    assert_eq!(twice, CollectionsError::Duplicate { name: "a".into() });
}

#[tokio::test]
async fn unknown_paths_and_methods_are_json_errors() {
    let fixture = Fixture::new();
    for path in ["/nothing", "/v1", "/v2/search", "/v1/search/", "/../etc/passwd", "/app.js/.."] {
        fixture.get(path).await.error(404, "unknown_route");
    }
    for (method, path, allowed) in [
        ("GET", "/v1/search", "POST"),
        ("PATCH", "/v1/documents/a", "DELETE,GET,HEAD,PUT"),
        ("POST", "/healthz", "GET,HEAD"),
        ("PUT", "/", "GET,HEAD"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = send(&fixture.app, request).await;
        answer.error(405, "method_not_allowed");
        let mut told: Vec<_> = answer.headers[header::ALLOW].to_str().unwrap().split(',').collect();
        told.sort_unstable();
        assert_eq!(told.join(","), allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let fixture = Fixture::new();
    for path in ["/", "/app.js", "/healthz", "/v1/collections", "/nothing", "/v1/documents/none"] {
        let answer = fixture.get(path).await;
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(answer.headers[header::REFERRER_POLICY], "no-referrer");
        assert!(answer.headers.contains_key(header::CACHE_CONTROL));
        assert!(answer.headers.contains_key("x-request-id"));
    }
}

#[tokio::test]
async fn a_request_keeps_its_clients_id_and_an_error_names_it() {
    let fixture = Fixture::new();
    let get = |id: &'static str| {
        let request = Request::get("/v1/documents/none").header("x-request-id", id);
        send(&fixture.app, request.body(Body::empty()).unwrap())
    };
    let answer = get("case-42").await;
    assert_eq!(answer.headers["x-request-id"], "case-42");
    assert_eq!(answer.error(404, "unknown_document")["request_id"], "case-42");

    let unsafe_one = get("a b; c").await;
    let own = unsafe_one.headers["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(unsafe_one.error(404, "unknown_document")["request_id"], own);
    let next = fixture.get("/healthz").await;
    assert!(own.contains('-') && next.headers["x-request-id"] != own, "{own}");

    // One that comes within a stream, when the handler has long returned.
    let failed = Reply::status(500, &json!({"error": {"message": "x"}}));
    let (fixture, _provider) = written([failed]);
    let body = json!({"question": "a value", "model": "small", "stream": true}).to_string();
    let mut request = post("/v1/answer", Body::from(body));
    request.headers_mut().insert("x-request-id", "case-43".parse().unwrap());
    let streamed = send(&fixture.app, request).await.text;
    assert!(streamed.contains("event: error") && streamed.contains("case-43"), "{streamed}");
}

#[tokio::test]
async fn the_page_needs_nothing_that_its_policy_forbids() {
    let fixture = Fixture::new();
    let html = fixture.get("/").await.text;
    for forbidden in ["<script>", "<style", "style=", "onclick=", "http://", "https://", "//cdn"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    // Every file that is referred to is served, as what it is.
    let mut pending = vec!["/".to_owned(), "/docs".to_owned()];
    let mut seen = Vec::new();
    while let Some(path) = pending.pop() {
        if seen.contains(&path) {
            continue;
        }
        let answer = fixture.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        let kind = answer.headers[header::CONTENT_TYPE].to_str().unwrap();
        let expected = match path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(kind, expected);
        assert!(!answer.text.contains("innerHTML"), "{path} must not parse HTML");
        for (start, _) in answer.text.match_indices(['"']) {
            let rest = &answer.text[start + 1..];
            let name = rest.split('"').next().unwrap_or_default();
            let is_file = [".js", ".css", ".svg"].iter().any(|end| name.ends_with(end));
            if is_file && !name.contains(' ') {
                pending.push(format!("/{}", name.trim_start_matches(['.', '/'])));
            }
        }
        seen.push(path);
    }
    assert!(seen.len() >= 30, "{seen:?}");
}

#[tokio::test]
async fn a_foreign_host_is_refused_on_a_loopback_server() {
    let dir = tempfile::tempdir().unwrap();
    let index = build_index(&dir.path().join("index"), hash_encoder());
    let hosts = HostPolicy::for_address("127.0.0.1:7700".parse().unwrap(), &[]);
    let state = AppState::starting(Limits::default(), hosts);
    state.publish(Collections::new(vec![Collection::new("texts", index)]).unwrap());
    let app = app(state);
    let get = |host: &str| {
        Request::get("/v1/collections").header(header::HOST, host).body(Body::empty()).unwrap()
    };
    send(&app, get("localhost:7700")).await.ok();
    send(&app, get("rebound.example:7700")).await.error(403, "foreign_host");
}

#[tokio::test]
async fn a_report_is_served_inert_where_there_is_one() {
    let fixture = Fixture::new();
    fixture.get("/report").await.error(404, "unknown_route");
    assert_eq!(fixture.get("/v1/collections").await.ok()["report"], Value::Null);
    fixture.state.show_report(ReportPage::new("<h1>Recall</h1><script>steal()</script>"));
    assert_eq!(fixture.get("/v1/collections").await.ok()["report"], "/report");
    let page = fixture.get("/report").await;
    assert_eq!((page.status.as_u16(), page.text.starts_with("<h1>Recall")), (200, true));
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
    assert!(
        !policy.contains("script-src") && page.headers[header::X_CONTENT_TYPE_OPTIONS] == "nosniff"
    );
    let own = fixture.get("/").await.headers[header::CONTENT_SECURITY_POLICY].clone();
    assert!(own.to_str().unwrap().contains("script-src 'self'"), "other pages keep theirs");
}
