//! A collection from files to figures, with an encoder that needs no model.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use corpora::{BeirCollection, Qrels, parse_questions};
use engine::{
    Embeddings, EncodeError, Encoder, Expansion, HashEncoder, RerankOptions, Strategy, TextRole,
    VectorLayout,
};
use eval::{
    CollectionOptions, EvalError, EvalProgress, IndexCache, OwnDocument, QuestionScoreReport,
    QuestionSystem, Recipe, RerankSetup, Reuse, ScoreReport, evaluate, evaluate_collection,
    evaluate_questions, index_collection, load_reranker, probe, read_run, write_run,
};
use ingest::chunk::WordSizer;
use ingest::pipeline::{Progress, Silent};

/// Six documents, the fourth an exact duplicate of the first; topic 3 is not
/// judged in this split, topic 4 has no text.
fn collection(dir: &Path) -> BeirCollection {
    let documents = [
        ("d1", "Ownership", "Every value has one owner."),
        ("d2", "Borrowing", "A reference borrows a value."),
        ("d3", "Threads", "Spawn a thread and join it."),
        ("d4 copy", "Ownership", "Every value has one owner."),
        ("d5", "", "Cargo builds packages."),
        ("t2", "Borrowing again", "what borrows a value"),
    ];
    let topics = [
        ("t1", "who is the owner of a value"),
        ("t2", "what borrows a value"),
        ("t3", "cargo"),
        ("t4", " "),
    ];
    super::beir::collection(dir, documents, topics, "t1\td4 copy\t1\nt2\td2\t2\nt4\td3\t1\n")
}

fn recipe(encoder: impl Encoder + 'static) -> Recipe {
    Recipe {
        chunker: "whole".parse().unwrap(),
        encoder: Arc::new(encoder),
        sizer: Arc::new(WordSizer::for_encoder(256)),
        vectors: VectorLayout::default(),
    }
}

struct Quiet;

impl EvalProgress for Quiet {
    fn indexing(&self) -> &dyn Progress {
        &Silent
    }

    fn topics(&self, _done: usize, _total: usize) {}
}

fn options(strategy: Strategy) -> CollectionOptions {
    CollectionOptions {
        recipe: recipe(HashEncoder::new(64, 256)),
        strategy,
        depth: None,
        expansion: Expansion::None,
        rerank: None,
        measures: ["nDCG@10", "R@100", "MAP", "MRR"].map(|name| name.parse().unwrap()).into(),
        own_document: OwnDocument::Keep,
        reuse: Reuse::Allowed,
    }
}

#[test]
fn a_written_run_scores_as_the_collection_did() {
    let dir = tempfile::tempdir().unwrap();
    let collection = collection(&dir.path().join("tiny"));
    let cache = IndexCache::new(dir.path().join("cache"));
    for strategy in [Strategy::Lexical, Strategy::Dense, Strategy::DEFAULT] {
        let options = options(strategy);
        let outcome = evaluate_collection(&collection, &options, &cache, &Quiet).unwrap();
        assert_eq!(outcome.evaluation.topics, ["t1", "t2", "t4"]);
        assert_eq!((outcome.topic_run.n_blank, outcome.evaluation.n_without_results), (1, 1));

        let path = dir.path().join("run");
        write_run(&outcome.topic_run.run, &path).unwrap();
        let qrels = Qrels::read(&collection.dir.join("qrels/test.tsv")).unwrap();
        let again = evaluate(&read_run(&path).unwrap(), &qrels, &options.measures);
        assert_eq!(again.measures, outcome.evaluation.measures, "{strategy:?}");

        let report = ScoreReport::of_collection(
            (&collection.name, collection.n_unjudged_topics),
            &options,
            &outcome,
        );
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["collection"], "tiny");
        assert_eq!(json["topics"], 3);
        assert!(json["measures"]["MAP"]["ci95"][1].is_number());
        assert!(json["timings_ms"]["total"]["p99"].as_f64().unwrap() > 0.0);
        assert_eq!(json["topic_counts"]["unjudged"], 1);
    }
}

