//! The HTTP API and the web page of Trovato.
//!
//! [`app`] is the whole service as a function of its state; [`serve`] gives it
//! an address, opens its collections, and ends it in order. The path of a
//! search: `routes::search` reads a `wire::SearchBody`, checks it against the
//! [`Limits`], waits for a place (`admission`), runs the engine on a blocking
//! thread and converts what it found (`wire::OutcomeBody`).
//!
//! | route | |
//! |---|---|
//! | `POST /v1/search` | passages that answer a query |
//! | `GET /v1/documents/{*id}` | a document, with a passage marked |
//! | `GET /v1/collections` | what is served, and the limits |
//! | `GET /healthz`, `GET /readyz` | alive; able to answer |
//! | `GET /` | the page |

mod admission;
mod collections;
mod connections;
mod error;
mod extract;
mod guard;
mod hosts;
mod limits;
mod pieces;
mod query_log;
mod refresh;
mod routes;
mod serve;
mod state;
mod wire;

pub use collections::{
    Collection, CollectionSource, Collections, CollectionsError, LoadedReranker, OpenError, Opened,
};
pub use hosts::HostPolicy;
pub use limits::Limits;
pub use query_log::{QueryLog, QueryLogConfig, QueryLogOpenError, QueryLogSummary};
pub use routes::app;
pub use serve::{ServerConfig, ServerError, serve, serve_on};
pub use state::AppState;
pub use wire::OutcomeBody;
