//! The extractive answer: the sentences of the found passages that are nearest
//! to the question.

use engine::{DocumentId, EncodeError, Encoder, Hit, Span, TextRole};
use unicode_segmentation::UnicodeSegmentation;

/// A quotation and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Citation {
    /// The document.
    pub document: DocumentId,
    /// Its title.
    pub title: String,
    /// The quotation's bytes in the document's canonical text.
    pub span: Span,
    /// The quotation, verbatim.
    pub text: String,
    /// Cosine of question and quotation, in `[-1, 1]`.
    pub score: f32,
}

/// A question with the quotations that answer it, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was asked.
    pub question: String,
    /// Empty when nothing was found.
    pub citations: Vec<Citation>,
}

/// How many sentences are quoted, and how near they must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExtractOptions {
    /// Most citations.
    pub max_citations: usize,
    /// Hits whose sentences are considered.
    pub max_hits: usize,
    /// A sentence is quoted when its cosine is at most this much below the best
    /// one's.
    pub max_gap: f32,
}

impl Default for ExtractOptions {
    fn default() -> Self {
        Self { max_citations: 3, max_hits: 5, max_gap: 0.1 }
    }
}

/// Fewer words are a heading, a label or a scrap of code, not a statement.
const MIN_WORDS: usize = 5;

/// Chooses the sentences of the first hits that are nearest to the question.
///
/// Every sentence is encoded, so the cost is that of `max_hits` times about ten
/// short texts. Sentences end at line breaks too: in a canonical text a line is
/// a paragraph, a list item, a row or a line of code.
///
/// # Arguments
/// * `hits` - best first; the order decides between equally near sentences.
/// * `encoder` - the one the index was built with.
///
/// # Errors
/// [`EncodeError`] of the encoder.
pub fn extract(
    question: &str,
    hits: &[Hit],
    encoder: &dyn Encoder,
    options: &ExtractOptions,
) -> Result<Answer, EncodeError> {
    let mut candidates: Vec<Citation> = Vec::new();
    for hit in hits.iter().take(options.max_hits) {
        for (start, sentence) in sentences(&hit.text) {
            let start = hit.span.start as usize + start;
            // Overlapping chunks show the same sentence twice.
            let repeated = candidates.iter().any(|other| other.text == sentence);
            if !repeated {
                candidates.push(Citation {
                    document: hit.document.clone(),
                    title: hit.title.clone(),
                    span: Span::new(start, start + sentence.len()),
                    text: sentence.to_owned(),
                    score: 0.0,
                });
            }
        }
    }
    let query = encoder.encode(&[question], TextRole::Query)?;
    let texts: Vec<&str> = candidates.iter().map(|candidate| candidate.text.as_str()).collect();
    let vectors = encoder.encode(&texts, TextRole::Passage)?;
    let query = query.row(0).unwrap_or_default();
    for (at, candidate) in candidates.iter_mut().enumerate() {
        let row = vectors.row(at).unwrap_or_default();
        candidate.score = query.iter().zip(row).map(|(x, y)| x * y).sum();
    }
    // Stable, so that equal scores keep the order of the hits.
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let best = candidates.first().map_or(0.0, |candidate| candidate.score);
    candidates.retain(|candidate| candidate.score >= best - options.max_gap);
    candidates.truncate(options.max_citations);
    Ok(Answer { question: question.to_owned(), citations: candidates })
}

/// Sentences of a passage with their byte offsets, white space around them left
/// out.
fn sentences(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut line_start = 0;
    text.split_inclusive('\n')
        .flat_map(move |line| {
            let at = line_start;
            line_start += line.len();
            line.split_sentence_bound_indices().map(move |(start, sentence)| (at + start, sentence))
        })
        .filter_map(|(start, sentence)| {
            let trimmed = sentence.trim_start();
            let start = start + sentence.len() - trimmed.len();
            let trimmed = trimmed.trim_end();
            (trimmed.unicode_words().count() >= MIN_WORDS).then_some((start, trimmed))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{ChunkOrd, HashEncoder};
    use std::collections::BTreeMap;

    fn hit(id: &str, prefix: &str, text: &str) -> Hit {
        Hit {
            document: DocumentId::new(id).unwrap(),
            chunk: ChunkOrd(0),
            span: Span::new(prefix.len(), prefix.len() + text.len()),
            title: String::new(),
            headings: vec![],
            text: text.to_owned(),
            score: 1.0,
            highlights: vec![],
            fields: BTreeMap::new(),
            duplicates: vec![],
            similar: vec![],
            features: None,
            explanation: None,
        }
    }

    #[test]
    fn quotes_the_nearest_sentence_at_its_place() {
        let prefix = "Çà et là. ";
        let text = "Cargo builds your crates in order.\nA mutable reference is exclusive while it \
                    lives. The end.";
        let encoder = HashEncoder::new(512, 64);
        let question = "is a mutable reference exclusive";
        let hits = [hit("book", prefix, text), hit("twin", prefix, text)];
        let answer = extract(question, &hits, &encoder, &ExtractOptions::default()).unwrap();
        let best = &answer.citations[0];
        assert_eq!(best.text, "A mutable reference is exclusive while it lives.");
        assert_eq!(best.span.slice(&format!("{prefix}{text}")).unwrap(), best.text);
        assert_eq!(best.document.as_str(), "book");
        assert!(answer.citations.iter().all(|citation| citation.document.as_str() == "book"));
        assert!(
            extract(question, &[], &encoder, &ExtractOptions::default())
                .unwrap()
                .citations
                .is_empty()
        );
    }
}
