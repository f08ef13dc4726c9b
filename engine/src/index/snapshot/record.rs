//! `snapshot.json`: what a snapshot holds, with a hash of every file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::SnapshotError;
use crate::index::{EncoderIdentity, files};

/// File name inside the snapshot's folder.
pub(super) const FILE_NAME: &str = "snapshot.json";

const FORMAT_VERSION: u32 = 1;

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInfo {
    /// Version of this record.
    pub format: u32,
    /// Version of the program that made it.
    pub program: String,
    /// When it was made: seconds since 1970.
    pub created: u64,
    /// The commit it is a copy of.
    pub generation: u64,
    /// Documents with a text of their own.
    pub documents: usize,
    /// Live chunks.
    pub chunks: usize,
    /// Whose vectors it holds.
    pub encoder: EncoderIdentity,
    /// Bytes of all files.
    pub bytes: u64,
    /// Every file, by path.
    pub files: Vec<SnapshotFile>,
}

/// One file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFile {
    /// Where it is below the index's folder, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its BLAKE3 hash, in hexadecimal. Not a checksum of 32 bits as in the index: a
    /// snapshot travels, and is to prove that it arrived.
    pub blake3: String,
}

/// The record with its own hash, as the file holds it.
#[derive(Serialize, Deserialize)]
struct Envelope {
    blake3: String,
    snapshot: SnapshotInfo,
}

impl SnapshotInfo {
    /// The version of records made here.
    pub(super) const FORMAT: u32 = FORMAT_VERSION;

    pub(super) fn write(&self, dir: &Path) -> Result<(), SnapshotError> {
        let envelope = Envelope { blake3: self.hash(), snapshot: self.clone() };
        let bytes = serde_json::to_vec_pretty(&envelope).expect("plain data serialises");
        let path = dir.join(FILE_NAME);
        files::write_atomic(&path, &bytes).map_err(|error| SnapshotError::Index(error.into()))
    }

    /// Reads the record of the snapshot at `dir`; its files are not looked at.
    pub(super) fn read(dir: &Path) -> Result<Self, SnapshotError> {
        let path = dir.join(FILE_NAME);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(SnapshotError::NoSnapshot { dir: dir.to_owned() });
            }
            Err(source) => return Err(SnapshotError::Io { path, source }),
        };
        let value: serde_json::Value = serde_json::from_slice(&bytes)
            .map_err(|_| SnapshotError::damaged(&path, "it is not JSON"))?;
        // First, so that another format is named as such and not as damage.
        let format = value["snapshot"]["format"].as_u64();
        if let Some(found) = format.filter(|&found| found != u64::from(FORMAT_VERSION)) {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(SnapshotError::Version { path, found, supported: FORMAT_VERSION });
        }
        let Envelope { blake3, snapshot } = serde_json::from_value(value)
            .map_err(|error| SnapshotError::damaged(&path, error.to_string()))?;
        if snapshot.hash() != blake3 {
            return Err(SnapshotError::damaged(&path, "its hash does not match"));
        }
        Ok(snapshot)
    }

    fn hash(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("plain data serialises");
        blake3::hash(&bytes).to_hex().to_string()
    }
}
