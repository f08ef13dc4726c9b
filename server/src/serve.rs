//! The life of a server: bind, open, warm up, answer, drain.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::SearchError;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::access::{self, Access};
use crate::cache::QueryVectors;
use crate::collections::{CollectionSource, CollectionsError, OpenError, check_names};
use crate::connections::Connections;
use crate::feedback_log::FeedbackLog;
use crate::hosts::HostPolicy;
use crate::language_models::LanguageModels;
use crate::limits::Limits;
use crate::opening::open_all;
use crate::query_log::{QueryLog, QueryLogSummary};
use crate::refresh;
use crate::report_page::ReportPage;
use crate::routes::app;
use crate::state::AppState;
use crate::telemetry::{SlowQueries, Traces, TracesConfig, TracesError};
use crate::tls::Tls;

/// What to serve, and where.
pub struct ServerConfig {
    /// The address to listen on; port 0 for any free one.
    pub listen: SocketAddr,
    /// Who may use it.
    pub access: Access,
    /// What it speaks TLS with; `None` for plain HTTP.
    pub tls: Option<Tls>,
    /// The collections; the first answers requests that name none.
    pub collections: Vec<CollectionSource>,
    /// See [`Limits`].
    pub limits: Limits,
    /// Names the server answers to beside its own; see [`HostPolicy`].
    pub allowed_hosts: Vec<String>,
    /// Where answered searches are logged; `None` for nowhere.
    pub query_log: Option<QueryLog>,
    /// Where judgments of passages are kept; `None` to refuse them.
    pub feedback: Option<FeedbackLog>,
    /// Language models that may write answers; those of the documents' own sentences
    /// need none.
    pub language_models: LanguageModels,
    /// The cache of the collections' encoders, for its figures.
    pub query_vectors: Option<Arc<QueryVectors>>,
    /// A page about how well the collections answer, served at `/report`.
    pub report: Option<ReportPage>,
    /// Where spans of requests are sent; by default where the environment says.
    pub traces: TracesConfig,
    /// Which searches are told of as slow; `None` for none.
    pub slow_queries: Option<SlowQueries>,
    /// Called once with the bound address, when searches of every kind can be answered.
    pub on_ready: Box<dyn FnOnce(SocketAddr) + Send>,
}

impl ServerConfig {
    /// A server with the default limits.
    pub fn new(listen: SocketAddr, collections: Vec<CollectionSource>) -> Self {
        Self {
            listen,
            access: Access::Local,
            tls: None,
            collections,
            limits: Limits::default(),
            allowed_hosts: Vec::new(),
            query_log: None,
            feedback: None,
            language_models: LanguageModels::default(),
            query_vectors: None,
            report: None,
            traces: TracesConfig::default(),
            slow_queries: None,
            on_ready: Box::new(|_| {}),
        }
    }
}

impl std::fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConfig")
            .field("listen", &self.listen)
            .field("access", &self.access)
            .field("tls", &self.tls)
            .field("collections", &self.collections)
            .field("limits", &self.limits)
            .field("allowed_hosts", &self.allowed_hosts)
            .field("query_log", &self.query_log)
            .field("feedback", &self.feedback)
            .field("language_models", &self.language_models)
            .field("query_vectors", &self.query_vectors)
            .field("report", &self.report)
            .field("traces", &self.traces)
            .field("slow_queries", &self.slow_queries)
            .finish_non_exhaustive()
    }
}

