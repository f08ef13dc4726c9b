//! Chunkers compared by the text they bring, with an encoder that needs no
//! model: figures that can be checked by hand.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use corpora::QuestionSplit;
use engine::{HashEncoder, Strategy, VectorLayout};
use eval::{
    ChunkingOptions, ChunkingOutcome, ChunkingRow, EvalError, EvalProgress, GroundTruth,
    IndexCache, Recipe, Reuse, TokenBudget, compare_chunkers, evaluate_chunking, stats::Resolution,
};
use ingest::chunk::WordSizer;
use ingest::pipeline::{Progress, Silent};

struct Quiet;

impl EvalProgress for Quiet {
    fn indexing(&self) -> &dyn Progress {
        &Silent
    }

    fn topics(&self, _done: usize, _total: usize) {}
}

/// 16 words, the smallest chunk there is; each of 4 letters and a blank, so 79
/// characters a line.
const OWNERS: &str =
    "owns each item once then move free gone ends here rule book said more than that";
const CRABS: &str =
    "crab walk side ways over sand into deep blue seas with hard claw held high açaí";

fn benchmark(dir: &Path) -> PathBuf {
    let folder = dir.join("bench");
    fs::create_dir_all(folder.join("corpora")).unwrap();
    fs::write(folder.join("corpora/speech.md"), format!("{OWNERS}\n\n{CRABS}\n\n{OWNERS}"))
        .unwrap();
    fs::write(folder.join("corpora/other.md"), "nothing like that").unwrap();
    let reference = |content: &str, start: usize| {
        let end = start + content.chars().count();
        serde_json::json!({ "content": content, "start_index": start, "end_index": end })
    };
    let row = |question: &str, references: &[serde_json::Value], corpus: &str| {
        let list = serde_json::Value::from(references).to_string().replace('"', "\"\"");
        format!("{question},\"{list}\",{corpus}\n")
    };
    let table = [
        "question,references,corpus_id\n".to_owned(),
        // The last words of the second line: code points 81 + 65 to 81 + 79.
        row("hard claw held high", &[reference("held high açaí", 146)], "speech"),
        row("nothing like", &[reference("nothing like that", 0)], "other"),
        // Nothing lexical finds: the words are nowhere.
        row("zebra", &[reference("owns", 0)], "speech"),
    ];
    fs::write(folder.join("questions_df.csv"), table.concat()).unwrap();
    folder
}

fn recipe(chunker: &str) -> Recipe {
    Recipe {
        chunker: chunker.parse().unwrap(),
        encoder: Arc::new(HashEncoder::new(64, 256)),
        sizer: Arc::new(WordSizer::for_encoder(256)),
        vectors: VectorLayout::default(),
    }
}

fn options(chunks: usize, budget: Option<usize>) -> ChunkingOptions {
    let budget = budget.map(|tokens| TokenBudget {
        tokens: NonZeroUsize::new(tokens).unwrap(),
        ruler: Arc::new(WordSizer::ruler()),
    });
    let chunks = NonZeroUsize::new(chunks).unwrap();
    ChunkingOptions { strategy: Strategy::Lexical, chunks, budget, reuse: Reuse::Allowed }
}

fn evaluate(dir: &Path, truth: &GroundTruth, options: &ChunkingOptions) -> ChunkingOutcome {
    let cache = IndexCache::new(dir.join("cache"));
    evaluate_chunking(truth, &recipe("recursive:16"), options, &cache, &Quiet).unwrap()
}

