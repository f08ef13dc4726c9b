//! Query expansion as a caller sees it: what it finds, what it says, what it leaves
//! alone.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use engine::filter::Filter;
use engine::{
    Added, Detail, Embeddings, EncodeError, Encoder, Expansion, FieldValue, HashEncoder, Index,
    NearDuplicates, OpenOptions, ScoreKind, SearchError, SearchOutcome, SearchRequest, Stage,
    Strategy, TextRole, VariantRule, Verify, WriterOptions,
};
use proptest::prelude::*;
use support::{create, document, upsert, with_field};

const WORDS: [&str; 12] = [
    "borrow", "checker", "lifetime", "trait", "object", "macro", "cargo", "closure", "iterator",
    "slice", "hash_map", "E0382",
];

const METHODS: [&str; 5] =
    ["feedback", "feedback:2:0.3", "feedback:lexical", "feedback:lexical:3:0.8:5", "multi-query"];

/// A hundred documents of two or three of the words and some of their own, and the
/// given ones.
fn library(dir: &std::path::Path, more: &[(&str, &str)]) -> Index {
    let index = create(dir);
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for n in 0..100 {
        let words = [WORDS[n % 12], WORDS[n / 12 % 12], WORDS[(n * 7 + 3) % 12]].join(" ");
        let text = format!("{words} filler{n} other{}", n / 2);
        let year = FieldValue::Integer(2000 + n as i64 % 20);
        upsert(&mut writer, &with_field(document(&format!("lib/{n:03}"), &text), "year", year));
    }
    for (id, text) in more {
        upsert(&mut writer, &document(id, text));
    }
    writer.commit().unwrap();
    index.refresh().unwrap();
    index
}

fn request(query: &str, strategy: Strategy, expansion: &str) -> SearchRequest {
    SearchRequest {
        strategy,
        expansion: expansion.parse().unwrap(),
        near_duplicates: NearDuplicates::List,
        top: 50,
        ..SearchRequest::new(query)
    }
}

fn search(index: &Index, request: &SearchRequest) -> SearchOutcome {
    index.searcher().search(request).unwrap()
}

fn rank(outcome: &SearchOutcome, id: &str) -> Option<usize> {
    outcome.hits.iter().position(|hit| hit.document.as_str() == id).map(|at| at + 1)
}

fn ranking(outcome: &SearchOutcome) -> Vec<(u32, u64)> {
    outcome.hits.iter().map(|hit| (hit.chunk.0, hit.score.to_bits())).collect()
}

#[test]
fn dense_feedback_finds_what_the_best_passage_is_about() {
    let dir = tempfile::tempdir().unwrap();
    let more = [("seed", "zebra savanna grassland herd"), ("target", "grassland herd")];
    let index = library(dir.path(), &more);
    let ask = |method| {
        let asked = request("zebra savanna", Strategy::Dense, method);
        search(&index, &SearchRequest { top: 102, ..asked })
    };
    let (plain, moved) = (ask("none"), ask("feedback:1:0.5"));
    assert_eq!((rank(&plain, "seed"), rank(&moved, "seed")), (Some(1), Some(1)));
    let [before, after] = [&plain, &moved].map(|outcome| rank(outcome, "target").unwrap());
    assert!(after < before && after <= 3, "{before} {after}");
    assert_eq!(moved.score_kind, ScoreKind::Cosine);
    let report = moved.expanded.unwrap();
    assert_eq!(report.expansion.to_string(), "feedback:1:0.5");
    let Added::Vector { passages: 1, cosine } = report.added else { panic!("{report:?}") };
    assert!((0.0..1.0).contains(&cosine), "{cosine}");
}

