//! An index over its life: commits, replacements, deletes, merges, duplicates,
//! refusals.

mod support;

use engine::{
    DocumentError, DocumentId, Embeddings, Index, IndexError, OpenOptions, SearchRequest, Strategy,
    Verify, WriterOptions,
};
use support::{chunks, create, document, signature, upsert};

fn id(name: &str) -> DocumentId {
    DocumentId::new(name).unwrap()
}

fn found(index: &Index, query: &str, strategy: Strategy) -> Vec<String> {
    let request = SearchRequest { strategy, ..SearchRequest::new(query) };
    let outcome = index.searcher().search(&request).unwrap();
    outcome.hits.iter().map(|hit| hit.document.to_string()).collect()
}

#[test]
fn nothing_is_visible_before_its_commit_and_old_searchers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    let before = index.searcher();
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    upsert(&mut writer, &document("a", "the borrow checker"));
    assert!(!index.refresh().unwrap());
    let summary = writer.commit().unwrap();
    assert_eq!(summary.generation, 1);
    assert!(index.refresh().unwrap());
    assert!(!index.refresh().unwrap());
    assert_eq!(found(&index, "borrow", Strategy::Lexical), ["a"]);

    let old = index.searcher();
    upsert(&mut writer, &document("a", "ownership and moves"));
    writer.commit().unwrap();
    writer.merge().unwrap();
    index.refresh().unwrap();
    assert!(found(&index, "borrow", Strategy::Lexical).is_empty());
    assert_eq!(found(&index, "ownership", Strategy::Dense), ["a"]);
    let request = SearchRequest { strategy: Strategy::Lexical, ..SearchRequest::new("borrow") };
    assert_eq!(old.search(&request).unwrap().hits[0].text, "the borrow checker");
    assert_eq!(before.search(&request).unwrap().hits.len(), 0);
}

#[test]
fn a_result_does_not_depend_on_segments_or_on_what_was_deleted() {
    let texts: Vec<String> = (0..60)
        .map(|n| format!("chapter {n}\n\nword{} shared {}", n % 7, "filler ".repeat(n % 5)))
        .collect();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [plain, churned] = dirs.each_ref().map(|dir| create(dir.path()));
    let mut writer = plain.writer(WriterOptions::default()).unwrap();
    for (n, text) in texts.iter().enumerate() {
        upsert(&mut writer, &document(&format!("d{n:02}"), text));
    }
    writer.commit().unwrap();
    // The same content by way of replacements, removals and many segments. The
    // chunk numbers differ, so ties are broken among equal texts differently;
    // scores must not.
    let mut writer = churned.writer(WriterOptions::default()).unwrap();
    for (n, text) in texts.iter().enumerate() {
        upsert(&mut writer, &document(&format!("d{n:02}"), "word1 shared shared to be replaced"));
        upsert(&mut writer, &document(&format!("x{n:02}"), "word2 shared to be deleted"));
        if n % 7 == 0 {
            writer.commit().unwrap();
        }
        upsert(&mut writer, &document(&format!("d{n:02}"), text));
        writer.delete(&id(&format!("x{n:02}"))).unwrap();
    }
    writer.commit().unwrap();
    for merged in [false, true] {
        if merged {
            writer.merge().unwrap();
        }
        plain.refresh().unwrap();
        churned.refresh().unwrap();
        for strategy in [Strategy::Lexical, Strategy::Dense, Strategy::DEFAULT] {
            for query in ["word3 shared", "chapter 12", "filler"] {
                let scores = |index: &Index| -> Vec<f64> {
                    let request = SearchRequest { strategy, top: 20, ..SearchRequest::new(query) };
                    let hits = index.searcher().search(&request).unwrap().hits;
                    hits.iter().map(|hit| hit.score).collect()
                };
                let (a, b) = (scores(&plain), scores(&churned));
                assert_eq!(a.len(), b.len(), "{strategy:?} {query} merged={merged}");
                for (a, b) in a.iter().zip(&b) {
                    assert!((a - b).abs() < 1e-9, "{strategy:?} {query} merged={merged}: {a} {b}");
                }
            }
        }
    }
    let info = churned.info().unwrap();
    assert_eq!((info.documents, info.vector_segments, info.text_segments), (60, 1, 1));
}

