//! Token rows whose sums approximate a teacher's text vectors.
//!
//! For texts `i` with token counts `n_it` and teacher vectors `y_i` the rows
//! `r_t` minimise `Σ_i |c_i Σ_t n_it r_t - y_i|² + λ Σ_t |r_t - p_t|²`, ridge
//! regression towards a prior `p_t`. The factor `c_i` stands for the encoder's
//! normalisation and is taken from the rows of the round before. The normal
//! equations are solved by conjugate gradients, all components at once, since
//! the matrix is sparse and the same for each.
//!
//! # Source
//! Ridge regression: Hoerl and Kennard, Technometrics, 1970. Conjugate gradients
//! with a diagonal preconditioner: Golub and Van Loan, Matrix Computations, 4th
//! edition, section 11.5.

use super::matrix::{Counts, Dense};

/// How the regression is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    /// λ: how firmly rows keep to the prior. A token that occurs in one short
    /// text has a weight of about 1/20 in the data term.
    pub(super) ridge: f32,
    /// Times that the factors `c_i` are taken anew.
    pub(super) rounds: usize,
    /// Steps of the solver in each round.
    pub(super) steps: usize,
}

impl Fit {
    /// Chosen on the train topics of SciFact, see `docs/fast-profile.md`.
    pub(super) const DEFAULT: Self = Self { ridge: 0.1, rounds: 2, steps: 15 };
}

/// Moves `rows` so that sums over texts approximate `targets`.
///
/// # Arguments
/// * `counts` - `[texts, tokens]`.
/// * `targets` - `[texts, dim]`, the teacher's unit vectors.
/// * `rows` - `[tokens, dim]`, the prior. Its length decides the length of the
///   result; tokens that no text holds keep their row.
/// * `tick` - called after each of `rounds · steps` steps.
pub(super) fn fit(
    counts: &Counts,
    targets: &Dense,
    mut rows: Dense,
    fit: Fit,
    tick: &mut dyn FnMut(),
) -> Dense {
    for _ in 0..fit.rounds {
        let sums = counts.times(&rows);
        let mut scaled = counts.clone();
        scaled.scale_rows(&sums.rows().map(reciprocal_norm).collect::<Vec<_>>());
        let mut residual = scaled.times(&rows);
        subtract_from(targets, &mut residual);
        let change = solve(&scaled, &residual, fit, tick);
        rows.add_scaled(&vec![1.0; change.dim()], &change);
    }
    rows
}

/// Solves `(AᵀA + λ) x = Aᵀ b` for all columns of `b`.
fn solve(a: &Counts, b: &Dense, fit: Fit, tick: &mut dyn FnMut()) -> Dense {
    let transposed = a.transposed();
    let diagonal: Vec<f32> =
        a.column_squares().into_iter().map(|square| 1.0 / (square as f32 + fit.ridge)).collect();
    let mut residual = transposed.times(b);
    let mut solution = Dense::zeros(residual.len(), residual.dim());
    let mut direction = preconditioned(&residual, &diagonal);
    let mut error = residual.column_dots(&direction);
    for _ in 0..fit.steps {
        let mut image = transposed.times(&a.times(&direction));
        image.add_scaled(&vec![fit.ridge; image.dim()], &direction);
        let step = ratios(&error, &direction.column_dots(&image));
        solution.add_scaled(&step, &direction);
        residual.add_scaled(&step.iter().map(|step| -step).collect::<Vec<_>>(), &image);
        let mut next = preconditioned(&residual, &diagonal);
        let next_error = residual.column_dots(&next);
        next.add_scaled(&ratios(&next_error, &error), &direction);
        (direction, error) = (next, next_error);
        tick();
    }
    solution
}

/// Quotients by column; 0 where a column is solved already.
fn ratios(numerators: &[f64], denominators: &[f64]) -> Vec<f32> {
    let ratio = |(a, b): (&f64, &f64)| if *b > 0.0 { (a / b) as f32 } else { 0.0 };
    numerators.iter().zip(denominators).map(ratio).collect()
}

fn preconditioned(rows: &Dense, diagonal: &[f32]) -> Dense {
    let mut scaled = rows.clone();
    for (at, factor) in diagonal.iter().enumerate() {
        scaled.row_mut(at).iter_mut().for_each(|x| *x *= factor);
    }
    scaled
}

