//! The graded measure: nDCG.

/// nDCG of a ranking's grades against the grades there are.
///
/// `DCG = sum over ranks r of max(grade(r), 0) / log2(r + 1)`, divided by that
/// of the judged grades in descending order, both cut at `depth`.
pub(super) fn ndcg(
    ranked: impl Iterator<Item = i32>,
    judged: impl Iterator<Item = i32>,
    depth: usize,
) -> f64 {
    let mut ideal: Vec<i32> = judged.filter(|grade| *grade > 0).collect();
    ideal.sort_unstable_by(|a, b| b.cmp(a));
    let best = dcg(ideal.into_iter().take(depth));
    if best > 0.0 { dcg(ranked) / best } else { 0.0 }
}

fn dcg(grades: impl Iterator<Item = i32>) -> f64 {
    grades.enumerate().map(|(at, grade)| f64::from(grade.max(0)) / ((at + 2) as f64).log2()).sum()
}