/// Why a server could not start, or did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The collections cannot be served together.
    #[error(transparent)]
    Collections(#[from] CollectionsError),
    /// Others could reach it, and nobody said that they may.
    #[error(
        "{address} can be reached from other machines, and no key is asked for; make keys with \
         `trovato keys create --file keys.toml --name NAME --scope search` and serve with \
         `--keys keys.toml`, or say `--open-to-network` to let everybody in"
    )]
    Exposed {
        /// Which one.
        address: SocketAddr,
    },
    /// The address is taken or not ours.
    #[error("cannot listen on {address}; choose another address with --listen")]
    Bind {
        /// Which one.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// Signals cannot be received.
    #[error("cannot listen for signals to stop")]
    Signals(#[source] std::io::Error),
    /// An index could not be opened.
    #[error("cannot open collection {name:?}")]
    Open {
        /// Which collection.
        name: String,
        /// Why.
        #[source]
        source: OpenError,
    },
    /// An index could not answer its first search.
    #[error("collection {name:?} cannot answer a search")]
    WarmUp {
        /// Which collection.
        name: String,
        /// Why.
        #[source]
        source: SearchError,
    },
    /// The socket does not tell its address.
    #[error("cannot read the address of the listening socket")]
    Address(#[source] std::io::Error),
    /// Requests were still under way when the drain limit had passed.
    #[error("stopped with requests unanswered after waiting {} s for them", limit.as_secs_f64())]
    DrainExpired {
        /// The limit.
        limit: Duration,
    },
    /// Spans cannot be sent as it was asked for.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// A mistake of ours.
    #[error("a task of the server panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

/// Serves until SIGINT or SIGTERM (Ctrl-C elsewhere), then drains.
///
/// # Errors
/// [`ServerError`]; see [`serve_on`].
pub async fn serve(config: ServerConfig) -> Result<(), ServerError> {
    check_names(config.collections.iter().map(CollectionSource::name))?;
    let stop = stop_signal()?;
    let address = config.listen;
    check_access(&config.access, address)?;
    let listener =
        TcpListener::bind(address).await.map_err(|source| ServerError::Bind { address, source })?;
    serve_on(listener, config, stop).await
}

/// Serves on a bound socket until `stop` completes, then drains.
///
/// `/healthz` answers at once. The indexes are opened on a thread of their own; when each
/// has answered a search for words, requests are served, and while encoders are being
/// loaded they are told what was left out. `/readyz` follows when nothing is left out.
/// After `stop` no new connection is accepted, idle ones are closed, and
/// requests under way get [`Limits::drain_timeout`] to end. The query log is
/// closed last, and the last spans are sent; what became of either is traced, as a
/// warning where any is missing.
///
/// # Arguments
/// * `config.listen` is not used: the socket is bound already.
///
/// # Errors
/// [`ServerError::Exposed`], [`ServerError::Collections`], [`ServerError::Traces`],
/// [`ServerError::Open`] or
/// [`ServerError::WarmUp`] when it could not start; [`ServerError::DrainExpired`]
/// when requests were still under way, whose connections were cut.
pub async fn serve_on(
    listener: TcpListener,
    config: ServerConfig,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ServerError> {
    let log = config.query_log.clone();
    let traces = Traces::start(config.traces.clone())?;
    let ended = run(listener, config, traces.clone(), stop).await;
    tokio::task::spawn_blocking(move || traces.close()).await.map_err(ServerError::Panicked)?;
    if let Some(log) = log {
        let path = log.path().to_owned();
        let closing = tokio::task::spawn_blocking(move || log.close());
        tell_log(&path, closing.await.map_err(ServerError::Panicked)?);
    }
    ended
}

fn tell_log(path: &Path, summary: QueryLogSummary) {
    let QueryLogSummary { n_written, n_dropped, n_failed } = summary;
    let path = path.display();
    if n_dropped + n_failed > 0 {
        tracing::warn!(%path, n_written, n_dropped, n_failed, "searches are missing from the query log");
    } else {
        tracing::info!(%path, n_written, "the query log is complete");
    }
}

fn check_access(access: &Access, address: SocketAddr) -> Result<(), ServerError> {
    if access.is_exposed_by(address) { Err(ServerError::Exposed { address }) } else { Ok(()) }
}

async fn run(
    listener: TcpListener,
    config: ServerConfig,
    traces: Traces,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ServerError> {
    let ServerConfig {
        listen: _,
        access,
        tls,
        collections,
        limits,
        allowed_hosts,
        query_log,
        feedback,
        language_models,
        query_vectors,
        report,
        traces: _,
        slow_queries,
        on_ready,
    } = config;
    check_names(collections.iter().map(CollectionSource::name))?;
    let address = listener.local_addr().map_err(ServerError::Address)?;
    check_access(&access, address)?;
    let state = AppState::starting(limits, HostPolicy::for_address(address, &allowed_hosts));
    let watching = access.keys().cloned().map(|keys| {
        state.require_keys(keys.clone());
        AbortOnDrop(tokio::spawn(access::watch(keys)))
    });
    if let Some(log) = query_log {
        state.log_queries(log);
    }
    if let Some(log) = feedback {
        state.keep_feedback(log);
    }
    state.trace_with(traces);
    if let Some(slow) = slow_queries {
        state.tell_slow_queries(slow);
    }
    state.answer_with(language_models);
    if let Some(vectors) = query_vectors {
        state.count_query_vectors(&vectors);
    }
    if let Some(report) = report {
        state.show_report(report);
    }
    let mut running = Running::start(listener, state.clone(), tls);

    let mut stop = std::pin::pin!(stop);
    let opening = tokio::task::spawn_blocking(move || open_all(collections));
    let loading = tokio::select! {
        opened = opening => {
            let (collections, loading) = opened.map_err(ServerError::Panicked)??;
            state.publish(collections);
            loading
        }
        () = &mut stop => return running.drain().await,
    };
    let refreshing = AbortOnDrop(tokio::spawn(refresh::run(state.clone())));
    let loading = tokio::task::spawn_blocking({
        let limits = state.limits().clone();
        move || loading.finish(&limits)
    });
    tokio::select! {
        loaded = loading => {
            loaded.map_err(ServerError::Panicked)??;
            on_ready(address);
        }
        () = &mut stop => return running.drain().await,
    }
    tokio::select! {
        ended = &mut running.task.0 => return ended.map_err(ServerError::Panicked),
        () = &mut stop => {}
    }
    drop((refreshing, watching));
    let drained = running.drain().await;
    let closing = tokio::task::spawn_blocking(move || state.close_writers());
    closing.await.map_err(ServerError::Panicked)?;
    drained
}

/// The task that accepts connections.
struct Running {
    task: AbortOnDrop<()>,
    stopping: watch::Sender<()>,
    drain_timeout: Duration,
}

impl Running {
    fn start(listener: TcpListener, state: AppState, tls: Option<Tls>) -> Self {
        let drain_timeout = state.limits().drain_timeout;
        let (stopping, stopped) = watch::channel(());
        let limits = state.limits().clone();
        let connections = Connections::new(app(state), tls, limits);
        let accepting = connections.accept(listener, stopped);
        let task = AbortOnDrop(tokio::spawn(accepting));
        Self { task, stopping, drain_timeout }
    }

    async fn drain(mut self) -> Result<(), ServerError> {
        tracing::info!(limit_s = self.drain_timeout.as_secs_f64(), "stopping");
        self.stopping.send_replace(());
        match tokio::time::timeout(self.drain_timeout, &mut self.task.0).await {
            Ok(ended) => ended.map_err(ServerError::Panicked),
            Err(_) => Err(ServerError::DrainExpired { limit: self.drain_timeout }),
        }
    }
}

/// A task that must not outlive its owner.
pub(crate) struct AbortOnDrop<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(unix)]
fn stop_signal() -> Result<impl Future<Output = ()> + Send, ServerError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServerError::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ServerError::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> Result<impl Future<Output = ()> + Send, ServerError> {
    Ok(async {
        // Without a handler the process ends at once, which is a stop too.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
