//! A cross-encoder as a graph on ONNX Runtime: any architecture that gives one
//! number for a pair.
//!
//! One pair a run, in single-threaded sessions, for the reasons that the encoder's
//! texts run alone (decision 0004).

use std::path::Path;
use std::time::Instant;

use super::cost::{CostMeter, warm_up};
use super::spec::{CrossEncoderFiles, CrossEncoderSpec};
use super::{RerankError, RerankPassage, RerankQuery, Reranker, score_pairs};
use crate::encoder::{EncodeError, PairTokenizer, PairTokens, RunTokens, SessionPool, Wanted};

/// Runs the graph that a [`CrossEncoderSpec`] names. Its inputs are token ids,
/// mask and types, as far as it has them; its output `logits` is `[1, 1]`.
#[derive(Debug)]
pub struct OnnxCrossEncoder {
    spec: CrossEncoderSpec,
    name: String,
    tokenizer: PairTokenizer,
    pool: SessionPool,
    cost: CostMeter,
}

impl OnnxCrossEncoder {
    /// Loads a model and measures what a pair costs.
    ///
    /// # Arguments
    /// * `runtime` - ONNX Runtime's library. A process can load one only.
    /// * `threads` - most pairs in work at once, in sessions of one thread each;
    ///   0 counts as 1.
    ///
    /// # Errors
    /// [`RerankError::Model`]; [`RerankError::Tokenizer`];
    /// [`RerankError::Unsuitable`] when the spec names no graph.
    pub fn load(
        spec: &CrossEncoderSpec,
        runtime: &Path,
        threads: usize,
    ) -> Result<Self, RerankError> {
        let graph = match &spec.files {
            CrossEncoderFiles::Graph { path } => path,
            CrossEncoderFiles::Weights { path, .. } => {
                let reason = "it holds 8-bit weights, and an ONNX graph is wanted".to_owned();
                return Err(RerankError::Unsuitable { path: path.clone(), reason });
            }
        };
        let pool = SessionPool::open(Wanted { graph, outputs: &["logits"] }, runtime, threads)?;
        let tokenizer =
            PairTokenizer::load(&spec.tokenizer_path, spec.max_tokens).map_err(|source| {
                RerankError::Tokenizer { path: spec.tokenizer_path.clone(), source }
            })?;
        let (name, cost) = (spec.full_name(), CostMeter::default());
        let loaded = Self { spec: spec.clone(), name, tokenizer, pool, cost };
        warm_up(&loaded, &loaded.cost)?;
        Ok(loaded)
    }

    fn run(&self, pair: &PairTokens, index: usize) -> Result<f32, RerankError> {
        let tokens = RunTokens { ids: &pair.ids, types: Some(&pair.types) };
        // A session may have to be created, which takes as long as many pairs.
        let mut session = self.pool.take()?;
        let started = Instant::now();
        let output = session.run(tokens, 1, index, |logits| match logits {
            [logit] if logit.is_finite() => Ok(*logit),
            [_] => Err(EncodeError::NonFinite { index }),
            _ => Err(EncodeError::Shape { values: logits.len(), dim: 1 }),
        })?;
        self.cost.record(pair.ids.len(), started.elapsed());
        Ok(self.spec.activation.apply(output))
    }
}

impl Reranker for OnnxCrossEncoder {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> &str {
        &self.spec.fingerprint
    }

    fn estimate_ms(&self, tokens: usize) -> f64 {
        self.cost.estimate_ms(tokens.min(self.spec.max_tokens))
    }

    fn score(
        &self,
        query: &RerankQuery<'_>,
        passages: &[RerankPassage<'_>],
    ) -> Result<Vec<f32>, RerankError> {
        score_pairs(&self.name, &self.tokenizer, query, passages, |pair, at| self.run(pair, at))
    }
}
