//! The two matrices of a distillation: dense rows, and counts of tokens in texts.
//!
//! Sums are taken in a fixed order whatever the number of threads: work is
//! divided by rows of the result, and what must be summed over rows is summed
//! in blocks of a fixed size. The same input gives the same bits.

use rayon::prelude::*;

/// Rows whose column sums are taken together; a constant, since it decides the
/// order of additions.
const BLOCK_ROWS: usize = 512;

/// A dense matrix `[rows, dim]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dense {
    values: Vec<f32>,
    dim: usize,
}

impl Dense {
    /// All zeros.
    pub(super) fn zeros(rows: usize, dim: usize) -> Self {
        Self { values: vec![0.0; rows * dim], dim }
    }

    /// Wraps whole rows of `dim` values, at least 1.
    pub(super) fn new(values: Vec<f32>, dim: usize) -> Self {
        debug_assert!(dim > 0 && values.len().is_multiple_of(dim));
        Self { values, dim }
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// All rows, `[rows, dim]`.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    pub(super) fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.dim..(at + 1) * self.dim]
    }

    pub(super) fn row_mut(&mut self, at: usize) -> &mut [f32] {
        &mut self.values[at * self.dim..(at + 1) * self.dim]
    }

    pub(super) fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.dim)
    }

    pub(super) fn par_rows_mut(&mut self) -> rayon::slice::ChunksExactMut<'_, f32> {
        self.values.par_chunks_exact_mut(self.dim)
    }

    pub(super) fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// `self + factor ⊙ other`, a factor for each column.
    pub(super) fn add_scaled(&mut self, factor: &[f32], other: &Self) {
        let dim = self.dim;
        let rows = other.values.par_chunks_exact(dim);
        self.values.par_chunks_exact_mut(dim).zip(rows).for_each(|(to, from)| {
            for ((to, from), factor) in to.iter_mut().zip(from).zip(factor) {
                *to += factor * from;
            }
        });
    }

    /// The dot product of each column with the same column of `other`.
    pub(super) fn column_dots(&self, other: &Self) -> Vec<f64> {
        let block = BLOCK_ROWS * self.dim;
        let blocks: Vec<Vec<f64>> = self
            .values
            .par_chunks(block)
            .zip(other.values.par_chunks(block))
            .map(|(a, b)| {
                let mut sums = vec![0.0_f64; self.dim];
                for (a, b) in a.chunks_exact(self.dim).zip(b.chunks_exact(self.dim)) {
                    for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                        *sum += f64::from(*a) * f64::from(*b);
                    }
                }
                sums
            })
            .collect();
        let mut total = vec![0.0; self.dim];
        for sums in blocks {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        total
    }
}

/// How often each token is in each text, by rows: `[texts, tokens]`, sparse.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counts {
    /// Where each row begins in `columns` and `values`, and the end.
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
    n_columns: usize,
}

impl Counts {
    /// Counts the tokens of texts.
    ///
    /// # Arguments
    /// * `texts` - token ids, each below `n_tokens`.
    pub(super) fn of(texts: &[Vec<u32>], n_tokens: usize) -> Self {
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for text in texts {
            let mut ids = text.clone();
            ids.sort_unstable();
            for run in ids.chunk_by(|a, b| a == b) {
                columns.push(run[0]);
                values.push(run.len() as f32);
            }
            starts.push(columns.len());
        }
        Self { starts, columns, values, n_columns: n_tokens }
    }

    pub(super) fn n_rows(&self) -> usize {
        self.starts.len() - 1
    }

    fn row(&self, at: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
        let range = self.starts[at]..self.starts[at + 1];
        let values = self.values[range.clone()].iter().copied();
        self.columns[range].iter().copied().zip(values)
    }

    /// Rows and columns exchanged.
    pub(super) fn transposed(&self) -> Self {
        let mut starts = vec![0; self.n_columns + 1];
        for &column in &self.columns {
            starts[column as usize + 1] += 1;
        }
        for at in 0..self.n_columns {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut columns = vec![0; self.columns.len()];
        let mut values = vec![0.0; self.values.len()];
        for row in 0..self.n_rows() {
            for (column, value) in self.row(row) {
                let place = &mut next[column as usize];
                columns[*place] = row as u32;
                values[*place] = value;
                *place += 1;
            }
        }
        Self { starts, columns, values, n_columns: self.n_rows() }
    }

    /// Multiplies each row by its factor.
    pub(super) fn scale_rows(&mut self, factors: &[f32]) {
        for (row, factor) in factors.iter().enumerate() {
            let range = self.starts[row]..self.starts[row + 1];
            self.values[range].iter_mut().for_each(|value| *value *= factor);
        }
    }

    /// The matrix product with `rows`, of shape `[rows, dim]`.
    pub(super) fn times(&self, rows: &Dense) -> Dense {
        let mut product = Dense::zeros(self.n_rows(), rows.dim());
        product.par_rows_mut().enumerate().for_each(|(at, sum)| {
            for (column, value) in self.row(at) {
                for (sum, x) in sum.iter_mut().zip(rows.row(column as usize)) {
                    *sum += value * x;
                }
            }
        });
        product
    }

    /// Sums over the rows: how often each token occurs.
    pub(super) fn column_sums(&self) -> Vec<f64> {
        self.columns_with(f64::from)
    }

    /// Sums of squares over the rows.
    pub(super) fn column_squares(&self) -> Vec<f64> {
        self.columns_with(|value| f64::from(value).powi(2))
    }

    fn columns_with(&self, term: impl Fn(f32) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.n_columns];
        for (column, value) in self.columns.iter().zip(&self.values) {
            sums[*column as usize] += term(*value);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_are_those_of_the_texts() {
        let counts = Counts::of(&[vec![2, 0, 2], vec![], vec![1]], 4);
        assert_eq!(counts.row(0).collect::<Vec<_>>(), [(0, 1.0), (2, 2.0)]);
        assert_eq!((counts.n_rows(), counts.row(1).count()), (3, 0));
        assert_eq!(counts.column_sums(), [1.0, 1.0, 2.0, 0.0]);
        assert_eq!(counts.column_squares(), [1.0, 1.0, 4.0, 0.0]);
    }

    proptest! {
        #[test]
        fn products_and_transposition_agree_with_the_definition(
            texts in prop::collection::vec(prop::collection::vec(0_u32..7, 0..9), 1..12),
            values in prop::collection::vec(-4_i8..=4, 7 * 3),
        ) {
            // Small whole numbers: every sum is exact, whatever its order.
            let rows = Dense::new(values.into_iter().map(f32::from).collect(), 3);
            let counts = Counts::of(&texts, 7);
            prop_assert_eq!(&counts.transposed().transposed(), &counts);
            let product = counts.times(&rows);
            for (at, text) in texts.iter().enumerate() {
                let mut sum = [0.0; 3];
                for &id in text {
                    sum.iter_mut().zip(rows.row(id as usize)).for_each(|(sum, x)| *sum += x);
                }
                prop_assert_eq!(product.row(at), &sum);
            }
        }

        #[test]
        fn column_dots_do_not_depend_on_the_number_of_threads(
            values in prop::collection::vec(-1e3_f32..1e3, 2 * 1300),
        ) {
            let rows = Dense::new(values, 2);
            let with = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| rows.column_dots(&rows))
            };
            prop_assert_eq!(with(1), with(3));
        }
    }
}
