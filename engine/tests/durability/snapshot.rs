//! Snapshots: taken while a writer commits, each holds one commit, whole; damage is told;
//! nothing is overwritten.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use engine::{Index, OpenOptions, SearchRequest, Snapshot, SnapshotError, Verify, WriterOptions};

use super::steps::{self, content, expected};
use super::support;

fn open(dir: &Path) -> Index {
    let options = OpenOptions { encoder: Some(support::encoder()), verify: Verify::Full };
    Index::open(dir, options).unwrap()
}

/// An index after `n` steps.
fn written(dir: &Path, n: u64) -> Index {
    let index = support::create(dir);
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for at in 1..=n {
        steps::write(&mut writer, at);
        steps::tidy(&mut writer, at);
    }
    drop(writer);
    index.refresh().unwrap();
    index
}

#[test]
fn snapshots_beside_a_writer_hold_one_commit_each() {
    let dir = tempfile::tempdir().unwrap();
    let index = support::create(&dir.path().join("index"));
    let (started, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
    let enough = AtomicBool::new(false);
    let mut generations = BTreeSet::new();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut writer = index.writer(WriterOptions::default()).unwrap();
            for at in 1.. {
                started.store(at, Ordering::SeqCst);
                steps::write(&mut writer, at);
                acknowledged.store(at, Ordering::SeqCst);
                steps::tidy(&mut writer, at);
                if enough.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        // A handle of its own, as another process has: it knows nothing of the writer.
        let reading = open(&dir.path().join("index"));
        for nth in 0..12 {
            let before = acknowledged.load(Ordering::SeqCst);
            let to = dir.path().join(format!("snapshot-{nth}"));
            let snapshot = reading.snapshot(&to).unwrap();
            let after = started.load(Ordering::SeqCst);
            snapshot.verify().unwrap();
            assert_eq!(Snapshot::open(&to).unwrap().info(), snapshot.info());
            generations.insert(snapshot.info().generation);

            let restored = dir.path().join(format!("restored-{nth}"));
            snapshot.restore(&restored).unwrap();
            let restored = open(&restored);
            let found = content(&restored);
            let holds = (before..=after).find(|&step| expected(step) == found);
            assert!(holds.is_some(), "snapshot {nth} is of no step from {before} to {after}");
            assert_eq!(restored.info().unwrap().generation, snapshot.info().generation);
        }
        enough.store(true, Ordering::SeqCst);
        writing.join().unwrap();
    });
    assert!(generations.len() > 3, "the writer hardly wrote: {generations:?}");
}

#[test]
fn a_restored_index_answers_and_is_written_like_its_original() {
    let dir = tempfile::tempdir().unwrap();
    let index = written(&dir.path().join("index"), 7);
    let snapshot = index.snapshot(&dir.path().join("deep/snapshot")).unwrap();
    let to = dir.path().join("other/restored");
    snapshot.restore(&to).unwrap();
    let restored = open(&to);
    let request = SearchRequest::new("more of version7x1");
    let answer = |index: &Index| index.searcher().search(&request).unwrap().hits;
    assert_eq!(answer(&restored), answer(&index));
    let mut writer = restored.writer(WriterOptions::default()).unwrap();
    steps::write(&mut writer, 8);
    writer.merge().unwrap();
    assert_eq!(content(&open(&to)), expected(8));
    // What a merge replaces is removed there as well: nothing of the commit before the
    // last but one is left.
    let lexical = fs::read_dir(to.join("lexical")).unwrap().count();
    assert!(lexical < 24, "{lexical} files are left of one segment");
    snapshot.verify().unwrap();
}

#[test]
fn an_index_before_its_first_commit_can_be_copied() {
    let dir = tempfile::tempdir().unwrap();
    let index = support::create(&dir.path().join("index"));
    let snapshot = index.snapshot(&dir.path().join("snapshot")).unwrap();
    assert_eq!((snapshot.info().generation, snapshot.info().documents), (0, 0));
    snapshot.restore(&dir.path().join("restored")).unwrap();
    let mut writer = open(&dir.path().join("restored")).writer(WriterOptions::default()).unwrap();
    steps::write(&mut writer, 1);
}

#[test]
fn what_is_there_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let index = written(&dir.path().join("index"), 2);
    let snapshot = index.snapshot(&dir.path().join("snapshot")).unwrap();
    fs::write(dir.path().join("file"), "mine").unwrap();
    for taken in ["index", "snapshot", "file"] {
        let to = dir.path().join(taken);
        for error in [index.snapshot(&to).unwrap_err(), snapshot.restore(&to).unwrap_err()] {
            assert!(matches!(&error, SnapshotError::Exists { path } if *path == to), "{error}");
        }
    }
    fs::create_dir(dir.path().join("empty")).unwrap();
    snapshot.restore(&dir.path().join("empty")).unwrap();
    assert_eq!(content(&open(&dir.path().join("index"))), expected(2));
    let error = Snapshot::open(&dir.path().join("index")).unwrap_err();
    assert!(matches!(error, SnapshotError::NoSnapshot { .. }), "{error}");
}

#[test]
fn damage_of_a_snapshot_is_found_and_nothing_is_restored_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("snapshot");
    written(&dir.path().join("index"), 3).snapshot(&at).unwrap();
    let paths = support::files(&at);
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths {
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        for harmed in [Some(&flipped[..]), Some(&whole[..whole.len() - 1]), None] {
            match harmed {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let to = dir.path().join("restored");
            let harm = || Snapshot::open(&at).and_then(|snapshot| snapshot.verify());
            let restored = || Snapshot::open(&at).and_then(|snapshot| snapshot.restore(&to));
            for error in [harm().unwrap_err(), restored().unwrap_err()] {
                let told = error.to_string();
                let is_record = path.ends_with("snapshot.json");
                assert!(is_record || told.contains(path.to_str().unwrap()), "{told}");
            }
            assert!(!to.exists());
            fs::write(&path, &whole).unwrap();
        }
    }
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_damaged_index_makes_no_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let index = written(&dir.path().join("index"), 2);
    let texts = support::files(&dir.path().join("index/segments"));
    let path = texts.iter().find(|path| path.extension().unwrap() == "texts").unwrap();
    let mut bytes = fs::read(path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].iter_mut().for_each(|byte| *byte ^= 1);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
    let error = index.snapshot(&dir.path().join("snapshot")).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("checksum") && told.contains("trovato index verify"), "{told}");
    assert!(!dir.path().join("snapshot").exists());
}
