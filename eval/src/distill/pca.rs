//! Rows cut to the directions in which a sample of them varies most.

use engine::principal_axes;

use super::matrix::Dense;

/// Projects rows on the first `dim` principal axes of `sample`.
pub(super) fn project(rows: &Dense, sample: &Dense, dim: usize) -> Dense {
    let axes = principal_axes(sample.values(), sample.dim());
    let mut projected = Dense::zeros(rows.len(), dim);
    for (at, row) in rows.rows().enumerate() {
        for (x, (_, axis)) in projected.row_mut(at).iter_mut().zip(&axes) {
            *x = row.iter().zip(axis).map(|(a, b)| f64::from(*a) * b).sum::<f64>() as f32;
        }
    }
    projected
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn points_on_a_line_need_one_component() {
        let line = |t: f32| [3.0 * t, 0.0, -4.0 * t];
        let rows = Dense::new([1.0, -2.0, 0.5].iter().flat_map(|t| line(*t)).collect(), 3);
        let projected = project(&rows, &rows, 1);
        let lengths: Vec<f32> = projected.rows().map(|row| row[0].abs()).collect();
        for (found, expected) in lengths.iter().zip([5.0, 10.0, 2.5]) {
            assert!((found - expected).abs() < 1e-5, "{lengths:?}");
        }
    }

    proptest! {
        #[test]
        fn all_components_keep_every_dot_product(
            values in prop::collection::vec(-1.0_f32..1.0, 5 * 4),
        ) {
            let rows = Dense::new(values, 4);
            let projected = project(&rows, &rows, 4);
            let dot = |rows: &Dense, a, b| -> f32 {
                rows.row(a).iter().zip(rows.row(b)).map(|(x, y)| x * y).sum()
            };
            for (a, b) in [(0, 1), (2, 2), (3, 4)] {
                prop_assert!((dot(&rows, a, b) - dot(&projected, a, b)).abs() < 1e-5);
            }
        }
    }
}
