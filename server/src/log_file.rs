//! A file of JSON lines that is bounded: when it is full it becomes `<name>.1` and a
//! new one is begun, or nothing more is taken.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What a file holds; known by how every line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogKind {
    /// Searches.
    Queries,
    /// Judgments of passages.
    Feedback,
}

impl LogKind {
    fn start(self) -> &'static [u8] {
        match self {
            Self::Queries => b"{\"time\":",
            Self::Feedback => b"{\"relevant\":",
        }
    }

    fn refusal(self) -> &'static str {
        match self {
            Self::Queries => "the file is there and holds something else than a query log",
            Self::Feedback => "the file is there and holds something else than feedback",
        }
    }
}

/// A log file with its size.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    kind: LogKind,
    file: File,
    bytes: u64,
    max_bytes: u64,
}

impl LogFile {
    /// Opens the file to append to it; created if there is none, readable by
    /// its owner alone where the system knows owners.
    ///
    /// Half a line at the end, of a server that was killed while it wrote, is
    /// cut off: appended to, it would spoil the next line as well. A file that
    /// does not begin like a log is refused, or a misspelt path would cost
    /// somebody a line of something else.
    pub(crate) fn open(path: &Path, kind: LogKind, max_bytes: u64) -> io::Result<Self> {
        let file = open(path)?;
        let written = fs::read(path)?;
        let start = kind.start();
        if !written.starts_with(start) && !start.starts_with(&written) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, kind.refusal()));
        }
        let whole = written.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < written.len() {
            file.set_len(whole as u64)?;
        }
        let bytes = whole as u64;
        Ok(Self { path: path.to_owned(), kind, file, bytes, max_bytes })
    }

    /// Writes a line, into a new file where it would fill this one; in one call and unbuffered: at a few hundred bytes a
    /// search the system's own buffer is enough, and nothing is lost when the
    /// process is killed.
    pub(crate) fn append(&mut self, line: &str) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes > 0 && self.bytes + length > self.max_bytes {
            fs::rename(&self.path, older(&self.path))?;
            *self = Self::open(&self.path, self.kind, self.max_bytes)?;
        }
        self.file.write_all(line.as_bytes())?;
        self.bytes += length;
        Ok(())
    }

    /// Writes a line and waits until it is on the disk; a line that could not be
    /// written whole leaves nothing.
    ///
    /// # Errors
    /// Of the kind [`io::ErrorKind::StorageFull`] when the file would grow beyond its
    /// limit; what the operating system said.
    pub(crate) fn append_durably(&mut self, line: &str) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes + length > self.max_bytes {
            let reason = format!("the file has reached its limit of {} bytes", self.max_bytes);
            return Err(io::Error::new(io::ErrorKind::StorageFull, reason));
        }
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // The error that counts is the first one.
            let _ = self.file.set_len(self.bytes);
        } else {
            self.bytes += length;
        }
        written
    }
}

fn older(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".1");
    name.into()
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of 11 bytes.
    fn line(n: u8) -> String {
        format!("{{\"time\":{n}}}\n")
    }

    #[test]
    fn a_full_file_becomes_the_older_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        let mut file = LogFile::open(&path, LogKind::Queries, 22).unwrap();
        for n in 1..=3 {
            file.append(&line(n)).unwrap();
        }
        assert_eq!((read("log"), read("log.1")), (line(3), line(1) + &line(2)));

        // A restart goes on where the last run ended; a line beyond the limit
        // has a file of its own.
        let long = line(4).replace('4', &"4".repeat(30));
        let mut file = LogFile::open(&path, LogKind::Queries, 22).unwrap();
        file.append(&long).unwrap();
        file.append(&line(5)).unwrap();
        assert_eq!((read("log"), read("log.1")), (line(5), long));
    }

    #[test]
    fn half_a_line_is_cut_off_and_other_files_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        for (left, expected) in [
            (line(1) + "{\"time", line(1) + &line(2)),
            ("{\"ti".to_owned(), line(2)),
            (line(1), line(1) + &line(2)),
        ] {
            fs::write(&path, left).unwrap();
            LogFile::open(&path, LogKind::Queries, 100).unwrap().append(&line(2)).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        }
        fs::write(&path, "milk, bread").unwrap();
        let error = LogFile::open(&path, LogKind::Queries, 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(fs::read_to_string(&path).unwrap(), "milk, bread");
    }

    #[test]
    fn what_must_not_be_lost_is_refused_when_the_file_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = LogFile::open(&path, LogKind::Queries, 22).unwrap();
        file.append_durably(&line(1)).unwrap();
        file.append_durably(&line(2)).unwrap();
        let error = file.append_durably(&line(3)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), line(1) + &line(2));
        assert!(!dir.path().join("log.1").exists());
        // One kind of log is not taken for another.
        let error = LogFile::open(&path, LogKind::Feedback, 22).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        LogFile::open(&path, LogKind::Queries, 8).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
