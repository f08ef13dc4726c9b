//! The subcommands, a file each: `XArgs` is what clap reads, `run` what is done.

pub(crate) mod corpus;
pub(crate) mod demo;
pub(crate) mod eval;
pub(crate) mod index;
pub(crate) mod ingest;
pub(crate) mod models;
pub(crate) mod search;
pub(crate) mod serve;
