//! TLS: a certificate of one's own, spoken to by a client that trusts nothing else.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lifetime::{Running, exchange, get};
use super::support::{build_index, hash_encoder};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use server::{CollectionSource, Limits, ServerConfig, Tls, TlsError};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A certificate for `localhost` in `dir`, and a client that trusts it.
fn certificate(dir: &TempDir) -> (PathBuf, PathBuf, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| dir.path().join(name));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (cert, key, TlsConnector::from(Arc::new(client)))
}

#[tokio::test]
async fn requests_are_answered_over_tls_and_a_silent_handshake_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key, connector) = certificate(&dir);
    let index = build_index(&dir.path().join("index"), hash_encoder());
    let source = CollectionSource::opened("texts", index);
    let config = ServerConfig {
        tls: Some(Tls::read(&cert, &key).unwrap()),
        limits: Limits { head_timeout: Duration::from_millis(300), ..Limits::default() },
        ..ServerConfig::new("127.0.0.1:0".parse().unwrap(), vec![source])
    };
    let mut running = Running::of(config).await;
    let name = ServerName::try_from("localhost").unwrap();
    let ask = async || {
        let stream = TcpStream::connect(running.address).await.unwrap();
        let mut stream = connector.connect(name.clone(), stream).await.unwrap();
        stream.write_all(get("/healthz").as_bytes()).await.unwrap();
        let mut said = Vec::new();
        // The end may come without a farewell.
        let _ = stream.read_to_end(&mut said).await;
        String::from_utf8(said).unwrap()
    };
    assert!(ask().await.starts_with("HTTP/1.1 200"));

    let asked = Instant::now();
    assert_eq!(exchange(running.address, "").await, "", "who says nothing is cut off");
    assert!(asked.elapsed() < Duration::from_secs(5));
    let plain = exchange(running.address, &get("/healthz")).await;
    assert!(!plain.contains("200 OK"), "plain HTTP is not answered: {plain}");
    assert!(ask().await.starts_with("HTTP/1.1 200"), "and the server goes on");
    running.stop();
}

#[test]
fn files_that_do_not_fit_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key, _) = certificate(&dir);
    let missing = dir.path().join("none.pem");
    assert!(matches!(Tls::read(&missing, &key), Err(TlsError::Certificates { .. })));
    assert!(matches!(Tls::read(&key, &key), Err(TlsError::NoCertificate { .. })));
    let swapped = Tls::read(&cert, &cert).unwrap_err();
    assert!(matches!(swapped, TlsError::PrivateKey { .. }), "{swapped}");
    let other = tempfile::tempdir().unwrap();
    let (_, foreign, _) = certificate(&other);
    let unfit = Tls::read(&cert, &foreign).unwrap_err();
    assert!(matches!(unfit, TlsError::Unfit(_)), "{unfit}");
    let shown = format!("{:?}", Tls::read(&cert, &key).unwrap());
    assert_eq!(shown, "Tls(..)");
}
