//! Every file of an index truncated and bit-flipped in turn: the result is a
//! clear error or the unchanged answer, never a panic, a hang or another answer.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{
    Index, IndexWriter, LateInteraction, OpenOptions, RerankOptions, RerankPipeline, SearchRequest,
    Strategy, TokenLayout, TokenWeighting, Verify, WriterOptions,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::{create, document, upsert};

fn build(dir: &Path) {
    let index = create(dir);
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for n in 0..40 {
        let text = format!("Page {n}\n\nwords about topic{} and item{n}\n\nmore text", n % 5);
        upsert(&mut writer, &document(&format!("d{n}"), &text));
        if n == 20 {
            writer.commit().unwrap();
            writer.merge().unwrap();
        }
    }
    store_tokens(&mut writer);
    // Two segments a side and deleted rows in the first.
    upsert(&mut writer, &document("d3", "a page that was replaced"));
    store_tokens(&mut writer);
}

/// Commits, and keeps the token vectors of what has none.
fn store_tokens(writer: &mut IndexWriter) {
    let layout = TokenLayout::new(16, 4).unwrap();
    writer.store_tokens(support::encoder().as_ref(), layout, &mut |_, _| ()).unwrap();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Everything a user can learn from the index, or why not.
fn answers(dir: &Path) -> Result<Vec<String>, String> {
    let options = OpenOptions { encoder: Some(support::encoder()), verify: Verify::Full };
    let index = Index::open(dir, options).map_err(|error| error.to_string())?;
    let late = LateInteraction::new(support::encoder(), TokenWeighting::Even).unwrap();
    let searcher = index.searcher().with_reranker(Arc::new(RerankPipeline::new(Arc::new(late))));
    let mut answers = vec![format!("{} {:?}", searcher.generation(), searcher.document_ids())];
    for id in searcher.document_ids() {
        let document = searcher.document(&id).map_err(|error| error.to_string())?;
        answers.push(format!("{document:?}"));
    }
    for strategy in [Strategy::Lexical, Strategy::Dense, Strategy::DEFAULT] {
        for query in ["topic3", "page item7", "replaced"] {
            let rerank = Some(RerankOptions::default());
            let request = SearchRequest { strategy, rerank, ..SearchRequest::new(query) };
            let outcome = searcher.search(&request).map_err(|error| error.to_string())?;
            for hit in outcome.hits {
                answers.push(format!("{} {} {}", hit.document, hit.score, hit.text));
            }
        }
    }
    Ok(answers)
}

#[test]
fn damage_is_an_error_or_changes_nothing() {
    let origin = tempfile::tempdir().unwrap();
    build(origin.path());
    let whole = answers(origin.path()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut n_errors, mut n_harmless) = (0, 0);
    let mut judge = |file: &Path, what: String, damaged: &[u8]| {
        let name = file.strip_prefix(origin.path()).unwrap().to_owned();
        let intact = std::fs::read(file).unwrap();
        // A new file, since mapped ones must not change under a reader.
        std::fs::remove_file(file).unwrap();
        std::fs::write(file, damaged).unwrap();
        match answers(origin.path()) {
            Err(message) => {
                assert!(!message.is_empty());
                n_errors += 1;
            }
            Ok(found) => {
                assert_eq!(found, whole, "{} {what}: another answer", name.display());
                n_harmless += 1;
            }
        }
        std::fs::remove_file(file).unwrap();
        std::fs::write(file, intact).unwrap();
    };
    for file in files(origin.path()) {
        let bytes = std::fs::read(&file).unwrap();
        for len in [0, 1, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            if len < bytes.len() {
                judge(&file, format!("cut to {len}"), &bytes[..len]);
            }
        }
        let n_flips = if bytes.is_empty() { 0 } else { 12 };
        for _ in 0..n_flips {
            let bit = rng.random_range(0..bytes.len() * 8);
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            judge(&file, format!("bit {bit} flipped"), &flipped);
        }
    }
    assert!(n_errors > n_harmless, "{n_errors} errors, {n_harmless} without effect");
    assert_eq!(answers(origin.path()).unwrap(), whole);
}

#[test]
fn a_missing_file_is_named() {
    let origin = tempfile::tempdir().unwrap();
    build(origin.path());
    let whole = answers(origin.path()).unwrap();
    for file in files(origin.path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        match answers(origin.path()) {
            Ok(found) => assert_eq!(found, whole, "{name}"),
            Err(message) => assert!(
                message.contains(&name) || name == "manifest.json" || name == "meta.json",
                "{name}: {message}"
            ),
        }
        std::fs::write(&file, bytes).unwrap();
    }
    assert_eq!(answers(origin.path()).unwrap(), whole);
}
