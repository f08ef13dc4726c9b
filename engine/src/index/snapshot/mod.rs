//! Snapshots: a copy of one commit, made while the index is searched and written.
//!
//! A snapshot is a folder: `snapshot.json` and, below `index/`, the files of one commit.
//! All of them are opened first, then it is made sure that the commit is still the
//! newest: from then on a writer may remove their names as it likes, an open file stays.
//! So copying takes its time, whatever is committed meanwhile. What was copied is opened
//! with every checksum compared before it gets its name: a snapshot that is there was an
//! index that opens. See decision 0022 for why it is a folder, and copied, not linked.

mod error;
mod record;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::generation::{MAX_ATTEMPTS, read_record};
use super::{Index, IndexError, OpenOptions, files, manifest};
use crate::disk;
use crate::lexical::LexicalIndex;
use crate::segment_file::Verify;

pub use error::SnapshotError;
pub use record::{SnapshotFile, SnapshotInfo};

/// Subfolder of the index's files.
const INDEX_DIR: &str = "index";
/// Bytes copied at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// A snapshot on disk whose record has been read and compared with its hash.
#[derive(Clone, Debug)]
pub struct Snapshot {
    dir: PathBuf,
    info: SnapshotInfo,
}

impl Index {
    /// Copies the newest commit to a folder that must not be there, durably and as a
    /// whole or not at all. A writer may be at work in any process; what it commits
    /// meanwhile is not part of the copy.
    ///
    /// # Errors
    /// [`SnapshotError::Exists`]; [`SnapshotError::NotWhole`] or [`SnapshotError::Index`]
    /// when the index is damaged, the latter also when commits came faster than its files
    /// could be opened; [`SnapshotError::Io`] when the disk refuses.
    pub fn snapshot(&self, to: &Path) -> Result<Snapshot, SnapshotError> {
        let staged = Staged::beside(to)?;
        let index_dir = staged.path().join(INDEX_DIR);
        let mut listed = Vec::new();
        for (path, mut file) in self.open_files()? {
            listed.push(copy(&mut file, (&self.dir, &path), &index_dir)?);
        }
        sync_folders(&index_dir, &listed)?;
        let copied = open_whole(&index_dir, &self.dir)?;
        let counts = copied.info()?;
        let info = SnapshotInfo {
            format: SnapshotInfo::FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            created: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
            generation: counts.generation,
            documents: counts.documents,
            chunks: counts.chunks,
            encoder: copied.manifest.encoder.clone(),
            bytes: listed.iter().map(|file| file.bytes).sum(),
            files: listed,
        };
        info.write(staged.path())?;
        staged.publish(to)?;
        Ok(Snapshot { dir: to.to_owned(), info })
    }

    /// The files of the newest commit, open, by their paths below the index's folder.
    fn open_files(&self) -> Result<Vec<(PathBuf, File)>, SnapshotError> {
        let lexical_dir = Path::new(files::LEXICAL_DIR);
        let at = self.dir.join(lexical_dir);
        for _ in 0..MAX_ATTEMPTS {
            let commit = LexicalIndex::committed(&at).map_err(IndexError::from)?;
            let opened = self.open_listed(&commit.payload, lexical_dir);
            // Names of the commit may have been removed by a newer one.
            if LexicalIndex::committed(&at).map_err(IndexError::from)? == commit {
                return opened;
            }
        }
        let (dir, attempts) = (self.dir.clone(), MAX_ATTEMPTS);
        Err(IndexError::Busy { dir, attempts }.into())
    }

    fn open_listed(
        &self,
        payload: &str,
        lexical_dir: &Path,
    ) -> Result<Vec<(PathBuf, File)>, SnapshotError> {
        let record = read_record(&self.dir, payload)?;
        let mut segments: Vec<String> = record.files().into_iter().collect();
        segments.sort_unstable();
        let lexical = self.lexical.files().map_err(IndexError::from)?;
        std::iter::once(PathBuf::from(manifest::FILE_NAME))
            .chain(segments.iter().map(|name| Path::new(files::SEGMENTS_DIR).join(name)))
            .chain(lexical.into_iter().map(|name| lexical_dir.join(name)))
            .map(|path| {
                let from = self.dir.join(&path);
                let file = File::open(&from).map_err(SnapshotError::io(&from))?;
                Ok((path, file))
            })
            .collect()
    }
}

impl Snapshot {
    /// Reads a snapshot's record; its files are [`Snapshot::verify`]'s.
    ///
    /// # Errors
    /// [`SnapshotError::NoSnapshot`]; [`SnapshotError::Damaged`] or
    /// [`SnapshotError::Version`] by the record; [`SnapshotError::Io`].
    pub fn open(dir: &Path) -> Result<Self, SnapshotError> {
        Ok(Self { dir: dir.to_owned(), info: SnapshotInfo::read(dir)? })
    }

    /// What it holds.
    pub fn info(&self) -> &SnapshotInfo {
        &self.info
    }

    /// Reads every file and compares it with its hash.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] naming the first file that is missing or not what was
    /// written; [`SnapshotError::Io`].
    pub fn verify(&self) -> Result<(), SnapshotError> {
        for listed in &self.info.files {
            let mut file = self.open_file(listed)?;
            let found = transfer(&mut file, &self.path_of(listed), None)?;
            self.compare(listed, &found)?;
        }
        Ok(())
    }

