//! How alike the pieces of a text are, by the encoder's vectors.
//!
//! Chunkers that cut by meaning compare a piece with those just before it and
//! with the average pair of the document. Neither needs the matrix of all
//! pairs: the near ones are a band beside its diagonal, and the mean of all
//! follows from the vectors' sum, since `Σ_{i≠j} v_i·v_j = |Σ v|² - Σ |v|²`.
//! So memory grows with the number of pieces and not with its square: 64 MiB
//! of text in pieces of 50 tokens would be 10^11 pairs, 400 GB of them.

use engine::{EncodeError, Encoder, TextRole};

/// Pieces encoded at once: enough to keep all cores busy, and their vectors are
/// all that is held besides the band.
const BATCH_PIECES: usize = 256;

/// Cosines of near pieces, and the mean over all pairs.
#[derive(Debug)]
pub(super) struct Similarities {
    /// `[n, width]`, row-major: `band[i][k - 1]` belongs to pieces `i` and `i - k`.
    band: Vec<f32>,
    width: usize,
    mean: f64,
}

impl Similarities {
    /// Encodes `texts` as passages and compares each with the `width` before it.
    ///
    /// Costs one run of the encoder a text, `n * width` products of vectors,
    /// and memory for `n * width` numbers.
    ///
    /// # Errors
    /// The encoder's; indices in them count within a batch.
    pub(super) fn of(
        encoder: &dyn Encoder,
        texts: &[&str],
        width: usize,
    ) -> Result<Self, EncodeError> {
        let dim = encoder.dim();
        let mut band = Vec::with_capacity(texts.len() * width);
        let mut sum = vec![0.0; dim];
        let mut squares = 0.0;
        // The last `width` vectors, then those of the batch.
        let mut rows: Vec<f32> = Vec::new();
        for batch in texts.chunks(BATCH_PIECES) {
            let known = rows.len() / dim;
            rows.extend_from_slice(encoder.encode(batch, TextRole::Passage)?.values());
            let row = |at: usize| &rows[at * dim..(at + 1) * dim];
            for at in known..known + batch.len() {
                let before =
                    |back: usize| at.checked_sub(back).map_or(0.0, |to| dot(row(at), row(to)));
                band.extend((1..=width).map(|back| before(back) as f32));
                squares += dot(row(at), row(at));
                for (sum, x) in sum.iter_mut().zip(row(at)) {
                    *sum += f64::from(*x);
                }
            }
            let kept = (known + batch.len()).min(width);
            rows.drain(..rows.len() - kept * dim);
        }
        let n = texts.len() as f64;
        let pairs = n * (n - 1.0);
        let mean = if pairs > 0.0 {
            (sum.iter().map(|x| x * x).sum::<f64>() - squares) / pairs
        } else {
            0.0
        };
        Ok(Self { band, width, mean })
    }

    /// Cosine of piece `at` and the one `back` before it.
    ///
    /// # Arguments
    /// * `back` - from 1 to the width, at most `at`.
    pub(super) fn before(&self, at: usize, back: usize) -> f64 {
        f64::from(self.band[at * self.width + back - 1])
    }

    /// Mean cosine over all pairs of different pieces; 0 where there is none.
    pub(super) fn mean(&self) -> f64 {
        self.mean
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

#[cfg(test)]
mod tests {
    use engine::HashEncoder;

    use super::*;

    #[test]
    fn the_band_and_the_mean_are_those_of_the_matrix() {
        // More than a batch, so that the band crosses a border.
        let texts: Vec<String> = (0..BATCH_PIECES + 40)
            .map(|at| format!("a{} b{} c{}", at % 7, at % 11, at % 3))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let encoder = HashEncoder::new(16, 64);
        let vectors = encoder.encode(&texts, TextRole::Passage).unwrap();
        let cosine = |a, b| dot(vectors.row(a).unwrap(), vectors.row(b).unwrap());
        let found = Similarities::of(&encoder, &texts, 3).unwrap();
        let (mut total, mut pairs) = (0.0, 0.0);
        for at in 0..texts.len() {
            for before in 0..at {
                total += cosine(at, before);
                pairs += 1.0;
                let back = at - before;
                if back <= 3 {
                    assert!((found.before(at, back) - cosine(at, before)).abs() < 1e-6);
                }
            }
        }
        assert!((found.mean() - total / pairs).abs() < 1e-9);
    }

    #[test]
    fn one_piece_has_no_pairs() {
        let found = Similarities::of(&HashEncoder::new(8, 8), &["one"], 4).unwrap();
        assert_eq!(found.mean(), 0.0);
    }
}
