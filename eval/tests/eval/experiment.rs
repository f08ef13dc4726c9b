//! A grid from its file to verdicts, with an encoder that needs no model: what
//! is reused, what is repeated, and that repeating gives the same.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use engine::{Embeddings, EncodeError, Encoder, HashEncoder, Mixer, RerankOptions, TextRole};
use eval::{
    EvalError, Experiment, ExperimentOutcome, ExperimentProgress, ExperimentReport, IndexCache,
    Laboratory, ReportHead, RerankSetup, Reuse, RunStore, SystemRun, SystemSpec, load_reranker,
    report_html, report_markdown, run_experiment,
};
use ingest::chunk::{ChunkerParts, WordSizer};
use ingest::pipeline::{Progress, Silent};

const GRID: &str = r#"
name = "tiny"
about = "Which chunker is best on five documents?"
corpus = "tiny"
split = "test"
measures = ["documents nDCG@10", "RR@10"]
baseline = "whole | dense | hash"
[grid]
chunkers = ["whole", "sentence:16/0", "fixed:16/0"]
encoders = ["hash"]
strategies = ["lexical", "dense", "hybrid"]
"#;

fn collection(dir: &Path) {
    let documents = [
        ("d1", "Ownership", "Every value has one owner. It is dropped with its owner."),
        ("d2", "Borrowing", "A reference borrows a value. It never owns what it borrows."),
        ("d3", "Threads", "Spawn a thread and join it. Threads share nothing by default."),
        ("d4", "", "Cargo builds packages."),
        ("d5", "Ownership again", "Every value has one owner. Moves change the owner."),
    ];
    let corpus = documents.map(|(id, title, text)| {
        serde_json::json!({ "_id": id, "title": title, "text": text }).to_string()
    });
    let topics = [("t1", "what borrows a value"), ("t2", "threads"), ("t3", " ")];
    let queries =
        topics.map(|(id, text)| serde_json::json!({ "_id": id, "text": text }).to_string());
    fs::create_dir_all(dir.join("qrels")).unwrap();
    fs::write(dir.join("corpus.jsonl"), corpus.join("\n")).unwrap();
    fs::write(dir.join("queries.jsonl"), queries.join("\n")).unwrap();
    let qrels = "query-id\tcorpus-id\tscore\nt1\td2\t1\nt2\td3\t1\nt3\td1\t1\n";
    fs::write(dir.join("qrels/test.tsv"), qrels).unwrap();
}

/// Counts passages, and can be told to fail at one.
struct Counting {
    inner: HashEncoder,
    passages: Mutex<Vec<String>>,
    fail_at: AtomicUsize,
}

impl Encoder for Counting {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn fingerprint(&self) -> &str {
        self.inner.fingerprint()
    }
    fn dim(&self) -> usize {
        self.inner.dim()
    }
    fn max_tokens(&self) -> usize {
        self.inner.max_tokens()
    }
    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        if role == TextRole::Passage {
            let mut passages = self.passages.lock().unwrap();
            passages.extend(texts.iter().map(|text| (*text).to_owned()));
        } else if self.fail_at.fetch_sub(1, Ordering::SeqCst) == 1 {
            return Err(EncodeError::Shape { values: 0, dim: 1 });
        }
        self.inner.encode(texts, role)
    }
}

struct Place {
    folder: tempfile::TempDir,
    encoder: Arc<Counting>,
}

#[derive(Default)]
struct Seen(RefCell<Vec<String>>);

impl ExperimentProgress for Seen {
    fn system(&self, at: usize, of: usize, system: &SystemSpec) {
        assert!(at < of);
        self.0.borrow_mut().push(system.to_string());
    }
    fn indexing(&self) -> &dyn Progress {
        &Silent
    }
    fn topics(&self, done: usize, total: usize) {
        assert!(done <= total);
    }
}

impl Place {
    fn new() -> Self {
        Self::of(GRID)
    }

    fn of(grid: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        collection(&folder.path().join("collections/tiny"));
        fs::write(folder.path().join("tiny.toml"), grid).unwrap();
        let encoder = Arc::new(Counting {
            inner: HashEncoder::new(64, 256),
            passages: Mutex::default(),
            fail_at: AtomicUsize::new(0),
        });
        Self { folder, encoder }
    }

    fn run(&self, reuse: Reuse) -> Result<ExperimentOutcome, EvalError> {
        let path = |name: &str| self.folder.path().join(name);
        let laboratory = Laboratory {
            collections: &path("collections"),
            indexes: &IndexCache::new(path("indexes")),
            runs: &RunStore::new(path("runs")),
            vectors: &path("vectors"),
            reuse,
            load: &|name| {
                assert_eq!(name, "hash");
                let sizer = Arc::new(WordSizer::for_encoder(256));
                Ok(ChunkerParts { sizer, encoder: Arc::clone(&self.encoder) as _ })
            },
            load_reranker: &|name, encoder| {
                let loaded = load_reranker(name, Some(encoder), &models::Silent);
                let pipeline = loaded.map_err(Box::new)?;
                let alone = r#"{"format": 1, "name": "alone", "weights": {"rerank": 1}}"#;
                let pipeline = pipeline.unwrap().with_mixer(Mixer::from_json(alone).unwrap());
                let pipeline = Arc::new(pipeline);
                Ok(RerankSetup { pipeline, options: RerankOptions::default() })
            },
        };
        let progress = Seen::default();
        let outcome = run_experiment(Experiment::read(&path("tiny.toml"))?, &laboratory, &progress);
        if let Ok(outcome) = &outcome {
            assert_eq!(progress.0.borrow().len(), outcome.experiment.systems.len());
        }
        outcome
    }
}

