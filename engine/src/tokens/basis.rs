//! The components of a token's vector that are kept.
//!
//! The principal axes of the index's own token vectors hold most of every product
//! in few components; turned among themselves by a cosine transform they hold about
//! the same share each, which is what levels of a fixed number of bits want. A basis
//! is fitted once and then kept with the vectors, since all must share it.

use std::f64::consts::{PI, SQRT_2};

use crate::dense;
use crate::principal_axes;

/// `dim` directions in a space of `encoder_dim` components, orthonormal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Basis {
    /// `[dim, encoder_dim]`.
    rows: Vec<f32>,
    encoder_dim: usize,
}

impl Basis {
    /// The best basis for a sample of vectors.
    ///
    /// # Arguments
    /// * `sample` - `[n, encoder_dim]`, row-major.
    /// * `dim` - directions kept, 1 to `encoder_dim`.
    pub(crate) fn fit(sample: &[f32], encoder_dim: usize, dim: usize) -> Self {
        let axes = principal_axes(sample, encoder_dim);
        let mut rows = vec![0.0; dim * encoder_dim];
        for (at, row) in rows.chunks_exact_mut(encoder_dim).enumerate() {
            for (nth, (_, axis)) in axes.iter().take(dim).enumerate() {
                let share = cosine_transform(at, nth, dim);
                for (x, component) in row.iter_mut().zip(axis) {
                    *x += (share * component) as f32;
                }
            }
        }
        Self { rows, encoder_dim }
    }

    /// A basis that was stored.
    ///
    /// # Arguments
    /// * `rows` - `[dim, encoder_dim]`, at least one row.
    pub(super) fn stored(rows: Vec<f32>, encoder_dim: usize) -> Self {
        Self { rows, encoder_dim }
    }

    /// Components of the vectors it projects.
    pub(crate) fn encoder_dim(&self) -> usize {
        self.encoder_dim
    }

    /// Directions.
    pub(crate) fn dim(&self) -> usize {
        self.rows.len() / self.encoder_dim
    }

    /// All directions, `[dim, encoder_dim]`.
    pub(super) fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// A vector's components along the directions.
    pub(crate) fn project(&self, vector: &[f32]) -> impl Iterator<Item = f32> {
        self.rows.chunks_exact(self.encoder_dim).map(move |row| dense::dot(vector, row))
    }
}

/// Element (`row`, `column`) of the orthonormal cosine transform (DCT-II) of `n`.
fn cosine_transform(row: usize, column: usize, n: usize) -> f64 {
    let scale = if row == 0 { 1.0 } else { SQRT_2 } / (n as f64).sqrt();
    scale * (PI * (column as f64 + 0.5) * row as f64 / n as f64).cos()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    proptest! {
        #[test]
        fn directions_are_orthonormal_and_all_of_them_lose_nothing(
            sample in prop::collection::vec(-1.0_f32..1.0, 7 * 5),
        ) {
            let basis = Basis::fit(&sample, 5, 5);
            for (at, row) in basis.rows().chunks_exact(5).enumerate() {
                for (other, column) in basis.rows().chunks_exact(5).enumerate() {
                    let expected = if at == other { 1.0 } else { 0.0 };
                    prop_assert!((dot(row, column) - expected).abs() < 1e-5);
                }
            }
            let (a, b) = (&sample[..5], &sample[5..10]);
            let (pa, pb): (Vec<_>, Vec<_>) = (basis.project(a).collect(), basis.project(b).collect());
            prop_assert!((dot(a, b) - dot(&pa, &pb)).abs() < 1e-5);
        }
    }

    #[test]
    fn what_the_sample_lies_in_is_kept_and_spread() {
        // A plane in four dimensions: two directions hold all of it.
        let sample = [3.0, 0.0, 4.0, 0.0, 0.0, 1.0, 0.0, 1.0, 3.0, 1.0, 4.0, 1.0];
        let basis = Basis::fit(&sample, 4, 2);
        for row in sample.chunks_exact(4) {
            let kept: Vec<f32> = basis.project(row).collect();
            assert!((dot(row, row) - dot(&kept, &kept)).abs() < 1e-4, "{kept:?}");
        }
        // The first axis alone would hold nearly all of the first row.
        let kept: Vec<f32> = basis.project(&sample[..4]).collect();
        assert!(kept.iter().all(|x| x.abs() > 2.0), "{kept:?}");
    }
}
