//! Measures with the level they are taken on: `passages nDCG@10`.

use std::fmt;
use std::str::FromStr;

use super::file::ExperimentCorpus;
use crate::measure::{Measure, MeasureError};

/// What counts as found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A document that holds evidence, or is judged relevant.
    Documents,
    /// A passage that reaches a question's own evidence. Chunk-independent; a
    /// lower bound, since other passages may answer as well.
    Passages,
    /// A passage that reaches evidence or anything that judges found to answer.
    Pooled,
}

/// A measure on a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LevelMeasure {
    /// What counts as found.
    pub level: Level,
    /// The measure.
    pub measure: Measure,
}

/// A text that names no measure on a level.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// No such level.
    #[error("{text:?}: there is no level {level:?}; there are documents, passages and pooled")]
    Level {
        /// As written.
        text: String,
        /// Its first word.
        level: String,
    },
    /// No such measure.
    #[error(transparent)]
    Measure(#[from] MeasureError),
}

impl LevelMeasure {
    /// Whether the corpus has judgments for it.
    pub fn applies_to(&self, corpus: &ExperimentCorpus) -> bool {
        match corpus {
            ExperimentCorpus::RustDocs | ExperimentCorpus::Folder { .. } => true,
            ExperimentCorpus::Collection(_) => self.level == Level::Documents,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Documents => "documents",
            Self::Passages => "passages",
            Self::Pooled => "pooled",
        })
    }
}

impl fmt::Display for LevelMeasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.level, self.measure)
    }
}

impl FromStr for LevelMeasure {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        let (level, measure) = text.split_once(' ').unwrap_or(("documents", text));
        let level = match level {
            "documents" => Level::Documents,
            "passages" => Level::Passages,
            "pooled" => Level::Pooled,
            _ => return Err(LevelError::Level { text: text.to_owned(), level: level.to_owned() }),
        };
        Ok(Self { level, measure: measure.trim().parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_stands_before_its_measure() {
        for text in ["documents nDCG@10", "passages R@5", "pooled Success@1"] {
            assert_eq!(text.parse::<LevelMeasure>().unwrap().to_string(), text);
        }
        assert_eq!("nDCG@10".parse::<LevelMeasure>().unwrap().to_string(), "documents nDCG@10");
        let message = |text: &str| text.parse::<LevelMeasure>().unwrap_err().to_string();
        assert!(message("pages nDCG@10").contains("\"pages\""));
        assert!(message("passages nDGC@10").contains("nDGC"));
    }
}
