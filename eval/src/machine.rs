//! What a measurement was made on, in one line.

use std::fs;
use std::thread;

/// Processor, usable cores and memory, as far as the system tells:
/// `AMD EPYC 9B45, 2 cores, 23 GiB`.
pub fn machine() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut parts = vec![
        processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        format!("{cores} cores"),
    ];
    parts.extend(memory_gib().map(|gib| format!("{gib:.0} GiB")));
    parts.join(", ")
}

fn processor() -> Option<String> {
    field("/proc/cpuinfo", "model name")
}

fn memory_gib() -> Option<f64> {
    let kib: f64 = field("/proc/meminfo", "MemTotal")?.split_whitespace().next()?.parse().ok()?;
    Some(kib / f64::from(1 << 20))
}

/// The value of the first `name: value` line; other systems than Linux have no
/// such file, and the line then says less.
fn field(path: &str, name: &str) -> Option<String> {
    let content = fs::read_to_string(path).ok()?;
    content
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}
