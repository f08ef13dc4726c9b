//! What a client may send and take, on real connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::lifetime::{Running, exchange, get};
use super::support::{Fixture, add, build_index, document, hash_encoder};
use server::{CollectionSource, Limits, ServerConfig};
use tempfile::TempDir;

async fn start(limits: Limits) -> (Running, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let index = build_index(&dir.path().join("index"), hash_encoder());
    let long = "A long line about nothing at all. ".repeat(30_000);
    add(&index, &[document("long.md", "Long", &long)]);
    index.refresh().unwrap();
    let source = CollectionSource::opened("texts", index);
    let config =
        ServerConfig { limits, ..ServerConfig::new("127.0.0.1:0".parse().unwrap(), vec![source]) };
    let running = Running::of(config).await;
    running.until_ready().await;
    (running, dir)
}

#[tokio::test]
async fn heads_are_bounded_in_bytes_and_in_headers() {
    let (mut running, _dir) = start(Limits::default()).await;
    let with = |headers: &str| get("/healthz").replace("Host:", &format!("{headers}Host:"));
    let fits = format!("X-Long: {}\r\n", "a".repeat(20_000));
    assert!(exchange(running.address, &with(&fits)).await.starts_with("HTTP/1.1 200"));
    let long = format!("X-Long: {}\r\n", "a".repeat(100_000));
    let many = "X-Many: a\r\n".repeat(70);
    for (refused, what) in [(with(&long), "long"), (with(&many), "many")] {
        let answer = exchange(running.address, &refused).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{what}: {answer}");
    }
    let address = get(&format!("/{}", "a".repeat(100_000)));
    let answer = exchange(running.address, &address).await;
    assert!(answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 414"), "{answer}");
    running.stop();
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let limits = Limits { request_timeout: Duration::from_millis(300), ..Limits::default() };
    let (mut running, _dir) = start(limits).await;
    let head = "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{\"query\"";
    let asked = Instant::now();
    let answer = exchange(running.address, head).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("timed_out"), "{answer}");
    assert!(asked.elapsed() < Duration::from_secs(10));
    running.stop();
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_one_to_end() {
    let limits =
        Limits { max_connections: 1, head_timeout: Duration::from_secs(2), ..Limits::default() };
    let (mut running, _dir) = start(limits).await;
    let address = running.address;
    let silent = TcpStream::connect(address).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let asked = tokio::spawn(async move { exchange(address, &get("/healthz")).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!asked.is_finished(), "the one place is taken");
    drop(silent);
    assert!(asked.await.unwrap().starts_with("HTTP/1.1 200"));
    running.stop();
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_cut_off() {
    let limits = Limits { stall_timeout: Duration::from_millis(300), ..Limits::default() };
    let (mut running, _dir) = start(limits).await;
    let address = running.address;
    let client = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        // Far more than the buffers of both ends hold.
        let ask = get("/v1/documents/long.md").replace("Connection: close\r\n", "");
        for _ in 0..40 {
            stream.write_all(ask.as_bytes()).unwrap();
        }
        std::thread::sleep(Duration::from_millis(1500));
        let mut taken = Vec::new();
        let _ = stream.read_to_end(&mut taken);
        taken.len()
    };
    let taken = tokio::task::spawn_blocking(client).await.unwrap();
    assert!(taken < 40 << 20, "{taken} bytes came of 40 documents of a megabyte");
    running.stop();
}

#[tokio::test]
async fn json_within_json_is_refused_and_not_followed() {
    let fixture = Fixture::new();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep =
            format!("{}1{}", open.repeat(50_000 / open.len()), close.repeat(50_000 / open.len()));
        let body = format!("{{\"query\": {deep}}}");
        let answer = fixture.search(&body).await;
        assert_eq!(answer.status, 400, "{}", &answer.text[..200.min(answer.text.len())]);
    }
    let deep = format!("{}a = 1{}", "(".repeat(2000), ")".repeat(2000));
    let body = serde_json::json!({"query": "a", "filter": deep}).to_string();
    assert_eq!(fixture.search(&body).await.status, 400);
}
