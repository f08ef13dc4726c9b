//! A system under test: everything that was chosen, as one value.

use std::fmt;
use std::str::FromStr;

use engine::{Fusion, Strategy};
use ingest::chunk::{ChunkerSpec, SpecError};
use serde::{Deserialize, Serialize};

use crate::collection::strategy_name;

/// Chunker, strategy, encoder and perhaps a reranker. Prints and parses as
/// `structure:256 | hybrid dbsf:0.5 | all-MiniLM-L6-v2`, with ` | rerank default`
/// behind it where there is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SystemSpec {
    /// The chunker's canonical SPEC.
    pub chunker: String,
    /// `lexical`, `dense`, or `hybrid FUSION`.
    pub strategy: String,
    /// The encoder's name, with `@fp32` or `@int8` if that was asked for.
    pub encoder: String,
    /// What reranks, as [`crate::load_reranker`] takes it; `None` leaves the first
    /// stage's order.
    pub rerank: Option<String>,
}

/// Before the reranker's name, so that no encoder is taken for one.
const RERANK: &str = "rerank ";

/// A text that names no system.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SystemError {
    /// Not three parts, nor four.
    #[error(
        "{text:?} is no system; write CHUNKER | STRATEGY | ENCODER, and | rerank NAME behind it where \
         wanted, for example \"fixed:256 | hybrid | {}\"",
        models::DEFAULT_MODEL
    )]
    Parts {
        /// As written.
        text: String,
    },
    /// No such chunker.
    #[error(transparent)]
    Chunker(#[from] SpecError),
    /// No such strategy.
    #[error(
        "there is no strategy {text:?}; there are lexical, dense, hybrid and hybrid FUSION ({reason})"
    )]
    Strategy {
        /// As written.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl SystemSpec {
    /// A system of parsed parts.
    pub fn new(chunker: &ChunkerSpec, strategy: Strategy, encoder: &str) -> Self {
        Self {
            chunker: chunker.to_string(),
            strategy: strategy_name(strategy),
            encoder: encoder.to_owned(),
            rerank: None,
        }
    }

    /// The same with a reranker.
    #[must_use]
    pub fn with_reranker(self, name: &str) -> Self {
        Self { rerank: Some(name.to_owned()), ..self }
    }

    /// The chunker.
    ///
    /// # Errors
    /// [`SystemError::Chunker`]; never for a system made by [`SystemSpec::new`].
    pub fn chunker(&self) -> Result<ChunkerSpec, SystemError> {
        Ok(self.chunker.parse()?)
    }

    /// The engine's strategy.
    ///
    /// # Errors
    /// [`SystemError::Strategy`]; never for a system made by [`SystemSpec::new`].
    pub fn strategy(&self) -> Result<Strategy, SystemError> {
        parse_strategy(&self.strategy)
    }
}

/// Reads `lexical`, `dense`, `hybrid` (the default fusion) or `hybrid FUSION`.
///
/// # Errors
/// [`SystemError::Strategy`].
pub fn parse_strategy(text: &str) -> Result<Strategy, SystemError> {
    let error = |reason: String| SystemError::Strategy { text: text.to_owned(), reason };
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        ["lexical"] => Ok(Strategy::Lexical),
        ["dense"] => Ok(Strategy::Dense),
        ["hybrid"] => Ok(Strategy::DEFAULT),
        ["hybrid", fusion] => {
            let fusion: Fusion = fusion.parse().map_err(|reason| error(format!("{reason}")))?;
            Ok(Strategy::Hybrid { fusion })
        }
        _ => Err(error("expected one or two words".to_owned())),
    }
}

impl fmt::Display for SystemSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {}", self.chunker, self.strategy, self.encoder)?;
        match &self.rerank {
            Some(name) => write!(f, " | {RERANK}{name}"),
            None => Ok(()),
        }
    }
}

impl FromStr for SystemSpec {
    type Err = SystemError;

    fn from_str(text: &str) -> Result<Self, SystemError> {
        // From the right: a chunker's separators may hold a bar.
        let last = text.rsplit_once(" | ");
        let reranked = last.and_then(|(first, last)| Some((first, last.strip_prefix(RERANK)?)));
        let (first, rerank) = reranked.map_or((text, None), |(first, name)| (first, Some(name)));
        let mut parts = first.rsplitn(3, " | ");
        let (Some(encoder), Some(strategy), Some(chunker)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(SystemError::Parts { text: text.to_owned() });
        };
        let system = Self::new(&chunker.parse()?, parse_strategy(strategy)?, encoder.trim());
        Ok(match rerank.map(str::trim) {
            Some(name) => system.with_reranker(name),
            None => system,
        })
    }
}

impl TryFrom<String> for SystemSpec {
    type Error = SystemError;

    fn try_from(text: String) -> Result<Self, SystemError> {
        text.parse()
    }
}

impl From<SystemSpec> for String {
    fn from(system: SystemSpec) -> Self {
        system.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_print_as_they_are_read() {
        for text in [
            "structure:256 | lexical | all-MiniLM-L6-v2",
            "fixed:128/32 | dense | all-MiniLM-L6-v2@fp32",
            "structure:256 | hybrid dbsf:0.5 | all-MiniLM-L6-v2 | rerank default",
            "recursive:200/0,separators=\\n|\\| | hybrid rrf:60 | e5-small-v2",
        ] {
            assert_eq!(text.parse::<SystemSpec>().unwrap().to_string(), text);
        }
        let default: SystemSpec = "fixed | hybrid | m".parse().unwrap();
        assert_eq!(default.to_string(), "fixed:256/0 | hybrid dbsf:0.5 | m");
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text: &str| text.parse::<SystemSpec>().unwrap_err().to_string();
        assert!(message("fixed | dense").contains("CHUNKER | STRATEGY | ENCODER"));
        assert!(message("fixd | dense | m").contains("fixd"));
        assert!(message("fixed | sparse | m").contains("\"sparse\""));
        assert!(message("fixed | hybrid sum | m").contains("hybrid sum"));
    }
}