#[test]
fn the_benchmarks_figures_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let truth = GroundTruth::open(&benchmark(dir.path()), None).unwrap();
    let outcome = evaluate(dir.path(), &truth, &options(1, Some(20)));
    assert_eq!(outcome.questions, ["speech-001", "other-001", "speech-002"]);
    // Chunks are the three lines and the other corpus.
    assert_eq!(outcome.indexing.chunks, 4);
    assert_eq!(outcome.mean_chunk_chars, (79.0 * 3.0 + 17.0) / 4.0);
    let at = &outcome.at_chunks;
    assert_eq!(at.recall.per_question, [1.0, 1.0, 0.0]);
    assert_eq!(at.precision.per_question, [14.0 / 79.0, 1.0, 0.0]);
    assert_eq!(at.iou.per_question, [14.0 / 79.0, 1.0, 0.0]);
    // The chunks that hold an answer, whether or not they were found.
    assert_eq!(outcome.precision_omega.per_question, [14.0 / 79.0, 1.0, 4.0 / 79.0]);
    assert_eq!(at.recall.measure.to_string(), "SpanRecall@1");

    // Only one chunk holds any word of the first question: 16 tokens of 20. The
    // second is found in one of 3 tokens, the third nowhere.
    let budget = outcome.at_budget.unwrap();
    assert_eq!(budget.mean_tokens, (16.0 + 3.0 + 0.0) / 3.0);
    assert_eq!(budget.at.recall.per_question, [1.0, 1.0, 0.0]);
    assert_eq!(budget.at.recall.measure.to_string(), "SpanRecall@20tok");

    // With 14 tokens the line is cut before its last two words.
    let outcome = evaluate(dir.path(), &truth, &options(1, Some(14)));
    let budget = outcome.at_budget.unwrap();
    let held = "held ".len() as f64;
    assert_eq!(budget.at.recall.per_question[0], held / 14.0);
    assert_eq!(budget.at.precision.per_question[0], held / 70.0);
}

#[test]
fn chunkers_are_set_against_a_baseline_question_by_question() {
    let dir = tempfile::tempdir().unwrap();
    let truth = GroundTruth::open(&benchmark(dir.path()), None).unwrap();
    let cache = IndexCache::new(dir.path().join("cache"));
    let options = options(1, Some(20));
    let evaluate =
        |spec| evaluate_chunking(&truth, &recipe(spec), &options, &cache, &Quiet).unwrap();
    let outcomes = ["whole", "recursive:16", "fixed:48"].map(evaluate);
    for baseline in 0..outcomes.len() {
        let compared = compare_chunkers(&outcomes, baseline).unwrap();
        let none: Vec<_> = compared.iter().map(Option::is_none).collect();
        assert_eq!(none, [0, 1, 2].map(|at| at == baseline));
        for (outcome, comparison) in outcomes.iter().zip(compared) {
            let Some(comparison) = comparison else { continue };
            let against = &outcomes[baseline];
            let difference = |of: fn(&ChunkingOutcome) -> f64| of(outcome) - of(against);
            let found = [
                comparison.at_chunks.precision.difference,
                comparison.at_chunks.iou.difference,
                comparison.precision_omega.difference,
                comparison.at_budget.unwrap().recall.difference,
            ];
            let expected = [
                difference(|outcome| outcome.at_chunks.precision.mean),
                difference(|outcome| outcome.at_chunks.iou.mean),
                difference(|outcome| outcome.precision_omega.mean),
                difference(|outcome| outcome.at_budget.as_ref().unwrap().at.recall.mean),
            ];
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
            // Three questions can tell nothing apart, whatever they say.
            let recall = comparison.at_chunks.recall;
            assert_eq!(recall.verdict, Resolution::CannotResolve);
            assert!(recall.adjusted_p >= recall.p_value);
        }
    }
    let mut half = truth.clone();
    half.keep_split(QuestionSplit::Dev);
    let other = evaluate_chunking(&half, &recipe("whole"), &options, &cache, &Quiet).unwrap();
    let error = compare_chunkers(&[outcomes[0].clone(), other], 0).unwrap_err();
    assert!(matches!(error, EvalError::OtherQuestions { baseline: 3, .. }), "{error}");
    assert!(compare_chunkers(&[], 0).unwrap().is_empty());
}

#[test]
fn late_chunks_have_the_spans_of_their_chunker_and_vectors_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let truth = GroundTruth::open(&benchmark(dir.path()), None).unwrap();
    let cache = IndexCache::new(dir.path().join("cache"));
    let options = ChunkingOptions { strategy: Strategy::Dense, ..options(1, None) };
    let evaluate =
        |spec| evaluate_chunking(&truth, &recipe(spec), &options, &cache, &Quiet).unwrap();
    let [alone, late] = ["recursive:16", "recursive:16,late"].map(evaluate);
    assert_eq!(alone.precision_omega, late.precision_omega, "the same chunks");
    assert_ne!(alone.fingerprint, late.fingerprint);
    // A line that comes twice is one text alone, and two within its page.
    assert_eq!((alone.indexing.chunks, alone.indexing.tokens), (4, 2 * 16 + 3));
    assert_eq!((late.indexing.chunks, late.indexing.tokens), (4, 3 * 16 + 3));
}

