//! What the operating system says of this process: Linux's `/proc`, elsewhere nothing.
//!
//! Read here and not by a library: the one for it brings a parser of everything in
//! `/proc`, and lacks the split of memory that tells an index's pages from our own.

use std::fs;

/// Figures of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) memory: Memory,
    /// Of all its threads, since it began.
    pub(super) cpu_seconds: f64,
    pub(super) open_fds: u64,
    /// 0 where there is no limit.
    pub(super) max_fds: u64,
    pub(super) threads: u64,
}

/// Bytes that are in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// All of them.
    pub(super) resident: u64,
    /// Those that the program has allocated: a leak shows here.
    pub(super) anonymous: u64,
    /// Pages of mapped files, the indexes above all: the system takes them back when it
    /// needs room.
    pub(super) file: u64,
}

/// Ticks of a second in `/proc/self/stat`: 100 on every Linux that Rust runs on, as the
/// kernel's interface to programs fixes it.
const TICKS_PER_SECOND: f64 = 100.0;

impl Process {
    /// Now; `None` where there is no `/proc`.
    pub(super) fn now() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let limits = fs::read_to_string("/proc/self/limits").ok()?;
        // Reading the folder opens it.
        let open_fds = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as u64;
        Some(Self {
            memory: Memory::parse(&status),
            threads: number(&status, "Threads:"),
            cpu_seconds: cpu_seconds(&stat)?,
            open_fds,
            max_fds: number(&limits, "Max open files"),
        })
    }
}

impl Memory {
    fn parse(status: &str) -> Self {
        let bytes = |name| number(status, name) << 10;
        Self { resident: bytes("VmRSS:"), anonymous: bytes("RssAnon:"), file: bytes("RssFile:") }
    }
}

/// The first number of the line that begins so; 0 without one.
fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// User's and system's time. The second field is the program's name, which may hold
/// anything but ends at the last parenthesis.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read_as_they_are_written() {
        let status = "Name:\ttrovato\nVmRSS:\t  2048 kB\nRssAnon:\t  1024 kB\nRssFile:\t  1000 kB\nRssShmem:\t 24 kB\nThreads:\t7\n";
        let memory = Memory::parse(status);
        assert_eq!(memory, Memory { resident: 2 << 20, anonymous: 1 << 20, file: 1000 << 10 });
        assert_eq!(number(status, "Threads:"), 7);
        assert_eq!(
            number(
                "Max open files            1024                 4096    files",
                "Max open files"
            ),
            1024
        );
        assert_eq!(number("Max open files            unlimited", "Max open files"), 0);
        let stat = "1 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 7 0 99";
        assert_eq!(cpu_seconds(stat), Some(3.0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_files() {
        let Process { memory, open_fds, max_fds, threads, cpu_seconds } = Process::now().unwrap();
        assert!(memory.anonymous + memory.file <= memory.resident && memory.anonymous > 0);
        assert!(open_fds > 0 && open_fds < max_fds.max(1 << 30));
        assert!(threads > 0 && cpu_seconds >= 0.0);
    }
}
