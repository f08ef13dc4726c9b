//! Keys: who gets in, what for, how often, and how it is told.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use super::support::{Answer, build_index, hash_encoder, post, send};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use engine::Index;
use serde_json::Value;
use server::{
    AccessKey, AppState, Collection, CollectionSource, Collections, HostPolicy, KeyEntry, KeyFile,
    Keys, Limits, Scope, ServerConfig, ServerError, app, serve,
};
use tempfile::TempDir;

/// A service that asks for keys, over the collections `mine` and `theirs`.
pub(super) struct Guarded {
    pub(super) app: Router,
    pub(super) theirs: Arc<Index>,
    dir: TempDir,
    keys: Keys,
}

impl Guarded {
    /// One whose keys are made by these entries, and the keys.
    pub(super) fn new(entries: Vec<Entry>) -> (Self, Vec<AccessKey>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.toml");
        let made = entries.into_iter().map(|entry| entry.made(&path)).collect();
        let keys = Keys::open(&path).unwrap();
        let [mine, theirs] =
            ["mine", "theirs"].map(|name| build_index(&dir.path().join(name), hash_encoder()));
        let state = AppState::starting(Limits::default(), HostPolicy::Any);
        state.require_keys(keys.clone());
        state.publish(
            Collections::new(vec![
                Collection::new("theirs", Arc::clone(&theirs)),
                Collection::new("mine", mine),
            ])
            .unwrap(),
        );
        (Self { app: app(state), theirs, dir, keys }, made)
    }

    pub(super) async fn send(&self, key: Option<&AccessKey>, request: Request<Body>) -> Answer {
        send(&self.app, with(key, request)).await
    }

    pub(super) async fn get(&self, key: Option<&AccessKey>, path: &str) -> Answer {
        self.send(key, Request::get(path).body(Body::empty()).unwrap()).await
    }
}

/// A key that is yet to be made.
pub(super) struct Entry {
    name: &'static str,
    scopes: Vec<Scope>,
    collections: Option<&'static str>,
    per_minute: u32,
    expires: Option<&'static str>,
}

impl Entry {
    pub(super) fn of(name: &'static str, scopes: &[Scope]) -> Self {
        let scopes = scopes.to_vec();
        Self { name, scopes, collections: None, per_minute: 10_000, expires: None }
    }

    pub(super) fn seeing(self, collection: &'static str) -> Self {
        Self { collections: Some(collection), ..self }
    }

    fn made(self, path: &Path) -> AccessKey {
        let Self { name, scopes, collections, per_minute, expires } = self;
        let key = AccessKey::generate().unwrap();
        let per_minute = NonZeroU32::new(per_minute).unwrap();
        let entry = KeyEntry::now(name, &key, scopes.into_iter().collect(), per_minute);
        let collections = collections.map(|name| BTreeSet::from([name.to_owned()]));
        let expires = expires.map(|day| day.parse().unwrap());
        KeyFile::add(path, KeyEntry { collections, expires, ..entry }).unwrap();
        key
    }
}

pub(super) fn with(key: Option<&AccessKey>, mut request: Request<Body>) -> Request<Body> {
    if let Some(key) = key {
        let value = HeaderValue::try_from(format!("Bearer {}", key.reveal())).unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    request
}

/// Routes of the document that may be asked for without a key.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

#[tokio::test]
async fn no_route_answers_without_a_key_nor_with_one_for_something_else() {
    let (guarded, keys) = Guarded::new(vec![
        Entry::of("all", &Scope::ALL),
        Entry::of("search", &[Scope::Search]),
        Entry::of("answer", &[Scope::Answer]),
        Entry::of("write", &[Scope::Write]),
        Entry::of("admin", &[Scope::Admin]),
    ]);
    let document = guarded.get(None, "/openapi.json").await.ok();
    let mut n_asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            // Names of jobs hold no slash.
            let id = if path.starts_with("/v1/jobs") { "1-1" } else { "a/b" };
            let ask = async |key: Option<&AccessKey>| {
                let method = method.to_uppercase();
                let request = Request::builder().method(method.as_str());
                let request = request.uri(path.replace("{id}", id)).body(Body::empty());
                guarded.send(key, request.unwrap()).await
            };
            let unasked = ask(None).await;
            if OPEN.contains(&path.as_str()) {
                assert_eq!(unasked.status, 200, "{what}");
                assert_eq!(operation["security"], serde_json::json!([]), "{what}");
                continue;
            }
            unasked.error(401, "missing_key");
            assert!(
                unasked.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer")
            );
            // What the table lets through, and what it does not list, differ here.
            let whole = ask(Some(&keys[0])).await;
            let turned_away = [401, 403, 405, 429].contains(&whole.status.as_u16());
            // Whoever may write is told that nothing can be written here.
            let is_admitted = !turned_away || whole.text.contains("read_only");
            assert!(is_admitted, "{what}: {}", whole.text);
            assert!(!whole.text.contains("unknown_route"), "{what}: {}", whole.text);
            let needed = operation["security"][0]["key"][0].as_str();
            for (key, scope) in keys[1..].iter().zip(Scope::ALL) {
                let answer = ask(Some(key)).await;
                if needed.is_none_or(|needed| needed == scope.name()) {
                    let is_admitted = answer.status != 403 || answer.text.contains("read_only");
                    assert!(is_admitted, "{what} with {scope}: {}", answer.text);
                } else {
                    let error = answer.error(403, "missing_scope");
                    assert!(error["message"].as_str().unwrap().contains(needed.unwrap()));
                }
            }
            n_asked += 1;
        }
    }
    assert!(n_asked >= 10, "the document was walked: {n_asked}");
}

