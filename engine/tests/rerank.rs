//! Reranking as a caller sees it: order, budgets, early exit, explanations, given
//! candidates.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{
    Detail, Document, DocumentId, Feature, Hit, Index, LateInteraction, Mixer, NearDuplicates,
    OrderedBy, OverlapReranker, RerankError, RerankOptions, RerankPace, RerankPassage,
    RerankPipeline, RerankQuery, RerankStop, Reranker, ScoreKind, SearchError, SearchOutcome,
    SearchRequest, Stage, Strategy, TokenWeighting, WhyNot, WordWeight, WriterOptions,
};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::{create, document, upsert};

const WORDS: [&str; 12] = [
    "borrow", "checker", "lifetime", "trait", "object", "macro", "cargo", "crate", "closure",
    "iterator", "slice", "string",
];

/// Some 200 documents of a paragraph or two of random words.
fn library(dir: &std::path::Path) -> Index {
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let index = create(dir);
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for n in 0..200 {
        let paragraphs: Vec<String> = (0..rng.random_range(1..3))
            .map(|_| {
                let length = rng.random_range(3..30);
                let words: Vec<&str> =
                    (0..length).map(|_| *WORDS.choose(&mut rng).unwrap()).collect();
                words.join(" ")
            })
            .collect();
        upsert(&mut writer, &document(&format!("lib/{n:03}"), &paragraphs.join("\n\n")));
    }
    writer.commit().unwrap();
    index.refresh().unwrap();
    index
}

/// A reranker that takes its time, or fails.
struct Slow {
    pair: Duration,
    estimate_ms: f64,
    fails: bool,
}

impl Reranker for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }
    fn fingerprint(&self) -> &'static str {
        "slow"
    }
    fn estimate_ms(&self, _tokens: usize) -> f64 {
        self.estimate_ms
    }
    fn score(
        &self,
        query: &RerankQuery<'_>,
        passages: &[RerankPassage<'_>],
    ) -> Result<Vec<f32>, RerankError> {
        std::thread::sleep(self.pair * passages.len() as u32);
        if self.fails {
            return Err(RerankError::ScoreRange { low: 1.0, high: 0.0 });
        }
        OverlapReranker.score(query, passages)
    }
}

/// A reranker without a pattern: any passage may turn out best.
struct Noise;

impl Reranker for Noise {
    fn name(&self) -> &'static str {
        "noise"
    }
    fn fingerprint(&self) -> &'static str {
        "noise"
    }
    fn estimate_ms(&self, _tokens: usize) -> f64 {
        0.0
    }
    fn score(
        &self,
        query: &RerankQuery<'_>,
        passages: &[RerankPassage<'_>],
    ) -> Result<Vec<f32>, RerankError> {
        let score = |passage: &RerankPassage<'_>| {
            let hash = blake3::hash(format!("{} {}", query.text, passage.text).as_bytes());
            f32::from(hash.as_bytes()[0]) / 255.0
        };
        Ok(passages.iter().map(score).collect())
    }
}

