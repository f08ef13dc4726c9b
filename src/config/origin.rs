//! What is set, and by whom.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command};

use super::{Parsed, innermost};

/// Who set an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody.
    Default,
    /// The file.
    File(String),
    /// The environment variable.
    Environment(String),
    /// The command line.
    Typed,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => f.write_str(path),
            Self::Environment(variable) => write!(f, "environment, {variable}"),
            Self::Typed => f.write_str("command line"),
        }
    }
}

/// An option with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// Its name in the file.
    pub(crate) name: String,
    /// As TOML; `None` where it is not set.
    pub(crate) value: Option<toml::Value>,
    pub(crate) origin: Origin,
    /// The environment variable that could set it.
    pub(crate) variable: Option<String>,
}

/// The options of the innermost subcommand that was typed, in the order of its help.
///
/// # Arguments
/// * `command` - the same that was parsed.
pub(crate) fn settings(command: &Command, parsed: &Parsed) -> Vec<Setting> {
    let command = super::with_environment(command.clone(), "TROVATO");
    let (names, _) = innermost(&parsed.matches);
    let mut inner = &command;
    for name in names {
        inner = inner.find_subcommand(name).unwrap_or(inner);
    }
    let named = inner.get_arguments().filter(|arg| {
        arg.get_long().is_some_and(|long| !matches!(long, "help" | "version" | "config"))
    });
    named.map(|arg| setting(arg, parsed)).collect()
}

fn setting(arg: &Arg, parsed: &Parsed) -> Setting {
    let (_, matches) = innermost(&parsed.matches);
    let id = arg.get_id().as_str();
    let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned());
    let from_file = parsed.from_file.iter().any(|set| set == id);
    let origin = match matches.value_source(id) {
        Some(ValueSource::CommandLine) if from_file => {
            let path = parsed.file.as_deref().unwrap_or_else(|| "".as_ref());
            Origin::File(path.display().to_string())
        }
        Some(ValueSource::CommandLine) => Origin::Typed,
        Some(ValueSource::EnvVariable) => Origin::Environment(variable.clone().unwrap_or_default()),
        _ => Origin::Default,
    };
    let texts = matches.get_raw(id).into_iter().flatten();
    let mut texts = texts.map(|text| text.to_string_lossy().into_owned());
    let action = arg.get_action();
    let value = if matches!(action, ArgAction::SetTrue | ArgAction::SetFalse) {
        Some(matches.get_flag(id).into())
    } else if matches!(action, ArgAction::Append) {
        let values: Vec<_> = texts.map(toml::Value::from).collect();
        (!values.is_empty()).then(|| values.into())
    } else {
        texts.next().map(scalar)
    };
    Setting { name: arg.get_long().unwrap_or_default().to_owned(), value, origin, variable }
}

/// A number where it is one, so that what is shown is what one would write.
fn scalar(text: String) -> toml::Value {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => number.into(),
        _ => text.into(),
    }
}
