//! The manifest: what an index is, fixed when it is created.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::IndexError;
use super::files;
use crate::dense::{GraphParams, VectorLayout};
use crate::encoder::Encoder;
use crate::error::SegmentError;
use crate::lexical::LexicalOptions;

/// File name inside the index folder. An index exists iff this file does: it
/// is written last when one is created.
pub(super) const FILE_NAME: &str = "manifest.json";

/// The on-disk format this version reads and writes. 2: chunks have parents
/// (decision 0008). 3: vectors are kept in a form of choice (decision 0013).
const FORMAT_VERSION: u32 = 3;

/// Whose vectors an index holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderIdentity {
    /// For people: `all-MiniLM-L6-v2@int8`.
    pub name: String,
    /// For machines: must be equal for vectors to be comparable.
    pub fingerprint: String,
    /// Components of a vector.
    pub dim: usize,
}

impl EncoderIdentity {
    /// The identity of an encoder at hand.
    pub fn of(encoder: &dyn Encoder) -> Self {
        Self {
            name: encoder.name().to_owned(),
            fingerprint: encoder.fingerprint().to_owned(),
            dim: encoder.dim(),
        }
    }
}

/// What cannot change during an index's life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the folder's layout.
    pub format: u32,
    /// The encoder every vector comes from.
    pub encoder: EncoderIdentity,
    /// The chunker's canonical specification; the engine only keeps it.
    pub chunker: String,
    /// The lexical analysis.
    pub lexical: LexicalOptions,
    /// What is kept of each vector.
    pub vectors: VectorLayout,
    /// When and how vector segments carry a graph.
    pub graph: GraphParams,
}

/// The manifest with its checksum, as the file holds it.
#[derive(Serialize, Deserialize)]
struct Envelope {
    blake3: String,
    manifest: Manifest,
}

impl Manifest {
    /// A manifest of the current format.
    pub fn new(encoder: EncoderIdentity, chunker: impl Into<String>) -> Self {
        Self {
            format: FORMAT_VERSION,
            encoder,
            chunker: chunker.into(),
            lexical: LexicalOptions::default(),
            vectors: VectorLayout::default(),
            graph: GraphParams::default(),
        }
    }

    /// Components of the encoder's vectors and of the stored ones.
    ///
    /// # Errors
    /// [`IndexError::Dense`] when the layout does not fit the encoder.
    pub(super) fn dims(&self) -> Result<(usize, usize), IndexError> {
        let dim = self.encoder.dim;
        Ok((dim, self.vectors.stored_dim(dim)?))
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), IndexError> {
        let envelope = Envelope { blake3: self.checksum(), manifest: self.clone() };
        let bytes = serde_json::to_vec_pretty(&envelope).expect("plain data serialises");
        files::write_atomic(&dir.join(FILE_NAME), &bytes)?;
        Ok(())
    }

    /// Reads the manifest of the index at `dir`, to learn which encoder it needs
    /// before it is opened.
    ///
    /// # Errors
    /// [`IndexError::NoIndex`]; [`IndexError::Segment`] for a damaged file or
    /// one of another format.
    pub fn read(dir: &Path) -> Result<Self, IndexError> {
        let path = dir.join(FILE_NAME);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(IndexError::NoIndex { dir: dir.to_owned() });
            }
            Err(source) => return Err(SegmentError::Io { path, source }.into()),
        };
        // The version is read first, so that another format is named as such
        // and not as damage.
        let value: serde_json::Value = serde_json::from_slice(&bytes)
            .map_err(|_| SegmentError::damaged(&path, "it is not JSON"))?;
        let format = value["manifest"]["format"].as_u64();
        if let Some(found) = format.filter(|&found| found != u64::from(FORMAT_VERSION)) {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(SegmentError::Version { path, found, supported: FORMAT_VERSION }.into());
        }
        let envelope: Envelope = serde_json::from_value(value)
            .map_err(|error| SegmentError::damaged(&path, error.to_string()))?;
        if envelope.manifest.checksum() != envelope.blake3 {
            return Err(SegmentError::damaged(&path, "its checksum does not match").into());
        }
        Ok(envelope.manifest)
    }

    fn checksum(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("plain data serialises");
        blake3::hash(&bytes).to_hex().to_string()
    }
}
