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
use crate::store::{
    Convertible, GraphOutput, ModelFiles, ResolvedModel, Store, TOKENIZER, Usable, WEIGHTS,
};

const READY_GRAPH: &str = "model.onnx";
/// Lists the decisive files' hashes, which take too long to compute at every
/// start.
const SOURCE_HASHES: &str = "source.sha256";

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
            store.with_files(&model, folder, precision.unwrap_or(Precision::Int8), progress)
        }
        Transformer::ReadyGraph if precision.is_some_and(|given| given != Precision::Fp32) => {
            Err(ModelError::ReadyGraph { path: directory })
        }
        Transformer::ReadyGraph => Ok(description.resolved(&Usable {
            name: &name,
            files: ModelFiles::Graph {
                path: directory.join(READY_GRAPH),
                output: GraphOutput::Tokens { pooling: description.pooling },
            },
            tokenizer_path: folder.path.join(TOKENIZER),
            precision: Precision::Fp32,
            content: folder.fetched_hashes(),
        })),
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
///
/// # Arguments
/// * `files` - every file whose change changes what the model computes.
pub(crate) fn derived(
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
    if let Some(folder) = Folder::open_or_repair(&target)? {
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
    let mut hashes = String::new();
    for path in files {
        let hash = hash::of_file(path).map_err(ModelError::io("read", path))?;
        let name = path.strip_prefix(directory).unwrap_or(path).display();
        // Writing to a String cannot fail.
        let _ = writeln!(hashes, "{hash}  {name}");
    }
    staging.write(SOURCE_HASHES, Origin::FirstFetch, |writer| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::{CONFIG, write_checkpoint};
    use crate::progress::Silent;
    use crate::settings::{Hub, Settings};

    fn store(home: &Path) -> Store {
        Store::new(Settings {
            home: home.to_owned(),
            models_dir: None,
            hub: Hub::Offline,
            pip: Vec::new(),
            runtime_library: None,
        })
    }

    fn model(directory: &Path) {
        fs::create_dir(directory.join("1_Pooling")).unwrap();
        let pooling = r#"{"pooling_mode_mean_tokens": true}"#;
        fs::write(directory.join("1_Pooling/config.json"), pooling).unwrap();
        fs::write(directory.join("config.json"), CONFIG).unwrap();
        fs::write(directory.join(TOKENIZER), "{}").unwrap();
    }

    fn try_resolve(home: &Path, name: &str) -> Result<ResolvedModel, ModelError> {
        store(home).resolve(name, &Silent)
    }

    #[test]
    fn a_checkpoint_is_converted_once_and_again_when_it_changes() {
        let (home, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        model(directory.path());
        write_checkpoint(&directory.path().join(WEIGHTS));
        let name = directory.path().to_str().unwrap();

        let first = try_resolve(home.path(), name).unwrap();
        assert_eq!((first.precision, first.dim, first.max_tokens), (Precision::Int8Onnx, 8, 16));
        assert!(first.files.path().is_file() && first.tokenizer_path.is_file());
        let made = fs::metadata(first.files.path()).unwrap().modified().unwrap();
        assert_eq!(try_resolve(home.path(), name).unwrap(), first);
        assert_eq!(fs::metadata(first.files.path()).unwrap().modified().unwrap(), made);

        let full = try_resolve(home.path(), &format!("{name}@fp32")).unwrap();
        assert_ne!(full.fingerprint, first.fingerprint);
        assert!(first.files.path().is_file(), "precisions live side by side");

        fs::write(directory.path().join(TOKENIZER), "{ }").unwrap();
        let changed = try_resolve(home.path(), name).unwrap();
        assert_ne!(changed.fingerprint, first.fingerprint);
        assert!(!first.files.path().exists(), "the earlier state is swept");
        assert_eq!(store(home.path()).verify(None).unwrap().len(), 4);
    }

    #[test]
    fn a_damaged_graph_is_never_used() {
        let (home, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        model(directory.path());
        write_checkpoint(&directory.path().join(WEIGHTS));
        let name = directory.path().to_str().unwrap();
        let first = try_resolve(home.path(), name).unwrap();
        let whole = fs::read(first.files.path()).unwrap();
        fs::write(first.files.path(), &whole[..whole.len() / 2]).unwrap();
        assert_eq!(try_resolve(home.path(), name).unwrap(), first);
        assert_eq!(fs::read(first.files.path()).unwrap(), whole, "converted anew");
    }

    #[test]
    fn a_ready_graph_is_used_where_it_lies_and_in_its_own_precision() {
        let (home, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        model(directory.path());
        fs::write(directory.path().join(READY_GRAPH), "graph").unwrap();
        let name = directory.path().to_str().unwrap();
        let found = try_resolve(home.path(), name).unwrap();
        assert_eq!(found.precision, Precision::Fp32);
        let lies = directory.path().canonicalize().unwrap().join(READY_GRAPH);
        assert_eq!(found.files.path(), lies);
        let error = try_resolve(home.path(), &format!("{name}@int8")).unwrap_err();
        assert!(matches!(error, ModelError::ReadyGraph { .. }), "{error}");

        fs::write(directory.path().join("model.onnx_data"), "weights").unwrap();
        let changed = try_resolve(home.path(), name).unwrap();
        assert_ne!(changed.fingerprint, found.fingerprint);
    }

    #[test]
    fn what_is_missing_is_named() {
        let (home, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = directory.path().to_str().unwrap();
        let message = || try_resolve(home.path(), name).unwrap_err().to_string();
        assert!(message().contains("model.safetensors or model.onnx"), "{}", message());
        fs::write(directory.path().join(WEIGHTS), "").unwrap();
        assert!(message().contains(TOKENIZER), "{}", message());
        model(directory.path());
        assert!(message().contains("safetensors"), "{}", message());
    }
}
