//! The configuration file: TOML, a table for each subcommand.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Table, Value};

use super::{innermost, is_given};

/// How like a known name an unknown one must be to be taken for a slip of it.
const LIKENESS: f64 = 0.7;

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// It is not TOML.
    #[error("{} is no TOML: {source}", path.display())]
    Malformed {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A name that means nothing.
    #[error("{}: {name} is not known{}", path.display(), hint(nearest.as_deref()))]
    Unknown { path: PathBuf, name: String, nearest: Option<String> },
    /// A value of another kind than the option takes.
    #[error("{}: {name} is {found}; it takes {takes}", path.display())]
    Kind { path: PathBuf, name: String, found: &'static str, takes: &'static str },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}

/// A configuration file that was read.
#[derive(Debug)]
pub(super) struct ConfigFile {
    path: PathBuf,
    table: Table,
}

/// What a file adds to a command line.
#[derive(Debug, Default)]
pub(super) struct Added {
    /// As they would have been typed.
    pub(super) words: Vec<OsString>,
    /// The ids of the options they set.
    pub(super) ids: Vec<String>,
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let path = path.to_owned();
        match fs::read_to_string(&path) {
            Ok(text) => match text.parse() {
                Ok(table) => Ok(Self { path, table }),
                Err(source) => Err(ConfigError::Malformed { path, source: Box::new(source) }),
            },
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        }
    }

    /// The options that the file sets and `given` does not. All of the file is
    /// checked, whichever subcommand was typed.
    pub(super) fn options(
        &self,
        command: &Command,
        given: &ArgMatches,
    ) -> Result<Added, ConfigError> {
        self.check(command, &self.table, "")?;
        let (names, matches) = innermost(given);
        let (mut table, mut command) = (&self.table, command);
        for name in names {
            let inner = table.get(name).and_then(Value::as_table);
            let (Some(inner), Some(sub)) = (inner, command.find_subcommand(name)) else {
                return Ok(Added::default());
            };
            (table, command) = (inner, sub);
        }
        let mut added = Added::default();
        for (name, value) in table {
            // Tables are of subcommands further in.
            let Some(arg) = option(command, name) else { continue };
            let id = arg.get_id().as_str();
            if !is_given(matches, id) {
                added.words.extend(words(name, value));
                added.ids.push(id.to_owned());
            }
        }
        Ok(added)
    }

    fn check(&self, command: &Command, table: &Table, prefix: &str) -> Result<(), ConfigError> {
        for (name, value) in table {
            let full = format!("{prefix}{name}");
            if let (Some(sub), Value::Table(inner)) = (command.find_subcommand(name), value) {
                self.check(sub, inner, &format!("{full}."))?;
            } else if let Some(arg) = option(command, name) {
                self.check_kind(arg, value, full)?;
            } else {
                let known = known_names(command);
                let nearest = nearest(name, &known).map(|near| format!("{prefix}{near}"));
                return Err(ConfigError::Unknown { path: self.path.clone(), name: full, nearest });
            }
        }
        Ok(())
    }

    fn check_kind(&self, arg: &Arg, value: &Value, name: String) -> Result<(), ConfigError> {
        let action = arg.get_action();
        let is_switch = matches!(action, ArgAction::SetTrue | ArgAction::SetFalse);
        let is_list = matches!(action, ArgAction::Append);
        let takes = if is_switch {
            "true or false"
        } else if is_list {
            "a text, a number or a list of them"
        } else {
            "a text or a number"
        };
        let scalar =
            |value: &Value| matches!(value, Value::String(_) | Value::Integer(_) | Value::Float(_));
        let fits = if is_switch {
            value.is_bool()
        } else {
            let listed = value.as_array().filter(|_| is_list);
            listed.map_or_else(|| scalar(value), |values| values.iter().all(scalar))
        };
        if fits {
            return Ok(());
        }
        let found = match value {
            Value::String(_) => "a text",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::Datetime(_) => "a date",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        };
        Err(ConfigError::Kind { path: self.path.clone(), name, found, takes })
    }
}

/// The option of this long name.
fn option<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    let settable = |arg: &&Arg| !matches!(arg.get_id().as_str(), "help" | "version" | "config");
    command.get_arguments().filter(settable).find(|arg| arg.get_long() == Some(name))
}

fn known_names(command: &Command) -> Vec<String> {
    let options = command.get_arguments().filter_map(Arg::get_long);
    let options = options.filter(|long| option(command, long).is_some());
    let commands = command.get_subcommands().map(Command::get_name);
    options.chain(commands).map(str::to_owned).collect()
}

fn nearest<'k>(name: &str, known: &'k [String]) -> Option<&'k str> {
    let plain = name.replace('_', "-");
    let likeness = |known: &str| strsim::jaro_winkler(&plain, known);
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= LIKENESS).then_some(best.as_str())
}

/// An option as it would have been typed.
fn words(name: &str, value: &Value) -> Vec<OsString> {
    let word = |value: &Value| match value.as_str() {
        Some(text) => format!("--{name}={text}").into(),
        None => format!("--{name}={value}").into(),
    };
    if let Some(is_set) = value.as_bool() {
        return if is_set { vec![format!("--{name}").into()] } else { Vec::new() };
    }
    match value.as_array() {
        Some(values) => values.iter().map(word).collect(),
        None => vec![word(value)],
    }
}
