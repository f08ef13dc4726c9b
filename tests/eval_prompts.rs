//! `trovato eval prompts` as scripts use it: a model behind its real wire format, a kept
//! run, and the exit code when answers have become worse.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use answer::model::Provider;
use answer::model::scripted::{Scripted, ScriptedProvider, reply};
use serde_json::{Value, json};

fn trovato(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trovato")).args(arguments).output().unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

const OWNERSHIP: &str = "# Ownership\n\nEvery value has exactly one owner at a time.\n";
const THREADS: &str = "# Threads\n\nA thread is joined when its handle is asked to wait for it.\n";

/// Question, answer, document and the words that prove it.
const ASKED: [(&str, &str, &str, &str); 2] = [
    ("how many owners has a value?", "exactly one", "notes/ownership.md", "exactly one owner"),
    (
        "when is a thread joined?",
        "when its handle waits",
        "notes/threads.md",
        "its handle is asked to wait",
    ),
];

fn question_file(path: &Path) {
    let lines = ASKED.iter().enumerate().map(|(at, (question, answer, document, quote))| {
        let evidence = json!([{ "document": document, "quote": quote, "occurrence": 1 }]);
        let line = json!({
            "id": format!("q{at}"), "question": question, "answer": answer, "kind": "fact",
            "split": "dev", "evidence": evidence,
        });
        format!("{line}\n")
    });
    fs::write(path, lines.collect::<String>()).unwrap();
}

/// A file of models whose one model is this provider.
fn models_file(path: &Path, provider: &ScriptedProvider) {
    let text = format!(
        "[[model]]\nname = \"small\"\nprovider = \"openai\"\nmodel = \"m\"\nbase_url = \"{}\"\n\
         price.input_usd_per_mtok = 1.0\nprice.output_usd_per_mtok = 1.0\n",
        provider.base_url()
    );
    fs::write(path, text).unwrap();
}

#[test]
fn prompts_are_compared_kept_and_held_to_what_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("notes")).unwrap();
    fs::write(path("notes/ownership.md"), OWNERSHIP).unwrap();
    fs::write(path("notes/threads.md"), THREADS).unwrap();
    let (notes, index, questions) = (path("notes"), path("index"), path("questions.jsonl"));
    assert!(trovato(&["ingest", &notes, "--index", &index, "--json"]).status.success());
    question_file(questions.as_ref());
    let (models, kept) = (path("models.toml"), path("kept.json"));

    let says = |text: &str| reply(Provider::Openai, &Scripted::new([text]));
    let good = ASKED.map(|(.., quote)| says(&format!("It is \"{quote}\" [1][2].")));
    let bad = ASKED.map(|_| says("Nobody \"can know that\" [1]."));
    let script = good.iter().cloned().chain(good.clone()).chain(bad);
    let provider = ScriptedProvider::start(script).unwrap();
    models_file(models.as_ref(), &provider);
    // One at a time, or the script's order would hang on the threads'.
    let asked = ["eval", "prompts", "--questions", &questions, "--index", &index, "--json"];
    let with_model = ["--models", &models, "--model", "small", "--concurrency", "1"];
    let ask = |more: &[&str]| trovato(&[&asked[..], &with_model, more].concat());

    let first = ask(&["--out", &kept]);
    let report = json_of(&first);
    assert_eq!(first.status.code(), Some(0));
    let [extractive, written] = &report["systems"].as_array().unwrap()[..] else {
        panic!("{report}")
    };
    assert_eq!(
        (&extractive["name"], &written["name"]),
        (&json!("extractive"), &json!("small | cited-v1"))
    );
    assert_eq!(written["measures"]["right citation"]["mean"], 1.0, "{written}");
    assert_eq!(written["fingerprint"].as_str().map(str::len), Some(16));
    assert!((written["cost_usd_per_1000"].as_f64().unwrap() - 0.12).abs() < 1e-9, "{written}");
    assert!(fs::read_to_string(&kept).unwrap().contains("\"format\": 1"));

    let again = ask(&["--against", &kept]);
    assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(json_of(&again)["against"]["questions"], 2);

    let worse = ask(&["--against", &kept]);
    assert_eq!(worse.status.code(), Some(1));
    let told = String::from_utf8_lossy(&worse.stderr).into_owned();
    assert!(
        told.contains("have become worse") && told.contains("small | cited-v1, right citation -1"),
        "{told}"
    );
    let change = &json_of(&worse)["against"]["systems"][1]["measures"]["right citation"];
    assert_eq!((&change["regressed"], &change["now"]), (&json!(true), &json!(0.0)));

    // The script is over: every question fails, is named, and the run ends well.
    let failing = trovato(&[&asked[..6], &with_model].concat());
    assert_eq!(failing.status.code(), Some(0), "{}", String::from_utf8_lossy(&failing.stderr));
    let table = String::from_utf8(failing.stdout).unwrap();
    assert!(table.contains("q0 failed: model small, after 3 tries"), "{table}");
    assert!(table.contains("2 failed, 0 of another form, 0 cut, 0 repairs, 4 retries"), "{table}");

    for (more, expected) in [
        (&["--baseline", "large | cited-v1"][..], "there is no system"),
        (&["--prompt", "cited-v1", "--prompt", "cited-v1"], "two systems are called"),
        (&["--prompt", "cited-v9"], "cited-v9"),
        (&["--prompt", "value-v1"], "a value in a caller's form"),
        (&["--judge", "small"], "--judge-labels"),
        (&["--concurrency", "0"], "--concurrency"),
    ] {
        let refused = ask(more);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && told.contains(expected), "{more:?}: {told}");
    }
}
