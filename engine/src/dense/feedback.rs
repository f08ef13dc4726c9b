//! Dense feedback: a query's vector moved towards passages that it found.

use super::{DenseError, Query, VectorIndex};
use crate::document::ChunkOrd;

/// Below this length a sum of vectors has no direction worth following.
const LEAST_NORM: f64 = 1e-6;

impl VectorIndex {
    /// The query moved towards the stored vectors of chunks, see [`rocchio`].
    ///
    /// # Arguments
    /// * `query` - `[encoder_dim]`, a unit vector.
    /// * `chunks` - those the index lacks are left out.
    /// * `weight` - the chunks' share, in `[0, 1]`.
    ///
    /// # Returns
    /// `[encoder_dim]`, of length 1, with zeros behind the components that the index
    /// keeps; the query as it was where there is nothing to move towards.
    ///
    /// # Errors
    /// As [`VectorIndex::search`].
    pub(crate) fn moved_query(
        &self,
        query: &[f32],
        chunks: &[ChunkOrd],
        weight: f64,
    ) -> Result<Vec<f32>, DenseError> {
        let kept = Query::new(query, self.dims)?.values;
        let rows: Vec<Vec<f32>> = chunks
            .iter()
            .filter_map(|&ord| self.segments.iter().find_map(|segment| segment.vector(ord)))
            .collect();
        let Some(mut moved) = rocchio(&kept, &rows, weight) else { return Ok(query.to_vec()) };
        moved.resize(query.len(), 0.0);
        Ok(moved)
    }
}

/// Rocchio's query without negative examples:
/// `(1 - weight) * query + weight * mean(rows)`, brought back to length 1.
///
/// Each row counts with length 1, whatever the form it is stored in says. Sums are
/// taken in `f64` and in the order of the rows, so that the result depends on nothing
/// but the arguments. `None` without a row of any direction, and where all cancel out.
///
/// # Source
/// Rocchio, Relevance feedback in information retrieval, in: The SMART retrieval
/// system, 1971. Differs: alpha and beta are one weight, since only their ratio moves
/// a direction; there is no gamma.
fn rocchio(query: &[f32], rows: &[Vec<f32>], weight: f64) -> Option<Vec<f32>> {
    let mut sum = vec![0.0_f64; query.len()];
    let mut n = 0_u32;
    for row in rows {
        let norm = norm(row.iter().map(|&x| f64::from(x)));
        // Also where a damaged file holds what is no number.
        if norm.is_finite() && norm > LEAST_NORM {
            n += 1;
            for (total, &x) in sum.iter_mut().zip(row) {
                *total += f64::from(x) / norm;
            }
        }
    }
    if n == 0 {
        return None;
    }
    for (total, &x) in sum.iter_mut().zip(query) {
        *total = (1.0 - weight) * f64::from(x) + weight * *total / f64::from(n);
    }
    let norm = norm(sum.iter().copied());
    (norm > LEAST_NORM).then(|| sum.iter().map(|x| (x / norm) as f32).collect())
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &[f32], rows: &[&[f32]], weight: f64, expected: &[f32]) {
        let rows: Vec<_> = rows.iter().map(|row| row.to_vec()).collect();
        let found = rocchio(query, &rows, weight).unwrap();
        for (x, y) in found.iter().zip(expected) {
            assert!((x - y).abs() < 1e-6, "{found:?}, expected {expected:?}");
        }
    }

    #[test]
    fn a_query_moves_by_its_weight_towards_the_mean() {
        let half = std::f32::consts::FRAC_1_SQRT_2;
        check(&[1.0, 0.0], &[&[0.0, 1.0]], 0.5, &[half, half]);
        // .75 * (1, 0) + .25 * ((0, 1) + (0.6, 0.8)) / 2 = (.825, .225)
        check(&[1.0, 0.0], &[&[0.0, 1.0], &[0.6, 0.8]], 0.25, &[0.964_764, 0.263_117]);
        check(&[1.0, 0.0], &[&[0.0, 1.0]], 0.0, &[1.0, 0.0]);
        check(&[1.0, 0.0], &[&[0.0, 1.0]], 1.0, &[0.0, 1.0]);
    }

    #[test]
    fn rows_count_alike_however_long_they_are_stored() {
        let half = std::f32::consts::FRAC_1_SQRT_2;
        check(&[1.0, 0.0], &[&[0.0, 0.2], &[0.0, 7.0]], 0.5, &[half, half]);
    }

    #[test]
    fn what_has_no_direction_moves_nothing() {
        let rocchio = |rows: &[Vec<f32>]| rocchio(&[1.0, 0.0], rows, 0.5);
        assert_eq!(rocchio(&[]), None);
        assert_eq!(rocchio(&[vec![0.0, 0.0], vec![f32::NAN, 1.0]]), None);
        assert_eq!(rocchio(&[vec![-1.0, 0.0]]), None, "all cancels out");
    }
}
