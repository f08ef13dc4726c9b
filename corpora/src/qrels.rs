//! Judgments: which documents answer which topic, and how well.
//!
//! Two layouts are read and told apart by their content, never by the file's
//! name: BEIR (`topic<TAB>document<TAB>grade`, usually under a header line) and
//! TREC (`topic iteration document grade`, any white space).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use engine::DocumentId;

use crate::error::CollectionError;
use crate::escape::unescape_id;
use crate::topics::numbered_lines;

/// The judgments of one topic: document to grade. Grades below 1 mean judged
/// and not relevant; a document that is absent is unjudged.
pub type Judgments = BTreeMap<DocumentId, i32>;

/// Judgments by topic, sorted by topic id, so that whatever is computed from
/// them is summed in one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qrels {
    topics: BTreeMap<String, Judgments>,
}

enum Layout {
    Beir,
    Trec,
}

impl Qrels {
    /// Reads a BEIR or TREC judgment file; which one is recognised from the
    /// first line: a tab-separated line of three columns is BEIR, four columns
    /// are TREC.
    ///
    /// In a TREC file, ids written by [`crate::escape_id`] are read back.
    ///
    /// # Errors
    /// [`CollectionError`], with the line; [`CollectionError::Empty`] for a
    /// file without judgments. A pair judged twice with one grade is accepted.
    pub fn read(path: &Path) -> Result<Self, CollectionError> {
        let content =
            fs::read_to_string(path).map_err(|source| CollectionError::io(path, source))?;
        Self::parse(&content, path)
    }

    fn parse(content: &str, path: &Path) -> Result<Self, CollectionError> {
        let mut lines = numbered_lines(content).peekable();
        let Some(&(line, first)) = lines.peek() else {
            return Err(CollectionError::Empty { path: path.to_owned() });
        };
        let layout = if first.split('\t').count() == 3 {
            Layout::Beir
        } else if first.split_whitespace().count() == 4 {
            Layout::Trec
        } else {
            return Err(columns(path, line, first, first.split_whitespace().count()));
        };
        // A header has a word where the grade should be. Only the first line
        // may be one: further down, a word is a mistake to be reported.
        if matches!(layout, Layout::Beir) && is_header(first) {
            lines.next();
        }
        let mut qrels = Self::default();
        for (line, text) in lines {
            let (topic, document, grade) = match layout {
                Layout::Beir => {
                    let fields: Vec<_> = text.split('\t').collect();
                    let [topic, document, grade] = fields[..] else {
                        return Err(columns(path, line, text, fields.len()));
                    };
                    (topic.to_owned(), document.to_owned(), grade)
                }
                Layout::Trec => {
                    let fields: Vec<_> = text.split_whitespace().collect();
                    let [topic, _, document, grade] = fields[..] else {
                        return Err(columns(path, line, text, fields.len()));
                    };
                    (unescape_id(topic), unescape_id(document), grade)
                }
            };
            let grade: i32 = grade.trim().parse().map_err(|_| CollectionError::Grade {
                path: path.to_owned(),
                line,
                value: grade.to_owned(),
            })?;
            let document = DocumentId::new(document).map_err(|source| {
                CollectionError::DocumentId { path: path.to_owned(), line, source }
            })?;
            if let Some(first) = qrels.insert(&topic, document.clone(), grade)
                && first != grade
            {
                return Err(CollectionError::Contradiction {
                    path: path.to_owned(),
                    line,
                    topic,
                    document: document.as_str().to_owned(),
                    first,
                    second: grade,
                });
            }
        }
        if qrels.is_empty() {
            Err(CollectionError::Empty { path: path.to_owned() })
        } else {
            Ok(qrels)
        }
    }

    /// Records a judgment and returns the one it replaces.
    pub fn insert(&mut self, topic: &str, document: DocumentId, grade: i32) -> Option<i32> {
        if let Some(judgments) = self.topics.get_mut(topic) {
            return judgments.insert(document, grade);
        }
        self.topics.entry(topic.to_owned()).or_default().insert(document, grade)
    }

    /// The judgments of `topic`, `None` when it has none.
    pub fn topic(&self, topic: &str) -> Option<&Judgments> {
        self.topics.get(topic)
    }

    /// Topics with their judgments, by ascending topic id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Judgments)> {
        self.topics.iter().map(|(topic, judgments)| (topic.as_str(), judgments))
    }

    /// Number of judged topics.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether nothing is judged.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }
}

fn is_header(line: &str) -> bool {
    line.rsplit('\t').next().is_some_and(|grade| grade.trim().parse::<f64>().is_err())
}

fn columns(path: &Path, line: usize, text: &str, found: usize) -> CollectionError {
    CollectionError::Columns {
        path: path.to_owned(),
        line,
        found,
        text: text.chars().take(80).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content: &str) -> Result<Qrels, CollectionError> {
        Qrels::parse(content, Path::new("qrels"))
    }

    fn rows(qrels: &Qrels) -> Vec<(&str, &str, i32)> {
        qrels
            .iter()
            .flat_map(|(topic, judgments)| {
                judgments.iter().map(move |(id, grade)| (topic, id.as_str(), *grade))
            })
            .collect()
    }

    #[test]
    fn both_layouts_are_recognised_from_content() {
        let expected = [("1", "a", 2), ("1", "b", 0), ("2", "c", -1)];
        for content in [
            "query-id\tcorpus-id\tscore\n1\ta\t2\n1\tb\t0\n2\tc\t-1\n",
            "1\ta\t2\r\n1\tb\t0\r\n2\tc\t-1\r\n",
            "1 0 a 2\n1 Q0 b 0\n\n2 0 c -1",
            "1\t0\ta\t2\n1\t0\tb\t0\n2\t0\tc\t-1\n",
            "\u{feff}2 0 c -1\n1 0 b 0\n1 0 a 2\n1 0 a 2\n",
        ] {
            assert_eq!(rows(&parse(content).unwrap()), expected, "{content:?}");
        }
    }

    #[test]
    fn a_beir_id_may_hold_blanks_and_a_trec_id_escaped_ones() {
        assert_eq!(rows(&parse("q 1\tmy file.txt\t1\n").unwrap()), [("q 1", "my file.txt", 1)]);
        assert_eq!(rows(&parse("q%201 0 my%20file.txt 1\n").unwrap()), [("q 1", "my file.txt", 1)]);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let check = |content: &str, expected: &str| {
            let message = parse(content).unwrap_err().to_string();
            assert!(message.contains(expected), "{content:?}: {message}");
        };
        check("", "no judgments");
        check("query-id\tcorpus-id\tscore\n", "no judgments");
        check("1 a 1\n", "qrels:1: 3 columns");
        check("1 0 a 1\n1 0 b\n", "qrels:2: 3 columns");
        check("1\ta\t1\n1\tb\thigh\n", "qrels:2: the grade \"high\"");
        check("1 0 a 1.5\n", "qrels:1: the grade \"1.5\"");
        check(
            "1 0 a 1\n1 0 a 2\n",
            "qrels:2: topic \"1\" judges document \"a\" with 2 here and with 1",
        );
        check("1\t\t1\n", "qrels:1: \"\" cannot be a document id");
    }
}
