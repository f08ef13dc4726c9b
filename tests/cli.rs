//! The command line as scripts use it: exit codes, JSON on standard output and
//! nothing else there, figures that agree between commands.

#[path = "cli/secrets.rs"]
mod secrets;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use corpora::text_digest;
use engine::{DocumentId, Index, OpenOptions, Verify};
use serde_json::Value;

fn trovato(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trovato")).args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = trovato(arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {:?}", output.stdout))
}

fn code(arguments: &[&str]) -> i32 {
    trovato(arguments).status.code().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn help_has_examples_and_bad_usage_exits_with_2() {
    for command in [
        "demo", "ingest", "watch", "search", "ask", "chat", "eval", "serve", "mcp", "keys",
        "index", "snapshot", "corpus", "models", "config",
    ] {
        let output = trovato(&[command, "--help"]);
        assert!(output.status.success(), "{command}");
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains("Examples:"), "{command}: {help}");
    }
    for arguments in [
        &["frobnicate"][..],
        &["search", "x"],
        &["search", "x", "--index", "nowhere", "--fusion", "rff"],
        &["search", "x", "--index", "nowhere", "--strategy", "lexical", "--fusion", "rrf"],
        &["search", "x", "--index", "nowhere", "--expand", "synonyms"],
        &["search", "x", "--index", "nowhere", "--strategy", "lexical", "--expand", "feedback"],
        &["search", "x", "--index", "nowhere", "--filter", "year >"],
        &["eval", "chunking", "nowhere", "--chunker", "fixed:250"],
        &["eval", "chunking", "nowhere", "--chunker", "fixed:many"],
        &["eval", "chunking", "nowhere", "--chunker", "fixed:250", "--chunks", "0"],
        &["search", "x", "--index", "nowhere", "--strategy", "lexical", "--rerank-depth", "5"],
        &["search", "x", "--index", "nowhere", "--strategy", "lexical", "--rerank-window", "64"],
        &["search", "x", "--index", "nowhere", "--rerank", "overlap", "--rerank-window", "0"],
        &["search", "x", "--index", "nowhere", "--rerank", "overlap", "--rerank-window", "8193"],
        &["eval", "rerank", "nowhere", "--run", "nowhere", "--rerank-depth", "5"],
        &["ask", "x", "--index", "nowhere", "--model", "small"],
        &["ask", "x", "--index", "nowhere", "--schema", "schema.json"],
        &["ask", "x", "--index", "nowhere", "--prompt", "cited-v1"],
        &["serve", "--index", "a=nowhere", "--query-log", "q.jsonl", "--feedback", "q.jsonl"],
        &["eval", "answers", "--split", "train"],
    ] {
        assert_eq!(code(arguments), 2, "{arguments:?}");
    }
    let output = trovato(&["search", "x", "--index", "nowhere", "--strategy", "lexical"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("nowhere") && told.contains("trovato ingest"), "{told}");
    let lexical = ["search", "x", "--index", "nowhere", "--strategy", "lexical", "--rerank"];
    let output = trovato(&[&lexical[..], &["defualt"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("defualt") && told.contains("trovato-rerank-xs"), "{told}");
}

#[test]
fn a_folder_is_ingested_searched_and_described() {
    let dir = tempfile::tempdir().unwrap();
    let (notes, index) = (dir.path().join("notes"), dir.path().join("index"));
    fs::create_dir(&notes).unwrap();
    let owned = "---\nyear: 2021\n---\n# Ownership\n\nEvery value has exactly one owner.\n";
    fs::write(notes.join("owner.md"), owned).unwrap();
    fs::write(notes.join("copy.md"), owned).unwrap();
    let loops = "---\nyear: 2015\n---\n# Loops\n\nA loop repeats until break.\n";
    fs::write(notes.join("loops.md"), loops).unwrap();
    fs::write(notes.join("broken.pdf"), b"%PDF-1.7 and then nothing").unwrap();

    let report = json(&["ingest", text(&notes), "--index", text(&index), "--json"]);
    assert_eq!(report["new"], 3, "{report}");
    assert_eq!(report["duplicates"].as_array().unwrap().len(), 1);
    assert!(report["skipped"].to_string().contains("broken.pdf"), "{report}");
    let again = json(&["ingest", text(&notes), "--index", text(&index), "--json"]);
    assert_eq!((&again["new"], &again["unchanged"]), (&0.into(), &3.into()), "{again}");

    let info = json(&["index", "info", text(&index), "--json"]);
    assert_eq!((&info["documents"], &info["duplicates"]), (&2.into(), &1.into()), "{info}");
    assert!(code(&["index", "verify", text(&index)]) == 0);

    let (copy, back) = (dir.path().join("copy"), dir.path().join("back"));
    let create = ["snapshot", "create", "--index", text(&index), "--to", text(&copy)];
    let made = json(&[&create[..], &["--json"]].concat());
    assert_eq!((&made["documents"], &made["generation"]), (&2.into(), &info["generation"]));
    assert_eq!(code(&create), 1, "what is there is not replaced");
    assert_eq!(json(&["snapshot", "verify", text(&copy), "--json"])["files"], made["files"]);
    json(&["snapshot", "restore", text(&copy), "--index", text(&back), "--json"]);
    assert_eq!(json(&["index", "info", text(&back), "--json"])["chunks"], info["chunks"]);

    let query = "to whom does a value belong";
    let found = json(&[
        "search",
        query,
        "--index",
        text(&index),
        "--explain",
        "--json",
        "--why-not",
        "notes/loops.md",
        "--filter",
        "year > 2020",
    ]);
    let hit = &found["hits"][0];
    let whole = fs::read_to_string(notes.join("owner.md")).unwrap();
    let passage = hit["text"].as_str().unwrap();
    assert!(passage.contains("exactly one owner"), "{hit}");
    assert!(whole.contains(passage.lines().last().unwrap()), "{hit}");
    assert!(hit["explanation"]["details"].is_array() && hit["span"][1].is_u64(), "{hit}");
    assert_eq!(found["why_not"]["stage"], "filtered", "{found}");
    for stage in
        ["plan", "filter", "encode", "lexical", "dense", "fusion", "rerank", "fetch", "total"]
    {
        assert!(found["timings_ms"][stage].is_number(), "{stage}");
    }
    assert_eq!(found["degraded"], Value::Array(vec![]));

    let asked = ["search", query, "--index", text(&index), "--json", "--rerank", "default"];
    let found = json(&[&asked[..], &["--rerank-budget-ms", "60000"]].concat());
    assert_eq!(found["reranked"]["scored"], 2, "{found}");
    assert!(found["hits"][0]["text"].as_str().unwrap().contains("exactly one owner"), "{found}");

    let answer = json(&["ask", query, "--index", text(&index), "--json"]);
    let shown = if answer["abstained"] == true { &answer["nearest"] } else { &answer["citations"] };
    let citation = &shown[0];
    assert_eq!((&citation["verdict"], &answer["model"]), (&"found".into(), &"extractive".into()));
    assert!(whole.contains(citation["quote"].as_str().unwrap()), "{answer}");

    let mut chat = Command::new(env!("CARGO_BIN_EXE_trovato"))
        .args(["chat", "--index", text(&index), "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said =
        b"to whom does a value belong?\n\nand when is it freed?\n/new\nand when is it freed?\n";
    chat.stdin.take().unwrap().write_all(said).unwrap();
    let output = chat.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "an empty line asks nothing");
    let asked = |at: usize| lines[at]["standalone"]["query"].as_str().unwrap();
    assert!(asked(1).contains("value") && asked(1).ends_with("and when is it freed?"), "{lines:?}");
    assert_eq!(asked(2), "and when is it freed?", "/new forgets");
}

#[test]
fn settings_come_from_the_file_the_environment_and_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trovato.toml");
    fs::write(&file, "[serve]\nlisten = '127.0.0.1:1'\nallow-host = ['a', 'b']\ncache-mib = 8\n")
        .unwrap();
    let show = |arguments: &[&str]| {
        let shown = Command::new(env!("CARGO_BIN_EXE_trovato"))
            .args(["config", "show", "serve", "--json"])
            .args(arguments)
            .env("TROVATO_CONFIG", &file)
            .env("TROVATO_SERVE_CACHE_MIB", "9")
            .output()
            .unwrap();
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        let shown: Vec<Value> = serde_json::from_slice(&shown.stdout).unwrap();
        move |name: &str| {
            let setting = shown.iter().find(|setting| setting["name"] == name).unwrap();
            (setting["value"].clone(), setting["origin"].as_str().unwrap().to_owned())
        }
    };
    let from_file = show(&[]);
    assert_eq!(from_file("listen"), ("127.0.0.1:1".into(), text(&file).to_owned()));
    assert_eq!(from_file("allow-host").0, serde_json::json!(["a", "b"]));
    let from_environment =
        ("9".parse().unwrap(), "environment, TROVATO_SERVE_CACHE_MIB".to_owned());
    assert_eq!(from_file("cache-mib"), from_environment);
    assert_eq!(from_file("rerank"), ("none".into(), "default".to_owned()));
    let typed = show(&["--", "--listen", "127.0.0.1:2", "--cache-mib", "10"]);
    assert_eq!(typed("listen"), ("127.0.0.1:2".into(), "command line".to_owned()));
    assert_eq!(typed("cache-mib"), (10.into(), "command line".to_owned()));

    // What is printed is a file of its own, and a mistake in one is named.
    let config = ["--config", text(&file), "config", "show", "serve"];
    let printed = trovato(&config);
    let next = dir.path().join("next.toml");
    fs::write(&next, &printed.stdout).unwrap();
    let again = trovato(&["--config", text(&next), "config", "show", "serve"]);
    assert_eq!(again.stdout, printed.stdout);
    fs::write(&file, "[serve]\ncache-mb = 8\n").unwrap();
    let refused = trovato(&config);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("serve.cache-mb is not known; did you mean serve.cache-mib?"), "{told}");
    let used = trovato(&["--config", text(&file), "index", "info", "nowhere"]);
    assert_eq!(used.status.code(), Some(2), "also where another command is typed");
}

#[test]
fn a_watched_folder_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (notes, index) = (dir.path().join("notes"), dir.path().join("index"));
    fs::create_dir(&notes).unwrap();
    fs::write(notes.join("loops.md"), "# Loops\n\nA loop repeats until break.\n").unwrap();
    let mut watching = Command::new(env!("CARGO_BIN_EXE_trovato"))
        .args(["watch", text(&notes), "--index", text(&index), "--json", "--yes"])
        .args(["--settle-ms", "100", "--passes", "2"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut pass = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(pass()["new"], 1);
    fs::write(notes.join("owner.md"), "# Ownership\n\nEvery value has one owner.\n").unwrap();
    let second = pass();
    assert_eq!(
        (&second["pass"], &second["new"], &second["unchanged"]),
        (&1.into(), &1.into(), &1.into())
    );
    fs::remove_file(notes.join("loops.md")).unwrap();
    assert_eq!(pass()["removed"], 1);
    assert!(watching.wait().unwrap().success());
    let info = json(&["index", "info", text(&index), "--json"]);
    assert_eq!(info["documents"], 1, "{info}");

    let inside = notes.join("index");
    let refused = trovato(&["watch", text(&notes), "--index", text(&inside)]);
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
}

#[test]
fn a_run_file_scores_as_the_run_it_was_written_from() {
    let dir = tempfile::tempdir().unwrap();
    let beir = dir.path().join("tiny");
    fs::create_dir_all(beir.join("qrels")).unwrap();
    let subjects = ["owls", "rivers", "bridges", "violins", "glaciers", "bakeries"];
    let (mut corpus, mut queries, mut qrels) =
        (String::new(), String::new(), "query-id\tcorpus-id\tscore\n".to_owned());
    for (n, subject) in subjects.iter().enumerate() {
        for part in 0..3 {
            writeln!(corpus, "{{\"_id\": \"d{n}-{part}\", \"title\": \"On {subject}\", \"text\": \"Part {part} about {subject} and more.\"}}").unwrap();
            writeln!(qrels, "q{n}\td{n}-{part}\t{}", part % 2 + 1).unwrap();
        }
        writeln!(queries, "{{\"_id\": \"q{n}\", \"text\": \"what is known of {subject}?\"}}")
            .unwrap();
    }
    fs::write(beir.join("corpus.jsonl"), corpus).unwrap();
    fs::write(beir.join("queries.jsonl"), queries).unwrap();
    fs::write(beir.join("qrels/test.tsv"), qrels).unwrap();

    let run = dir.path().join("hybrid.run");
    let measures = "nDCG@10,R@2,P@1,MAP,MRR";
    let scored = json(&[
        "eval",
        "collection",
        text(&beir),
        "--measures",
        measures,
        "--run-out",
        text(&run),
        "--json",
    ]);
    assert_eq!(scored["topics"], 6, "{scored}");
    let qrels = beir.join("qrels/test.tsv");
    let again = json(&[
        "eval",
        "score",
        "--qrels",
        text(&qrels),
        "--run",
        text(&run),
        "--measures",
        measures,
        "--json",
    ]);
    assert_eq!(scored["measures"], again["measures"]);
    let keys: Vec<_> = scored["measures"].as_object().unwrap().keys().cloned().collect();
    for key in measures.split(',') {
        assert!(keys.iter().any(|found| found == key), "{key} in {keys:?}");
    }
    let ndcg = scored["measures"]["nDCG@10"]["mean"].as_f64().unwrap();
    assert!(ndcg > 0.8, "{ndcg}");

    let (out, features) = (dir.path().join("reranked.run"), dir.path().join("features.jsonl"));
    let reranked = json(&[
        "eval",
        "rerank",
        text(&beir),
        "--run",
        text(&run),
        "--rerank",
        "late:idf",
        "--depth",
        "6",
        "--measures",
        measures,
        "--run-out",
        text(&out),
        "--features-out",
        text(&features),
        "--json",
    ]);
    assert_eq!((&reranked["topics"], &reranked["rerank"]["mean_scored"]), (&6.into(), &6.0.into()));
    assert!(reranked["rerank"]["reranker"].as_str().unwrap().starts_with("late:idf over"));
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 6 * 18);
    assert_eq!(fs::read_to_string(&features).unwrap().lines().count(), 6 * 6);

    let given = ["eval", "rerank", text(&beir), "--run", text(&run), "--rerank", "overlap+late"];
    let idle = trovato(&given);
    assert_eq!(idle.status.code(), Some(2));
    let told = String::from_utf8(idle.stderr).unwrap();
    assert!(told.contains("no weight for max_sim"), "{told}");
}

/// The canonical text that an index holds of a document.
fn stored_text(index: &str, document: &str) -> String {
    let options = OpenOptions { encoder: None, verify: Verify::Auto };
    let searcher = Index::open(Path::new(index), options).unwrap().searcher();
    searcher.document(&DocumentId::new(document).unwrap()).unwrap().unwrap().text
}

const OWNERSHIP: &str = "# Ownership\n\nOwnership is a set of rules that govern how a program \
manages memory.\n\n## Why it matters\n\nWithout it every allocation must be paired with exactly one \
free.\n";
const LOOPS: &str = "# Loops\n\nA loop is a block of code that repeats until it meets a break.\n\n\
## How to leave one\n\nWrite break where the loop should end, perhaps with a value.\n";

#[test]
fn a_folder_of_ones_own_is_drafted_audited_scored_and_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&dir.path().join(name)).to_owned();
    let notes = path("notes");
    fs::create_dir(&notes).unwrap();
    fs::write(path("notes/ownership.md"), OWNERSHIP).unwrap();
    fs::write(path("notes/loops.md"), LOOPS).unwrap();
    let (questions, index) = (path("questions.jsonl"), path("index"));

    let drafted = json(&["eval", "init", &notes, "--out", &questions, "--json"]);
    assert_eq!((&drafted["questions"], &drafted["by_split"]["dev"]), (&4.into(), &2.into()));
    assert!(drafted["trust"].as_str().unwrap().contains("lexical"), "{drafted}");
    let written = fs::read_to_string(&questions).unwrap();
    assert_eq!(code(&["eval", "init", &notes, "--out", &questions]), 2);
    assert_eq!(fs::read_to_string(&questions).unwrap(), written);
    json(&["eval", "init", &notes, "--out", &questions, "--force", "--json"]);
    assert_eq!(fs::read_to_string(&questions).unwrap(), written);

    let audited = ["eval", "audit", "--questions", &questions, "--folder", &notes, "--json"];
    let found = json(&audited);
    assert_eq!((&found["questions"], &found["resolved"]), (&4.into(), &4.into()), "{found}");
    assert_eq!((&found["leaks"], &found["duplicates"]), (&0.into(), &0.into()), "{found}");
    assert_eq!(found["unconfirmed"], 4);

    json(&["ingest", &notes, "--index", &index, "--json"]);
    assert_eq!(code(&["eval", "audit", "--questions", &questions, "--index", &index]), 0);
    assert_eq!(code(&["eval", "questions", "--questions", &questions]), 2);
    let scored =
        json(&["eval", "questions", "--questions", &questions, "--index", &index, "--json"]);
    assert_eq!((&scored["questions"], &scored["unconfirmed"]), (&4.into(), &4.into()));
    assert_eq!(scored["unresolved_quotes"], 0, "{scored}");
    let told = trovato(&["eval", "questions", "--questions", &questions, "--index", &index]);
    assert!(String::from_utf8(told.stderr).unwrap().contains("4 of 4 questions are unconfirmed"));

    // A log in which users saw what is not found any more.
    let query = "what repeats until a break";
    let request = format!("{{\"query\":\"{query}\",\"strategy\":\"lexical\",\"top\":1}}");
    let log = format!(
        "{{\"time\":\"2026-01-02T03:04:05.678Z\",\"collection\":\"notes\",\"generation\":1,\"request\":{request},\
         \"hits\":[{{\"document\":\"notes/ownership.md\",\"span\":[0,9],\"score\":1.0}}],\"timings_ms\":{{}}}}\n"
    );
    let (log_path, export, judged) = (path("log.jsonl"), path("judge.jsonl"), path("users.jsonl"));
    fs::write(&log_path, log).unwrap();
    let replay = ["eval", "replay", &log_path, "--index", &index, "--export", &export, "--json"];
    let replayed = json(&replay);
    assert_eq!((&replayed["queries"], &replayed["documents"]["mean"]), (&1.into(), &0.0.into()));
    let [logged, now] = ["logged", "replayed"]
        .map(|side| replayed["disagreements"][0][side][0]["document"].as_str().unwrap());
    assert_eq!((logged, now), ("notes/ownership.md", "notes/loops.md"));

    // Of the two exported passages the one about loops answers.
    let lines = fs::read_to_string(&export).unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let grade = |line: &str| {
        let grade = u8::from(line.contains("notes/loops.md"));
        line.replace("\"grade\":null", &format!("\"grade\":{grade}")) + "\n"
    };
    fs::write(&export, lines.lines().map(grade).collect::<String>()).unwrap();
    let made = json(&["eval", "adopt", &export, "--index", &index, "--out", &judged, "--json"]);
    assert_eq!(made["questions"], 1, "{made}");
    assert!(fs::read_to_string(&judged).unwrap().contains(query));
    assert_eq!(code(&["eval", "audit", "--questions", &judged, "--folder", &notes]), 0);

    // What users said of the same passages is graded already.
    let digest = |name: &str| text_digest(&stored_text(&index, name));
    let said = |relevant: bool, document: &str, text: &str| {
        format!(
            "{{\"relevant\":{relevant},\"time\":\"2026-01-02T03:04:05.678Z\",\"collection\":\"notes\",\"generation\":1,\
             \"query\":\"{query}\",\"document\":\"{document}\",\"text\":\"{text}\",\"span\":[0,9]}}\n"
        )
    };
    let (loops, ownership) = (digest("notes/loops.md"), digest("notes/ownership.md"));
    let feedback = said(false, "notes/loops.md", &loops)
        + &said(true, "notes/loops.md", &loops)
        + &said(false, "notes/ownership.md", &ownership)
        + &said(true, "notes/ownership.md", "0123456789abcdef");
    let feedback_path = path("feedback.jsonl");
    fs::write(&feedback_path, feedback).unwrap();
    let adopt = ["eval", "adopt", &feedback_path, "--feedback", "--index", &index];
    let made = json(&[&adopt[..], &["--out", &judged, "--force", "--json"]].concat());
    assert_eq!((&made["questions"], &made["without_relevant"]), (&1.into(), &0.into()), "{made}");
    assert_eq!(
        made["left_out"],
        serde_json::json!({"redacted": 0, "replaced": 1, "outdated": 1}),
        "{made}"
    );
    assert_eq!(code(&["eval", "audit", "--questions", &judged, "--folder", &notes]), 0);
    json(&[&replay[..], &["--feedback", &feedback_path, "--force"]].concat());
    let lines = fs::read_to_string(&export).unwrap();
    let graded: Vec<_> = lines.lines().filter(|line| !line.contains("\"grade\":null")).collect();
    let [graded] = graded[..] else { panic!("one has the span that was judged: {lines}") };
    assert!(graded.contains("notes/ownership.md") && graded.contains("\"grade\":0"), "{graded}");

    // The file is wrong once a quote is gone, and the exit code says so.
    fs::write(path("notes/loops.md"), "# Loops\n\nRewritten.\n").unwrap();
    let output = trovato(&audited);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&found["resolved"], found["unresolved_quotes"].as_array().unwrap().len()),
        (&2.into(), 2)
    );
}

