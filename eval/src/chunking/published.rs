//! The published figures of the benchmark for the encoder we share with it.

use ingest::chunk::{
    ChunkSize, ChunkStrategy, ChunkerSpec, ContextStyle, DEFAULT_SEPARATORS, TokenizerChoice,
};

/// A row of the published table, as fractions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PublishedRow {
    /// What the chunker is called there.
    pub name: &'static str,
    /// Span recall at 5 chunks.
    pub recall: f64,
    /// Span precision at 5 chunks.
    pub precision: f64,
    /// Precision omega.
    pub precision_omega: f64,
    /// IoU at 5 chunks.
    pub iou: f64,
}

/// The published row for a chunker with all-MiniLM-L6-v2, dense search and 5
/// chunks over all questions; `None` where none was published.
///
/// # Source
/// Smith and Troynikov, "Evaluating Chunking Strategies for Retrieval", Chroma
/// technical report, 2024, the table for all-MiniLM-L6-v2.
pub fn published_row(chunker: &ChunkerSpec) -> Option<PublishedRow> {
    if chunker.context() != ContextStyle::NONE || chunker.tokenizer() != TokenizerChoice::Cl100k {
        return None;
    }
    let (name, percent) = if let ChunkStrategy::Fixed(size) = chunker.strategy() {
        ("TokenText", token_text(*size)?)
    } else if let ChunkStrategy::Recursive { size, separators } = chunker.strategy()
        && separators == &DEFAULT_SEPARATORS
    {
        ("Recursive", recursive(*size)?)
    } else {
        return None;
    };
    let [recall, precision, precision_omega, iou] = percent.map(|percent| percent / 100.0);
    Some(PublishedRow { name, recall, precision, precision_omega, iou })
}

/// Recall, precision, precision omega and IoU in percent.
fn token_text(size: ChunkSize) -> Option<[f64; 4]> {
    match (size.tokens, size.overlap_tokens) {
        (250, 125) => Some([82.4, 3.6, 11.4, 3.5]),
        (250, 0) => Some([77.1, 3.3, 16.4, 3.3]),
        (200, 0) => Some([76.6, 4.1, 19.1, 4.1]),
        _ => None,
    }
}

/// As [`token_text`].
fn recursive(size: ChunkSize) -> Option<[f64; 4]> {
    match (size.tokens, size.overlap_tokens) {
        (250, 125) => Some([78.7, 4.9, 21.9, 4.9]),
        (250, 0) => Some([78.5, 5.4, 26.7, 5.4]),
        (200, 0) => Some([75.7, 6.5, 31.2, 6.5]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_published_settings_have_a_row() {
        let published = |spec: &str| published_row(&ChunkerSpec::parse(spec).unwrap());
        let row = published("fixed:200,tokenizer=cl100k").unwrap();
        assert_eq!(row.name, "TokenText");
        assert!((row.recall - 0.766).abs() < 1e-9 && (row.precision_omega - 0.191).abs() < 1e-9);
        assert!(published("recursive:250/125,tokenizer=cl100k").is_some());
        for other in [
            "fixed:200",
            "fixed:200/1,tokenizer=cl100k",
            "fixed:200,tokenizer=cl100k,context=title",
            "recursive:200,tokenizer=cl100k,separators=\\n",
            "sentence:200,tokenizer=cl100k",
        ] {
            assert_eq!(published(other), None, "{other}");
        }
    }
}
