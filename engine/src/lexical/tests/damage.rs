//! Every file of an index cut and bit-flipped in turn: an error that names what
//! is wrong, or the unchanged answer; never a panic.

use std::path::Path;

use super::super::{LexicalError, LexicalIndex, LexicalOptions};
use super::{TestIndex, TestRow};
use crate::document::{DocumentId, FieldValue};
use crate::search::filter::{Filter, FilterError};
use crate::segment_file::Verify;

fn sample() -> TestIndex {
    let mut index = TestIndex::new();
    let bodies: Vec<String> =
        (0..200).map(|n| format!("word{} common HashMap text {n}", n % 7)).collect();
    index.add(bodies.iter().map(|body| {
        TestRow::new(body).title("A title").heading("A heading").field("n", FieldValue::Integer(1))
    }));
    let mut writer = index.writer();
    writer.delete(&DocumentId::new("3").unwrap()).unwrap();
    writer.commit("payload").unwrap();
    drop(writer);
    index
}

/// Everything one can ask.
fn answers(dir: &Path, verify: Verify) -> Result<Vec<String>, LexicalError> {
    let index = LexicalIndex::open(dir, LexicalOptions::default(), verify)?;
    let snapshot = index.snapshot()?;
    let mut answers = vec![snapshot.payload().to_owned()];
    for text in ["common word1", "\"hashmap text\"", "wor*", "+hashmap -word2"] {
        let query = TestIndex::query(text);
        let list = snapshot.search(&query, 20, None)?;
        answers.push(format!("{:?}", list.entries()));
        if let Some(entry) = list.entries().first() {
            answers.push(format!("{:?}", snapshot.explain(&query, entry.ord)?));
        }
    }
    let filter = Filter::parse("n > 0 and title = \"A title\"").unwrap();
    match snapshot.matching(&filter, 200) {
        Ok(matching) => answers.push(format!("{matching:?}")),
        Err(FilterError::Lexical(error)) => return Err(error),
        Err(error) => panic!("{error}"),
    }
    answers.push(format!("{:?}", snapshot.alive(200)?));
    Ok(answers)
}

#[test]
fn no_damaged_file_gives_a_wrong_answer_or_a_panic() {
    let index = sample();
    let dir = index.dir.path();
    let expected = answers(dir, Verify::Full).unwrap();
    let mut n_files = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|extension| extension == "lock") {
            continue;
        }
        n_files += 1;
        let whole = std::fs::read(&path).unwrap();
        let check = |bytes: Option<Vec<u8>>, what: &str| {
            match bytes {
                Some(bytes) => std::fs::write(&path, bytes).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            match answers(dir, Verify::Auto) {
                Ok(found) => assert_eq!(found, expected, "{name} {what}"),
                Err(LexicalError::Damaged { .. } | LexicalError::Version { .. }) => {}
                Err(error) => panic!("{name} {what}: {error:?}"),
            }
            std::fs::write(&path, &whole).unwrap();
        };
        check(None, "removed");
        let n = whole.len();
        for len in [0, 1, n / 3, n / 2, n.saturating_sub(9), n.saturating_sub(1)] {
            check(Some(whole[..len.min(n)].to_vec()), &format!("cut at {len}"));
        }
        let mut longer = whole.clone();
        longer.extend_from_slice(b"more");
        check(Some(longer), "with four bytes more");
        for at in (0..n).step_by((n / 24).max(1)).chain(n.saturating_sub(60)..n) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            check(Some(bytes), &format!("flipped at {at}"));
        }
    }
    assert!(n_files >= 9, "only {n_files} files");
    assert_eq!(answers(dir, Verify::Full).unwrap(), expected);
}

#[test]
fn damage_is_named() {
    let index = sample();
    let dir = index.dir.path();
    let open = || {
        LexicalIndex::open(dir, LexicalOptions::default(), Verify::Auto).err().unwrap().to_string()
    };
    let postings = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .unwrap();
    let whole = std::fs::read(&postings).unwrap();
    let mut bytes = whole.clone();
    bytes[10] ^= 1;
    std::fs::write(&postings, bytes).unwrap();
    let message = open();
    assert!(message.contains(postings.file_name().unwrap().to_str().unwrap()), "{message}");
    assert!(message.contains("checksum"), "{message}");
    std::fs::remove_file(&postings).unwrap();
    let message = open();
    assert!(message.contains("missing"), "{message}");
}

/// Above the limit nothing is read ahead; what a flipped bit then does to a
/// query is tantivy's affair, but it must not take the process down.
#[test]
fn an_unverified_file_may_fail_a_query_but_not_the_process() {
    let index = sample();
    let dir = index.dir.path();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let is_segment = path.extension().is_some_and(|extension| {
            ["idx", "pos", "term", "fast", "fieldnorm", "del"]
                .iter()
                .any(|known| extension == *known)
        });
        if !is_segment {
            continue;
        }
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len().saturating_sub(150)).step_by((whole.len() / 12).max(1)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&path, bytes).unwrap();
            let _ = answers(dir, Verify::Lazy);
        }
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_folder_without_an_index_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("absent")] {
        let opened = LexicalIndex::open(&path, LexicalOptions::default(), Verify::Auto);
        assert!(matches!(opened.err(), Some(LexicalError::Damaged { .. })));
        assert!(matches!(LexicalIndex::payload(&path), Err(LexicalError::Damaged { .. })));
    }
}
