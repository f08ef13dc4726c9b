//! Texts to vectors: the [`Encoder`] trait and its implementations.
//!
//! [`NativeEncoder`] runs 8-bit models of BERT's family with code of our own,
//! [`OnnxEncoder`] any graph through ONNX Runtime; [`StaticEncoder`] adds up rows
//! of a table distilled from a model; [`HashEncoder`] needs no files and serves
//! tests and dry runs. The engine fetches nothing: an [`EncoderSpec`] names files
//! that are already there.

mod hash;
mod late;
mod native;
mod onnx;
mod pair;
mod pooling;
mod sessions;
mod static_encoder;
mod static_table;
mod token_vectors;
mod tokenize;
mod vocabulary;
mod wordpiece;

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use rayon::prelude::*;

use tokenize::Cut;

pub use hash::HashEncoder;
pub(crate) use native::Runner;
pub use native::{NativeEncoder, ProductRate, ProductRates, ScorePooling};
pub use onnx::OnnxEncoder;
pub(crate) use pair::{PairTokenizer, PairTokens};
pub use pooling::Pooling;
pub(crate) use sessions::{SessionPool, Wanted};
pub use static_encoder::{AsymmetricEncoder, StaticEncoder, StaticSpec};
pub use static_table::StaticTable;
pub use token_vectors::TokenVectors;
pub(crate) use tokenize::RunTokens;
pub use vocabulary::Vocabulary;
pub use wordpiece::{PieceOf, WordPieces};

use crate::Span;

/// Small models and tokenizers for the tests of what runs on them.
#[cfg(test)]
pub(crate) use {native::tests as native_tests, tokenize::tests as tokenize_tests};

/// The side of the search a text stands on; models with prefixes give other
/// vectors for each, and query against passage is the valid pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextRole {
    /// What a user asks.
    Query,
    /// What is searched.
    Passage,
}

/// Weights' precision; part of an encoder's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floats.
    Fp32,
    /// 8-bit weights, one scale per output channel; activations quantised token
    /// by token at run time.
    Int8,
    /// The same weights in ONNX Runtime, which quantises activations text by text.
    Int8Onnx,
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

/// What a model's numbers are stored in, and with that, what runs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncoderFiles {
    /// 8-bit weights of a BERT in one safetensors file, for [`NativeEncoder`],
    /// whose module documents the layout.
    Weights {
        /// The file.
        path: PathBuf,
    },
    /// An ONNX graph, for [`OnnxEncoder`].
    Graph {
        /// The graph; its weights may be in a file beside it.
        path: PathBuf,
    },
}

/// Everything needed to run an encoder whose files are already there.
///
/// Pooling, prefixes and normalisation have no defaults: a mean-pooled model
/// run with CLS pooling gives plausible, wrong vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderSpec {
    /// The model card's name, for example `all-MiniLM-L6-v2`.
    pub name: String,
    /// The model's numbers.
    pub files: EncoderFiles,
    /// The `tokenizer.json`.
    pub tokenizer_path: PathBuf,
    /// How token vectors become one text vector.
    pub pooling: Pooling,
    /// Put before queries, empty for none.
    pub query_prefix: String,
    /// Put before passages, empty for none.
    pub passage_prefix: String,
    /// Longest input in tokens, special tokens included; what follows is cut.
    pub max_tokens: usize,
    /// Components of a vector.
    pub dim: usize,
    /// What the model computes with.
    pub precision: Precision,
    /// Identifies model files, precision and encoding policy. Vectors of two
    /// encoders may be compared iff their fingerprints are equal.
    pub fingerprint: String,
}

impl EncoderSpec {
    /// What is put before texts of a role.
    fn prefix(&self, role: TextRole) -> &str {
        match role {
            TextRole::Query => &self.query_prefix,
            TextRole::Passage => &self.passage_prefix,
        }
    }
}

/// Vectors of a batch: `[n, dim]`, `f32`, row-major, every row of L2 norm 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    values: Vec<f32>,
    dim: usize,
    /// How many texts were longer than the encoder's limit and were cut.
    pub n_truncated: usize,
    /// Tokens that [`Encoder::encode`] read, prefixes and special tokens included;
    /// 0 for rows that come from elsewhere.
    pub n_tokens: usize,
}

impl Embeddings {
    /// Largest accepted difference of a row's L2 norm from 1.
    pub const NORM_TOLERANCE: f32 = 1e-3;

