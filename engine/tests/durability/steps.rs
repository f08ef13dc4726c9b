//! A world that changes step by step, so that what is found can be told to be that after
//! a step, and no other.

use std::collections::BTreeMap;
use std::path::Path;

use engine::{
    DocumentId, Index, IndexError, IndexWriter, OpenOptions, SearchRequest, Strategy, TokenLayout,
    VectorSearch, Verify, WriterOptions,
};

use super::support;

/// The documents after `step` steps: id and text.
pub(crate) fn expected(step: u64) -> BTreeMap<String, String> {
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

/// Writes step `at` and commits it.
pub(crate) fn write(writer: &mut IndexWriter, at: u64) {
    try_write(writer, at).unwrap();
}

/// The same where it may fail.
pub(crate) fn try_write(writer: &mut IndexWriter, at: u64) -> Result<(), IndexError> {
    let mut done = Ok(());
    apply(at, &mut |id, text| {
        if done.is_ok() {
            done = match text {
                Some(text) => support::try_upsert(writer, &support::document(&id, &text)),
                None => writer.delete(&DocumentId::new(id).unwrap()).map(drop),
            };
        }
    });
    done?;
    writer.commit().map(drop)
}

/// What is done between steps, in commits of its own: token vectors, merging.
pub(crate) fn tidy(writer: &mut IndexWriter, at: u64) {
    if at.is_multiple_of(3) {
        let (layout, encoder) = (TokenLayout::new(16, 2).unwrap(), support::encoder());
        writer.store_tokens(encoder.as_ref(), layout, &mut |_, _| ()).unwrap();
    }
    if at.is_multiple_of(5) {
        writer.merge().unwrap();
    }
}

/// The documents of an index, as [`expected`] gives them.
pub(crate) fn content(index: &Index) -> BTreeMap<String, String> {
    let searcher = index.searcher();
    let text = |id: &DocumentId| searcher.document(id).unwrap().unwrap().text;
    searcher.document_ids().iter().map(|id| (id.to_string(), text(id))).collect()
}

fn open(dir: &Path) -> Result<Index, IndexError> {
    Index::open(dir, OpenOptions { encoder: Some(support::encoder()), verify: Verify::Full })
}

/// Reopens with every checksum compared and checks that the content is that of
/// one of `steps`, on both sides; then that writing goes on.
pub(crate) fn check(dir: &Path, steps: &[u64], context: &str) {
    let Some((index, found)) = check_content(dir, steps, context) else { return };
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    support::upsert(&mut writer, &support::document("after", "written after the crash"));
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(open(dir).unwrap().searcher().document_ids().len(), found.len() + 1, "{context}");
}

/// The first half of [`check`]; `None` where there is no index yet, and `steps` allow it.
pub(crate) fn check_content(
    dir: &Path,
    steps: &[u64],
    context: &str,
) -> Option<(Index, BTreeMap<String, String>)> {
    let index = match open(dir) {
        Ok(index) => index,
        // It was being created: nothing was promised yet.
        Err(IndexError::NoIndex { .. }) if steps.contains(&0) => return None,
        Err(error) => panic!("{context}: {error}"),
    };
    let (searcher, found) = (index.searcher(), content(&index));
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
    Some((index, found))
}
