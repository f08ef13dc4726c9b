//! Evaluations from end to end, over small indexes that are built here.
//!
//! One binary for all of them: each would link the whole program again.

mod beir;
mod chunking;
mod collection;
mod experiment;
mod golden_measures;
mod prompts;
mod replay;
mod rerank;