fn mixer(weights: &str) -> Mixer {
    let text = format!(r#"{{"format": 1, "name": "test", "weights": {{{weights}}}}}"#);
    Mixer::from_json(&text).unwrap()
}

fn overlap(weights: &str) -> RerankPipeline {
    RerankPipeline::new(Arc::new(OverlapReranker)).with_mixer(mixer(weights))
}

fn search(index: &Index, pipeline: &RerankPipeline, request: &SearchRequest) -> SearchOutcome {
    index.searcher().with_reranker(Arc::new(pipeline.clone())).search(request).unwrap()
}

fn reranked(query: &str, options: RerankOptions) -> SearchRequest {
    SearchRequest {
        rerank: Some(options),
        near_duplicates: NearDuplicates::List,
        ..SearchRequest::new(query)
    }
}

fn chunks(hits: &[Hit]) -> Vec<u32> {
    hits.iter().map(|hit| hit.chunk.0).collect()
}

#[test]
fn without_reranking_nothing_changes_and_without_a_reranker_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let request = SearchRequest::new("borrow checker lifetime");
    let plain = index.searcher().search(&request).unwrap();
    let mut loaded = search(&index, &overlap(r#""rerank": 1"#), &request);
    assert_eq!((loaded.reranked, loaded.timings_ms.rerank), (None, 0.0));
    loaded.timings_ms = plain.timings_ms;
    // When a leg began is a time as well.
    loaded.candidates = plain.candidates;
    assert_eq!(loaded, plain);
    let asked = SearchRequest { rerank: Some(RerankOptions::default()), ..request };
    let error = index.searcher().search(&asked).unwrap_err();
    assert!(matches!(error, SearchError::NoReranker), "{error}");
}

#[test]
fn the_models_score_orders_what_it_has_read() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let request = reranked("borrow checker closure", RerankOptions::default());
    let outcome = search(&index, &overlap(r#""rerank": 1"#), &request);
    assert_eq!(outcome.score_kind, ScoreKind::Reranked);
    let report = outcome.reranked.unwrap();
    assert_eq!((report.candidates, outcome.degraded.len()), (50, 0));
    assert!(outcome.timings_ms.rerank > 0.0);
    for hit in &outcome.hits {
        let features = hit.features.unwrap();
        assert_eq!(hit.score, features.get(Feature::Rerank), "{}", hit.document);
        // With three words, overlap is a third of how many occur.
        let held = ["borrow", "checker", "closure"].map(|word| hit.text.contains(word));
        let share = held.iter().filter(|held| **held).count() as f64 / 3.0;
        assert!((features.get(Feature::Rerank) - share).abs() < 1e-6, "{}", hit.text);
    }
    assert!(outcome.hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
}

#[test]
fn hits_are_those_of_a_reading_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let pipelines = ["0.1", "0.3", "3"].map(|weight| {
        let weights = format!(r#""first_stage": 1, "rerank": {weight}, "rerank_in_query": 0.02"#);
        RerankPipeline::new(Arc::new(Noise)).with_mixer(mixer(&weights))
    });
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut n_early, mut n_further) = (0, 0);
    for round in 0..200 {
        let pipeline = &pipelines[round % 3];
        let words: Vec<&str> =
            (0..rng.random_range(1..9)).map(|_| *WORDS.choose(&mut rng).unwrap()).collect();
        let request = SearchRequest {
            top: rng.random_range(1..8),
            per_document: [None, Some(1)][round % 2],
            near_duplicates: [NearDuplicates::List, NearDuplicates::Group][round / 2 % 2],
            ..reranked(&words.join(" "), RerankOptions { depth: Some(60), budget_ms: None })
        };
        let early = search(&index, pipeline, &request);
        // A why-not is told for the whole reach, so nothing is left unread.
        let whole = SearchRequest { why_not: DocumentId::new("lib/000").ok(), ..request.clone() };
        let whole = search(&index, pipeline, &whole);
        assert_eq!(early.hits, whole.hits, "{words:?}");
        assert_eq!(whole.reranked.unwrap().stop, RerankStop::Complete);
        n_early += usize::from(early.reranked.unwrap().stop == RerankStop::Settled);
        n_further += usize::from(early.reranked.unwrap().scored > 16);
        assert_eq!(search(&index, pipeline, &request).hits, early.hits, "the same again");
    }
    assert!(n_early > 50 && n_further > 5, "{n_early} {n_further}");
}

#[test]
fn a_budget_bounds_what_is_begun_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let request = |budget_ms| {
        let options = RerankOptions { depth: None, budget_ms: Some(budget_ms) };
        SearchRequest { top: 60, depth: Some(60), ..reranked("trait object macro", options) }
    };
    let first = {
        let plain = SearchRequest { rerank: None, ..request(0) };
        index.searcher().search(&plain).unwrap()
    };
    let slow = |pair_ms, estimate_ms| {
        let pair = Duration::from_millis(pair_ms);
        let slow = Slow { pair, estimate_ms, fails: false };
        RerankPipeline::new(Arc::new(slow)).with_mixer(mixer(r#""rerank": 1"#))
    };
    let told = |outcome: &SearchOutcome| {
        assert_eq!(outcome.reranked.unwrap().stop, RerankStop::Budget);
        assert_eq!(outcome.degraded.len(), 1);
        assert_eq!(outcome.degraded[0].stage, Stage::Rerank);
        let scored = outcome.reranked.unwrap().scored;
        let reason = &outcome.degraded[0].reason;
        assert!(reason.starts_with(&format!("{scored} of 50 candidates")), "{reason}");
        scored
    };

    // No time at all.
    let none = search(&index, &slow(0, 0.0), &request(0));
    assert_eq!(told(&none), 0);
    assert_eq!(none.hits, first.hits);
    assert_eq!(none.score_kind, first.score_kind);

    // A pair is expected to take longer than there is time for: one is read all the same.
    let one = search(&index, &slow(0, 1e6), &request(10_000));
    assert_eq!(told(&one), 1);
    assert_eq!(chunks(&one.hits), chunks(&first.hits));

    // The estimate is far too low: at most one batch is begun too many.
    let some = search(&index, &slow(10, 1e-6), &request(100));
    let scored = told(&some);
    assert!((8..=16).contains(&scored), "{scored}");
    let (before, after) = (chunks(&first.hits), chunks(&some.hits));
    assert_eq!(before[scored..], after[scored..], "what was not read keeps its order");
    assert!(
        some.hits
            .iter()
            .all(|hit| hit.features.is_some() == before[..scored].contains(&hit.chunk.0))
    );

    let enough = search(&index, &slow(0, 1e-6), &request(60_000));
    assert_eq!(enough.reranked.unwrap().stop, RerankStop::Complete);
    assert!(enough.degraded.is_empty());
}

#[test]
fn a_small_budget_is_used_as_far_as_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Three rounds fit, of one candidate a thread: less than a batch on one or two.
    let slow = Slow { pair: Duration::ZERO, estimate_ms: 1000.0, fails: false };
    let pipeline = RerankPipeline::new(Arc::new(slow));
    let options = RerankOptions { depth: None, budget_ms: Some(3900) };
    let outcome = search(&index, &pipeline, &reranked("trait object macro", options));
    let affordable = RerankPace::new(1000.0, threads).fitting(Duration::from_millis(3900));
    assert_eq!(outcome.reranked.unwrap().scored, affordable.min(50), "{threads} threads");
}

/// A reranker that is as slow as a pair is long.
struct PerToken;

impl Reranker for PerToken {
    fn name(&self) -> &'static str {
        "per token"
    }
    fn fingerprint(&self) -> &'static str {
        "per token"
    }
    fn estimate_ms(&self, tokens: usize) -> f64 {
        100.0 * tokens as f64
    }
    fn score(
        &self,
        query: &RerankQuery<'_>,
        passages: &[RerankPassage<'_>],
    ) -> Result<Vec<f32>, RerankError> {
        OverlapReranker.score(query, passages)
    }
}

#[test]
fn a_budget_buys_more_short_passages_than_long_ones() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let pipeline = RerankPipeline::new(Arc::new(PerToken));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let budget = Duration::from_mins(1);
    let full = RerankPace::new(pipeline.candidate_ms(), threads).fitting(budget);
    let options = RerankOptions { depth: None, budget_ms: Some(60_000) };
    let outcome = search(&index, &pipeline, &reranked("trait object macro", options));
    // Passages have 30 words at most, and a window has room for four times as many.
    let scored = outcome.reranked.unwrap().scored;
    assert!(full < 50 && scored >= (2 * full).min(50), "{scored} of {full}");
}

#[test]
fn hits_that_are_settled_among_the_affordable_are_not_settled() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    // Twenty rounds fit: 20 candidates of one thread, at most 160 of many.
    let slow = Slow { pair: Duration::ZERO, estimate_ms: 1000.0, fails: false };
    let weights = mixer(r#""first_stage": 1, "rerank": 0.000001"#);
    let pipeline = RerankPipeline::new(Arc::new(slow)).with_mixer(weights);
    let stop = |budget_ms| {
        let options = RerankOptions { depth: Some(1000), budget_ms };
        let request =
            SearchRequest { top: 1, depth: Some(1000), ..reranked("trait object", options) };
        let outcome = search(&index, &pipeline, &request);
        let report = outcome.reranked.unwrap();
        assert!(report.scored < 20 && report.candidates > 160, "{report:?}");
        (report.stop, outcome.degraded.len())
    };
    assert_eq!(stop(None), (RerankStop::Settled, 0));
    assert_eq!(stop(Some(20_500)), (RerankStop::Budget, 1));
}

/// A reranker that notes the words it was asked for, with their rarity.
#[derive(Default)]
struct Listener {
    heard: Mutex<Vec<(String, f64)>>,
}

impl Reranker for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }
    fn fingerprint(&self) -> &'static str {
        "listener"
    }
    fn estimate_ms(&self, _tokens: usize) -> f64 {
        0.0
    }
    fn score(
        &self,
        query: &RerankQuery<'_>,
        passages: &[RerankPassage<'_>],
    ) -> Result<Vec<f32>, RerankError> {
        let word =
            |weight: &WordWeight| (weight.span.slice(query.text).unwrap().to_owned(), weight.idf);
        *self.heard.lock().unwrap() = query.word_weights.iter().map(word).collect();
        OverlapReranker.score(query, passages)
    }
}

