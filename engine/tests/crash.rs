//! Kills a writing process at chosen and at random instants, and checks that
//! reopening shows one whole commit: the last acknowledged one, or the one that
//! had passed its commit point without having been acknowledged yet.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engine::{
    DocumentId, Index, OpenOptions, SearchRequest, Strategy, TokenLayout, VectorSearch, Verify,
    WriterOptions,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIR: &str = "CRASH_TEST_DIR";
const FAILPOINT: &str = "CRASH_TEST_FAILPOINT";
const STEPS: u64 = 60;

/// The documents after `step` steps: id and text.
fn expected(step: u64) -> BTreeMap<String, String> {
    let mut documents = BTreeMap::new();
    for at in 1..=step {
        apply(at, &mut |id, text| {
            match text {
                Some(text) => documents.insert(id, text),
                None => documents.remove(&id),
            };
        });
    }
    documents
}

/// What step `at` does: four upserts and a removal.
fn apply(at: u64, change: &mut dyn FnMut(String, Option<String>)) {
    for nth in 0..4 {
        let id = (at * 3 + nth) % 20;
        let text = format!("Document {id}\n\nword{id} in step{at}\n\nmore of version{at}x{id}");
        change(format!("doc-{id}"), Some(text));
    }
    change(format!("doc-{}", (at * 7) % 20), None);
}

/// Not a test of its own: the process that the tests below kill.
#[test]
fn writing_child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    if let Ok(name) = std::env::var(FAILPOINT) {
        let (name, nth) = name.split_once(':').unwrap();
        let count = std::sync::atomic::AtomicU32::new(nth.parse().unwrap());
        fail::cfg_callback(name, move || {
            if count.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
                let pid = std::process::id().to_string();
                Command::new("kill").args(["-9", &pid]).status().unwrap();
                std::thread::sleep(Duration::from_mins(1));
            }
        })
        .unwrap();
    }
    let index = support::create(Path::new(&dir));
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for at in 1..=STEPS {
        apply(at, &mut |id, text| match text {
            Some(text) => support::upsert(&mut writer, &support::document(&id, &text)),
            None => {
                writer.delete(&DocumentId::new(id).unwrap()).unwrap();
            }
        });
        writer.commit().unwrap();
        // The acknowledgement: only what is printed counts as promised.
        println!("\nacknowledged {at}");
        std::io::stdout().flush().unwrap();
        if at % 3 == 0 {
            let (layout, encoder) = (TokenLayout::new(16, 2).unwrap(), support::encoder());
            writer.store_tokens(encoder.as_ref(), layout, &mut |_, _| ()).unwrap();
        }
        if at % 5 == 0 {
            writer.merge().unwrap();
        }
    }
}

fn spawn(dir: &Path, failpoint: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "writing_child", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(failpoint) = failpoint {
        command.env(FAILPOINT, failpoint);
    }
    command.spawn().unwrap()
}

/// The last acknowledged step of a child that has ended.
fn last_acknowledged(child: &mut Child) -> u64 {
    let out = BufReader::new(child.stdout.take().unwrap());
    out.lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("acknowledged ")?.trim().parse().ok())
        .last()
        .unwrap_or(0)
}

/// Reopens with every checksum compared and checks that the content is that of
/// one of `steps`, on both sides; then that writing goes on.
fn check(dir: &Path, steps: &[u64], context: &str) {
    let options = || OpenOptions { encoder: Some(support::encoder()), verify: Verify::Full };
    let index = match Index::open(dir, options()) {
        Ok(index) => index,
        // Killed while the index was being created: nothing was promised yet.
        Err(engine::IndexError::NoIndex { .. }) if steps.contains(&0) => return,
        Err(error) => panic!("{context}: {error}"),
    };
    let searcher = index.searcher();
    let found: BTreeMap<String, String> = searcher
        .document_ids()
        .iter()
        .map(|id| (id.to_string(), searcher.document(id).unwrap().unwrap().text))
        .collect();
    assert!(
        steps.iter().any(|&step| expected(step) == found),
        "{context}: the content is not that of steps {steps:?}"
    );
    for (id, text) in &found {
        let version = text.rsplit(' ').next().unwrap();
        for strategy in [Strategy::Lexical, Strategy::Dense] {
            let request = SearchRequest {
                strategy,
                top: 3,
                vectors: VectorSearch::Exact,
                ..SearchRequest::new(format!("more of {version}"))
            };
            let hits = searcher.search(&request).unwrap().hits;
            assert_eq!(hits[0].document.as_str(), id, "{context}: {strategy:?} {version}");
            assert!(hits[0].text.ends_with(version), "{context}: {strategy:?}");
        }
    }
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    support::upsert(&mut writer, &support::document("after", "written after the crash"));
    writer.commit().unwrap();
    drop(writer);
    let reopened = Index::open(dir, options()).unwrap();
    assert_eq!(reopened.searcher().document_ids().len(), found.len() + 1, "{context}");
}

#[test]
fn killed_at_every_failpoint() {
    // Those before the commit point must show the acknowledged step exactly.
    let before = [
        "flush-start",
        "vectors-written",
        "texts-written",
        "segments-synced",
        "before-commit",
        "lexical-commit-before",
        "metas-written",
        "merge-lexical-done",
        "tokens-written",
        "merge-vectors-written",
        "merge-segments-synced",
    ];
    let after = ["metas-renamed", "lexical-commit-after", "after-commit", "swept"];
    for name in before.iter().chain(&after) {
        for nth in [1, 4] {
            let dir = tempfile::tempdir().unwrap();
            let context = format!("{name}:{nth}");
            let mut child = spawn(dir.path(), Some(&context));
            let step = last_acknowledged(&mut child);
            assert!(!child.wait().unwrap().success(), "{context}: was not killed");
            let steps = if before.contains(name) { vec![step] } else { vec![step, step + 1] };
            check(dir.path(), &steps, &context);
        }
    }
}

#[test]
fn killed_at_random_instants() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for round in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let mut child = spawn(dir.path(), None);
        let delay = Duration::from_millis(rng.random_range(20..720));
        std::thread::sleep(delay);
        child.kill().unwrap();
        let step = last_acknowledged(&mut child);
        child.wait().unwrap();
        check(dir.path(), &[step, step + 1], &format!("round {round} after {delay:?}"));
    }
}
