//! The Model Context Protocol: the engine as tools of an agent.
//!
//! Four tools (`tools`, a file each) and documents as resources, spoken over a pair
//! of streams ([`serve_mcp`], which `trovato mcp` runs on its standard streams) and by
//! `POST /mcp` of the server ([`http_service`]). Checks, limits and the gate are those
//! of the HTTP API: a search is a `wire::SearchBody` here as well. What a caller did
//! wrong comes back as the tool's result, with the message of the API, so that a model
//! can mend its call; errors of the protocol are for hosts.

mod answer;
mod asked;
mod budget;
mod evidence;
mod explain;
mod handler;
mod list_collections;
mod read_document;
mod refusal;
mod resources;
mod search;
mod streams;
mod tools;

use std::sync::Arc;

use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use self::handler::McpHandler;
use crate::hosts::HostPolicy;
use crate::state::AppState;

pub use self::streams::{McpServerError, serve_mcp, serve_mcp_stdio};

/// The protocol over HTTP: every request stands for itself and gets one JSON response,
/// so there are no sessions to keep, to limit or to lose.
pub(crate) fn http_service(
    state: AppState,
) -> StreamableHttpService<McpHandler, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(state.limits().max_body_bytes)
        // The guard around all routes has checked the host already, by a list that
        // knows of `--allow-host`.
        .disable_allowed_hosts();
    let config = match state.hosts() {
        HostPolicy::Any => config,
        HostPolicy::Only(names) => config.with_allowed_origins(origins(names)),
    };
    let handler = McpHandler::new(state);
    StreamableHttpService::new(
        move || Ok(handler.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    )
}

/// The origins of pages that were served under these names, by any port.
fn origins(names: &[String]) -> Vec<String> {
    let origin = |name: &String| {
        let host = if name.contains(':') { format!("[{name}]") } else { name.clone() };
        ["http", "https"].map(|scheme| format!("{scheme}://{host}:*"))
    };
    names.iter().flat_map(origin).collect()
}
