//! Reranking a collection and a run file, with a reranker that needs no model.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use corpora::BeirCollection;
use engine::{
    DocumentId, Expansion, Feature, HashEncoder, Mixer, OverlapReranker, RerankOptions,
    RerankPipeline, Strategy, VectorLayout,
};
use eval::{
    CollectionOptions, EvalError, EvalProgress, IndexCache, OwnDocument, Recipe, RerankRunOptions,
    RerankSetup, Reuse, Run, RunToRerank, ScoreReport, evaluate_collection, read_run, rerank_run,
    write_features, write_run,
};
use ingest::chunk::WordSizer;
use ingest::pipeline::{Progress, Silent};

/// Seven documents, the fourth an exact duplicate of the first.
fn collection(dir: &Path) -> BeirCollection {
    let documents = [
        ("d1", "Ownership", "Every value has one owner."),
        ("d2", "Borrowing", "A reference borrows a value."),
        ("d3", "Threads", "Spawn a thread and join it."),
        ("d4 copy", "Ownership", "Every value has one owner."),
        ("d5", "", "Cargo builds packages."),
        ("d6", "Values", "what a value is"),
        ("d7", "Owners", "who is the owner of a value is asked here"),
    ];
    let topics = [("t1", "who is the owner of a value"), ("t2", "borrows a value"), ("t3", " ")];
    super::beir::collection(dir, documents, topics, "t1\td7\t2\nt2\td2\t1\nt3\td3\t1\n")
}

fn recipe() -> Recipe {
    Recipe {
        chunker: "whole".parse().unwrap(),
        encoder: Arc::new(HashEncoder::new(64, 256)),
        sizer: Arc::new(WordSizer::for_encoder(256)),
        vectors: VectorLayout::default(),
    }
}

/// The overlap of words decides alone.
fn setup(budget_ms: Option<u64>) -> RerankSetup {
    let mixer =
        Mixer::from_json(r#"{"format": 1, "name": "overlap", "weights": {"rerank": 1}}"#).unwrap();
    let pipeline = RerankPipeline::new(Arc::new(OverlapReranker)).with_mixer(mixer);
    let options = RerankOptions { depth: None, budget_ms };
    RerankSetup { pipeline: Arc::new(pipeline), options }
}

struct Quiet;

impl EvalProgress for Quiet {
    fn indexing(&self) -> &dyn Progress {
        &Silent
    }

    fn topics(&self, _done: usize, _total: usize) {}
}

fn id(name: &str) -> DocumentId {
    DocumentId::new(name).unwrap()
}

#[test]
fn a_collection_is_reranked_reported_and_dumped() {
    let dir = tempfile::tempdir().unwrap();
    let collection = collection(&dir.path().join("tiny"));
    let cache = IndexCache::new(dir.path().join("cache"));
    let options = CollectionOptions {
        recipe: recipe(),
        strategy: Strategy::DEFAULT,
        depth: None,
        expansion: Expansion::None,
        rerank: Some(setup(None)),
        measures: vec!["nDCG@10".parse().unwrap()],
        own_document: OwnDocument::Keep,
        reuse: Reuse::Allowed,
    };
    let outcome = evaluate_collection(&collection, &options, &cache, &Quiet).unwrap();
    let first = &outcome.topic_run.run.ranking("t1")[0];
    assert_eq!((first.document.as_str(), first.score), ("d7", 1.0));
    assert!(outcome.topic_run.run.tag.ends_with("-reranked"));
    let plain = CollectionOptions { rerank: None, ..options.clone() };
    let plain = evaluate_collection(&collection, &plain, &cache, &Quiet).unwrap();
    assert_ne!(outcome.fingerprint, plain.fingerprint);
    assert!(plain.topic_run.features.is_empty() && plain.topic_run.reports.is_empty());

    let report = ScoreReport::of_collection((&collection.name, 0), &options, &outcome);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["rerank"]["reranker"], "overlap");
    assert_eq!(json["rerank"]["mean_scored"], 6.0, "the duplicate is read once");
    assert!(json["timings_ms"]["rerank"]["p50"].as_f64().unwrap() > 0.0);

    let path = dir.path().join("features.jsonl");
    write_features(&outcome.topic_run.features, &collection.qrels, &path).unwrap();
    let text = fs::read_to_string(path).unwrap();
    let rows: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 14, "seven documents for each of two topics, duplicates too");
    let row = |topic: &str, document: &str| {
        rows.iter().find(|row| row["topic"] == topic && row["document"] == document).unwrap()
    };
    assert_eq!((&row("t1", "d7")["label"], &row("t1", "d7")["rank"]), (&2.into(), &1.into()));
    assert_eq!(row("t1", "d7")["question"], 1.0);
    assert_eq!(row("t2", "d2")["label"], 1);
    assert_eq!(row("t1", "d1")["rerank"], row("t1", "d4 copy")["rerank"]);
    assert_eq!(row("t1", "d7")["word_match"], 1.0);
}

