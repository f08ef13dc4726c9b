//! `trovato serve`: answer searches over HTTP, with a page to search.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use answer::model::{HttpModel, LanguageModel, read_models};
use anyhow::Context;
use clap::{ArgGroup, Args, ValueEnum};
use corpora::Redaction;
use engine::{Index, Manifest, Verify};
use eval::{LoadedEncoder, RerankSetup};
use ingest::chunk::ChunkerSpec;
use ingest::pipeline::LiveIngest;
use server::{
    Access, CollectionSource, FeedbackLog, FeedbackLogConfig, Keys, LanguageModels, LoadedReranker,
    Opened, QueryLog, QueryLogConfig, QueryVectors, ReportPage, SampleRate, ServerConfig,
    SlowQueries, Tls, TraceContent, TracesConfig,
};

use crate::options::{RerankArgs, RerankUse, UsageError};
use crate::progress::FetchBar;
use crate::{encoder, options};

const EXAMPLES: &str = "\
Examples:
  trovato serve --index notes=notes.trovato
  trovato serve --index rust=rust.trovato --index notes=notes.trovato --listen 127.0.0.1:8080
  trovato serve --index notes=notes.trovato --query-log queries.jsonl --query-log-sample 0.1
  trovato serve --index notes=notes.trovato --log-format json --slow-query-ms 500 --otlp-endpoint http://127.0.0.1:4318
  trovato serve --index notes=notes.trovato --feedback feedback.jsonl
  trovato serve --index notes=notes.trovato --rerank default
  trovato serve --index notes=notes.trovato --models models.toml --report report.html
  trovato serve --index notes=notes.trovato --listen 0.0.0.0:7700 --keys keys.toml \\
                --tls-cert cert.pem --tls-key key.pem       (to the network; trovato keys --help)

  curl -s localhost:7700/v1/search -H 'Content-Type: application/json' \\
       -d '{\"query\": \"who owns a value\", \"top\": 3, \"explain\": true}'

Routes: /v1/search, /v1/answer, /v1/documents/ID, /v1/collections, /v1/feedback, and for clients that
speak OpenAI's API /v1/models, /v1/chat/completions, /v1/embeddings,
/v1/rerank, /healthz, /readyz, /metrics; /docs describes and tries them, /openapi.json is for programs; a page at /.
Commits made to an index while it is served are picked up within seconds. While a model is being
loaded searches are answered by words and say so; /readyz tells when nothing is left out.
With --rerank every search is reranked, as far as --rerank-depth and --rerank-budget-ms say;
a request may ask for less or more (rerank_depth, rerank_budget_ms) or for \"rerank\": \"none\".
--query-log keeps what was asked, without e-mail addresses, long numbers and what looks like a
credential; names and other words stay, so say so to those who search.
TROVATO_LOG says what is logged on standard error, by level and module: info, or warn,server=info.
Spans are sent where --otlp-endpoint or OTEL_EXPORTER_OTLP_ENDPOINT say; OTEL_TRACES_SAMPLER,
OTEL_TRACES_SAMPLER_ARG and OTEL_SERVICE_NAME are read. docs/operations.md explains all of it.";

/// Answer searches over HTTP, with a page to search
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("logged_words").args(["query_log", "slow_query_ms"]).multiple(true))]
pub(crate) struct ServeArgs {
    /// An index and the name clients know it by; the first one answers requests
    /// that name none
    #[arg(long = "index", value_name = "NAME=DIR", required = true, num_args = 1..)]
    indexes: Vec<NamedIndex>,

    #[command(flatten)]
    rerank: RerankArgs,

    /// Let clients put and delete documents (/v1/documents, /v1/bulk); without, they
    /// only read
    #[arg(long)]
    writable: bool,

