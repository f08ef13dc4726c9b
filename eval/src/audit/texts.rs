//! The canonical texts that questions quote: read from files by the readers
//! that ingestion uses, or from an index.

use std::collections::{BTreeMap, BTreeSet};

use corpora::Question;
use engine::{DocumentId, Searcher};
use ingest::formats::read;
use ingest::source::DocumentSource;

use crate::error::EvalError;

/// Canonical texts by document.
pub type Texts = BTreeMap<DocumentId, String>;

/// The documents that `questions` quote.
pub fn quoted_documents(questions: &[Question]) -> BTreeSet<DocumentId> {
    questions
        .iter()
        .flat_map(|question| &question.evidence)
        .map(|evidence| evidence.document.clone())
        .collect()
}

/// Reads those documents of a source that are wanted; others are walked past
/// and not opened.
///
/// A document that cannot be read is not in the result.
pub fn read_texts(source: &mut dyn DocumentSource, wanted: &BTreeSet<DocumentId>) -> Texts {
    let mut texts = Texts::new();
    while let Some(next) = source.next() {
        let Ok(item) = next else { continue };
        if !wanted.contains(&item.id) {
            continue;
        }
        if let Ok(document) = read(&item) {
            texts.insert(document.id, document.text);
        }
    }
    texts
}

/// Reads those documents of an index that are wanted and there.
///
/// # Errors
/// [`EvalError::Segment`] when one is damaged.
pub fn stored_texts(
    searcher: &Searcher,
    wanted: &BTreeSet<DocumentId>,
) -> Result<Texts, EvalError> {
    let mut texts = Texts::new();
    for id in wanted {
        if let Some(stored) = searcher.document(id)? {
            texts.insert(id.clone(), stored.text);
        }
    }
    Ok(texts)
}
