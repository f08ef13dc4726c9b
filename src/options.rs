//! Options that several subcommands share, and how failures are told.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use engine::filter::Filter;
use engine::{Encoder, Expansion, Fusion, Mixer, RerankOptions, RerankPipeline, Strategy};
use eval::{
    DEFAULT_RERANK_BUDGET_MS, DEFAULT_RERANKER, NO_RERANKER, RerankSetup, load_reranker,
    needs_encoder,
};
use models::Progress;

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

/// Reads `--filter`.
pub(crate) fn parse_filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|error| error.to_string())
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

/// `--strategy` and `--fusion`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct StrategyArgs {
    /// Which legs are searched
    #[arg(long, value_enum, default_value = "hybrid")]
    strategy: StrategyName,

    /// How the legs' rankings are fused: rrf[:K], minmax[:W] or dbsf[:W], with
    /// K the constant for 1-based ranks and W the dense leg's weight
    #[arg(long, value_name = "METHOD")]
    fusion: Option<Fusion>,
}

impl StrategyArgs {
    /// The engine's strategy.
    ///
    /// # Errors
    /// [`UsageError`] for `--fusion` with a single leg, where it would silently
    /// do nothing.
    pub(crate) fn resolve(self) -> Result<Strategy, UsageError> {
        self.strategy.with_fusion(self.fusion)
    }
}

/// `--expand`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ExpandArgs {
    /// What is searched for besides the query: none, feedback[:M[:W]] (its vector, moved
    /// towards the first M passages), feedback:lexical[:M[:W[:N]]] (N words of theirs) or
    /// multi-query[:W] (the query asked in other ways); W is the weight of what is added
    #[arg(long = "expand", value_name = "METHOD", default_value_t = Expansion::None)]
    expansion: Expansion,
}

impl ExpandArgs {
    /// The engine's expansion.
    ///
    /// # Errors
    /// [`UsageError`] where it lacks the leg that it changes, and would silently do
    /// nothing.
    pub(crate) fn suiting(self, strategy: Strategy) -> Result<Expansion, UsageError> {
        if self.expansion.suits(strategy) {
            return Ok(self.expansion);
        }
        let told = format!(
            "--expand {} needs the leg that it changes; leave it out, or use --strategy hybrid",
            self.expansion
        );
        Err(UsageError(told))
    }
}

/// What reranks the first hits, and how far.
#[derive(Clone, Debug, Args)]
pub(crate) struct RerankArgs {
    /// What reranks the first hits: none, default (trovato-rerank-xs, which this program
    /// holds), late or late:idf (the index's encoder, token by token), a reranker of
    /// `trovato models list`, a directory with a BERT classifier or an ONNX graph, or a
    /// delta file; NAME+late adds late interaction as a feature, for weights that use it
    #[arg(long, value_name = "NAME", default_value = NO_RERANKER)]
    rerank: String,

    /// How many candidates may be reranked, 1 to 1000 [default: 50, and of them no more
    /// than fill 3500 tokens]
    #[arg(long, value_name = "N")]
    rerank_depth: Option<usize>,

    /// How long reranking may take; as many candidates as are expected to fit are
    /// read, the others keep their order behind them [default: no limit; where someone
    /// waits for the hits, 150 for `--rerank default`]
    #[arg(long, value_name = "MS")]
    rerank_budget_ms: Option<u64>,

    /// Weights of the final score, instead of the shipped ones
    #[arg(long, value_name = "FILE")]
    rerank_mixer: Option<PathBuf>,

    /// Tokens of a passage that the reranker is shown, where the question's words are
    /// densest, 1 to 8192 [default: 128]
    #[arg(long, value_name = "TOKENS", value_parser = window_tokens())]
    rerank_window: Option<u64>,
}

/// What a reranked search is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RerankUse {
    /// Its hits, for someone who waits for them: `default` keeps its budget.
    Waiting,
    /// Its hits, whatever they take, so that they do not depend on the machine.
    Hits,
    /// What was known of each candidate, weighed by the mixer or not.
    Features,
}

impl RerankUse {
    /// That of a command which may write features to a file.
    pub(crate) fn of(features_out: Option<&PathBuf>) -> Self {
        if features_out.is_some() { Self::Features } else { Self::Hits }
    }
}

impl RerankArgs {
    /// Whether the reranker reads with the index's encoder.
    pub(crate) fn needs_encoder(&self) -> bool {
        needs_encoder(&self.rerank)
    }

    /// Whether `--rerank-depth` was given.
    pub(crate) fn has_depth(&self) -> bool {
        self.rerank_depth.is_some()
    }

    /// Loads the reranker; `None` for none.
    ///
    /// # Arguments
    /// * `encoder` - the index's, where it is loaded.
    ///
    /// # Errors
    /// [`UsageError`] for a depth, a budget, weights or a window of nothing, which
    /// would silently do nothing, and for late interaction beside a model where
    /// neither weights nor features want it; when the model or the weights cannot be loaded.
    pub(crate) fn load(
        &self,
        encoder: Option<&Arc<dyn Encoder>>,
        progress: &dyn Progress,
        wanted: RerankUse,
    ) -> anyhow::Result<Option<RerankSetup>> {
        let Self { rerank, rerank_depth, rerank_budget_ms, rerank_mixer, rerank_window } = self;
        let Some(mut pipeline) = load_reranker(rerank, encoder, progress)? else {
            for (option, is_given) in [
                ("--rerank-depth", rerank_depth.is_some()),
                ("--rerank-budget-ms", rerank_budget_ms.is_some()),
                ("--rerank-mixer", rerank_mixer.is_some()),
                ("--rerank-window", rerank_window.is_some()),
            ] {
                if is_given {
                    let told = format!("{option} needs a reranker; name one with --rerank");
                    return Err(UsageError(told).into());
                }
            }
            return Ok(None);
        };
        if let Some(path) = rerank_mixer {
            let read = || -> anyhow::Result<Mixer> {
                Ok(Mixer::from_json(&std::fs::read_to_string(path)?)?)
            };
            let mixer = read().with_context(|| path.display().to_string())?;
            pipeline = pipeline.with_mixer(mixer);
        }
        if wanted != RerankUse::Features && pipeline.has_idle_late_interaction() {
            let told = format!(
                "--rerank {rerank} reads every candidate twice, and {} has no weight for max_sim; \
                 leave late interaction out, or give weights with --rerank-mixer",
                pipeline.mixer_name()
            );
            return Err(UsageError(told).into());
        }
        if let Some(tokens) = rerank_window {
            pipeline = pipeline.with_window_tokens(*tokens as usize);
        }
        let pipeline = Arc::new(pipeline);
        let kept = wanted == RerankUse::Waiting && rerank == DEFAULT_RERANKER;
        let default_ms = kept.then_some(DEFAULT_RERANK_BUDGET_MS);
        let budget_ms = rerank_budget_ms.or(default_ms);
        let options = RerankOptions { depth: *rerank_depth, budget_ms };
        Ok(Some(RerankSetup { pipeline, options }))
    }
}

/// Reads the size of a window.
fn window_tokens() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..=RerankPipeline::MAX_WINDOW_TOKENS as u64)
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
