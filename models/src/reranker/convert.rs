//! From what is known about a model of pairs to a resolved one, converting a BERT
//! checkpoint where the cache has no weights of it yet.

use std::fs;
use std::path::{Path, PathBuf};

use super::{RerankerFiles, ResolvedReranker, ScoreActivation, ScorePooling, fingerprint};
use crate::cache::{Folder, Lock, Origin, Staging};
use crate::card::Precision;
use crate::error::ModelError;
use crate::graph::{self, BertConfig, CONVERTER_VERSION, ConvertError, PairHead, WEIGHTS_VERSION};
use crate::progress::{Progress, Task};
use crate::store::Store;

/// The converted weights' file name.
pub(super) fn weights_name() -> String {
    format!("pairs-int8-v{WEIGHTS_VERSION}.safetensors")
}

/// What is known about a model before its numbers are.
pub(super) struct PairModel<'a> {
    pub(super) name: &'a str,
    pub(super) max_tokens: usize,
    pub(super) activation: ScoreActivation,
    pub(super) tokenizer_path: PathBuf,
}

impl PairModel<'_> {
    /// A graph, used where it lies.
    ///
    /// # Arguments
    /// * `content` - hashes of the files that decide a score.
    pub(super) fn of_graph(&self, path: PathBuf, content: &[String]) -> ResolvedReranker {
        let decisive = format!("{content:?} {CONVERTER_VERSION} {}", self.use_of_it());
        self.resolved(RerankerFiles::Graph { path }, Precision::Fp32, &decisive)
    }

    /// 8-bit weights that are there.
    pub(super) fn of_weights(
        &self,
        path: PathBuf,
        pooling: ScorePooling,
        content: &[String],
    ) -> ResolvedReranker {
        let decisive = format!("{content:?} {WEIGHTS_VERSION} {pooling:?} {}", self.use_of_it());
        let files = RerankerFiles::Weights { path, pooling };
        self.resolved(files, Precision::Int8, &decisive)
    }

    /// A BERT classifier's checkpoint, converted into `folder` if it is not yet.
    ///
    /// # Errors
    /// [`ModelError::UnsupportedArchitecture`] for other models, and for sizes that
    /// the engine's forward pass does not take; [`ModelError::Convert`].
    pub(super) fn of_checkpoint(
        &self,
        store: &Store,
        checkpoint: &Path,
        mut folder: Folder,
        progress: &dyn Progress,
    ) -> Result<ResolvedReranker, ModelError> {
        let name = weights_name();
        if folder.file(&name).is_none() {
            let config = read_config(checkpoint, self.max_tokens)?;
            let lock_name = folder.path.file_name().unwrap_or_default().to_string_lossy();
            let lock = Lock::acquire(&store.settings().locks(), &lock_name, progress)?;
            // Another process may have converted while this one waited.
            if let Some(current) = Folder::open(&folder.path) {
                folder = current;
            }
            if folder.file(&name).is_none() {
                let _task = Task::start(progress, &format!("converting {}", self.name), None);
                let mut staging = Staging::new(&folder.path.join(&name), &lock)?;
                staging.write(&name, Origin::Converted, |writer| {
                    graph::write_pair_weights(checkpoint, &config, PairHead::Classifier, writer)
                        .map_err(|source| convert_error(self.name, source, &folder.path))
                })?;
                folder.add(&staging)?;
            }
        }
        let content = folder.fetched_hashes();
        Ok(self.of_weights(folder.path.join(&name), ScorePooling::Cls, &content))
    }

    /// What of a model's use decides its scores.
    fn use_of_it(&self) -> String {
        format!("{} {:?}", self.max_tokens, self.activation)
    }

    fn resolved(
        &self,
        files: RerankerFiles,
        precision: Precision,
        decisive: &str,
    ) -> ResolvedReranker {
        ResolvedReranker {
            name: self.name.to_owned(),
            files,
            tokenizer_path: self.tokenizer_path.clone(),
            max_tokens: self.max_tokens,
            activation: self.activation,
            precision,
            fingerprint: fingerprint(self.name, precision, decisive),
        }
    }
}

/// The sizes in the `config.json` beside a checkpoint, if the engine's forward pass
/// takes them.
pub(super) fn read_config(checkpoint: &Path, max_tokens: usize) -> Result<BertConfig, ModelError> {
    let path = checkpoint.with_file_name("config.json");
    let json = fs::read(&path).map_err(ModelError::io("read", &path))?;
    let config = BertConfig::parse(&json, &path)?;
    if max_tokens > config.positions || !graph::fits_pair_weights(&config, max_tokens) {
        let BertConfig { hidden, positions, .. } = config;
        let found = format!(
            "bert of {hidden} components and {positions} positions, which cannot be run with \
             {max_tokens} tokens"
        );
        return Err(ModelError::UnsupportedArchitecture { found, path });
    }
    Ok(config)
}

pub(super) fn convert_error(model: &str, source: ConvertError, writing: &Path) -> ModelError {
    if let ConvertError::Write(error) = source {
        ModelError::io("write", writing)(error)
    } else {
        ModelError::Convert { model: model.to_owned(), source }
    }
}
