//! What a difference between means is worth: intervals and tests over topics.
//!
//! The topics are the sample. Everything is resampled, because per-topic
//! scores are bounded, lumpy and often exactly 0 or 1: no normal theory holds.
//! Every function is a pure function of its arguments, seed included.

mod bootstrap;
mod family;
mod kappa;
mod paired;

pub use bootstrap::{Bootstrap, Interval};
pub use family::{
    FAMILY_ALPHA, FamilyComparison, Resolution, compare_family, detectable_difference, holm,
};
pub use kappa::kappa;
pub use paired::{PairedComparison, PairedError, compare_paired};

/// The arithmetic mean; 0 for no values.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}