#[test]
fn a_word_is_as_rare_inside_quotes_as_outside() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let listener = Arc::new(Listener::default());
    let pipeline = RerankPipeline::new(Arc::clone(&listener) as Arc<dyn Reranker>);
    let heard = |query: &str| {
        search(&index, &pipeline, &reranked(query, RerankOptions::default()));
        listener.heard.lock().unwrap().clone()
    };
    let plain = heard("borrow checker zebra");
    assert_eq!(plain.len(), 3, "{plain:?}");
    assert!(plain[0].1 < plain[2].1, "no document has a zebra: {plain:?}");
    assert_eq!(heard("\"borrow checker\" zebra"), plain);
    assert_eq!(heard("+borrow \"checker\" zebra"), plain);
}

/// A reranker that believes itself slow until it has read something.
#[derive(Default)]
struct Pessimist {
    has_read: AtomicBool,
}

impl Reranker for Pessimist {
    fn name(&self) -> &'static str {
        "pessimist"
    }
    fn fingerprint(&self) -> &'static str {
        "pessimist"
    }
    fn estimate_ms(&self, _tokens: usize) -> f64 {
        if self.has_read.load(Ordering::Relaxed) { 0.0 } else { 1e9 }
    }
    fn score(
        &self,
        query: &RerankQuery<'_>,
        passages: &[RerankPassage<'_>],
    ) -> Result<Vec<f32>, RerankError> {
        self.has_read.store(true, Ordering::Relaxed);
        OverlapReranker.score(query, passages)
    }
}

