//! Where documents come from: folders, lists of files, JSONL files, BEIR
//! collections.
//!
//! A [`DocumentSource`] hands out [`SourceItem`]s: an id, what is known without
//! reading the content, and where the content is. [`crate::formats::read`] makes a
//! document of an item, on another thread. What cannot become an item is handed
//! out as [`Skipped`], in its place, so a report is complete and ordered.
//!
//! # Ids
//! A file's id is `<root name>/<relative path with />`, a record's the one it
//! states. A root is a path named by the user and is called after its last
//! component; a second root of the same name gets `-2`. The id of a file named
//! itself is the root's name. A record in a JSONL file that was found in a
//! folder is `<file id>/<record id>`, so that the folder owns it.

mod beir;
mod file_list;
mod folder;
mod jsonl;
mod skip;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::UNIX_EPOCH;

use engine::{DocumentId, FieldValue};
use thiserror::Error;

pub use self::beir::BeirSource;
pub use self::file_list::{FileListSource, ListedFile};
pub use self::folder::FolderSource;
pub use self::jsonl::{JsonlSource, MAX_RECORD_BYTES, read_record};
pub use self::skip::{SkipReason, Skipped};

use crate::formats::Format;

/// A path that was named for ingestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// First component of its files' ids; distinct among the roots of a source.
    pub name: String,
    /// The folder or file.
    pub path: PathBuf,
    /// Where the ids under it come from.
    pub ids: IdScheme,
}

impl Root {
    /// A root called after the last component of `path`.
    ///
    /// # Errors
    /// [`SourceError::NotFound`] when nothing is there.
    pub fn new(path: &Path, ids: IdScheme) -> Result<Self, SourceError> {
        let not_found = |source| SourceError::NotFound { path: path.to_owned(), source };
        // `.` and `..` have no name of their own.
        let full = path.canonicalize().map_err(not_found)?;
        let name = full.file_name().map_or("root".into(), |name| name.to_string_lossy());
        let name = name.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
        Ok(Self { name, path: path.to_owned(), ids })
    }

    /// Whether the document lies under this root, judged by its id.
    ///
    /// `None` for [`IdScheme::Records`]: the id of a record does not tell.
    pub fn owns(&self, id: &DocumentId) -> Option<bool> {
        match self.ids {
            IdScheme::Paths => {
                let rest = id.as_str().strip_prefix(&self.name);
                Some(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
            }
            IdScheme::Records => None,
        }
    }
}

/// Where the ids under a root come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdScheme {
    /// From the root's name and the file's path.
    Paths,
    /// From the records themselves.
    Records,
}

/// Where an item's content is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// In a file that was not read yet.
    File(PathBuf),
    /// Here: what a file of this format would hold.
    Bytes(Vec<u8>),
    /// Here: the text of a record, below its title.
    Text(String),
    /// Here: a text that is canonical as it stands, to the byte. Its title is
    /// not put in front, so that answers given as positions in it stay right.
    Verbatim(String),
}

/// Something to become a document.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceItem {
    /// The document's id.
    pub id: DocumentId,
    /// The title, where the source knows it.
    pub title: Option<String>,
    /// Which reader it needs.
    pub format: Format,
    /// The content or the way to it.
    pub content: Content,
    /// Metadata known without reading the content; files have `modified`.
    pub fields: BTreeMap<String, FieldValue>,
    /// For reports: a path, or `path:line`.
    pub origin: String,
    /// Index into [`DocumentSource::roots`].
    pub root: usize,
}

impl SourceItem {
    /// An item for a file, with its modification time.
    fn file(id: DocumentId, path: PathBuf, format: Format, root: usize) -> Self {
        let origin = path.display().to_string();
        let fields =
            modified(&path).map(|value| ("modified".to_owned(), value)).into_iter().collect();
        Self { id, title: None, format, content: Content::File(path), fields, origin, root }
    }
}

/// Hands out items one by one, in an order that depends on names and contents
/// only.
pub trait DocumentSource: Send {
    /// The roots of this source, fixed from the start.
    fn roots(&self) -> &[Root];

    /// How many items and skips there will be, where that is known cheaply.
    fn len_hint(&self) -> Option<usize>;

    /// The next item, or what was left out in its place; `None` at the end.
    fn next(&mut self) -> Option<Result<SourceItem, Skipped>>;
}

/// How the paths given to [`open`] are understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormatChoice {
    /// A folder with `corpus.jsonl` beside `queries.jsonl` or `qrels` is a BEIR
    /// collection, every other a folder of documents; files by their extension.
    #[default]
    Auto,
    /// Every path is a BEIR collection.
    Beir,
    /// Every path is a JSONL file.
    Jsonl,
}

impl FromStr for FormatChoice {
    type Err = SourceError;

    fn from_str(name: &str) -> Result<Self, SourceError> {
        match name {
            "auto" => Ok(Self::Auto),
            "beir" => Ok(Self::Beir),
            "jsonl" => Ok(Self::Jsonl),
            _ => Err(SourceError::UnknownFormat { name: name.to_owned() }),
        }
    }
}

