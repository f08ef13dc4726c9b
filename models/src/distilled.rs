//! Static encoders that were distilled on this machine: kept beside the fetched
//! models, or in a directory of the user's choice.
//!
//! What is in such a folder is decided elsewhere; here it is stored whole or not
//! at all, found by name, and given a fingerprint.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cache::{Folder, Lock, Origin, Staging};
use crate::catalog;
use crate::error::ModelError;
use crate::hash;
use crate::progress::Progress;
use crate::store::{Store, TOKENIZER};

/// Describes the folder; its presence makes it a static encoder's.
pub(crate) const DESCRIPTION: &str = "static.json";
const TABLE: &str = "table.bin";

/// Version of [`DESCRIPTION`] and of what the engine computes from a table:
/// raised when either changes, so that old vectors are not compared with new.
const FORMAT: u32 = 1;

/// Who reads queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryEncoder {
    /// The table, as it reads passages: `NAME`.
    Table,
    /// The model it was distilled from: `NAME@teacher`.
    Teacher,
}

/// The space that a table's rows lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Space {
    /// The teacher's: vectors of both may be compared.
    Teacher,
    /// A projection of its own.
    Own,
}

/// What is known about a static encoder besides its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticDescription {
    /// The encoder it was distilled from, by the name that loads it.
    pub teacher: String,
    /// Its fingerprint at that time: the space is that model's and no other's.
    pub teacher_fingerprint: String,
    /// Where the rows lie.
    pub space: Space,
    /// Longest input in tokens, special tokens included.
    pub max_tokens: usize,
    /// Components of a vector.
    pub dim: usize,
    /// Texts of a corpus that the rows were fitted to; 0 without a corpus.
    pub fitted_texts: usize,
}

/// [`DESCRIPTION`] as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    #[serde(flatten)]
    description: StaticDescription,
}

/// A static encoder whose files are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticModel {
    /// The name that loads it again, `@teacher` included.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// The table.
    pub table_path: PathBuf,
    /// The teacher's `tokenizer.json`.
    pub tokenizer_path: PathBuf,
    /// What else is known.
    pub description: StaticDescription,
    /// Who reads queries.
    pub queries: QueryEncoder,
    /// `NAME@static-HASH`, of the table alone: what reads queries adds its own.
    pub fingerprint: String,
}

/// Files of a new static encoder.
#[derive(Clone, Copy, Debug)]
pub struct NewStaticModel<'a> {
    /// The table, to be copied.
    pub table: &'a Path,
    /// The teacher's `tokenizer.json`, to be copied.
    pub tokenizer: &'a Path,
    /// What else is to be remembered.
    pub description: &'a StaticDescription,
}

/// Where a static encoder is kept.
struct Destination {
    /// What users write.
    name: String,
    path: PathBuf,
}

impl Store {
    /// The static encoder of this name, if it is one.
    ///
    /// # Arguments
    /// * `name` - `NAME[@teacher]`: a name in the cache or a directory.
    ///
    /// # Returns
    /// `None` when the name is not that of a static encoder.
    ///
    /// # Errors
    /// [`ModelError::StaticVariant`], [`ModelError::OtherSpace`],
    /// [`ModelError::DamagedStatic`].
    pub fn static_model(&self, name: &str) -> Result<Option<StaticModel>, ModelError> {
        let (base, variant) = match name.rsplit_once('@') {
            Some((base, variant)) if !variant.contains(['/', '\\']) => (base, Some(variant)),
            Some(_) | None => (name, None),
        };
        let directory = Path::new(base);
        let destination = if directory.join(DESCRIPTION).is_file() && is_path(base) {
            Destination::directory(directory)?
        } else if check_name(base).is_ok() {
            Destination { name: base.to_owned(), path: self.settings().models().join(base) }
        } else {
            return Ok(None);
        };
        if !destination.path.join(DESCRIPTION).is_file() {
            return Ok(None);
        }
        let queries = match variant {
            None => QueryEncoder::Table,
            Some("teacher") => QueryEncoder::Teacher,
            Some(given) => {
                return Err(ModelError::StaticVariant {
                    name: base.to_owned(),
                    given: given.to_owned(),
                });
            }
        };
        destination.open(queries).map(Some)
    }

    /// Where a new static encoder would be kept, having checked that it can be:
    /// to be asked before the work is done.
    ///
    /// # Errors
    /// [`ModelError::StaticName`] for a name that a card has or that is no
    /// folder name; [`ModelError::NotStatic`] when something else is there.
    pub fn static_destination(&self, name: &str) -> Result<PathBuf, ModelError> {
        self.destination(name).map(|destination| destination.path)
    }

