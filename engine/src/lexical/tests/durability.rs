//! Commits, generations, rollbacks and merges.

use super::super::{LexicalError, LexicalIndex, LexicalOptions};
use super::{TestIndex, TestRow};
use crate::document::{ChunkOrd, DocumentId};
use crate::segment_file::Verify;

#[test]
fn a_commit_is_seen_whole_with_its_payload_and_not_before() {
    let index = TestIndex::new();
    assert_eq!(index.snapshot().payload(), "");
    let mut writer = index.writer();
    TestRow::new("one").add(&mut writer, 0);
    let before = index.snapshot();
    assert_eq!(before.n_chunks(), 0);
    writer.commit("first").unwrap();
    assert_eq!(before.n_chunks(), 0);
    let after = index.snapshot();
    assert_eq!((after.n_chunks(), after.payload()), (1, "first"));
    assert_eq!(LexicalIndex::payload(index.dir.path()).unwrap(), "first");

    TestRow::new("two").add(&mut writer, 1);
    drop(writer);
    let mut writer = index.writer();
    writer.commit("second").unwrap();
    assert_eq!(index.snapshot().n_chunks(), 1);

    let reopened =
        LexicalIndex::open(index.dir.path(), LexicalOptions::default(), Verify::Full).unwrap();
    assert_eq!(reopened.snapshot().unwrap().payload(), "second");
}

#[test]
fn deleting_a_document_deletes_its_chunks_and_an_upsert_keeps_the_new_ones() {
    let mut index = TestIndex::new();
    index.add([
        TestRow::new("alpha").id("a"),
        TestRow::new("beta").id("a"),
        TestRow::new("alpha").id("b"),
    ]);
    let a = DocumentId::new("a").unwrap();
    assert_eq!(index.snapshot().ords_of(&a).unwrap(), [0, 1].map(ChunkOrd));
    let mut writer = index.writer();
    writer.delete(&a).unwrap();
    TestRow::new("gamma").id("a").add(&mut writer, 3);
    writer.commit("").unwrap();
    drop(writer);
    let snapshot = index.snapshot();
    assert_eq!(snapshot.ords_of(&a).unwrap(), [ChunkOrd(3)]);
    assert_eq!(snapshot.alive(4).unwrap().iter().collect::<Vec<_>>(), [2, 3].map(ChunkOrd));
    assert_eq!(index.found("alpha beta gamma"), [2, 3]);
    assert!(matches!(snapshot.alive(3), Err(LexicalError::Damaged { .. })));
}

#[test]
fn a_merge_leaves_one_segment_without_deleted_rows_and_the_same_chunks() {
    let mut index = TestIndex::new();
    for body in ["alpha", "beta", "alpha beta", "gamma"] {
        index.add([TestRow::new(body)]);
    }
    let before = index.snapshot();
    let mut writer = index.writer();
    assert_eq!(writer.segment_count().unwrap(), 4);
    writer.delete(&DocumentId::new("1").unwrap()).unwrap();
    writer.commit("kept").unwrap();
    writer.merge().unwrap();
    assert_eq!(writer.segment_count().unwrap(), 1);
    let after = index.snapshot();
    assert_eq!(after.payload(), "kept");
    assert_eq!(after.n_rows_and_segments(), (3, 1));
    assert_eq!(index.found("alpha beta gamma"), [0, 2, 3]);
    // The old generation is still whole.
    let list = before.search(&TestIndex::query("beta"), 10, None).unwrap();
    assert_eq!(list.len(), 2);
    // Deleting everything leaves nothing to merge, and that is no error.
    for id in ["0", "2", "3"] {
        writer.delete(&DocumentId::new(id).unwrap()).unwrap();
    }
    writer.commit("empty").unwrap();
    writer.merge().unwrap();
    assert_eq!(index.snapshot().n_rows_and_segments(), (0, 0));
    writer.merge().unwrap();
}

#[test]
fn there_is_one_writer_at_a_time_and_one_index_a_folder() {
    let index = TestIndex::new();
    let writer = index.writer();
    assert!(matches!(index.index.writer(super::MEMORY_BYTES, 1), Err(LexicalError::Busy { .. })));
    drop(writer);
    drop(index.writer());
    let again = LexicalIndex::create(index.dir.path(), LexicalOptions::default());
    assert!(matches!(again, Err(LexicalError::Exists { .. })));
}

#[test]
fn generations_open_whole_while_another_thread_commits_and_merges() {
    let index = TestIndex::new();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut writer = index.writer();
            for n in 0..30_u32 {
                // A commit replaces document "x" and carries the number of its row.
                writer.delete(&DocumentId::new("x").unwrap()).unwrap();
                TestRow::new("word").id("x").add(&mut writer, n);
                writer.commit(&n.to_string()).unwrap();
                if n % 5 == 4 {
                    writer.merge().unwrap();
                }
            }
        });
        // A second handle, as another process would have.
        let reader =
            LexicalIndex::open(index.dir.path(), LexicalOptions::default(), Verify::Full).unwrap();
        while !writing.is_finished() {
            let snapshot = reader.snapshot().unwrap();
            if let Ok(n) = snapshot.payload().parse::<u32>() {
                let found = snapshot.search(&TestIndex::query("word"), 10, None).unwrap();
                assert_eq!(found.ords(), [ChunkOrd(n)]);
            }
        }
    });
}
