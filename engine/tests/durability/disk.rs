//! A disk that is full, and one that cannot be written.
//!
//! Both need a file system of their own, and mounting one needs rights; where it is
//! refused the tests say so and return. (A folder without write permission would not do:
//! the rights that can mount can write to it all the same.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine::{Index, IndexError, OpenOptions, SearchRequest, Strategy, WriterOptions};

use super::steps::{self, content, expected};
use super::support;

/// A mounted file system, unmounted when dropped.
struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// `None`, and a word on standard error, where mounting is refused.
    fn new(at: &Path, arguments: &[&str]) -> Option<Self> {
        let done = Command::new("mount").args(arguments).arg(at).output();
        match done {
            Ok(done) if done.status.success() => Some(Self { at: at.to_owned() }),
            Ok(done) => {
                let told = String::from_utf8_lossy(&done.stderr);
                eprintln!("skipped, since nothing can be mounted here: {}", told.trim());
                None
            }
            Err(error) => {
                eprintln!("skipped, since nothing can be mounted here: {error}");
                None
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Two of them may stand for one mount; the second has nothing left to do.
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).output();
    }
}

fn open(dir: &Path) -> Index {
    let options = OpenOptions { encoder: Some(support::encoder()), ..OpenOptions::default() };
    Index::open(dir, options).unwrap()
}

#[test]
fn a_full_disk_ends_in_an_error_and_the_last_commit_stands() {
    let dir = tempfile::tempdir().unwrap();
    let tmpfs = ["-t", "tmpfs", "-o", "size=1536k", "tmpfs"];
    let Some(_mounted) = Mounted::new(dir.path(), &tmpfs) else { return };
    let ballast = dir.path().join("ballast");
    fs::write(&ballast, vec![1; 600 << 10]).unwrap();

    let path = dir.path().join("index");
    let index = support::create(&path);
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    let (mut step, mut failures) = (0, 0_u64);
    // Full again and again, at whatever it is that no longer fits.
    while failures < 7 {
        let error = loop {
            match steps::try_write(&mut writer, step + 1) {
                Ok(()) => step += 1,
                Err(error) => break error,
            }
            assert!(step < 10_000, "the disk never filled up");
        };
        failures += 1;
        let told = error.to_string();
        assert!(told.contains(&path.display().to_string()), "no file is named: {told}");
        assert!(told.contains("No space left on device"), "{told}");

        // The last commit can be read on a full disk.
        assert_eq!(content(&open(&path)), expected(step), "after {step} steps: {told}");
        fs::remove_file(&ballast).unwrap();
        // With room again the same writer goes on, or says that it cannot; it must not
        // commit a part.
        if failures.is_multiple_of(2) && writer.commit().is_ok() {
            step += 1;
        }
        drop(writer);
        let reopened = open(&path);
        assert_eq!(content(&reopened), expected(step), "after {step} steps: {told}");
        let found = reopened.searcher().search(&SearchRequest::new("more of version")).unwrap();
        assert!(!found.hits.is_empty());

        writer = index.writer(WriterOptions::default()).unwrap();
        writer.merge().unwrap();
        steps::write(&mut writer, step + 1);
        step += 1;
        // Less and less room, so that it ends at other files.
        let room = (60 - 8 * failures) << 10;
        let free = free_bytes(dir.path());
        fs::write(&ballast, vec![1; free.saturating_sub(room) as usize]).unwrap();
    }
    assert_eq!(content(&open(&path)), expected(step));
}

#[test]
fn a_full_disk_leaves_no_half_snapshot() {
    let (source, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let index = support::create(source.path());
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for at in 1..=8 {
        steps::write(&mut writer, at);
    }
    let Some(_mounted) = Mounted::new(dir.path(), &["-t", "tmpfs", "-o", "size=32k", "tmpfs"])
    else {
        return;
    };
    let to = dir.path().join("snapshot");
    let error = index.snapshot(&to).unwrap_err().to_string();
    assert!(error.contains("No space left on device"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was left behind");
}

#[test]
fn a_read_only_index_is_searched_and_not_written() {
    let (origin, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let index = support::create(origin.path());
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for at in 1..=3 {
        steps::write(&mut writer, at);
    }
    drop(writer);
    let from = origin.path().to_str().unwrap();
    let Some(_mounted) = Mounted::new(dir.path(), &["--bind", from]) else { return };
    let Some(_read_only) = Mounted::new(dir.path(), &["-o", "remount,bind,ro"]) else { return };

    let index = open(dir.path());
    for strategy in [Strategy::Lexical, Strategy::Dense, Strategy::DEFAULT] {
        let request = SearchRequest { strategy, ..SearchRequest::new("more of version3x9") };
        assert!(!index.searcher().search(&request).unwrap().hits.is_empty(), "{strategy:?}");
    }
    assert!(!index.refresh().unwrap());
    let Err(error) = index.writer(WriterOptions::default()) else {
        panic!("a read-only folder was written");
    };
    let told = error.to_string();
    assert!(matches!(error, IndexError::Segment(_)), "{told}");
    assert!(told.contains("writer.lock") && told.contains("Read-only file system"), "{told}");

    let Err(error) = Index::create(&dir.path().join("new"), support::manifest(), None) else {
        panic!("an index was created in a read-only folder");
    };
    assert!(error.to_string().contains("Read-only file system"), "{error}");
}

fn free_bytes(dir: &Path) -> u64 {
    let told = Command::new("df").args(["--output=avail", "-B1"]).arg(dir).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    told.lines().last().unwrap().trim().parse().unwrap()
}