    /// Checks and wraps rows.
    ///
    /// # Arguments
    /// * `values` - `[n, dim]`, row-major.
    /// * `dim` - components of a row, at least 1.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] when `values` is not a whole number of rows;
    /// [`EncodeError::NonFinite`] for NaN or infinity; [`EncodeError::NotUnit`]
    /// when a row's norm differs from 1 by more than
    /// [`Embeddings::NORM_TOLERANCE`].
    pub fn new(values: Vec<f32>, dim: usize) -> Result<Self, EncodeError> {
        if dim == 0 || !values.len().is_multiple_of(dim) {
            return Err(EncodeError::Shape { values: values.len(), dim });
        }
        for (index, row) in values.chunks_exact(dim).enumerate() {
            let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            if !norm.is_finite() {
                return Err(EncodeError::NonFinite { index });
            }
            if (norm - 1.0).abs() > Self::NORM_TOLERANCE {
                return Err(EncodeError::NotUnit { index, norm });
            }
        }
        Ok(Self { values, dim, n_truncated: 0, n_tokens: 0 })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Components of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Row `index`, of length `dim`; `None` past the end.
    pub fn row(&self, index: usize) -> Option<&[f32]> {
        self.values.get(index * self.dim..(index + 1) * self.dim)
    }

    /// All rows, `[n, dim]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// Turns texts into unit vectors.
///
/// An encoder is immutable and shared between threads; [`Encoder::encode`] may
/// be called from many at once.
pub trait Encoder: Send + Sync {
    /// The card's name and precision, for people: `all-MiniLM-L6-v2@int8`.
    fn name(&self) -> &str;

    /// See [`EncoderSpec::fingerprint`].
    fn fingerprint(&self) -> &str;

    /// Components of a vector.
    fn dim(&self) -> usize;

    /// Longest input in tokens, special tokens included.
    fn max_tokens(&self) -> usize;

    /// Encodes texts into vectors, one row per text.
    ///
    /// # Arguments
    /// * `texts` - `n` strings. Each is cut after [`Encoder::max_tokens`]
    ///   tokens; cuts are counted in [`Embeddings::n_truncated`]. Empty: zero rows.
    /// * `role` - chooses the prefix.
    ///
    /// # Returns
    /// `[n, dim]` in the order of `texts`. A row depends on its text, role and
    /// the encoder alone, never on its neighbours: each text is run by itself.
    ///
    /// # Errors
    /// [`EncodeError`]; nothing is returned for the other texts of the call.
    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError>;

    /// Encodes passages within the text they stand in ("late chunking"): the
    /// text is run once, and a span's vector is the mean of its tokens' vectors
    /// in that run.
    ///
    /// A method that may refuse, and not a trait of its own: whether an encoder
    /// can is known when its model is loaded, not when it is compiled.
    ///
    /// # Arguments
    /// * `text` - cut after [`Encoder::max_tokens`] tokens; spans that go on
    ///   behind are counted in [`Embeddings::n_truncated`]. It gets the prefix
    ///   of passages.
    /// * `spans` - bytes of `text`. Empty: zero rows, or the refusal.
    ///
    /// # Returns
    /// `[n, dim]` in the order of `spans`. A row depends on `text`, its span and
    /// the encoder alone; a span of the whole text has the row that
    /// [`Encoder::encode`] gives.
    ///
    /// # Errors
    /// [`EncodeError::NoTokenVectors`] by an encoder that cannot, which is what
    /// is provided here; [`EncodeError::EmptySpan`], `index` being the span's
    /// position; others as in [`Encoder::encode`], with `index` 0.
    ///
    /// # Source
    /// Guenther et al., "Late Chunking", arXiv 2409.04701, 2024.
    fn encode_spans(&self, text: &str, spans: &[Span]) -> Result<Embeddings, EncodeError> {
        let _ = (text, spans);
        let reason = "it gives vectors of texts only".to_owned();
        Err(EncodeError::NoTokenVectors { encoder: self.name().to_owned(), reason })
    }

    /// Encodes a text token by token, for late interaction.
    ///
    /// # Arguments
    /// * `text` - cut after [`Encoder::max_tokens`] tokens.
    /// * `role` - chooses the prefix, whose tokens are not returned.
    ///
    /// # Errors
    /// [`EncodeError::NotTokenwise`] by an encoder that cannot, which is what is
    /// provided here; others as in [`Encoder::encode`], with `index` 0.
    fn encode_tokens(&self, text: &str, role: TextRole) -> Result<TokenVectors, EncodeError> {
        let _ = (text, role);
        Err(EncodeError::NotTokenwise { encoder: self.name().to_owned() })
    }
}

/// One text's outcome.
struct Row {
    vector: Vec<f32>,
    cut: Cut,
    n_tokens: usize,
}

impl Row {
    /// Encodes each text by itself, several over the caller's rayon pool.
    fn each(
        texts: &[&str],
        dim: usize,
        one: impl Fn(usize, &str) -> Result<Self, EncodeError> + Sync,
    ) -> Result<Embeddings, EncodeError> {
        let rows: Vec<Self> = match texts {
            // A query should not wait for a pool that an ingest keeps busy.
            [text] => vec![one(0, text)?],
            texts => texts
                .par_iter()
                .with_max_len(1)
                .enumerate()
                .map(|(index, text)| one(index, text))
                .collect::<Result<_, _>>()?,
        };
        let n_truncated = rows.iter().filter(|row| row.cut == Cut::Truncated).count();
        let n_tokens = rows.iter().map(|row| row.n_tokens).sum();
        let values = rows.into_iter().flat_map(|row| row.vector).collect();
        let mut embeddings = Embeddings::new(values, dim)?;
        embeddings.n_truncated = n_truncated;
        embeddings.n_tokens = n_tokens;
        Ok(embeddings)
    }
}

/// What a library under the encoder said; its own error types would tie every
/// caller to its version.
type Cause = Box<dyn Error + Send + Sync>;

/// Why texts could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The index's encoder is not there yet. Ask again in a moment, or for words alone.
    #[error("the encoder is still being loaded")]
    Loading,
    /// The runtime library could not be loaded. Pull it again.
    #[error("cannot load ONNX Runtime from {}: {source}; `trovato models pull` fetches it again", path.display())]
    Runtime {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        #[source]
        source: Cause,
    },
    /// A process can load one runtime only. Use the one that is loaded.
    #[error("ONNX Runtime is loaded from {} and cannot be loaded from {} too", loaded.display(), asked.display())]
    RuntimeConflict {
        /// The library in use.
        loaded: PathBuf,
        /// The one asked for.
        asked: PathBuf,
    },
    /// The model's files could not be loaded. Verify or pull the model again.
    #[error("cannot load {}: {source}; `trovato models verify` tells whether the file is whole", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        #[source]
        source: Cause,
    },
    /// The file is no text encoder, or another than its card says.
    #[error("{} cannot be used as a text encoder: {reason}", path.display())]
    Unsuitable {
        /// The file.
        path: PathBuf,
        /// What it has or lacks.
        reason: String,
    },
    /// The tokenizer refused a text. Drop that text and call again.
    #[error("text {index} could not be tokenised: {source}")]
    Tokenize {
        /// Its position in the call.
        index: usize,
        /// What the tokenizer said.
        #[source]
        source: Cause,
    },
    /// The runtime failed on a text.
    #[error("the model failed on text {index}: {source}")]
    Run {
        /// Its position in the call.
        index: usize,
        /// What the runtime said.
        #[source]
        source: Cause,
    },
    /// A vector held NaN or infinity: the model file or its precision is at fault.
    #[error(
        "the vector of text {index} is not finite; the model file is damaged or its precision unsuitable"
    )]
    NonFinite {
        /// Its position in the call.
        index: usize,
    },
    /// Late chunking needs the vectors of tokens and their mean. Take an encoder
    /// that pools by the mean, or a chunker without `late`.
    #[error(
        "{encoder} cannot encode passages within their document: {reason}; leave `late` out of the chunker"
    )]
    NoTokenVectors {
        /// The encoder.
        encoder: String,
        /// What it does instead.
        reason: String,
    },
    /// Late interaction needs a vector for each token. Take another reranker, or
    /// an index whose encoder is a transformer.
    #[error(
        "{encoder} gives vectors of texts and none of single tokens, which late interaction compares"
    )]
    NotTokenwise {
        /// The encoder.
        encoder: String,
    },
    /// A span holds nothing that the encoder reads, so that it has no vector.
    #[error(
        "the bytes {} to {} of the text, span {index}, hold no token within the encoder's limit",
        span.start, span.end
    )]
    EmptySpan {
        /// Its position in the call.
        index: usize,
        /// Where it is.
        span: Span,
    },
    /// A vector is not of unit length.
    #[error("the vector of text {index} has norm {norm}; vectors must have norm 1")]
    NotUnit {
        /// Its position in the call.
        index: usize,
        /// What it is.
        norm: f32,
    },
    /// The values are not whole rows, or the model's output is not of the card's size.
    #[error("{values} values are not rows of {dim} components")]
    Shape {
        /// How many values there are.
        values: usize,
        /// Components a row must have.
        dim: usize,
    },
}