fn subtract_from(targets: &Dense, rows: &mut Dense) {
    for (at, target) in targets.rows().enumerate() {
        for (x, target) in rows.row_mut(at).iter_mut().zip(target) {
            *x = target - *x;
        }
    }
}

/// 0 for a row without direction: its text says nothing about its tokens.
fn reciprocal_norm(row: &[f32]) -> f32 {
    let norm = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if norm > 1e-6 { (1.0 / norm) as f32 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts over five tokens, and the unit vectors of a teacher that is itself
    /// a sum of rows.
    fn teacher() -> (Counts, Dense, Dense) {
        let rows = Dense::new(vec![1.0, 0.2, 0.1, 0.9, -0.7, 0.3, 0.5, 0.5, -0.2, -1.0], 2);
        let texts: Vec<Vec<u32>> = (0..60_u32)
            .map(|at| (0..3 + at % 4).map(|k| (at * 7 + k * k * 3 + at / 5) % 5).collect())
            .collect();
        let counts = Counts::of(&texts, 6);
        let padded = Dense::new([rows.into_values(), vec![0.6, -0.8]].concat(), 2);
        let mut targets = counts.times(&padded);
        for at in 0..targets.len() {
            let factor = reciprocal_norm(targets.row(at));
            targets.row_mut(at).iter_mut().for_each(|x| *x *= factor);
        }
        (counts, targets, padded)
    }

    fn mean_cosine(counts: &Counts, targets: &Dense, rows: &Dense) -> f32 {
        let sums = counts.times(rows);
        let cosine = |(at, sum): (usize, &[f32])| {
            let dot: f32 = sum.iter().zip(targets.row(at)).map(|(a, b)| a * b).sum();
            dot * reciprocal_norm(sum)
        };
        sums.rows().enumerate().map(cosine).sum::<f32>() / sums.len() as f32
    }

    fn poor_prior() -> Dense {
        Dense::new(vec![1.0, 0.0, 1.0, 0.1, -1.0, 0.0, 1.0, 0.0, 0.1, -1.0, 0.6, -0.8], 2)
    }

    #[test]
    fn a_teacher_that_is_a_sum_of_rows_is_recovered() {
        let (counts, targets, _) = teacher();
        let how = Fit { ridge: 1e-3, rounds: 20, steps: 20 };
        let before = mean_cosine(&counts, &targets, &poor_prior());
        let mut ticks = 0;
        let rows = fit(&counts, &targets, poor_prior(), how, &mut || ticks += 1);
        let after = mean_cosine(&counts, &targets, &rows);
        assert!(before < 0.95 && after > 0.999, "{before} {after}");
        assert_eq!(ticks, 400);
    }

    #[test]
    fn a_token_without_texts_and_a_rigid_ridge_keep_the_prior() {
        let (counts, targets, _) = teacher();
        let rows = fit(&counts, &targets, poor_prior(), Fit::DEFAULT, &mut || {});
        assert_eq!(rows.row(5), poor_prior().row(5));
        assert_ne!(rows.row(0), poor_prior().row(0));
        let rigid = Fit { ridge: 1e9, ..Fit::DEFAULT };
        let rows = fit(&counts, &targets, poor_prior(), rigid, &mut || {});
        for (a, b) in rows.rows().flatten().zip(poor_prior().rows().flatten()) {
            assert!((a - b).abs() < 1e-6);
        }
    }

    #[test]
    fn the_solver_meets_the_normal_equations() {
        let (counts, targets, _) = teacher();
        let how = Fit { ridge: 0.5, rounds: 1, steps: 30 };
        let x = solve(&counts, &targets, how, &mut || {});
        let transposed = counts.transposed();
        let mut left = transposed.times(&counts.times(&x));
        left.add_scaled(&[0.5; 2], &x);
        for (a, b) in left.rows().flatten().zip(transposed.times(&targets).rows().flatten()) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let (counts, targets, _) = teacher();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(&counts, &targets, poor_prior(), Fit::DEFAULT, &mut || {}))
        };
        assert_eq!(with(1), with(3));
    }
}
