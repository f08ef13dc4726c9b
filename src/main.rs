//! `trovato`: one binary, a file per subcommand in `commands/`.
//!
//! Exit code 0 means success, 1 a failure that is told on standard error, 2 a
//! command line that makes no sense. With `--json` standard output holds one
//! JSON document and nothing else.

// Doc comments of arguments are help texts, where brackets mark what may be left
// out and are no links.
#![allow(rustdoc::broken_intra_doc_links)]

mod commands;
mod encoder;
mod options;
mod progress;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Hybrid retrieval over your documents: words and vectors, explained and measured.
#[derive(Debug, Parser)]
#[command(name = "trovato", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
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
    Search(commands::search::SearchArgs),
    Ask(commands::ask::AskArgs),
    Chat(commands::chat::ChatArgs),
    Serve(commands::serve::ServeArgs),
    Mcp(commands::mcp::McpArgs),
    Index(commands::index::IndexArgs),
    Eval(commands::eval::EvalArgs),
    Corpus(commands::corpus::CorpusArgs),
    Models(commands::models::ModelsArgs),
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("TROVATO_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,pdf=off")),
        )
        .with_writer(std::io::stderr)
        .init();
    let outcome = match Cli::parse().command {
        Command::Demo(args) => commands::demo::run(&args),
        Command::Ingest(args) => commands::ingest::run(&args),
        Command::Search(args) => commands::search::run(args),
        Command::Ask(args) => commands::ask::run(&args),
        Command::Chat(args) => commands::chat::run(&args),
        Command::Serve(args) => commands::serve::run(args),
        Command::Mcp(args) => commands::mcp::run(args),
        Command::Index(args) => commands::index::run(args),
        Command::Eval(args) => commands::eval::run(args),
        Command::Corpus(args) => commands::corpus::run(args),
        Command::Models(args) => commands::models::run(args),
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