fn digests(outcome: &ExperimentOutcome) -> Vec<String> {
    outcome.rows.iter().map(|row| row.run.ranking_digest()).collect()
}

#[test]
fn no_text_is_encoded_twice_and_runs_repeat() {
    let place = Place::new();
    let first = place.run(Reuse::Allowed).unwrap();
    let mut passages = place.encoder.passages.lock().unwrap().clone();
    let n_passages = passages.len();
    passages.sort();
    passages.dedup();
    assert_eq!(passages.len(), n_passages, "a passage was encoded twice");
    assert!(first.rows.iter().all(|row| !row.kept));

    let again = place.run(Reuse::Allowed).unwrap();
    assert!(again.rows.iter().all(|row| row.kept));
    let fresh = place.run(Reuse::Never).unwrap();
    assert!(fresh.rows.iter().all(|row| !row.kept));
    assert_eq!(digests(&first), digests(&again));
    assert_eq!(digests(&first), digests(&fresh));
    assert_eq!(place.encoder.passages.lock().unwrap().len(), n_passages);
}

#[test]
fn what_was_finished_before_a_failure_is_not_run_again() {
    let place = Place::new();
    // Two dense topics, ranked and timed: the fifth query is of a later system.
    place.encoder.fail_at.store(9, Ordering::SeqCst);
    assert!(matches!(
        place.run(Reuse::Allowed),
        Err(EvalError::Search { .. } | EvalError::Degraded { .. })
    ));
    let resumed = place.run(Reuse::Allowed).unwrap();
    let kept = resumed.rows.iter().filter(|row| row.kept).count();
    assert!((1..9).contains(&kept), "{kept} systems were kept");
    assert_eq!(digests(&resumed), digests(&place.run(Reuse::Never).unwrap()));
}

#[test]
fn a_reranked_system_is_a_row_beside_its_first_stage() {
    let one_chunker = GRID.replacen(
        "chunkers = [\"whole\", \"sentence:16/0\", \"fixed:16/0\"]",
        "chunkers = [\"whole\"]\nrerankers = [\"none\", \"overlap\"]",
        1,
    );
    let place = Place::of(&one_chunker);
    let outcome = place.run(Reuse::Allowed).unwrap();
    assert_eq!(outcome.rows.len(), 6);
    for pair in outcome.rows.chunks(2) {
        let [first, reranked] = pair else { panic!("an odd number of rows") };
        assert_eq!(reranked.run.system.rerank.as_deref(), Some("overlap"));
        assert!(reranked.run.depends_on["rerank"].contains("overlap"));
        assert!(!first.run.depends_on.contains_key("rerank"));
        assert_eq!(reranked.stages.is_some(), first.stages.is_some());
    }
    // "what borrows a value": the document with these words, which the hash of its
    // trigrams does not put first.
    let (dense, reranked) = (&outcome.rows[2].run, &outcome.rows[3].run);
    let first = |run: &SystemRun| run.document(run.rankings[0].hits[0].document).clone();
    assert_ne!(dense.ranking_digest(), reranked.ranking_digest());
    assert_eq!(first(reranked).as_str(), "d2");
    let markdown = report_markdown(
        &ReportHead { title: "t".into(), commands: Vec::new(), version: "0".into() },
        &[ExperimentReport::new(&outcome).unwrap()],
    );
    assert!(markdown.contains("`whole \\| dense \\| rerank overlap`"), "{markdown}");
    let again = place.run(Reuse::Allowed).unwrap();
    assert!(again.rows.iter().all(|row| row.kept));
    assert_eq!(digests(&outcome), digests(&again));
}

#[test]
fn results_make_pages_that_stand_alone() {
    let place = Place::new();
    let outcome = place.run(Reuse::Allowed).unwrap();
    let report = ExperimentReport::new(&outcome).unwrap();

    // t3 has no text and counts 0: no mean exceeds 2/3.
    for row in &report.systems {
        assert!(row.measures["documents nDCG@10"].mean < 0.67, "{}", row.system);
        let is_baseline = row.system == report.baseline;
        assert_eq!(row.measures["documents RR@10"].against_baseline.is_none(), is_baseline);
        assert_eq!(row.stages.is_some(), row.system.strategy.starts_with("hybrid"));
    }
    let head = ReportHead {
        title: "Tiny <1>".to_owned(),
        commands: vec!["trovato eval run tiny.toml".to_owned()],
        version: "0".to_owned(),
    };
    let html = report_html(&head, std::slice::from_ref(&report));
    let json = serde_json::to_string(&report).unwrap();
    let read: ExperimentReport = serde_json::from_str(&json).unwrap();
    assert_eq!(report_html(&head, &[read]), html, "the file holds what the page shows");
    assert!(html.contains("<h1>Tiny &lt;1&gt;</h1>"));
    for outside in ["<script", "http://", "https://", " src=", "@import"] {
        assert!(!html.contains(outside), "the page holds {outside}");
    }
    assert_eq!(html.matches("<svg").count(), 3);
    assert_eq!(html.matches("<table>").count(), html.matches("</table>").count());
    let markdown = report_markdown(&head, &[report]);
    for row in &outcome.rows {
        let name = format!("`{} \\| {}`", row.run.system.chunker, row.run.system.strategy);
        assert!(markdown.contains(&name), "{name}");
    }
}
