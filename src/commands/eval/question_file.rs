//! Question files on disk: reading one with its name in every complaint, and
//! writing one without losing another.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use corpora::{Question, QuestionSplit, parse_questions, questions_to_jsonl};

use crate::options::UsageError;

/// `--split`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SplitName {
    /// For choosing and tuning.
    Dev,
    /// For reporting.
    Test,
    /// Both.
    All,
}

impl SplitName {
    /// Whether it holds this half.
    pub(super) fn holds(self, split: QuestionSplit) -> bool {
        match self {
            Self::Dev => split == QuestionSplit::Dev,
            Self::Test => split == QuestionSplit::Test,
            Self::All => true,
        }
    }
}

/// Reads a question file.
pub(super) fn read_questions(path: &Path) -> anyhow::Result<Vec<Question>> {
    let jsonl =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse_questions(&jsonl).with_context(|| path.display().to_string())
}

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// It stays, and writing fails: hours of somebody's work may be in it.
    Keep,
    /// It is replaced.
    Replace,
}

/// Writes a question file.
///
/// # Errors
/// [`UsageError`] when the file exists and is to be kept.
pub(super) fn write_questions(
    path: &Path,
    questions: &[Question],
    existing: Existing,
) -> anyhow::Result<()> {
    write_text(path, &questions_to_jsonl(questions), existing)
}

/// Writes a file that a person is to work on.
///
/// # Errors
/// [`UsageError`] when the file exists and is to be kept.
pub(super) fn write_text(path: &Path, text: &str, existing: Existing) -> anyhow::Result<()> {
    let mut options = File::options();
    match existing {
        Existing::Keep => options.write(true).create_new(true),
        Existing::Replace => options.write(true).create(true).truncate(true),
    };
    let mut file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(UsageError(format!(
                "{} exists and may hold somebody's work; name another file, or add --force to replace it",
                path.display()
            ))
            .into());
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
    };
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