#[test]
fn lexical_feedback_finds_passages_by_words_it_has_learnt() {
    let dir = tempfile::tempdir().unwrap();
    let more = [
        ("seed/a", "zebra savanna herds"),
        ("seed/b", "zebra savanna herd grazing"),
        ("target", "a herd on the savanna"),
    ];
    let index = library(dir.path(), &more);
    let plain = search(&index, &request("zebra", Strategy::Lexical, "none"));
    assert_eq!(rank(&plain, "target"), None);
    let expanded = search(&index, &request("zebra", Strategy::Lexical, "feedback:lexical:2:.5:3"));
    assert!(rank(&expanded, "target").is_some(), "{:?}", expanded.expanded);
    assert_eq!(rank(&expanded, "seed/a"), Some(1));
    let Added::Terms { passages: 2, terms } = expanded.expanded.unwrap().added else { panic!() };
    let words: Vec<_> = terms.iter().map(|term| term.term.as_str()).collect();
    assert_eq!(words, ["herd", "savanna", "zebra"], "{terms:?}");
    assert!((terms.iter().map(|term| term.share).sum::<f64>() - 1.0).abs() < 1e-12);
    // Only what was typed lights up.
    for hit in &expanded.hits {
        let marked = hit.highlights.iter().map(|span| {
            let at = |byte: u32| (byte - hit.span.start) as usize;
            &hit.text[at(span.start)..at(span.end)]
        });
        assert!(marked.into_iter().all(|word| word == "zebra"), "{}", hit.text);
    }
}

#[test]
fn variants_find_what_politeness_hides() {
    let dir = tempfile::tempdir().unwrap();
    let polite = "could you please tell me how you do what you do, can you tell me";
    let more = [("polite", polite), ("target", "glazing a window with putty takes time")];
    let index = library(dir.path(), &more);
    let query = "could you please tell me how do I do glazing?";
    let plain = search(&index, &request(query, Strategy::Lexical, "none"));
    assert_eq!(rank(&plain, "polite"), Some(1));
    let asked = search(&index, &request(query, Strategy::Lexical, "multi-query:0.8"));
    assert_eq!(rank(&asked, "target"), Some(1), "{:?}", asked.expanded);
    assert_eq!(asked.score_kind, ScoreKind::Variants);
    let Added::Variants(variants) = asked.expanded.unwrap().added else { panic!() };
    assert_eq!(variants[0].text, "glazing");
    assert_eq!(variants[0].rule, VariantRule::Statement);
    let outcome = search(&index, &request(query, Strategy::DEFAULT, "multi-query"));
    let chunks: std::collections::HashSet<_> = outcome.hits.iter().map(|hit| hit.chunk).collect();
    assert_eq!(chunks.len(), outcome.hits.len(), "a passage is found once");
}

#[test]
fn leaves_recombine_to_the_score_of_an_expanded_query() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path(), &[]);
    let fusions = ["rrf", "minmax:.3", "dbsf"].map(|name| name.parse().unwrap());
    let hybrid = fusions.map(|fusion| Strategy::Hybrid { fusion });
    let queries = ["how do I borrow a slice", "trait object closure", "what is hash_map E0382"];
    let mut n_explained = 0;
    for strategy in hybrid.into_iter().chain([Strategy::Lexical, Strategy::Dense]) {
        for method in METHODS {
            if !method.parse::<Expansion>().unwrap().suits(strategy) {
                continue;
            }
            for query in queries {
                let asked = request(query, strategy, method);
                let asked = SearchRequest { detail: Detail::Explained, ..asked };
                for hit in search(&index, &asked).hits {
                    let explanation = hit.explanation.unwrap();
                    let again = explanation.recombine();
                    assert!(
                        (again - hit.score).abs() <= 1e-6 * hit.score.abs().max(1.0),
                        "{strategy:?} {method} {query}: leaves give {again}, the score is {}",
                        hit.score
                    );
                    n_explained += 1;
                }
            }
        }
    }
    assert!(n_explained > 1000, "{n_explained}");
}

