//! Searching as a caller sees it: explanations, why-not, filters, caps, groups,
//! deadlines.

mod support;

use engine::filter::Filter;
use engine::{
    Chunk, Detail, Document, DocumentId, FieldValue, Fusion, Index, IndexWriter, NearDuplicates,
    OpenOptions, SearchError, SearchOutcome, SearchRequest, Span, Strategy, TextRole, Verify,
    WhyNot, WriterOptions,
};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::{create, document, upsert, with_field};

const WORDS: [&str; 24] = [
    "borrow", "checker", "lifetime", "trait", "object", "macro", "cargo", "crate", "module",
    "closure", "iterator", "slice", "string", "vector", "hash_map", "Arc", "Mutex", "thread",
    "panic", "result", "option", "pattern", "E0382", "async",
];

/// Some 300 documents of two or three paragraphs of random words.
fn library(dir: &std::path::Path) -> Index {
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let index = create(dir);
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for n in 0..300 {
        let paragraphs: Vec<String> = (0..rng.random_range(2..4))
            .map(|_| {
                let length = rng.random_range(3..40);
                let words: Vec<&str> =
                    (0..length).map(|_| *WORDS.choose(&mut rng).unwrap()).collect();
                words.join(" ")
            })
            .collect();
        let text = format!("Page {n}\n\n{}", paragraphs.join("\n\n"));
        let document = with_field(
            document(&format!("lib/{n:03}"), &text),
            "year",
            FieldValue::Integer(2000 + n % 25),
        );
        upsert(&mut writer, &document);
        if n % 100 == 99 {
            writer.commit().unwrap();
        }
    }
    index.refresh().unwrap();
    index
}

fn search(index: &Index, request: &SearchRequest) -> SearchOutcome {
    index.searcher().search(request).unwrap()
}

#[test]
fn a_hit_knows_its_place_in_each_leg() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let with = |strategy| {
        let request =
            SearchRequest { strategy, top: 100, ..SearchRequest::new("borrow checker E0382") };
        search(&index, &SearchRequest { near_duplicates: NearDuplicates::List, ..request }).hits
    };
    let (lexical, dense) = (with(Strategy::Lexical), with(Strategy::Dense));
    assert!(lexical.iter().all(|hit| hit.places.dense.is_none()));
    let mut compared = [0; 2];
    for hit in with(Strategy::DEFAULT) {
        for (at, (leg, place)) in
            [(&lexical, hit.places.lexical), (&dense, hit.places.dense)].into_iter().enumerate()
        {
            let alone = leg.iter().position(|other| other.chunk == hit.chunk);
            assert_eq!(place.map(|place| place.rank), alone.map(|at| at + 1));
            if let (Some(place), Some(alone)) = (place, alone) {
                assert_eq!(place.score, leg[alone].score);
                compared[at] += 1;
            }
        }
    }
    assert!(compared.iter().all(|&n| n > 10), "{compared:?}");
}

#[test]
fn leaves_recombine_to_the_score_for_a_thousand_random_queries() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let strategies: Vec<Strategy> = ["rrf", "rrf:5", "minmax:.3", "dbsf", "dbsf:.7"]
        .iter()
        .map(|name| Strategy::Hybrid { fusion: name.parse::<Fusion>().unwrap() })
        .chain([Strategy::Lexical, Strategy::Dense])
        .collect();
    let mut n_explained = 0;
    for round in 0..1000 {
        let n_words = rng.random_range(1..6);
        let words: Vec<&str> = (0..n_words).map(|_| *WORDS.choose(&mut rng).unwrap()).collect();
        let request = SearchRequest {
            strategy: strategies[round % strategies.len()],
            detail: Detail::Explained,
            near_duplicates: NearDuplicates::List,
            ..SearchRequest::new(words.join(" "))
        };
        for hit in search(&index, &request).hits {
            let explanation = hit.explanation.unwrap();
            let recombined = explanation.recombine();
            let tolerance = 1e-6 * hit.score.abs().max(1.0);
            assert!(
                (recombined - hit.score).abs() <= tolerance,
                "{:?} {}: leaves give {recombined}, the score is {}",
                request.strategy,
                request.query,
                hit.score
            );
            n_explained += 1;
        }
    }
    assert!(n_explained > 5_000, "{n_explained}");
}

