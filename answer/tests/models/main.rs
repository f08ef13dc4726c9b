//! Language models, asked over a real socket in the providers' real formats.
//!
//! Nothing leaves this machine: a scripted provider plays the other side. Every
//! limit that a test runs into is some tens of milliseconds; those that it must
//! not run into are seconds.

mod cancelling;
mod failures;
mod prompts;
mod retries;
mod rewriting;
mod streams;
mod structured;

use std::time::Duration;

use answer::model::scripted::{Reply, ScriptedProvider};
use answer::model::{
    ApiKey, Backoff, Completed, Completion, HttpModel, LanguageModel, ModelConfig, ModelError,
    Price, Provider,
};

/// What every model here is asked with.
const KEY: &str = "sk-test-0123456789";

const PROVIDERS: [Provider; 4] =
    [Provider::Openai, Provider::Anthropic, Provider::Gemini, Provider::Ollama];

fn provider_of(script: impl IntoIterator<Item = Reply>) -> ScriptedProvider {
    ScriptedProvider::start(script).unwrap()
}

fn config(provider: Provider, base_url: &str) -> ModelConfig {
    let config = ModelConfig::new("tested", provider, "asked-for", Some(base_url)).unwrap();
    ModelConfig {
        timeout: Duration::from_secs(10),
        first_piece_timeout: Duration::from_secs(5),
        price: Some(Price { input_usd_per_mtok: 1.0, output_usd_per_mtok: 5.0 }),
        ..config
    }
}

/// A model that waits a moment between its tries.
fn model(config: ModelConfig) -> HttpModel {
    let backoff = Backoff { first: Duration::from_millis(2), longest: Duration::from_millis(4) };
    let key = ApiKey::new("TEST_KEY", KEY).unwrap();
    HttpModel::new(config, Some(key)).unwrap().with_backoff(backoff)
}

fn model_at(provider: Provider, server: &ScriptedProvider) -> HttpModel {
    model(config(provider, &server.base_url()))
}

/// Asks, and gives what came with the pieces in which it came.
async fn ask(model: &HttpModel) -> (Result<Completed, ModelError>, Vec<String>) {
    let mut pieces = Vec::new();
    let completion = Completion::new("Be brief.", "Why?");
    let end = model.complete(&completion, &mut |piece: &str| pieces.push(piece.to_owned())).await;
    (end, pieces)
}