    /// Memory for responses and vectors of queries that may be asked for again; 0 keeps
    /// none
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(0..=1 << 20))]
    cache_mib: u64,

    /// Address to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7700")]
    listen: SocketAddr,

    /// Ask for a key of this file, as `trovato keys create` makes them; it is read again when
    /// it changes. Without, the server listens on loopback addresses alone
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    /// Listen on any address without asking for keys: whoever reaches it may search, read and
    /// ask
    #[arg(long, conflicts_with = "keys")]
    open_to_network: bool,

    /// Speak TLS with this certificate: a PEM file, the server's own first
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key: a PEM file without a password
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Further host name to answer to when listening on a loopback address,
    /// for example that of a reverse proxy
    #[arg(long = "allow-host", value_name = "NAME")]
    allowed_hosts: Vec<String>,

    /// Write every answered search to this file, a JSON line each, for
    /// `trovato eval replay`; off by default
    #[arg(long, value_name = "FILE")]
    query_log: Option<PathBuf>,

    /// What is replaced in logged queries, slow ones included: all, none, or of secret,
    /// email and number those that are listed
    #[arg(long, value_name = "RULES", default_value_t = Redaction::default(), requires = "logged_words")]
    query_log_redact: Redaction,

    /// The part of all searches that is logged, above 0 and up to 1; the request's id
    /// decides which
    #[arg(long, value_name = "RATE", default_value_t = SampleRate::ALL, requires = "query_log")]
    query_log_sample: SampleRate,

    /// The log file's largest size; at it the file is renamed to FILE.1 and the
    /// one before it deleted
    #[arg(long, value_name = "MIB", default_value_t = 64, requires = "query_log",
          value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    query_log_max_mib: u64,

    /// Keep what users send to /v1/feedback in this file, a JSON line each, for
    /// `trovato eval adopt --feedback`; without, it is refused
    #[arg(long, value_name = "FILE")]
    feedback: Option<PathBuf>,

    /// Language models that may write answers, as for `trovato ask`; a request names one
    #[arg(long, value_name = "FILE", env = "TROVATO_MODELS")]
    models: Option<PathBuf>,

    /// Serve this page at /report, linked from the workbench: an HTML file that needs
    /// nothing beside itself, as `trovato eval report --html` writes it
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    #[command(flatten)]
    observing: ObservingArgs,

    /// What is replaced in the queries of feedback, as for --query-log-redact
    #[arg(long, value_name = "RULES", default_value_t = Redaction::default(), requires = "feedback")]
    feedback_redact: Redaction,
}

/// What an operator is shown.
#[derive(Debug, Args)]
struct ObservingArgs {
    /// How log lines are written to standard error
    #[arg(long, value_enum, default_value = "text", env = "TROVATO_LOG_FORMAT")]
    log_format: LogFormat,

    /// Warn of searches that take this long, waiting included, with the time of each
    /// stage and their words as --query-log-redact leaves them; off by default
    #[arg(long, value_name = "MS")]
    slow_query_ms: Option<u64>,

    /// Send spans to this collector, by OTLP over HTTP [default: what
    /// OTEL_EXPORTER_OTLP_ENDPOINT says, or nowhere]
    #[arg(long, value_name = "URL")]
    otlp_endpoint: Option<String>,

    /// Put the words of questions, documents and answers into spans; who reads the traces
    /// then reads them too
    #[arg(long)]
    trace_content: bool,
}

impl ObservingArgs {
    fn slow_queries(&self, redaction: &Redaction) -> Option<SlowQueries> {
        let threshold = Duration::from_millis(self.slow_query_ms?);
        Some(SlowQueries { threshold, redaction: redaction.clone() })
    }

    fn traces(self) -> TracesConfig {
        let content = if self.trace_content { TraceContent::Told } else { TraceContent::Withheld };
        TracesConfig { endpoint: self.otlp_endpoint, content }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line, for programs.
    Json,
}

impl ServeArgs {
    /// How log lines are written.
    pub(crate) fn log_format(&self) -> LogFormat {
        self.observing.log_format
    }
}

/// `NAME=DIR`.
#[derive(Clone, Debug)]
pub(super) struct NamedIndex {
    pub(super) name: String,
    pub(super) dir: PathBuf,
}

impl FromStr for NamedIndex {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, dir)) if !name.is_empty() && !dir.is_empty() => {
                Ok(Self { name: name.to_owned(), dir: PathBuf::from(dir) })
            }
            _ => Err("give a name and a folder, for example notes=notes.trovato".to_owned()),
        }
    }
}

