//! The graded measure: nDCG.

/// nDCG of a ranking.
///
/// `DCG = sum over ranks r of max(gain(r), 0) / log2(r + 1)`, divided by that of
/// all gains in descending order.
///
/// # Arguments
/// * `ranked` - gains by rank, already cut at `depth`.
/// * `all` - every gain there is, in any order; cut here.
pub(super) fn ndcg(ranked: &[i32], all: &[i32], depth: usize) -> f64 {
    let mut ideal = all.to_vec();
    ideal.sort_unstable_by(|a, b| b.cmp(a));
    ideal.truncate(depth);
    let best = dcg(&ideal);
    if best > 0.0 { dcg(ranked) / best } else { 0.0 }
}

fn dcg(gains: &[i32]) -> f64 {
    let discounted =
        |(at, gain): (usize, &i32)| f64::from((*gain).max(0)) / ((at + 2) as f64).log2();
    // Not `sum`: of nothing it is -0.0, which would be written to files.
    gains.iter().enumerate().map(discounted).fold(0.0, |sum, gain| sum + gain)
}
