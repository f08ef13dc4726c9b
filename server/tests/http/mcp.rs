//! The Model Context Protocol: tools and resources over a pair of streams, and the
//! same over HTTP.

use super::support::{Answer, Fixture, TEXTS, add, build_index, document, hash_encoder, send};
use axum::body::Body;
use axum::http::{Request, header};
use engine::Document;
use rmcp::ServiceExt;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ReadResourceRequestParams, ResourceContents,
};
use rmcp::service::{RoleClient, RunningService, ServiceError};
use serde_json::{Value, json};
use server::{AppState, CollectionSource, HostPolicy, Limits, McpServerError, app, serve_mcp};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A client with a server of its own, over a collection `texts`.
struct Session {
    client: RunningService<RoleClient, ()>,
    server: JoinHandle<Result<(), McpServerError>>,
    _dir: TempDir,
}

impl Session {
    async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    async fn with(limits: Limits) -> Self {
        Self::over(limits, Vec::new()).await
    }

    /// With further documents.
    async fn over(limits: Limits, documents: Vec<Document>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        let source = CollectionSource::deferred("texts", move || {
            // Longer than a handshake takes: calls must wait for it.
            std::thread::sleep(std::time::Duration::from_millis(200));
            let index = build_index(&path, hash_encoder());
            add(&index, &documents);
            index.refresh()?;
            Ok(index.into())
        });
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(theirs);
        let server = tokio::spawn(serve_mcp(input, output, vec![source], limits));
        let client = ().serve(ours).await.unwrap();
        Self { client, server, _dir: dir }
    }

    async fn call(&self, tool: &'static str, arguments: Value) -> CallToolResult {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let request = CallToolRequestParams::new(tool).with_arguments(arguments);
        self.client.call_tool(request).await.unwrap()
    }

    /// The structure and the words of a success.
    async fn ok(&self, tool: &'static str, arguments: Value) -> (Value, String) {
        let result = self.call(tool, arguments).await;
        let words = words(&result);
        assert_ne!(result.is_error, Some(true), "{words}");
        (result.structured_content.unwrap(), words)
    }

    /// The message of a refusal.
    async fn refused(&self, tool: &'static str, arguments: Value) -> String {
        let result = self.call(tool, arguments).await;
        assert_eq!(result.is_error, Some(true), "{}", words(&result));
        words(&result)
    }
}

fn words(result: &CallToolResult) -> String {
    let [content] = &result.content[..] else { panic!("one text: {result:?}") };
    content.as_text().unwrap().text.clone()
}

#[tokio::test]
async fn a_host_learns_what_it_may_call() {
    let session = Session::start().await;
    let info = session.client.peer_info().unwrap();
    assert_eq!(info.server_info.as_ref().unwrap().name, "trovato");
    assert!(info.instructions.as_ref().unwrap().contains("search"));
    let tools = session.client.list_all_tools().await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    assert_eq!(names, ["search", "read_document", "explain", "list_collections"]);
    for tool in &tools {
        let annotations = tool.annotations.as_ref().unwrap();
        assert_eq!(annotations.read_only_hint, Some(true));
        assert_eq!(annotations.open_world_hint, Some(false));
        let output = tool.output_schema.as_ref().unwrap();
        assert_eq!(output["type"], "object");
        let input = &tool.input_schema;
        assert_eq!(
            (&input["type"], &input["additionalProperties"]),
            (&json!("object"), &json!(false))
        );
        // A tool without arguments has none.
        let properties = input.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let told = property["description"].as_str().is_some_and(|told| told.len() > 10);
            assert!(told, "{} {name}: {property}", tool.name);
            assert!(property["type"].is_string(), "{} {name}: {property}", tool.name);
        }
    }
    let search = &tools[0].input_schema;
    assert_eq!(search["required"], json!(["query"]));
    assert_eq!(search["properties"]["top"]["maximum"], 100);
    assert_eq!(search["properties"]["top"]["minimum"], 1);
    assert_eq!(search["properties"]["strategy"]["enum"], json!(["hybrid", "lexical", "dense"]));
}