#[test]
fn an_estimate_that_was_too_high_corrects_itself() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let pipeline = RerankPipeline::new(Arc::new(Pessimist::default()));
    let options = RerankOptions { depth: None, budget_ms: Some(60_000) };
    let request = SearchRequest { top: 50, ..reranked("trait object macro", options) };
    let scored = || search(&index, &pipeline, &request).reranked.unwrap().scored;
    assert_eq!((scored(), scored()), (1, 50));
}

#[test]
fn an_estimate_that_is_no_duration_bounds_budgets_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    for estimate_ms in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
        let slow = Slow { pair: Duration::ZERO, estimate_ms, fails: false };
        let pipeline = RerankPipeline::new(Arc::new(slow));
        let scored = |budget_ms| {
            let options = RerankOptions { depth: Some(20), budget_ms };
            let request = SearchRequest { top: 50, ..reranked("trait object macro", options) };
            search(&index, &pipeline, &request).reranked.unwrap().scored
        };
        assert_eq!((scored(None), scored(Some(1000))), (20, 1), "{estimate_ms}");
    }
}

#[test]
fn a_passed_deadline_leaves_the_first_stage_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let request = SearchRequest {
        deadline_ms: Some(0),
        strategy: Strategy::Lexical,
        ..reranked("trait object", RerankOptions::default())
    };
    let outcome = search(&index, &overlap(r#""rerank": 1"#), &request);
    assert_eq!(outcome.reranked.unwrap().scored, 0);
    assert_eq!(outcome.score_kind, ScoreKind::Bm25);
    assert_eq!(outcome.degraded[0].stage, Stage::Rerank);
}

#[test]
fn a_failing_model_degrades_to_the_first_stage() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let slow = Slow { pair: Duration::ZERO, estimate_ms: 0.0, fails: true };
    let request = reranked("trait object", RerankOptions::default());
    let outcome = search(&index, &RerankPipeline::new(Arc::new(slow)), &request);
    assert_eq!(outcome.reranked.unwrap().stop, RerankStop::Failed);
    assert!(outcome.degraded[0].reason.contains("no range"), "{:?}", outcome.degraded);
    let plain = index.searcher().search(&SearchRequest { rerank: None, ..request }).unwrap();
    assert_eq!(outcome.hits, plain.hits);
}

