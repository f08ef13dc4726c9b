//! How far two judges agree beyond what chance would give.

/// Cohen's kappa of two judges' grades of the same items, with linear weights: a grade
/// one step off is half as wrong as one two steps off. Of two grades that is the plain
/// one.
///
/// # Arguments
/// * `pairs` - both judges' grades of each item, in `0..n_grades`.
///
/// # Returns
/// 1 for full agreement, 0 for as much as chance gives, negative for less; 1 when there
/// is nothing to disagree about, as when both give every item the same grade.
///
/// # Source
/// Cohen, Psychological Bulletin 70, 1968 (weighted kappa).
pub fn kappa(pairs: &[(usize, usize)], n_grades: usize) -> f64 {
    let n = pairs.len().max(1) as f64;
    let mut first = vec![0.0; n_grades];
    let mut second = vec![0.0; n_grades];
    let mut disagreement = 0.0;
    for &(a, b) in pairs {
        first[a] += 1.0 / n;
        second[b] += 1.0 / n;
        disagreement += a.abs_diff(b) as f64 / n;
    }
    let mut by_chance = 0.0;
    for (a, share_a) in first.iter().enumerate() {
        for (b, share_b) in second.iter().enumerate() {
            by_chance += share_a * share_b * a.abs_diff(b) as f64;
        }
    }
    if by_chance == 0.0 { 1.0 } else { 1.0 - disagreement / by_chance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kappa_by_hand() {
        // Of 50 items both say yes 20, no 15; one alone 5, the other alone 10.
        let mut pairs = vec![(1, 1); 20];
        pairs.extend([(0, 0); 15]);
        pairs.extend([(1, 0); 5]);
        pairs.extend([(0, 1); 10]);
        assert!((kappa(&pairs, 2) - 0.4).abs() < 1e-12);
        assert_eq!(kappa(&[(1, 1), (0, 0)], 2), 1.0);
        assert_eq!(kappa(&[(0, 0); 5], 2), 1.0);
        // One step apart weighs half of two steps: 1 - .5 / (8/9).
        let graded = [(0, 0), (1, 2), (2, 1), (0, 0), (1, 1), (2, 2)];
        assert!((kappa(&graded, 3) - (1.0 - (2.0 / 6.0) / (8.0 / 9.0))).abs() < 1e-12);
    }
}
