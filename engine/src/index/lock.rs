//! One writer per index: an operating-system lock whose error names the holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::error::IndexError;
use crate::error::SegmentError;

const FILE_NAME: &str = "writer.lock";

/// Held while an index is open for writing; released when dropped, and by the
/// operating system when the process dies. The file itself stays: removing it
/// would let a third process lock a name that no longer exists.
#[derive(Debug)]
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock of the index at `dir`.
    ///
    /// # Errors
    /// [`IndexError::Locked`] naming the process that holds it.
    pub(super) fn acquire(dir: &Path) -> Result<Self, IndexError> {
        let path = dir.join(FILE_NAME);
        let io = |source| SegmentError::io(&path, source);
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Windows refuses to read a locked range; the holder is then unknown.
                let read = file.read_to_string(&mut holder);
                let holder = match read {
                    Ok(_) if !holder.trim().is_empty() => holder.trim().to_owned(),
                    Ok(_) | Err(_) => "another process".to_owned(),
                };
                return Err(IndexError::Locked { dir: dir.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(io(source).into()),
        }
        file.set_len(0).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        write!(file, "process {}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}
