//! The subcommands, a file each: `XArgs` is what clap reads, `run` what is done.

mod answering;
pub(crate) mod ask;
pub(crate) mod chat;
pub(crate) mod config;
pub(crate) mod corpus;
pub(crate) mod demo;
pub(crate) mod eval;
pub(crate) mod index;
pub(crate) mod ingest;
pub(crate) mod keys;
pub(crate) mod mcp;
pub(crate) mod models;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod snapshot;
mod target;
pub(crate) mod watch;
