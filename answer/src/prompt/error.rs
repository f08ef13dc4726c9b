//! Errors of prompt files, of filling them in, and of what models reply.

use std::path::PathBuf;

/// A prompt that cannot be used. The owner of the file must act.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// No prompt of that name is built in.
    #[error("there is no built-in prompt {name:?}; {hint}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// The file cannot be read.
    #[error("cannot read the prompt {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, lacks a key, or has one that nobody reads.
    #[error("{origin}, line {line}: {what}")]
    Format {
        /// The file, or the name of a built-in prompt.
        origin: String,
        /// 1-based; 0 where it is the whole file.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// The user template names something that nobody fills in.
    #[error("{origin}: unknown placeholder {{{name}}}; {hint}")]
    UnknownPlaceholder {
        /// The file, or the name of a built-in prompt.
        origin: String,
        /// The placeholder.
        name: String,
        /// The nearest one, or all of them.
        hint: String,
    },
    /// The user template lacks something that a model must be shown.
    #[error("{origin}: the user template lacks the placeholder {{{name}}}")]
    MissingPlaceholder {
        /// The file, or the name of a built-in prompt.
        origin: String,
        /// The placeholder.
        name: &'static str,
    },
    /// A brace opens or closes nothing. Write `{{` or `}}` for the sign itself.
    #[error("{origin}: a lone brace at byte {at} of the user template; write it twice")]
    LoneBrace {
        /// The file, or the name of a built-in prompt.
        origin: String,
        /// Bytes from the template's beginning.
        at: usize,
    },
    /// The prompt shows a schema and was given none.
    #[error("the prompt {name} shows {{schema}}; give one")]
    NoSchema {
        /// Which prompt.
        name: String,
    },
}

/// A reply that is not of the prompt's form. The model is at fault; asking
/// again may help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// Nothing but white space.
    #[error("the model replied with nothing")]
    Empty,
    /// No JSON object in it.
    #[error("the reply holds no JSON object; it begins {begins:?}")]
    NoObject {
        /// Its first 80 characters.
        begins: String,
    },
    /// The object does not end: the reply was cut, most likely at the limit of
    /// output tokens.
    #[error("the JSON object in the reply does not end; {bytes} bytes came")]
    Truncated {
        /// The length of the reply in bytes.
        bytes: usize,
    },
    /// It is no question, which is what was asked for.
    #[error("the reply has {bytes} bytes and should be a question of at most {limit}")]
    NoQuestion {
        /// Its first line's length.
        bytes: usize,
        /// The most a question may have.
        limit: usize,
    },
    /// The object is JSON, but not of the form that was asked for.
    #[error("the JSON object in the reply is not an answer: {why}")]
    WrongShape {
        /// What is wrong and where.
        why: String,
    },
}