#[tokio::test]
async fn what_is_in_no_document_is_guarded_too_and_the_page_is_not() {
    let (guarded, keys) = Guarded::new(vec![
        Entry::of("search", &[Scope::Search]),
        Entry::of("admin", &[Scope::Admin]),
    ]);
    for path in ["/", "/ask", "/docs", "/app.js", "/openapi.json", "/icon.svg"] {
        assert_eq!(guarded.get(None, path).await.status, 200, "{path}");
    }
    for path in ["/report", "/metrics", "/v1/jobs", "/nothing", "/v1/search/", "/%2e%2e/etc"] {
        guarded.get(None, path).await.error(401, "missing_key");
    }
    guarded.send(None, post("/mcp", Body::from("{}"))).await.error(401, "missing_key");
    guarded.send(Some(&keys[1]), post("/mcp", Body::from("{}"))).await.error(403, "missing_scope");
    guarded.get(Some(&keys[0]), "/report").await.error(403, "missing_scope");
    guarded.get(Some(&keys[1]), "/report").await.error(404, "unknown_route");
    guarded.get(Some(&keys[0]), "/nothing").await.error(404, "unknown_route");
    let odd = Request::builder().method("PATCH").uri("/v1/documents/a").body(Body::empty());
    guarded.send(Some(&keys[0]), odd.unwrap()).await.error(405, "method_not_allowed");
}

#[tokio::test]
async fn a_wrong_an_expired_and_a_hasty_key_are_told_apart() {
    let [ended, slow] = ["ended", "slow"].map(|name| Entry::of(name, &[Scope::Search]));
    let (guarded, keys) = Guarded::new(vec![
        Entry { expires: Some("2020-01-31"), ..ended },
        Entry { per_minute: 3, ..slow },
    ]);
    let sent = async |name: &str, value: &str| {
        let request = Request::get("/v1/models").header(name, value).body(Body::empty());
        send(&guarded.app, request.unwrap()).await
    };
    let foreign = AccessKey::generate().unwrap();
    for wrong in ["Bearer x", "Bearer tvo_", &format!("Bearer {}", foreign.reveal())] {
        let answer = sent("authorization", wrong).await;
        let error = answer.error(401, "unknown_key");
        assert_eq!(error["type"], "invalid_request_error", "in the shape of OpenAI's clients");
        assert!(
            answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap().contains("invalid_token")
        );
        assert!(!answer.text.contains(foreign.reveal()), "a key is not echoed");
    }
    let ended = guarded.get(Some(&keys[0]), "/v1/collections").await;
    assert!(ended.error(401, "expired_key")["message"].as_str().unwrap().contains("2020-01-31"));

    sent("x-api-key", keys[1].reveal()).await.ok();
    guarded.get(Some(&keys[1]), "/v1/collections").await.ok();
    // Refusals count: asking for what one may not have is not free.
    guarded
        .send(Some(&keys[1]), post("/v1/answer", Body::from("{}")))
        .await
        .error(403, "missing_scope");
    let answer = guarded.get(Some(&keys[1]), "/v1/models").await;
    assert_eq!(answer.error(429, "rate_limited")["type"], "invalid_request_error");
    let seconds: u64 = answer.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=21).contains(&seconds), "20 s a request: {seconds}");
    assert_eq!(guarded.get(None, "/healthz").await.status, 200);
}

#[tokio::test]
async fn a_server_that_others_reach_asks_for_keys_or_does_not_start() {
    let (guarded, _) = Guarded::new(vec![Entry::of("all", &Scope::ALL)]);
    for address in ["0.0.0.0:0", "[::]:0"] {
        let never = CollectionSource::deferred("texts", || Err("opened".into()));
        let config = ServerConfig::new(address.parse().unwrap(), vec![never]);
        let error = serve(config).await.unwrap_err();
        assert!(matches!(error, ServerError::Exposed { .. }), "{error}");
        for told in [address, "trovato keys create", "--open-to-network"] {
            assert!(error.to_string().contains(told), "{error}");
        }
    }
    let shown = format!("{:?}", guarded.keys);
    assert!(!shown.contains("sha256") && !shown.contains("tvo_"), "{shown}");
    assert!(guarded.dir.path().join("keys.toml").is_file());
}

#[tokio::test]
async fn a_description_tells_of_keys_only_where_they_are_asked_for() {
    let (guarded, _) = Guarded::new(vec![Entry::of("all", &Scope::ALL)]);
    let document = guarded.get(None, "/openapi.json").await.ok();
    assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
    let responses = &document["paths"]["/v1/search"]["post"]["responses"];
    assert!(responses["401"].is_object() && responses["429"].is_object(), "{responses}");
    let open = super::support::Fixture::new().get("/openapi.json").await.ok();
    assert_eq!(open["components"]["securitySchemes"], Value::Null);
    assert_eq!(open["paths"]["/v1/search"]["post"]["responses"]["401"], Value::Null);
}