#[test]
fn chunkers_are_compared_on_the_benchmarks_layout() {
    let dir = tempfile::tempdir().unwrap();
    let bench = dir.path().join("bench");
    fs::create_dir_all(bench.join("corpora")).unwrap();
    let owls = "Owls hunt at night. Rivers run to the sea. ".repeat(20);
    fs::write(bench.join("corpora/animals.md"), format!("{owls}Violins have four strings."))
        .unwrap();
    let start = owls.len();
    let table = format!(
        "question,references,corpus_id\nhow many strings has a violin?,\"[{{\"\"content\"\": \"\"Violins have four \
         strings.\"\", \"\"start_index\"\": {start}, \"\"end_index\"\": {}}}]\",animals\n",
        start + "Violins have four strings.".len()
    );
    fs::write(bench.join("questions_df.csv"), table).unwrap();

    let both =
        ["eval", "chunking", text(&bench), "--json", "--chunker", "fixed:50", "sentence:50/10"];
    let compared = json(&both);
    assert_eq!(compared["baseline"], "fixed:50/0,tokenizer=cl100k");
    let rows = compared["rows"].clone();
    assert!(rows[0].get("against_baseline").is_none());
    assert_eq!(rows[1]["against_baseline"]["recall"]["verdict"], "cannot-resolve");
    let other = json(&[&both[..], &["--baseline", "sentence:50/10"]].concat());
    assert!(other["rows"][0]["against_baseline"]["iou"]["adjusted_p"].is_number());
    let output = trovato(&[&both[..], &["--baseline", "fixed:60"]].concat());
    let refused = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && refused.contains("fixed:60/0"), "{refused}");
    assert_eq!(rows[0]["chunker"], "fixed:50/0,tokenizer=cl100k");
    assert_eq!(rows[1]["chunker"], "sentence:50/10,tokenizer=cl100k");
    let one = json(&[&both[..6], &["--budget", "20"]].concat());
    assert_eq!(one["recall"], rows[0]["recall"]);
    assert_eq!(one["encoder"], "all-MiniLM-L6-v2@fp32");
    assert_eq!((&one["strategy"], &one["questions"]), (&Value::from("dense"), &Value::from(1)));
    assert_eq!(one["recall"]["mean"], 1.0);
    assert_eq!(one["at_budget"]["mean_tokens"], 20.0);
    let late = json(&[&both[..5], &["fixed:50,late"]].concat());
    assert_eq!(late["chunker"], "fixed:50/0,tokenizer=cl100k,late");
    assert_eq!(late["recall"]["mean"], 1.0);
    let told = String::from_utf8(
        trovato(&both[..6].iter().filter(|a| **a != "--json").copied().collect::<Vec<_>>()).stdout,
    )
    .unwrap();
    assert!(told.contains("fixed:50/0") && told.contains("100.0 [100.0, 100.0]"), "{told}");
}
