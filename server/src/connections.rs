//! Accepting connections, each with a time limit for the head of a request, and
//! ending them in order.
//!
//! `axum::serve` was the choice until a measurement: it sets no such limit, so
//! one client that sends half a head holds a connection forever and an orderly
//! end for as long as the drain limit allows.

use std::future::pending;
use std::io::ErrorKind;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Pause after an error that says the process has no room for a connection.
const PAUSE_WITHOUT_ROOM: Duration = Duration::from_secs(1);

/// Accepts connections until `stopped` changes, then waits for those that are
/// still open. Dropping the future cuts them.
pub(crate) async fn accept(
    listener: TcpListener,
    app: Router,
    head_timeout: Duration,
    mut stopped: watch::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            stream = next(&listener) => {
                let answered = answer(stream, app.clone(), head_timeout, stopped.clone());
                connections.spawn(answered);
            }
            // Ended ones are taken out as they end, or the set would only grow.
            () = ended(&mut connections) => {}
            // An error means that the sender is gone, which is a stop as well.
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn next(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // The client's business, and over.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionRefused
                        | ErrorKind::ConnectionAborted
                        | ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE_WITHOUT_ROOM).await;
            }
        }
    }
}

async fn ended(connections: &mut JoinSet<()>) {
    if connections.join_next().await.is_none() {
        pending::<()>().await;
    }
}

async fn answer(
    stream: TcpStream,
    app: Router,
    head_timeout: Duration,
    mut stopped: watch::Receiver<()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout);
    // Answers are small and written at once: waiting for more to send only
    // delays them. A socket that refuses is as good without.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(app);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        // Garbage, a broken line, a head that never came: of interest to nobody
        // but who is looking for it.
        tracing::debug!(%error, "a connection ended early");
    }
}