#[tokio::test]
async fn a_search_returns_evidence() {
    let session = Session::start().await;
    let (found, words) = session.ok("search", json!({"query": "who borrows a value"})).await;
    assert_eq!(found["collection"], "texts");
    assert!(found["score_kind"].as_str().unwrap().starts_with("dbsf"), "{found}");
    let hits = found["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 5);
    let hit = &hits[0];
    assert_eq!((&hit["rank"], &hit["document"]), (&json!(1), &json!("book/references.md")));
    assert_eq!((&hit["title"], &hit["headings"]), (&json!("References"), &json!(["References"])));
    assert_eq!(hit["start"], 0);
    assert_eq!(hit["end"], hit["text"].as_str().unwrap().len());
    assert_eq!((&hit["lexical_rank"], &hit["fields"]["folder"]), (&json!(1), &json!("book")));
    assert_eq!(hit["confidence"]["agreement"], "both_legs");
    let cosine = hit["confidence"]["cosine"].as_f64().unwrap();
    assert!(cosine > 0.0 && cosine <= 1.0, "{cosine}");
    assert!(words.contains("[1] References\nbook/references.md bytes 0..58"), "{words}");
    assert!(words.contains("words #1") && words.contains(TEXTS[0].2), "{words}");

    let arguments = json!({"query": "value", "strategy": "lexical", "top": 1, "per_document": 1,
        "filter": "folder = notes", "rerank": "none", "deadline_ms": 1000, "collection": "texts"});
    let (found, _) = session.ok("search", arguments).await;
    assert_eq!(
        (&found["score_kind"], found["hits"].as_array().unwrap().len()),
        (&json!("bm25"), 1)
    );
    let confidence = &found["hits"][0]["confidence"];
    assert_eq!(confidence, &json!({"agreement": "one_leg", "cosine": null, "reranked": false}));
}

#[tokio::test]
async fn a_search_that_finds_nothing_says_what_to_try() {
    let session = Session::start().await;
    let arguments = json!({"query": "+xylophone", "strategy": "lexical", "filter": "folder = x"});
    let (found, words) = session.ok("search", arguments).await;
    assert_eq!(found["hits"], json!([]));
    let hint = found["hint"].as_str().unwrap();
    for part in ["filter", "without quotes", "hybrid"] {
        assert!(hint.contains(part), "{hint}");
    }
    assert!(words.contains(hint), "{words}");
}

#[tokio::test]
async fn a_result_keeps_to_its_budget_and_says_what_was_cut() {
    // Characters of two bytes, and such that JSON writes with two.
    let long = "Ein \"geborgter\" Wert: borrowed value, Größe.\n".repeat(20);
    let long = document("long/wert.md", "Borrowed value, Größe", &long);
    let session = Session::over(Limits::default(), vec![long]).await;
    let search = async |tokens: Option<u64>| {
        let mut arguments = json!({"query": "borrowed value Größe 所有権"});
        if let Some(tokens) = tokens {
            arguments["budget_tokens"] = tokens.into();
        }
        session.ok("search", arguments).await
    };
    let (whole, _) = search(None).await;
    let (roomy, _) = search(Some(100_000)).await;
    assert_eq!(whole, roomy);
    assert!(whole.get("cut").is_none());
    let n_whole = whole["hits"].as_array().unwrap().len();
    let (mut seen, mut shortened) = (Vec::new(), 0);
    for tokens in (300..1500).step_by(20) {
        let (found, words) = search(Some(tokens)).await;
        let structure = found.to_string();
        let most = 3 * tokens as usize;
        assert!(structure.len() <= most && words.len() <= most, "{tokens}: {structure}");
        let hits = found["hits"].as_array().unwrap();
        let Some(cut) = found.get("cut") else { continue };
        assert_eq!(cut["left_out"], n_whole - hits.len(), "{tokens}");
        let n_cut = hits.iter().filter(|hit| hit.get("cut_at").is_some()).count();
        assert_eq!(cut["shortened"], n_cut, "{tokens}");
        shortened += n_cut;
        assert!(words.contains("budget_tokens"), "{words}");
        for (hit, whole) in hits.iter().zip(whole["hits"].as_array().unwrap()) {
            let (text, all) = (hit["text"].as_str().unwrap(), whole["text"].as_str().unwrap());
            assert!(all.starts_with(text));
            let end = hit.get("cut_at").unwrap_or(&hit["end"]).as_u64().unwrap();
            assert_eq!(end - hit["start"].as_u64().unwrap(), text.len() as u64);
        }
        seen.push(hits.len());
    }
    assert!(shortened > 3, "{shortened}");
    assert!(seen.is_sorted() && seen.first() < seen.last(), "{seen:?}");
    let message = session.refused("search", json!({"query": "a", "budget_tokens": 10})).await;
    assert!(message.contains("`budget_tokens` is 10; it must be from 300"), "{message}");
}

#[tokio::test]
async fn a_document_is_read_around_a_hit_and_page_by_page() {
    let session = Session::start().await;
    let (id, title, body) = TEXTS[1];
    let text = format!("{title}\n\n{body}");
    let (whole, words) = session.ok("read_document", json!({"document": id})).await;
    assert_eq!((&whole["text"], &whole["total_bytes"]), (&json!(text), &json!(text.len())));
    assert_eq!((&whole["title"], &whole["headings"]), (&json!(title), &json!([title])));
    assert_eq!(whole["next_start"], Value::Null);
    assert!(words.contains(body), "{words}");

    // "ö" takes two bytes: from its middle the whole character is read.
    let arguments = json!({"document": id, "start": 3, "end": 4});
    assert_eq!(session.ok("read_document", arguments).await.0["text"], "ö");
    let arguments = json!({"document": id, "start": 19, "end": 22, "context_bytes": 5});
    let (around, _) = session.ok("read_document", arguments).await;
    let (start, end) = (around["start"].as_u64().unwrap(), around["end"].as_u64().unwrap());
    assert!(start <= 19 && end >= 22 && end - start <= 3 + 10, "{around}");
    assert_eq!(around["text"], text[start as usize..end as usize]);

    let (mut at, mut read) = (json!(0), String::new());
    while !at.is_null() {
        let arguments = json!({"document": id, "start": at, "max_bytes": 10});
        let (page, words) = session.ok("read_document", arguments).await;
        read.push_str(page["text"].as_str().unwrap());
        at = page["next_start"].clone();
        assert_eq!(words.contains("goes on"), !at.is_null());
    }
    assert_eq!(read, text);
}

#[tokio::test]
async fn an_explanation_is_lines_or_a_reason() {
    let session = Session::start().await;
    let ask = json!({"query": "who borrows a value", "document": "book/references.md"});
    let (found, words) = session.ok("explain", ask).await;
    assert_eq!((&found["hit"]["rank"], &found["why_not"]), (&json!(1), &Value::Null));
    let lines: Vec<_> =
        found["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let score = found["hit"]["score"].as_f64().unwrap();
    let first: f64 = lines[0].split(' ').next().unwrap().parse().unwrap();
    assert!((first - score).abs() < 1e-6, "{lines:?}");
    assert!(lines.iter().any(|line| line.trim_start() != *line && line.contains("cosine")));
    assert!(words.contains(lines[0]), "{words}");
    let is_folded = |line: &str| line.ends_with("[...]");
    assert!(
        lines.iter().any(|line| line.contains("term \"borrows\"") && is_folded(line)),
        "{lines:?}"
    );
    let deep = async |depth: u64| {
        let ask = json!({"query": "borrows", "document": TEXTS[0].0, "depth": depth});
        let lines = session.ok("explain", ask).await.0["lines"].take();
        serde_json::from_value::<Vec<String>>(lines).unwrap()
    };
    assert_eq!(deep(0).await.len(), 1);
    let all = deep(100).await;
    assert!(all.len() > deep(5).await.len() && !all.iter().any(|line| is_folded(line)));

    for (arguments, reason) in [
        (json!({"query": "value", "document": "nowhere.md"}), "not in the index"),
        (
            json!({"query": "value", "document": TEXTS[0].0, "filter": "folder = notes"}),
            "filter excludes",
        ),
        (json!({"query": "stack", "document": TEXTS[0].0, "top": 1}), "below the last hit"),
        (
            json!({"query": "borrows", "document": TEXTS[0].0, "start": 500, "end": 600}),
            "no passage of it that meets bytes 500..600",
        ),
    ] {
        let (missing, words) = session.ok("explain", arguments).await;
        assert_eq!((&missing["hit"], &missing["lines"]), (&Value::Null, &json!([])));
        assert!(missing["why_not"].as_str().unwrap().contains(reason), "{missing}");
        assert!(words.contains(reason), "{words}");
    }
}

#[tokio::test]
async fn collections_tell_their_fields() {
    let session = Session::start().await;
    let (listed, words) = session.ok("list_collections", json!({})).await;
    let texts = &listed["collections"][0];
    assert_eq!((&texts["name"], &texts["documents"]), (&json!("texts"), &json!(TEXTS.len())));
    assert_eq!((&texts["reranker"], &texts["stale"]), (&Value::Null, &json!(false)));
    let field = |name: &str| {
        let mut fields = texts["fields"].as_array().unwrap().iter();
        fields.find(|field| field["name"] == name).unwrap().clone()
    };
    assert_eq!(field("bytes")["types"], json!(["number"]));
    assert_eq!(field("folder")["examples"], json!(["book", "notes"]));
    assert!(words.contains("folder: text, such as book, notes"), "{words}");
}

#[tokio::test]
async fn a_wrong_call_is_told_what_is_wrong() {
    let session = Session::start().await;
    for (tool, arguments, part) in [
        ("search", json!({}), "missing field `query`"),
        ("search", json!({"query": " "}), "`query`: it is empty"),
        ("search", json!({"query": "a", "limit": 3}), "unknown field `limit`, expected one of"),
        ("search", json!({"query": "a", "top": "3"}), "top: invalid type: string"),
        ("search", json!({"query": "a", "top": 101}), "`top` is 101; it must be from 1 to 100"),
        ("search", json!({"query": "a", "strategy": "fuzzy"}), "lexical, dense, hybrid"),
        ("search", json!({"query": "a", "filter": "folder ="}), "`filter`: at byte"),
        ("search", json!({"query": "a", "rerank": "default"}), "has no reranker"),
        (
            "search",
            json!({"query": "a", "collection": "b"}),
            "no collection \"b\"; there are texts",
        ),
        ("read_document", json!({"document": "x"}), "has no document \"x\""),
        (
            "read_document",
            json!({"document": TEXTS[0].0, "start": 999}),
            "the document has 58 bytes",
        ),
        (
            "read_document",
            json!({"document": TEXTS[0].0, "start": 9, "end": 3}),
            "before the start, 9",
        ),
        (
            "read_document",
            json!({"document": TEXTS[0].0, "context_bytes": 3}),
            "give start and end",
        ),
        ("read_document", json!({"document": TEXTS[0].0, "max_bytes": 1}), "it must be from 4 to"),
        ("explain", json!({"query": "a", "document": "b", "start": 1}), "`end` is missing"),
        (
            "explain",
            json!({"query": "a", "document": "b", "start": 2, "end": 2}),
            "after its start, 2",
        ),
        (
            "explain",
            json!({"query": "a", "document": "b", "depth": 101}),
            "`depth` is 101; it must be from 0 to 100",
        ),
        ("list_collections", json!({"verbose": true}), "unknown field `verbose`"),
    ] {
        let message = session.refused(tool, arguments).await;
        assert!(message.contains(part), "{message}");
    }
    let unknown = session.client.call_tool(CallToolRequestParams::new("find")).await;
    let Err(ServiceError::McpError(error)) = unknown else { panic!("{unknown:?}") };
    assert!(error.message.contains("search, read_document"), "{error:?}");
}

#[tokio::test]
async fn documents_are_resources() {
    let session = Session::start().await;
    let templates = session.client.list_all_resource_templates().await.unwrap();
    assert_eq!(templates[0].uri_template, "trovato://{collection}/{+document}");
    let read =
        async |uri: &str| session.client.read_resource(ReadResourceRequestParams::new(uri)).await;
    let found = read("trovato://texts/notes/a%20b%3Fc%23d%25.md").await.unwrap();
    let [ResourceContents::TextResourceContents { text, uri, .. }] = &found.contents[..] else {
        panic!("{found:?}")
    };
    assert_eq!(text, "Odd name\n\nA borrowed value in a file with an odd name.");
    assert!(uri.starts_with("trovato://texts/"));
    for (uri, part) in [
        ("trovato://texts/nowhere.md", "no document"),
        ("trovato://other/a.md", "no collection"),
        ("file:///etc/passwd", "is no trovato://"),
    ] {
        let Err(ServiceError::McpError(error)) = read(uri).await else { panic!("{uri}") };
        assert!(error.message.contains(part), "{error:?}");
    }

    let limits = Limits { max_document_bytes: 40, ..Limits::default() };
    let session = Session::with(limits).await;
    let request = ReadResourceRequestParams::new("trovato://texts/book/references.md");
    let Err(ServiceError::McpError(error)) = session.client.read_resource(request).await else {
        panic!("more than 40 bytes")
    };
    assert!(error.message.contains("more than 40"), "{error:?}");
}

#[tokio::test]
async fn the_server_ends_with_its_client_and_with_an_index_that_does_not_open() {
    let session = Session::start().await;
    session.client.cancel().await.unwrap();
    session.server.await.unwrap().unwrap();

    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(theirs);
    let source = CollectionSource::deferred("texts", || Err("no such index".into()));
    let ended = serve_mcp(input, output, vec![source], Limits::default()).await;
    assert!(matches!(ended, Err(McpServerError::Collections(_))), "{ended:?}");
    drop(ours);

    let (_ours, theirs) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(theirs);
    assert!(serve_mcp(input, output, Vec::new(), Limits::default()).await.is_err());
}

fn posted(body: &Value) -> Request<Body> {
    Request::post("/mcp")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18")
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn tool_call(name: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
           "params": {"name": name, "arguments": arguments}})
}

fn result(answer: &Answer) -> Value {
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    answer.ok()["result"].clone()
}

#[tokio::test]
async fn http_answers_a_call_without_a_session() {
    let fixture = Fixture::new();
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}});
    let begun = send(&fixture.app, posted(&initialize)).await;
    assert_eq!(result(&begun)["serverInfo"]["name"], "trovato");
    assert!(!begun.headers.contains_key("mcp-session-id"));
    assert_eq!(begun.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");

    let call = tool_call("search", &json!({"query": "who borrows a value"}));
    let found = result(&send(&fixture.app, posted(&call)).await);
    assert_eq!(found["structuredContent"]["hits"][0]["document"], "book/references.md");
    let call = tool_call("search", &json!({"query": ""}));
    let refused = result(&send(&fixture.app, posted(&call)).await);
    assert_eq!(refused["isError"], true);
    assert_eq!(refused["content"][0]["text"], "`query`: it is empty");

    let stream = Request::get("/mcp").header(header::HOST, "localhost").body(Body::empty());
    assert_eq!(send(&fixture.app, stream.unwrap()).await.status, 405);
}

