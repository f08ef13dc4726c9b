//! Runs kept between calls: what makes a grid resumable.
//!
//! A run is found again by everything it depends on, the program itself
//! included: a rebuilt program never meets rankings that another one made.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::OnceLock;

use super::run::SystemRun;
use crate::error::EvalError;
use crate::fingerprint::Fingerprint;

/// A folder of runs.
#[derive(Clone, Debug)]
pub struct RunStore {
    dir: PathBuf,
}

impl RunStore {
    /// The store in `dir`; created when needed.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The run made under exactly this fingerprint; `None` when there is none,
    /// or none that can be read.
    pub(super) fn load(&self, fingerprint: &Fingerprint) -> Option<SystemRun> {
        let bytes = fs::read(self.path(fingerprint)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps a run.
    ///
    /// # Errors
    /// [`EvalError::Io`], [`EvalError::Format`].
    pub(super) fn save(&self, fingerprint: &Fingerprint, run: &SystemRun) -> Result<(), EvalError> {
        fs::create_dir_all(&self.dir).map_err(EvalError::io(&self.dir))?;
        let path = self.path(fingerprint);
        let json = serde_json::to_vec(run)
            .map_err(|error| EvalError::Format { path: path.clone(), reason: error.to_string() })?;
        // Whole or not at all: a run that is cut off would look like a short one.
        let mut file = tempfile::NamedTempFile::new_in(&self.dir).map_err(EvalError::io(&path))?;
        std::io::Write::write_all(&mut file, &json).map_err(EvalError::io(&path))?;
        file.persist(&path).map_err(|error| EvalError::io(&path)(error.error))?;
        Ok(())
    }

    fn path(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.dir.join(format!("{}.json", fingerprint.digest()))
    }
}

/// 16 hexadecimal digits of the program that is running.
///
/// # Errors
/// [`EvalError::Io`] when it cannot be read.
pub(super) fn program_digest() -> Result<String, EvalError> {
    static DIGEST: OnceLock<String> = OnceLock::new();
    if let Some(digest) = DIGEST.get() {
        return Ok(digest.clone());
    }
    let path = std::env::current_exe().map_err(EvalError::io("this program".as_ref()))?;
    let mut file = File::open(&path).map_err(EvalError::io(&path))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&mut file).map_err(EvalError::io(&path))?;
    let digest = hasher.finalize().to_hex()[..16].to_owned();
    Ok(DIGEST.get_or_init(|| digest).clone())
}
