//! Principal components: the directions in which vectors vary most.
//!
//! The eigenvectors of a small symmetric matrix by Jacobi's rotations: a page of
//! code, accurate to the last digits, and deterministic. A linear algebra crate
//! would be one more dependency for a matrix of 384 rows that is decomposed once
//! per distillation, or per index that keeps token vectors.
//!
//! # Source
//! Golub and Van Loan, Matrix Computations, 4th edition, section 8.5 (cyclic
//! Jacobi). Components: Pearson, 1901; Hotelling, 1933.

/// Sweeps over all pairs; five to ten suffice, since convergence is quadratic.
const MAX_SWEEPS: usize = 30;

/// The directions in which vectors vary most, most first.
///
/// # Arguments
/// * `rows` - `[n, dim]`, row-major. Not centred: what is projected are unit vectors
///   whose dot products shall stay what they are, and subtracting the mean changes
///   them.
/// * `dim` - components of a row, at least 1.
///
/// # Returns
/// `dim` pairs of an eigenvalue of `Σ x xᵀ` and its unit vector, by falling
/// eigenvalue. The component of the largest magnitude is positive, so that the sign
/// is no accident. The same rows give the same bits.
pub fn principal_axes(rows: &[f32], dim: usize) -> Vec<(f64, Vec<f64>)> {
    Symmetric::second_moment(rows, dim).eigenvectors()
}

/// A symmetric matrix `[dim, dim]` in `f64`.
#[derive(Clone, Debug)]
struct Symmetric {
    values: Vec<f64>,
    dim: usize,
}

impl Symmetric {
    fn second_moment(rows: &[f32], dim: usize) -> Self {
        let mut values = vec![0.0; dim * dim];
        for row in rows.chunks_exact(dim) {
            for (a, line) in row.iter().zip(values.chunks_exact_mut(dim)) {
                let a = f64::from(*a);
                line.iter_mut().zip(row).for_each(|(sum, b)| *sum += a * f64::from(*b));
            }
        }
        Self { values, dim }
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.dim + column]
    }

    fn eigenvectors(mut self) -> Vec<(f64, Vec<f64>)> {
        let n = self.dim;
        // Rows of `vectors` are the eigenvectors, so that a rotation works on
        // contiguous memory.
        let mut vectors = vec![0.0; n * n];
        for at in 0..n {
            vectors[at * n + at] = 1.0;
        }
        let scale = self.values.iter().map(|x| x * x).sum::<f64>();
        for _ in 0..MAX_SWEEPS {
            let off: f64 = (0..n)
                .flat_map(|p| (0..p).map(move |q| (p, q)))
                .map(|(p, q)| self.at(p, q).powi(2))
                .sum();
            if off <= scale * 1e-24 {
                break;
            }
            for p in 0..n {
                for q in p + 1..n {
                    self.rotate(p, q, &mut vectors);
                }
            }
        }
        let mut pairs: Vec<(f64, Vec<f64>)> = vectors
            .chunks_exact(n)
            .enumerate()
            .map(|(at, vector)| (self.at(at, at), signed(vector)))
            .collect();
        pairs.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        pairs
    }

    /// Makes the element `(p, q)` zero.
    fn rotate(&mut self, p: usize, q: usize, vectors: &mut [f64]) {
        let (app, aqq, apq) = (self.at(p, p), self.at(q, q), self.at(p, q));
        if apq == 0.0 {
            return;
        }
        let theta = (aqq - app) / (2.0 * apq);
        let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
        let cosine = 1.0 / t.hypot(1.0);
        let sine = t * cosine;
        // Rows first, then columns by symmetry: the rows are contiguous.
        turn(&mut self.values, self.dim, (p, q), (cosine, sine));
        for at in 0..self.dim {
            if at != p && at != q {
                self.values[at * self.dim + p] = self.at(p, at);
                self.values[at * self.dim + q] = self.at(q, at);
            }
        }
        let n = self.dim;
        self.values[p * n + p] = app - t * apq;
        self.values[q * n + q] = aqq + t * apq;
        self.values[p * n + q] = 0.0;
        self.values[q * n + p] = 0.0;
        turn(vectors, n, (p, q), (cosine, sine));
    }
}

/// Turns rows `p` and `q` (`p < q`) into each other.
fn turn(values: &mut [f64], n: usize, (p, q): (usize, usize), (cosine, sine): (f64, f64)) {
    let (head, tail) = values.split_at_mut(q * n);
    let (row_p, row_q) = (&mut head[p * n..(p + 1) * n], &mut tail[..n]);
    for (x, y) in row_p.iter_mut().zip(row_q) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
}

fn signed(vector: &[f64]) -> Vec<f64> {
    let largest = vector.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0);
    let sign = if largest < 0.0 { -1.0 } else { 1.0 };
    vector.iter().map(|x| x * sign).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_known_matrix_has_its_known_eigenvectors() {
        // [[2, 1], [1, 2]]: 3 along (1, 1), 1 along (1, -1).
        let pairs = Symmetric { values: vec![2.0, 1.0, 1.0, 2.0], dim: 2 }.eigenvectors();
        let half = 0.5_f64.sqrt();
        assert!((pairs[0].0 - 3.0).abs() < 1e-12 && (pairs[1].0 - 1.0).abs() < 1e-12);
        assert!(pairs[0].1.iter().all(|x| (x - half).abs() < 1e-12), "{pairs:?}");
        assert!((pairs[1].1[0] + pairs[1].1[1]).abs() < 1e-12, "{pairs:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn eigenvectors_diagonalise(values in prop::collection::vec(-10.0_f32..10.0, 9 * 6)) {
            let matrix = Symmetric::second_moment(&values, 6);
            let pairs = matrix.clone().eigenvectors();
            for (at, (value, vector)) in pairs.iter().enumerate() {
                prop_assert!(at == 0 || pairs[at - 1].0 >= *value);
                for (row, component) in vector.iter().enumerate() {
                    let product: f64 = (0..6).map(|k| matrix.at(row, k) * vector[k]).sum();
                    prop_assert!((product - value * component).abs() < 1e-8, "{pairs:?}");
                }
                for (_, other) in &pairs[..at] {
                    let dot: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                    prop_assert!(dot.abs() < 1e-10);
                }
            }
        }
    }
}