/// A source that cannot be opened; nothing was read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// No such path.
    #[error("{path}: {source}; check the spelling", path = path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The path is there but cannot be opened.
    #[error("{path} cannot be opened: {source}", path = path.display())]
    Unopenable {
        /// The path as given.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not a BEIR collection.
    #[error("{path} is no BEIR collection: it has no corpus.jsonl", path = path.display())]
    NoCorpus {
        /// The folder.
        path: PathBuf,
    },
    /// A file was named that has no reader.
    #[error("{path}: {reason}", path = path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        reason: SkipReason,
    },
    /// No path was given.
    #[error("no path was given; name at least one folder or file")]
    NoPaths,
    /// A word that names no format.
    #[error("unknown format {name:?}; known are auto, beir, jsonl")]
    UnknownFormat {
        /// The word.
        name: String,
    },
}

/// Opens the sources for a list of paths, as one.
///
/// Ids are unique within the result: of two items with one id the first is kept
/// and the second handed out as [`SkipReason::DuplicateId`].
///
/// # Errors
/// [`SourceError`], when a path is missing or is not what `format` says. What
/// goes wrong later, inside a folder or file, is [`Skipped`] instead.
pub fn open(
    paths: &[PathBuf],
    format: FormatChoice,
) -> Result<Box<dyn DocumentSource>, SourceError> {
    if paths.is_empty() {
        return Err(SourceError::NoPaths);
    }
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        sources.push(open_one(path, format)?);
    }
    Ok(join(sources))
}

/// Several sources as one, in their order: root names and ids made distinct as
/// [`open`] describes.
pub fn join(sources: Vec<Box<dyn DocumentSource>>) -> Box<dyn DocumentSource> {
    Box::new(Joined::new(sources))
}

fn open_one(path: &Path, format: FormatChoice) -> Result<Box<dyn DocumentSource>, SourceError> {
    let is_folder = std::fs::metadata(path)
        .map_err(|source| SourceError::NotFound { path: path.to_owned(), source })?
        .is_dir();
    Ok(match format {
        FormatChoice::Beir => Box::new(BeirSource::open(path)?),
        FormatChoice::Jsonl => Box::new(JsonlSource::open(path)?),
        FormatChoice::Auto if is_folder && BeirSource::recognises(path) => {
            Box::new(BeirSource::open(path)?)
        }
        FormatChoice::Auto if is_folder => Box::new(FolderSource::open(path)?),
        FormatChoice::Auto => file_list::open_file(path)?,
    })
}

/// Several sources one after the other, with distinct root names and ids.
struct Joined {
    sources: Vec<Box<dyn DocumentSource>>,
    roots: Vec<Root>,
    /// For each source, where its roots begin in `roots`.
    offsets: Vec<usize>,
    at: usize,
    seen: HashSet<DocumentId>,
}

impl Joined {
    fn new(sources: Vec<Box<dyn DocumentSource>>) -> Self {
        let mut roots: Vec<Root> = Vec::new();
        let mut offsets = Vec::new();
        for source in &sources {
            offsets.push(roots.len());
            for root in source.roots() {
                let mut name = root.name.clone();
                let mut copy = 2;
                while roots.iter().any(|other| other.name == name) {
                    name = format!("{}-{copy}", root.name);
                    copy += 1;
                }
                roots.push(Root { name, ..root.clone() });
            }
        }
        Self { sources, roots, offsets, at: 0, seen: HashSet::new() }
    }

    /// Puts an item of source `at` under the name its root has here.
    fn adopt(&mut self, mut item: SourceItem) -> Result<SourceItem, Skipped> {
        let own = &self.sources[self.at].roots()[item.root];
        item.root += self.offsets[self.at];
        let here = &self.roots[item.root];
        let skipped = |reason| Skipped { origin: item.origin.clone(), reason };
        if own.name != here.name && own.owns(&item.id) == Some(true) {
            let renamed = format!("{}{}", here.name, &item.id.as_str()[own.name.len()..]);
            item.id = DocumentId::new(renamed).map_err(|source| skipped(source.into()))?;
        }
        if self.seen.insert(item.id.clone()) {
            Ok(item)
        } else {
            Err(skipped(SkipReason::DuplicateId { id: item.id.to_string() }))
        }
    }
}

impl DocumentSource for Joined {
    fn roots(&self) -> &[Root] {
        &self.roots
    }

    fn len_hint(&self) -> Option<usize> {
        self.sources.iter().map(|source| source.len_hint()).sum()
    }

    fn next(&mut self) -> Option<Result<SourceItem, Skipped>> {
        loop {
            match self.sources.get_mut(self.at)?.next() {
                Some(Ok(item)) => return Some(self.adopt(item)),
                Some(Err(skipped)) => return Some(Err(skipped)),
                None => self.at += 1,
            }
        }
    }
}

/// `<root name>/<relative path with />`; a name that is no UTF-8 is shown with
/// replacement characters.
fn path_id(root: &str, relative: &Path) -> Result<DocumentId, SkipReason> {
    let mut id = root.to_owned();
    for component in relative.components() {
        id.push('/');
        id.push_str(&component.as_os_str().to_string_lossy());
    }
    Ok(DocumentId::new(id)?)
}

/// When a file was last changed; `None` where the file system does not say.
fn modified(path: &Path) -> Option<FieldValue> {
    let time = std::fs::metadata(path).ok()?.modified().ok()?;
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).ok()?,
        Err(before) => -i64::try_from(before.duration().as_secs()).ok()?,
    };
    Some(FieldValue::Timestamp(seconds))
}

#[cfg(test)]
mod tests;
