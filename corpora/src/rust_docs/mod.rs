//! The demo corpus: the documentation that is already on the machine.
//!
//! `books` are the guides that rustup installs with the compiler; `full` adds
//! the pages of std, core and alloc, and the documentation of the crates this
//! project is built from, which cargo has fetched. Nothing is downloaded. What
//! is left out is counted by reason. Looking for the pages is `locate`'s job,
//! choosing among them `pages`', and the crates are `packages`'.

mod error;
mod locate;
mod manifest;
mod packages;
mod pages;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use engine::DocumentId;

pub use error::RustDocsError;
pub use locate::{DOCS_VARIABLE, RustDocs};
pub use manifest::{PageChanges, PageManifest};

/// How much of the corpus is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// The English guides: about 1,490 pages. The questions are about these.
    Books,
    /// The guides, std, core and alloc, and the crates' own documentation:
    /// more than 10,000 documents.
    Full,
}

impl Profile {
    /// Every profile, smallest first.
    pub const ALL: [Self; 2] = [Self::Books, Self::Full];
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Books => "books",
            Self::Full => "full",
        })
    }
}

impl FromStr for Profile {
    type Err = RustDocsError;

    fn from_str(name: &str) -> Result<Self, RustDocsError> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.to_string() == name)
            .ok_or_else(|| RustDocsError::UnknownProfile { name: name.to_owned() })
    }
}

/// One document of the corpus.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CorpusFile {
    /// `rust-docs/<path below the html folder>` or
    /// `crates/<name>-<version>/<path below the package>`.
    pub id: DocumentId,
    /// Where its content is.
    pub path: PathBuf,
}

/// Why a file is not a document of the corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// A guide in another language than English.
    Translation,
    /// A stub that stands in for an old edition of the Book.
    OldEdition,
    /// A page that only leads to another.
    Redirect,
    /// A whole guide on one page, for printers.
    PrintPage,
    /// A table of contents for browsers without scripts.
    TableOfContents,
    /// One of the near-identical machine instructions of `core::arch`.
    MachineIntrinsic,
    /// The same item under another crate: `std::vec::Vec` is also
    /// `alloc::vec::Vec`. std's page stays, then core's.
    Twin,
    /// A Markdown file about the package's upkeep: changes, licence, conduct.
    Upkeep,
    /// A source file without documentation comments and public items.
    Undocumented,
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Translation => "translations",
            Self::OldEdition => "stubs of old editions",
            Self::Redirect => "redirects",
            Self::PrintPage => "print pages",
            Self::TableOfContents => "tables of contents",
            Self::MachineIntrinsic => "machine intrinsics",
            Self::Twin => "twins by re-export",
            Self::Upkeep => "changelogs, licences and the like",
            Self::Undocumented => "source files without documentation",
        })
    }
}

/// Where the documents of a [`Listing`] come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The installed documentation, as asked for.
    Documentation(RustDocs),
    /// The crates alone, because the documentation is not installed.
    CratesOnly {
        /// Where it was looked for, and how to install it.
        missing: String,
    },
}

/// The documents of a profile, sorted by id, and what was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The profile asked for.
    pub profile: Profile,
    /// Where the documents come from. [`Origin::CratesOnly`] must be shown to
    /// the user: it is not what was asked for.
    pub origin: Origin,
    /// The documents, by ascending id.
    pub files: Vec<CorpusFile>,
    /// How many files were left out, by reason.
    pub dropped: BTreeMap<DropReason, usize>,
}

/// Lists the documents of `profile`.
///
/// Where the documentation is not installed, the corpus is the crates' own
/// documentation and [`Listing::origin`] says so.
///
/// # Errors
/// [`RustDocsError::VariableIsWrong`] when [`DOCS_VARIABLE`] names a folder
/// without documentation (it was asked for, so nothing else is tried);
/// [`RustDocsError::Metadata`] and its kin when the crates cannot be listed;
/// [`RustDocsError::Io`] when a folder cannot be read.
pub fn list(profile: Profile) -> Result<Listing, RustDocsError> {
    let mut collected = Collected::default();
    let origin = match RustDocs::locate() {
        Ok(docs) => {
            pages::books(&docs.dir, &mut collected)?;
            if profile == Profile::Full {
                pages::library(&docs.dir, &mut collected)?;
                packages::list(&mut collected)?;
            }
            Origin::Documentation(docs)
        }
        Err(missing @ RustDocsError::NotInstalled { .. }) => {
            packages::list(&mut collected)?;
            Origin::CratesOnly { missing: missing.to_string() }
        }
        Err(error) => return Err(error),
    };
    let Collected { mut files, dropped } = collected;
    files.sort();
    Ok(Listing { profile, origin, files, dropped })
}

/// What the listing functions fill.
#[derive(Default)]
struct Collected {
    files: Vec<CorpusFile>,
    dropped: BTreeMap<DropReason, usize>,
}

impl Collected {
    fn keep(&mut self, id: String, path: PathBuf) -> Result<(), RustDocsError> {
        let id = DocumentId::new(id)
            .map_err(|source| RustDocsError::DocumentId { path: path.clone(), source })?;
        self.files.push(CorpusFile { id, path });
        Ok(())
    }

    fn drop_for(&mut self, reason: DropReason) {
        *self.dropped.entry(reason).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_read_as_they_are_printed() {
        for profile in Profile::ALL {
            assert_eq!(profile.to_string().parse::<Profile>().unwrap(), profile);
        }
        let message = "huge".parse::<Profile>().unwrap_err().to_string();
        assert!(message.contains("\"huge\"") && message.contains("books, full"), "{message}");
    }
}
