//! Accepting connections, over TLS where it is asked for, each within its limits, and
//! ending them in order.
//!
//! `axum::serve` was the choice until a measurement: it sets no time limit for a head, so
//! one client that sends half a head holds a connection forever and an orderly
//! end for as long as the drain limit allows.

use std::future::pending;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use crate::limits::Limits;
use crate::tls::{OverTls, Tls};

/// Pause after an error that says the process has no room for a connection.
const PAUSE_WITHOUT_ROOM: Duration = Duration::from_secs(1);

/// The least that hyper reads a head into.
const LEAST_HEAD_BYTES: usize = 8 << 10;

/// What every connection is answered with.
#[derive(Clone)]
pub(crate) struct Connections {
    app: Router,
    tls: Option<Tls>,
    limits: Limits,
}

impl Connections {
    pub(crate) fn new(app: Router, tls: Option<Tls>, limits: Limits) -> Self {
        let app = if tls.is_some() { app.layer(Extension(OverTls)) } else { app };
        Self { app, tls, limits }
    }

    /// Accepts connections until `stopped` changes, then waits for those that are
    /// still open. Dropping the future cuts them.
    pub(crate) async fn accept(self, listener: TcpListener, mut stopped: watch::Receiver<()>) {
        let mut connections = JoinSet::new();
        // Taken before a connection is: those beyond wait in the operating system's
        // queue, where they cost no memory of ours.
        let places = Arc::new(Semaphore::new(self.limits.max_connections.max(1)));
        loop {
            let place = Arc::clone(&places).acquire_owned();
            let arrived = async { (place.await, next(&listener).await) };
            tokio::select! {
                (place, stream) = arrived => {
                    let answered = self.clone().answer(stream, stopped.clone());
                    connections.spawn(async move {
                        let _place = place;
                        answered.await;
                    });
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

    async fn answer(self, stream: TcpStream, mut stopped: watch::Receiver<()>) {
        // Answers are small and written at once: waiting for more to send only
        // delays them. A socket that refuses is as good without.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.stall_timeout));
        let stream = Box::pin(stream);
        let Some(tls) = &self.tls else { return self.speak(stream, stopped).await };
        let handshake = tls.acceptor().accept(stream);
        let done = tokio::select! {
            done = tokio::time::timeout(self.limits.head_timeout, handshake) => done,
            _ = stopped.changed() => return,
        };
        match done {
            Ok(Ok(stream)) => self.speak(stream, stopped).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn speak(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        mut stopped: watch::Receiver<()>,
    ) {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_timeout)
            .max_buf_size(self.limits.max_head_bytes.max(LEAST_HEAD_BYTES))
            .max_headers(self.limits.max_headers);
        let service = TowerToHyperService::new(self.app.clone());
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
