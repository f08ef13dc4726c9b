//! A reranker by name, ready to score: where `models` (files) and `engine`
//! (running them) meet, as [`crate::load_encoder`] does for encoders.

use std::sync::Arc;

use engine::{
    CrossEncoder, CrossEncoderFiles, CrossEncoderSpec, Encoder, LateInteraction, OnnxCrossEncoder,
    OverlapReranker, Precision, RerankError, RerankOptions, RerankPipeline, Reranker,
    ScoreActivation, ScorePooling, TokenWeighting,
};
use models::{ModelError, Progress, RerankerFiles, ResolvedReranker, SHIPPED_RERANKER, Store};

/// What leaves the first stage's order.
pub const NO_RERANKER: &str = "none";

/// The pipeline that this project ships: its own model and the shipped weights.
pub const DEFAULT_RERANKER: &str = "default";

/// Milliseconds that it may take where someone waits for the hits.
pub const DEFAULT_RERANK_BUDGET_MS: u64 = 150;

/// Late interaction over the index's own encoder.
const LATE: &str = "late";

/// The same with rare words counting more.
const LATE_IDF: &str = "late:idf";

/// Between a model's name and late interaction as a further feature.
const BESIDE: &str = "+";

/// A reranker and how far it reads.
#[derive(Clone, Debug)]
pub struct RerankSetup {
    /// What reranks.
    pub pipeline: Arc<RerankPipeline>,
    /// How far.
    pub options: RerankOptions,
}

impl RerankSetup {
    /// Everything that decides what it does to a ranking, in one line.
    pub(crate) fn describe(&self) -> String {
        let RerankOptions { depth, budget_ms } = self.options;
        format!("{} depth {depth:?} budget {budget_ms:?}", self.pipeline.fingerprint())
    }
}

/// Why a reranker could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadRerankerError {
    /// Late interaction without an encoder.
    #[error("late interaction compares the vectors of the index's encoder, and none is loaded")]
    NoEncoder,
    /// Its files, or ONNX Runtime, could not be had.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The files are there but do not run.
    #[error(transparent)]
    Rerank(#[from] RerankError),
}

/// Finds a reranker, fetching what is missing, and loads it.
///
/// # Arguments
/// * `name` - `none`; `default`; `late` or `late:idf`, over `encoder`; `overlap`,
///   which counts shared words, for dry runs; else a card's name, a directory or a
///   delta file ([`Store::reranker`]). Behind any of them `+late` or `+late:idf`
///   adds late interaction as a further feature.
/// * `encoder` - the index's, where it is loaded.
/// * `progress` - told of downloads and conversion.
///
/// # Returns
/// The pipeline with the shipped mixer; `None` for `none`.
///
/// # Errors
/// [`LoadRerankerError`], each cause with what to do.
pub fn load_reranker(
    name: &str,
    encoder: Option<&Arc<dyn Encoder>>,
    progress: &dyn Progress,
) -> Result<Option<RerankPipeline>, LoadRerankerError> {
    if name == NO_RERANKER {
        return Ok(None);
    }
    let late = |weighting| -> Result<Arc<LateInteraction>, LoadRerankerError> {
        let encoder = encoder.ok_or(LoadRerankerError::NoEncoder)?;
        Ok(Arc::new(LateInteraction::new(Arc::clone(encoder), weighting)?))
    };
    let (name, beside) = split(name);
    let reranker: Arc<dyn Reranker> = match (name, weighting(name)) {
        (_, Some(weighting)) => late(weighting)?,
        (OverlapReranker::NAME, None) => Arc::new(OverlapReranker),
        (name, None) => {
            let name = if name == DEFAULT_RERANKER { SHIPPED_RERANKER } else { name };
            cross_encoder(Store::from_env()?.reranker(name, progress)?, progress)?
        }
    };
    let pipeline = RerankPipeline::new(reranker);
    Ok(Some(match beside {
        Some(weighting) => pipeline.with_late_interaction(late(weighting)?),
        None => pipeline,
    }))
}

/// Whether a reranker of this name reads with the index's encoder.
pub fn needs_encoder(name: &str) -> bool {
    let (name, beside) = split(name);
    weighting(name).or(beside).is_some()
}

/// A name and the late interaction beside it.
fn split(name: &str) -> (&str, Option<TokenWeighting>) {
    match name.rsplit_once(BESIDE).map(|(name, beside)| (name, weighting(beside))) {
        Some((name, Some(weighting))) => (name, Some(weighting)),
        Some((_, None)) | None => (name, None),
    }
}

/// The late interaction of this name.
fn weighting(name: &str) -> Option<TokenWeighting> {
    match name {
        LATE => Some(TokenWeighting::Even),
        LATE_IDF => Some(TokenWeighting::Idf),
        _ => None,
    }
}

fn cross_encoder(
    model: ResolvedReranker,
    progress: &dyn Progress,
) -> Result<Arc<dyn Reranker>, LoadRerankerError> {
    let ResolvedReranker {
        name,
        files,
        tokenizer_path,
        max_tokens,
        activation,
        precision,
        fingerprint,
    } = model;
    let files = match files {
        RerankerFiles::Weights { path, pooling } => CrossEncoderFiles::Weights {
            path,
            pooling: match pooling {
                models::ScorePooling::Mean => ScorePooling::Mean,
                models::ScorePooling::Cls => ScorePooling::Cls,
            },
        },
        RerankerFiles::Graph { path } => CrossEncoderFiles::Graph { path },
    };
    let activation = match activation {
        models::ScoreActivation::Sigmoid => ScoreActivation::Sigmoid,
        models::ScoreActivation::Linear { low, high } => ScoreActivation::linear(low, high)?,
    };
    let precision = match precision {
        models::Precision::Fp32 => Precision::Fp32,
        models::Precision::Int8 => Precision::Int8,
        models::Precision::Int8Onnx => Precision::Int8Onnx,
    };
    let spec = CrossEncoderSpec {
        name,
        files,
        tokenizer_path,
        max_tokens,
        activation,
        precision,
        fingerprint,
    };
    Ok(match &spec.files {
        CrossEncoderFiles::Weights { .. } => Arc::new(CrossEncoder::load(&spec)?),
        CrossEncoderFiles::Graph { .. } => {
            let runtime = models::locate_runtime(progress)?;
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            Arc::new(OnnxCrossEncoder::load(&spec, &runtime, threads)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use engine::HashEncoder;
    use models::Silent;

    use super::*;

    #[test]
    fn names_that_need_no_model_are_known() {
        let encoder: Arc<dyn Encoder> = Arc::new(HashEncoder::new(64, 256));
        let load = |name| load_reranker(name, Some(&encoder), &Silent);
        assert!(load(NO_RERANKER).unwrap().is_none());
        assert_eq!(load("overlap").unwrap().unwrap().name(), "overlap");
        assert_eq!(load("late").unwrap().unwrap().name(), "late over hash");
        assert_eq!(load("late:idf").unwrap().unwrap().name(), "late:idf over hash");
        let both = load("overlap+late:idf").unwrap().unwrap();
        assert!(both.name() == "overlap" && both.fingerprint().contains("late-v1:idf"), "{both:?}");
        assert!(needs_encoder("overlap+late") && !needs_encoder("a+b") && !needs_encoder("none"));
        let error = load_reranker("late", None, &Silent).unwrap_err();
        assert!(matches!(error, LoadRerankerError::NoEncoder), "{error}");
    }
}
