//! Answers made of citations: sentences quoted from what a search found, each
//! with its place, each checked against the stored text.
//!
//! [`extract`] chooses the sentences and needs no language model, no key and no
//! network; [`check`] compares a citation with the canonical text it claims to
//! quote. Nothing here rewrites a text: what cannot be quoted is not said.

mod check;
mod extract;

pub use check::{Verdict, check};
pub use extract::{Answer, Citation, ExtractOptions, extract};
