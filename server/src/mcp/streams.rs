//! The protocol over a pair of streams: one client, from its first message to the end
//! of its stream.

use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use rmcp::transport::stdio;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::handler::McpHandler;
use crate::collections::{CollectionSource, check_names};
use crate::hosts::HostPolicy;
use crate::limits::Limits;
use crate::opening::open_all;
use crate::refresh;
use crate::serve::{AbortOnDrop, ServerError};
use crate::state::AppState;

/// Why a client could not be served to its end.
#[derive(Debug, thiserror::Error)]
pub enum McpServerError {
    /// The collections cannot be opened or served together.
    #[error(transparent)]
    Collections(#[from] ServerError),
    /// The client did not begin as the protocol says.
    #[error("the client did not complete the protocol's handshake")]
    Handshake(#[source] Box<ServerInitializeError>),
    /// A mistake of ours.
    #[error("a task of the server panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

/// [`serve_mcp`] on standard input and output. Nothing else may write to the latter.
///
/// # Errors
/// See [`serve_mcp`].
pub async fn serve_mcp_stdio(
    collections: Vec<CollectionSource>,
    limits: Limits,
) -> Result<(), McpServerError> {
    let (input, output) = stdio();
    serve_mcp(input, output, collections, limits).await
}

/// Answers one client, a JSON message a line, until `input` ends.
///
/// The handshake is answered at once, while the indexes are opened on a thread of their
/// own; calls wait for them. New commits are picked up as by [`crate::serve`].
///
/// # Arguments
/// * `collections` - the first answers calls that name none.
/// * `limits` - those of requests; time limits are a matter of HTTP.
///
/// # Errors
/// [`McpServerError::Collections`] when an index cannot be opened, which ends the
/// service; [`McpServerError::Handshake`].
pub async fn serve_mcp<R, W>(
    input: R,
    output: W,
    collections: Vec<CollectionSource>,
    limits: Limits,
) -> Result<(), McpServerError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    check_names(collections.iter().map(CollectionSource::name)).map_err(ServerError::from)?;
    let state = AppState::starting(limits, HostPolicy::Any);
    let (opened, is_open) = watch::channel(false);
    let handler = McpHandler::waiting(state.clone(), is_open);
    let mut answering = std::pin::pin!(answer(handler, input, output));
    // An agent that calls once is better served late than by half of what there is.
    let limits = state.limits().clone();
    let opening = tokio::task::spawn_blocking(move || {
        let (collections, loading) = open_all(collections)?;
        loading.finish(&limits)?;
        Ok::<_, ServerError>(collections)
    });
    tokio::select! {
        done = opening => {
            state.publish(done.map_err(McpServerError::Panicked)??);
            opened.send_replace(true);
        }
        ended = &mut answering => return ended,
    }
    let _refreshing = AbortOnDrop(tokio::spawn(refresh::run(state)));
    answering.await
}

async fn answer<R, W>(handler: McpHandler, input: R, output: W) -> Result<(), McpServerError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let running = match handler.serve((input, output)).await {
        Ok(running) => running,
        // Who leaves before the handshake wanted nothing.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(McpServerError::Handshake(Box::new(error))),
    };
    running.waiting().await.map(|_| ()).map_err(McpServerError::Panicked)
}
