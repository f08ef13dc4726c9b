//! A model in a directory of the user's own: `model.safetensors` (converted as
//! a card's would be) or `model.onnx` (used where it lies).
//!
//! The directory is only read. What is derived from it goes to the cache, in a
//! folder named by the directory's path and its files' sizes and times, so
//! that a changed model is converted anew.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::cache::{Folder, Lock, Origin, Staging};
use crate::card::Precision;
use crate::description::{Description, Transformer};
use crate::error::ModelError;
use crate::hash;
use crate::progress::Progress;
use crate::store::{Convertible, GraphOutput, ResolvedModel, Store, TOKENIZER, Usable, WEIGHTS};

const READY_GRAPH: &str = "model.onnx";
/// Holds the ready graph's hash, which is too long to compute at every start.
const GRAPH_HASH: &str = "graph.sha256";

pub(crate) fn resolve(
    store: &Store,
    directory: &Path,
    precision: Option<Precision>,
    progress: &dyn Progress,
) -> Result<ResolvedModel, ModelError> {
    let directory = fs::canonicalize(directory).map_err(ModelError::io("find", directory))?;
    let has = |file: &str| directory.join(file).is_file();
    let missing = |file: &str| ModelError::NotInDirectory {
        directory: directory.clone(),
        file: file.to_owned(),
    };
    let transformer = if has(WEIGHTS) {
        Transformer::Checkpoint
    } else if has(READY_GRAPH) {
        Transformer::ReadyGraph
    } else {
        return Err(missing("model.safetensors or model.onnx"));
    };
    if let Some(file) = [TOKENIZER, "config.json"].into_iter().find(|file| !has(file)) {
        return Err(missing(file));
    }
    let description = Description::read(&directory, transformer)?;
    let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = decisive_files(&directory, &description)?;
    let folder = derived(store, &directory, &files, progress)?;
    match transformer {
        Transformer::Checkpoint => {
            let weights_path = directory.join(WEIGHTS);
            let model = Convertible { name: &name, description, weights_path };
            store.with_graph(&model, folder, precision.unwrap_or(Precision::Int8), progress)
        }
        Transformer::ReadyGraph if precision == Some(Precision::Int8) => {
            Err(ModelError::ReadyGraph { path: directory })
        }
        Transformer::ReadyGraph => {
            let hash = |path| folder.file(path).map(|file| file.sha256.clone());
            Ok(description.resolved(&Usable {
                name: &name,
                graph_path: directory.join(READY_GRAPH),
                tokenizer_path: folder.path.join(TOKENIZER),
                output: GraphOutput::Tokens { pooling: description.pooling },
                precision: Precision::Fp32,
                content: [GRAPH_HASH, TOKENIZER].into_iter().filter_map(hash).collect(),
            }))
        }
    }
}

/// Every file whose change changes a vector.
fn decisive_files(directory: &Path, description: &Description) -> Result<Vec<PathBuf>, ModelError> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(ModelError::io("list", directory))?
        .into_iter()
        .map(|entry| entry.path())
        // A ready graph's weights may be in files such as `model.onnx_data`.
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let json = path.extension().is_some_and(|extension| extension == "json");
            path.is_file() && (json || name == WEIGHTS || name.starts_with(READY_GRAPH))
        })
        .collect();
    files.extend(description.dense.iter().map(|layer| layer.weights_path.clone()));
    files.sort();
    Ok(files)
}

/// The cache folder for this state of the directory, made where it is missing.
fn derived(
    store: &Store,
    directory: &Path,
    files: &[PathBuf],
    progress: &dyn Progress,
) -> Result<Folder, ModelError> {
    let models = store.settings().models();
    let stem = folder_stem(directory);
    let target = models.join(format!("{stem}{}", &state(files)?[..8]));
    if let Some(folder) = Folder::open(&target) {
        return Ok(folder);
    }
    let lock = Lock::acquire(&store.settings().locks(), stem.trim_end_matches('-'), progress)?;
    if let Some(folder) = Folder::open_or_restamp(&target)? {
        return Ok(folder);
    }
    for entry in fs::read_dir(&models).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&stem) {
            // Derived from an earlier state; a failure costs only space.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let mut staging = Staging::new(&target, &lock)?;
    let tokenizer = directory.join(TOKENIZER);
    staging.write(TOKENIZER, Origin::FirstFetch, |mut writer| {
        let mut file = File::open(&tokenizer).map_err(ModelError::io("open", &tokenizer))?;
        io::copy(&mut file, &mut writer).map_err(ModelError::io("copy", &tokenizer))?;
        Ok(())
    })?;
    let graph = files.iter().filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(READY_GRAPH))
    });
    let mut hashes = String::new();
    for path in graph {
        hashes.push_str(&hash::of_file(path).map_err(ModelError::io("read", path))?);
        hashes.push('\n');
    }
    staging.write(GRAPH_HASH, Origin::FirstFetch, |writer| {
        writer.write_all(hashes.as_bytes()).map_err(ModelError::io("write", &target))
    })?;
    staging.publish(&target, format!("directory {}", directory.display()), &lock)
}

/// `local-NAME-PATHHASH-`, in characters that any file system takes.
fn folder_stem(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { '-' };
    let name: String = name.chars().map(safe).take(40).collect();
    let hash = hash::of_bytes(directory.as_os_str().as_encoded_bytes());
    format!("local-{name}-{}-", &hash[..8])
}

/// Changes when a file's size or time does.
fn state(files: &[PathBuf]) -> Result<String, ModelError> {
    let mut lines = String::new();
    for path in files {
        let metadata = fs::metadata(path).map_err(ModelError::io("read", path))?;
        let modified = metadata.modified().ok();
        let ns = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let name = path.display();
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{name} {} {:?}", metadata.len(), ns.map(|ns| ns.as_nanos()));
    }
    Ok(hash::of_bytes(lines.as_bytes()))
}
