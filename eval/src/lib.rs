//! Evaluation: how well the engine finds what it should, and how sure that is.
//!
//! A [`Run`] (what was returned) is scored against [`corpora::Qrels`] (what is
//! relevant) by [`Measure`]s, with intervals from [`stats`]. Three ways lead
//! there: [`evaluate_collection`] takes a BEIR folder from files to figures,
//! [`evaluate_questions`] judges passages by the quotes that prove an answer,
//! and a run file from anywhere is read by [`read_run`]. [`evaluate_chunking`]
//! judges ways of cutting by the text they bring ([`SpanMeasure`]). [`run_gate`] compares
//! with stored figures; [`measure_grid`] is the experiment behind the default
//! fusion.
//!
//! Evaluation enters the engine where a server does, at `Searcher::search`, so
//! what is measured is what is served.

mod chunking;
mod collection;
mod demo_corpus;
mod encoder;
mod error;
mod evaluation;
mod fingerprint;
mod gate;
mod grid;
mod index_cache;
mod indexing;
mod machine;
mod measure;
mod probe;
mod questions;
mod report;
mod run;
mod run_file;
pub mod stats;
mod timing;
mod topic_run;

pub use chunking::{
    BudgetReport, BudgetResults, ChunkingOptions, ChunkingOutcome, ChunkingRow, CutResults,
    GroundTruth, PublishedRow, SpanResult, TokenBudget, evaluate_chunking, published_row,
};
pub use collection::{
    CollectionOptions, CollectionOutcome, EvalProgress, evaluate_collection, index_collection,
    strategy_name,
};
pub use demo_corpus::{corpus_source, index_books};
pub use encoder::{LoadError, LoadedEncoder, load_encoder};
pub use error::EvalError;
pub use evaluation::{Evaluation, MeasureResult, evaluate};
pub use fingerprint::Fingerprint;
pub use gate::{Baseline, GateOutcome, GateRow, Verdict, run_gate};
pub use grid::{
    DepthStep, Grid, GridCell, GridSet, QuestionLevel, SystemRow, compare_systems, grid_markdown,
    measure_grid,
};
pub use index_cache::{CachedIndex, IndexCache, Reuse, score_fingerprint};
pub use indexing::{IndexingRecord, Recipe, build_index};
pub use machine::machine;
pub use measure::{
    Coverage, Measure, MeasureError, Metric, RequestedMeasure, SpanCut, SpanMeasure,
    SpanMeasureError, SpanMetric,
};
pub use probe::probe;
pub use questions::{
    EvidencePassage, MissingEvidence, QuestionReport, ResolvedQuestion, ResolvedQuestions,
    ScoredQuestion, StrategyScores, UnresolvedQuote, evaluate_questions, resolve_questions,
};
pub use report::{
    ByMeasure, Difference, Estimate, NamedEstimates, QuestionScoreReport, ScoreReport,
    StrategyReport, TopicCounts,
};
pub use run::{Run, RunEntry, fold_chunks};
pub use run_file::{RunFileError, read_run, write_run};
pub use timing::{Percentiles, StagePercentiles, stage_percentiles};
pub use topic_run::{OwnDocument, TopicRun, TopicRunOptions, run_topics};
