//! Encoders for the subcommands: by name, or the one an index was built with.

use std::path::Path;

use anyhow::Context;
use engine::Manifest;
use eval::{LoadedEncoder, load_encoder};
use models::Progress;

/// The encoder whose vectors the index at `dir` holds.
///
/// # Errors
/// When there is no index, or its model cannot be loaded.
pub(crate) fn for_index(dir: &Path, progress: &dyn Progress) -> anyhow::Result<LoadedEncoder> {
    let manifest = Manifest::read(dir)?;
    load_encoder(&manifest.encoder.name, progress)
        .with_context(|| format!("the encoder of {}", dir.display()))
}
