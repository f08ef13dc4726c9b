//! A server on a real port: start, readiness, new commits, orderly end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::support::{GateEncoder, add, build_index, document, hash_encoder};
use engine::{Encoder, HashEncoder, Index, OpenOptions, Verify};
use server::{CollectionSource, Limits, Opened, ServerConfig, ServerError, serve, serve_on};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server that runs until told to stop.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServerError>>,
}

impl Running {
    async fn start(collections: Vec<CollectionSource>, limits: Limits) -> Self {
        let address = "127.0.0.1:0".parse().unwrap();
        Self::of(ServerConfig { limits, ..ServerConfig::new(address, collections) }).await
    }

    pub(super) async fn of(config: ServerConfig) -> Self {
        let listener = TcpListener::bind(config.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve_on(listener, config, stopped));
        Self { address, stop: Some(stop), task }
    }

    pub(super) async fn until_ready(&self) {
        for _ in 0..1000 {
            if exchange(self.address, &get("/readyz")).await.starts_with("HTTP/1.1 200") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the server never became ready");
    }

    pub(super) fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }
}

pub(super) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn post(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Sends bytes on a connection of their own and reads until its end; what was
/// read when the connection broke counts.
pub(super) async fn exchange(address: SocketAddr, request: &str) -> String {
    let request = request.to_owned();
    let client = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        String::from_utf8(response).unwrap()
    };
    tokio::task::spawn_blocking(client).await.unwrap()
}

#[tokio::test]
async fn health_answers_while_indexes_open_and_readiness_follows() {
    let dir = tempfile::tempdir().unwrap();
    let index = build_index(&dir.path().join("index"), hash_encoder());
    let (proceed, wait) = std::sync::mpsc::channel::<()>();
    let slow = CollectionSource::deferred("texts", move || {
        wait.recv()?;
        Ok(index.into())
    });
    let mut running = Running::start(vec![slow], Limits::default()).await;
    let address = running.address;
    assert!(exchange(address, &get("/healthz")).await.starts_with("HTTP/1.1 200"));
    assert!(exchange(address, &get("/readyz")).await.starts_with("HTTP/1.1 503"));
    assert!(exchange(address, &get("/")).await.contains("<title>Trovato</title>"));
    proceed.send(()).unwrap();
    running.until_ready().await;
    let found = exchange(address, &post(r#"{"query":"who borrows a value"}"#)).await;
    assert!(found.contains("book/references.md"), "{found}");
    running.stop();
    running.task.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).is_err(), "the port is free again");
}

/// A collection whose encoder comes when `wait` says so.
fn encoded_later(
    dir: std::path::PathBuf,
    wait: std::sync::mpsc::Receiver<Arc<dyn Encoder>>,
) -> CollectionSource {
    CollectionSource::deferred("texts", move || {
        let index = Arc::new(Index::open_before_encoder(&dir, Verify::Auto)?);
        let to = Arc::clone(&index);
        let attach = Box::new(move || {
            to.attach_encoder(wait.recv()?)?;
            Ok(None)
        });
        Ok(Opened { index, reranker: None, attach_encoder: Some(attach) })
    })
}

