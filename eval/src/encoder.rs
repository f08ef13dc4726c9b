//! A model by name, ready to encode: where `models` (files) and `engine`
//! (running them) meet. The command line, benches and tests load encoders here,
//! since neither of the two crates may know the other.

use std::path::PathBuf;
use std::sync::Arc;

use engine::{
    EncodeError, Encoder, EncoderFiles, EncoderSpec, NativeEncoder, OnnxEncoder, Pooling, Precision,
};
use ingest::chunk::{ChunkerParts, ChunkerSpec, EncoderSizer, TokenSizer, TokenizerError};
use models::{GraphOutput, ModelError, ModelFiles, Progress, ResolvedModel};

/// An encoder with what the engine does not need but a chunker does.
#[derive(Clone)]
pub struct LoadedEncoder {
    /// Runs each text on one thread.
    pub encoder: Arc<dyn Encoder>,
    tokenizer_path: PathBuf,
    passage_prefix: String,
}

impl LoadedEncoder {
    /// Measures chunks in the model's own tokens, with room left for what the
    /// model puts before passages.
    ///
    /// # Errors
    /// [`TokenizerError`] when the model's `tokenizer.json` cannot be used.
    pub fn sizer(&self) -> Result<Arc<dyn TokenSizer>, TokenizerError> {
        let max_tokens = self.encoder.max_tokens();
        let sizer =
            EncoderSizer::from_file(&self.tokenizer_path, max_tokens, &self.passage_prefix)?;
        Ok(Arc::new(sizer))
    }

    /// What chunkers for this encoder are made from.
    ///
    /// # Errors
    /// As [`LoadedEncoder::sizer`].
    pub fn chunker_parts(&self) -> Result<ChunkerParts, TokenizerError> {
        Ok(ChunkerParts { sizer: self.sizer()?, encoder: Arc::clone(&self.encoder) })
    }

    /// What documents are cut with unless something else is asked for.
    pub fn default_chunker(&self) -> ChunkerSpec {
        ChunkerSpec::default_for(self.encoder.max_tokens())
    }
}

impl std::fmt::Debug for LoadedEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedEncoder").field("name", &self.encoder.name()).finish_non_exhaustive()
    }
}

/// Why an encoder could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its files, or ONNX Runtime, could not be had.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The files are there but do not run.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Finds a model, fetching what is missing, and loads it: 8-bit weights into the
/// engine's own forward pass, a graph into ONNX Runtime, one session per core.
///
/// # Arguments
/// * `name` - `NAME[@fp32|@int8|@int8-onnx]` of a card, or a directory.
/// * `progress` - told of downloads and conversion.
///
/// # Errors
/// [`LoadError`], each cause with what to do.
pub fn load_encoder(name: &str, progress: &dyn Progress) -> Result<LoadedEncoder, LoadError> {
    let model = models::resolve(name, progress)?;
    let tokenizer_path = model.tokenizer_path.clone();
    let passage_prefix = model.passage_prefix.clone();
    let spec = encoder_spec(model);
    let encoder: Arc<dyn Encoder> = match &spec.files {
        EncoderFiles::Weights { .. } => Arc::new(NativeEncoder::load(&spec)?),
        EncoderFiles::Graph { .. } => {
            let runtime = models::locate_runtime(progress)?;
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            Arc::new(OnnxEncoder::load(&spec, &runtime, threads)?)
        }
    };
    Ok(LoadedEncoder { encoder, tokenizer_path, passage_prefix })
}

/// The engine's description of a model whose files are there.
pub fn encoder_spec(model: ResolvedModel) -> EncoderSpec {
    let ResolvedModel {
        name,
        files,
        tokenizer_path,
        query_prefix,
        passage_prefix,
        max_tokens,
        dim,
        precision,
        fingerprint,
    } = model;
    let (files, pooling) = match files {
        ModelFiles::Weights { path, pooling } => (EncoderFiles::Weights { path }, token(pooling)),
        ModelFiles::Graph { path, output: GraphOutput::Tokens { pooling } } => {
            (EncoderFiles::Graph { path }, token(pooling))
        }
        ModelFiles::Graph { path, output: GraphOutput::Sentence } => {
            (EncoderFiles::Graph { path }, Pooling::InGraph)
        }
    };
    EncoderSpec {
        name,
        files,
        tokenizer_path,
        pooling,
        query_prefix,
        passage_prefix,
        max_tokens,
        dim,
        precision: match precision {
            models::Precision::Fp32 => Precision::Fp32,
            models::Precision::Int8 => Precision::Int8,
            models::Precision::Int8Onnx => Precision::Int8Onnx,
        },
        fingerprint,
    }
}

/// Pooling over tokens, in the engine's words.
fn token(pooling: models::Pooling) -> Pooling {
    match pooling {
        models::Pooling::Mean => Pooling::Mean,
        models::Pooling::Cls => Pooling::Cls,
        models::Pooling::LastToken => Pooling::LastToken,
    }
}
