//! TREC run files: `topic Q0 document rank score tag`, a line per document.
//!
//! Ids that hold white space are escaped ([`corpora::escape_id`]). Scores are
//! written with as many digits as bring the same `f32` back, so a run read
//! again is the run that was written.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use corpora::{escape_id, unescape_id};
use engine::{DocumentError, DocumentId};

use crate::run::{Run, RunEntry};

/// A run file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RunFileError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// A line does not have six columns.
    #[error("{}:{line}: {found} columns; expected `topic Q0 document rank score tag`", path.display())]
    Columns {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// How many there are.
        found: usize,
    },
    /// A score is not a finite number.
    #[error("{}:{line}: the score {value:?} is not a finite number", path.display())]
    Score {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// What stands there.
        value: String,
    },
    /// An id cannot name a document.
    #[error("{}:{line}: {source}", path.display())]
    DocumentId {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// Why.
        #[source]
        source: DocumentError,
    },
    /// A topic lists a document twice.
    #[error("{}:{line}: topic {topic:?} lists document {document} a second time", path.display())]
    RepeatedDocument {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// The topic's id.
        topic: String,
        /// The document's id.
        document: DocumentId,
    },
}

/// Writes a run, topics by ascending id, ranks from 1.
///
/// # Errors
/// [`RunFileError::Io`]; the file may be left incomplete.
pub fn write_run(run: &Run, path: &Path) -> Result<(), RunFileError> {
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(fs::File::create(path)?);
        let tag = escape_id(&run.tag);
        for (topic, entries) in run.iter() {
            let topic = escape_id(topic);
            for (at, entry) in entries.iter().enumerate() {
                let document = escape_id(entry.document.as_str());
                writeln!(file, "{topic} Q0 {document} {} {} {tag}", at + 1, entry.score)?;
            }
        }
        file.flush()
    };
    write().map_err(|source| RunFileError::Io { path: path.to_owned(), source })
}

/// Reads a run as trec_eval does: the rank column is ignored, and the order is
/// score descending (as `f32`), then document id descending.
///
/// # Errors
/// [`RunFileError`], with the line. A file without lines is a run without
/// topics.
pub fn read_run(path: &Path) -> Result<Run, RunFileError> {
    let content = fs::read_to_string(path)
        .map_err(|source| RunFileError::Io { path: path.to_owned(), source })?;
    let mut tag = String::new();
    let mut topics: BTreeMap<String, Vec<RunEntry>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for (at, text) in content.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = at + 1;
        let fields: Vec<_> = text.split_whitespace().collect();
        let [topic, _, document, _, score, line_tag] = fields[..] else {
            return Err(RunFileError::Columns { path: path.to_owned(), line, found: fields.len() });
        };
        let topic = unescape_id(topic);
        let document = DocumentId::new(unescape_id(document))
            .map_err(|source| RunFileError::DocumentId { path: path.to_owned(), line, source })?;
        let score =
            score.parse::<f32>().ok().filter(|score| score.is_finite()).ok_or_else(|| {
                RunFileError::Score { path: path.to_owned(), line, value: score.to_owned() }
            })?;
        if !seen.insert((topic.clone(), document.clone())) {
            return Err(RunFileError::RepeatedDocument {
                path: path.to_owned(),
                line,
                topic,
                document,
            });
        }
        if tag.is_empty() {
            tag = unescape_id(line_tag);
        }
        topics.entry(topic).or_default().push(RunEntry { document, score });
    }
    let mut run = Run::new(tag);
    for (topic, entries) in topics {
        run.insert_scored(topic, entries);
    }
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> DocumentId {
        DocumentId::new(name).unwrap()
    }

    fn read(content: &str) -> Result<Run, RunFileError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        fs::write(&path, content).unwrap();
        read_run(&path)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut run = Run::new("hybrid rrf");
        run.insert("1", [(id("a b"), 0.1), (id("c"), 0.1), (id("100%"), 0.1), (id("d"), -3.0e-8)]);
        run.insert("topic two", [(id("z"), 1.0 / 61.0)]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        write_run(&run, &path).unwrap();
        assert_eq!(read_run(&path).unwrap(), run);
        let content = fs::read_to_string(&path).unwrap();
        assert!(content.starts_with("1 Q0 a%20b 1 0.1 hybrid%20rrf\n1 Q0 c 2 0.0999"), "{content}");
    }

    #[test]
    fn foreign_runs_are_ordered_as_trec_eval_orders_them() {
        let run =
            read("1 Q0 a 1 2.0 x\n1 Q0 b 2 3.0 x\n1 Q0 c 3 2.0 x\n1 Q0 d 9 2.00000000001 x\n")
                .unwrap();
        let order: Vec<_> = run.ranking("1").iter().map(|entry| entry.document.as_str()).collect();
        // b scores most; a, c and d are equal as f32, so the higher id is first.
        assert_eq!(order, ["b", "d", "c", "a"]);
        assert_eq!(run.tag, "x");
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let message = |content: &str| read(content).unwrap_err().to_string();
        assert!(message("1 Q0 a 1 2.0 x\n\n1 Q0 b 2 x\n").contains(":3: 5 columns"));
        assert!(message("1 Q0 a 1 NaN x\n").contains("\"NaN\""));
        assert!(message("1 Q0 a 1 1 x\n1 Q0 a 2 1 x\n").contains("lists document a a second time"));
        assert!(read("").unwrap().is_empty());
    }
}