#[test]
fn an_expansion_is_part_of_a_figures_name() {
    let dir = tempfile::tempdir().unwrap();
    let collection = collection(&dir.path().join("tiny"));
    let cache = IndexCache::new(dir.path().join("cache"));
    let run = |expand: &str| {
        let expansion = expand.parse().unwrap();
        let options = CollectionOptions { expansion, ..options(Strategy::DEFAULT) };
        let outcome = evaluate_collection(&collection, &options, &cache, &Quiet).unwrap();
        let report = ScoreReport::of_collection((&collection.name, 0), &options, &outcome);
        (outcome.topic_run.run.tag, report.fingerprint, report.expand)
    };
    let plain = run("none");
    let (tag, fingerprint, expand) = run("feedback:1");
    assert_eq!((plain.2.as_deref(), expand.as_deref()), (None, Some("feedback:1:0.5")));
    assert_eq!(tag, format!("{}-feedback:1:0.5", plain.0));
    assert_ne!(fingerprint, plain.1);
    assert_ne!(fingerprint, run("feedback:2").1);
}

#[test]
fn an_exact_duplicate_is_found_with_its_original() {
    let dir = tempfile::tempdir().unwrap();
    let collection = collection(&dir.path().join("tiny"));
    let cache = IndexCache::new(dir.path().join("cache"));
    let outcome =
        evaluate_collection(&collection, &options(Strategy::Lexical), &cache, &Quiet).unwrap();
    assert_eq!((outcome.indexing.documents, outcome.indexing.duplicates), (5, 1));
    let ranking = outcome.topic_run.run.ranking("t1");
    let ids: Vec<_> = ranking.iter().map(|entry| entry.document.as_str()).take(2).collect();
    assert_eq!(ids, ["d1", "d4 copy"]);
}

#[test]
fn a_topics_own_document_is_removed_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let collection = collection(&dir.path().join("tiny"));
    let cache = IndexCache::new(dir.path().join("cache"));
    let holds_own = |own_document| {
        let options = CollectionOptions { own_document, ..options(Strategy::Lexical) };
        let outcome = evaluate_collection(&collection, &options, &cache, &Quiet).unwrap();
        outcome.topic_run.run.ranking("t2").iter().any(|entry| entry.document.as_str() == "t2")
    };
    assert!(holds_own(OwnDocument::Keep));
    assert!(!holds_own(OwnDocument::Remove));
}

#[test]
fn an_index_is_built_once_and_again_when_anything_changed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("tiny");
    let tiny = collection(&folder);
    let cache = IndexCache::new(dir.path().join("cache"));
    let digest = |recipe: &Recipe, tiny: &BeirCollection| {
        index_collection(tiny, recipe, (&cache, Reuse::Allowed), &Silent)
            .unwrap()
            .fingerprint
            .digest()
    };
    let builds = || {
        fs::read_dir(dir.path().join("cache"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_dir())
            .count()
    };

    let plain = recipe(HashEncoder::new(64, 256));
    let first = digest(&plain, &tiny);
    assert_eq!(digest(&plain, &tiny), first);
    assert_eq!(builds(), 1);

    let chunked = Recipe { chunker: "fixed:32".parse().unwrap(), ..plain.clone() };
    assert_ne!(digest(&chunked, &tiny), first);
    assert_ne!(digest(&recipe(Altered(HashEncoder::new(64, 256))), &tiny), first);
    assert_eq!(builds(), 3);

    let mut corpus = fs::read_to_string(tiny.corpus_path()).unwrap();
    corpus.push_str("\n{\"_id\": \"d7\", \"text\": \"new\"}\n");
    fs::write(tiny.corpus_path(), corpus).unwrap();
    assert_ne!(digest(&plain, &tiny), first);
    assert_eq!(builds(), 4);
}

/// Another encoder under the same name and fingerprint: a model file exchanged
/// behind our back.
struct Altered(HashEncoder);

impl Encoder for Altered {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn fingerprint(&self) -> &str {
        self.0.fingerprint()
    }

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn max_tokens(&self) -> usize {
        self.0.max_tokens()
    }

    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        let upper: Vec<_> = texts.iter().map(|text| format!("altered {text}")).collect();
        self.0.encode(&upper.iter().map(String::as_str).collect::<Vec<_>>(), role)
    }
}