#[test]
fn joining_the_newest_files_changes_nothing_that_can_be_found() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [plain, joined] = dirs.each_ref().map(|dir| create(dir.path()));
    let mut writers =
        [&plain, &joined].map(|index| index.writer(WriterOptions::default()).unwrap());
    let mut n_joined = 0;
    for round in 0..60_u32 {
        for writer in &mut writers {
            let text = format!("round {round} word{} shared", round % 7);
            upsert(writer, &document(&format!("d{}", round % 40), &text));
            if round % 5 == 0 {
                writer
                    .add_duplicate(
                        &id(&format!("copy{round}")),
                        &id(&format!("d{}", round % 40)),
                        signature(&text),
                    )
                    .unwrap();
            }
            if round % 4 == 3 {
                writer.delete(&id(&format!("d{}", round % 13))).unwrap();
                writer.delete(&id(&format!("copy{}", round - round % 5))).unwrap();
            }
            writer.commit().unwrap();
        }
        n_joined += usize::from(writers[1].merge_recent().unwrap().is_some());
        if round % 10 == 9 {
            for index in [&plain, &joined] {
                index.refresh().unwrap();
            }
            let ids = plain.searcher().document_ids();
            assert_eq!(ids, joined.searcher().document_ids());
            for one in &ids {
                let [a, b] = [&plain, &joined].map(|index| index.searcher().document(one).unwrap());
                assert_eq!(a, b, "{one}");
            }
            for strategy in [Strategy::Lexical, Strategy::Dense, Strategy::DEFAULT] {
                for query in ["word3", "shared round 41"] {
                    assert_eq!(found(&plain, query, strategy), found(&joined, query, strategy));
                }
            }
        }
    }
    assert!(n_joined > 5, "{n_joined}");
    let [many, few] = [&plain, &joined].map(|index| index.info().unwrap());
    assert!(few.text_segments < 12 && many.text_segments == 60, "{few:?} {many:?}");
    assert!(few.vector_segments < 12, "{few:?}");
    assert!(writers[1].merge_recent().unwrap().is_none(), "nothing is pending, nothing to join");
}

#[test]
fn exact_duplicates_share_a_text_and_fall_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    upsert(&mut writer, &document("original", "one text for two names"));
    writer.add_duplicate(&id("copy"), &id("original"), signature("copy")).unwrap();
    assert!(matches!(
        writer.add_duplicate(&id("other"), &id("copy"), signature("x")),
        Err(IndexError::NoOriginal { .. })
    ));
    writer.commit().unwrap();
    index.refresh().unwrap();
    let searcher = index.searcher();
    let hits = searcher.search(&SearchRequest::new("names")).unwrap().hits;
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].duplicates, [id("copy")]);
    let copy = searcher.document(&id("copy")).unwrap().unwrap();
    assert_eq!(
        (copy.text.as_str(), copy.duplicate_of),
        ("one text for two names", Some(id("original")))
    );
    assert_eq!(index.info().unwrap().duplicates, 1);

    writer.merge().unwrap();
    assert_eq!(writer.signature(&id("copy")), Some(signature("copy")));
    upsert(&mut writer, &document("original", "another text now"));
    assert_eq!(writer.signature(&id("copy")), None, "a duplicate of a changed text is none");
    writer.commit().unwrap();
    index.refresh().unwrap();
    assert_eq!(index.searcher().document_ids(), [id("original")]);
    assert!(writer.delete(&id("original")).unwrap());
    assert!(!writer.delete(&id("original")).unwrap());
    writer.commit().unwrap();
    index.refresh().unwrap();
    assert!(index.searcher().document_ids().is_empty());
}

