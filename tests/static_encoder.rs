//! A static encoder from distillation to answers, on the command line.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn trovato(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trovato")).args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = trovato(arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refusal(arguments: &[&str]) -> String {
    let output = trovato(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

const NOTES: [(&str, &str); 3] = [
    (
        "owner.md",
        "# Ownership\n\nEvery value has exactly one owner.\n\nMoving a value changes it.\n",
    ),
    ("loops.md", "# Loops\n\nA loop repeats until it meets a break.\n\nA break leaves the loop.\n"),
    (
        "tests.md",
        "# Tests\n\nA test is a function that checks another.\n\nIt fails by panicking.\n",
    ),
];

#[test]
fn distilled_ingested_searched_and_refused_where_it_must_be() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (notes, model, index) = (path("notes"), path("small"), path("index"));
    fs::create_dir(&notes).unwrap();
    for (name, text) in NOTES {
        fs::write(Path::new(&notes).join(name), text).unwrap();
    }
    let distil = ["models", "distill", "--corpus", &notes, "--output", &model, "--json"];
    let made = json(&distil);
    assert_eq!(
        (&made["documents"], &made["dim"], &made["space"]),
        (&3.into(), &384.into(), &"teacher".into())
    );
    assert!(made["fitted_texts"].as_u64().unwrap() >= 6, "{made}");
    assert_eq!(made["fingerprint"], json(&distil)["fingerprint"], "the same table, bit for bit");

    // Passages by the table, queries by the teacher; the index opens it again by name.
    let pair = format!("{model}@teacher");
    let report = json(&["ingest", &notes, "--index", &index, "--encoder", &pair, "--json"]);
    assert_eq!(
        (&report["new"], &report["encoder"]),
        (&3.into(), &pair.as_str().into()),
        "{report}"
    );
    let query = "to whom does a value belong";
    let found = json(&["search", query, "--index", &index, "--strategy", "dense", "--json"]);
    assert_eq!(found["hits"][0]["document"], "notes/owner.md", "{found}");
    // The name alone means the index's own way; the other way is another encoder.
    let alone = ["ingest", &notes, "--index", &index, "--encoder", &model, "--json"];
    assert_eq!(json(&alone)["encoder"], pair.as_str());
    let by_table = path("by-table");
    json(&["ingest", &notes, "--index", &by_table, "--encoder", &model, "--json"]);
    let other = refusal(&["ingest", &notes, "--index", &by_table, "--encoder", &pair]);
    assert!(other.contains("holds vectors of") && other.contains("@teacher"), "{other}");

    for (arguments, told) in [
        (&["models", "distill", "--dim", "400"][..], "1 to 384"),
        (&["models", "distill", "--output", "all-MiniLM-L6-v2"], "catalog"),
        (&["models", "distill", "--output", &notes], "not overwritten"),
        (&["models", "distill", "--corpus", "nowhere"], "nowhere"),
        (
            &["ingest", &notes, "--index", &path("i2"), "--encoder", &format!("{model}@int8")],
            "@teacher",
        ),
    ] {
        let message = refusal(arguments);
        assert!(message.contains(told), "{arguments:?}: {message}");
    }

    let table = Path::new(&model).join("table.bin");
    let mut bytes = fs::read(&table).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&table, bytes).unwrap();
    let damaged = refusal(&["search", query, "--index", &index]);
    assert!(damaged.contains("damaged") && damaged.contains("models distill"), "{damaged}");
}
