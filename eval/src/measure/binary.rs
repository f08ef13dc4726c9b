//! Measures that ask of each document only whether it is relevant.
//!
//! `found` tells it by rank, best first, already cut; `n_relevant` counts the
//! relevant documents there are, found or not.

pub(super) fn recall(found: &[bool], n_relevant: usize) -> f64 {
    ratio(count(found), n_relevant)
}

pub(super) fn precision(found: &[bool], cutoff: usize) -> f64 {
    ratio(count(found), cutoff)
}

pub(super) fn success(found: &[bool]) -> f64 {
    if found.contains(&true) { 1.0 } else { 0.0 }
}

pub(super) fn reciprocal_rank(found: &[bool]) -> f64 {
    found.iter().position(|relevant| *relevant).map_or(0.0, |at| 1.0 / (at + 1) as f64)
}

pub(super) fn average_precision(found: &[bool], n_relevant: usize) -> f64 {
    let mut hits = 0;
    let mut sum = 0.0;
    for (at, relevant) in found.iter().enumerate() {
        if *relevant {
            hits += 1;
            sum += ratio(hits, at + 1);
        }
    }
    if n_relevant == 0 { 0.0 } else { sum / n_relevant as f64 }
}

fn count(found: &[bool]) -> usize {
    found.iter().filter(|relevant| **relevant).count()
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