    /// Copies a static encoder's files to their place, replacing an earlier one
    /// of the same name.
    ///
    /// # Arguments
    /// * `name` - a name for the cache, or the path of a directory, known by a
    ///   separator in it.
    ///
    /// # Errors
    /// As [`Store::static_destination`], and failures of the file system.
    pub fn keep_static(
        &self,
        name: &str,
        new: &NewStaticModel<'_>,
        progress: &dyn Progress,
    ) -> Result<StaticModel, ModelError> {
        let destination = self.destination(name)?;
        let lock_name = format!("static-{}", &hash::of_bytes(destination.name.as_bytes())[..16]);
        let lock = Lock::acquire(&self.settings().locks(), &lock_name, progress)?;
        let mut staging = Staging::new(&destination.path, &lock)?;
        for (file, from) in [(TABLE, new.table), (TOKENIZER, new.tokenizer)] {
            // No card vouches for them, and they cannot be computed again from
            // the folder's other files.
            staging.write(file, Origin::FirstFetch, |mut writer| {
                let mut source = File::open(from).map_err(ModelError::io("open", from))?;
                io::copy(&mut source, &mut writer).map_err(ModelError::io("copy", from))?;
                Ok(())
            })?;
        }
        let stored = Stored { format: FORMAT, description: new.description.clone() };
        let json = serde_json::to_vec_pretty(&stored).expect("strings and numbers are JSON");
        staging.write(DESCRIPTION, Origin::FirstFetch, |writer| {
            writer.write_all(&json).map_err(ModelError::io("write", &destination.path))
        })?;
        let source = format!("a distillation of {}", new.description.teacher);
        staging.publish(&destination.path, source, &lock)?;
        destination.open(QueryEncoder::Table)
    }

    fn destination(&self, name: &str) -> Result<Destination, ModelError> {
        let destination = if is_path(name) {
            Destination::directory(Path::new(name))?
        } else {
            check_name(name)?;
            Destination { name: name.to_owned(), path: self.settings().models().join(name) }
        };
        let path = &destination.path;
        let empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if path.exists() && !path.join(DESCRIPTION).is_file() && !empty() {
            return Err(ModelError::NotStatic { path: path.clone() });
        }
        Ok(destination)
    }
}

impl Destination {
    /// A directory is called by its full path, so that an index finds it again
    /// from anywhere.
    fn directory(path: &Path) -> Result<Self, ModelError> {
        let path = std::path::absolute(path).map_err(ModelError::io("find", path))?;
        Ok(Self { name: path.to_string_lossy().into_owned(), path })
    }

    fn open(&self, queries: QueryEncoder) -> Result<StaticModel, ModelError> {
        let damaged = |reason: String| ModelError::DamagedStatic {
            name: self.name.clone(),
            path: self.path.clone(),
            reason,
        };
        // A copied folder has other times: hashed once, then remembered.
        let folder = Folder::open_or_repair(&self.path)?
            .ok_or_else(|| damaged("a file is missing or has changed".to_owned()))?;
        let hash_of = |file: &str| {
            let stored = folder.file(file).map(|file| file.sha256.clone());
            stored.ok_or_else(|| damaged(format!("its manifest does not name {file}")))
        };
        let at = self.path.join(DESCRIPTION);
        let bytes = fs::read(&at).map_err(ModelError::io("read", &at))?;
        let Stored { format, description } = serde_json::from_slice(&bytes)
            .map_err(|error| damaged(format!("{DESCRIPTION}: {error}")))?;
        if format != FORMAT {
            return Err(damaged(format!("it has format {format}, this version reads {FORMAT}")));
        }
        if queries == QueryEncoder::Teacher && description.space != Space::Teacher {
            return Err(ModelError::OtherSpace {
                name: self.name.clone(),
                dim: description.dim,
                teacher: description.teacher,
            });
        }
        let (table, tokenizer) = (hash_of(TABLE)?, hash_of(TOKENIZER)?);
        let decisive = format!("{FORMAT} {table} {tokenizer} {}", description.max_tokens);
        let short = Path::new(&self.name).file_name().unwrap_or_default().to_string_lossy();
        let hash = hash::of_bytes(decisive.as_bytes());
        Ok(StaticModel {
            name: match queries {
                QueryEncoder::Table => self.name.clone(),
                QueryEncoder::Teacher => format!("{}@teacher", self.name),
            },
            fingerprint: format!("{short}@static-{}", &hash[..16]),
            table_path: self.path.join(TABLE),
            tokenizer_path: self.path.join(TOKENIZER),
            path: self.path.clone(),
            description,
            queries,
        })
    }
}

