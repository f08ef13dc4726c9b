//! The power fails after every step that a writer takes on the disk.
//!
//! A recording of those steps is replayed on a model of a disk that keeps what it must
//! and no more: a file's content from its sync on, a name from the sync of its folder on.
//! Whatever was not synced yet is decided as badly as the model can: lost; names kept but
//! contents lost; or a random choice of both, with garbage for contents. The folder that
//! is left must open with the last acknowledged commit, or the one under way.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use engine::WriterOptions;
use engine::disk_recorder::{self, DiskEvent};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{steps, support};

/// Enough for token vectors at 3 and a merge at 5.
const STEPS: u64 = 6;
/// Of the folders that are left, every so many is written to as well.
const WRITTEN_EVERY: usize = 16;

/// A file's number, whatever its names.
type Inode = usize;

/// A change of names that a folder's sync makes last.
#[derive(Clone, Debug)]
enum Change {
    Link(PathBuf, Inode),
    Rename(PathBuf, PathBuf, Inode),
    Unlink(PathBuf),
    MakeDir(PathBuf),
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Self::Link(path, _)
            | Self::Rename(_, path, _)
            | Self::Unlink(path)
            | Self::MakeDir(path) => path,
        }
    }
}

/// Names and what they stand for.
#[derive(Clone, Debug, Default)]
struct Names {
    files: BTreeMap<PathBuf, Inode>,
    dirs: BTreeSet<PathBuf>,
}

impl Names {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Link(path, inode) => {
                self.files.insert(path.clone(), *inode);
            }
            Change::Rename(from, to, inode) => {
                self.files.remove(from);
                self.files.insert(to.clone(), *inode);
            }
            Change::Unlink(path) => {
                self.files.remove(path);
            }
            Change::MakeDir(path) => {
                self.dirs.insert(path.clone());
            }
        }
    }
}

/// A disk between two steps.
#[derive(Default)]
struct Disk {
    /// What a running process sees.
    seen: Names,
    /// What would be found after a failure, whatever happens.
    kept: Names,
    /// Changes that may or may not be found.
    pending: Vec<Change>,
    /// Contents by inode; `None` while they were not synced.
    contents: Vec<Option<Vec<u8>>>,
}

/// Files with their contents, and folders.
type Found = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// What becomes of what was not synced.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// All of it is lost.
    Everything,
    /// Names are found, contents are not: the file is there and empty.
    Contents,
    /// A coin decides of each name; contents are empty or garbage.
    Random,
}

impl Disk {
    fn step(&mut self, event: &DiskEvent) {
        let change = match event {
            DiskEvent::Created(path) => {
                self.contents.push(None);
                Change::Link(path.clone(), self.contents.len() - 1)
            }
            DiskEvent::Synced(path, content) => {
                self.contents[self.seen.files[path]] = Some(content.clone());
                return;
            }
            DiskEvent::Renamed(from, to) => {
                Change::Rename(from.clone(), to.clone(), self.seen.files[from])
            }
            DiskEvent::Removed(path) => Change::Unlink(path.clone()),
            DiskEvent::DirCreated(path) => Change::MakeDir(path.clone()),
            DiskEvent::DirSynced(dir) => {
                let (synced, pending) =
                    self.pending.drain(..).partition(|change| change.path().parent() == Some(dir));
                self.pending = pending;
                let synced: Vec<Change> = synced;
                for change in &synced {
                    self.kept.apply(change);
                }
                return;
            }
            DiskEvent::Mark(_) => return,
        };
        self.seen.apply(&change);
        self.pending.push(change);
    }

