//! Where models are and what they may take: a TOML file without a secret.
//!
//! ```toml
//! [[model]]
//! name = "local"                  # what requests call it
//! provider = "ollama"             # openai | anthropic | gemini | ollama
//! model = "qwen3:8b"              # what the provider calls it
//!
//! [[model]]
//! name = "hosted"
//! provider = "openai"             # any server that speaks its chat format
//! model = "some-model"
//! base_url = "https://llm.example.org/v1"
//! api_key_env = "EXAMPLE_API_KEY" # the NAME of the variable that holds the key
//! max_output_tokens = 800
//! temperature = 0.0
//! timeout_s = 90                  # all tries together
//! first_piece_timeout_s = 20      # of each try
//! max_retries = 2
//! price.input_usd_per_mtok = 0.15
//! price.output_usd_per_mtok = 0.60
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use toml::Spanned;

use super::key::ApiKey;
use crate::toml_place::{Keys, Misplaced, check_keys};

const KEYS: Keys = Keys {
    names: &["model"],
    below: &[(
        "model",
        Keys {
            names: &[
                "name",
                "provider",
                "model",
                "base_url",
                "api_key_env",
                "max_output_tokens",
                "temperature",
                "timeout_s",
                "first_piece_timeout_s",
                "max_retries",
                "price",
            ],
            below: &[(
                "price",
                Keys { names: &["input_usd_per_mtok", "output_usd_per_mtok"], below: &[] },
            )],
        },
    )],
};

/// Whose wire format a model's server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// OpenAI's chat completions: OpenAI, llama.cpp, vLLM and many others.
    Openai,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's `streamGenerateContent`.
    Gemini,
    /// Ollama, by OpenAI's format on its own port and without a key. It cuts a
    /// long question without an error: set its context length generously.
    Ollama,
}

impl Provider {
    /// As a configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    /// Where it is unless the configuration says otherwise, version included.
    pub fn default_base_url(self) -> &'static str {
        match self {
            Self::Openai => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com/v1",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta",
            Self::Ollama => "http://127.0.0.1:11434/v1",
        }
    }
}

/// What a provider charges, in US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For tokens read.
    pub input_usd_per_mtok: f64,
    /// For tokens written.
    pub output_usd_per_mtok: f64,
}

/// A model, checked: every value lies in its range.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// What requests and errors call it; unique in a file.
    pub name: String,
    /// Whose format its server speaks.
    pub provider: Provider,
    /// What the provider calls it.
    pub model: String,
    /// Where it is, version included; holds no credentials.
    pub base_url: Url,
    /// The variable that holds the key; `None` sends none.
    pub api_key_env: Option<String>,
    /// Tokens written at most; from 1. Default 1024.
    pub max_output_tokens: u32,
    /// In `[0, 2]`; `None` leaves it to the provider, since some models refuse
    /// any other value.
    pub temperature: Option<f64>,
    /// For all tries together. Default 120 s.
    pub timeout: Duration,
    /// From asking to the first piece, each try. Default 30 s.
    pub first_piece_timeout: Duration,
    /// Tries after the first, at most 10. Default 2.
    pub max_retries: u32,
    /// What it costs, where that is known.
    pub price: Option<Price>,
}

/// A configuration that cannot be used. Values are not repeated where a key
/// might have been typed into the wrong place.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the models of {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, has a key that nobody reads, or a bad value.
    #[error("{}, line {line}: {what}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// 1-based; 0 where it is the whole file.
        line: usize,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// The variable of a key is not set.
    #[error("model {model}: set the environment variable {variable} to its key")]
    KeyMissing {
        /// Which model.
        model: String,
        /// Which variable.
        variable: String,
    },
    /// The variable holds what cannot be a key.
    #[error("the key in {variable} must be visible ASCII without quotes, backslashes and spaces")]
    KeyUnusable {
        /// Which variable.
        variable: String,
    },
    /// The system's certificates cannot be read.
    #[error("cannot set up TLS for model {model}: {why}")]
    Tls {
        /// Which model.
        model: String,
        /// Why.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelsFile {
    #[serde(default)]
    model: Vec<Spanned<ModelRow>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelRow {
    name: String,
    provider: Provider,
    model: String,
    base_url: Option<String>,
    api_key_env: Option<String>,
    max_output_tokens: Option<u32>,
    temperature: Option<f64>,
    timeout_s: Option<f64>,
    first_piece_timeout_s: Option<f64>,
    max_retries: Option<u32>,
    price: Option<Price>,
}

/// Reads a file of models. No key is read and nothing is asked.
///
/// # Errors
/// [`ConfigError::Io`]; [`ConfigError::Format`] with the line.
pub fn read_models(path: &Path) -> Result<Vec<ModelConfig>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
    parse(&text).map_err(|Misplaced { line, what }| ConfigError::Format {
        path: path.to_owned(),
        line,
        what,
    })
}