#[test]
fn the_same_request_gives_the_same_answer() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let request = SearchRequest { top: 50, ..SearchRequest::new("trait object lifetime") };
    let ords = |outcome: SearchOutcome| -> Vec<_> {
        outcome.hits.into_iter().map(|hit| (hit.chunk, hit.score)).collect()
    };
    let first = ords(search(&index, &request));
    let options = OpenOptions { encoder: Some(support::encoder()), verify: Verify::Auto };
    let again = Index::open(dir.path(), options).unwrap();
    assert_eq!(ords(search(&index, &request)), first);
    assert_eq!(ords(search(&again, &request)), first);
}

#[test]
fn why_not_names_the_stage_that_lost_a_document() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for n in 0..30 {
        let text = format!("alpha {} number{n}", "beta ".repeat(n + 1));
        upsert(
            &mut writer,
            &with_field(document(&format!("d{n:02}"), &text), "n", FieldValue::Integer(n as i64)),
        );
    }
    upsert(&mut writer, &document("far", "unrelated words entirely"));
    let long = "one two three four five six seven eight nine ten alpha";
    upsert(&mut writer, &document("twin-a", &format!("{long} {long}")));
    upsert(&mut writer, &document("twin-b", &format!("{long}  {long}.")));
    writer.commit().unwrap();
    index.refresh().unwrap();
    let why = |id: &str, change: &dyn Fn(&mut SearchRequest)| {
        let mut request = SearchRequest {
            strategy: Strategy::Lexical,
            top: 5,
            why_not: Some(DocumentId::new(id).unwrap()),
            ..SearchRequest::new("alpha")
        };
        change(&mut request);
        search(&index, &request).why_not.unwrap()
    };
    assert_eq!(why("nowhere", &|_| ()), WhyNot::NotIndexed);
    let filter = Filter::parse("n > 5").unwrap();
    assert_eq!(why("d01", &|request| request.filter = Some(filter.clone())), WhyNot::Filtered);
    assert_eq!(why("d00", &|_| ()), WhyNot::Returned { rank: 1, capped: 0, collapsed: 0 });
    let outranked = why("d29", &|_| ());
    assert!(
        matches!(outranked, WhyNot::Outranked { rank, gap, .. } if rank > 5 && gap > 0.0),
        "{outranked:?}"
    );
    let beyond = why("d29", &|request| request.depth = Some(10));
    assert!(
        matches!(
            beyond,
            WhyNot::BeyondDepth { depth: 10, lexical: Some(place), dense: None }
                if place.rank > 10 && place.gap >= 0.0
        ),
        "{beyond:?}"
    );
    let unmatched = why("far", &|_| ());
    assert!(matches!(unmatched, WhyNot::BeyondDepth { lexical: None, .. }), "{unmatched:?}");
    let ranked = why("far", &|request| request.strategy = Strategy::DEFAULT);
    assert!(matches!(ranked, WhyNot::Outranked { .. }), "{ranked:?}");
    let group = |request: &mut SearchRequest| {
        request.query = "seven eight nine".into();
    };
    let (a, b) = (why("twin-a", &group), why("twin-b", &group));
    let under = |why: &WhyNot, twin: &str| matches!(why, WhyNot::Grouped { under } if under.as_str() == twin);
    assert!(under(&a, "twin-b") || under(&b, "twin-a"), "{a:?} {b:?}");
}

#[test]
fn filters_caps_and_groups_shape_the_result() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let filtered = SearchRequest {
        filter: Some(Filter::parse("year >= 2010 and year < 2012").unwrap()),
        top: 100,
        ..SearchRequest::new("trait cargo")
    };
    for strategy in [Strategy::Lexical, Strategy::Dense, Strategy::DEFAULT] {
        let hits = search(&index, &SearchRequest { strategy, ..filtered.clone() }).hits;
        assert!(hits.len() >= 20, "{strategy:?}: {}", hits.len());
        for hit in hits {
            assert!(
                matches!(hit.fields["year"], FieldValue::Integer(2010 | 2011)),
                "{strategy:?}: {:?}",
                hit.fields
            );
        }
    }
    let capped = SearchRequest { per_document: Some(1), top: 50, ..SearchRequest::new("trait") };
    let hits = search(&index, &capped).hits;
    let mut documents: Vec<_> = hits.iter().map(|hit| hit.document.clone()).collect();
    documents.sort();
    documents.dedup();
    assert_eq!(documents.len(), hits.len());
    for hit in &hits {
        for highlight in &hit.highlights {
            assert!(highlight.start >= hit.span.start && highlight.end <= hit.span.end);
        }
    }
}

