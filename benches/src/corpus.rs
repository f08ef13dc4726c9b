//! Passages with ready vectors as an index: a line of JSON and a row of floats
//! each.
//!
//! Encoding is over 99 % of an ingest for everybody, so comparisons of what comes
//! after it are given vectors. A passage is one document and one chunk; its id is
//! its row number, which is what all parties of a comparison answer with.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

use engine::{
    Chunk, Document, DocumentId, Embeddings, EncoderIdentity, FieldValue, Index, IndexWriter,
    Manifest, Signature, Span, WriterOptions,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// A line of a corpus.
#[derive(Clone, Debug, Deserialize)]
pub struct Passage {
    /// May be empty.
    #[serde(default)]
    pub title: String,
    /// Not empty.
    pub text: String,
    /// What filters may go by.
    #[serde(skip)]
    pub fields: BTreeMap<String, FieldValue>,
}

impl Passage {
    /// A passage with neither title nor fields.
    pub fn of_text(text: impl Into<String>) -> Self {
        Self { title: String::new(), text: text.into(), fields: BTreeMap::new() }
    }
}

/// A line of a query file.
#[derive(Debug, Deserialize)]
pub struct QueryText {
    /// What is asked.
    pub text: String,
}

/// Reads records, a line each.
///
/// # Errors
/// When the file cannot be opened; an item for each line that cannot be read.
pub fn lines<T: DeserializeOwned>(
    path: &Path,
) -> Result<impl Iterator<Item = Result<T, Failure>> + use<'_, T>, Failure> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((1..).zip(BufReader::new(file).lines()).map(move |(number, line)| {
        serde_json::from_str(&line?)
            .map_err(|error| format!("{}, line {number}: {error}", path.display()).into())
    }))
}

/// Whose vectors a file of rows holds: what the `json` beside it says.
///
/// Vectors that no encoder of ours made are `given`: an index of them can be
/// searched by vectors only.
///
/// # Errors
/// When there is no such file, or it names no `dim`.
pub fn identity_of(rows: &Path) -> Result<EncoderIdentity, Failure> {
    #[derive(Deserialize)]
    struct Beside {
        dim: usize,
        encoder: Option<String>,
        fingerprint: Option<String>,
    }
    let path = rows.with_extension("json");
    let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let Beside { dim, encoder, fingerprint } = serde_json::from_slice(&text)?;
    let given = || "given".to_owned();
    Ok(EncoderIdentity {
        name: encoder.unwrap_or_else(given),
        fingerprint: fingerprint.unwrap_or_else(given),
        dim,
    })
}

/// What indexing took.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct IndexTimes {
    /// Reading, analysing, writing and committing, in seconds.
    pub write_seconds: f64,
    /// Making one segment of all, with its graph, in seconds.
    pub merge_seconds: f64,
}

/// Indexes passages with their vectors, in their order, and merges.
///
/// # Arguments
/// * `manifest` - names the encoder and says which segments get a graph.
/// * `passages` - drawn one at a time, so that a corpus may be larger than memory.
/// * `rows` - one of the encoder's dimension for each, of L2 norm 1.
///
/// # Errors
/// Those of the index; when there are fewer rows than passages.
pub fn index_passages(
    dir: &Path,
    manifest: Manifest,
    passages: impl Iterator<Item = Result<Passage, Failure>>,
    rows: impl Iterator<Item = Result<Vec<f32>, Failure>>,
) -> Result<(Index, IndexTimes), Failure> {
    let started = Instant::now();
    let dim = manifest.encoder.dim;
    let index = Index::create(dir, manifest, None)?;
    let mut writer = index.writer(WriterOptions::default())?;
    let mut rows = rows;
    for (number, passage) in passages.enumerate() {
        let row = rows.next().ok_or_else(|| format!("passage {number} has no vector"))??;
        upsert_passage(&mut writer, number, passage?, &Embeddings::new(row, dim)?)?;
    }
    writer.commit()?;
    let write_seconds = started.elapsed().as_secs_f64();
    writer.merge()?;
    let merge_seconds = started.elapsed().as_secs_f64() - write_seconds;
    drop(writer);
    index.refresh()?;
    Ok((index, IndexTimes { write_seconds, merge_seconds }))
}

/// Puts passage `number` into the index, in place of the one of that number.
///
/// # Errors
/// Those of the index.
pub fn upsert_passage(
    writer: &mut IndexWriter,
    number: usize,
    passage: Passage,
    vector: &Embeddings,
) -> Result<(), Failure> {
    let Passage { title, text, fields } = passage;
    let chunk = Chunk::plain(Span::new(0, text.len()));
    let (id, blocks) = (DocumentId::new(number.to_string())?, Vec::new());
    let document = Document { id, title, text, blocks, fields };
    writer.upsert(&document, Signature([0; 32]), &[chunk], vector)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use engine::{SearchRequest, Strategy};

    use super::*;

    #[test]
    fn a_passage_is_found_by_word_and_by_vector() {
        let dir = tempfile::tempdir().unwrap();
        let texts = ["an owl", "a fox", "a hare"];
        let passages = texts.iter().map(|&text| Ok(Passage::of_text(text)));
        let rows = [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]].iter().map(|row| Ok(row.to_vec()));
        let path = dir.path().join("index");
        let about = dir.path().join("rows.json");
        std::fs::write(&about, r#"{"rows": 3, "dim": 2}"#).unwrap();
        let manifest =
            || Manifest::new(identity_of(&about.with_extension("f32")).unwrap(), "whole");
        let (index, _) = index_passages(&path, manifest(), passages, rows).unwrap();
        let first = |request: SearchRequest| {
            index.searcher().search(&request).unwrap().hits[0].document.to_string()
        };
        assert_eq!(
            first(SearchRequest { strategy: Strategy::Lexical, ..SearchRequest::new("fox") }),
            "1"
        );
        let near = Some(vec![0.0, 1.0]);
        let dense =
            SearchRequest { strategy: Strategy::Dense, vector: near, ..SearchRequest::new("fox") };
        assert_eq!(first(dense), "2");
        let short = [Ok(Passage::of_text("a"))].into_iter();
        let other = dir.path().join("other");
        let error = index_passages(&other, manifest(), short, std::iter::empty());
        assert!(error.unwrap_err().to_string().contains("no vector"));
    }
}
