//! Our own 8-bit forward pass for encoders of BERT's family.
//!
//! A text's vector is a function of the text alone, and the same bits on every
//! machine: products are exact integers, activations are quantised row by row,
//! and everything in `f32` follows one order (`kernels`). Each text runs by
//! itself on one thread; many texts are spread over threads.
//!
//! In reading order: `file` (weights on disk), `matrix` (a linear layer),
//! `attention`, `forward` (a layer, all layers), `runner` (a model and its
//! working memory, which the cross-encoder uses too), `head` (from token vectors
//! to a score), `kernels` (the inner loops).

mod attention;
mod file;
mod forward;
mod head;
mod kernels;
mod matrix;
mod measure;
mod runner;
#[cfg(test)]
pub(crate) mod tests;

use super::late::{pool_spans, require_token_vectors};
use super::token_vectors::TokenVectors;
use super::tokenize::{PlacedTokens, RunTokens, TextTokenizer};
use super::{Embeddings, EncodeError, Encoder, EncoderFiles, EncoderSpec, Row, TextRole};
use crate::Span;

pub use self::head::ScorePooling;
pub use self::measure::{ProductRate, ProductRates};
pub(crate) use self::runner::Runner;

/// Runs the weights that an [`EncoderSpec`] names, see
/// [`EncoderFiles::Weights`].
#[derive(Debug)]
pub struct NativeEncoder {
    spec: EncoderSpec,
    name: String,
    tokenizer: TextTokenizer,
    runner: Runner,
}

impl NativeEncoder {
    /// Loads a model: maps its file, checks the whole of it, packs the
    /// matrices for this machine's instructions.
    ///
    /// # Errors
    /// [`EncodeError::Load`] for files that are missing, damaged or of another
    /// version; [`EncodeError::Unsuitable`] when spec and file disagree
    /// or the spec names a graph.
    pub fn load(spec: &EncoderSpec) -> Result<Self, EncodeError> {
        let path = match &spec.files {
            EncoderFiles::Weights { path } => path,
            EncoderFiles::Graph { path } => {
                let reason = "it is an ONNX graph, and 8-bit weights are wanted".to_owned();
                return Err(EncodeError::Unsuitable { path: path.clone(), reason });
            }
        };
        let tokenizer = TextTokenizer::load(&spec.tokenizer_path, spec.max_tokens)
            .map_err(|source| EncodeError::Load { path: spec.tokenizer_path.clone(), source })?;
        let runner = Runner::open(path)?;
        let unsuitable = |reason| Err(EncodeError::Unsuitable { path: path.clone(), reason });
        if spec.dim != runner.hidden() {
            let hidden = runner.hidden();
            return unsuitable(format!("its vectors have {hidden} components, not {}", spec.dim));
        }
        if spec.max_tokens > runner.max_tokens() {
            let (room, wanted) = (runner.max_tokens(), spec.max_tokens);
            return unsuitable(format!("it has room for {room} tokens, not {wanted}"));
        }
        let name = format!("{}@{}", spec.name, spec.precision);
        Ok(Self { spec: spec.clone(), name, tokenizer, runner })
    }

    /// The instruction set it runs on, for people.
    pub fn instruction_set(&self) -> &'static str {
        self.runner.kernels.name()
    }

    fn encode_one(&self, index: usize, text: &str, role: TextRole) -> Result<Row, EncodeError> {
        let tokens = self
            .tokenizer
            .encode(self.spec.prefix(role), text)
            .map_err(|source| EncodeError::Tokenize { index, source })?;
        let vector = self.runner.run(RunTokens::text(&tokens.ids), index, |states| {
            self.spec.pooling.pool(states, self.spec.dim).ok_or(EncodeError::NonFinite { index })
        })?;
        Ok(Row { vector, cut: tokens.cut, n_tokens: tokens.ids.len() })
    }

    fn placed(&self, text: &str, role: TextRole) -> Result<PlacedTokens, EncodeError> {
        self.tokenizer
            .encode_placed(self.spec.prefix(role), text)
            .map_err(|source| EncodeError::Tokenize { index: 0, source })
    }
}

impl Encoder for NativeEncoder {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> &str {
        &self.spec.fingerprint
    }

    fn dim(&self) -> usize {
        self.spec.dim
    }

    fn max_tokens(&self) -> usize {
        self.spec.max_tokens
    }

    /// Texts are spread over the caller's rayon pool.
    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        Row::each(texts, self.spec.dim, |index, text| self.encode_one(index, text, role))
    }

    /// One run in the caller's thread.
    fn encode_spans(&self, text: &str, spans: &[Span]) -> Result<Embeddings, EncodeError> {
        require_token_vectors(self.spec.pooling, &self.name)?;
        if spans.is_empty() {
            return Embeddings::new(Vec::new(), self.spec.dim);
        }
        let tokens = self.placed(text, TextRole::Passage)?;
        self.runner.run(RunTokens::text(&tokens.ids), 0, |states| {
            pool_spans(&tokens, states, self.spec.dim, spans)
        })
    }

    /// One run in the caller's thread.
    fn encode_tokens(&self, text: &str, role: TextRole) -> Result<TokenVectors, EncodeError> {
        let tokens = self.placed(text, role)?;
        self.runner.run(RunTokens::text(&tokens.ids), 0, |states| {
            TokenVectors::of_run(&tokens, states, self.spec.dim)
        })
    }
}