#[test]
fn required_and_excluded_words_hold_in_both_legs() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    for strategy in [Strategy::Lexical, Strategy::Dense, Strategy::DEFAULT] {
        let query = "trait +closure -macro -\"borrow checker\"";
        let request = SearchRequest { strategy, top: 50, ..SearchRequest::new(query) };
        let hits = search(&index, &request).hits;
        assert!(!hits.is_empty(), "{strategy:?}");
        for hit in hits {
            let text = &hit.text;
            assert!(text.contains("closure") && !text.contains("macro"), "{strategy:?}: {text}");
            assert!(!text.contains("borrow checker"), "{strategy:?}: {text}");
        }
    }
}

#[test]
fn a_deadline_leaves_the_dense_leg_out_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let request = SearchRequest { deadline_ms: Some(0), ..SearchRequest::new("trait object") };
    let outcome = search(&index, &request);
    assert!(!outcome.hits.is_empty());
    assert_eq!(outcome.degraded.len(), 1);
    assert!(outcome.degraded[0].reason.contains("deadline"));
    assert!(search(&index, &SearchRequest::new("trait object")).degraded.is_empty());
}

#[test]
fn no_query_string_panics_and_every_highlight_is_a_valid_span() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let pieces = [
        "\"",
        "+",
        "-",
        "*",
        "(",
        ")",
        ":",
        "^",
        "~",
        "AND",
        "OR",
        "NOT",
        "trait",
        "Arc<Mutex<T>>",
        "日本語",
        "é",
        "\u{0}",
        "\n",
        "🦀",
        "E0382",
        "a::b",
        "[",
        "]",
        "{",
        "}",
        "\\",
        "/",
        "!",
        "''",
        "trait*",
        "\"trait object\"",
        " ",
        "\u{200b}",
        "ß",
        "İ",
    ];
    let searcher = index.searcher();
    for _ in 0..3_000 {
        let query: String = (0..rng.random_range(1..12))
            .flat_map(|_| {
                let gap = if rng.random_bool(0.5) { " " } else { "" };
                [*pieces.choose(&mut rng).unwrap(), gap]
            })
            .collect();
        let request =
            SearchRequest { detail: Detail::Explained, ..SearchRequest::new(query.clone()) };
        match searcher.search(&request) {
            Ok(outcome) => {
                for hit in outcome.hits {
                    for highlight in hit.highlights {
                        assert!(
                            highlight.start >= hit.span.start && highlight.end <= hit.span.end,
                            "{query:?}"
                        );
                    }
                }
            }
            Err(engine::SearchError::EmptyQuery) => assert!(query.trim().is_empty(), "{query:?}"),
            Err(error) => panic!("{query:?}: {error}"),
        }
    }
}

/// A document of three parents, of two chunks each; the last chunk is alone.
fn family(id: &str, paragraphs: [&str; 7]) -> (Document, Vec<Chunk>) {
    let document = Document { title: String::new(), ..document(id, &paragraphs.join("\n\n")) };
    let mut chunks = support::chunks(&document.text);
    for pair in chunks[..6].chunks_mut(2) {
        let parent = Span { start: pair[0].span.start, end: pair[1].span.end };
        pair[0].headings = vec![format!("from {}", parent.start)];
        for chunk in pair {
            chunk.parent = Some(parent);
        }
    }
    (document, chunks)
}

fn upsert_chunks(writer: &mut IndexWriter, document: &Document, chunks: &[Chunk]) {
    let texts: Vec<_> = chunks.iter().map(|chunk| chunk.encoder_text(&document.text)).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let vectors = support::encoder().encode(&texts, TextRole::Passage).unwrap();
    writer.upsert(document, support::signature(&document.text), chunks, &vectors).unwrap();
}

