//! What `eval chunking --json` prints for a chunker.

use engine::Strategy;
use serde::Serialize;

use super::{ChunkingComparison, ChunkingOutcome, CutResults, SpanResult};
use crate::collection::strategy_parts;
use crate::indexing::Recipe;
use crate::report::Estimate;

/// A chunker's figures, as fractions with 95 % intervals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChunkingRow {
    /// The chunker's canonical SPEC.
    pub chunker: String,
    /// The encoder with its precision.
    pub encoder: String,
    /// `lexical`, `dense` or `hybrid`.
    pub strategy: &'static str,
    /// How the legs were fused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<String>,
    /// How many questions the means are over.
    pub questions: usize,
    /// Span recall at the number of chunks.
    pub recall: Estimate,
    /// Span precision there.
    pub precision: Estimate,
    /// The best precision the chunks allow.
    pub precision_omega: Estimate,
    /// Intersection over union at the number of chunks.
    pub iou: Estimate,
    /// Characters of a chunk on average, over all chunks.
    pub mean_chunk_chars: f64,
    /// The same within a budget of tokens, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_budget: Option<BudgetReport>,
    /// Against the baseline; absent for the baseline and for a chunker alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against_baseline: Option<ChunkingComparison>,
}

/// Figures within a budget of tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BudgetReport {
    /// The budget.
    pub tokens: usize,
    /// Tokens spent, on average; less where the ranking ended before.
    pub mean_tokens: f64,
    /// Span recall.
    pub recall: Estimate,
    /// Span precision.
    pub precision: Estimate,
    /// Intersection over union.
    pub iou: Estimate,
}

impl ChunkingRow {
    /// The row of an outcome, which is set against nothing yet.
    pub fn new(recipe: &Recipe, strategy: Strategy, outcome: &ChunkingOutcome) -> Self {
        let (strategy, fusion) = strategy_parts(strategy);
        let CutResults { recall, precision, iou } = &outcome.at_chunks;
        Self {
            chunker: recipe.chunker.to_string(),
            encoder: recipe.encoder.name().to_owned(),
            strategy,
            fusion,
            questions: outcome.questions.len(),
            recall: recall.into(),
            precision: precision.into(),
            precision_omega: (&outcome.precision_omega).into(),
            iou: iou.into(),
            mean_chunk_chars: outcome.mean_chunk_chars,
            at_budget: outcome.at_budget.as_ref().map(|budget| BudgetReport {
                tokens: budget.tokens,
                mean_tokens: budget.mean_tokens,
                recall: (&budget.at.recall).into(),
                precision: (&budget.at.precision).into(),
                iou: (&budget.at.iou).into(),
            }),
            against_baseline: None,
        }
    }
}

impl From<&SpanResult> for Estimate {
    fn from(result: &SpanResult) -> Self {
        Self { mean: result.mean, ci95: [result.ci95.low, result.ci95.high] }
    }
}