#[test]
fn an_explanation_names_what_was_added() {
    let dir = tempfile::tempdir().unwrap();
    let more = [("seed", "zebra savanna herd"), ("target", "savanna herd")];
    let index = library(dir.path(), &more);
    let told = |query: &str, strategy, method: &str| {
        let asked = request(query, strategy, method);
        let asked = SearchRequest { detail: Detail::Explained, ..asked };
        format!("{:?}", search(&index, &asked).hits[0].explanation)
    };
    let vector = told("zebra", Strategy::Dense, "feedback:1");
    assert!(vector.contains("moved towards the first passages"), "{vector}");
    let terms = told("zebra", Strategy::Lexical, "feedback:lexical:1:.5:2");
    assert!(terms.contains("weight of the term after feedback"), "{terms}");
    let variants = told("what is zebra savanna like", Strategy::DEFAULT, "multi-query");
    assert!(variants.contains("(statement)") && variants.contains("the query"), "{variants}");
}

#[test]
fn filters_and_conditions_hold_for_what_is_added() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path(), &[]);
    for method in METHODS {
        for query in ["trait +closure -macro", "how do I borrow a slice"] {
            let asked = SearchRequest {
                filter: Some(Filter::parse("year >= 2010").unwrap()),
                ..request(query, Strategy::DEFAULT, method)
            };
            let hits = search(&index, &asked).hits;
            assert!(!hits.is_empty(), "{method} {query}");
            for hit in hits {
                let year = &hit.fields["year"];
                assert!(matches!(year, FieldValue::Integer(2010..)), "{method}: {year:?}");
                let has = |word| hit.text.contains(word);
                assert!(!query.contains('+') || has("closure") && !has("macro"), "{}", hit.text);
            }
        }
    }
}

#[test]
fn a_passed_deadline_leaves_expansion_out_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path(), &[]);
    for method in METHODS {
        let expansion: Expansion = method.parse().unwrap();
        let strategy =
            if expansion.suits(Strategy::Lexical) { Strategy::Lexical } else { Strategy::Dense };
        let plain = search(&index, &request("how do I borrow a slice", strategy, "none"));
        let late = SearchRequest {
            deadline_ms: Some(0),
            ..request("how do I borrow a slice", strategy, method)
        };
        let outcome = search(&index, &late);
        assert_eq!(ranking(&outcome), ranking(&plain), "{method}");
        assert_eq!(outcome.expanded, None);
        assert_eq!(outcome.score_kind, plain.score_kind);
        let [left_out] = &outcome.degraded[..] else { panic!("{:?}", outcome.degraded) };
        assert_eq!(left_out.stage, Stage::Expand);
        assert!(left_out.reason.contains("deadline of 0 ms"), "{}", left_out.reason);
    }
}

#[test]
fn an_expansion_without_its_leg_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path(), &[]);
    for (method, strategy) in
        [("feedback", Strategy::Lexical), ("feedback:lexical", Strategy::Dense)]
    {
        let error = index.searcher().search(&request("trait", strategy, method)).unwrap_err();
        assert!(matches!(error, SearchError::UnusedExpansion { .. }), "{error}");
    }
}

/// Counts the queries it encodes, and may fail on those after the first.
struct Counting {
    inner: HashEncoder,
    n_queries: AtomicUsize,
    fails_after: usize,
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
        if self.n_queries.fetch_add(1, Ordering::Relaxed) >= self.fails_after {
            return Err(EncodeError::Shape { values: 0, dim: self.dim() });
        }
        self.inner.encode(texts, role)
    }
}

fn counting(dir: &std::path::Path, fails_after: usize) -> (Index, Arc<Counting>) {
    let inner = HashEncoder::new(64, 256);
    let encoder = Arc::new(Counting { inner, n_queries: AtomicUsize::new(0), fails_after });
    let shared: Arc<dyn Encoder> = encoder.clone();
    let options = OpenOptions { encoder: Some(shared), verify: Verify::Auto };
    (Index::open(dir, options).unwrap(), encoder)
}