fn parse(text: &str) -> Result<Vec<ModelConfig>, Misplaced> {
    check_keys(text, &KEYS)?;
    let file: ModelsFile = toml::from_str(text).map_err(|error| Misplaced::said(text, &error))?;
    let mut models: Vec<ModelConfig> = Vec::new();
    for row in file.model {
        let span = row.span();
        let at = |what| Misplaced::at(text, Some(span.clone()), what);
        let model = row.into_inner().checked().map_err(at)?;
        if models.iter().any(|other| other.name == model.name) {
            return Err(at(format!("there are two models called {:?}", model.name)));
        }
        models.push(model);
    }
    Ok(models)
}

impl ModelConfig {
    /// A model with every other value at its default.
    ///
    /// # Errors
    /// What is wrong with `base_url`, as in a file.
    pub fn new(
        name: &str,
        provider: Provider,
        model: &str,
        base_url: Option<&str>,
    ) -> Result<Self, String> {
        let row = ModelRow {
            name: name.to_owned(),
            provider,
            model: model.to_owned(),
            base_url: base_url.map(str::to_owned),
            api_key_env: None,
            max_output_tokens: None,
            temperature: None,
            timeout_s: None,
            first_piece_timeout_s: None,
            max_retries: None,
            price: None,
        };
        row.checked()
    }

    /// The key, from the environment.
    ///
    /// # Returns
    /// `None` where none is to be sent.
    ///
    /// # Errors
    /// [`ConfigError::KeyMissing`], [`ConfigError::KeyUnusable`].
    pub fn key(&self) -> Result<Option<ApiKey>, ConfigError> {
        let Some(variable) = &self.api_key_env else { return Ok(None) };
        let value = std::env::var(variable).map_err(|_| ConfigError::KeyMissing {
            model: self.name.clone(),
            variable: variable.clone(),
        })?;
        ApiKey::new(variable, &value).map(Some)
    }
}

impl ModelRow {
    fn checked(self) -> Result<ModelConfig, String> {
        let name = self.name;
        let wrong = |what: &str| format!("model {name:?}: {what}");
        if name.is_empty() || self.model.is_empty() {
            return Err(wrong("name and model must not be empty"));
        }
        let base_url = self.base_url.as_deref().unwrap_or(self.provider.default_base_url());
        let base_url = checked_url(base_url).map_err(wrong)?;
        // What does not look like a variable's name may be the key itself.
        let is_name = |name: &String| {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !name.starts_with(|first: char| first.is_ascii_digit())
                && !name.is_empty()
        };
        if !self.api_key_env.as_ref().is_none_or(is_name) {
            return Err(wrong("api_key_env must be the name of an environment variable"));
        }
        let max_output_tokens = self.max_output_tokens.unwrap_or(1024);
        if max_output_tokens == 0 {
            return Err(wrong("max_output_tokens must be at least 1"));
        }
        if !self.temperature.is_none_or(|value| (0.0..=2.0).contains(&value)) {
            return Err(wrong("temperature must be in [0, 2]"));
        }
        let seconds =
            |value: f64| (value > 0.0 && value <= 3600.0).then(|| Duration::from_secs_f64(value));
        let timeout = seconds(self.timeout_s.unwrap_or(120.0))
            .ok_or_else(|| wrong("timeout_s must be in (0, 3600]"))?;
        let first_piece_timeout = match self.first_piece_timeout_s {
            Some(value) => seconds(value)
                .filter(|first| *first <= timeout)
                .ok_or_else(|| wrong("first_piece_timeout_s must be in (0, timeout_s]"))?,
            None => timeout.min(Duration::from_secs(30)),
        };
        let max_retries = self.max_retries.unwrap_or(2);
        if max_retries > 10 {
            return Err(wrong("max_retries must be at most 10"));
        }
        let may_cost = |value: f64| value.is_finite() && value >= 0.0;
        if !self.price.is_none_or(|price| {
            may_cost(price.input_usd_per_mtok) && may_cost(price.output_usd_per_mtok)
        }) {
            return Err(wrong("prices must be 0 or more"));
        }
        Ok(ModelConfig {
            provider: self.provider,
            model: self.model,
            base_url,
            api_key_env: self.api_key_env,
            max_output_tokens,
            temperature: self.temperature,
            timeout,
            first_piece_timeout,
            max_retries,
            price: self.price,
            name,
        })
    }
}

fn checked_url(base_url: &str) -> Result<Url, &'static str> {
    let url = Url::parse(base_url).map_err(|_| "base_url must be an http or https address")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("base_url must be an http or https address");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("base_url must not hold credentials; name a variable in api_key_env");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("base_url must end with its path, without ? and #");
    }
    Ok(url)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
