//! Topics: what is asked of a collection, in the order of the file.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::CollectionError;

/// One information need: a TREC "topic", a BEIR "query".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name in qrels and runs; unique within its collection.
    pub id: String,
    /// What is searched for.
    pub text: String,
}

/// The fields of a `queries.jsonl` line that are used; others are allowed.
#[derive(Deserialize)]
struct TopicLine {
    #[serde(rename = "_id")]
    id: TopicId,
    text: String,
}

/// Some published sets write ids as numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum TopicId {
    Text(String),
    Number(i64),
}

/// Reads a BEIR `queries.jsonl`: an object with `_id` and `text` a line; empty
/// lines are skipped.
///
/// # Errors
/// [`CollectionError::Io`], [`CollectionError::Json`] and
/// [`CollectionError::RepeatedTopic`], the latter two with their line.
pub fn read_topics(path: &Path) -> Result<Vec<Topic>, CollectionError> {
    let content = fs::read_to_string(path).map_err(|source| CollectionError::io(path, source))?;
    let mut topics = Vec::new();
    let mut seen = HashSet::new();
    for (line, text) in numbered_lines(&content) {
        let TopicLine { id, text } = serde_json::from_str(text)
            .map_err(|source| CollectionError::Json { path: path.to_owned(), line, source })?;
        let id = match id {
            TopicId::Text(id) => id,
            TopicId::Number(id) => id.to_string(),
        };
        if !seen.insert(id.clone()) {
            return Err(CollectionError::RepeatedTopic { path: path.to_owned(), line, id });
        }
        topics.push(Topic { id, text });
    }
    Ok(topics)
}

/// The lines that hold something, with 1-based numbers; a byte order mark and
/// carriage returns at line ends do not count as content.
pub(crate) fn numbered_lines(content: &str) -> impl Iterator<Item = (usize, &str)> {
    content
        .trim_start_matches('\u{feff}')
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .filter(|(_, line)| !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<Vec<Topic>, CollectionError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queries.jsonl");
        fs::write(&path, content).unwrap();
        read_topics(&path)
    }

    #[test]
    fn ids_may_be_numbers_and_other_fields_are_ignored() {
        let topics = read("{\"_id\": 7, \"text\": \"a\", \"metadata\": {}}\r\n\n{\"_id\": \"x\", \"text\": \"b\"}\n").unwrap();
        let ids: Vec<_> = topics.iter().map(|topic| topic.id.as_str()).collect();
        assert_eq!(ids, ["7", "x"]);
    }

    #[test]
    fn errors_name_the_line() {
        let repeated =
            read("{\"_id\": \"7\", \"text\": \"a\"}\n{\"_id\": 7, \"text\": \"b\"}\n").unwrap_err();
        assert!(matches!(repeated, CollectionError::RepeatedTopic { line: 2, .. }), "{repeated}");
        let broken = read("{\"_id\": \"7\", \"text\": \"a\"}\n\n{\"_id\": \"8\"}\n").unwrap_err();
        assert!(matches!(broken, CollectionError::Json { line: 3, .. }), "{broken}");
    }
}
