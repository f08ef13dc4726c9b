//! Searching.
pub mod explain;
pub mod filter;
