//! Measures that ask of each rank only what it found, not how good that was.
//!
//! `found` counts by rank, best first and already cut, the relevant units found
//! there for the first time; `n_relevant` counts the units there are. For
//! documents a rank finds one or none. A passage may cover several pieces of
//! evidence at once; the formulas are the same, and coincide with trec_eval's
//! for counts of 0 and 1.

pub(super) fn recall(found: &[usize], n_relevant: usize) -> f64 {
    ratio(found.iter().sum(), n_relevant)
}

pub(super) fn precision(found: &[usize], cutoff: usize) -> f64 {
    ratio(found.iter().filter(|units| **units > 0).count(), cutoff)
}

pub(super) fn success(found: &[usize]) -> f64 {
    if found.iter().any(|units| *units > 0) { 1.0 } else { 0.0 }
}

pub(super) fn reciprocal_rank(found: &[usize]) -> f64 {
    found.iter().position(|units| *units > 0).map_or(0.0, |at| 1.0 / (at + 1) as f64)
}

pub(super) fn average_precision(found: &[usize], n_relevant: usize) -> f64 {
    let mut n_found = 0;
    let mut sum = 0.0;
    for (at, units) in found.iter().enumerate() {
        n_found += units;
        sum += *units as f64 * ratio(n_found, at + 1).min(1.0);
    }
    if n_relevant == 0 { 0.0 } else { sum / n_relevant as f64 }
}

pub(super) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
