//! What can go wrong when a model is asked, split by who must act.

use std::time::Duration;

/// A completion that failed. Keys and credentials are in no part of it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("model {model}{}: {failure}", after(*.tries))]
pub struct ModelError {
    /// The model's name in the configuration.
    pub model: String,
    /// How often it was asked; from 1.
    pub tries: u32,
    /// Whether pieces of the answer were handed on before.
    pub handed_on: bool,
    /// What happened on the last try.
    pub failure: Failure,
}

fn after(tries: u32) -> String {
    if tries > 1 { format!(", after {tries} tries") } else { String::new() }
}

/// What happened. `said` is what the provider says, cut to a few hundred
/// characters.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The key is missing, wrong, or not allowed to use the model. Whoever runs
    /// this must act.
    #[error("unauthorised (status {status}); check the key and what it may use: {said}")]
    Unauthorised {
        /// 401 or 403.
        status: u16,
        /// The provider's words.
        said: String,
    },
    /// Too much was asked, or nothing is left of the budget. Ask later.
    #[error("rate limited{}: {said}", asked_for(*.retry_after))]
    RateLimited {
        /// How long the provider wants to be left alone.
        retry_after: Option<Duration>,
        /// The provider's words.
        said: String,
    },
    /// The provider failed or is overloaded. Ask later.
    #[error("the provider failed{}: {said}", of(*.status))]
    Overloaded {
        /// 5xx; `None` where the error came within the answer.
        status: Option<u16>,
        /// The provider's words.
        said: String,
        /// How long the provider wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// It took too long. Raise the limit or take a faster model.
    #[error("timed out: {waiting} after {:.1} s", after.as_secs_f64())]
    TimedOut {
        /// What was waited for.
        waiting: Waiting,
        /// The limit.
        after: Duration,
    },
    /// Nothing listens there, the name is unknown, or TLS failed.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// The address, without credentials.
        url: String,
        /// Why.
        why: String,
    },
    /// The connection ended within the answer.
    #[error("the answer was cut after {bytes} bytes of text: {why}")]
    Cut {
        /// How much text had come.
        bytes: usize,
        /// Why.
        why: String,
    },
    /// The server replied with what is not its format. Is `provider` right?
    #[error("malformed answer: {why}")]
    Malformed {
        /// What is wrong.
        why: String,
    },
    /// The question with its passages is longer than the model can read. Show
    /// fewer passages.
    #[error("the question is longer than the model can read: {said}")]
    ContextTooLong {
        /// The provider's words.
        said: String,
    },
    /// The provider refuses the request: an unknown model, a parameter that it
    /// does not take.
    #[error("refused{}: {said}", of(*.status))]
    Refused {
        /// The status; `None` where the error came within the answer.
        status: Option<u16>,
        /// The provider's words.
        said: String,
    },
}

/// What did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The first piece of the answer.
    FirstPiece,
    /// The end of the answer, all tries together.
    End,
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::FirstPiece => "no first piece",
            Self::End => "no end",
        })
    }
}

fn asked_for(retry_after: Option<Duration>) -> String {
    retry_after.map_or(String::new(), |wait| format!(", for {:.1} s", wait.as_secs_f64()))
}

fn of(status: Option<u16>) -> String {
    status.map_or(String::new(), |status| format!(" (status {status})"))
}

impl Failure {
    /// The variant's name, for counting and for spans.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unauthorised { .. } => "unauthorised",
            Self::RateLimited { .. } => "rate_limited",
            Self::Overloaded { .. } => "overloaded",
            Self::TimedOut { .. } => "timed_out",
            Self::Unreachable { .. } => "unreachable",
            Self::Cut { .. } => "cut",
            Self::Malformed { .. } => "malformed",
            Self::ContextTooLong { .. } => "context_too_long",
            Self::Refused { .. } => "refused",
        }
    }

    /// Whether asking again may help, as long as nothing was handed on.
    ///
    /// A timeout is none of those: the limit was chosen as what one is willing
    /// to wait, and a slow model is slow again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Overloaded { .. }
            | Self::Unreachable { .. }
            | Self::Cut { .. } => true,
            Self::Unauthorised { .. }
            | Self::TimedOut { .. }
            | Self::Malformed { .. }
            | Self::ContextTooLong { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// How long the provider wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Overloaded { retry_after, .. } => {
                *retry_after
            }
            Self::Unauthorised { .. }
            | Self::TimedOut { .. }
            | Self::Unreachable { .. }
            | Self::Cut { .. }
            | Self::Malformed { .. }
            | Self::ContextTooLong { .. }
            | Self::Refused { .. } => None,
        }
    }
}
