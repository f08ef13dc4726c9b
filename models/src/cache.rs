//! Folders of fetched files: whole or absent, never half-written.
//!
//! A folder is filled beside its place under another name, each file synced,
//! a manifest written last, and then renamed into place: a crash at any instant
//! leaves either no folder or a whole one. Writers hold a lock across
//! processes; readers need none. Opening compares sizes and times with the
//! manifest, since hashing 90 MB would be felt at every start;
//! [`Folder::verify`] hashes.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::hash::{self, HashingWriter};
use crate::progress::{Progress, note};

const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;

/// What a folder holds and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// Where the files were fetched from, for people.
    pub(crate) source: String,
    pub(crate) files: Vec<StoredFile>,
}

/// A file of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    /// Path in the folder, with `/`.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// Modification time, in nanoseconds since 1970.
    modified_ns: u64,
    /// In lower-case hexadecimal.
    pub(crate) sha256: String,
    pub(crate) origin: Origin,
}

/// Who vouches for a file's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The card.
    Card,
    /// Nobody: recorded when it was first fetched.
    FirstFetch,
    /// Computed here from the other files.
    Converted,
}

/// Keeps other processes from writing the same folder until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    // Closing the file releases the lock, also when the process dies.
    _file: File,
}

impl Lock {
    /// Takes the lock `name`, waiting for its holder; says so when it waits.
    pub(crate) fn acquire(
        locks: &Path,
        name: &str,
        progress: &dyn Progress,
    ) -> Result<Self, ModelError> {
        fs::create_dir_all(locks).map_err(ModelError::io("create", locks))?;
        let path = locks.join(format!("{name}.lock"));
        // Never deleted: a waiting process would lock a file that a third one
        // can no longer find.
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(ModelError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                note(progress, &format!("another process is preparing {name}; waiting for it"));
                file.lock().map_err(ModelError::io("lock", &path))?;
            }
            Err(TryLockError::Error(error)) => return Err(ModelError::io("lock", &path)(error)),
        }
        Ok(Self { _file: file })
    }
}

/// A whole folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) manifest: Manifest,
}

impl Folder {
    /// Opens a folder whose files are all there, of the recorded size and
    /// time. `None` where any is not: then nothing of it may be used.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let folder = Self::open_unchecked(path)?;
        folder.manifest.files.iter().all(|file| folder.is_unchanged(file)).then_some(folder)
    }

    /// Like [`Folder::open`], but files whose time alone changed (a copied
    /// cache) are hashed and accepted, and damaged files that were computed
    /// here are struck off, so that they are computed again and nothing is
    /// fetched. For holders of the lock.
    pub(crate) fn open_or_repair(path: &Path) -> Result<Option<Self>, ModelError> {
        if let Some(folder) = Self::open(path) {
            return Ok(Some(folder));
        }
        let Some(mut folder) = Self::open_unchecked(path) else { return Ok(None) };
        let mut whole = Vec::with_capacity(folder.manifest.files.len());
        for mut file in std::mem::take(&mut folder.manifest.files) {
            let at = path.join(&file.path);
            let modified_ns = match fs::metadata(&at) {
                Ok(metadata) if metadata.len() == file.bytes => {
                    let hash = hash::of_file(&at).map_err(ModelError::io("read", &at))?;
                    (hash == file.sha256).then(|| modified_ns(&metadata))
                }
                Ok(_) | Err(_) => None,
            };
            match modified_ns {
                Some(modified_ns) => {
                    file.modified_ns = modified_ns;
                    whole.push(file);
                }
                None if file.origin == Origin::Converted => {}
                None => return Ok(None),
            }
        }
        folder.manifest.files = whole;
        folder.write_manifest()?;
        Ok(Some(folder))
    }

    /// The manifest, whatever became of the files.
    pub(crate) fn open_unchecked(path: &Path) -> Option<Self> {
        let manifest: Manifest =
            serde_json::from_slice(&fs::read(path.join(MANIFEST)).ok()?).ok()?;
        (manifest.format == FORMAT).then(|| Self { path: path.to_owned(), manifest })
    }

    /// A file's record.
    pub(crate) fn file(&self, path: &str) -> Option<&StoredFile> {
        self.manifest.files.iter().find(|file| file.path == path)
    }

    /// Hashes of the files that came from elsewhere, in the order of their paths.
    pub(crate) fn fetched_hashes(&self) -> Vec<String> {
        let fetched = self.manifest.files.iter().filter(|file| file.origin != Origin::Converted);
        let mut hashes: Vec<_> = fetched.map(|file| (&file.path, file.sha256.clone())).collect();
        hashes.sort();
        hashes.into_iter().map(|(_, hash)| hash).collect()
    }

    /// Hashes a file and compares it with its record.
    pub(crate) fn verify(&self, file: &StoredFile) -> Result<(), ModelError> {
        let path = self.path.join(&file.path);
        let actual = hash::of_file(&path).map_err(ModelError::io("read", &path))?;
        if actual == file.sha256 {
            return Ok(());
        }
        Err(ModelError::WrongHash {
            file: file.path.clone(),
            from: self.path.display().to_string(),
            expected: file.sha256.clone(),
            actual,
        })
    }

    /// Adds files that were computed from the others, then records them. For
    /// holders of the lock.
    pub(crate) fn add(&mut self, staging: &Staging) -> Result<(), ModelError> {
        for file in &staging.files {
            let (from, to) =
                (staging.directory.path().join(&file.path), self.path.join(&file.path));
            fs::rename(&from, &to).map_err(ModelError::io("rename", &to))?;
        }
        sync_directory(&self.path)?;
        let replaced = |old: &StoredFile| staging.files.iter().any(|new| new.path == old.path);
        self.manifest.files.retain(|old| !replaced(old));
        self.manifest.files.extend(staging.files.iter().cloned());
        self.write_manifest()
    }

    /// Replaces the manifest at one stroke. For holders of the lock: the new one
    /// has a fixed name until it is whole.
    fn write_manifest(&self) -> Result<(), ModelError> {
        let path = self.path.join(MANIFEST);
        let partial = self.path.join(format!(".{MANIFEST}.partial"));
        let write = || {
            let mut file = File::create(&partial)?;
            file.write_all(&self.manifest.to_json())?;
            file.sync_all()?;
            fs::rename(&partial, &path)
        };
        write().map_err(ModelError::io("write", &path))?;
        sync_directory(&self.path)
    }

    fn is_unchanged(&self, file: &StoredFile) -> bool {
        fs::metadata(self.path.join(&file.path)).is_ok_and(|metadata| {
            metadata.len() == file.bytes && modified_ns(&metadata) == file.modified_ns
        })
    }
}

