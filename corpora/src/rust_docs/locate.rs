//! Where the installed documentation is, and which version it is.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::RustDocsError;

/// Names the documentation's `html` folder, before anything else is tried.
pub const DOCS_VARIABLE: &str = "TROVATO_RUST_DOCS";

/// A page that every installation has.
const LANDMARK: &str = "book/index.html";

/// The installed documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RustDocs {
    /// Its `html` folder.
    pub dir: PathBuf,
    /// The version its own pages state, for example `1.95.0`; `None` when none
    /// does. Not the compiler's: the variable may name another installation.
    pub version: Option<String>,
}

impl RustDocs {
    /// Finds the documentation: [`DOCS_VARIABLE`], else the folder of the
    /// toolchain that `rustc` belongs to here.
    ///
    /// # Errors
    /// [`RustDocsError::VariableIsWrong`], or [`RustDocsError::NotInstalled`]
    /// saying what was tried.
    pub fn locate() -> Result<Self, RustDocsError> {
        if let Some(dir) = env::var_os(DOCS_VARIABLE).filter(|value| !value.is_empty()) {
            let dir = PathBuf::from(dir);
            return Self::at(&dir).ok_or(RustDocsError::VariableIsWrong { dir });
        }
        let dir = sysroot()
            .map_err(|tried| RustDocsError::NotInstalled { tried })?
            .join("share/doc/rust/html");
        Self::at(&dir).ok_or_else(|| RustDocsError::NotInstalled {
            tried: format!("{} has no {LANDMARK}", dir.display()),
        })
    }

    /// The documentation in `dir`, if it is there.
    pub fn at(dir: &Path) -> Option<Self> {
        dir.join(LANDMARK).is_file().then(|| Self { dir: dir.to_owned(), version: version(dir) })
    }
}

/// `rustc --print sysroot`, or why it cannot be had.
fn sysroot() -> Result<PathBuf, String> {
    // Cargo sets RUSTC for what it runs; it is the compiler this build used.
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc)
        .args(["--print", "sysroot"])
        .output()
        .map_err(|error| format!("`rustc --print sysroot` cannot be run: {error}"))?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !path.is_empty() {
        Ok(PathBuf::from(path))
    } else {
        Err(format!(
            "`rustc --print sysroot` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

/// The version stated by the front page's banner, else by std's pages.
///
/// The guides themselves state none. The banner comes first because a minimal
/// installation of guides alone still has it.
fn version(dir: &Path) -> Option<String> {
    let banner = fs::read_to_string(dir.join("version_info.html")).ok();
    let std = fs::read_to_string(dir.join("std/index.html")).ok();
    banner.as_deref().and_then(|page| first_version(&without_tags(page))).or_else(|| {
        std.as_deref().and_then(|page| first_version(page.split("data-rustdoc-version=\"").nth(1)?))
    })
}

fn without_tags(html: &str) -> String {
    html.split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, text)| text))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The first word that begins like `1.95.0`, with its suffix (`-beta.3`).
fn first_version(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace() || c == '"').find_map(|word| {
        let mut parts = word.splitn(3, '.');
        let is_number = |part: Option<&str>| {
            part.is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        };
        (is_number(parts.next()) && is_number(parts.next()) && is_number(parts.next()))
            .then(|| word.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_comes_from_the_pages() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        assert_eq!(RustDocs::at(dir.path()), None);
        write(LANDMARK, "");
        assert_eq!(RustDocs::at(dir.path()).unwrap().version, None);
        write(
            "std/index.html",
            "<meta data-rustdoc-version=\"1.94.0-beta.3 (59807616e 2026-04-14)\">",
        );
        assert_eq!(RustDocs::at(dir.path()).unwrap().version.as_deref(), Some("1.94.0-beta.3"));
        write(
            "version_info.html",
            "<div class=\"b1.2\"><b>Rust</b>&nbsp;\n  <b>1.95.0</b> <a href=\"x\">59807616e</a></div>",
        );
        assert_eq!(RustDocs::at(dir.path()).unwrap().version.as_deref(), Some("1.95.0"));
    }
}
