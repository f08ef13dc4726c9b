//! A reranker that ships as its difference from an encoder this machine has.
//!
//! The file's metadata says what to add it to and how to use the result:
//!
//! - `format`: `trovato-rerank-delta/1`;
//! - `base`: a card's name or its repository on the hub, and `base_sha256`: the hash
//!   of its `model.safetensors`;
//! - `name`, of the model; absent: the file's;
//! - `max_tokens`; absent: the base's;
//! - `activation`, `sigmoid` or `linear`; absent: linear;
//! - `score_low` and `score_high`, the range of a linear one; absent: -10 and 10.
//!
//! The result is quantised per channel like any encoder, and kept in the cache
//! under the delta's own hash.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;

use super::convert::{PairModel, convert_error, read_config, weights_name};
use super::{ResolvedReranker, ScoreActivation, ScorePooling};
use crate::cache::{Folder, Lock, Origin, Staging};
use crate::card::{ModelCard, Precision};
use crate::catalog;
use crate::error::ModelError;
use crate::graph::{self, Delta, PairHead};
use crate::hash;
use crate::progress::{Progress, Task};
use crate::store::{Fetchable, Pull, Store, TOKENIZER, WEIGHTS};

/// The reranker that this project trains; `training/` holds the recipe and the model
/// card. In the program, so that it needs neither a network nor the repository.
const SHIPPED: &[u8] = include_bytes!("../../rerankers/trovato-rerank-xs.safetensors");

/// The form of file that this build reads.
const FORMAT: &str = "trovato-rerank-delta/1";

/// What the metadata says.
struct Described {
    base: String,
    base_sha256: String,
    name: Option<String>,
    max_tokens: Option<usize>,
    activation: ScoreActivation,
}

/// Makes a delta's reranker usable.
///
/// # Errors
/// [`ModelError::DeltaMetadata`]; [`ModelError::OtherBase`] when the base on this
/// machine is not the one it was trained from; those of fetching the base and of
/// conversion.
pub(super) fn resolve(
    store: &Store,
    path: &Path,
    precision: Option<Precision>,
    progress: &dyn Progress,
) -> Result<ResolvedReranker, ModelError> {
    let bytes = fs::read(path).map_err(ModelError::io("read", path))?;
    resolve_bytes(store, (&bytes, path), precision, progress)
}

/// The same for the reranker that ships.
pub(super) fn resolve_shipped(
    store: &Store,
    precision: Option<Precision>,
    progress: &dyn Progress,
) -> Result<ResolvedReranker, ModelError> {
    resolve_bytes(store, (SHIPPED, Path::new(super::SHIPPED_RERANKER)), precision, progress)
}

/// # Arguments
/// * `path` - where the bytes are from, for messages and the cache's folder.
fn resolve_bytes(
    store: &Store,
    (bytes, path): (&[u8], &Path),
    precision: Option<Precision>,
    progress: &dyn Progress,
) -> Result<ResolvedReranker, ModelError> {
    let described = Described::read(bytes, path)?;
    let card = base_card(&described.base)?;
    let base = store.fetched_folder(&Fetchable::of(card), Pull::IfMissing, progress)?;
    let found = base.file(WEIGHTS).map_or("", |file| file.sha256.as_str());
    if found != described.base_sha256 {
        return Err(ModelError::OtherBase {
            path: path.to_owned(),
            base: card.name.to_owned(),
            expected: described.base_sha256,
            found: found.to_owned(),
        });
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = described.name.unwrap_or_else(|| stem.clone());
    let max_tokens = described.max_tokens.unwrap_or(card.max_tokens);
    let content = [hash::of_bytes(bytes), found.to_owned()];
    let model = PairModel {
        name: &name,
        max_tokens,
        activation: described.activation,
        precision,
        tokenizer_path: base.path.join(TOKENIZER),
    };
    model.only_int8()?;
    let source = Source { bytes, path, base: &base, max_tokens };
    let weights = converted(store, &stem, (&content[0], &source), progress)?;
    Ok(model.of_weights(weights, ScorePooling::Mean, &content))
}

/// The card of a name, or of the repository that those who train know it by.
fn base_card(name: &str) -> Result<&'static ModelCard, ModelError> {
    let of_hub = catalog::catalog().iter().find(|card| card.hub.id == name);
    of_hub.map_or_else(|| catalog::card(name), Ok)
}

