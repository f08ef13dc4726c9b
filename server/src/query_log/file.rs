//! A file that is bounded: when it is full it becomes `<name>.1` and a new one
//! is begun.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How every line begins.
const START: &[u8] = b"{\"time\":";

/// A log file with its size.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
}

impl RotatingFile {
    /// Opens the file to append to it; created if there is none, readable by
    /// its owner alone where the system knows owners.
    ///
    /// Half a line at the end, of a server that was killed while it wrote, is
    /// cut off: appended to, it would spoil the next line as well. A file that
    /// does not begin like a log is refused, or a misspelt path would cost
    /// somebody a line of something else.
    pub(super) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let file = open(path)?;
        let written = fs::read(path)?;
        if !written.starts_with(START) && !START.starts_with(&written) {
            let reason = "the file is there and holds something else than a query log";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let whole = written.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < written.len() {
            file.set_len(whole as u64)?;
        }
        let bytes = whole as u64;
        Ok(Self { path: path.to_owned(), file, bytes, max_bytes })
    }

    /// Writes a line, in one call and unbuffered: at a few hundred bytes a
    /// search the system's own buffer is enough, and nothing is lost when the
    /// process is killed.
    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes > 0 && self.bytes + length > self.max_bytes {
            fs::rename(&self.path, older(&self.path))?;
            *self = Self::open(&self.path, self.max_bytes)?;
        }
        self.file.write_all(line.as_bytes())?;
        self.bytes += length;
        Ok(())
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
        let mut file = RotatingFile::open(&path, 22).unwrap();
        for n in 1..=3 {
            file.append(&line(n)).unwrap();
        }
        assert_eq!((read("log"), read("log.1")), (line(3), line(1) + &line(2)));

        // A restart goes on where the last run ended; a line beyond the limit
        // has a file of its own.
        let long = line(4).replace('4', &"4".repeat(30));
        let mut file = RotatingFile::open(&path, 22).unwrap();
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
            RotatingFile::open(&path, 100).unwrap().append(&line(2)).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        }
        fs::write(&path, "milk, bread").unwrap();
        let error = RotatingFile::open(&path, 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(fs::read_to_string(&path).unwrap(), "milk, bread");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        RotatingFile::open(&path, 8).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
