//! The service as its clients meet it: every route over the router itself or a socket on
//! the loopback address.
//!
//! One binary for all of them: each would link the whole program again.

mod answer;
mod chat;
mod documents;
mod feedback;
mod lifetime;
mod load;
mod mcp;
mod models;
mod openapi;
mod query_log;
mod rerank;
mod search;
mod service;
mod support;
mod written_answers;
