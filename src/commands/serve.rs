//! `trovato serve`: answer searches over HTTP, with a page to search.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use answer::model::{HttpModel, LanguageModel, read_models};
use anyhow::Context;
use clap::Args;
use corpora::Redaction;
use engine::{Encoder, Index, Manifest, OpenOptions, Verify};
use eval::RerankSetup;
use server::{
    CollectionSource, FeedbackLog, FeedbackLogConfig, LanguageModels, LoadedReranker, Opened,
    QueryLog, QueryLogConfig, ReportPage, ServerConfig,
};

use crate::encoder;
use crate::options::{RerankArgs, RerankUse, UsageError};
use crate::progress::FetchBar;

const EXAMPLES: &str = "\
Examples:
  trovato serve --index notes=notes.trovato
  trovato serve --index rust=rust.trovato --index notes=notes.trovato --listen 127.0.0.1:8080
  trovato serve --index notes=notes.trovato --query-log queries.jsonl
  trovato serve --index notes=notes.trovato --feedback feedback.jsonl
  trovato serve --index notes=notes.trovato --rerank default
  trovato serve --index notes=notes.trovato --models models.toml --report report.html
  trovato serve --index notes=notes.trovato --listen 0.0.0.0:7700   (to the network, without a password)

  curl -s localhost:7700/v1/search -H 'Content-Type: application/json' \\
       -d '{\"query\": \"who owns a value\", \"top\": 3, \"explain\": true}'

Routes: /v1/search, /v1/answer, /v1/documents/ID, /v1/collections, /v1/feedback, and for clients that
speak OpenAI's API /v1/models, /v1/chat/completions, /v1/embeddings,
/v1/rerank, /healthz, /readyz; /docs describes and tries them, /openapi.json is for programs; a page at /.
Commits made to an index while it is served are picked up within seconds.
With --rerank every search is reranked, as far as --rerank-depth and --rerank-budget-ms say;
a request may ask for less or more (rerank_depth, rerank_budget_ms) or for \"rerank\": \"none\".
--query-log keeps what was asked, without e-mail addresses, long numbers and what looks like a
credential; names and other words stay, so say so to those who search.";

/// Answer searches over HTTP, with a page to search
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// An index and the name clients know it by; the first one answers requests
    /// that name none
    #[arg(long = "index", value_name = "NAME=DIR", required = true, num_args = 1..)]
    indexes: Vec<NamedIndex>,

    #[command(flatten)]
    rerank: RerankArgs,

    /// Address to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7700")]
    listen: SocketAddr,

    /// Further host name to answer to when listening on a loopback address,
    /// for example that of a reverse proxy
    #[arg(long = "allow-host", value_name = "NAME")]
    allowed_hosts: Vec<String>,

    /// Write every answered search to this file, a JSON line each, for
    /// `trovato eval replay`; off by default
    #[arg(long, value_name = "FILE")]
    query_log: Option<PathBuf>,

    /// What is replaced in logged queries: all, none, or of secret, email and
    /// number those that are listed
    #[arg(long, value_name = "RULES", default_value_t = Redaction::default(), requires = "query_log")]
    query_log_redact: Redaction,

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

    /// What is replaced in the queries of feedback, as for --query-log-redact
    #[arg(long, value_name = "RULES", default_value_t = Redaction::default(), requires = "feedback")]
    feedback_redact: Redaction,
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
        listen,
        allowed_hosts,
        query_log,
        query_log_redact,
        query_log_max_mib,
        feedback,
        feedback_redact,
        models,
        report,
    } = args;
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
    let encoders = Arc::new(Encoders::default());
    let collections = indexes
        .into_iter()
        .map(|NamedIndex { name, dir }| {
            let (encoders, rerank) = (Arc::clone(&encoders), rerank.clone());
            CollectionSource::deferred(name, move || Ok(open(&dir, &encoders, &rerank)?))
        })
        .collect();
    let mut config = ServerConfig::new(listen, collections);
    config.allowed_hosts = allowed_hosts;
    config.query_log = query_log;
    config.feedback = feedback;
    config.language_models = language_models(models.as_deref())?;
    config.report = report.map(ReportPage::new);
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
    config.on_ready = Box::new(|address| {
        // A closed standard output is no reason to stop serving.
        let _ = writeln!(io::stdout(), "Listening on http://{address}  (Ctrl-C to stop)");
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(server::serve(config));
    // An index that is still being opened, or a search beyond the drain limit,
    // must not keep the process.
    runtime.shutdown_background();
    Ok(ended?)
}

/// Opens an index with the encoder it was made with, and its reranker.
pub(super) fn open(dir: &Path, encoders: &Encoders, rerank: &RerankArgs) -> anyhow::Result<Opened> {
    let encoder = Some(encoders.of_index(dir)?);
    let reranker = rerank.load(encoder.as_ref(), &FetchBar::default(), RerankUse::Waiting)?;
    let reranker = reranker.map(|RerankSetup { pipeline, options }| {
        // Requests without a word on it get what the command line says.
        LoadedReranker { pipeline, options }
    });
    let index = Arc::new(Index::open(dir, OpenOptions { encoder, verify: Verify::Auto })?);
    Ok(Opened { index, reranker })
}

/// Encoders by name, so that indexes of one model share its sessions.
#[derive(Default)]
pub(super) struct Encoders(Mutex<HashMap<String, Arc<dyn Encoder>>>);

impl Encoders {
    fn of_index(&self, dir: &Path) -> anyhow::Result<Arc<dyn Encoder>> {
        let name = Manifest::read(dir)?.encoder.name;
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoder) = loaded.get(&name) {
            return Ok(Arc::clone(encoder));
        }
        let encoder = encoder::for_index(dir, &FetchBar::default())?.encoder;
        loaded.insert(name, Arc::clone(&encoder));
        Ok(encoder)
    }
}
