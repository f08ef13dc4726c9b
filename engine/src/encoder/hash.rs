//! A deterministic encoder without a model: hashed words and word pairs.
//!
//! It has no meaning beyond shared words, which is enough to test every path an
//! index takes. Not a baseline: use [`super::OnnxEncoder`] for real documents.

use super::{Embeddings, EncodeError, Encoder, TextRole, TokenVectors};
use crate::Span;

/// Hashes lower-cased words and adjacent pairs into `dim` signed buckets and
/// normalises (feature hashing: Weinberger et al., ICML 2009).
#[derive(Clone, Debug)]
pub struct HashEncoder {
    dim: usize,
    max_tokens: usize,
    fingerprint: String,
}

impl HashEncoder {
    /// An encoder of `dim` components that reads the first `max_tokens` words;
    /// both are raised to 1.
    pub fn new(dim: usize, max_tokens: usize) -> Self {
        let (dim, max_tokens) = (dim.max(1), max_tokens.max(1));
        Self { dim, max_tokens, fingerprint: format!("hash-v1-{dim}-{max_tokens}") }
    }

    fn add(row: &mut [f32], feature: &str, weight: f32) {
        let hash = blake3::hash(feature.as_bytes());
        let bits = u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes"));
        let sign = if bits >> 63 == 0 { 1.0 } else { -1.0 };
        row[(bits % row.len() as u64) as usize] += sign * weight;
    }

    /// The vector of the words that share a byte with `span`, each with the
    /// pair it makes with the word before it, which may stand outside; whether
    /// the span goes on behind the limit.
    fn encode_span(&self, text: &str, span: Span, row: &mut [f32]) -> bool {
        let mut previous: Option<String> = None;
        let mut words = words(text);
        for (at, word) in words.by_ref().take(self.max_tokens) {
            let word = word.to_lowercase();
            if at.overlaps(span) {
                Self::add(row, &word, 1.0);
                if let Some(previous) = previous {
                    Self::add(row, &format!("{previous} {word}"), 0.5);
                }
            }
            previous = Some(word);
        }
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        if norm > 0.0 {
            for x in row.iter_mut() {
                *x /= norm;
            }
        } else {
            // No word, or features that cancelled: a fixed direction, since a
            // zero vector has no cosine.
            row.fill(0.0);
            row[0] = 1.0;
        }
        words.next().is_some_and(|(at, _)| at.start < span.end)
    }
}

/// Runs of letters and digits, with their bytes.
fn words(text: &str) -> impl Iterator<Item = (Span, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(char::is_alphanumeric)?;
        let length = text[start..].find(|c: char| !c.is_alphanumeric());
        at = length.map_or(text.len(), |length| start + length);
        Some((Span::new(start, at), &text[start..at]))
    })
}

impl Encoder for HashEncoder {
    fn name(&self) -> &'static str {
        "hash"
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    fn encode(&self, texts: &[&str], _role: TextRole) -> Result<Embeddings, EncodeError> {
        let mut values = vec![0.0; texts.len() * self.dim];
        let (mut n_truncated, mut n_tokens) = (0, 0);
        for (row, text) in values.chunks_exact_mut(self.dim).zip(texts) {
            let all = Span::new(0, text.len());
            n_truncated += usize::from(self.encode_span(text, all, row));
            n_tokens += words(text).take(self.max_tokens).count();
        }
        let mut embeddings = Embeddings::new(values, self.dim)?;
        embeddings.n_truncated = n_truncated;
        embeddings.n_tokens = n_tokens;
        Ok(embeddings)
    }

    /// A word's pair with the one before it is all the context there is.
    fn encode_spans(&self, text: &str, spans: &[Span]) -> Result<Embeddings, EncodeError> {
        let mut values = vec![0.0; spans.len() * self.dim];
        let mut n_truncated = 0;
        for (row, &span) in values.chunks_exact_mut(self.dim).zip(spans) {
            n_truncated += usize::from(self.encode_span(text, span, row));
        }
        let mut embeddings = Embeddings::new(values, self.dim)?;
        embeddings.n_truncated = n_truncated;
        Ok(embeddings)
    }

    /// A word is a token, and its vector knows no context.
    fn encode_tokens(&self, text: &str, _role: TextRole) -> Result<TokenVectors, EncodeError> {
        let (mut values, mut places) = (Vec::new(), Vec::new());
        for (place, word) in words(text).take(self.max_tokens) {
            let mut row = vec![0.0; self.dim];
            Self::add(&mut row, &word.to_lowercase(), 1.0);
            values.extend(row);
            places.push(place);
        }
        TokenVectors::new(values, self.dim, places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_words_are_close_and_empty_text_is_a_unit_vector() {
        let encoder = HashEncoder::new(256, 100);
        let texts = ["the borrow checker", "the Borrow checker!", "cargo build", ""];
        let rows = encoder.encode(&texts, TextRole::Passage).unwrap();
        let dot = |a, b| -> f32 {
            rows.row(a).unwrap().iter().zip(rows.row(b).unwrap()).map(|(x, y)| x * y).sum()
        };
        assert!((dot(0, 1) - 1.0).abs() < 1e-6);
        assert!(dot(0, 2).abs() < 0.5);
        assert!((dot(3, 3) - 1.0).abs() < 1e-6);
        assert_eq!(rows.n_tokens, 8);
    }

    #[test]
    fn a_span_knows_the_word_before_it_and_the_whole_is_the_text() {
        let encoder = HashEncoder::new(64, 4);
        let text = "one two three four five";
        let spans = [Span::new(0, text.len()), Span::new(8, 13), Span::new(4, 7)];
        let late = encoder.encode_spans(text, &spans).unwrap();
        let alone = encoder.encode(&[text, "three"], TextRole::Passage).unwrap();
        assert_eq!(late.row(0), alone.row(0));
        assert_ne!(late.row(1), alone.row(1));
        assert_eq!(late.n_truncated, 1);
        let elsewhere = encoder.encode_spans("one 22 three", &[Span::new(7, 12)]).unwrap();
        assert_ne!(late.row(1), elsewhere.row(0));
    }
}
