//! tantivy's view of the index folder, made durable and checked.
//!
//! Segment files are tantivy's own business: written once, synced, with a
//! checksum in a footer. The two files that are replaced, `meta.json` (what is
//! committed) and `.managed.json` (what may be deleted), carry none, and
//! tantivy 0.27 syncs the folder before it renames them into place, not after:
//! a commit it has acknowledged can vanish with the power. Here such a file ends
//! in a line with its checksum, and its rename is synced before the call returns.
//!
//! A segment's checksums say that its files are whole, not that they belong together:
//! one copied over that of another segment passes. So `meta.json` also gets a key of
//! ours, [`ENDS_KEY`], with a checksum of each file's end, where tantivy keeps that of
//! the rest. tantivy ignores the key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use tantivy::Directory;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, DirectoryLock, FileHandle, Lock, MmapDirectory, TerminatingWrite, WatchCallback,
    WatchHandle, WritePtr,
};

use super::META;
use crate::disk;

/// What the last line of a replaced file begins with.
const CHECKSUM_KEY: &str = "crc32 ";
/// The key of `meta.json` under which the files of its segments are listed.
const ENDS_KEY: &str = "trovato_file_ends";
/// Bytes of a file's end: more than tantivy's footer has.
const END_BYTES: u64 = 256;

/// A memory-mapped folder with checked and durable replacement.
#[derive(Clone, Debug)]
pub(super) struct DurableDirectory {
    inner: MmapDirectory,
    root: PathBuf,
}

impl DurableDirectory {
    /// Opens an existing folder.
    pub(super) fn open(root: &Path) -> tantivy::Result<Self> {
        Ok(Self { inner: MmapDirectory::open(root)?, root: root.to_owned() })
    }
}

impl Directory for DurableDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.inner.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        disk::remove_file(&self.root.join(path)).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                DeleteError::FileDoesNotExist(path.to_owned())
            } else {
                DeleteError::IoError { io_error: Arc::new(source), filepath: path.to_owned() }
            }
        })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.inner.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let target = self.root.join(path);
        let file = disk::create_new(&target).map_err(|source| {
            if source.kind() == io::ErrorKind::AlreadyExists {
                OpenWriteError::FileAlreadyExists(path.to_owned())
            } else {
                OpenWriteError::wrap_io_error(source, path.to_owned())
            }
        })?;
        Ok(WritePtr::new(Box::new(SyncedFile { file, path: target })))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        read_checked(&self.root.join(path)).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                OpenReadError::FileDoesNotExist(path.to_owned())
            } else {
                OpenReadError::wrap_io_error(source, path.to_owned())
            }
        })
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        if path == Path::new(META) {
            let listed = with_ends(&self.root, data)?;
            return replace(&self.root, path, &listed);
        }
        replace(&self.root, path, data)
    }

    fn sync_directory(&self) -> io::Result<()> {
        disk::sync_dir(&self.root)
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.inner.acquire_lock(lock)
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        // Generations are opened on request; nobody waits for a change.
        Ok(WatchHandle::empty())
    }
}

/// An error with the file it is about: tantivy passes on what the system said, and not of
/// which file.
fn named(path: &Path) -> impl Fn(io::Error) -> io::Error + '_ {
    move |source| io::Error::new(source.kind(), format!("{}: {source}", path.display()))
}

/// A segment file on its way to the disk.
struct SyncedFile {
    file: File,
    path: PathBuf,
}

impl Write for SyncedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(named(&self.path))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl TerminatingWrite for SyncedFile {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        disk::sync_file(&self.file, &self.path).map_err(named(&self.path))
    }
}

