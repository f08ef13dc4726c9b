//! Reads a BERT encoder's 8-bit weights from a safetensors file.
//!
//! Safetensors and not a container of our own: the file is written by a crate
//! that does not know this one, and anything that reads safetensors can look
//! into it. Tensors, all row-major, `h` components of a token, `f` of the
//! feed-forward network:
//!
//! - `embeddings.words` f32 `[vocabulary, h]`, read in place; `embeddings.positions`
//!   f32 `[positions, h]`, the row of token type 0 added to each;
//! - `NAME.weight` i8 `[outputs, inputs]`, `NAME.scales` and `NAME.bias` f32
//!   `[outputs]`, for `NAME` in `layer.N.qkv` (`3h, h`; query, key, value),
//!   `layer.N.attended` (`h, h`), `layer.N.widen` (`f, h`), `layer.N.narrow`
//!   (`h, f`);
//! - `NAME.gamma` and `NAME.beta` f32 `[h]`, for `NAME` in `embeddings.norm`,
//!   `layer.N.attended.norm`, `layer.N.narrow.norm`.
//!
//! Models that score pairs have further ones, which an encoder does not read:
//! `embeddings.second_type` f32 `[h]`, the row of token type 1 less that of type 0;
//! `head.weight` f32 `[h]` and `head.bias` f32 `[1]`; and, where the checkpoint has
//! a pooler, `pooler.weight` f32 `[h, h]` and `pooler.bias` f32 `[h]`.
//!
//! The file's one metadata entry, [`KEY`], is a JSON object: see [`Header`].

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::attention::{HeadShape, MAX_TOKENS};
use super::forward::{Encoder, Layer};
use super::head::{Pooler, ScoreHead};
use super::kernels::{LANES, MAX_BYTES, Norm};
use super::matrix::{Linear, Stored};
use crate::segment_file;

/// Name of the metadata entry.
const KEY: &str = "bert-int8";

/// The version this build reads. It counts changes of the layout and of the
/// arithmetic alike, so that vectors of two versions never meet in an index:
/// whoever writes these files puts it into the encoder's fingerprint.
const VERSION: u32 = 1;

/// What the shapes of the tensors do not say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    heads: usize,
    /// Added to a variance before its root is taken.
    norm_epsilon: f32,
    /// CRC-32 of all tensors' bytes in the order of their names.
    crc32: u32,
}

/// A model ready to run.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) encoder: Encoder,
    words: Words,
    /// `[positions, hidden]`.
    positions: Vec<f32>,
    /// `[hidden]`; `None` in models of single texts.
    second_type: Option<Vec<f32>>,
    /// `None` in models of single texts.
    pub(super) head: Option<ScoreHead>,
}

/// The word embeddings, left in the mapped file: a text touches few of them.
#[derive(Debug)]
struct Words {
    map: Mmap,
    /// Of the first row.
    start: usize,
    vocabulary: usize,
}

/// Why a weights file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum WeightsError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is no whole safetensors file: {0}")]
    Container(#[from] safetensors::SafeTensorError),
    #[error("it has no metadata entry `{KEY}`")]
    NoHeader,
    #[error("its metadata entry `{KEY}` is damaged: {0}")]
    Header(#[from] serde_json::Error),
    #[error("it is of version {0}, and this build reads version {VERSION}")]
    Version(u32),
    #[error("its checksum is {found:08x} and should be {stored:08x}")]
    Checksum { stored: u32, found: u32 },
    #[error("tensor `{name}` is {found:?} {shape:?} and should be {wanted}")]
    Tensor { name: String, found: Dtype, shape: Vec<usize>, wanted: String },
    #[error("{0}")]
    Sizes(String),
}

/// A token that the model does not know, or has no room for.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error("token {id} is none of the model's {vocabulary}; its tokenizer is another model's")]
    Unknown { id: i64, vocabulary: usize },
    #[error("the text is longer than the model's {positions} positions")]
    Position { positions: usize },
    #[error("the model reads single texts and knows no second token type")]
    NoSecondType,
}