#[test]
fn leaves_recombine_to_the_reranked_score() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let weights = Mixer::from_json(
        r#"{"format": 1, "name": "test", "bias": 0.5,
            "weights": {"first_stage": 0.6, "rerank_in_query": 0.3, "max_sim": 0.2,
                        "lexical_rank": 0.1, "word_match": 0.2, "title_match": -0.1},
            "interactions": {"query_words * rerank": 0.4, "legs_agree * max_sim": 0.2}}"#,
    )
    .unwrap();
    let late = LateInteraction::new(support::encoder(), TokenWeighting::Idf).unwrap();
    let pipeline =
        RerankPipeline::new(Arc::new(OverlapReranker)).with_late_interaction(Arc::new(late));
    assert!(pipeline.has_idle_late_interaction(), "the shipped weights have none for it");
    let pipeline = pipeline.with_mixer(weights);
    assert!(!pipeline.has_idle_late_interaction());
    let mut n_unread = 0;
    for query in ["borrow", "trait object lifetime", "is a closure an iterator?"] {
        let options = RerankOptions { depth: Some(12), budget_ms: None };
        let request =
            SearchRequest { top: 30, detail: Detail::Explained, ..reranked(query, options) };
        for hit in search(&index, &pipeline, &request).hits {
            let explanation = hit.explanation.unwrap();
            let recombined = explanation.recombine();
            assert!((recombined - hit.score).abs() < 1e-6, "{query}: {recombined} {}", hit.score);
            if hit.features.is_some() {
                assert!(explanation.description.contains("overlap"), "{}", explanation.description);
            } else {
                n_unread += 1;
                assert!(explanation.description.starts_with("not read"));
                assert_eq!(explanation.details.len(), 1, "the first stage's own");
            }
        }
    }
    assert!(n_unread > 10, "{n_unread}");
}

