//! What is in the cache, and whether it is still what was fetched.

use std::fs;
use std::path::PathBuf;

use crate::cache::{Folder, StoredFile};
use crate::card::ModelCard;
use crate::catalog::catalog;
use crate::distilled::DESCRIPTION;
use crate::error::ModelError;
use crate::reranker::{RerankerCard, reranker_card, reranker_catalog};
use crate::store::Store;

pub use crate::cache::Origin;

/// A card, or a cached folder without one.
#[derive(Clone, Debug)]
pub struct ListedModel {
    /// The card's name, or the cache folder's.
    pub name: String,
    /// `None` for what was derived from a user's own directory.
    pub card: Option<&'static ModelCard>,
    /// `None` when nothing whole is in the cache.
    pub cached: Option<CachedFolder>,
}

/// A reranker's card.
#[derive(Clone, Debug)]
pub struct ListedReranker {
    /// The card.
    pub card: &'static RerankerCard,
    /// `None` when nothing whole is in the cache.
    pub cached: Option<CachedFolder>,
}

/// A folder of the cache.
#[derive(Clone, Debug)]
pub struct CachedFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Where its files were fetched from.
    pub source: String,
    /// Its files.
    pub files: Vec<CachedFile>,
}

impl CachedFolder {
    /// Whether it holds a static encoder.
    pub fn is_static_model(&self) -> bool {
        self.files.iter().any(|file| file.path == DESCRIPTION)
    }
}

/// A file of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedFile {
    /// Path in its folder, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// In lower-case hexadecimal.
    pub sha256: String,
    /// Who vouches for the hash.
    pub origin: Origin,
}

/// The outcome of hashing one file again.
#[derive(Debug)]
pub struct FileReport {
    /// The folder's name.
    pub folder: String,
    /// The file, as recorded.
    pub file: CachedFile,
    /// Whether its content still has the recorded hash.
    pub outcome: Result<(), ModelError>,
}

impl Store {
    /// All cards of encoders in the catalog's order, then what else is cached, by
    /// name.
    pub fn list(&self) -> Vec<ListedModel> {
        let models = self.settings().models();
        let cards = catalog().iter().map(|card| ListedModel {
            name: card.name.to_owned(),
            card: Some(card),
            cached: Folder::open(&models.join(card.name)).map(CachedFolder::from),
        });
        let others = folders(models.clone()).into_iter().filter_map(|name| {
            let is_encoder = catalog().iter().any(|card| card.name == name);
            let known = is_encoder || reranker_card(&name).is_some();
            let folder = (!known).then(|| Folder::open(&models.join(&name)))??;
            Some(ListedModel { name, card: None, cached: Some(folder.into()) })
        });
        cards.chain(others).collect()
    }

    /// All cards of rerankers, in the catalog's order.
    pub fn list_rerankers(&self) -> Vec<ListedReranker> {
        let models = self.settings().models();
        let cached = |card: &RerankerCard| Folder::open(&models.join(card.name));
        let cards = reranker_catalog().iter();
        cards.map(|card| ListedReranker { card, cached: cached(card).map(Into::into) }).collect()
    }

    /// The cached runtimes, by name.
    pub fn list_runtimes(&self) -> Vec<CachedFolder> {
        let runtimes = self.settings().runtimes();
        let open = |name| Folder::open(&runtimes.join(name)).map(CachedFolder::from);
        folders(runtimes.clone()).into_iter().filter_map(open).collect()
    }

    /// Hashes every file of the cache, or of one folder, against its record.
    /// Touches no network.
    ///
    /// # Errors
    /// [`ModelError::NotCached`] when there is nothing to verify. What is wrong
    /// with a file is in its report.
    pub fn verify(&self, name: Option<&str>) -> Result<Vec<FileReport>, ModelError> {
        let mut reports = Vec::new();
        for parent in [self.settings().models(), self.settings().runtimes()] {
            for folder_name in folders(parent.clone()) {
                if name.is_some_and(|name| !name.eq_ignore_ascii_case(&folder_name)) {
                    continue;
                }
                let Some(folder) = Folder::open_unchecked(&parent.join(&folder_name)) else {
                    continue;
                };
                reports.extend(folder.manifest.files.iter().map(|file| FileReport {
                    folder: folder_name.clone(),
                    file: file.into(),
                    outcome: folder.verify(file),
                }));
            }
        }
        if reports.is_empty() {
            return Err(ModelError::NotCached { what: name.unwrap_or("any model").to_owned() });
        }
        Ok(reports)
    }
}

impl From<Folder> for CachedFolder {
    fn from(folder: Folder) -> Self {
        Self {
            path: folder.path,
            source: folder.manifest.source,
            files: folder.manifest.files.iter().map(CachedFile::from).collect(),
        }
    }
}

impl From<&StoredFile> for CachedFile {
    fn from(file: &StoredFile) -> Self {
        Self {
            path: file.path.clone(),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
            origin: file.origin,
        }
    }
}

/// Names of the visible folders in a directory, sorted; none when it is absent.
fn folders(parent: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}
