//! A cross-encoder on our own 8-bit forward pass: query and passage in one run.
//!
//! The weights and kernels are those of the encoders (`encoder::native`), so a
//! pair's score has the same bits on every machine.
//!
//! # Source
//! Nogueira and Cho, "Passage Re-ranking with BERT", arXiv 1901.04085, 2019.

use std::time::Instant;

use super::cost::{CostMeter, warm_up};
use super::spec::{CrossEncoderFiles, CrossEncoderSpec};
use super::{RerankError, RerankPassage, RerankQuery, Reranker, score_pairs};
use crate::encoder::{EncodeError, PairTokenizer, PairTokens, RunTokens, Runner, ScorePooling};

/// Runs the weights that a [`CrossEncoderSpec`] names.
#[derive(Debug)]
pub struct CrossEncoder {
    spec: CrossEncoderSpec,
    name: String,
    pooling: ScorePooling,
    tokenizer: PairTokenizer,
    runner: Runner,
    cost: CostMeter,
}

impl CrossEncoder {
    /// Loads a model and measures what a pair costs, some 20 ms.
    ///
    /// # Errors
    /// [`RerankError::Model`] for files that are missing, damaged or of another
    /// version; [`RerankError::Tokenizer`]; [`RerankError::Unsuitable`] when spec
    /// and file disagree, the file is an encoder's, or the spec names a graph.
    pub fn load(spec: &CrossEncoderSpec) -> Result<Self, RerankError> {
        let (path, pooling) = match &spec.files {
            CrossEncoderFiles::Weights { path, pooling } => (path, *pooling),
            CrossEncoderFiles::Graph { path } => {
                let reason = "it is an ONNX graph, and 8-bit weights are wanted".to_owned();
                return Err(RerankError::Unsuitable { path: path.clone(), reason });
            }
        };
        let runner = Runner::open(path)?;
        let unsuitable = |reason| Err(RerankError::Unsuitable { path: path.clone(), reason });
        if runner.head().is_none() {
            return unsuitable("it has no head, so it gives vectors and no scores".to_owned());
        }
        if spec.max_tokens > runner.max_tokens() {
            let (room, wanted) = (runner.max_tokens(), spec.max_tokens);
            return unsuitable(format!("it has room for {room} tokens, not {wanted}"));
        }
        let tokenizer =
            PairTokenizer::load(&spec.tokenizer_path, spec.max_tokens).map_err(|source| {
                RerankError::Tokenizer { path: spec.tokenizer_path.clone(), source }
            })?;
        let (name, cost) = (spec.full_name(), CostMeter::default());
        let loaded = Self { spec: spec.clone(), name, pooling, tokenizer, runner, cost };
        warm_up(&loaded, &loaded.cost)?;
        Ok(loaded)
    }

    fn run(&self, pair: &PairTokens, index: usize) -> Result<f32, RerankError> {
        let started = Instant::now();
        let tokens = RunTokens { ids: &pair.ids, types: Some(&pair.types) };
        let output = self.runner.run(tokens, index, |states| {
            let head = self.runner.head().and_then(|head| head.score(states, self.pooling));
            head.ok_or(EncodeError::NonFinite { index })
        })?;
        self.cost.record(pair.ids.len(), started.elapsed());
        Ok(self.spec.activation.apply(output))
    }
}

impl Reranker for CrossEncoder {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::encoder::native_tests::{Draft, HIDDEN, POSITIONS, reference, write};
    use crate::encoder::tokenize_tests::bert;
    use crate::{Precision, ScoreActivation};

    fn spec(directory: &Path, draft: &Draft, pooling: ScorePooling) -> CrossEncoderSpec {
        let tokenizer_path = directory.join("tokenizer.json");
        bert().save(&tokenizer_path, false).unwrap();
        CrossEncoderSpec {
            name: "m".into(),
            files: CrossEncoderFiles::Weights { path: write(directory, draft), pooling },
            tokenizer_path,
            max_tokens: POSITIONS,
            activation: ScoreActivation::linear(-20.0, 20.0).unwrap(),
            precision: Precision::Int8,
            fingerprint: "m".into(),
        }
    }