impl Manifest {
    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("strings and numbers are JSON")
    }
}

/// Files on their way to becoming a folder. Dropped unpublished, they vanish.
#[derive(Debug)]
pub(crate) struct Staging {
    directory: tempfile::TempDir,
    files: Vec<StoredFile>,
}

impl Staging {
    /// An empty staging folder beside `target`, on the same file system. What
    /// killed processes left of earlier ones is removed: the lock's holder is
    /// alone.
    pub(crate) fn new(target: &Path, _lock: &Lock) -> Result<Self, ModelError> {
        let parent = target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(ModelError::io("create", parent))?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{name}.partial-");
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                // A leftover that cannot be removed is only lost space.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let directory = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(parent)
            .map_err(ModelError::io("create a folder in", parent))?;
        Ok(Self { directory, files: Vec::new() })
    }

    /// The folder, for tools that write files themselves.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file through `fill`, syncs it and records its hash, which is
    /// returned. Not part of the result when `fill` fails.
    pub(crate) fn write(
        &mut self,
        path: &str,
        origin: Origin,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), ModelError>,
    ) -> Result<String, ModelError> {
        let at = self.directory.path().join(path);
        let wrap = |action| ModelError::io(action, &at);
        if let Some(parent) = at.parent() {
            fs::create_dir_all(parent).map_err(wrap("create the folder of"))?;
        }
        let file = File::create(&at).map_err(wrap("create"))?;
        let mut writer = HashingWriter::new(BufWriter::with_capacity(hash::CHUNK_BYTES, file));
        fill(&mut writer)?;
        let (writer, bytes, sha256) = writer.finish();
        let file = writer.into_inner().map_err(|error| wrap("write")(error.into_error()))?;
        file.sync_all().map_err(wrap("sync"))?;
        let metadata = file.metadata().map_err(wrap("read"))?;
        self.files.push(StoredFile {
            path: path.to_owned(),
            bytes,
            modified_ns: modified_ns(&metadata),
            sha256: sha256.clone(),
            origin,
        });
        Ok(sha256)
    }

    /// Puts the folder into its place, replacing what was there.
    pub(crate) fn publish(
        mut self,
        target: &Path,
        source: String,
        _lock: &Lock,
    ) -> Result<Folder, ModelError> {
        let manifest = Manifest { format: FORMAT, source, files: std::mem::take(&mut self.files) };
        let json = manifest.to_json();
        self.write(MANIFEST, Origin::Converted, |writer| {
            writer.write_all(&json).map_err(ModelError::io("write", target))
        })?;
        sync_directory(self.directory.path())?;
        if target.exists() {
            fs::remove_dir_all(target).map_err(ModelError::io("replace", target))?;
        }
        // Kept from here on: a failed rename is reported with the data intact.
        let staged = self.directory.keep();
        fs::rename(&staged, target).map_err(ModelError::io("rename into", target))?;
        if let Some(parent) = target.parent() {
            sync_directory(parent)?;
        }
        Ok(Folder { path: target.to_owned(), manifest })
    }
}

/// Makes renames in a folder survive a power cut. Windows has no such call and
/// orders its metadata itself.
fn sync_directory(path: &Path) -> Result<(), ModelError> {
    if cfg!(windows) {
        return Ok(());
    }
    File::open(path).and_then(|folder| folder.sync_all()).map_err(ModelError::io("sync", path))
}

