//! What was computed before: responses of searches and answers, vectors of queries.
//!
//! A response is kept under everything it depends on: the collection, the generation
//! of its index, and the request with its defaults filled in. A commit therefore makes
//! nothing stale: later requests have other keys. Equal requests that arrive together
//! are worked on once. Whatever depended on the clock, because a stage was left out, is
//! given to those who wait for it and not kept.

mod queries;
mod responses;

pub use queries::QueryVectors;
pub(crate) use responses::{CacheKey, Kept, Made, Responses, Source};