#[test]
fn a_second_writer_is_refused_and_told_who_holds_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    let writer = index.writer(WriterOptions::default()).unwrap();
    let Err(error) = index.writer(WriterOptions::default()) else { panic!("two writers") };
    let pid = std::process::id().to_string();
    assert!(error.to_string().contains(&pid), "{error}");
    drop(writer);
    index.writer(WriterOptions::default()).unwrap();
}

#[test]
fn what_does_not_fit_is_refused_by_name_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    let ok = document("a", "text\n\nmore");
    let vectors = |n: usize, dim: usize| {
        let mut values = vec![0.0; n * dim];
        values.chunks_mut(dim).for_each(|row| row[0] = 1.0);
        Embeddings::new(values, dim).unwrap()
    };
    let mut refused = |chunks: &[engine::Chunk], vectors: &Embeddings| match writer.upsert(
        &ok,
        signature("a"),
        chunks,
        vectors,
    ) {
        Err(IndexError::Document(error)) => error,
        other => panic!("{other:?}"),
    };
    let two = chunks(&ok.text);
    assert!(matches!(refused(&[], &vectors(0, 64)), DocumentError::NoChunks { .. }));
    assert!(matches!(refused(&two, &vectors(1, 64)), DocumentError::VectorCount { .. }));
    assert!(matches!(refused(&two, &vectors(2, 8)), DocumentError::VectorDim { found: 8, .. }));
    let outside = [engine::Chunk::plain(engine::Span::new(5, 5000))];
    assert!(matches!(refused(&outside, &vectors(1, 64)), DocumentError::InvalidChunk { .. }));
    for parent in [engine::Span::new(1, 10), engine::Span::new(0, 3), engine::Span::new(0, 99)] {
        let stray = engine::Chunk { parent: Some(parent), ..two[0].clone() };
        let error = refused(&[stray], &vectors(1, 64));
        assert!(matches!(error, DocumentError::InvalidParent { .. }), "{parent:?}: {error:?}");
    }
    writer.commit().unwrap();
    index.refresh().unwrap();
    assert!(index.searcher().document_ids().is_empty());
    for name in ["", "a\nb", &"x".repeat(5000)] {
        assert!(DocumentId::new(name).is_err());
    }
}

#[test]
fn an_index_of_another_format_is_told_so_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    create(dir.path());
    let path = dir.path().join("manifest.json");
    let manifest = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, manifest.replace("\"format\": 3", "\"format\": 2")).unwrap();
    let error = Index::open(dir.path(), OpenOptions::default()).unwrap_err().to_string();
    assert!(error.contains("has format 2, this version reads 3; build the index again"), "{error}");
}

#[test]
fn folders_and_encoders_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("letter.txt"), "dear").unwrap();
    let error = Index::create(dir.path(), support::manifest(), None).unwrap_err();
    assert!(error.to_string().contains("letter.txt"), "{error}");
    let error = Index::open(dir.path(), OpenOptions::default()).unwrap_err();
    assert!(matches!(error, IndexError::NoIndex { .. }));

    let dir = tempfile::tempdir().unwrap();
    create(dir.path());
    assert!(matches!(
        Index::create(dir.path(), support::manifest(), None),
        Err(IndexError::Exists { .. })
    ));
    let other = std::sync::Arc::new(engine::HashEncoder::new(32, 256));
    let options = OpenOptions { encoder: Some(other), verify: Verify::Auto };
    let error = Index::open(dir.path(), options).unwrap_err();
    assert!(matches!(error, IndexError::ForeignEncoder { .. }), "{error}");
    let lexical_only = Index::open(dir.path(), OpenOptions::default()).unwrap();
    let error = lexical_only.searcher().search(&SearchRequest::new("x")).unwrap_err();
    assert!(error.to_string().contains("without an encoder"));
}