impl Model {
    /// Maps a file, checks all of it and packs its matrices.
    pub(super) fn open(path: &Path) -> Result<Self, WeightsError> {
        let map = segment_file::map(&File::open(path)?)?;
        let (header_bytes, metadata) = SafeTensors::read_metadata(&map)?;
        let tensors = Tensors(SafeTensors::deserialize(&map)?);
        let entries = metadata.metadata().as_ref();
        let header = entries.and_then(|entries| entries.get(KEY)).ok_or(WeightsError::NoHeader)?;
        let header: Header = serde_json::from_str(header)?;
        if header.version != VERSION {
            return Err(WeightsError::Version(header.version));
        }
        let found = tensors.checksum();
        if found != header.crc32 {
            return Err(WeightsError::Checksum { stored: header.crc32, found });
        }
        let &[vocabulary, hidden] = tensors.shape("embeddings.words")?.as_slice() else {
            return Err(tensors.wrong("embeddings.words", "f32 [vocabulary, hidden]"));
        };
        let heads = header.heads;
        if hidden == 0
            || heads == 0
            || !hidden.is_multiple_of(heads)
            || !hidden.is_multiple_of(LANES)
        {
            return Err(WeightsError::Sizes(format!(
                "{hidden} components in {heads} heads; they must be a multiple of both {LANES} \
                 and the number of heads"
            )));
        }
        let encoder = tensors.encoder(&header, hidden)?;
        let &[positions, _] = tensors.shape("embeddings.positions")?.as_slice() else {
            return Err(tensors.wrong("embeddings.positions", "f32 [positions, hidden]"));
        };
        let positions = tensors.floats("embeddings.positions", &[positions, hidden])?.to_vec();
        // Read for its checks: the rows are then used where they lie.
        tensors.floats("embeddings.words", &[vocabulary, hidden])?;
        let words = metadata.info("embeddings.words").map_or(0, |info| info.data_offsets.0);
        let start = size_of::<u64>() + header_bytes + words;
        let second_type = tensors.optional_floats("embeddings.second_type", &[hidden])?;
        let head = tensors.head(hidden)?;
        let words = Words { map, start, vocabulary };
        Ok(Self { encoder, words, positions, second_type, head })
    }

    /// Components of a token.
    pub(super) fn hidden(&self) -> usize {
        let HeadShape { heads, width } = self.encoder.shape;
        heads * width
    }

    /// Longest text in tokens.
    pub(super) fn max_tokens(&self) -> usize {
        (self.positions.len() / self.hidden()).min(MAX_TOKENS)
    }

    /// Writes a token's word and position embeddings, summed, to `row`.
    pub(super) fn embed(
        &self,
        id: i64,
        position: usize,
        row: &mut [f32],
    ) -> Result<(), TokenError> {
        let hidden = self.hidden();
        let positions = self.max_tokens();
        let vocabulary = self.words.vocabulary;
        let index = usize::try_from(id).ok().filter(|&index| index < vocabulary);
        let index = index.ok_or(TokenError::Unknown { id, vocabulary })?;
        if position >= positions {
            return Err(TokenError::Position { positions });
        }
        let bytes = hidden * size_of::<f32>();
        let start = self.words.start + index * bytes;
        let word: &[f32] = bytemuck::cast_slice(&self.words.map[start..start + bytes]);
        let position = &self.positions[position * hidden..(position + 1) * hidden];
        for ((sum, word), position) in row.iter_mut().zip(word).zip(position) {
            *sum = word + position;
        }
        Ok(())
    }

    /// Makes of a token's embeddings those of a token of the second type.
    pub(super) fn add_second_type(&self, row: &mut [f32]) -> Result<(), TokenError> {
        let difference = self.second_type.as_ref().ok_or(TokenError::NoSecondType)?;
        row.iter_mut().zip(difference).for_each(|(sum, difference)| *sum += difference);
        Ok(())
    }
}

/// A file's tensors by name, checked when read.
struct Tensors<'a>(SafeTensors<'a>);

impl<'a> Tensors<'a> {
    fn checksum(&self) -> u32 {
        let mut names = self.0.names();
        names.sort_unstable();
        let mut hasher = crc32fast::Hasher::new();
        for tensor in names.iter().filter_map(|name| self.0.tensor(name).ok()) {
            hasher.update(tensor.data());
        }
        hasher.finalize()
    }

    fn shape(&self, name: &str) -> Result<Vec<usize>, WeightsError> {
        Ok(self.0.tensor(name)?.shape().to_vec())
    }