    /// Makes an index of it in a folder that must not be there, or be empty. Every file
    /// is compared with its hash on the way; the folder appears when all of them are
    /// whole, or not at all.
    ///
    /// # Errors
    /// As for [`Snapshot::verify`]; [`SnapshotError::Exists`];
    /// [`SnapshotError::NotWhole`] when the files are no index that this version opens.
    pub fn restore(&self, to: &Path) -> Result<(), SnapshotError> {
        let staged = Staged::beside(to)?;
        for listed in &self.info.files {
            let mut file = self.open_file(listed)?;
            let from = (self.dir.join(INDEX_DIR), PathBuf::from(&listed.path));
            let found = copy(&mut file, (&from.0, &from.1), staged.path())?;
            self.compare(listed, &(found.bytes, found.blake3))?;
        }
        sync_folders(staged.path(), &self.info.files)?;
        open_whole(staged.path(), &self.dir)?;
        staged.publish(to)
    }

    fn path_of(&self, listed: &SnapshotFile) -> PathBuf {
        self.dir.join(INDEX_DIR).join(&listed.path)
    }

    fn open_file(&self, listed: &SnapshotFile) -> Result<File, SnapshotError> {
        let path = self.path_of(listed);
        File::open(&path).map_err(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                SnapshotError::damaged(&path, "it is missing")
            } else {
                SnapshotError::Io { path, source }
            }
        })
    }

    fn compare(
        &self,
        listed: &SnapshotFile,
        (bytes, blake3): &(u64, String),
    ) -> Result<(), SnapshotError> {
        let damaged = |what: String| Err(SnapshotError::damaged(&self.path_of(listed), what));
        if *bytes != listed.bytes {
            return damaged(format!("it has {bytes} bytes, not {}", listed.bytes));
        }
        if *blake3 != listed.blake3 {
            return damaged("its hash does not match".to_owned());
        }
        Ok(())
    }
}

/// A folder that is made under another name, and gets its own when it is complete.
struct Staged {
    // The folder proper is inside: temporary ones can be entered by their owner only.
    temporary: tempfile::TempDir,
    path: PathBuf,
}

impl Staged {
    /// Starts a folder that is to become `to`, on the same file system.
    fn beside(to: &Path) -> Result<Self, SnapshotError> {
        refuse_existing(to)?;
        let parent = disk::parent(to);
        disk::create_dir(parent).map_err(SnapshotError::io(parent))?;
        let temporary = tempfile::Builder::new()
            .prefix(".trovato-partial-")
            .tempdir_in(parent)
            .map_err(SnapshotError::io(parent))?;
        let path = temporary.path().join("folder");
        fs::create_dir(&path).map_err(SnapshotError::io(&path))?;
        Ok(Self { temporary, path })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder its name, durably. What came into being there meanwhile is not
    /// replaced: a rename refuses a folder that is not empty.
    fn publish(self, to: &Path) -> Result<(), SnapshotError> {
        let parent = disk::parent(to);
        disk::sync_dir(&self.path).map_err(SnapshotError::io(&self.path))?;
        refuse_existing(to)?;
        disk::rename(&self.path, to).map_err(SnapshotError::io(to))?;
        drop(self.temporary);
        disk::sync_dir(parent).map_err(SnapshotError::io(parent))
    }
}

/// Refuses a name that is taken, but for an empty folder's.
fn refuse_existing(to: &Path) -> Result<(), SnapshotError> {
    let taken = match fs::read_dir(to) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    if taken { Err(SnapshotError::Exists { path: to.to_owned() }) } else { Ok(()) }
}

/// Opens the index that was put together of `from`, with every checksum compared.
fn open_whole(dir: &Path, from: &Path) -> Result<Index, SnapshotError> {
    Index::open(dir, OpenOptions { encoder: None, verify: Verify::Full })
        .map_err(|source| SnapshotError::NotWhole { dir: from.to_owned(), source })
}

/// Copies an open file to its place below `to`, and syncs it.
///
/// # Arguments
/// * `from` - the folder that `file` is in, and its path below.
fn copy(
    file: &mut File,
    (from, path): (&Path, &Path),
    to: &Path,
) -> Result<SnapshotFile, SnapshotError> {
    let target = to.join(path);
    let folder = disk::parent(&target);
    fs::create_dir_all(folder).map_err(SnapshotError::io(folder))?;
    let mut out = disk::create_new(&target).map_err(SnapshotError::io(&target))?;
    let (bytes, blake3) = transfer(file, &from.join(path), Some((&mut out, &target)))?;
    disk::sync_file(&out, &target).map_err(SnapshotError::io(&target))?;
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    Ok(SnapshotFile { path: parts.collect::<Vec<_>>().join("/"), bytes, blake3 })
}

/// Reads a file to its end, perhaps into another; returns its size and hash.
fn transfer(
    file: &mut File,
    path: &Path,
    mut to: Option<(&mut File, &Path)>,
) -> Result<(u64, String), SnapshotError> {
    let mut block = vec![0; BLOCK_BYTES];
    let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
    loop {
        let n = file.read(&mut block).map_err(SnapshotError::io(path))?;
        if n == 0 {
            return Ok((bytes, hasher.finalize().to_hex().to_string()));
        }
        hasher.update(&block[..n]);
        bytes += n as u64;
        if let Some((out, target)) = &mut to {
            out.write_all(&block[..n]).map_err(SnapshotError::io(target))?;
        }
    }
}

/// Makes the names of all files below `root` durable; an index of no commit has empty
/// folders too.
fn sync_folders(root: &Path, listed: &[SnapshotFile]) -> Result<(), SnapshotError> {
    let mut folders: Vec<PathBuf> =
        listed.iter().map(|file| disk::parent(&root.join(&file.path)).to_owned()).collect();
    folders.extend([root.join(files::SEGMENTS_DIR), root.to_owned()]);
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        fs::create_dir_all(&folder).map_err(SnapshotError::io(&folder))?;
        disk::sync_dir(&folder).map_err(SnapshotError::io(&folder))?;
    }
    Ok(())
}
