//! A BEIR collection: a folder with `corpus.jsonl`, `queries.jsonl` and
//! `qrels/SPLIT.tsv`.
//!
//! Only topics and judgments are read here; documents go through
//! `ingest::BeirSource` like any others, so an evaluation indexes exactly what
//! a user would.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::CollectionError;
use crate::qrels::Qrels;
use crate::topics::{Topic, read_topics};

/// A test collection's topics and judgments, for one split.
#[derive(Clone, Debug)]
pub struct BeirCollection {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub dir: PathBuf,
    /// The split whose judgments these are.
    pub split: String,
    /// The topics that have judgments, in the order of `queries.jsonl`.
    pub topics: Vec<Topic>,
    /// The judgments.
    pub qrels: Qrels,
    /// Topics of `queries.jsonl` without judgments in this split: not run.
    pub n_unjudged_topics: usize,
    /// Judged topics that `queries.jsonl` lacks: they cannot be run and count 0.
    pub n_missing_topics: usize,
}

impl BeirCollection {
    /// Opens a collection.
    ///
    /// # Errors
    /// [`CollectionError::Layout`] when a file of the layout is missing,
    /// [`CollectionError::Split`] naming the splits there are, and whatever
    /// [`read_topics`] and [`Qrels::read`] find wrong.
    pub fn open(dir: &Path, split: &str) -> Result<Self, CollectionError> {
        for missing in ["corpus.jsonl", "queries.jsonl", "qrels"] {
            if !dir.join(missing).exists() {
                return Err(CollectionError::Layout { dir: dir.to_owned(), missing });
            }
        }
        let judged = dir.join("qrels").join(format!("{split}.tsv"));
        let available = splits(dir)?;
        if !available.iter().any(|name| name == split) {
            return Err(CollectionError::Split {
                dir: dir.to_owned(),
                split: split.to_owned(),
                available,
            });
        }
        let qrels = Qrels::read(&judged)?;
        let mut topics = read_topics(&dir.join("queries.jsonl"))?;
        let n_all = topics.len();
        topics.retain(|topic| qrels.topic(&topic.id).is_some());
        let known: HashSet<_> = topics.iter().map(|topic| topic.id.as_str()).collect();
        let n_missing_topics = qrels.iter().filter(|(topic, _)| !known.contains(topic)).count();
        Ok(Self {
            name: folder_name(dir),
            dir: dir.to_owned(),
            split: split.to_owned(),
            n_unjudged_topics: n_all - topics.len(),
            n_missing_topics,
            topics,
            qrels,
        })
    }

    /// The file that holds the documents.
    pub fn corpus_path(&self) -> PathBuf {
        self.dir.join("corpus.jsonl")
    }
}

fn splits(dir: &Path) -> Result<Vec<String>, CollectionError> {
    let folder = dir.join("qrels");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|source| CollectionError::io(&folder, source))? {
        let name = entry.map_err(|source| CollectionError::io(&folder, source))?.file_name();
        if let Some(split) = name.to_str().and_then(|name| name.strip_suffix(".tsv")) {
            names.push(split.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The last component of the absolute path, so that `.` has a name too.
fn folder_name(dir: &Path) -> String {
    let absolute = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    absolute
        .file_name()
        .map_or_else(|| "collection".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| fs::write(dir.path().join(name), content).unwrap();
        fs::create_dir(dir.path().join("qrels")).unwrap();
        write("corpus.jsonl", "{\"_id\": \"d\", \"title\": \"\", \"text\": \"t\"}\n");
        write(
            "queries.jsonl",
            "{\"_id\": \"2\", \"text\": \"b\"}\n{\"_id\": \"1\", \"text\": \"a\"}\n{\"_id\": \"9\", \"text\": \"c\"}\n",
        );
        write("qrels/test.tsv", "query-id\tcorpus-id\tscore\n1\td\t1\n2\td\t1\n7\td\t1\n");
        write("qrels/dev.tsv", "query-id\tcorpus-id\tscore\n9\td\t1\n");
        dir
    }

    #[test]
    fn only_judged_topics_are_kept_and_the_rest_is_counted() {
        let dir = collection();
        let opened = BeirCollection::open(dir.path(), "test").unwrap();
        let ids: Vec<_> = opened.topics.iter().map(|topic| topic.id.as_str()).collect();
        assert_eq!(ids, ["2", "1"]);
        assert_eq!((opened.n_unjudged_topics, opened.n_missing_topics), (1, 1));
    }

    #[test]
    fn a_wrong_split_names_the_right_ones() {
        let dir = collection();
        let message = BeirCollection::open(dir.path(), "train").unwrap_err().to_string();
        assert!(message.contains("\"train\"") && message.ends_with("dev, test"), "{message}");
        fs::remove_file(dir.path().join("corpus.jsonl")).unwrap();
        let message = BeirCollection::open(dir.path(), "test").unwrap_err().to_string();
        assert!(message.contains("corpus.jsonl is missing"), "{message}");
    }
}
