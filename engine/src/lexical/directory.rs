//! tantivy's view of the index folder, made durable and checked.
//!
//! Segment files are tantivy's own business: written once, synced, with a
//! checksum in a footer. The two files that are replaced, `meta.json` (what is
//! committed) and `.managed.json` (what may be deleted), carry none, and
//! tantivy 0.27 syncs the folder before it renames them into place, not after:
//! a commit it has acknowledged can vanish with the power. Here such a file ends
//! in a line with its checksum, and its rename is synced before the call returns.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::Directory;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    DirectoryLock, FileHandle, Lock, MmapDirectory, WatchCallback, WatchHandle, WritePtr,
};

/// What the last line of a replaced file begins with.
const CHECKSUM_KEY: &str = "crc32 ";

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
        self.inner.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.inner.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        self.inner.open_write(path)
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
        replace(&self.root, path, data)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.inner.sync_directory()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.inner.acquire_lock(lock)
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        // Generations are opened on request; nobody waits for a change.
        Ok(WatchHandle::empty())
    }
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
    let mut file = File::create(&temporary)?;
    file.write_all(data)?;
    writeln!(file, "{CHECKSUM_KEY}{:08x}", crc32fast::hash(data))?;
    file.sync_all()?;
    drop(file);
    fail::fail_point!("metas-written");
    std::fs::rename(&temporary, &target)?;
    fail::fail_point!("metas-renamed");
    sync_directory(root)
}

/// Makes renames and new names in `root` durable.
#[cfg(unix)]
fn sync_directory(root: &Path) -> io::Result<()> {
    File::open(root)?.sync_all()
}

/// Windows cannot open a folder for syncing; NTFS journals the rename itself.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
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
