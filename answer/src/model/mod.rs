//! Language models: ask one, get its text piece by piece, know what it cost.
//!
//! A [`ModelConfig`] says where a model is; [`HttpModel`] asks it; whoever only
//! needs an answer takes a [`LanguageModel`] and gives it a [`Completion`]. The
//! result is a [`Completed`], or a [`ModelError`] that says who must act.
//!
//! The wire formats are our own (`wire/`), over reqwest. A library that speaks
//! to all providers, genai 0.7, was tried on paper and rejected: it writes the
//! body of an error to the log, where a provider may have echoed the key; it
//! drops text without an error when a server ends lines with CRLF and a read
//! ends between the two; it reads bodies without a limit; and its stream does
//! not say which model answered.

mod attempt;
mod client;
mod config;
mod error;
mod failure;
mod http;
mod key;
mod pieces;
mod retry;
mod schema;
mod sse;
mod structured;
mod tls;
mod wire;

#[cfg(feature = "scripted")]
pub mod scripted;

use std::future::Future;
use std::iter::Sum;
use std::pin::Pin;
use std::time::Duration;

pub use client::{ClientError, http_client};
pub use config::{ConfigError, ModelConfig, Price, Provider, read_models};
pub use error::{Failure, ModelError, Waiting};
pub use http::HttpModel;
pub use key::ApiKey;
pub use pieces::{PieceStream, StreamEvent, stream};
pub use retry::Backoff;
pub(crate) use schema::MAX_PROBLEMS;
pub use schema::{Schema, SchemaError};
pub use structured::{Structured, StructuredError, complete_read, complete_structured};

/// What a model is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The standing instructions.
    pub system: String,
    /// The conversation, the user first, in turns.
    pub turns: Vec<Turn>,
}

/// One side's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Whose.
    pub role: Role,
    /// The words.
    pub text: String,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The one who asks.
    User,
    /// The model.
    Model,
}

impl Completion {
    /// One question under standing instructions.
    pub fn new(system: impl Into<String>, user: impl Into<String>) -> Self {
        let turn = Turn { role: Role::User, text: user.into() };
        Self { system: system.into(), turns: vec![turn] }
    }
}

impl From<crate::prompt::FilledPrompt> for Completion {
    fn from(prompt: crate::prompt::FilledPrompt) -> Self {
        Self::new(prompt.system, prompt.user)
    }
}

/// A whole answer, and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Completed {
    /// Everything the model wrote: the pieces, one after another.
    pub text: String,
    /// What was counted.
    pub usage: Usage,
    /// The model as the server names it, or as it was configured where the
    /// server does not say.
    pub model: String,
    /// Why it ended.
    pub stop: StopReason,
    /// From the call to the first piece, waits and retries included; `None`
    /// where the model wrote nothing.
    pub first_piece: Option<Duration>,
    /// From the call to the end.
    pub total: Duration,
    /// How often it was asked again before this answer; 0 is the first try.
    pub retries: u32,
}

/// Tokens and money. Of tries that failed nothing is known, so nothing is
/// counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Tokens read, cached ones included; `None` where the server does not say.
    pub input_tokens: Option<u64>,
    /// Tokens written, reasoning included; `None` where the server does not say.
    pub output_tokens: Option<u64>,
    /// US dollars by the configured price; `None` where the price or one of the
    /// counts is unknown. Discounts for cached tokens are not known here, so it
    /// is an upper bound.
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// Of what was never asked.
    pub const NOTHING: Self =
        Self { input_tokens: Some(0), output_tokens: Some(0), cost_usd: Some(0.0) };
}

impl Sum for Usage {
    /// What one part does not say, the sum does not know.
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::NOTHING, |sum, part| Self {
            input_tokens: sum.input_tokens.zip(part.input_tokens).map(|(a, b)| a + b),
            output_tokens: sum.output_tokens.zip(part.output_tokens).map(|(a, b)| a + b),
            cost_usd: sum.cost_usd.zip(part.cost_usd).map(|(a, b)| a + b),
        })
    }
}

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It was done.
    Finished,
    /// At the limit of output tokens: the text is cut.
    Length,
    /// The provider withheld the rest.
    Filtered,
    /// Another reason, in the provider's word.
    Other(String),
}

/// A completion under way. Dropping it cancels: the connection is closed and
/// the provider stops.
pub type Completing<'a> = Pin<Box<dyn Future<Output = Result<Completed, ModelError>> + Send + 'a>>;

/// Something that continues a conversation.
pub trait LanguageModel: Send + Sync {
    /// What it is called in the configuration.
    fn name(&self) -> &str;

    /// Whose format it is asked in; `None` for what is no provider's, like a double.
    fn provider(&self) -> Option<Provider>;

    /// Asks for the next turn.
    ///
    /// # Arguments
    /// * `on_piece` - is handed the text as it comes, in whole characters. Once
    ///   it was called, nothing is retried: what was handed on stays said.
    ///
    /// # Returns
    /// A future to be driven on a tokio runtime. Drop it to cancel; [`stream`]
    /// does so when nobody listens any more.
    ///
    /// # Errors
    /// [`ModelError`], when all tries failed or one did after its first piece.
    fn complete<'a>(
        &'a self,
        completion: &'a Completion,
        on_piece: &'a mut (dyn FnMut(&str) + Send),
    ) -> Completing<'a>;
}