    /// The output for a pair, computed in `f64`, and how large it could be.
    fn expected(draft: &Draft, pair: &PairTokens, pooling: ScorePooling) -> (f64, f64) {
        let states = reference(draft, &pair.ids, &pair.types);
        let mut pooled = match pooling {
            ScorePooling::Cls => states[0].clone(),
            ScorePooling::Mean => (0..HIDDEN)
                .map(|i| states.iter().map(|row| row[i]).sum::<f64>() / states.len() as f64)
                .collect(),
        };
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        if pooling == ScorePooling::Cls {
            let (weights, bias) = (draft.values("pooler.weight"), draft.values("pooler.bias"));
            let rows = weights.chunks_exact(HIDDEN).zip(bias);
            pooled = rows.map(|(row, bias)| (dot(row, &pooled) + bias).tanh()).collect();
        }
        let weights = draft.values("head.weight");
        let size = (dot(&weights, &weights) * dot(&pooled, &pooled)).sqrt();
        (dot(&weights, &pooled) + draft.values("head.bias")[0], size)
    }

    #[test]
    fn a_pairs_score_is_that_of_the_papers_and_of_the_pair_alone() {
        let directory = tempfile::tempdir().unwrap();
        for (pooling, pooler) in [(ScorePooling::Mean, false), (ScorePooling::Cls, true)] {
            let draft = Draft::random_of_pairs(pooler);
            let model = CrossEncoder::load(&spec(directory.path(), &draft, pooling)).unwrap();
            let query = "abc def";
            let long = "b ".repeat(90);
            let passages = ["a", "bad cafe", "", "off", long.as_str()].map(RerankPassage::from);
            let scores = model.score(&RerankQuery::plain(query), &passages).unwrap();
            let tokens = model.tokenizer.query(query).unwrap();
            for (passage, &score) in passages.iter().zip(&scores) {
                let pair = model.tokenizer.pair(&tokens, passage.text).unwrap();
                let (wanted, size) = expected(&draft, &pair, pooling);
                let found = f64::from(score) * 40.0 - 20.0;
                assert!((found - wanted).abs() < 0.04 * size, "{passage:?}: {found} {wanted}");
                let alone = model.score(&RerankQuery::plain(query), &[*passage]).unwrap();
                assert_eq!(alone, [score], "{passage:?}");
            }
            let other = model.score(&RerankQuery::plain("def abc"), &passages).unwrap();
            assert_ne!(scores, other);
            assert!(model.estimate_ms(100) > 0.0);
        }
    }

    #[test]
    fn what_is_no_reranker_is_refused_by_its_cause() {
        let directory = tempfile::tempdir().unwrap();
        let spec = spec(directory.path(), &Draft::random(), ScorePooling::Mean);
        let message = CrossEncoder::load(&spec).unwrap_err().to_string();
        assert!(message.contains("no head"), "{message}");

        write(directory.path(), &Draft::random_of_pairs(false));
        let long = CrossEncoderSpec { max_tokens: POSITIONS + 1, ..spec.clone() };
        let message = CrossEncoder::load(&long).unwrap_err().to_string();
        assert!(message.contains("90 tokens, not 91"), "{message}");
        let short = CrossEncoderSpec { max_tokens: 4, ..spec.clone() };
        assert!(matches!(CrossEncoder::load(&short), Err(RerankError::Tokenizer { .. })));

        let path = directory.path().join("model.onnx");
        let graph = CrossEncoderSpec { files: CrossEncoderFiles::Graph { path }, ..spec };
        let message = CrossEncoder::load(&graph).unwrap_err().to_string();
        assert!(message.contains("8-bit weights are wanted"), "{message}");
    }
}
