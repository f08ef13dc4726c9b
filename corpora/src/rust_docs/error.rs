//! Why the demo corpus cannot be listed, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use engine::DocumentError;

use super::Profile;
use super::locate::DOCS_VARIABLE;

/// The corpus cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum RustDocsError {
    /// No such profile.
    #[error("there is no profile {name:?}; the profiles are {}", Profile::ALL.map(|profile| profile.to_string()).join(", "))]
    UnknownProfile {
        /// What was asked for.
        name: String,
    },
    /// The variable is set, and its folder holds no documentation.
    #[error(
        "{DOCS_VARIABLE} is {}, which does not hold the Rust documentation (no book/index.html); \
         set it to the `html` folder, or unset it",
        dir.display()
    )]
    VariableIsWrong {
        /// Its value.
        dir: PathBuf,
    },
    /// The toolchain's documentation is not installed.
    #[error(
        "the Rust documentation is not installed ({tried}); install it with `rustup component add rust-docs`, or set {DOCS_VARIABLE} to its `html` folder"
    )]
    NotInstalled {
        /// Where it was looked for.
        tried: String,
    },
    /// A program could not be run, or failed.
    #[error("cannot list the crates' documentation: `{command}` {reason}")]
    Metadata {
        /// The command line.
        command: String,
        /// What it said.
        reason: String,
    },
    /// `cargo metadata` printed something else than expected.
    #[error("cannot list the crates' documentation: {source} in the output of `cargo metadata`")]
    MetadataFormat {
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// The list of pages that comes with the questions is broken.
    #[error(
        "corpora/rust-docs/pages.tsv, line {line}: expected a hash, a tab and an id; write it anew with `trovato corpus check`"
    )]
    Manifest {
        /// 1-based.
        line: usize,
    },
    /// The operating system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// What was to be read.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// A path cannot be made an id.
    #[error("{}: {source}", path.display())]
    DocumentId {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: DocumentError,
    },
}

impl RustDocsError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