#[test]
fn children_of_one_parent_come_back_as_their_parent_once() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    let (page, chunks) = family(
        "page",
        [
            "alpha beta gamma",
            "alpha beta",
            "nothing here",
            "alpha once among many other words",
            "not this",
            "nor that",
            "alpha at the end, after all of the others and alone",
        ],
    );
    upsert_chunks(&mut writer, &page, &chunks);
    writer.commit().unwrap();
    index.refresh().unwrap();
    let request = SearchRequest {
        strategy: Strategy::Lexical,
        detail: Detail::Explained,
        why_not: Some(page.id.clone()),
        ..SearchRequest::new("alpha beta")
    };
    let outcome = search(&index, &request);
    let texts: Vec<_> = outcome.hits.iter().map(|hit| hit.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "alpha beta gamma\n\nalpha beta",
            "nothing here\n\nalpha once among many other words",
            "alpha at the end, after all of the others and alone",
        ]
    );
    for hit in &outcome.hits {
        assert_eq!(hit.span.slice(&page.text), Some(hit.text.as_str()));
        let explanation = hit.explanation.as_ref().unwrap();
        assert!((explanation.recombine() - hit.score).abs() < 1e-6, "the score is the chunk's");
        let marked = hit.highlights.iter().map(|span| span.slice(&page.text).unwrap());
        assert!(
            marked.clone().count() >= 1
                && marked.into_iter().all(|word| "alpha beta".contains(word))
        );
    }
    // The shorter chunk is the better one; the parent's headings are those at its start.
    let first = index.searcher().document(&page.id).unwrap().unwrap().chunks[0].ord.0;
    assert_eq!(outcome.hits[0].chunk.0, first + 1);
    assert_eq!(outcome.hits[0].headings, ["from 0"]);
    assert_eq!(outcome.hits[0].highlights.len(), 4, "both children's words are marked");
    assert_eq!(outcome.why_not, Some(WhyNot::Returned { rank: 1, capped: 0, collapsed: 1 }));

    // A parent that the cap leaves out leaves its children out, too.
    let capped = search(&index, &SearchRequest { per_document: Some(1), ..request });
    assert_eq!(capped.hits.len(), 1);
    assert_eq!(capped.why_not, Some(WhyNot::Returned { rank: 1, capped: 2, collapsed: 1 }));
}

#[test]
fn siblings_of_a_near_duplicate_are_named_with_it_once() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    let paragraphs = [
        "alpha one two three four five six",
        "alpha seven eight nine ten eleven",
        "beta",
        "beta",
        "beta",
        "beta",
        "beta",
    ];
    for id in ["a", "b"] {
        let (page, chunks) = family(id, paragraphs);
        upsert_chunks(&mut writer, &page, &chunks);
    }
    writer.commit().unwrap();
    index.refresh().unwrap();
    let request = SearchRequest {
        strategy: Strategy::Lexical,
        why_not: Some(DocumentId::new("b").unwrap()),
        ..SearchRequest::new("alpha")
    };
    let outcome = search(&index, &request);
    assert_eq!(outcome.hits.len(), 1);
    assert_eq!(outcome.hits[0].similar.len(), 1, "{:?}", outcome.hits[0].similar);
    assert_eq!(outcome.why_not, Some(WhyNot::Grouped { under: DocumentId::new("a").unwrap() }));
}

#[test]
fn a_merge_keeps_parents() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    let (page, chunks) = family("page", ["a", "b", "c", "d", "e", "f", "g"]);
    upsert_chunks(&mut writer, &page, &chunks);
    writer.commit().unwrap();
    writer.merge().unwrap();
    index.refresh().unwrap();
    let stored = index.searcher().document(&page.id).unwrap().unwrap();
    let parents: Vec<_> = stored.chunks.iter().map(|chunk| chunk.parent).collect();
    assert_eq!(parents, chunks.iter().map(|chunk| chunk.parent).collect::<Vec<_>>());
}

#[test]
fn a_given_vector_needs_no_encoder_and_must_fit() {
    let dir = tempfile::tempdir().unwrap();
    let index = library(dir.path());
    let text = "closure over a mutex";
    let rows = index.encoder().unwrap().encode(&[text], TextRole::Query).unwrap();
    let vector = rows.values().to_vec();
    let bare = Index::open(dir.path(), OpenOptions::default()).unwrap();
    for strategy in [Strategy::Dense, Strategy::DEFAULT] {
        let request = SearchRequest { strategy, ..SearchRequest::new(text) };
        let given = SearchRequest { vector: Some(vector.clone()), ..request.clone() };
        assert_eq!(search(&index, &request).hits, search(&bare, &given).hits);
        let refused = bare.searcher().search(&request).unwrap_err();
        assert!(matches!(refused, SearchError::NoEncoder), "{refused}");
        let short = SearchRequest { vector: Some(vec![1.0]), ..request };
        let refused = bare.searcher().search(&short).unwrap_err();
        assert!(matches!(refused, SearchError::QueryVector(_)), "{refused}");
    }
    let unused = SearchRequest {
        strategy: Strategy::Lexical,
        vector: Some(vector),
        ..SearchRequest::new(text)
    };
    let refused = index.searcher().search(&unused).unwrap_err();
    assert!(matches!(refused, SearchError::UnusedVector), "{refused}");
}
