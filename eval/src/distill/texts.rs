//! Texts to imitate the teacher on: titles and sentences of a corpus.
//!
//! Sentences and not passages. They are as long as questions, ten of them cost
//! the teacher what one passage costs, and each says more about its few tokens
//! than a passage says about its many; the sum over a passage is right when the
//! sums over its sentences are.

use std::collections::{BTreeMap, HashSet};

use engine::{Document, Span};
use ingest::chunk::sentences;
use ingest::source::DocumentSource;

use crate::indexing::next_document;

/// Shorter texts say little: page numbers, braces, table cells.
const MIN_BYTES: usize = 20;

/// A sample of a corpus.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// Distinct texts, in an order that depends on nothing but them.
    pub(super) texts: Vec<String>,
    pub(super) n_documents: usize,
    /// Files that could not be read.
    pub(super) n_skipped: usize,
}

/// Reads a source and keeps at most `max` texts.
///
/// Which ones is decided by their hashes, so neither the order of the files nor
/// their number favours any, and memory holds no more than is kept.
pub(super) fn sample(
    source: &mut dyn DocumentSource,
    max: usize,
    tick: &mut dyn FnMut(usize),
) -> Sample {
    let mut sample = Sample::default();
    let mut kept: BTreeMap<[u8; 32], String> = BTreeMap::new();
    let mut documents = HashSet::new();
    while let Some(next) = next_document(source) {
        let Ok(document) = next else {
            sample.n_skipped += 1;
            continue;
        };
        if !documents.insert(blake3::hash(document.text.as_bytes())) {
            continue;
        }
        sample.n_documents += 1;
        for text in texts_of(&document) {
            kept.insert(*blake3::hash(text.as_bytes()).as_bytes(), text.to_owned());
            if kept.len() > max {
                kept.pop_last();
            }
        }
        tick(sample.n_documents);
    }
    sample.texts = kept.into_values().collect();
    sample
}

fn texts_of(document: &Document) -> impl Iterator<Item = &str> {
    let whole = Span::new(0, document.text.len());
    let spans = sentences(&document.text, whole).into_iter();
    std::iter::once(document.title.as_str())
        .chain(spans.filter_map(|span| span.slice(&document.text)))
        .map(str::trim)
        .filter(|text| text.len() >= MIN_BYTES)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use ingest::source::{FormatChoice, open};

    use super::*;

    fn sampled(folder: &Path, max: usize) -> Sample {
        let mut source = open(&[folder.to_owned()], FormatChoice::Auto).unwrap();
        sample(source.as_mut(), max, &mut |_| {})
    }

    #[test]
    fn a_sample_depends_on_the_texts_and_not_on_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        fs::create_dir_all(&one).unwrap();
        fs::create_dir_all(&two).unwrap();
        let sentence = |at: usize| format!("Sentence number {at} says something.");
        let all: Vec<String> = (0..20).map(sentence).collect();
        fs::write(one.join("a.txt"), all.join("\n\n")).unwrap();
        fs::write(one.join("copy.txt"), all.join("\n\n")).unwrap();
        fs::write(one.join("broken.pdf"), b"%PDF-1.7 and then nothing").unwrap();
        fs::write(two.join("z.txt"), all[10..].join("\n\n")).unwrap();
        fs::write(two.join("b.txt"), format!("{}\n\n}}\n\n12", all[..10].join("\n\n"))).unwrap();

        let (a, b) = (sampled(&one, 7), sampled(&two, 7));
        assert_eq!(a.texts, b.texts);
        assert_eq!((a.texts.len(), a.n_documents, a.n_skipped), (7, 1, 1));
        let mut whole = sampled(&two, 100).texts;
        whole.retain(|text| text.starts_with("Sentence"));
        whole.sort();
        let mut expected = all;
        expected.sort();
        assert_eq!(whole, expected);
    }
}
