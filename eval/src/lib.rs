//! Evaluation: how well the engine finds what it should, and how sure that is.
//!
//! A [`Run`] (what was returned) is scored against [`corpora::Qrels`] (what is
//! relevant) by [`Measure`]s, with intervals from [`stats`].

mod evaluation;
mod measure;
mod run;
mod run_file;
pub mod stats;

pub use evaluation::{Evaluation, MeasureResult, evaluate};
pub use measure::{Measure, MeasureError, Metric, RequestedMeasure};
pub use run::{Run, RunEntry, fold_chunks};
pub use run_file::{RunFileError, read_run, write_run};