#[test]
fn a_half_is_scored_on_the_whole_corpus() {
    let dir = tempfile::tempdir().unwrap();
    let mut truth = GroundTruth::open(&benchmark(dir.path()), None).unwrap();
    truth.keep_split(QuestionSplit::Test);
    let outcome = evaluate(dir.path(), &truth, &options(5, None));
    assert_eq!(outcome.questions, ["speech-002"]);
    assert_eq!(outcome.indexing.documents, 2);
    assert!(outcome.at_budget.is_none());
}

#[test]
fn the_report_has_the_promised_keys() {
    let dir = tempfile::tempdir().unwrap();
    let truth = GroundTruth::open(&benchmark(dir.path()), None).unwrap();
    let outcome = evaluate(dir.path(), &truth, &options(5, None));
    let row = ChunkingRow::new(&recipe("recursive:16"), Strategy::Dense, &outcome);
    let json = serde_json::to_value(row).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "chunker",
            "encoder",
            "iou",
            "mean_chunk_chars",
            "precision",
            "precision_omega",
            "questions",
            "recall",
            "strategy"
        ]
    );
    assert_eq!(json["chunker"], "recursive:16/0");
    assert_eq!(json["recall"]["mean"], 2.0 / 3.0);
    assert!(json["recall"]["ci95"][1].is_number());
}

/// A folder of documents with its questions among them.
fn handbook(dir: &Path) -> (PathBuf, PathBuf) {
    let folder = dir.join("handbook");
    fs::create_dir_all(folder.join("part")).unwrap();
    fs::write(folder.join("part/owners.txt"), format!("{OWNERS}\n\n{CRABS}")).unwrap();
    let line = |id: &str, kind: &str, question: &str, evidence: &[(&str, &str)]| {
        let evidence: Vec<_> = evidence
            .iter()
            .map(|(document, quote)| {
                serde_json::json!({ "document": document, "quote": quote, "occurrence": 1 })
            })
            .collect();
        let question = serde_json::json!({
            "id": id, "question": question, "answer": "a", "kind": kind, "split": "dev", "evidence": evidence
        });
        format!("{question}\n")
    };
    let path = folder.join("questions.jsonl");
    let document = "handbook/part/owners.txt";
    let lines = [
        line("q1", "fact", "hard claw held high", &[(document, "held high açaí")]),
        line("q2", "fact", "rewritten", &[(document, "no longer there")]),
        line("q3", "unanswerable", "who", &[]),
    ];
    fs::write(&path, lines.concat()).unwrap();
    (folder, path)
}

#[test]
fn a_users_folder_is_judged_by_quotes_and_its_questions_are_no_document() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, questions) = handbook(dir.path());
    let mut truth = GroundTruth::open(&folder, Some(&questions)).unwrap();
    let outcome = evaluate(dir.path(), &truth, &options(1, None));
    assert_eq!((outcome.indexing.documents, outcome.indexing.skipped), (1, 0));
    assert_eq!(outcome.questions, ["q1"]);
    assert_eq!((outcome.unresolved.len(), outcome.n_unanswerable), (1, 1));
    assert_eq!(outcome.at_chunks.recall.mean, 1.0);
    assert_eq!(outcome.at_chunks.precision.mean, 14.0 / 79.0);

    truth.keep_split(QuestionSplit::Test);
    let cache = IndexCache::new(dir.path().join("cache"));
    let nothing =
        evaluate_chunking(&truth, &recipe("recursive:16"), &options(1, None), &cache, &Quiet);
    assert!(matches!(nothing, Err(EvalError::NoQuestions { .. })));
}

#[test]
fn the_published_benchmark_is_read_whole() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/chroma-chunking");
    if !dir.is_dir() {
        eprintln!("skipped: the benchmark is not at {}", dir.display());
        return;
    }
    let benchmark = corpora::ChunkingBenchmark::open(&dir).unwrap();
    assert_eq!((benchmark.corpora.len(), benchmark.questions.len()), (5, 472));
    let references: usize = benchmark.questions.iter().map(|q| q.references.len()).sum();
    assert_eq!(references, 790);
    let dev = benchmark.questions.iter().filter(|q| q.split == QuestionSplit::Dev).count();
    assert_eq!(dev, 237);
}
