//! The BERT encoder as 8-bit weights for a forward pass that is no graph.
//!
//! One safetensors file; [`LAYOUT`] of its one metadata entry and the tensors'
//! names are a contract with whoever runs it:
//!
//! - `embeddings.words` and `embeddings.positions` f32 `[rows, h]`, the row of
//!   token type 0 added to each position;
//! - `NAME.weight` i8 `[outputs, inputs]`, `NAME.scales` and `NAME.bias` f32
//!   `[outputs]`, for `NAME` in `layer.N.qkv` (query, key and value one after
//!   the other), `layer.N.attended`, `layer.N.widen`, `layer.N.narrow`;
//! - `NAME.gamma` and `NAME.beta` f32 `[h]`, for `NAME` in `embeddings.norm`,
//!   `layer.N.attended.norm`, `layer.N.narrow.norm`;
//! - in models of pairs `embeddings.second_type` f32 `[h]`, what the row of token
//!   type 1 has more than that of type 0, `head.weight` f32 `[h]`, `head.bias` f32
//!   `[1]`, and perhaps `pooler.weight` f32 `[h, h]` and `pooler.bias` f32 `[h]`.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Serialize;

use super::quantize::quantize_columns;
use super::weights::Weights;
use super::{BertConfig, Checkpoint, ConvertError, Delta};

/// Name of the file's metadata entry.
const LAYOUT: &str = "bert-int8";

/// Counts changes of the layout and of the arithmetic it is meant for. It
/// stands in the file's name, in the file, and in an encoder's fingerprint.
pub(crate) const WEIGHTS_VERSION: u32 = 1;

/// Tokens and their components come in whole tiles of this many.
const TILE: usize = 32;
/// Longest text whose attention fits 32-bit sums.
const MAX_TOKENS: usize = 2048;
/// Longest row whose products fit 32-bit sums.
const MAX_INPUTS: usize = i32::MAX as usize / (255 * 127);

/// The metadata entry, as JSON. One entry and not one for each field: the
/// container's entries have no order, and the same checkpoint must give the
/// same bytes.
#[derive(Serialize)]
struct Header {
    version: u32,
    heads: usize,
    norm_epsilon: f32,
    /// CRC-32 of all tensors' bytes in the order of their names.
    crc32: u32,
}

/// Whether a model can be run from such a file. What cannot is run as a graph:
/// sizes that are no whole tiles, texts beyond [`MAX_TOKENS`] tokens, and
/// layers after pooling.
pub(crate) fn fits(checkpoint: &Checkpoint, max_tokens: usize) -> bool {
    checkpoint.head.is_none() && fits_config(&checkpoint.config, max_tokens)
}

/// As [`fits`], for a model of pairs.
pub(crate) fn fits_config(config: &BertConfig, max_tokens: usize) -> bool {
    let BertConfig { hidden, intermediate, .. } = *config;
    hidden.is_multiple_of(TILE)
        && max_tokens <= MAX_TOKENS
        && hidden.max(intermediate) <= MAX_INPUTS
}

/// Writes the file.
///
/// # Errors
/// [`ConvertError`]; what was written must then be thrown away.
pub(crate) fn write(checkpoint: &Checkpoint, out: impl Write) -> Result<(), ConvertError> {
    let bytes = super::read(&checkpoint.weights_path)?;
    let weights = Weights::parse(&bytes, &checkpoint.weights_path)?;
    let mut draft = Draft { weights: &weights, tensors: Vec::new() };
    draft.encoder(&checkpoint.config)?;
    finish(draft.tensors, &checkpoint.config, out)
}

/// What makes a score of a pair's token vectors.
#[derive(Clone, Copy)]
pub(crate) enum PairHead<'a> {
    /// The checkpoint's own pooler and classifier of one class.
    Classifier,
    /// The head of a delta, over the mean; its changes are added to the weights.
    Delta(&'a Delta<'a>),
}

/// Writes a model of pairs: an encoder's file with the row that tells the second
/// text from the first, and a head.
///
/// # Errors
/// As [`write`]; [`ConvertError::DeltaTensor`] for a delta that does not fit.
pub(crate) fn write_pairs(
    checkpoint: &Path,
    config: &BertConfig,
    head: PairHead<'_>,
    out: impl Write,
) -> Result<(), ConvertError> {
    let bytes = super::read(checkpoint)?;
    let weights = Weights::parse(&bytes, checkpoint)?;
    let weights = match head {
        PairHead::Classifier => weights,
        PairHead::Delta(delta) => weights.with_delta(delta),
    };
    let mut draft = Draft { weights: &weights, tensors: Vec::new() };
    draft.encoder(config)?;
    draft.second_type(config)?;
    draft.head(config.hidden, head)?;
    if let PairHead::Delta(delta) = head {
        delta.check_applied()?;
    }
    finish(draft.tensors, config, out)
}