#[test]
fn a_budget_is_no_failure_of_an_evaluation() {
    let dir = tempfile::tempdir().unwrap();
    let collection = collection(&dir.path().join("tiny"));
    let cache = IndexCache::new(dir.path().join("cache"));
    let options = CollectionOptions {
        recipe: recipe(),
        strategy: Strategy::DEFAULT,
        depth: None,
        expansion: Expansion::None,
        rerank: Some(setup(Some(0))),
        measures: vec!["nDCG@10".parse().unwrap()],
        own_document: OwnDocument::Keep,
        reuse: Reuse::Allowed,
    };
    let outcome = evaluate_collection(&collection, &options, &cache, &Quiet).unwrap();
    let report = ScoreReport::of_collection((&collection.name, 0), &options, &outcome);
    let rerank = report.rerank.unwrap();
    assert_eq!((rerank.mean_scored, rerank.out_of_budget), (0.0, 2));
}

#[test]
fn anyones_run_is_reranked_as_far_as_asked_and_the_rest_follows() {
    let dir = tempfile::tempdir().unwrap();
    let collection = collection(&dir.path().join("tiny"));
    let cache = IndexCache::new(dir.path().join("cache"));
    let mut run = Run::new("bm25");
    let ranking = ["d3", "d4 copy", "nowhere", "d1", "d7", "d5", "d2"];
    let scored = ranking.iter().zip([9.0, 8.0, 7.0, 7.0, 6.0, 5.0, 4.0]);
    run.insert("t1", scored.map(|(name, score)| (id(name), score)));
    run.insert("t2", [(id("d6"), 2.0), (id("d2"), 1.0)]);
    run.insert("t3", [(id("d2"), 2.0), (id("d3"), 1.0)]);
    run.insert("unknown", [(id("d1"), 1.0)]);
    let file = dir.path().join("bm25.run");
    write_run(&run, &file).unwrap();
    let given = RunToRerank {
        name: collection.name.clone(),
        dir: collection.dir.clone(),
        topics: collection.topics.clone(),
        qrels: collection.qrels.clone(),
        run: read_run(&file).unwrap(),
    };
    let options = RerankRunOptions {
        recipe: recipe(),
        rerank: setup(None),
        depth: 5,
        measures: vec!["RR@10".parse().unwrap()],
        reuse: Reuse::Allowed,
    };
    let reranked = rerank_run(&given, &options, &cache, &Quiet).unwrap();
    let order = |topic: &str| -> Vec<String> {
        let ranking = reranked.run.ranking(topic).iter();
        ranking.map(|entry| entry.document.as_str().to_owned()).collect()
    };
    // d7 says it all; the two that share a text share a place, in the run's order;
    // what the corpus lacks comes behind what was read, and d5 and d2 were beyond.
    assert_eq!(order("t1"), ["d7", "d4 copy", "d1", "d3", "nowhere", "d5", "d2"]);
    assert_eq!(order("t2"), ["d2", "d6"]);
    assert_eq!(order("t3"), ["d2", "d3"], "a topic without text keeps its ranking");
    assert_eq!(reranked.n_without_text, 2);
    assert_eq!(reranked.indexing.documents, 5, "d1, d2, d3, d6 and d7");
    assert_eq!(reranked.evaluation.measures[0].per_topic, [1.0, 1.0, 0.5]);
    assert_eq!(reranked.before.measures[0].per_topic, [0.2, 0.5, 0.5]);
    let row = reranked.features.iter().find(|row| row.document == id("d7")).unwrap();
    assert_eq!((row.rank, row.features.get(Feature::Rerank)), (1, 1.0));

    let report = ScoreReport::of_reranked(&given.name, &options, &reranked).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["strategy"], "bm25-reranked");
    assert_eq!(json["rerank"]["depth"], 5);
    assert!((json["differences"]["RR@10"]["mean"].as_f64().unwrap() - 1.3 / 3.0).abs() < 1e-9);

    let deep = RerankRunOptions { depth: 1001, ..options };
    let error = rerank_run(&given, &deep, &cache, &Quiet).unwrap_err();
    assert!(matches!(error, EvalError::RerankDepth { depth: 1001, .. }), "{error}");
}
