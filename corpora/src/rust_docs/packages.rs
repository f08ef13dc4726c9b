//! The documentation of the crates this project is built from: READMEs,
//! guides, and source files with documentation, as cargo has fetched them.
//!
//! The lock file pins them, so two machines of one platform list the same
//! documents. Crates that only another platform needs are not listed: cargo
//! has not fetched them, and this module never makes it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::error::RustDocsError;
use super::pages::relative;
use super::{Collected, DropReason};

/// Markdown files about a package's upkeep, by stem in lower case. They repeat
/// from crate to crate and answer nobody's question about an API.
const UPKEEP: [&str; 16] = [
    "agents",
    "changelog",
    "changes",
    "code_of_conduct",
    "code-of-conduct",
    "contributing",
    "copying",
    "history",
    "license",
    "maintainers",
    "news",
    "release",
    "releases",
    "release-notes",
    "security",
    "third-party",
];

/// Folders of a package that hold no documentation of it.
const NOT_DOCUMENTATION: [&str; 5] = ["benches", "benchmarks", "fuzz", "target", "tests"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
    /// `None` for a member of the workspace and for path dependencies.
    source: Option<String>,
}

/// The documents of all crates that cargo has fetched for this platform.
pub(super) fn list(collected: &mut Collected) -> Result<(), RustDocsError> {
    let metadata: Metadata = serde_json::from_slice(&cargo_metadata()?)
        .map_err(|source| RustDocsError::MetadataFormat { source })?;
    for package in metadata.packages {
        if package.source.is_none() {
            continue;
        }
        let root = package.manifest_path.parent().unwrap_or(Path::new("")).to_owned();
        list_package(&root, &format!("crates/{}-{}", package.name, package.version), collected)?;
    }
    Ok(())
}

fn list_package(root: &Path, prefix: &str, collected: &mut Collected) -> Result<(), RustDocsError> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|source| RustDocsError::io(&folder, source))? {
            let entry = entry.map_err(|source| RustDocsError::io(&folder, source))?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().map_err(|source| RustDocsError::io(&path, source))?;
            if kind.is_dir() {
                if !name.starts_with('.') && !NOT_DOCUMENTATION.contains(&name.as_str()) {
                    folders.push(path);
                }
                continue;
            }
            let below = relative(root, &path);
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("md") if is_upkeep(&path) => collected.drop_for(DropReason::Upkeep),
                Some("rs") if below.starts_with("src/") && !is_documented(&path)? => {
                    collected.drop_for(DropReason::Undocumented);
                }
                Some("rs") if !below.starts_with("src/") => {}
                Some("md" | "rs") => collected.keep(format!("{prefix}/{below}"), path)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether the stem is one of [`UPKEEP`], possibly with a suffix
/// (`LICENSE-MIT.md`, `CHANGELOG_old.md`).
fn is_upkeep(path: &Path) -> bool {
    let stem =
        path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    UPKEEP.iter().any(|name| {
        stem.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.']))
    })
}

/// Whether a source file has a documentation comment or a public item: what
/// the document made from it will consist of.
fn is_documented(path: &Path) -> Result<bool, RustDocsError> {
    let bytes = fs::read(path).map_err(|source| RustDocsError::io(path, source))?;
    Ok(String::from_utf8_lossy(&bytes).lines().map(str::trim_start).any(|line| {
        let is_doc = (line.starts_with("///") && !line.starts_with("////"))
            || line.starts_with("//!")
            || line.starts_with("/*!")
            || (line.starts_with("/**") && !line.starts_with("/***") && !line.starts_with("/**/"));
        let is_item = line
            .strip_prefix("pub ")
            .is_some_and(|item| !item.starts_with("use ") && !item.starts_with("mod "));
        is_doc || is_item
    }))
}

/// The output of `cargo metadata` for this project and this platform.
fn cargo_metadata() -> Result<Vec<u8>, RustDocsError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = manifest_path();
    let mut command = Command::new(cargo);
    // `--offline`: the corpus is what is already here. Asking for one platform
    // is what makes that possible, since cargo fetches only what it builds.
    command
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--filter-platform",
            &host()?,
            "--manifest-path",
        ])
        .arg(&manifest);
    run(command)
}

/// The workspace's manifest: where cargo runs this, else where it was built.
fn manifest_path() -> PathBuf {
    let built = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let workspace = env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .filter(|dir| dir.join("Cargo.lock").is_file());
    workspace.unwrap_or_else(built).join("Cargo.toml")
}

fn host() -> Result<String, RustDocsError> {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.arg("-vV");
    let output = run(command)?;
    String::from_utf8_lossy(&output)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or_else(|| RustDocsError::Metadata {
            command: "rustc -vV".to_owned(),
            reason: "names no host".to_owned(),
        })
}

fn run(mut command: Command) -> Result<Vec<u8>, RustDocsError> {
    let failed = |command: &Command, reason: String| RustDocsError::Metadata {
        command: format!("{command:?}").replace('"', ""),
        reason,
    };
    let output =
        command.output().map_err(|error| failed(&command, format!("cannot be run: {error}")))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(failed(&command, format!("failed: {}", said.trim())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_gives_its_guides_and_documented_sources() {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("README.md", "# x"),
            ("CHANGELOG.md", "x"),
            ("LICENSE-MIT.md", "x"),
            ("docs/guide.md", "x"),
            ("docs/security-model.md", "x"),
            ("docs/releasing.md", "x"),
            ("build.rs", "//! Build script."),
            ("examples/a.rs", "//! Example."),
            ("tests/t.rs", "//! Test."),
            ("src/lib.rs", "//! Crate."),
            ("src/item.rs", "    pub fn f() {}"),
            ("src/glue.rs", "pub use a::b;\npub mod c;\n//// ruler\n/***/\nfn f() {}"),
            (".github/x.md", "x"),
        ] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mut collected = Collected::default();
        list_package(dir.path(), "crates/p-1.0.0", &mut collected).unwrap();
        collected.files.sort();
        let ids: Vec<_> = collected.files.iter().map(|file| file.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "crates/p-1.0.0/README.md",
                "crates/p-1.0.0/docs/guide.md",
                "crates/p-1.0.0/docs/releasing.md",
                "crates/p-1.0.0/src/item.rs",
                "crates/p-1.0.0/src/lib.rs",
            ]
        );
        assert_eq!(collected.dropped[&DropReason::Upkeep], 3);
        assert_eq!(collected.dropped[&DropReason::Undocumented], 1);
    }
}
