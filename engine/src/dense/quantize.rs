//! Eight-bit codes of unit vectors: what a graph is built with and walked on.
//!
//! A row `x` is stored as `round(x / s)` with its own scale `s = max|x| / 127`,
//! so the codes of two rows give their cosine within a few thousandths at a
//! quarter of the memory and of the time. Codes only choose candidates; every
//! score that leaves the dense side is the exact `f32` product.
//!
//! One scale a row and not one a segment: a unit vector with one large
//! component would otherwise coarsen all others.

use super::kernels::dot_codes;

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

    /// The cosines of rows and the vector behind the codes `query`, up to the
    /// query's own positive scale, which no comparison within one search needs.
    ///
    /// Written to `similarities`, one per row, through `products`: both are the
    /// caller's, so that a search allocates nothing.
    #[inline]
    pub(super) fn similarities(
        &self,
        query: &[i8],
        rows: &[u32],
        products: &mut Vec<i32>,
        similarities: &mut Vec<f32>,
    ) {
        products.clear();
        products.resize(rows.len(), 0);
        dot_codes(query, self.values, rows, products);
        similarities.clear();
        let scaled = |(&product, &at): (&i32, &u32)| product as f32 * self.scales[at as usize];
        similarities.extend(products.iter().zip(rows).map(scaled));
    }

    /// The approximate cosine of two rows.
    #[inline]
    pub(super) fn cosine(&self, a: u32, b: u32) -> f32 {
        let mut product = [0];
        dot_codes(self.row(a), self.values, &[b], &mut product);
        product[0] as f32 * self.scales[a as usize] * self.scales[b as usize]
    }

    /// The same rows in the order of `rows`, copied.
    pub(super) fn reordered(&self, rows: &[u32]) -> (Vec<i8>, Vec<f32>) {
        let mut values = Vec::with_capacity(rows.len() * self.dim);
        for &at in rows {
            values.extend_from_slice(self.row(at));
        }
        (values, rows.iter().map(|&at| self.scales[at as usize]).collect())
    }
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
            let mut values = Vec::new();
            let scales = [quantize_row(&a, &mut values), quantize_row(&b, &mut values)];
            prop_assert!(scales.iter().all(|scale| (0.0..=MAX_SCALE).contains(scale)));
            let codes = Codes { dim, values: &values, scales: &scales };
            let (mut products, mut found) = (Vec::new(), Vec::new());
            codes.similarities(codes.row(0), &[1], &mut products, &mut found);
            let found = found[0] * scales[0];
            // Each component is off by at most half a scale; by Cauchy-Schwarz
            // the two errors together stay below this.
            let bound = (scales[0] + scales[1]) * (dim as f32).sqrt() * 0.51;
            prop_assert!((found - exact).abs() <= bound, "{found} for {exact}, bound {bound}");
        }
    }
}
