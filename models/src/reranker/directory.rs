//! A reranker in a directory of the user's own: `model.safetensors` of a BERT
//! classifier, converted as a card's would be, or `model.onnx`, of which a quantised copy
//! is made in the cache.
//!
//! What `config.json` leaves open has the meaning that sentence-transformers gives
//! it: one class and no named activation is a sigmoid.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::convert::PairModel;
use super::{ResolvedReranker, ScoreActivation};
use crate::card::Precision;
use crate::error::ModelError;
use crate::local;
use crate::progress::Progress;
use crate::store::{Store, TOKENIZER, WEIGHTS};

/// Where a graph may lie, in the order asked.
const GRAPHS: [&str; 2] = ["model.onnx", "onnx/model.onnx"];

/// A `model_max_length` from which a tokenizer means "none".
const NO_LIMIT: f64 = 1e6;

/// What `config.json` says about a model of pairs.
#[derive(Deserialize)]
struct StoredConfig {
    model_type: Option<String>,
    max_position_embeddings: Option<usize>,
    id2label: Option<Map<String, Value>>,
    num_labels: Option<usize>,
    /// Where newer files name the activation.
    sentence_transformers: Option<CrossEncoderConfig>,
    /// Where older files do.
    sbert_ce_default_activation_function: Option<String>,
}

#[derive(Deserialize)]
struct CrossEncoderConfig {
    activation_fn: Option<String>,
}

#[derive(Deserialize, Default)]
struct TokenizerConfig {
    /// A float: some files write 1e30 for "none".
    model_max_length: Option<f64>,
}

/// Makes a directory's reranker usable.
///
/// # Errors
/// [`ModelError::NotInDirectory`], [`ModelError::Config`],
/// [`ModelError::UnsupportedArchitecture`], [`ModelError::Convert`].
pub(super) fn resolve(
    store: &Store,
    directory: &Path,
    precision: Option<Precision>,
    progress: &dyn Progress,
) -> Result<ResolvedReranker, ModelError> {
    let directory = fs::canonicalize(directory).map_err(ModelError::io("find", directory))?;
    let missing = |file: &str| ModelError::NotInDirectory {
        directory: directory.clone(),
        file: file.to_owned(),
    };
    for needed in [TOKENIZER, "config.json"] {
        if !directory.join(needed).is_file() {
            return Err(missing(needed));
        }
    }
    let path = directory.join("config.json");
    let config: StoredConfig = read(&path)?;
    let config_error = |reason: String| ModelError::Config { path: path.clone(), reason };
    let labels = config.id2label.as_ref().map(Map::len).or(config.num_labels);
    if labels.is_some_and(|labels| labels != 1) {
        let labels = labels.unwrap_or(0);
        return Err(config_error(format!("has {labels} classes; a reranker has one")));
    }
    let activation = config.activation().map_err(config_error)?;
    let max_tokens = config
        .max_tokens(&directory)?
        .ok_or_else(|| config_error("names no max_position_embeddings".to_owned()))?;
    let graph = GRAPHS.map(|graph| directory.join(graph)).into_iter().find(|path| path.is_file());
    let checkpoint = directory.join(WEIGHTS);
    let is_bert = config.model_type.as_deref() == Some("bert") && checkpoint.is_file();
    let decisive = decisive_files(&directory, graph.as_deref().filter(|_| !is_bert))?;
    let folder = local::derived(store, &directory, &decisive, progress)?;
    let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let tokenizer_path = folder.path.join(TOKENIZER);
    let model = PairModel { name: &name, max_tokens, activation, precision, tokenizer_path };
    match graph {
        _ if is_bert => model.of_checkpoint(store, &checkpoint, folder, progress),
        Some(graph) => model.of_graph(store, graph, folder, progress),
        None => Err(missing("model.onnx, nor model.safetensors of a BERT classifier")),
    }
}

impl StoredConfig {
    fn activation(&self) -> Result<ScoreActivation, String> {
        let newer = self.sentence_transformers.as_ref().and_then(|it| it.activation_fn.as_deref());
        let named = newer.or(self.sbert_ce_default_activation_function.as_deref());
        match named.map(|name| name.rsplit('.').next().unwrap_or(name)) {
            None | Some("Sigmoid") => Ok(ScoreActivation::Sigmoid),
            Some("Identity") => Ok(ScoreActivation::UNSTATED_RANGE),
            Some(other) => {
                Err(format!("names the activation `{other}`; Sigmoid and Identity can be used"))
            }
        }
    }

    /// The smaller of what the tokenizer and the positions allow.
    fn max_tokens(&self, directory: &Path) -> Result<Option<usize>, ModelError> {
        let path = directory.join("tokenizer_config.json");
        let tokenizer: TokenizerConfig =
            if path.is_file() { read(&path)? } else { TokenizerConfig::default() };
        let stated = tokenizer.model_max_length.filter(|&length| (1.0..NO_LIMIT).contains(&length));
        // RoBERTa's positions begin at 2.
        let before = match self.model_type.as_deref() {
            Some("roberta" | "xlm-roberta" | "camembert") => 2,
            _ => 0,
        };
        let room = self.max_position_embeddings.map(|positions| positions.saturating_sub(before));
        let stated = stated.map(|length| length as usize);
        Ok([stated, room].into_iter().flatten().min())
    }
}

/// Every file whose change changes a score.
fn decisive_files(directory: &Path, graph: Option<&Path>) -> Result<Vec<PathBuf>, ModelError> {
    let mut files: Vec<PathBuf> = ["config.json", TOKENIZER, "tokenizer_config.json", WEIGHTS]
        .iter()
        .map(|file| directory.join(file))
        .filter(|path| path.is_file() && (graph.is_none() || !path.ends_with(WEIGHTS)))
        .collect();
    if let Some(graph) = graph {
        // A graph's weights may be in files such as `model.onnx_data`.
        let folder = graph.parent().unwrap_or(directory);
        let stem = graph.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let listing = fs::read_dir(folder).map_err(ModelError::io("list", folder))?;
        files.extend(listing.flatten().map(|entry| entry.path()).filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&stem))
        }));
    }
    files.sort();
    Ok(files)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    let bytes = fs::read(path).map_err(ModelError::io("read", path))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ModelError::Config { path: path.to_owned(), reason: error.to_string() })
}
