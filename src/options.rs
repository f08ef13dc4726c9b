//! Options that several subcommands share, and how failures are told.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use engine::{Fusion, Strategy};

/// A command line whose parts contradict each other: exit code 2, like those
/// the parser itself refuses.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Whether a failure only says that the reader of our output has left
/// (`trovato search ... | head -1`).
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// A failure with its causes; one that a message already tells is not repeated.
pub(crate) fn tell(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !told.contains(&cause) {
            if !told.is_empty() {
                told.push_str(": ");
            }
            told.push_str(&cause);
        }
    }
    told
}

/// Prints one JSON document on standard output.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Which legs a search uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyName {
    /// BM25 alone.
    Lexical,
    /// Vectors alone.
    Dense,
    /// Both, fused.
    Hybrid,
}

impl StrategyName {
    /// The engine's strategy, with its default fusion where none is given.
    ///
    /// # Errors
    /// [`UsageError`] for a fusion with a single leg, where it would silently do
    /// nothing.
    pub(crate) fn with_fusion(self, fusion: Option<Fusion>) -> Result<Strategy, UsageError> {
        match (self, fusion) {
            (Self::Hybrid, None) => Ok(Strategy::DEFAULT),
            (Self::Hybrid, Some(fusion)) => Ok(Strategy::Hybrid { fusion }),
            (Self::Lexical, None) => Ok(Strategy::Lexical),
            (Self::Dense, None) => Ok(Strategy::Dense),
            (Self::Lexical | Self::Dense, Some(fusion)) => Err(UsageError(format!(
                "--fusion {fusion} needs two legs; leave it out, or use --strategy hybrid"
            ))),
        }
    }
}

/// How passages are reranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RerankName {
    /// Not at all.
    None,
}

/// `--strategy`, `--fusion` and `--rerank`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct StrategyArgs {
    /// Which legs are searched
    #[arg(long, value_enum, default_value = "hybrid")]
    strategy: StrategyName,

    /// How the legs' rankings are fused: rrf[:K], minmax[:W] or dbsf[:W], with
    /// K the constant for 1-based ranks and W the dense leg's weight
    #[arg(long, value_name = "METHOD")]
    fusion: Option<Fusion>,

    /// Reranker for the first hits
    #[arg(long, value_enum, value_name = "NAME", default_value = "none")]
    rerank: RerankName,
}

impl StrategyArgs {
    /// The engine's strategy.
    ///
    /// # Errors
    /// [`UsageError`] for `--fusion` with a single leg, where it would silently
    /// do nothing.
    pub(crate) fn resolve(self) -> Result<Strategy, UsageError> {
        let RerankName::None = self.rerank;
        self.strategy.with_fusion(self.fusion)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    #[test]
    fn a_cause_is_told_once() {
        let cause = anyhow!("disk full");
        assert_eq!(super::tell(&cause.context("cannot write a")), "cannot write a: disk full");
        let cause = anyhow!("disk full");
        assert_eq!(super::tell(&cause.context("a: disk full")), "a: disk full");
    }
}
