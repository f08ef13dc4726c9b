//! Keys in nothing that is printed, logged or answered, with everything logged that can be.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use answer::model::Provider;
use answer::model::scripted::{Reply, Scripted, ScriptedProvider, reply};
use serde_json::json;

use super::{code, json, text};

const MODEL_KEY: &str = "sk-model-secret-0123456789";

/// A running server, killed when dropped.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn address(log: &Path) -> String {
    let asked = Instant::now();
    loop {
        let said = fs::read_to_string(log).unwrap();
        if let Some(rest) = said.split_once("http://") {
            return rest.1.split_whitespace().next().unwrap().to_owned();
        }
        assert!(asked.elapsed() < Duration::from_mins(2), "no address: {said}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn exchange(address: &str, head: &str, key: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{key}\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn keys_are_made_listed_revoked_and_shown_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.toml");
    let create = ["keys", "create", "--file", text(&file), "--name", "web", "--json"];
    let made =
        json(&[&create[..], &["--scope", "search,answer", "--collection", "notes"]].concat());
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("tvo_") && key.len() == 76, "{made}");
    assert_eq!(made["scopes"], json!(["search", "answer"]));
    assert_eq!(code(&[&create[..], &["--scope", "admin"]].concat()), 1, "the name is taken");
    assert_eq!(code(&[&create[..], &["--scope", "root"]].concat()), 2);
    let listed = json(&["keys", "list", "--file", text(&file), "--json"]).to_string();
    let kept = fs::read_to_string(&file).unwrap();
    assert!(
        listed.contains("web") && !listed.contains(key) && !kept.contains(&key[4..40]),
        "{kept}"
    );
    assert_eq!(code(&["keys", "revoke", "--file", text(&file), "--name", "web"]), 0);
    assert_eq!(code(&["keys", "revoke", "--file", text(&file), "--name", "web"]), 1);
    let exposed = ["serve", "--index", "a=nowhere", "--listen", "0.0.0.0:0"];
    assert_eq!(code(&exposed), 1, "without keys it is for this machine");
    assert_eq!(code(&[&exposed[..], &["--tls-cert", "a.pem"]].concat()), 2);
}

#[test]
fn a_key_is_in_no_log_no_error_and_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let [notes, index, file, models, out, log] =
        ["notes", "index", "keys.toml", "models.toml", "out", "log"]
            .map(|name| dir.path().join(name));
    fs::create_dir(&notes).unwrap();
    fs::write(notes.join("a.md"), "# Ownership\n\nEvery value has exactly one owner.\n").unwrap();
    json(&["ingest", text(&notes), "--index", text(&index), "--json"]);
    let create = ["keys", "create", "--file", text(&file), "--name", "web", "--json"];
    let made = json(&[&create[..], &["--scope", "search,answer"]].concat());
    let key = made["key"].as_str().unwrap().to_owned();

    let wrong = Reply::status(401, &json!({"error": {"message": format!("bad key {MODEL_KEY}")}}));
    let said = reply(Provider::Openai, &Scripted::new(["It has one [1]."]));
    let provider = ScriptedProvider::start([said, wrong]).unwrap();
    let toml = format!(
        "[[model]]\nname = \"small\"\nprovider = \"openai\"\nmodel = \"m\"\nbase_url = \"{}\"\n\
         api_key_env = \"TROVATO_TEST_MODEL_KEY\"\nmax_retries = 0\n",
        provider.base_url()
    );
    fs::write(&models, toml).unwrap();
    let named = format!("notes={}", text(&index));
    let child = Command::new(env!("CARGO_BIN_EXE_trovato"))
        .args(["serve", "--index", &named, "--listen", "127.0.0.1:0"])
        .args(["--keys", text(&file), "--models", text(&models)])
        .env("TROVATO_TEST_MODEL_KEY", MODEL_KEY)
        .env("TROVATO_LOG", "trace")
        // Colours would stand between a name and its value.
        .env("NO_COLOR", "1")
        .stdout(Stdio::from(File::create(&out).unwrap()))
        .stderr(Stdio::from(File::create(&log).unwrap()))
        .spawn()
        .unwrap();
    let served = Served(child);
    let address = address(&out);
    let bearer = format!("Authorization: Bearer {key}\r\n");
    let broken = format!("X-Api-Key: {}0\r\n", &key[..75]);
    let mut answers = String::new();
    for (head, key, body, status) in [
        ("GET /v1/collections", &bearer, "", "200"),
        ("GET /v1/collections", &broken, "", "401"),
        ("PUT /v1/documents/a", &bearer, "{}", "40"),
        ("POST /v1/search", &bearer, "{\"query\": 1}", "400"),
        (
            "POST /v1/answer",
            &bearer,
            r#"{"question": "who owns a value", "model": "small"}"#,
            "200",
        ),
        (
            "POST /v1/answer",
            &bearer,
            r#"{"question": "who owns another value", "model": "small"}"#,
            "502",
        ),
    ] {
        let answer = exchange(&address, head, key, body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {answer}");
        answers.push_str(&answer);
    }
    drop(served);
    let sent = provider.asked()[0].header("authorization").unwrap().to_owned();
    assert_eq!(sent, format!("Bearer {MODEL_KEY}"), "the key was there to be leaked");
    let logged = fs::read_to_string(&log).unwrap();
    assert!(logged.contains("key=\"web\"") && logged.contains("TRACE"), "requests are logged");
    let printed = fs::read_to_string(&out).unwrap();
    for secret in [&key, &key[4..68], &broken[15..70], MODEL_KEY] {
        for (what, text) in [("log", &logged), ("output", &printed), ("answers", &answers)] {
            assert!(!text.contains(secret), "the {what} holds {secret}");
        }
    }
}
