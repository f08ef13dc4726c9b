//! Eight-bit codes of unit vectors: what a graph is built with and walked on.
//!
//! A row `x` is stored as `round(x / s)` with its own scale `s = max|x| / 127`,
//! so the codes of two rows give their cosine within a few thousandths at a
//! quarter of the memory and of the time. Codes only choose candidates; every
//! score that leaves the dense side is the exact `f32` product.
//!
//! One scale a row and not one a segment: a unit vector with one large
//! component would otherwise coarsen all others.

use super::metric::dot_codes;

/// The largest scale a unit row can have, with room for the tolerated norm;
/// a file that says more is damaged.
pub(super) const MAX_SCALE: f32 = 1.01 / 127.0;

/// Codes of `n` rows, read in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codes<'a> {
    /// Components of a row.
    pub(super) dim: usize,
    /// `[n, dim]`.
    pub(super) values: &'a [i8],
    /// `[n]`, each in `(0, MAX_SCALE]`.
    pub(super) scales: &'a [f32],
}

impl<'a> Codes<'a> {
    /// The codes of row `at`.
    #[inline]
    pub(super) fn row(&self, at: u32) -> &'a [i8] {
        &self.values[at as usize * self.dim..][..self.dim]
    }

    /// The cosine of row `at` and the vector behind `query`, up to the query's
    /// own positive scale, which no comparison within one search needs.
    #[inline]
    pub(super) fn similarity(&self, query: &[i8], at: u32) -> f32 {
        dot_codes(self.row(at), query) as f32 * self.scales[at as usize]
    }

    /// The approximate cosine of two rows.
    #[inline]
    pub(super) fn cosine(&self, a: u32, b: u32) -> f32 {
        self.similarity(self.row(b), a) * self.scales[b as usize]
    }
}

/// Codes and scales of `[n, dim]` unit rows.
pub(super) fn quantize(values: &[f32], dim: usize) -> (Vec<i8>, Vec<f32>) {
    let mut codes = Vec::with_capacity(values.len());
    let scales = values.chunks_exact(dim).map(|row| quantize_row(row, &mut codes)).collect();
    (codes, scales)
}

/// Appends the codes of one row and returns its scale.
pub(super) fn quantize_row(row: &[f32], codes: &mut Vec<i8>) -> f32 {
    let largest = row.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let scale = largest / 127.0;
    codes.extend(row.iter().map(|x| (x / scale).round() as i8));
    scale
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
           #[test]
           fn codes_keep_the_cosine(
               pairs in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 16..512),
           ) {
               let (mut a, mut b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
               for row in [&mut a, &mut b] {
                   let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
                   prop_assume!(norm > 1e-3);
                   for x in row.iter_mut() {
    *x /= norm;
    }
               }
               let exact: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
               let dim = a.len();
               let (codes, scales) = quantize(&[a, b].concat(), dim);
               prop_assert!(scales.iter().all(|scale| (0.0..=MAX_SCALE).contains(scale)));
               let found = Codes { dim, values: &codes, scales: &scales }.cosine(0, 1);
               // Each component is off by at most half a scale; by Cauchy-Schwarz
               // the two errors together stay below this.
               let bound = (scales[0] + scales[1]) * (dim as f32).sqrt() * 0.51;
               prop_assert!((found - exact).abs() <= bound, "{found} for {exact}, bound {bound}");
           }
       }
}
