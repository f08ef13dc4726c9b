//! A deterministic encoder without a model: hashed words and word pairs.
//!
//! It has no meaning beyond shared words, which is enough to test every path an
//! index takes. Not a baseline: use [`super::OnnxEncoder`] for real documents.

use super::{Embeddings, EncodeError, Encoder, TextRole};

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

    fn encode_one(&self, text: &str, row: &mut [f32]) -> bool {
        let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let mut previous: Option<String> = None;
        for word in words.by_ref().take(self.max_tokens) {
            let word = word.to_lowercase();
            Self::add(row, &word, 1.0);
            if let Some(previous) = previous {
                Self::add(row, &format!("{previous} {word}"), 0.5);
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
        words.next().is_some()
    }
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
        let mut n_truncated = 0;
        for (row, text) in values.chunks_exact_mut(self.dim).zip(texts) {
            n_truncated += usize::from(self.encode_one(text, row));
        }
        let mut embeddings = Embeddings::new(values, self.dim)?;
        embeddings.n_truncated = n_truncated;
        Ok(embeddings)
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
    }
}