/// A delta and what it is added to.
struct Source<'a> {
    bytes: &'a [u8],
    path: &'a Path,
    base: &'a Folder,
    max_tokens: usize,
}

/// The weights file of this delta in the cache, made where it is missing.
fn converted(
    store: &Store,
    stem: &str,
    (delta_sha256, source): (&str, &Source<'_>),
    progress: &dyn Progress,
) -> Result<PathBuf, ModelError> {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { '-' };
    let stem: String = stem.chars().map(safe).take(40).collect();
    let target = store.settings().models().join(format!("delta-{stem}-{}", &delta_sha256[..16]));
    let name = weights_name();
    let has_weights = |folder: &Folder| folder.file(&name).is_some();
    if !Folder::open(&target).as_ref().is_some_and(has_weights) {
        let lock = Lock::acquire(&store.settings().locks(), &format!("delta-{stem}"), progress)?;
        if !Folder::open_or_repair(&target)?.as_ref().is_some_and(has_weights) {
            let _task = Task::start(progress, &format!("converting {stem}"), None);
            let checkpoint = source.base.path.join(WEIGHTS);
            let config = read_config(&checkpoint, source.max_tokens)?;
            let failed = |error| convert_error(&stem, error, &target);
            let delta = Delta::parse(source.bytes, source.path).map_err(failed)?;
            let mut staging = Staging::new(&target, &lock)?;
            staging.write(&name, Origin::Converted, |writer| {
                let head = PairHead::Delta(&delta);
                graph::write_pair_weights(&checkpoint, &config, head, writer).map_err(failed)
            })?;
            staging.publish(&target, format!("delta {}", source.path.display()), &lock)?;
        }
    }
    Ok(target.join(name))
}

impl Described {
    fn read(bytes: &[u8], path: &Path) -> Result<Self, ModelError> {
        let error = |reason: String| ModelError::DeltaMetadata { path: path.to_owned(), reason };
        let (_, metadata) = SafeTensors::read_metadata(bytes)
            .map_err(|source| error(format!("it is no whole safetensors file: {source}")))?;
        let none = HashMap::new();
        let entries = metadata.metadata().as_ref().unwrap_or(&none);
        let needed = |name: &str| {
            let entry = entries.get(name).cloned();
            entry.ok_or_else(|| error(format!("its metadata has no `{name}`")))
        };
        let format = needed("format")?;
        if format != FORMAT {
            return Err(error(format!(
                "its format is {format:?}, and this build reads {FORMAT:?}"
            )));
        }
        let number = |name: &str| -> Result<Option<f32>, ModelError> {
            let Some(text) = entries.get(name) else { return Ok(None) };
            let number = text.parse::<f32>().ok().filter(|number| number.is_finite());
            number.map(Some).ok_or_else(|| error(format!("`{name}` is {text:?}, no number")))
        };
        let activation = match entries.get("activation").map(String::as_str) {
            Some("sigmoid") => ScoreActivation::Sigmoid,
            None | Some("linear") => {
                let low = number("score_low")?.unwrap_or(ScoreActivation::UNSTATED_LOW);
                let high = number("score_high")?.unwrap_or(ScoreActivation::UNSTATED_HIGH);
                if low >= high {
                    return Err(error(format!("scores from {low} to {high} are no range")));
                }
                ScoreActivation::Linear { low, high }
            }
            Some(other) => {
                return Err(error(format!(
                    "`activation` is {other:?}; sigmoid and linear are known"
                )));
            }
        };
        let max_tokens = entries.get("max_tokens").map(|text| {
            let tokens = text.parse::<usize>().ok().filter(|&tokens| tokens > 0);
            tokens.ok_or_else(|| error(format!("`max_tokens` is {text:?}, no number of tokens")))
        });
        Ok(Self {
            base: needed("base")?,
            base_sha256: needed("base_sha256")?,
            name: entries.get("name").cloned(),
            max_tokens: max_tokens.transpose()?,
            activation,
        })
    }
}
