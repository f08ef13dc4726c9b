//! Evaluation indexes, kept between runs and never stale.
//!
//! An index lies in a folder named by its key, which covers everything it is
//! made from: the documents as readers gave them, the recipe, and a probe of
//! what the recipe's components do. It is built beside its place and renamed
//! when complete, under a lock, so two processes build it once and a crash
//! leaves nothing that could be taken for an index. Indexes of other keys stay;
//! the whole folder may be deleted at any time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Index, OpenOptions, Verify};

use crate::error::EvalError;
use crate::fingerprint::Fingerprint;
use crate::indexing::{IndexingRecord, Recipe};
use crate::probe::probe;

const INDEX: &str = "index";
/// Named anew with every change of its fields or of the index's format, so that
/// an older one is no record.
const RECORD: &str = "indexing-3.json";

/// Whether an index from an earlier run may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Yes, if its key is the same.
    Allowed,
    /// No: it is built again.
    Never,
}

/// A folder of evaluation indexes.
#[derive(Clone, Debug)]
pub struct IndexCache {
    dir: PathBuf,
}

/// An index for an evaluation.
#[derive(Debug)]
pub struct CachedIndex {
    /// The index, opened with the recipe's encoder.
    pub index: Index,
    /// What building it did, now or then.
    pub record: IndexingRecord,
    /// What it was made from.
    pub fingerprint: Fingerprint,
}

impl IndexCache {
    /// The cache in `dir`; created when needed.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// What the index of a corpus by a recipe is made from.
    ///
    /// # Arguments
    /// * `corpus` - a digest of everything that is indexed.
    ///
    /// # Errors
    /// As for [`probe`].
    pub fn fingerprint(recipe: &Recipe, corpus: &str) -> Result<Fingerprint, EvalError> {
        Ok(Fingerprint::new()
            .with("corpus", corpus)
            .with("chunker", recipe.chunker.to_string())
            .with("encoder", recipe.encoder.fingerprint())
            .with("vectors", recipe.vectors.to_string())
            .with("probe", probe(recipe)?))
    }

    /// Opens the index with this fingerprint, building it when it is not there.
    ///
    /// # Arguments
    /// * `name` - starts the folder's name, for people.
    /// * `build` - fills the folder it is given with an index.
    ///
    /// # Errors
    /// [`EvalError::Io`], [`EvalError::Index`], and whatever `build` returns;
    /// no index is left then.
    pub fn open_or_build(
        &self,
        (name, fingerprint): (&str, Fingerprint),
        recipe: &Recipe,
        reuse: Reuse,
        build: impl FnOnce(&Path) -> Result<IndexingRecord, EvalError>,
    ) -> Result<CachedIndex, EvalError> {
        fs::create_dir_all(&self.dir).map_err(EvalError::io(&self.dir))?;
        let folder_name = format!("{}-{}", file_name(name), fingerprint.digest());
        let folder = self.dir.join(&folder_name);
        let _lock = lock(&self.dir.join(format!("{folder_name}.lock")))?;
        if reuse == Reuse::Never {
            remove_folder(&folder)?;
        }
        if !folder.join(RECORD).is_file() {
            let building = self.dir.join(format!("{folder_name}.building"));
            // Of a run that was killed: whoever holds the lock owns it.
            remove_folder(&building)?;
            remove_folder(&folder)?;
            fs::create_dir_all(&building).map_err(EvalError::io(&building))?;
            let record = build(&building.join(INDEX))?;
            let path = building.join(RECORD);
            let json = serde_json::to_vec_pretty(&record).map_err(|error| EvalError::Format {
                path: path.clone(),
                reason: error.to_string(),
            })?;
            fs::write(&path, json).map_err(EvalError::io(&path))?;
            fs::rename(&building, &folder).map_err(EvalError::io(&folder))?;
        }
        let path = folder.join(RECORD);
        let record = fs::read(&path).map_err(EvalError::io(&path))?;
        let record = serde_json::from_slice(&record)
            .map_err(|error| EvalError::Format { path, reason: error.to_string() })?;
        let options =
            OpenOptions { encoder: Some(Arc::clone(&recipe.encoder)), verify: Verify::Auto };
        Ok(CachedIndex { index: Index::open(&folder.join(INDEX), options)?, record, fingerprint })
    }
}

/// Waits for the lock; it is released when the file is closed, also by a crash.
fn lock(path: &Path) -> Result<File, EvalError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(EvalError::io(path))?;
    file.lock().map_err(EvalError::io(path))?;
    Ok(file)
}

fn remove_folder(folder: &Path) -> Result<(), EvalError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(EvalError::io(folder)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// `name` with everything replaced that a file system might object to.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    name.chars().take(40).map(safe).collect()
}

/// What the figures of a run file depend on.
///
/// # Errors
/// [`EvalError::Io`].
pub fn score_fingerprint(qrels: &Path, run: &Path) -> Result<Fingerprint, EvalError> {
    Ok(Fingerprint::new().with("qrels", hash_file(qrels)?).with("run", hash_file(run)?))
}

/// The hash of a file's bytes, in hexadecimal.
///
/// # Errors
/// [`EvalError::Io`].
fn hash_file(path: &Path) -> Result<String, EvalError> {
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(path).map_err(EvalError::io(path))?;
    hasher.update_reader(&mut file).map_err(EvalError::io(path))?;
    Ok(hasher.finalize().to_hex().to_string())
}
