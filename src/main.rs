//! `trovato`: one binary, a file per subcommand in `commands/`.
//!
//! Exit code 0 means success, 1 a failure that is told on standard error, 2 a
//! command line that makes no sense. With `--json` standard output holds one
//! JSON document and nothing else.

// Doc comments of arguments are help texts, where brackets mark what may be left
// out and are no links.
#![allow(rustdoc::broken_intra_doc_links)]

mod commands;
mod config;
mod encoder;
mod options;
mod progress;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Command as Clap, CommandFactory, FromArgMatches, Parser, Subcommand};
use commands::serve::LogFormat;
use config::ParseError;
use tracing_subscriber::EnvFilter;

/// Hybrid retrieval over your documents: words and vectors, explained and measured.
#[derive(Debug, Parser)]
#[command(name = "trovato", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    /// Read options from this file; `trovato config show --help` says how they are written
    #[arg(long, global = true, value_name = "FILE", env = config::PATH_VARIABLE)]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  trovato demo                                   index the Rust documentation and ask it questions
  trovato ingest ~/notes --index notes.trovato   index a folder
  trovato search 'who owns a value' --index notes.trovato --explain
  trovato ask 'who owns a value' --index notes.trovato
  trovato serve --index notes=notes.trovato      answer over HTTP, with a page to search
  trovato mcp --index notes.trovato              answer an agent (Model Context Protocol)
  trovato eval collection beir/scifact           measure on a test collection

TROVATO_HOME names the folder for models and caches (by default the user's cache folder).";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(commands::demo::DemoArgs),
    Ingest(commands::ingest::IngestArgs),
    Watch(commands::watch::WatchArgs),
    Search(commands::search::SearchArgs),
    Ask(commands::ask::AskArgs),
    Chat(commands::chat::ChatArgs),
    Serve(commands::serve::ServeArgs),
    Mcp(commands::mcp::McpArgs),
    Keys(commands::keys::KeysArgs),
    Index(commands::index::IndexArgs),
    Snapshot(commands::snapshot::SnapshotArgs),
    Eval(commands::eval::EvalArgs),
    Corpus(commands::corpus::CorpusArgs),
    Models(commands::models::ModelsArgs),
    Config(commands::config::ConfigArgs),
}

/// The options that were typed, or are in the environment or the configuration file.
fn options() -> Result<Cli, ParseError> {
    let given: Vec<OsString> = std::env::args_os().collect();
    let parsed = config::parse(Cli::command(), given, default_config())?;
    from_matches(&parsed.matches).map_err(ParseError::Usage)
}

fn from_matches(matches: &ArgMatches) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(matches).map_err(|error| error.format(&mut Cli::command()))
}

fn main() -> ExitCode {
    let Cli { config, command } = match options() {
        Ok(cli) => cli,
        Err(ParseError::Usage(error)) => error.exit(),
        Err(ParseError::Config(error)) => {
            eprintln!("error: {}", options::tell(&error.into()));
            return ExitCode::from(2);
        }
    };
    start_log(command.log_format());
    let outcome = match command {
        Command::Demo(args) => commands::demo::run(&args),
        Command::Ingest(args) => commands::ingest::run(&args),
        Command::Watch(args) => commands::watch::run(&args),
        Command::Search(args) => commands::search::run(args),
        Command::Ask(args) => commands::ask::run(&args),
        Command::Chat(args) => commands::chat::run(&args),
        Command::Serve(args) => commands::serve::run(args),
        Command::Mcp(args) => commands::mcp::run(args),
        Command::Keys(args) => commands::keys::run(args),
        Command::Index(args) => commands::index::run(args),
        Command::Snapshot(args) => commands::snapshot::run(&args),
        Command::Eval(args) => commands::eval::run(args),
        Command::Corpus(args) => commands::corpus::run(args),
        Command::Models(args) => commands::models::run(args),
        Command::Config(args) => commands::config::run(&args, config.map(OsString::from).as_ref()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if options::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", options::tell(&error));
            if error.is::<options::UsageError>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

impl Command {
    /// How log lines are written: to be chosen where a program may read them.
    fn log_format(&self) -> LogFormat {
        if let Self::Serve(args) = self { args.log_format() } else { LogFormat::default() }
    }
}

/// Log lines go to standard error: what is asked for goes to standard output.
fn start_log(format: LogFormat) {
    let filter =
        EnvFilter::try_from_env("TROVATO_LOG").unwrap_or_else(|_| EnvFilter::new("warn,pdf=off"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        // One level of names: what a request is called stands in `span`, once.
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
}

/// The user's own configuration file, whether it exists or not. A file in the current
/// folder is not looked for: whoever can write there could choose what is served.
fn default_config() -> Option<PathBuf> {
    let variable =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = if cfg!(windows) {
        variable("APPDATA")
    } else {
        variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")))
    };
    folder.map(|folder| folder.join("trovato").join("config.toml"))
}

/// The command with nothing required, for looking at what is set.
fn demanding_nothing(command: Clap) -> Clap {
    command.mut_args(|arg| arg.required(false)).mut_subcommands(demanding_nothing)
}