fn finish(
    mut tensors: Vec<Tensor>,
    config: &BertConfig,
    mut out: impl Write,
) -> Result<(), ConvertError> {
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hasher = crc32fast::Hasher::new();
    for tensor in &tensors {
        hasher.update(&tensor.data);
    }
    let header = Header {
        version: WEIGHTS_VERSION,
        heads: config.heads,
        norm_epsilon: config.norm_epsilon,
        crc32: hasher.finalize(),
    };
    let header =
        serde_json::to_string(&header).map_err(|error| ConvertError::Write(error.into()))?;
    let views: Vec<(&str, TensorView<'_>)> = tensors
        .iter()
        .map(|Tensor { name, dtype, shape, data }| {
            TensorView::new(*dtype, shape.clone(), data).map(|view| (name.as_str(), view))
        })
        .collect::<Result<_, _>>()
        .map_err(written)?;
    let entries = HashMap::from([(LAYOUT.to_owned(), header)]);
    let file = safetensors::serialize(views, Some(entries)).map_err(written)?;
    out.write_all(&file).and_then(|()| out.flush()).map_err(ConvertError::Write)
}

fn written(error: safetensors::SafeTensorError) -> ConvertError {
    ConvertError::Write(std::io::Error::other(error))
}

/// A tensor to be written.
struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

struct Draft<'a, 'w> {
    weights: &'a Weights<'w>,
    tensors: Vec<Tensor>,
}

impl Draft<'_, '_> {
    fn encoder(&mut self, config: &BertConfig) -> Result<(), ConvertError> {
        let BertConfig { hidden, intermediate, vocabulary, positions, token_types, .. } = *config;
        let key = |part: &str| format!("embeddings.{part}_embeddings.weight");
        let words = self.weights.tensor(&key("word"), &[vocabulary, hidden])?;
        self.floats("embeddings.words", &[vocabulary, hidden], &words);
        let mut rows = self.weights.tensor(&key("position"), &[positions, hidden])?;
        let types = self.weights.tensor(&key("token_type"), &[token_types, hidden])?;
        for row in rows.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&types).for_each(|(value, kind)| *value += kind);
        }
        self.floats("embeddings.positions", &[positions, hidden], &rows);
        self.norm("embeddings.LayerNorm", "embeddings.norm", hidden)?;
        for layer in 0..config.layers {
            let from = |part: &str| format!("encoder.layer.{layer}.{part}");
            let to = |part: &str| format!("layer.{layer}.{part}");
            let parts =
                ["query", "key", "value"].map(|part| from(&format!("attention.self.{part}")));
            self.linear(&parts, &to("qkv"), [hidden, hidden])?;
            self.linear(&[from("attention.output.dense")], &to("attended"), [hidden, hidden])?;
            self.norm(&from("attention.output.LayerNorm"), &to("attended.norm"), hidden)?;
            self.linear(&[from("intermediate.dense")], &to("widen"), [intermediate, hidden])?;
            self.linear(&[from("output.dense")], &to("narrow"), [hidden, intermediate])?;
            self.norm(&from("output.LayerNorm"), &to("narrow.norm"), hidden)?;
        }
        Ok(())
    }

    /// The row of token type 1 less that of type 0, which the positions carry.
    fn second_type(&mut self, config: &BertConfig) -> Result<(), ConvertError> {
        let BertConfig { hidden, token_types, .. } = *config;
        let key = "embeddings.token_type_embeddings.weight";
        let types = self.weights.tensor(key, &[token_types, hidden])?;
        // A model of one type tells the texts apart by the separator alone.
        let difference: Vec<f32> = match types.chunks_exact(hidden).nth(1) {
            Some(second) => second.iter().zip(&types).map(|(b, a)| b - a).collect(),
            None => vec![0.0; hidden],
        };
        self.floats("embeddings.second_type", &[hidden], &difference);
        Ok(())
    }

    fn head(&mut self, hidden: usize, head: PairHead<'_>) -> Result<(), ConvertError> {
        let (weight, bias) = match head {
            PairHead::Delta(delta) => delta.head(hidden)?,
            PairHead::Classifier => {
                let pooler = self.weights.tensor("pooler.dense.weight", &[hidden, hidden])?;
                self.floats("pooler.weight", &[hidden, hidden], &pooler);
                let bias = self.weights.tensor("pooler.dense.bias", &[hidden])?;
                self.floats("pooler.bias", &[hidden], &bias);
                let weight = self.weights.tensor("classifier.weight", &[1, hidden])?;
                (weight, self.weights.tensor("classifier.bias", &[1])?[0])
            }
        };
        self.floats("head.weight", &[hidden], &weight);
        self.floats("head.bias", &[1], &[bias]);
        Ok(())
    }

    /// Linear layers of the same input, `[outputs, inputs]` each, as one.
    fn linear(
        &mut self,
        keys: &[String],
        name: &str,
        [outputs, inputs]: [usize; 2],
    ) -> Result<(), ConvertError> {
        let (mut values, mut scales, mut bias) = (Vec::new(), Vec::new(), Vec::new());
        for key in keys {
            let name = format!("{key}.weight");
            let matrix = self.weights.tensor(&name, &[outputs, inputs])?;
            for row in matrix.chunks_exact(inputs) {
                // A row by itself is a matrix of one column.
                let quantized = quantize_columns(&name, row, 1)?;
                values.extend(quantized.values.iter().map(|&value| value as u8));
                scales.extend(quantized.scales);
            }
            bias.extend(self.weights.tensor(&format!("{key}.bias"), &[outputs])?);
        }
        let outputs = scales.len();
        self.tensors.push(Tensor {
            name: format!("{name}.weight"),
            dtype: Dtype::I8,
            shape: vec![outputs, inputs],
            data: values,
        });
        self.floats(&format!("{name}.scales"), &[outputs], &scales);
        self.floats(&format!("{name}.bias"), &[outputs], &bias);
        Ok(())
    }

    fn norm(&mut self, key: &str, name: &str, hidden: usize) -> Result<(), ConvertError> {
        for (from, to) in [("weight", "gamma"), ("bias", "beta")] {
            let values = self.weights.tensor(&format!("{key}.{from}"), &[hidden])?;
            self.floats(&format!("{name}.{to}"), &[hidden], &values);
        }
        Ok(())
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        self.tensors.push(Tensor {
            name: name.to_owned(),
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;
    use crate::graph::tests::{CONFIG, write_checkpoint};

    fn checkpoint(directory: &Path) -> Checkpoint {
        let weights_path = directory.join("model.safetensors");
        write_checkpoint(&weights_path);
        let config = BertConfig::parse(CONFIG.as_bytes(), Path::new("config.json")).unwrap();
        Checkpoint { weights_path, config, head: None }
    }

    #[test]
    fn the_file_holds_the_checkpoint_in_eight_bits() {
        let directory = tempfile::tempdir().unwrap();
        let checkpoint = checkpoint(directory.path());
        let (mut file, mut again) = (Vec::new(), Vec::new());
        write(&checkpoint, &mut file).unwrap();
        write(&checkpoint, &mut again).unwrap();
        assert_eq!(file, again, "the same checkpoint gives the same bytes");

        let tensors = SafeTensors::deserialize(&file).unwrap();
        let floats = |name: &str| -> Vec<f32> {
            let data = tensors.tensor(name).unwrap().data();
            data.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect()
        };
        let bytes = std::fs::read(&checkpoint.weights_path).unwrap();
        let source = Weights::parse(&bytes, &checkpoint.weights_path).unwrap();
        let key = |part: &str| format!("encoder.layer.1.attention.self.{part}.weight");
        // Keys come second of the three in one matrix of 24 outputs.
        let matrix = tensors.tensor("layer.1.qkv.weight").unwrap();
        assert_eq!((matrix.dtype(), matrix.shape()), (Dtype::I8, &[24, 8][..]));
        let scales = floats("layer.1.qkv.scales");
        let stored = source.tensor(&key("key"), &[8, 8]).unwrap();
        for (at, weight) in stored.iter().enumerate() {
            let output = 8 + at / 8;
            let found = f32::from(matrix.data()[8 * 8 + at] as i8) * scales[output];
            assert!((found - weight).abs() <= 0.5001 * scales[output], "{at}: {found} {weight}");
        }
        let positions = source.tensor("embeddings.position_embeddings.weight", &[16, 8]).unwrap();
        let types = source.tensor("embeddings.token_type_embeddings.weight", &[2, 8]).unwrap();
        assert_eq!(floats("embeddings.positions")[9], positions[9] + types[1]);
        assert_eq!(tensors.tensor("layer.0.widen.weight").unwrap().shape(), [12, 8]);
        assert_eq!(tensors.tensor("layer.0.narrow.weight").unwrap().shape(), [8, 12]);

        let (_, metadata) = SafeTensors::read_metadata(&file).unwrap();
        let header = &metadata.metadata().as_ref().unwrap()[LAYOUT];
        assert!(header.contains(r#""version":1,"heads":2"#), "{header}");
    }

    #[test]
    fn what_does_not_fit_is_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let mut checkpoint = checkpoint(directory.path());
        assert!(!fits(&checkpoint, 16), "8 components are no whole tile");
        checkpoint.config.hidden = 384;
        assert!(fits(&checkpoint, 512));
        assert!(!fits(&checkpoint, 4096), "sums of so long a text overflow");
        checkpoint.config.intermediate = 1 << 20;
        assert!(!fits(&checkpoint, 512), "sums of so wide a layer overflow");
    }
}