#[test]
fn why_not_tells_what_the_reranker_did_to_a_document() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let options = RerankOptions { depth: Some(20), budget_ms: None };
    let request =
        SearchRequest { top: 40, ..reranked("slice string closure cargo iterator macro", options) };
    let plain = SearchRequest { rerank: None, ..request.clone() };
    let first = index.searcher().search(&plain).unwrap();
    let ask = |at: usize| {
        let id = first.hits[at].document.clone();
        let request =
            SearchRequest { top: 1, depth: Some(40), why_not: Some(id), ..request.clone() };
        search(&index, &overlap(r#""rerank": -1, "first_stage": 0.001"#), &request).why_not.unwrap()
    };
    // The model's verdict is turned around, so the first of the first stage falls.
    let WhyNot::Outranked { stage: OrderedBy::Reranked { before }, rank, .. } = ask(0) else {
        panic!("{:?}", ask(0))
    };
    assert!(before < rank, "{before} {rank}");
    assert!(
        matches!(ask(39), WhyNot::Outranked { stage: OrderedBy::NotRead, .. }),
        "{:?}",
        ask(39)
    );
}

#[test]
fn given_candidates_are_ranked_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let copy =
        Document { id: DocumentId::new("copy").unwrap(), ..library_document(&index, "lib/007") };
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    upsert(&mut writer, &copy);
    writer.commit().unwrap();
    index.refresh().unwrap();
    let id = |text: &str| DocumentId::new(text).unwrap();
    let given: Vec<_> = ["lib/003", "copy", "nowhere", "lib/150", "lib/007"]
        .into_iter()
        .zip([9.0, 8.0, 7.0, 6.0, 5.0])
        .map(|(name, score)| (id(name), score))
        .collect();
    let request = SearchRequest {
        candidates: Some(given.clone()),
        detail: Detail::Explained,
        ..SearchRequest::new("borrow checker")
    };
    let outcome = index.searcher().search(&request).unwrap();
    let scores: Vec<f64> = outcome.hits.iter().map(|hit| hit.score).collect();
    assert_eq!(scores, [9.0, 8.0, 6.0], "a copy and its original are one passage");
    assert_eq!(outcome.hits[1].similar[0].0, id("lib/007"));
    assert_eq!(outcome.score_kind, ScoreKind::Given);
    assert_eq!(outcome.hits[0].explanation.as_ref().unwrap().recombine(), 9.0);

    let asked = SearchRequest { rerank: Some(RerankOptions::default()), ..request.clone() };
    let outcome = search(&index, &overlap(r#""rerank": 1"#), &asked);
    assert_eq!((outcome.hits.len(), outcome.reranked.unwrap().scored), (3, 4), "one is grouped");
    let features = outcome.hits[0].features.unwrap();
    assert!(features.get(Feature::DenseRank) >= 1.0 / 6.0, "the legs know the candidates");

    let candidates = Some(vec![(id("lib/003"), f64::NAN)]);
    let error = index.searcher().search(&SearchRequest { candidates, ..request }).unwrap_err();
    assert!(error.to_string().contains("lib/003"), "{error}");
}

#[test]
fn a_first_stage_of_words_alone_is_mixed_by_weights_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let pipeline = RerankPipeline::new(Arc::new(OverlapReranker));
    let query = "trait object lifetime";
    let mixed_by = |strategy, candidates: Option<Vec<(DocumentId, f64)>>| {
        let options = RerankOptions::default();
        let request = SearchRequest {
            strategy,
            candidates,
            detail: Detail::Explained,
            ..reranked(query, options)
        };
        let hit = search(&index, &pipeline, &request).hits.remove(0);
        let told = hit.explanation.unwrap().description;
        told.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(mixed_by(Strategy::Lexical, None), "trovato-mixer-words");
    assert_eq!(mixed_by(Strategy::Dense, None), "trovato-mixer");
    assert_eq!(mixed_by(Strategy::DEFAULT, None), "trovato-mixer");

    // A ranking from elsewhere is one of words where it agrees with ours.
    let request =
        SearchRequest { strategy: Strategy::Lexical, top: 20, ..SearchRequest::new(query) };
    let outcome = index.searcher().search(&request).unwrap();
    let found: Vec<_> = outcome.hits.into_iter().map(|hit| (hit.document, hit.score)).collect();
    let scores = found.iter().rev().map(|(_, score)| *score);
    let backwards = found.iter().zip(scores).map(|((id, _), score)| (id.clone(), score)).collect();
    assert_eq!(mixed_by(Strategy::DEFAULT, Some(found.clone())), "trovato-mixer-words");
    assert_eq!(mixed_by(Strategy::DEFAULT, Some(backwards)), "trovato-mixer");

    let given = pipeline.clone().with_mixer(Mixer::default());
    assert_eq!(pipeline.mixer_name(), "trovato-mixer or trovato-mixer-words");
    assert_eq!(given.mixer_name(), "trovato-mixer");
    assert_ne!(given.fingerprint(), pipeline.fingerprint());
}

fn library_document(index: &Index, id: &str) -> Document {
    let stored = index.searcher().document(&DocumentId::new(id).unwrap()).unwrap().unwrap();
    document(id, &stored.text)
}
