//! What an operator sees of the server.
//!
//! - [`RequestScope`]: which request is being worked on, for log lines, errors and spans;
//! - [`metrics`]: figures for Prometheus;
//! - [`traces`]: spans for OpenTelemetry;
//! - [`SlowQueries`]: a line for each search that took too long;
//! - [`observe`]: what all of these are told of an answered search, in one place;
//! - [`WatchedModel`]: the same for what language models are asked.
//!
//! Nothing here decides what is answered, and nothing here waits: what cannot be counted,
//! sent or written is dropped, and the number told.

pub(crate) mod metrics;
mod request;
mod searched;
mod slow;
pub(crate) mod traces;
mod watched_model;

pub use self::metrics::{CacheLookup, DocumentChange, JobEnd, Metrics, Refused};
pub use self::slow::SlowQueries;
pub use self::traces::{TraceContent, Traces, TracesConfig, TracesError};

pub(crate) use self::request::{REQUEST_ID, RequestScope};
pub(crate) use self::searched::{Searched, observe};
pub(crate) use self::watched_model::WatchedModel;
