//! Every file of an index truncated, bit-flipped, taken away, exchanged for another
//! generation's, or of another version of the format: the result is a clear error or the
//! unchanged answer, never a panic, a hang or another answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{
    DocumentId, Index, IndexWriter, LateInteraction, OpenOptions, RerankOptions, RerankPipeline,
    SearchRequest, Strategy, TokenLayout, TokenWeighting, Verify, WriterOptions,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::support::{self, create, document, files, upsert};

/// Builds an index of several segments a side, with deleted rows and token vectors;
/// `committed` is called after every commit.
fn build(dir: &Path, mut committed: impl FnMut()) {
    let index = create(dir);
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for n in 0..40 {
        let text = format!("Page {n}\n\nwords about topic{} and item{n}\n\nmore text", n % 5);
        upsert(&mut writer, &document(&format!("d{n}"), &text));
        if n == 20 {
            writer.commit().unwrap();
            committed();
            writer.merge().unwrap();
            committed();
        }
    }
    store_tokens(&mut writer);
    committed();
    // Two segments a side and deleted rows in the first.
    upsert(&mut writer, &document("d3", "a page that was replaced"));
    store_tokens(&mut writer);
    committed();
    // A segment of texts without a chunk: nothing else would notice its exchange.
    let (copy, of) = (DocumentId::new("copy").unwrap(), DocumentId::new("d7").unwrap());
    writer.add_duplicate(&copy, &of, support::signature("copy")).unwrap();
    writer.commit().unwrap();
    committed();
    upsert(&mut writer, &document("d4", "another page that was replaced"));
    writer.delete(&DocumentId::new("d5").unwrap()).unwrap();
    writer.commit().unwrap();
    committed();
}

/// Commits, and keeps the token vectors of what has none.
fn store_tokens(writer: &mut IndexWriter) {
    let layout = TokenLayout::new(16, 4).unwrap();
    writer.store_tokens(support::encoder().as_ref(), layout, &mut |_, _| ()).unwrap();
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
    build(origin.path(), || ());
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
    build(origin.path(), || ());
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

/// The kind of a file: its extension, or its name where it has none of its own.
fn kind(file: &Path) -> String {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    match file.extension() {
        Some(extension) if extension != "json" && extension != "lock" => {
            extension.to_string_lossy().into_owned()
        }
        Some(_) | None => name,
    }
}

#[test]
fn a_file_of_another_generation_or_segment_is_no_substitute() {
    let origin = tempfile::tempdir().unwrap();
    // Every file that ever was, by kind, and what was answered when.
    let (mut known, mut truths) = (Vec::<(PathBuf, Vec<u8>)>::new(), Vec::new());
    build(origin.path(), || {
        for file in files(origin.path()) {
            let bytes = std::fs::read(&file).unwrap();
            if !bytes.is_empty() && !known.contains(&(file.clone(), bytes.clone())) {
                known.push((file, bytes));
            }
        }
        truths.push(answers(origin.path()).unwrap());
    });
    let whole = truths.last().unwrap();
    assert!(truths.iter().filter(|&truth| truth == whole).count() == 1);
    let (mut n_errors, mut n_harmless, mut kinds) = (0, 0, Vec::new());
    for file in files(origin.path()) {
        let (intact, kind_of_file) = (std::fs::read(&file).unwrap(), kind(&file));
        for (other, bytes) in &known {
            if kind(other) != kind_of_file || *bytes == intact {
                continue;
            }
            let name = file.strip_prefix(origin.path()).unwrap().display().to_string();
            std::fs::remove_file(&file).unwrap();
            std::fs::write(&file, bytes).unwrap();
            match answers(origin.path()) {
                Err(message) => {
                    n_errors += 1;
                    kinds.push(kind_of_file.clone());
                    // An older commit is whole; what it names may be gone.
                    let is_named = message.contains(&*file.file_name().unwrap().to_string_lossy());
                    assert!(is_named || kind_of_file == "meta.json", "{name}: {message}");
                }
                // What says which commit is the newest cannot say that there was a newer.
                Ok(found) if kind_of_file == "meta.json" => assert!(truths.contains(&found)),
                Ok(found) => {
                    assert_eq!(found, *whole, "{name} exchanged for {}", other.display());
                    n_harmless += 1;
                }
            }
            std::fs::remove_file(&file).unwrap();
            std::fs::write(&file, &intact).unwrap();
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    for wanted in ["vectors", "texts", "tokens", "term", "idx", "pos", "fast", "del"] {
        assert!(kinds.iter().any(|kind| kind == wanted), "no {wanted} among {kinds:?}");
    }
    assert!(n_errors > n_harmless, "{n_errors} errors, {n_harmless} without effect");
    assert_eq!(answers(origin.path()).unwrap(), *whole);
}

/// Formats are not converted, so another one is to be named, with what to do.
#[test]
fn another_format_is_told_with_the_way_out() {
    let origin = tempfile::tempdir().unwrap();
    build(origin.path(), || ());
    let patched = |path: &Path, patch: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let intact = std::fs::read(path).unwrap();
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, patch(intact.clone())).unwrap();
        let told = answers(origin.path()).unwrap_err();
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, intact).unwrap();
        assert!(told.contains(path.to_str().unwrap()) || path.extension().is_some(), "{told}");
        assert!(told.contains("trovato ingest PATH --index NEW_DIR"), "{told}");
        told
    };
    let manifest = origin.path().join("manifest.json");
    for format in ["1", "2"] {
        let to = format!("\"format\": {format},");
        let told = patched(&manifest, &|bytes| {
            String::from_utf8(bytes).unwrap().replace("\"format\": 3,", &to).into_bytes()
        });
        assert!(told.contains(&format!("format {format}, this version reads 3")), "{told}");
    }
    let newer =
        |bytes| String::from_utf8(bytes).unwrap().replace("\"format\": 3,", "\"format\": 4,");
    let told = patched(&manifest, &|bytes| newer(bytes).into_bytes());
    assert!(told.contains("a newer version of the program"), "{told}");

    for file in files(&origin.path().join("segments")) {
        let told = patched(&file, &|mut bytes| {
            bytes[8] = 0;
            bytes
        });
        assert!(told.contains("format 0, this version reads 1"), "{told}");
    }
    let lexical = files(&origin.path().join("lexical"));
    let segments: Vec<_> = lexical.iter().filter(|path| kind(path) == "term").collect();
    assert!(!segments.is_empty());
    for file in segments {
        let told = patched(file, &|mut bytes| {
            let key = b"\"index_format_version\":";
            let at = bytes.windows(key.len()).rposition(|window| window == key).unwrap();
            bytes[at + key.len()] = b'1';
            bytes
        });
        assert!(told.contains("cannot read"), "{told}");
    }
}