/// What is read of `meta.json` besides what tantivy reads.
#[derive(Deserialize)]
struct Listed {
    segments: Vec<ListedSegment>,
    #[serde(default, rename = "trovato_file_ends")]
    ends: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct ListedSegment {
    segment_id: String,
}

/// tantivy's `meta.json` with the ends of its segments' files.
fn with_ends(root: &Path, data: &[u8]) -> io::Result<Vec<u8>> {
    let listed: Listed = serde_json::from_slice(data)?;
    // A file's name begins with its segment's id, without the dashes.
    let segments: Vec<String> =
        listed.segments.iter().map(|segment| segment.segment_id.replace('-', "")).collect();
    let mut ends = serde_json::Map::new();
    for entry in std::fs::read_dir(root)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str() else { continue };
        let of = name.split('.').next().unwrap_or_default();
        if segments.iter().any(|segment| segment == of) {
            ends.insert(name.to_owned(), end_of(&root.join(name))?.into());
        }
    }
    let mut meta: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(data)?;
    meta.insert(ENDS_KEY.to_owned(), ends.into());
    let mut listed = serde_json::to_vec_pretty(&meta)?;
    listed.push(b'\n');
    Ok(listed)
}

/// The ends of files that the commit in `root` lists; none in an index that was
/// written before they were.
pub(super) fn listed_ends(root: &Path) -> io::Result<BTreeMap<String, u32>> {
    let listed: Listed = serde_json::from_slice(&read_checked(&root.join(META))?)?;
    Ok(listed.ends)
}

/// The checksum of a file's end.
pub(super) fn end_of(path: &Path) -> io::Result<u32> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(END_BYTES)))?;
    let mut end = Vec::with_capacity(END_BYTES as usize);
    file.read_to_end(&mut end)?;
    Ok(crc32fast::hash(&end))
}

/// Reads a file written by [`replace`], without its last line.
///
/// # Errors
/// `InvalidData` when the checksum is missing or another.
pub(super) fn read_checked(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = std::fs::read(path)?;
    let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let line = bytes.strip_suffix(b"\n").ok_or_else(|| damaged("its last line is cut"))?;
    let at = line.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let checksum = std::str::from_utf8(&line[at..])
        .ok()
        .and_then(|line| line.strip_prefix(CHECKSUM_KEY))
        .filter(|digits| digits.len() == 8 && !digits.contains(|c: char| c.is_ascii_uppercase()))
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .ok_or_else(|| damaged("its last line is no checksum"))?;
    bytes.truncate(at);
    if crc32fast::hash(&bytes) == checksum {
        Ok(bytes)
    } else {
        Err(damaged("its checksum does not match"))
    }
}

/// Replaces `root/path`, so that after a crash at any instant the file is the
/// old one or the new one, and once this has returned the new one.
///
/// The temporary name is fixed: only the holder of the writer lock gets here,
/// and what a crash leaves behind is overwritten by the next call.
fn replace(root: &Path, path: &Path, data: &[u8]) -> io::Result<()> {
    if !data.ends_with(b"\n") {
        // Both of tantivy's files do; without it the checksum would have no line.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a replaced file must end a line"));
    }
    let target = root.join(path);
    let mut name = target.clone().into_os_string();
    name.push(".new");
    let temporary = PathBuf::from(name);
    let write = || -> io::Result<()> {
        let mut file = disk::create(&temporary)?;
        file.write_all(data)?;
        writeln!(file, "{CHECKSUM_KEY}{:08x}", crc32fast::hash(data))?;
        disk::sync_file(&file, &temporary)
    };
    write().map_err(named(&temporary))?;
    fail::fail_point!("metas-written");
    disk::rename(&temporary, &target)?;
    fail::fail_point!("metas-renamed");
    disk::sync_dir(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_whole_or_refused() {
        let dir = tempfile::tempdir().unwrap();
        let name = Path::new("meta.json");
        replace(dir.path(), name, b"{\n}\n").unwrap();
        replace(dir.path(), name, b"{\"a\": 1}\n").unwrap();
        let path = dir.path().join(name);
        assert_eq!(read_checked(&path).unwrap(), b"{\"a\": 1}\n");
        assert!(!dir.path().join("meta.json.new").exists());

        let whole = std::fs::read(&path).unwrap();
        for len in 0..whole.len() {
            std::fs::write(&path, &whole[..len]).unwrap();
            assert!(read_checked(&path).is_err(), "cut at {len}");
        }
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bytes).unwrap();
            assert!(read_checked(&path).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_missing_file_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let directory = DurableDirectory::open(dir.path()).unwrap();
        let error = directory.atomic_read(Path::new("meta.json")).unwrap_err();
        assert!(matches!(error, OpenReadError::FileDoesNotExist(_)));
    }
}