#[test]
fn a_build_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cache = IndexCache::new(dir.path());
    let recipe = recipe(HashEncoder::new(8, 16));
    let fingerprint = IndexCache::fingerprint(&recipe, "corpus").unwrap();
    let built = Cell::new(0);
    for _ in 0..2 {
        let result =
            cache.open_or_build(("x", fingerprint.clone()), &recipe, Reuse::Allowed, |path| {
                built.set(built.get() + 1);
                fs::create_dir_all(path).unwrap();
                fs::write(path.join("half"), "written").unwrap();
                Err(EvalError::NoDocumentation { missing: "interrupted".to_owned() })
            });
        assert!(matches!(result, Err(EvalError::NoDocumentation { .. })));
    }
    assert_eq!(built.get(), 2);
}

#[test]
fn the_probe_depends_on_what_components_do_and_nothing_else() {
    let probe_of = |recipe: Recipe| probe(&recipe).unwrap();
    let first = probe_of(recipe(HashEncoder::new(64, 256)));
    assert_eq!(probe_of(recipe(HashEncoder::new(64, 256))), first);
    assert_ne!(probe_of(recipe(HashEncoder::new(64, 8))), first);
}

#[test]
fn questions_are_judged_by_document_and_by_passage() {
    let dir = tempfile::tempdir().unwrap();
    let tiny = collection(&dir.path().join("tiny"));
    let cache = IndexCache::new(dir.path().join("cache"));
    let recipe = recipe(HashEncoder::new(64, 256));
    let index = index_collection(&tiny, &recipe, (&cache, Reuse::Allowed), &Silent).unwrap().index;
    let line = |id: &str, kind: &str, question: &str, evidence: &str| {
        format!(
            "{{\"id\":\"{id}\",\"question\":\"{question}\",\"answer\":\"a\",\"kind\":\"{kind}\",\
             \"split\":\"dev\",\"evidence\":[{evidence}]}}\n"
        )
    };
    let quote = |document: &str, quote: &str| {
        format!("{{\"document\":\"{document}\",\"quote\":\"{quote}\",\"occurrence\":1}}")
    };
    let questions = parse_questions(
        &[
            // The quoted document is an exact duplicate: its original counts.
            line("q2", "fact", "who owns a value, the owner", &quote("d4 copy", "one owner")),
            line("q1", "fact", "spawn a thread", &quote("d3", "Spawn a thread")),
            line("q3", "fact", "x", &quote("d3", "not there")),
            line("q4", "fact", "x", &quote("nowhere", "x")),
            line("q5", "unanswerable", "x", ""),
        ]
        .concat(),
    )
    .unwrap();
    let report =
        evaluate_questions(&index.searcher(), &questions, &[Strategy::Lexical.into()]).unwrap();
    let ids: Vec<_> = report.questions.iter().map(|question| question.id.as_str()).collect();
    assert_eq!(ids, ["q1", "q2"]);
    assert_eq!((report.unresolved.len(), report.n_unanswerable), (2, 1));
    let scores = &report.systems[0];
    for result in scores.documents.iter().chain(&scores.passages) {
        assert_eq!(result.per_topic, [1.0, 1.0], "{}", result.requested);
    }
    let expansion = "multi-query".parse().unwrap();
    let plain = QuestionSystem::from(Strategy::Lexical);
    let pipeline = load_reranker("overlap", None, &models::Silent).unwrap().unwrap();
    let setup = RerankSetup { pipeline: Arc::new(pipeline), options: RerankOptions::default() };
    let systems = [
        QuestionSystem { expansion, ..plain.clone() },
        QuestionSystem { rerank: Some(setup), ..plain.clone() },
        plain,
    ];
    let report = evaluate_questions(&index.searcher(), &questions, &systems).unwrap();
    let report = QuestionScoreReport::new(&report).unwrap();
    let [expanded, reranked, plain] = &report.strategies[..] else { panic!() };
    assert!(plain.expand.is_none() && plain.rerank.is_none() && plain.differences.is_none());
    assert_eq!(expanded.expand.as_deref(), Some("multi-query:0.5"));
    assert_eq!(reranked.rerank.as_ref().unwrap().reranker, "overlap");
    for system in [expanded, reranked] {
        let differences = &system.differences.as_ref().unwrap().passages.0;
        assert_eq!((differences[0].0.as_str(), differences[0].1.mean), ("nDCG@10", 0.0));
    }
}