    /// What is found below `root` after a failure, by paths below it: contents of files,
    /// `None` for folders.
    fn after(&self, root: &Path, loss: Loss, rng: &mut ChaCha8Rng) -> Found {
        let mut names = self.kept.clone();
        for change in &self.pending {
            let is_found = match loss {
                Loss::Everything => false,
                Loss::Contents => true,
                Loss::Random => rng.random_bool(0.5),
            };
            if is_found {
                names.apply(change);
            }
        }
        let reachable = |path: &Path| {
            path.ancestors()
                .skip(1)
                .take_while(|dir| *dir != root)
                .all(|dir| names.dirs.contains(dir))
        };
        let below = |path: &Path| path.strip_prefix(root).unwrap().to_owned();
        let dirs = names.dirs.iter().filter(|dir| reachable(dir));
        let mut found: Found = dirs.map(|dir| (below(dir), None)).collect();
        for (path, &inode) in names.files.iter().filter(|(path, _)| reachable(path)) {
            let content = match (&self.contents[inode], loss) {
                (Some(content), _) => content.clone(),
                (None, Loss::Random) if rng.random_bool(0.5) => {
                    (0..rng.random_range(1..400)).map(|_| rng.random()).collect()
                }
                (None, Loss::Everything | Loss::Contents | Loss::Random) => Vec::new(),
            };
            found.insert(below(path), Some(content));
        }
        found
    }
}

/// Records a writer at work below `root`.
fn record(root: &Path) -> Vec<DiskEvent> {
    disk_recorder::start(root);
    let index = support::create(&root.join("deep/index"));
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for at in 1..=STEPS {
        steps::write(&mut writer, at);
        disk_recorder::mark(at);
        steps::tidy(&mut writer, at);
    }
    disk_recorder::stop()
}

#[test]
fn the_power_fails_after_every_step() {
    let root = tempfile::tempdir().unwrap();
    let events = record(root.path());
    let (mut disk, mut acknowledged, mut seen) = (Disk::default(), 0, HashSet::new());
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for (at, event) in events.iter().enumerate() {
        disk.step(event);
        if let DiskEvent::Mark(step) = event {
            acknowledged = *step;
        }
        for loss in [Loss::Everything, Loss::Contents, Loss::Random] {
            let found = disk.after(root.path(), loss, &mut rng);
            if !seen.insert((acknowledged, found.clone())) {
                continue;
            }
            let left = tempfile::tempdir().unwrap();
            // In the order of paths a folder comes before what it holds.
            for (path, content) in &found {
                let path = left.path().join(path);
                match content {
                    Some(content) => std::fs::write(path, content).unwrap(),
                    None => std::fs::create_dir(path).unwrap(),
                }
            }
            let dir = left.path().join("deep/index");
            let context = format!("{loss:?} after step {at} of {}: {event:?}", events.len());
            let allowed = [acknowledged, acknowledged + 1];
            if seen.len() % WRITTEN_EVERY == 0 {
                steps::check(&dir, &allowed, &context);
            } else {
                steps::check_content(&dir, &allowed, &context);
            }
        }
    }
    assert_eq!(acknowledged, STEPS);
    assert!(seen.len() > 200, "only {} folders to tell apart", seen.len());
}

/// The model itself: it must lose what was not synced, or the test above proves nothing.
#[test]
fn the_model_loses_what_was_not_synced() {
    let root = Path::new("/r");
    let (new, meta) = (root.join("d/meta.new"), root.join("d/meta"));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut disk = Disk::default();
    let mut find = |disk: &Disk, loss| {
        let mut found = disk.after(root, loss, &mut rng);
        found.remove(Path::new("d"));
        found
    };
    let content = |text: &str| Some(text.as_bytes().to_vec());
    disk.step(&DiskEvent::DirCreated(root.join("d")));
    disk.step(&DiskEvent::Created(new.clone()));
    assert!(find(&disk, Loss::Everything).is_empty());
    assert_eq!(find(&disk, Loss::Contents)[Path::new("d/meta.new")], content(""));
    disk.step(&DiskEvent::Synced(new.clone(), b"1".to_vec()));
    disk.step(&DiskEvent::DirSynced(root.join("d")));
    assert!(find(&disk, Loss::Everything).is_empty(), "the folder's own name is lost");
    disk.step(&DiskEvent::DirSynced(root.to_owned()));
    assert_eq!(find(&disk, Loss::Everything)[Path::new("d/meta.new")], content("1"));
    disk.step(&DiskEvent::Renamed(new, meta.clone()));
    assert!(!find(&disk, Loss::Everything).contains_key(Path::new("d/meta")));
    disk.step(&DiskEvent::DirSynced(root.join("d")));
    disk.step(&DiskEvent::Removed(meta));
    assert_eq!(find(&disk, Loss::Everything)[Path::new("d/meta")], content("1"));
    assert!(find(&disk, Loss::Contents).is_empty());
}
