//! The service as its clients meet it: every route over the router itself or a socket on
//! the loopback address.
//!
//! One binary for all of them: each would link the whole program again.

mod access;
mod answer;
mod cache;
mod chat;
mod documents;
mod feedback;
mod injection;
mod lifetime;
mod limits;
mod live;
mod load;
mod mcp;
mod metrics;
mod models;
mod mutations;
mod openapi;
mod query_log;
mod rerank;
mod search;
mod service;
mod spans;
mod support;
mod tenants;
mod tls;
mod written_answers;