/// Runs the subcommand.
pub(crate) fn run(args: ServeArgs) -> anyhow::Result<()> {
    let ServeArgs {
        indexes,
        rerank,
        writable,
        cache_mib,
        listen,
        keys,
        open_to_network,
        tls_cert,
        tls_key,
        allowed_hosts,
        query_log,
        query_log_redact,
        query_log_sample,
        query_log_max_mib,
        feedback,
        feedback_redact,
        models,
        report,
        observing,
    } = args;
    let slow_queries = observing.slow_queries(&query_log_redact);
    if query_log.is_some() && query_log == feedback {
        let told = "--query-log and --feedback name one file; give each a file of its own";
        return Err(UsageError(told.to_owned()).into());
    }
    let report = report
        .map(|path| {
            let page = fs::read_to_string(&path);
            page.with_context(|| format!("cannot read the report {}", path.display()))
        })
        .transpose()?;
    let query_log = query_log
        .map(|path| {
            QueryLog::open(QueryLogConfig {
                redaction: query_log_redact,
                sample: query_log_sample,
                max_bytes: query_log_max_mib << 20,
                ..QueryLogConfig::new(path)
            })
        })
        .transpose()?;
    let feedback = feedback
        .map(|path| {
            let config = FeedbackLogConfig::new(path);
            FeedbackLog::open(FeedbackLogConfig { redaction: feedback_redact, ..config })
        })
        .transpose()?;
    // A quarter for vectors: a question that comes again in another request, or after a
    // commit, is not encoded again.
    let cache_bytes = cache_mib << 20;
    let vectors = QueryVectors::new(cache_bytes / 4);
    let encoders = Arc::new(Encoders::new(Arc::clone(&vectors)));
    let collections = indexes
        .into_iter()
        .map(|NamedIndex { name, dir }| {
            let (encoders, rerank) = (Arc::clone(&encoders), rerank.clone());
            CollectionSource::deferred(name, move || Ok(open(&dir, &encoders, &rerank, writable)?))
        })
        .collect();
    let mut config = ServerConfig::new(listen, collections);
    config.limits.cached_bytes = cache_bytes - cache_bytes / 4;
    config.query_vectors = Some(vectors);
    config.access = match keys {
        Some(path) => Access::Keys(Keys::open(&path)?),
        None if open_to_network => Access::OpenToNetwork,
        None => Access::Local,
    };
    config.tls = match (tls_cert, tls_key) {
        (Some(certificates), Some(key)) => Some(Tls::read(&certificates, &key)?),
        // The command line asks for both or none.
        _ => None,
    };
    config.allowed_hosts = allowed_hosts;
    config.query_log = query_log;
    config.feedback = feedback;
    config.language_models = language_models(models.as_deref())?;
    config.report = report.map(ReportPage::new);
    config.slow_queries = slow_queries;
    config.traces = observing.traces();
    serve(config)
}

/// The models of a file, each with its key.
fn language_models(path: Option<&Path>) -> anyhow::Result<LanguageModels> {
    let configs = path.map(read_models).transpose()?.unwrap_or_default();
    let models = configs.into_iter().map(|config| {
        let model: Arc<dyn LanguageModel> = Arc::new(HttpModel::from_environment(config)?);
        Ok(model)
    });
    models.collect()
}