#[tokio::test]
async fn words_are_searched_while_the_encoder_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    drop(build_index(&path, hash_encoder()));
    let (loaded, wait) = std::sync::mpsc::channel();
    let mut running = Running::start(vec![encoded_later(path, wait)], Limits::default()).await;
    let address = running.address;
    let mut ready = String::new();
    for _ in 0..1000 {
        ready = exchange(address, &get("/readyz")).await;
        if ready.contains("loading") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(ready.contains(r#""name":"texts","words":true,"models":false"#), "{ready}");
    assert!(ready.contains(r#""code":"starting""#), "{ready}");

    let ask = |strategy: &str| {
        post(&format!(r#"{{"query":"who borrows a value","strategy":"{strategy}"}}"#))
    };
    let words = exchange(address, &ask("lexical")).await;
    assert!(words.contains("book/references.md"), "{words}");
    assert!(words.contains(r#""degraded":[]"#), "{words}");
    let both = exchange(address, &ask("hybrid")).await;
    assert!(both.contains("book/references.md"), "{both}");
    assert!(both.contains(r#""stage":"encode""#) && both.contains("being loaded"), "{both}");
    let vectors = exchange(address, &ask("dense")).await;
    assert!(vectors.starts_with("HTTP/1.1 503") && vectors.contains("starting"), "{vectors}");

    loaded.send(hash_encoder()).unwrap();
    running.until_ready().await;
    let both = exchange(address, &ask("hybrid")).await;
    assert!(both.contains(r#""degraded":[]"#), "{both}");
    let ready = exchange(address, &get("/readyz")).await;
    assert!(ready.contains(r#""words":true,"models":true"#), "{ready}");
    running.stop();
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_encoder_of_another_index_ends_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    drop(build_index(&path, hash_encoder()));
    let (loaded, wait) = std::sync::mpsc::channel();
    let running = Running::start(vec![encoded_later(path, wait)], Limits::default()).await;
    let foreign: Arc<dyn Encoder> = Arc::new(HashEncoder::new(64, 256));
    loaded.send(foreign).unwrap();
    let error = running.task.await.unwrap().unwrap_err();
    let ServerError::Open { source, .. } = &error else { panic!("{error}") };
    assert!(source.to_string().contains("holds vectors of"), "{source}");
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_ends() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = GateEncoder::new();
    let index = build_index(&dir.path().join("index"), Arc::clone(&encoder) as Arc<dyn Encoder>);
    let source = CollectionSource::opened("texts", index);
    let mut running = Running::start(vec![source], Limits::default()).await;
    running.until_ready().await;
    let address = running.address;
    let client = tokio::spawn(async move { exchange(address, &post(r#"{"query":"hold"}"#)).await });
    encoder.until_held(1).await;
    // Connections that say nothing must not delay the end.
    let silent = TcpStream::connect(address).unwrap();
    running.stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!running.task.is_finished(), "it waits for the request");
    assert!(TcpStream::connect(address).is_err(), "but takes no new one");
    encoder.open();
    let response = client.await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    tokio::time::timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap().unwrap();
    drop(silent);
}

#[tokio::test]
async fn the_drain_limit_ends_a_server_that_cannot_finish() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = GateEncoder::new();
    let index = build_index(&dir.path().join("index"), Arc::clone(&encoder) as Arc<dyn Encoder>);
    let limits = Limits { drain_timeout: Duration::from_millis(100), ..Limits::default() };
    let source = CollectionSource::opened("texts", index);
    let mut running = Running::start(vec![source], limits).await;
    running.until_ready().await;
    let address = running.address;
    let client = tokio::spawn(async move { exchange(address, &post(r#"{"query":"hold"}"#)).await });
    encoder.until_held(1).await;
    let asked = Instant::now();
    running.stop();
    let error = running.task.await.unwrap().unwrap_err();
    assert!(matches!(error, ServerError::DrainExpired { .. }), "{error}");
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!(client.await.unwrap(), "", "the connection was cut");
    encoder.open();
}

#[tokio::test]
async fn half_a_request_ends_by_itself_and_does_not_spoil_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let index = build_index(&dir.path().join("index"), hash_encoder());
    let limits = Limits { head_timeout: Duration::from_millis(300), ..Limits::default() };
    let source = CollectionSource::opened("texts", index);
    let mut running = Running::start(vec![source], limits).await;
    running.until_ready().await;
    let idle = get("/healthz").replace("Connection: close\r\n", "");
    for (sent, answers) in [("GET /healthz HTT", 0), ("", 0), (idle.as_str(), 1)] {
        let asked = Instant::now();
        let answer = exchange(running.address, sent).await;
        assert_eq!(answer.matches("200 OK").count(), answers, "{answer}");
        assert!(asked.elapsed() < Duration::from_secs(5), "{sent:?} had its time");
    }

    let mut half = TcpStream::connect(running.address).unwrap();
    half.write_all(b"GET /healthz HTT").unwrap();
    running.stop();
    tokio::time::timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_answers_several_requests() {
    let dir = tempfile::tempdir().unwrap();
    let index = build_index(&dir.path().join("index"), hash_encoder());
    let source = CollectionSource::opened("texts", index);
    let mut running = Running::start(vec![source], Limits::default()).await;
    running.until_ready().await;
    let ask = get("/healthz");
    let keep = ask.replace("Connection: close\r\n", "");
    let answers = exchange(running.address, &format!("{keep}{keep}{ask}")).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
    running.stop();
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_new_commit_is_served_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    let index = build_index(&path, hash_encoder());
    let options = OpenOptions { encoder: Some(hash_encoder()), ..OpenOptions::default() };
    let served = Arc::new(Index::open(&path, options).unwrap());
    let source = CollectionSource::opened("texts", served);
    let mut running = Running::start(vec![source], Limits::default()).await;
    running.until_ready().await;
    let ask = post(r#"{"query":"zyzzyva","strategy":"lexical"}"#);
    assert!(exchange(running.address, &ask).await.contains(r#""hits":[]"#));
    add(&index, &[document("new.md", "New", "A zyzzyva is a weevil.")]);
    let asked = Instant::now();
    while !exchange(running.address, &ask).await.contains("new.md") {
        assert!(asked.elapsed() < Duration::from_secs(10), "the commit was never served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.stop();
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let broken = CollectionSource::deferred("broken", || Err("no such index".into()));
    let running = Running::start(vec![broken], Limits::default()).await;
    let error = running.task.await.unwrap().unwrap_err();
    assert!(matches!(&error, ServerError::Open { name, .. } if name == "broken"), "{error}");

    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let source = CollectionSource::deferred("texts", || Err("never opened".into()));
    let error = serve(ServerConfig::new(address, vec![source])).await.unwrap_err();
    assert!(matches!(error, ServerError::Bind { .. }), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");

    let none = serve(ServerConfig::new(address, Vec::new())).await.unwrap_err();
    assert!(matches!(none, ServerError::Collections(_)), "{none}");
}

#[tokio::test]
async fn a_server_can_be_stopped_while_it_starts() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let never = CollectionSource::deferred("never", move || {
        let _ = wait.recv();
        Err("too late".into())
    });
    let mut running = Running::start(vec![never], Limits::default()).await;
    assert!(exchange(running.address, &get("/healthz")).await.starts_with("HTTP/1.1 200"));
    running.stop();
    running.task.await.unwrap().unwrap();
    drop(release);
}

#[tokio::test]
async fn garbage_on_the_wire_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let index = build_index(&dir.path().join("index"), hash_encoder());
    let source = CollectionSource::opened("texts", index);
    let mut running = Running::start(vec![source], Limits::default()).await;
    running.until_ready().await;
    for garbage in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let answer = exchange(running.address, garbage).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    running.until_ready().await;
    running.stop();
    running.task.await.unwrap().unwrap();
}
