//! From what is known about a model of pairs to a resolved one, converting a BERT
//! checkpoint where the cache has no weights of it yet.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{RerankerFiles, ResolvedReranker, ScoreActivation, ScorePooling, fingerprint};
use crate::cache::{Folder, Lock, Origin, Staging};
use crate::card::Precision;
use crate::error::ModelError;
use crate::graph::{
    self, BertConfig, CONVERTER_VERSION, ConvertError, GraphPrecision, PairHead, WEIGHTS_VERSION,
    WeightCode,
};
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
    /// What was asked for; `None`: the smallest there is.
    pub(super) precision: Option<Precision>,
    pub(super) tokenizer_path: PathBuf,
}

impl PairModel<'_> {
    /// A graph: a copy in `folder` with 8-bit weights, made if it is not there yet; used
    /// where it lies when floats are asked for, or there is nothing to quantise.
    ///
    /// # Errors
    /// [`ModelError::Convert`] for a file that is no graph.
    pub(super) fn of_graph(
        &self,
        store: &Store,
        path: PathBuf,
        mut folder: Folder,
        progress: &dyn Progress,
    ) -> Result<ResolvedReranker, ModelError> {
        let decisive =
            format!("{:?} {CONVERTER_VERSION} {}", folder.fetched_hashes(), self.use_of_it());
        if self.precision == Some(Precision::Fp32) {
            return Ok(self.resolved(RerankerFiles::Graph { path }, Precision::Fp32, &decisive));
        }
        let code = WeightCode::of_this_machine();
        let name = format!("{}.onnx", GraphPrecision::Int8(code).stem());
        if folder.file(&name).is_none() {
            let quantize = || {
                graph::quantize_graph(&path, code)
                    .map_err(|source| convert_error(self.name, source, &folder.path))
            };
            let Some(bytes) = quantize()? else {
                // Its products are quantised already, or not of a kind that is known here.
                return Ok(self.resolved(
                    RerankerFiles::Graph { path },
                    Precision::Fp32,
                    &decisive,
                ));
            };
            self.convert(store, &mut folder, &name, progress, |writer| {
                writer.write_all(&bytes).map_err(ConvertError::Write)
            })?;
        }
        let path = folder.path.join(&name);
        Ok(self.resolved(RerankerFiles::Graph { path }, Precision::Int8Onnx, &decisive))
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
        self.only_int8()?;
        let name = weights_name();
        if folder.file(&name).is_none() {
            let config = read_config(checkpoint, self.max_tokens)?;
            self.convert(store, &mut folder, &name, progress, |writer| {
                graph::write_pair_weights(checkpoint, &config, PairHead::Classifier, writer)
            })?;
        }
        let content = folder.fetched_hashes();
        Ok(self.of_weights(folder.path.join(&name), ScorePooling::Cls, &content))
    }

    /// Adds the file `name` to a folder, unless another process did meanwhile.
    fn convert(
        &self,
        store: &Store,
        folder: &mut Folder,
        name: &str,
        progress: &dyn Progress,
        write: impl FnOnce(&mut dyn Write) -> Result<(), ConvertError>,
    ) -> Result<(), ModelError> {
        let lock_name = folder.path.file_name().unwrap_or_default().to_string_lossy();
        let lock = Lock::acquire(&store.settings().locks(), &lock_name, progress)?;
        if let Some(current) = Folder::open(&folder.path) {
            *folder = current;
        }
        if folder.file(name).is_some() {
            return Ok(());
        }
        let _task = Task::start(progress, &format!("converting {}", self.name), None);
        let mut staging = Staging::new(&folder.path.join(name), &lock)?;
        staging.write(name, Origin::Converted, |writer| {
            write(writer).map_err(|source| convert_error(self.name, source, &folder.path))
        })?;
        folder.add(&staging)
    }

    /// Refuses a precision that a model cannot be had in.
    ///
    /// # Errors
    /// [`ModelError::RerankerPrecision`].
    pub(super) fn only_int8(&self) -> Result<(), ModelError> {
        match self.precision {
            None | Some(Precision::Int8) => Ok(()),
            Some(given) => Err(ModelError::RerankerPrecision { name: self.name.to_owned(), given }),
        }
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
