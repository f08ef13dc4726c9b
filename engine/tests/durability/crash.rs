//! Kills a writing process at chosen and at random instants, and checks that
//! reopening shows one whole commit: the last acknowledged one, or the one that
//! had passed its commit point without having been acknowledged yet.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engine::WriterOptions;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::steps::check;
use super::{steps, support};

const DIR: &str = "CRASH_TEST_DIR";
const FAILPOINT: &str = "CRASH_TEST_FAILPOINT";
const STEPS: u64 = 60;

/// Not a test of its own: the process that the tests below kill.
#[test]
fn writing_child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    if let Ok(name) = std::env::var(FAILPOINT) {
        let (name, nth) = name.split_once(':').unwrap();
        let count = std::sync::atomic::AtomicU32::new(nth.parse().unwrap());
        fail::cfg_callback(name, move || {
            if count.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
                let pid = std::process::id().to_string();
                Command::new("kill").args(["-9", &pid]).status().unwrap();
                std::thread::sleep(Duration::from_mins(1));
            }
        })
        .unwrap();
    }
    let index = support::create(Path::new(&dir));
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for at in 1..=STEPS {
        steps::write(&mut writer, at);
        // The acknowledgement: only what is printed counts as promised.
        println!("\nacknowledged {at}");
        std::io::stdout().flush().unwrap();
        steps::tidy(&mut writer, at);
    }
}

fn spawn(dir: &Path, failpoint: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "crash::writing_child", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(failpoint) = failpoint {
        command.env(FAILPOINT, failpoint);
    }
    command.spawn().unwrap()
}

/// The last acknowledged step of a child that has ended.
fn last_acknowledged(child: &mut Child) -> u64 {
    let out = BufReader::new(child.stdout.take().unwrap());
    out.lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("acknowledged ")?.trim().parse().ok())
        .last()
        .unwrap_or(0)
}

#[test]
fn killed_at_every_failpoint() {
    // Those before the commit point must show the acknowledged step exactly.
    let before = [
        "flush-start",
        "vectors-written",
        "texts-written",
        "segments-synced",
        "before-commit",
        "lexical-commit-before",
        "metas-written",
        "merge-lexical-done",
        "tokens-written",
        "merge-vectors-written",
        "merge-segments-synced",
    ];
    let after = ["metas-renamed", "lexical-commit-after", "after-commit", "swept"];
    for name in before.iter().chain(&after) {
        for nth in [1, 4] {
            let dir = tempfile::tempdir().unwrap();
            let context = format!("{name}:{nth}");
            let mut child = spawn(dir.path(), Some(&context));
            let step = last_acknowledged(&mut child);
            assert!(!child.wait().unwrap().success(), "{context}: was not killed");
            let steps = if before.contains(name) { vec![step] } else { vec![step, step + 1] };
            check(dir.path(), &steps, &context);
        }
    }
}

#[test]
fn killed_at_random_instants() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for round in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let mut child = spawn(dir.path(), None);
        let delay = Duration::from_millis(rng.random_range(20..720));
        std::thread::sleep(delay);
        child.kill().unwrap();
        let step = last_acknowledged(&mut child);
        child.wait().unwrap();
        check(dir.path(), &[step, step + 1], &format!("round {round} after {delay:?}"));
    }
}