fn modified_ns(metadata: &fs::Metadata) -> u64 {
    let since =
        |time: std::time::SystemTime| time.duration_since(UNIX_EPOCH).map_err(io::Error::other);
    // Without a usable clock the stamp is the size alone.
    metadata.modified().and_then(since).map_or(0, |time| time.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::progress::Silent;

    fn publish(home: &Path, content: &[u8]) -> Folder {
        let lock = Lock::acquire(&home.join("locks"), "m", &Silent).unwrap();
        let target = home.join("models/m");
        let mut staging = Staging::new(&target, &lock).unwrap();
        staging.write("a/b", Origin::Card, |w| w.write_all(content).map_err(other)).unwrap();
        staging.publish(&target, "a test".into(), &lock).unwrap()
    }

    fn other(error: io::Error) -> ModelError {
        ModelError::io("write", Path::new("a/b"))(error)
    }

    #[test]
    fn a_published_folder_opens_and_a_changed_one_does_not() {
        let home = tempfile::tempdir().unwrap();
        let folder = publish(home.path(), b"content");
        assert_eq!(Folder::open(&folder.path).unwrap().manifest, folder.manifest);
        folder.verify(folder.file("a/b").unwrap()).unwrap();

        fs::write(folder.path.join("a/b"), b"CONTENT").unwrap();
        assert!(Folder::open_or_repair(&folder.path).unwrap().is_none());
        let error = folder.verify(folder.file("a/b").unwrap()).unwrap_err();
        assert!(matches!(error, ModelError::WrongHash { .. }), "{error}");
        fs::remove_file(folder.path.join("a/b")).unwrap();
        assert!(Folder::open_or_repair(&folder.path).unwrap().is_none());
    }

    #[test]
    fn a_copied_folder_is_hashed_once_and_accepted() {
        let home = tempfile::tempdir().unwrap();
        let folder = publish(home.path(), b"content");
        let file = File::options().write(true).open(folder.path.join("a/b")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1)).unwrap();
        assert!(Folder::open(&folder.path).is_none());
        assert!(Folder::open_or_repair(&folder.path).unwrap().is_some());
        assert!(Folder::open(&folder.path).is_some());
    }

    #[test]
    fn a_damaged_file_that_was_computed_here_is_struck_off() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = publish(home.path(), b"content");
        let lock = Lock::acquire(&home.path().join("locks"), "m", &Silent).unwrap();
        let mut staging = Staging::new(&folder.path.join("c"), &lock).unwrap();
        staging.write("c", Origin::Converted, |w| w.write_all(b"1").map_err(other)).unwrap();
        folder.add(&staging).unwrap();
        drop(staging);
        assert!(Folder::open(&folder.path).unwrap().file("c").is_some());

        fs::write(folder.path.join("c"), b"2").unwrap();
        assert!(Folder::open(&folder.path).is_none());
        let repaired = Folder::open_or_repair(&folder.path).unwrap().unwrap();
        assert!(repaired.file("c").is_none() && repaired.file("a/b").is_some());
        assert!(Folder::open(&folder.path).is_some());
    }

    #[test]
    fn a_crash_before_the_rename_leaves_nothing_usable() {
        let home = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(&home.path().join("locks"), "m", &Silent).unwrap();
        let target = home.path().join("models/m");
        let mut staging = Staging::new(&target, &lock).unwrap();
        staging.write("a", Origin::Card, |w| w.write_all(b"1").map_err(other)).unwrap();
        let left = staging.directory.keep();
        assert!(left.exists() && Folder::open(&target).is_none());
        let next = Staging::new(&target, &lock).unwrap();
        assert!(!left.exists(), "the next attempt clears the leftover");
        drop(next);
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn a_manifest_without_its_files_is_not_a_folder() {
        let home = tempfile::tempdir().unwrap();
        let folder = publish(home.path(), b"content");
        for cut in [0, 10] {
            let manifest = folder.path.join(MANIFEST);
            let whole = fs::read(&manifest).unwrap();
            fs::write(&manifest, &whole[..cut]).unwrap();
            assert!(Folder::open_or_repair(&folder.path).unwrap().is_none());
            fs::write(&manifest, &whole).unwrap();
        }
        assert!(Folder::open(&folder.path).is_some());
    }

    #[test]
    fn a_full_disk_is_named_and_leaves_nothing() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let home = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(&home.path().join("locks"), "m", &Silent).unwrap();
        let target = home.path().join("models/m");
        let mut staging = Staging::new(&target, &lock).unwrap();
        let error =
            staging.write("a", Origin::Card, |_| Full.write_all(b"1").map_err(other)).unwrap_err();
        assert!(matches!(error, ModelError::DiskFull { .. }), "{error}");
        assert!(error.to_string().contains("TROVATO_HOME"), "{error}");
        drop(staging);
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn a_lock_admits_one_holder() {
        let home = tempfile::tempdir().unwrap();
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let _lock = Lock::acquire(home.path(), "m", &Silent).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    std::thread::sleep(Duration::from_millis(5));
                    inside.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
    }
}
