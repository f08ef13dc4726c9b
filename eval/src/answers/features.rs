//! The sentences considered, as a file: what the weights of an answer are fitted to.
//!
//! A JSON object a line: `question`, `answerable`, `right`, `chance`, `document`,
//! `start`, `end`, and a member for each feature by its name. Sentences of a question
//! stand together, best first.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use answer::SentenceFeature;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::SentenceRow;
use crate::error::EvalError;

struct Line<'r>(&'r SentenceRow);

impl Serialize for Line<'_> {
    // Flat, so that any reader of JSON lines makes a table of it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SentenceRow { question, answerable, right, candidate } = self.0;
        let mut map = serializer.serialize_map(Some(7 + SentenceFeature::ALL.len()))?;
        map.serialize_entry("question", question)?;
        map.serialize_entry("answerable", answerable)?;
        map.serialize_entry("right", right)?;
        map.serialize_entry("chance", &candidate.chance)?;
        map.serialize_entry("document", candidate.document.as_str())?;
        map.serialize_entry("start", &candidate.span.start)?;
        map.serialize_entry("end", &candidate.span.end)?;
        for feature in SentenceFeature::ALL {
            map.serialize_entry(feature.name(), &candidate.features.get(feature))?;
        }
        map.end()
    }
}

/// Writes the sentences of a run, in their order.
///
/// # Errors
/// [`EvalError::Io`]; the file may be left incomplete.
pub fn write_sentences(rows: &[SentenceRow], path: &Path) -> Result<(), EvalError> {
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(fs::File::create(path)?);
        for row in rows {
            serde_json::to_writer(&mut file, &Line(row))?;
            writeln!(file)?;
        }
        file.flush()
    };
    write().map_err(EvalError::io(path))
}
