//! From a checkpoint to an ONNX graph, fp32 or with 8-bit weights per channel,
//! or to those weights alone (`int8_weights`); and from any ONNX graph to the same
//! graph with 8-bit weights (`quantize_graph`).
//!
//! Done on the user's machine, once for each model and precision, so that no
//! binary sits in the repository and every weight's origin is the checkpoint's
//! hash. The same checkpoint, precision and [`CONVERTER_VERSION`] give the same
//! bytes. Where the architecture is not BERT's, the conversion refuses by name.

mod bert;
pub(crate) mod builder;
mod delta;
mod int8_weights;
pub(crate) mod proto;
mod quantize;
mod quantize_graph;
#[cfg(test)]
pub(crate) mod tests;
mod weights;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(crate) use bert::BertConfig;
pub(crate) use delta::Delta;
pub(crate) use int8_weights::{
    PairHead, WEIGHTS_VERSION, fits as fits_int8_weights, fits_config as fits_pair_weights,
    write as write_int8_weights, write_pairs as write_pair_weights,
};
pub(crate) use quantize::WeightCode;
pub(crate) use quantize_graph::quantize_graph;

use crate::card::Pooling;

/// Counts changes of the conversion that change a vector. It stands in the
/// graph's file name and thereby in an encoder's fingerprint.
pub(crate) const CONVERTER_VERSION: u32 = 1;

/// What a graph computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GraphPrecision {
    /// 32-bit floats.
    Fp32,
    /// 8-bit weights per column; 8-bit activations, scaled at run time.
    Int8(WeightCode),
}

impl GraphPrecision {
    /// The stem of the graph's files.
    pub(crate) fn stem(self) -> String {
        let precision = match self {
            Self::Fp32 => "fp32",
            Self::Int8(WeightCode::Signed) => "int8",
            Self::Int8(WeightCode::Offset) => "int8-offset",
        };
        format!("graph-{precision}-v{CONVERTER_VERSION}")
    }
}

/// What follows the encoder inside the graph, for models that project the
/// pooled vector: the engine then reads the output `sentence_embedding`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    /// How token vectors become one.
    pub(crate) pooling: Pooling,
    /// Applied in order to the pooled vector.
    pub(crate) dense: Vec<DenseLayer>,
}

/// A linear layer after pooling.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DenseLayer {
    /// A safetensors file with `linear.weight` and perhaps `linear.bias`.
    pub(crate) weights_path: PathBuf,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) bias: Bias,
    pub(crate) activation: Activation,
}

/// Whether a layer adds a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bias {
    Present,
    Absent,
}

/// What follows a dense layer's sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Identity,
    Tanh,
}

/// A checkpoint to convert.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    /// The safetensors file.
    pub(crate) weights_path: PathBuf,
    pub(crate) config: BertConfig,
    /// `None`: the engine pools the output `last_hidden_state`.
    pub(crate) head: Option<Head>,
}

/// Writes the graph's weights to `data` and returns the graph file's bytes.
///
/// # Arguments
/// * `data` - receives every tensor.
/// * `data_name` - the file name by which the graph will find them, in its own
///   folder.
///
/// # Errors
/// [`ConvertError`]; what was written to `data` must then be thrown away.
pub(crate) fn convert(
    checkpoint: &Checkpoint,
    precision: GraphPrecision,
    data: impl Write,
    data_name: &str,
) -> Result<Vec<u8>, ConvertError> {
    let mut builder = builder::GraphBuilder::new(data, data_name);
    let bytes = read(&checkpoint.weights_path)?;
    let weights = weights::Weights::parse(&bytes, &checkpoint.weights_path)?;
    bert::encoder(&mut builder, &weights, &checkpoint.config, precision)?;
    if let Some(head) = &checkpoint.head {
        bert::head(&mut builder, head, checkpoint.config.hidden)?;
    }
    let (graph, mut data) = builder.finish();
    data.flush().map_err(ConvertError::Write)?;
    Ok(graph)
}

fn read(path: &Path) -> Result<Vec<u8>, ConvertError> {
    fs::read(path).map_err(|source| ConvertError::Read { path: path.to_owned(), source })
}

/// Why a checkpoint could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The checkpoint could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The checkpoint.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The graph could not be written.
    #[error("cannot write the graph: {0}")]
    Write(#[source] io::Error),
    /// The file is no safetensors file, or is cut short.
    #[error("{} is not a whole safetensors file: {source}", path.display())]
    Safetensors {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// The file is no ONNX graph, or not a whole one.
    #[error("{} {reason}", path.display())]
    Graph {
        /// The graph.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A tensor that BERT needs is not there: probably another architecture.
    #[error("{} has no tensor `{tensor}`; only BERT checkpoints can be converted", path.display())]
    MissingTensor {
        /// Its key in a BERT checkpoint.
        tensor: String,
        /// The checkpoint.
        path: PathBuf,
    },
    /// A tensor does not have the shape that config.json implies.
    #[error("tensor `{tensor}` has shape {found:?}, but config.json implies {expected:?}")]
    TensorShape {
        /// Its key.
        tensor: String,
        /// What the file holds.
        found: Vec<usize>,
        /// What the configuration implies.
        expected: Vec<usize>,
    },
    /// A tensor's numbers are not floats of 16 or 32 bits.
    #[error("tensor `{tensor}` holds {found}; floats of 16 or 32 bits can be converted")]
    TensorType {
        /// Its key.
        tensor: String,
        /// The type in the file.
        found: String,
    },
    /// A delta file does not fit its base or itself.
    #[error("{}: tensor `{tensor}` {reason}", path.display())]
    DeltaTensor {
        /// The delta file.
        path: PathBuf,
        /// Its key there.
        tensor: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A weight is NaN or infinite: the checkpoint is damaged.
    #[error("tensor `{tensor}` holds NaN or infinity; fetch the model again")]
    NonFinite {
        /// Its key.
        tensor: String,
    },
}
