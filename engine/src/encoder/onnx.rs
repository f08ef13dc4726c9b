//! A real model on ONNX Runtime.
//!
//! Each text is run by itself, without padding: dynamic 8-bit quantisation
//! takes one activation scale per tensor, so in a batch a text's vector would
//! depend on its neighbours. Parallelism comes from the pool, one session a
//! core, which at 256 tokens is also faster than any batch.

use std::path::Path;

use super::late::{pool_spans, require_token_vectors};
use super::sessions::{SessionPool, Wanted};
use super::token_vectors::TokenVectors;
use super::tokenize::{PlacedTokens, RunTokens, TextTokenizer};
use super::{Embeddings, EncodeError, Encoder, EncoderFiles, EncoderSpec, Pooling, Row, TextRole};
use crate::Span;

/// Runs a model that an [`EncoderSpec`] describes.
#[derive(Debug)]
pub struct OnnxEncoder {
    spec: EncoderSpec,
    name: String,
    tokenizer: TextTokenizer,
    pool: SessionPool,
}

impl OnnxEncoder {
    /// Loads a model.
    ///
    /// # Arguments
    /// * `spec` - the model's files and how to use them.
    /// * `runtime` - ONNX Runtime's library. A process can load one only.
    /// * `threads` - most texts in work at once, in sessions of one thread
    ///   each; 0 counts as 1. The first session is created now, each further
    ///   one when first needed. Weights in a data file beside the graph are
    ///   mapped, and so shared between them.
    ///
    /// # Errors
    /// [`EncodeError::Runtime`], [`EncodeError::RuntimeConflict`],
    /// [`EncodeError::Load`].
    pub fn load(spec: &EncoderSpec, runtime: &Path, threads: usize) -> Result<Self, EncodeError> {
        let graph = match &spec.files {
            EncoderFiles::Graph { path } => path,
            EncoderFiles::Weights { path } => {
                let reason = "it holds 8-bit weights, and an ONNX graph is wanted".to_owned();
                return Err(EncodeError::Unsuitable { path: path.clone(), reason });
            }
        };
        let outputs: &[&str] = match spec.pooling {
            Pooling::InGraph => &["sentence_embedding"],
            Pooling::Mean | Pooling::Cls | Pooling::LastToken => {
                &["last_hidden_state", "token_embeddings"]
            }
        };
        let pool = SessionPool::open(Wanted { graph, outputs }, runtime, threads)?;
        let tokenizer = TextTokenizer::load(&spec.tokenizer_path, spec.max_tokens)
            .map_err(|source| EncodeError::Load { path: spec.tokenizer_path.clone(), source })?;
        let name = format!("{}@{}", spec.name, spec.precision);
        Ok(Self { spec: spec.clone(), name, tokenizer, pool })
    }

    fn encode_one(&self, index: usize, text: &str, role: TextRole) -> Result<Row, EncodeError> {
        let tokens = self
            .tokenizer
            .encode(self.spec.prefix(role), text)
            .map_err(|source| EncodeError::Tokenize { index, source })?;
        let vector = self.run(&tokens.ids, index, |values| {
            self.spec.pooling.pool(values, self.spec.dim).ok_or(EncodeError::NonFinite { index })
        })?;
        Ok(Row { vector, cut: tokens.cut, n_tokens: tokens.ids.len() })
    }

    fn run<T>(
        &self,
        ids: &[i64],
        index: usize,
        pool: impl FnOnce(&[f32]) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        self.pool.run(RunTokens::text(ids), self.spec.dim, index, pool)
    }

    fn placed(&self, text: &str, role: TextRole) -> Result<PlacedTokens, EncodeError> {
        self.tokenizer
            .encode_placed(self.spec.prefix(role), text)
            .map_err(|source| EncodeError::Tokenize { index: 0, source })
    }
}

impl Encoder for OnnxEncoder {
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
        self.run(&tokens.ids, 0, |values| pool_spans(&tokens, values, self.spec.dim, spans))
    }

    /// One run in the caller's thread.
    fn encode_tokens(&self, text: &str, role: TextRole) -> Result<TokenVectors, EncodeError> {
        if self.spec.pooling == Pooling::InGraph {
            return Err(EncodeError::NotTokenwise { encoder: self.name.clone() });
        }
        let tokens = self.placed(text, role)?;
        self.run(&tokens.ids, 0, |values| TokenVectors::of_run(&tokens, values, self.spec.dim))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::Precision;

    #[test]
    fn a_library_that_is_not_there_is_named_with_its_remedy() {
        let file = PathBuf::from("unused");
        let spec = EncoderSpec {
            name: "m".into(),
            files: EncoderFiles::Graph { path: file.clone() },
            tokenizer_path: file,
            pooling: Pooling::Mean,
            query_prefix: String::new(),
            passage_prefix: String::new(),
            max_tokens: 8,
            dim: 4,
            precision: Precision::Fp32,
            fingerprint: "m".into(),
        };
        let error = OnnxEncoder::load(&spec, Path::new("no-such-library.so"), 1).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, EncodeError::Runtime { .. }), "{message}");
        for told in ["no-such-library.so", "trovato models pull"] {
            assert!(message.contains(told), "{message}");
        }
    }
}