/// Whether a name is meant as a directory.
fn is_path(name: &str) -> bool {
    name.contains(['/', '\\'])
}

fn check_name(name: &str) -> Result<(), ModelError> {
    let refused = |reason| Err(ModelError::StaticName { given: name.to_owned(), reason });
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return refused(
            "a name has letters, digits, `.`, `_` and `-` and does not begin with a dot",
        );
    }
    if catalog::card(name).is_ok() {
        return refused("a model of the catalog is called so");
    }
    if name.starts_with("local-") {
        return refused("names that begin with `local-` are those of converted directories");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
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

    fn description(space: Space) -> StaticDescription {
        StaticDescription {
            teacher: "all-MiniLM-L6-v2@int8".into(),
            teacher_fingerprint: "f".into(),
            space,
            max_tokens: 256,
            dim: 3,
            fitted_texts: 0,
        }
    }

    fn keep(
        store: &Store,
        name: &str,
        table: &str,
        space: Space,
    ) -> Result<StaticModel, ModelError> {
        let files = tempfile::tempdir().unwrap();
        let (table_path, tokenizer) = (files.path().join("t"), files.path().join("k"));
        fs::write(&table_path, table).unwrap();
        fs::write(&tokenizer, "{}").unwrap();
        let description = description(space);
        let new =
            NewStaticModel { table: &table_path, tokenizer: &tokenizer, description: &description };
        store.keep_static(name, &new, &Silent)
    }

    #[test]
    fn what_is_kept_is_found_by_name_and_identified_by_content() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path());
        assert_eq!(store.static_model("notes").unwrap(), None);
        let kept = keep(&store, "notes", "1", Space::Teacher).unwrap();
        assert_eq!(store.static_model("notes").unwrap().unwrap(), kept);
        assert_eq!(fs::read_to_string(&kept.table_path).unwrap(), "1");
        let pair = store.static_model("notes@teacher").unwrap().unwrap();
        assert_eq!((pair.name.as_str(), pair.queries), ("notes@teacher", QueryEncoder::Teacher));
        assert_eq!(pair.fingerprint, kept.fingerprint);

        let replaced = keep(&store, "notes", "2", Space::Teacher).unwrap();
        assert_ne!(replaced.fingerprint, kept.fingerprint);
        let listed: Vec<_> = store.list().into_iter().filter(|m| m.name == "notes").collect();
        assert!(listed.len() == 1 && listed[0].cached.as_ref().unwrap().is_static_model());
        assert_eq!(store.verify(Some("notes")).unwrap().len(), 3);
    }

    #[test]
    fn a_directory_of_ones_own_serves_and_nothing_else_is_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path());
        let own = home.path().join("own");
        let kept = keep(&store, own.to_str().unwrap(), "1", Space::Own).unwrap();
        assert_eq!(kept.name, own.to_str().unwrap());
        assert_eq!(store.static_model(&kept.name).unwrap().unwrap(), kept);

        let other = home.path().join("thesis");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("chapter.md"), "years of work").unwrap();
        let error = keep(&store, other.to_str().unwrap(), "1", Space::Own).unwrap_err();
        assert!(matches!(error, ModelError::NotStatic { .. }), "{error}");
        assert!(other.join("chapter.md").is_file());
        assert_eq!(store.static_model(other.to_str().unwrap()).unwrap(), None);
    }

    #[test]
    fn names_and_variants_that_cannot_be_are_refused_with_what_can() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path());
        for name in ["", ".hidden", "a b", "all-minilm-l6-v2", "local-x", "a@b"] {
            let error = keep(&store, name, "1", Space::Own).unwrap_err();
            assert!(matches!(error, ModelError::StaticName { .. }), "{name}: {error}");
        }
        keep(&store, "small", "1", Space::Own).unwrap();
        let message = |name: &str| store.static_model(name).unwrap_err().to_string();
        assert!(message("small@teacher").contains("--dim"), "{}", message("small@teacher"));
        assert!(message("small@int8").contains("small@teacher"), "{}", message("small@int8"));
    }

    #[test]
    fn a_damaged_file_is_noticed_and_its_remedy_told() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path());
        let kept = keep(&store, "notes", "content", Space::Teacher).unwrap();
        fs::write(&kept.table_path, "CONTENT").unwrap();
        let error = store.static_model("notes").unwrap_err();
        assert!(matches!(error, ModelError::DamagedStatic { .. }), "{error}");
        assert!(error.to_string().contains("trovato models distill"), "{error}");
    }
}
