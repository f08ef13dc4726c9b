//! Our own 8-bit forward pass for encoders of BERT's family.
//!
//! A text's vector is a function of the text alone, and the same bits on every
//! machine: products are exact integers, activations are quantised row by row,
//! and everything in `f32` follows one order (`kernels`). Each text runs by
//! itself on one thread; many texts are spread over threads.
//!
//! In reading order: `file` (weights on disk), `matrix` (a linear layer),
//! `attention`, `forward` (a layer, all layers), `kernels` (the inner loops).

mod attention;
mod file;
mod forward;
mod kernels;
mod matrix;
mod measure;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};

use self::file::Model;
use self::forward::Arena;
use self::kernels::Kernels;
use super::late::{pool_spans, require_token_vectors};
use super::tokenize::TextTokenizer;
use super::{Embeddings, EncodeError, Encoder, EncoderFiles, EncoderSpec, Row, TextRole};
use crate::Span;

pub use self::measure::{ProductRate, ProductRates};

/// Runs the weights that an [`EncoderSpec`] names, see
/// [`EncoderFiles::Weights`].
#[derive(Debug)]
pub struct NativeEncoder {
    spec: EncoderSpec,
    name: String,
    tokenizer: TextTokenizer,
    model: Model,
    kernels: &'static Kernels,
    /// Arenas nobody works in; as many as texts were ever at work at once.
    arenas: Mutex<Vec<Arena>>,
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
        let model = Model::open(path)
            .map_err(|source| EncodeError::Load { path: path.clone(), source: Box::new(source) })?;
        let unsuitable = |reason| Err(EncodeError::Unsuitable { path: path.clone(), reason });
        if spec.dim != model.hidden() {
            let hidden = model.hidden();
            return unsuitable(format!("its vectors have {hidden} components, not {}", spec.dim));
        }
        if spec.max_tokens > model.max_tokens() {
            let (room, wanted) = (model.max_tokens(), spec.max_tokens);
            return unsuitable(format!("it has room for {room} tokens, not {wanted}"));
        }
        let name = format!("{}@{}", spec.name, spec.precision);
        let kernels = kernels::best();
        let arenas = Mutex::default();
        Ok(Self { spec: spec.clone(), name, tokenizer, model, kernels, arenas })
    }

    /// The instruction set it runs on, for people.
    pub fn instruction_set(&self) -> &'static str {
        self.kernels.name()
    }

    fn encode_one(&self, index: usize, text: &str, role: TextRole) -> Result<Row, EncodeError> {
        let tokens = self
            .tokenizer
            .encode(self.spec.prefix(role), text)
            .map_err(|source| EncodeError::Tokenize { index, source })?;
        let vector = self.run(&tokens.ids, index, |states| {
            self.spec.pooling.pool(states, self.spec.dim).ok_or(EncodeError::NonFinite { index })
        })?;
        Ok(Row { vector, cut: tokens.cut })
    }

    /// Runs one text and makes of its token vectors, `[tokens, dim]`, what `pool` makes.
    fn run<T>(
        &self,
        ids: &[i64],
        index: usize,
        pool: impl FnOnce(&[f32]) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        let embed =
            |position: usize, row: &mut [f32]| self.model.embed(ids[position], position, row);
        let mut arena = self.arenas().pop().unwrap_or_default();
        let pooled = self
            .model
            .encoder
            .run(self.kernels, &mut arena, ids.len(), embed)
            .map_err(|source| EncodeError::Run { index, source: Box::new(source) })
            .and_then(pool);
        self.arenas().push(arena);
        pooled
    }

    fn arenas(&self) -> std::sync::MutexGuard<'_, Vec<Arena>> {
        // Whoever panicked held no arena: it was popped before.
        self.arenas.lock().unwrap_or_else(PoisonError::into_inner)
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
        let tokens = self
            .tokenizer
            .encode_placed(self.spec.prefix(TextRole::Passage), text)
            .map_err(|source| EncodeError::Tokenize { index: 0, source })?;
        self.run(&tokens.ids, 0, |states| pool_spans(&tokens, states, self.spec.dim, spans))
    }
}
