//! What the reranking stage knew of each candidate, with its judgment: what a
//! mixer's weights are trained on.
//!
//! A JSON object a line: `topic`, `document`, `label` (the grade; 0 where nothing is
//! judged), `rank` (after reranking, from 1), `score` (the mixer's), and a member for
//! each feature by its name.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use corpora::Qrels;
use engine::{DocumentId, Feature, Features};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::error::EvalError;

/// A candidate that a model has read.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRow {
    /// The topic's id.
    pub topic: String,
    /// The candidate.
    pub document: DocumentId,
    /// Its rank after reranking, from 1.
    pub rank: usize,
    /// Its final score.
    pub score: f64,
    /// What was known.
    pub features: Features,
}

/// A row as it is written.
struct Line<'r> {
    row: &'r FeatureRow,
    label: u32,
}

impl Serialize for Line<'_> {
    // Flat, so that any reader of JSON lines makes a table of it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let FeatureRow { topic, document, rank, score, features } = self.row;
        let mut map = serializer.serialize_map(Some(5 + Feature::ALL.len()))?;
        map.serialize_entry("topic", topic)?;
        map.serialize_entry("document", document.as_str())?;
        map.serialize_entry("label", &self.label)?;
        map.serialize_entry("rank", rank)?;
        map.serialize_entry("score", score)?;
        for (feature, value) in features.iter() {
            map.serialize_entry(feature.name(), &value)?;
        }
        map.end()
    }
}

/// Writes rows with their judgments, in their order.
///
/// # Errors
/// [`EvalError::Io`]; the file may be left incomplete.
pub fn write_features(rows: &[FeatureRow], qrels: &Qrels, path: &Path) -> Result<(), EvalError> {
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(fs::File::create(path)?);
        for row in rows {
            let grade = qrels.topic(&row.topic).and_then(|judged| judged.get(&row.document));
            let label = grade.map_or(0, |&grade| u32::try_from(grade).unwrap_or(0));
            serde_json::to_writer(&mut file, &Line { row, label })?;
            writeln!(file)?;
        }
        file.flush()
    };
    write().map_err(EvalError::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_flat_and_labelled() {
        let id = |name: &str| DocumentId::new(name).unwrap();
        let mut qrels = Qrels::default();
        qrels.insert("1", id("a"), 2);
        let mut features = Features::default();
        features.set(Feature::Rerank, 0.25);
        let row = |document: &str, rank| FeatureRow {
            topic: "1".into(),
            document: id(document),
            rank,
            score: 0.5,
            features,
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("features.jsonl");
        write_features(&[row("a", 1), row("b", 2)], &qrels, &path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["label"], &lines[1]["label"]), (&2.into(), &0.into()));
        assert_eq!(lines[1]["document"], "b");
        assert_eq!(lines[0]["rerank"], 0.25);
        assert_eq!(lines[0].as_object().unwrap().len(), 5 + Feature::ALL.len());
    }
}
