//! A model behind HTTP: tries, waits between them, and the time for all.

use std::time::Duration;

use tokio::time::Instant;

use super::attempt::Attempt;
use super::client::builder;
use super::config::{ConfigError, ModelConfig, Price, Provider};
use super::error::{Failure, ModelError};
use super::failure::tidied;
use super::key::ApiKey;
use super::retry::Backoff;
use super::wire::{self, Gathered};
use super::{Completed, Completing, Completion, LanguageModel, StopReason, Usage};

/// Finding out that nobody listens takes no longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A model of the configuration. Cloning it is not needed: share it.
#[derive(Debug)]
pub struct HttpModel {
    pub(super) config: ModelConfig,
    key: Option<ApiKey>,
    pub(super) client: reqwest::Client,
    backoff: Backoff,
}

impl HttpModel {
    /// A model with the key that its configuration names.
    ///
    /// # Errors
    /// [`ConfigError::KeyMissing`], [`ConfigError::KeyUnusable`],
    /// [`ConfigError::Tls`].
    pub fn from_environment(config: ModelConfig) -> Result<Self, ConfigError> {
        let key = config.key()?;
        Self::new(config, key)
    }

    /// A model with a key that is already there. Nothing is asked yet.
    ///
    /// Redirects are not followed, since a key would go with them. A model on
    /// this machine is never asked through a proxy; others are where the
    /// environment names one.
    ///
    /// # Errors
    /// [`ConfigError::Tls`].
    pub fn new(config: ModelConfig, key: Option<ApiKey>) -> Result<Self, ConfigError> {
        let tls = |why: String| ConfigError::Tls { model: config.name.clone(), why };
        let client = builder(&config.base_url)
            .map_err(|error| tls(error.to_string()))?
            .connect_timeout(CONNECT_TIMEOUT.min(config.first_piece_timeout))
            .build()
            .map_err(|error| tls(error.to_string()))?;
        Ok(Self { config, key, client, backoff: Backoff::default() })
    }

    /// With other waits between tries.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Its configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    async fn ask(
        &self,
        completion: &Completion,
        on_piece: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Completed, ModelError> {
        let started = Instant::now();
        let deadline = started + self.config.timeout;
        let mut tries = 0;
        loop {
            tries += 1;
            let request = wire::request(&self.config, self.key.as_ref(), completion);
            let mut attempt = Attempt::new(self, deadline);
            let failure = match attempt.run(request, on_piece).await {
                Ok(()) => return Ok(self.completed(attempt, started, tries - 1)),
                Err(failure) => tidied(failure, self.key.as_ref()),
            };
            let handed_on = attempt.first_piece.is_some();
            let wait = self.backoff.wait(tries, failure.retry_after());
            let again = !handed_on
                && tries <= self.config.max_retries
                && failure.is_transient()
                // A wait that nobody would see the end of is not begun.
                && Instant::now() + wait < deadline;
            if !again {
                return Err(self.failed(failure, tries, handed_on));
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn failed(&self, failure: Failure, tries: u32, handed_on: bool) -> ModelError {
        ModelError { model: self.config.name.clone(), tries, handed_on, failure }
    }

    fn completed(&self, attempt: Attempt<'_>, started: Instant, retries: u32) -> Completed {
        let Gathered { model, input_tokens, output_tokens, stop, ended: _, closed: _ } =
            attempt.gathered;
        let cost_usd = cost_usd(self.config.price, input_tokens, output_tokens);
        Completed {
            text: attempt.text,
            usage: Usage { input_tokens, output_tokens, cost_usd },
            model: model.unwrap_or_else(|| self.config.model.clone()),
            stop: stop.unwrap_or_else(|| StopReason::Other("not said".to_owned())),
            first_piece: attempt.first_piece.map(|at| at - started),
            total: started.elapsed(),
            retries,
        }
    }
}

impl LanguageModel for HttpModel {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn provider(&self) -> Option<Provider> {
        Some(self.config.provider)
    }

    fn complete<'a>(
        &'a self,
        completion: &'a Completion,
        on_piece: &'a mut (dyn FnMut(&str) + Send),
    ) -> Completing<'a> {
        Box::pin(self.ask(completion, on_piece))
    }
}

fn cost_usd(price: Option<Price>, input: Option<u64>, output: Option<u64>) -> Option<f64> {
    let Price { input_usd_per_mtok, output_usd_per_mtok } = price?;
    let dollars = input? as f64 * input_usd_per_mtok + output? as f64 * output_usd_per_mtok;
    Some(dollars / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_known_only_where_all_of_it_is() {
        let price = Some(Price { input_usd_per_mtok: 2.0, output_usd_per_mtok: 10.0 });
        assert_eq!(cost_usd(price, Some(1_500_000), Some(100_000)), Some(4.0));
        assert_eq!(cost_usd(price, Some(1), None), None);
        assert_eq!(cost_usd(None, Some(1), Some(1)), None);
    }

    #[test]
    fn nothing_shows_the_key() {
        let config = ModelConfig::new("m", Provider::Anthropic, "m", None).unwrap();
        let key = ApiKey::new("KEY", "sk-secret").unwrap();
        let model = HttpModel::new(
            ModelConfig { base_url: "http://127.0.0.1:1/v1".parse().unwrap(), ..config },
            Some(key),
        )
        .unwrap();
        assert!(!format!("{model:?}").contains("sk-secret"));
        for provider in [Provider::Openai, Provider::Anthropic, Provider::Gemini] {
            let config = ModelConfig { provider, ..model.config.clone() };
            let request = wire::request(&config, model.key.as_ref(), &Completion::new("s", "u"));
            let shown = format!("{} {:?} {}", request.url, request.headers, request.body);
            assert!(!shown.contains("sk-secret"), "{shown}");
        }
    }
}