#[test]
fn what_does_not_change_is_not_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    drop(library(dir.path(), &[]));
    let (index, encoder) = counting(dir.path(), usize::MAX);
    let check = |query: &str, method: &str, expected: usize| {
        encoder.n_queries.store(0, Ordering::Relaxed);
        let outcome = search(&index, &request(query, Strategy::DEFAULT, method));
        assert_eq!(encoder.n_queries.load(Ordering::Relaxed), expected, "{method} {query}");
        outcome
    };
    check("trait object", "feedback", 1);
    check("trait object", "feedback:lexical", 1);
    check("how is a trait of an object made", "multi-query", 3);
    for query in ["trait object", "how is +trait made"] {
        let plain = check(query, "none", 1);
        let asked = check(query, "multi-query", 1);
        assert_eq!(ranking(&asked), ranking(&plain), "no variant is a plain search");
        assert_eq!(asked.score_kind, plain.score_kind);
        assert_eq!(asked.expanded.unwrap().added, Added::Variants(Vec::new()));
    }
}

#[test]
fn an_encoder_that_fails_on_a_variant_leaves_the_query_alone() {
    let dir = tempfile::tempdir().unwrap();
    let plain = request("how is a trait object made", Strategy::DEFAULT, "none");
    let expected = ranking(&search(&library(dir.path(), &[]), &plain));
    for strategy in [Strategy::DEFAULT, Strategy::Dense] {
        let (index, _) = counting(dir.path(), 1);
        let asked = SearchRequest { expansion: "multi-query".parse().unwrap(), ..plain.clone() };
        let outcome = search(&index, &SearchRequest { strategy, ..asked });
        assert_eq!(outcome.degraded.len(), 1, "{:?}", outcome.degraded);
        assert_eq!(outcome.degraded[0].stage, Stage::Expand);
        assert_eq!(outcome.expanded, None);
        if strategy == Strategy::DEFAULT {
            assert_eq!(ranking(&outcome), expected);
        }
    }
    // Without a vector there is nothing to move.
    let (index, _) = counting(dir.path(), 0);
    let asked = SearchRequest { expansion: "feedback".parse().unwrap(), ..plain };
    let stages: Vec<_> = search(&index, &asked).degraded.iter().map(|it| it.stage).collect();
    assert_eq!(stages, [Stage::Encode, Stage::Expand]);
}

/// Read by every case of the property below.
static SHARED: LazyLock<(tempfile::TempDir, Index)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path(), &[]);
    (dir, index)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nothing asked for, nothing changed; and what was asked for gives the same answer
    /// twice, of the same passages in a total order.
    #[test]
    fn none_changes_nothing_and_the_rest_is_deterministic(
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 1..6),
        method in prop::sample::select(METHODS.to_vec()),
        leg in 0..3_usize,
    ) {
        let index = &SHARED.1;
        let query = format!("what is {}", words.join(" "));
        let strategy = [Strategy::Lexical, Strategy::Dense, Strategy::DEFAULT][leg];
        let none = search(index, &request(&query, strategy, "none"));
        prop_assert_eq!(&none.expanded, &None);
        prop_assert!(none.degraded.is_empty());
        let untold = SearchRequest { expansion: Expansion::default(), ..request(&query, strategy, "none") };
        prop_assert_eq!(ranking(&search(index, &untold)), ranking(&none));
        if method.parse::<Expansion>().unwrap().suits(strategy) {
            let asked = request(&query, strategy, method);
            let (once, twice) = (search(index, &asked), search(index, &asked));
            prop_assert_eq!(ranking(&once), ranking(&twice));
            prop_assert_eq!(&once.expanded, &twice.expanded);
            let in_order = |pair: &[engine::Hit]| {
                pair[0].score > pair[1].score
                    || pair[0].score == pair[1].score && pair[0].chunk < pair[1].chunk
            };
            prop_assert!(once.hits.windows(2).all(in_order));
        }
    }
}