#[tokio::test]
async fn http_keeps_the_servers_limits_and_its_guard() {
    let limits = Limits { max_body_bytes: 300, ..Limits::default() };
    let fixture = Fixture::with(limits, hash_encoder());
    let call = tool_call("search", &json!({"query": "a".repeat(300)}));
    assert_eq!(send(&fixture.app, posted(&call)).await.status, 413);

    let local = HostPolicy::for_address("127.0.0.1:7700".parse().unwrap(), &[]);
    let app = app(AppState::starting(Limits::default(), local));
    let call = tool_call("list_collections", &json!({}));
    let with = |name: header::HeaderName, value: &str| {
        let mut request = posted(&call);
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let foreign = send(&app, with(header::HOST, "evil.example")).await;
    foreign.error(403, "foreign_host");
    assert_eq!(send(&app, with(header::ORIGIN, "https://evil.example")).await.status, 403);
    assert_eq!(send(&app, with(header::CONTENT_TYPE, "text/plain")).await.status, 415);
    // Before the indexes are open the call is told so, as everywhere else.
    let early = result(&send(&app, with(header::ORIGIN, "http://localhost:7700")).await);
    assert_eq!(early["isError"], true);
    assert!(early["content"][0]["text"].as_str().unwrap().contains("still being opened"));
}
