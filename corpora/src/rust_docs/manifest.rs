//! The pages that the questions were written from: their version, and a hash
//! of each.
//!
//! The hashes tell which pages of another version are the same. Quotes are
//! resolved whatever the hashes say; a page may change and still hold them.

use std::collections::BTreeMap;
use std::fs;

use engine::DocumentId;

use super::error::RustDocsError;
use super::{Listing, Origin};

/// Version and pages of a documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageManifest {
    /// For example `1.95.0`; `unknown` where the pages do not say.
    pub version: String,
    /// 16 hexadecimal digits of each page's hash.
    pages: BTreeMap<DocumentId, String>,
}

/// How one documentation differs from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageChanges {
    /// Pages that are the same in both.
    pub same: usize,
    /// Pages whose bytes differ.
    pub changed: usize,
    /// Pages that only the first has.
    pub missing: usize,
    /// Pages that only the second has.
    pub added: usize,
}

impl PageManifest {
    /// The manifest of the documentation that the questions were written from.
    ///
    /// # Errors
    /// None in a released version: a test parses the embedded file.
    pub fn of_questions() -> Result<Self, RustDocsError> {
        Self::parse(include_str!("../../rust-docs/pages.tsv"))
    }

    /// The manifest of a listing: reads and hashes every file.
    ///
    /// # Errors
    /// [`RustDocsError::Io`].
    pub fn of_listing(listing: &Listing) -> Result<Self, RustDocsError> {
        let version = match &listing.origin {
            Origin::Documentation(docs) => docs.version.clone(),
            Origin::CratesOnly { .. } => None,
        };
        let mut pages = BTreeMap::new();
        for file in &listing.files {
            let bytes =
                fs::read(&file.path).map_err(|source| RustDocsError::io(&file.path, source))?;
            pages.insert(file.id.clone(), blake3::hash(&bytes).to_hex()[..16].to_owned());
        }
        Ok(Self { version: version.unwrap_or_else(|| "unknown".to_owned()), pages })
    }

    /// What became of this documentation's pages in `other`.
    pub fn changes_to(&self, other: &Self) -> PageChanges {
        let mut changes = PageChanges::default();
        for (id, hash) in &self.pages {
            match other.pages.get(id) {
                Some(found) if found == hash => changes.same += 1,
                Some(_) => changes.changed += 1,
                None => changes.missing += 1,
            }
        }
        changes.added = other.pages.keys().filter(|id| !self.pages.contains_key(*id)).count();
        changes
    }

    /// The manifest as a file: the version, then hash and id of each page,
    /// separated by tabs.
    pub fn to_tsv(&self) -> String {
        let pages = self.pages.iter().map(|(id, hash)| format!("{hash}\t{id}\n"));
        std::iter::once(format!("version\t{}\n", self.version)).chain(pages).collect()
    }

    fn parse(tsv: &str) -> Result<Self, RustDocsError> {
        let mut lines = tsv.lines().enumerate();
        let broken = |at: usize| RustDocsError::Manifest { line: at + 1 };
        let version = lines
            .next()
            .and_then(|(_, line)| line.strip_prefix("version\t"))
            .ok_or_else(|| broken(0))?
            .to_owned();
        let pages = lines
            .map(|(at, line)| {
                let (hash, id) = line.split_once('\t').ok_or_else(|| broken(at))?;
                Ok((DocumentId::new(id).map_err(|_| broken(at))?, hash.to_owned()))
            })
            .collect::<Result<_, RustDocsError>>()?;
        Ok(Self { version, pages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_as_it_is_written() {
        let manifest = PageManifest::of_questions().unwrap();
        assert!(manifest.pages.len() > 1_000, "{} pages", manifest.pages.len());
        assert_eq!(PageManifest::parse(&manifest.to_tsv()).unwrap(), manifest);
        assert!(matches!(
            PageManifest::parse("1.95.0\n"),
            Err(RustDocsError::Manifest { line: 1 })
        ));
        assert!(matches!(
            PageManifest::parse("version\t1\nx\n"),
            Err(RustDocsError::Manifest { line: 2 })
        ));
    }

    #[test]
    fn changes_are_counted_by_kind() {
        let manifest = |pages: &[(&str, &str)]| PageManifest {
            version: "1".to_owned(),
            pages: pages
                .iter()
                .map(|(id, hash)| (DocumentId::new(*id).unwrap(), (*hash).to_owned()))
                .collect(),
        };
        let old = manifest(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let new = manifest(&[("a", "1"), ("b", "9"), ("d", "4"), ("e", "5")]);
        assert_eq!(old.changes_to(&new), PageChanges { same: 1, changed: 1, missing: 1, added: 2 });
    }
}
