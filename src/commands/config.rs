//! `trovato config show`: what a command would be run with, and who says so.

use std::ffi::OsString;
use std::io::{self, Write};

use anyhow::Context;
use clap::{Args, CommandFactory, Subcommand};
use serde::Serialize;

use crate::config::{self, Origin, ParseError, Setting};
use crate::options::{UsageError, print_json};

const EXAMPLES: &str = "\
Examples:
  trovato config show serve --origin
  trovato config show serve --origin -- --listen 0.0.0.0:7700    with options as they would be typed
  trovato config show eval collection --json
  trovato --config trovato.toml config show serve > next.toml    what is printed is such a file

Every option of every command can be set in a TOML file, a table for each command:

  [serve]
  index = [\"notes=notes.trovato\"]
  listen = \"127.0.0.1:8080\"
  rerank = \"default\"

and by an environment variable, TROVATO_SERVE_LISTEN for that one. The command line is stronger
than the environment, and that than the file. The file is the one of --config, or of
TROVATO_CONFIG, or config.toml in the user's configuration folder (~/.config/trovato).";

/// Show what a command would be run with, and who says so
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the options of a command as a configuration file
    #[command(after_help = EXAMPLES)]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The command, such as serve or eval collection
    #[arg(required = true, value_name = "COMMAND")]
    command: Vec<String>,

    /// Say of each value who set it
    #[arg(long)]
    origin: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    /// Options as they would be typed behind the command
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<OsString>,
}

/// An option for `--json`.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    value: Option<&'a toml::Value>,
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<&'a str>,
}

/// Runs the subcommand.
///
/// # Arguments
/// * `file` - what `--config` names.
pub(crate) fn run(args: &ConfigArgs, file: Option<&OsString>) -> anyhow::Result<()> {
    let ConfigCommand::Show(args) = &args.command;
    let typed = args.command.iter().map(OsString::from).chain(args.options.iter().cloned());
    let mut given = vec![OsString::from("trovato")];
    if let Some(file) = file {
        given.extend([OsString::from("--config"), file.clone()]);
    }
    given.extend(typed);
    let command = crate::Cli::command().mut_subcommands(crate::demanding_nothing);
    let parsed = config::parse(command.clone(), given, crate::default_config());
    let parsed = parsed.map_err(|error| match error {
        ParseError::Usage(error) => UsageError(error.to_string()).into(),
        ParseError::Config(error) => anyhow::Error::from(error),
    })?;
    let settings = config::settings(&command, &parsed);
    if settings.is_empty() {
        let told = format!("trovato {} has no options", args.command.join(" "));
        return Err(UsageError(told).into());
    }
    if args.json {
        let shown: Vec<_> = settings.iter().map(Shown::from).collect();
        return print_json(&shown);
    }
    let (names, _) = config::innermost(&parsed.matches);
    let mut out = io::stdout().lock();
    writeln!(out, "[{}]", names.join("."))?;
    settings.iter().try_for_each(|setting| print(&mut out, setting, args.origin))
}

fn print(out: &mut impl Write, setting: &Setting, origin: bool) -> anyhow::Result<()> {
    let Setting { name, value, origin: by, variable } = setting;
    // What nobody has set is a comment: some options may only stand beside others.
    let line = match value {
        Some(value) if *by != Origin::Default => format!("{name} = {value}"),
        Some(value) => format!("# {name} = {value}"),
        None => format!("# {name} ="),
    };
    if !origin {
        return Ok(writeln!(out, "{line}")?);
    }
    let by = match (value, variable) {
        (None, Some(variable)) => format!("not set; {variable} would"),
        (None, None) => "not set".to_owned(),
        (Some(_), _) => by.to_string(),
    };
    writeln!(out, "{line:50}  # {by}").context("cannot print")
}

impl<'a> From<&'a Setting> for Shown<'a> {
    fn from(setting: &'a Setting) -> Self {
        let Setting { name, value, origin, variable } = setting;
        Self {
            name,
            value: value.as_ref(),
            origin: origin.to_string(),
            variable: variable.as_deref(),
        }
    }
}
