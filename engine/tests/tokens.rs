//! Token vectors kept in an index: what late interaction finds with them, and what
//! becomes of them as the index changes.

mod support;

use std::sync::Arc;

use engine::{
    DocumentId, Encoder, Feature, HashEncoder, Index, IndexError, LateInteraction, RerankOptions,
    RerankPipeline, SearchRequest, TokenInfo, TokenLayout, TokenWeighting, WriterOptions,
};
use support::{create, document, encoder, upsert};

const TOPICS: [&str; 6] = ["borrow", "trait", "macro", "cargo", "closure", "slice"];

fn page(n: usize) -> String {
    let (a, b) = (TOPICS[n % 6], TOPICS[n / 6 % 6]);
    format!("Page {n}\n\nhow the {a} meets a {b}\n\nmore words about {b} and item{n}")
}

fn fill(index: &Index, pages: std::ops::Range<usize>) {
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for n in pages {
        upsert(&mut writer, &document(&format!("p{n:02}"), &page(n)));
    }
    writer.commit().unwrap();
    drop(writer);
    index.refresh().unwrap();
}

fn store(index: &Index, layout: &str) -> usize {
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    let (mut told, layout) = (Vec::new(), layout.parse().unwrap());
    let progress = &mut |done, total| told.push((done, total));
    let summary = writer.store_tokens(encoder().as_ref(), layout, progress).unwrap();
    assert_eq!(told.last().map_or(0, |&(done, _)| done), summary.chunks, "{told:?}");
    drop(writer);
    index.refresh().unwrap();
    summary.chunks
}

fn info(index: &Index) -> TokenInfo {
    index.info().unwrap().tokens.unwrap()
}

/// MaxSim of every hit, by document and chunk.
fn max_sims(index: &Index, query: &str) -> Vec<(String, f64)> {
    let late = LateInteraction::new(encoder(), TokenWeighting::Even).unwrap();
    let pipeline = RerankPipeline::new(Arc::new(late));
    let request = SearchRequest {
        rerank: Some(RerankOptions { depth: Some(200), budget_ms: None }),
        top: 100,
        ..SearchRequest::new(query)
    };
    let outcome = index.searcher().with_reranker(Arc::new(pipeline)).search(&request).unwrap();
    let mut found: Vec<_> = outcome
        .hits
        .iter()
        .filter_map(|hit| {
            let score = hit.features.as_ref()?.get(Feature::Rerank);
            Some((format!("{} {}", hit.document, hit.span.start), score))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn stored_vectors_give_the_scores_of_fresh_ones_nearly() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    fill(&index, 0..30);
    let fresh = max_sims(&index, "a borrow in a closure");
    assert!(fresh.len() > 10);
    let n_chunks = index.info().unwrap().chunks;
    for (layout, bound) in [("64:8", 0.01), ("64:4", 0.06), ("48:4", 0.2), ("64:1", 0.35)] {
        assert_eq!(store(&index, layout), n_chunks, "another layout starts over");
        let stored = max_sims(&index, "a borrow in a closure");
        assert_eq!(stored.len(), fresh.len());
        let worst = fresh.iter().zip(&stored).map(|((a, x), (b, y))| {
            assert_eq!(a, b);
            (x - y).abs()
        });
        let worst = worst.fold(0.0, f64::max);
        assert!(worst > 0.0 && worst < bound, "{layout}: {worst}");
        assert_eq!(stored, max_sims(&index, "a borrow in a closure"));
    }
}

#[test]
fn they_lag_behind_catch_up_and_survive_a_merge() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    fill(&index, 0..20);
    assert!(index.info().unwrap().tokens.is_none());
    assert_eq!(store(&index, "32:4"), 60);
    assert_eq!(store(&index, "32:4"), 0, "nothing is encoded twice");
    // A page replaced and ten added: without token vectors they are found all the same.
    fill(&index, 19..30);
    assert_eq!((info(&index).chunks, index.info().unwrap().chunks), (57, 90));
    let lagging = max_sims(&index, "item29 and words");
    assert!(lagging.iter().any(|(id, score)| id.starts_with("p29") && *score > 0.9), "{lagging:?}");
    assert_eq!(store(&index, "32:4"), 33);
    let before = (info(&index), max_sims(&index, "words about cargo"));
    assert_eq!(before.0.chunks, 90);

    let mut writer = index.writer(WriterOptions::default()).unwrap();
    writer.delete(&DocumentId::new("p00").unwrap()).unwrap();
    writer.merge().unwrap();
    drop(writer);
    index.refresh().unwrap();
    let after = (info(&index), max_sims(&index, "words about cargo"));
    assert_eq!((after.0.chunks, after.0.layout), (87, "32:4".parse().unwrap()));
    assert!(after.0.bytes < before.0.bytes);
    for (id, score) in &after.1 {
        let old = before.1.iter().find(|(old, _)| old == id).unwrap();
        assert_eq!(*score, old.1, "rows move as they are: {id}");
    }

    let mut writer = index.writer(WriterOptions::default()).unwrap();
    writer.drop_tokens().unwrap();
    drop(writer);
    index.refresh().unwrap();
    assert!(index.info().unwrap().tokens.is_none());
}

#[test]
fn the_files_do_not_depend_on_the_number_of_threads() {
    let bytes = [1, 4].map(|threads| {
        let dir = tempfile::tempdir().unwrap();
        let index = create(dir.path());
        fill(&index, 0..30);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| store(&index, "24:2"));
        let listing = std::fs::read_dir(dir.path().join("segments")).unwrap();
        let paths = listing.map(|entry| entry.unwrap().path());
        let path = paths.into_iter().find(|path| path.extension().is_some_and(|e| e == "tokens"));
        std::fs::read(path.unwrap()).unwrap()
    });
    assert!(bytes[0] == bytes[1]);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    fill(&index, 0..3);
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    let mut store = |encoder: &dyn Encoder, layout: &str| {
        let layout: TokenLayout = layout.parse().unwrap();
        writer.store_tokens(encoder, layout, &mut |_, _| ()).unwrap_err()
    };
    let error = store(encoder().as_ref(), "65:4");
    assert!(matches!(error, IndexError::TokenDim { dim: 65, encoder_dim: 64 }), "{error}");
    let error = store(&HashEncoder::new(128, 256), "64:4");
    assert!(matches!(error, IndexError::ForeignEncoder { .. }), "{error}");
    drop(writer);
    index.refresh().unwrap();
    assert!(index.info().unwrap().tokens.is_none());
}