    fn wrong(&self, name: &str, wanted: &str) -> WeightsError {
        let Ok(tensor) = self.0.tensor(name) else {
            return WeightsError::Sizes(format!("tensor `{name}` is missing"));
        };
        WeightsError::Tensor {
            name: name.to_owned(),
            found: tensor.dtype(),
            shape: tensor.shape().to_vec(),
            wanted: wanted.to_owned(),
        }
    }

    fn data(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&'a [u8], WeightsError> {
        let tensor = self.0.tensor(name)?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            return Err(self.wrong(name, &format!("{dtype:?} {shape:?}")));
        }
        Ok(tensor.data())
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<&'a [f32], WeightsError> {
        let data = self.data(name, Dtype::F32, shape)?;
        bytemuck::try_cast_slice(data)
            .map_err(|_| self.wrong(name, "at a multiple of four bytes in the file"))
    }

    /// As [`Tensors::floats`]; `None` when there is no tensor of this name.
    fn optional_floats(
        &self,
        name: &str,
        shape: &[usize],
    ) -> Result<Option<Vec<f32>>, WeightsError> {
        if self.0.tensor(name).is_err() {
            return Ok(None);
        }
        self.floats(name, shape).map(|values| Some(values.to_vec()))
    }

    /// What follows the layers; `None` in models of single texts.
    fn head(&self, hidden: usize) -> Result<Option<ScoreHead>, WeightsError> {
        let Some(weights) = self.optional_floats("head.weight", &[hidden])? else {
            return Ok(None);
        };
        let pooler = match self.optional_floats("pooler.weight", &[hidden, hidden])? {
            Some(weights) => {
                Some(Pooler { weights, bias: self.floats("pooler.bias", &[hidden])?.to_vec() })
            }
            None => None,
        };
        Ok(Some(ScoreHead { pooler, weights, bias: self.floats("head.bias", &[1])?[0] }))
    }

    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> Result<Linear, WeightsError> {
        if inputs > MAX_BYTES {
            let reason = format!("`{name}` has {inputs} inputs; at most {MAX_BYTES} can be summed");
            return Err(WeightsError::Sizes(reason));
        }
        let weights = self.data(&format!("{name}.weight"), Dtype::I8, &[outputs, inputs])?;
        Ok(Linear::pack(&Stored {
            inputs,
            weights: bytemuck::cast_slice(weights),
            scales: self.floats(&format!("{name}.scales"), &[outputs])?,
            bias: self.floats(&format!("{name}.bias"), &[outputs])?,
        }))
    }

    fn norm(&self, name: &str, hidden: usize, epsilon: f32) -> Result<Norm, WeightsError> {
        Ok(Norm {
            gamma: self.floats(&format!("{name}.gamma"), &[hidden])?.to_vec(),
            beta: self.floats(&format!("{name}.beta"), &[hidden])?.to_vec(),
            epsilon,
        })
    }

    fn encoder(&self, header: &Header, hidden: usize) -> Result<Encoder, WeightsError> {
        let epsilon = header.norm_epsilon;
        let mut layers = Vec::new();
        while self.0.tensor(&format!("layer.{}.qkv.weight", layers.len())).is_ok() {
            let name = |part: &str| format!("layer.{}.{part}", layers.len());
            let wide = self.shape(&name("widen.scales"))?.first().copied().unwrap_or(0);
            layers.push(Layer {
                qkv: self.linear(&name("qkv"), 3 * hidden, hidden)?,
                attended: self.linear(&name("attended"), hidden, hidden)?,
                attended_norm: self.norm(&name("attended.norm"), hidden, epsilon)?,
                widen: self.linear(&name("widen"), wide, hidden)?,
                narrow: self.linear(&name("narrow"), hidden, wide)?,
                narrow_norm: self.norm(&name("narrow.norm"), hidden, epsilon)?,
            });
        }
        if layers.is_empty() {
            return Err(WeightsError::Sizes("it has no layers".to_owned()));
        }
        Ok(Encoder {
            shape: HeadShape { heads: header.heads, width: hidden / header.heads },
            embedding_norm: self.norm("embeddings.norm", hidden, epsilon)?,
            layers,
        })
    }
}
