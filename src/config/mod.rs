//! Settings from a file, the environment and the command line, the later ones
//! stronger.
//!
//! Every option of every subcommand can be set in each of the three, under one name:
//! `--rerank-depth` of `trovato serve` is `rerank-depth` in the table `[serve]` of the
//! file and `TROVATO_SERVE_RERANK_DEPTH` in the environment. So there is no list of
//! settings beside the options, and none to forget. What the file says is handed to
//! the parser as options that were not typed: their values, ranges and dependencies
//! are checked, and refused, as if they had been. Rejected: values of the file as the
//! parser's defaults, which do not count where one option requires another.

mod file;
mod origin;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

pub(crate) use file::ConfigError;
pub(crate) use origin::{Origin, Setting, settings};

use file::ConfigFile;

/// Names the file where `--config` does not.
pub(crate) const PATH_VARIABLE: &str = "TROVATO_CONFIG";

/// The global option that names the file.
pub(crate) const PATH_OPTION: &str = "config";

/// A command line with what file and environment add to it.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) matches: ArgMatches,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// Ids of the options that it set.
    pub(crate) from_file: Vec<String>,
}

/// Why a command line cannot be used.
#[derive(Debug)]
pub(crate) enum ParseError {
    /// Help was asked for, or the parser refused something.
    Usage(clap::Error),
    /// The file is at fault.
    Config(ConfigError),
}

/// Parses a command line.
///
/// # Arguments
/// * `command` - without environment variables but those it names itself.
/// * `given` - the program's name and what was typed.
/// * `default_file` - read where neither the option nor the variable names one, and
///   it exists.
///
/// # Errors
/// [`ParseError`].
pub(crate) fn parse(
    command: Command,
    given: Vec<OsString>,
    default_file: Option<PathBuf>,
) -> Result<Parsed, ParseError> {
    let command = with_environment(command, "TROVATO");
    // What is typed is looked at first without judging: the file may set what it lacks.
    let lenient = command.clone().ignore_errors(true).try_get_matches_from(&given);
    let lenient = lenient.map_err(ParseError::Usage)?;
    let named = lenient.get_one::<PathBuf>(PATH_OPTION).cloned();
    let path = named.or_else(|| default_file.filter(|path| path.exists()));
    let Some(path) = path else {
        let matches = command.try_get_matches_from(given).map_err(ParseError::Usage)?;
        return Ok(Parsed { matches, file: None, from_file: Vec::new() });
    };
    let file = ConfigFile::read(&path).map_err(ParseError::Config)?;
    let added = file.options(&command, &lenient).map_err(ParseError::Config)?;
    let at = place_of_options(&given, &lenient);
    let mut completed = given;
    completed.splice(at..at, added.words);
    let matches = command.try_get_matches_from(completed).map_err(ParseError::Usage)?;
    Ok(Parsed { matches, file: Some(path), from_file: added.ids })
}

/// The chain of subcommands that were typed, outermost first, with the matches of the
/// innermost.
pub(crate) fn innermost(matches: &ArgMatches) -> (Vec<&str>, &ArgMatches) {
    let (mut names, mut inner) = (Vec::new(), matches);
    while let Some((name, sub)) = inner.subcommand() {
        names.push(name);
        inner = sub;
    }
    (names, inner)
}

/// Whether an option was typed or is in the environment.
fn is_given(matches: &ArgMatches, id: &str) -> bool {
    matches!(matches.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

/// The place behind the subcommands' names, where options may stand whatever follows.
fn place_of_options(given: &[OsString], matches: &ArgMatches) -> usize {
    let (names, _) = innermost(matches);
    let mut at = 1;
    for name in names {
        let is_name = |place: &usize| {
            given[*place] == name && given[place - 1] != format!("--{PATH_OPTION}").as_str()
        };
        at = (at..given.len()).find(is_name).map_or(at, |place| place + 1);
    }
    at
}

/// The command with an environment variable for every option that has none.
fn with_environment(command: Command, prefix: &str) -> Command {
    let prefix = prefix.to_owned();
    let names: Vec<String> =
        command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = names.into_iter().fold(command, |command, name| {
        let inner = format!("{prefix}_{}", shouted(&name));
        command.mut_subcommand(name, |sub| with_environment(sub, &inner))
    });
    command.mut_args(|arg| {
        let Some(long) = arg.get_long().map(str::to_owned) else { return arg };
        if arg.get_env().is_some() || matches!(long.as_str(), "help" | "version") {
            return arg;
        }
        // Shown by `trovato config show`; in the help of every option it would only
        // repeat the option's name.
        arg.env(format!("{prefix}_{}", shouted(&long))).hide_env(true)
    })
}

fn shouted(name: &str) -> String {
    name.replace('-', "_").to_ascii_uppercase()
}

#[cfg(test)]
mod tests;