/// Serves until the process is told to stop, and prints the address when
/// searches can be answered.
pub(crate) fn serve(mut config: ServerConfig) -> anyhow::Result<()> {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    config.on_ready = Box::new(move |address| {
        // A closed standard output is no reason to stop serving.
        let _ = writeln!(io::stdout(), "Listening on {scheme}://{address}  (Ctrl-C to stop)");
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(server::serve(config));
    // An index that is still being opened, or a search beyond the drain limit,
    // must not keep the process.
    runtime.shutdown_background();
    Ok(ended?)
}

/// Opens an index, its encoder being loaded meanwhile, and loads its reranker. One that
/// reads with the encoder has to wait for it.
pub(super) fn open(
    dir: &Path,
    encoders: &Encoders,
    rerank: &RerankArgs,
    writable: bool,
) -> anyhow::Result<Opened> {
    let loading = encoders.of_index(dir)?;
    let encoder = rerank.needs_encoder().then(|| loading.wait()).transpose()?;
    let encoder = encoder.map(|loaded| loaded.encoder);
    let reranker = rerank.load(encoder.as_ref(), &FetchBar::default(), RerankUse::Waiting)?;
    let reranker = reranker.map(|RerankSetup { pipeline, options }| {
        // Requests without a word on it get what the command line says.
        LoadedReranker { pipeline, options }
    });
    let index = Arc::new(Index::open_before_encoder(dir, Verify::Auto)?);
    let to = Arc::clone(&index);
    let attach_encoder = Box::new(move || {
        let attach = || -> anyhow::Result<Option<LiveIngest>> {
            let loaded = loading.wait()?;
            to.attach_encoder(Arc::clone(&loaded.encoder))?;
            writable.then(|| live_ingest(&to, &loaded)).transpose()
        };
        Ok(attach()?)
    });
    Ok(Opened { index, reranker, attach_encoder: Some(attach_encoder) })
}

/// What reads and encodes documents that clients put into an index.
fn live_ingest(index: &Index, loaded: &LoadedEncoder) -> anyhow::Result<LiveIngest> {
    let spec: ChunkerSpec = index.manifest().chunker.parse()?;
    let chunker = spec.build(&loaded.chunker_parts()?);
    // Searches keep a core.
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get() - 1).max(1);
    Ok(LiveIngest::new(chunker, Arc::clone(&loaded.encoder), threads)?)
}

/// Encoders by name, so that indexes of one model share its sessions.
pub(super) struct Encoders {
    loading: Mutex<HashMap<String, LoadingEncoder>>,
    vectors: Arc<QueryVectors>,
}

impl Encoders {
    /// # Arguments
    /// * `vectors` - where they remember those of queries.
    pub(super) fn new(vectors: Arc<QueryVectors>) -> Self {
        Self { loading: Mutex::default(), vectors }
    }

    /// The encoder of an index, which a thread of its own starts to load.
    fn of_index(&self, dir: &Path) -> anyhow::Result<LoadingEncoder> {
        let name = Manifest::read(dir)?.encoder.name;
        let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoder) = loading.get(&name) {
            return Ok(encoder.clone());
        }
        let vectors = Arc::clone(&self.vectors);
        let encoder = LoadingEncoder { dir: dir.to_owned(), vectors, loaded: Arc::default() };
        loading.insert(name, encoder.clone());
        let starting = encoder.clone();
        // Whoever waits loads it where this thread could not.
        std::thread::spawn(move || starting.wait());
        Ok(encoder)
    }
}

/// An encoder that is there or will be.
#[derive(Clone)]
struct LoadingEncoder {
    /// An index that was made with it.
    dir: PathBuf,
    vectors: Arc<QueryVectors>,
    loaded: Arc<OnceLock<Result<LoadedEncoder, String>>>,
}

impl LoadingEncoder {
    /// The encoder, once it is loaded.
    ///
    /// # Errors
    /// When its model cannot be loaded, to everybody who waits.
    fn wait(&self) -> anyhow::Result<LoadedEncoder> {
        let load = || match encoder::for_index(&self.dir, &FetchBar::default()) {
            Ok(mut loaded) => {
                loaded.encoder = self.vectors.around(loaded.encoder);
                Ok(loaded)
            }
            Err(error) => Err(options::tell(&error)),
        };
        self.loaded.get_or_init(load).clone().map_err(anyhow::Error::msg)
    }
}
