//! Chunkers against one of them, question by question.

use serde::Serialize;

use super::{ChunkingOutcome, CutResults, SpanResult};
use crate::error::EvalError;
use crate::experiment::ComparisonReport;
use crate::stats::{Bootstrap, compare_family};

/// A chunker minus the baseline on the same questions.
///
/// Each measure is a family of its own: its verdicts hold together over all
/// chunkers that were compared, as in an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ChunkingComparison {
    /// At the number of chunks.
    #[serde(flatten)]
    pub at_chunks: CutComparison,
    /// The best precision the chunks allow.
    pub precision_omega: ComparisonReport,
    /// Within the budget of tokens, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_budget: Option<CutComparison>,
}

/// The measures of a ranking at one cut.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CutComparison {
    /// Span recall.
    pub recall: ComparisonReport,
    /// Span precision.
    pub precision: ComparisonReport,
    /// Intersection over union.
    pub iou: ComparisonReport,
}

/// Compares chunkers with one of them.
///
/// # Arguments
/// * `outcomes` - with the same options, of the same questions.
/// * `baseline` - which of them the others are set against.
///
/// # Returns
/// For each outcome its comparison; `None` for the baseline itself.
///
/// # Errors
/// [`EvalError::OtherQuestions`] when two outcomes are of different questions:
/// a chunker may have been given documents in which a quote is not found.
pub fn compare_chunkers(
    outcomes: &[ChunkingOutcome],
    baseline: usize,
) -> Result<Vec<Option<ChunkingComparison>>, EvalError> {
    let Some(first) = outcomes.get(baseline) else { return Ok(Vec::new()) };
    if let Some(other) = outcomes.iter().find(|other| other.questions != first.questions) {
        return Err(EvalError::OtherQuestions {
            baseline: first.questions.len(),
            other: other.questions.len(),
        });
    }
    let at_chunks: Vec<_> = outcomes.iter().map(|outcome| &outcome.at_chunks).collect();
    let at_chunks = compare_cuts(&at_chunks, baseline)?;
    let omega: Vec<_> = outcomes.iter().map(|outcome| &outcome.precision_omega).collect();
    let omega = compare(&omega, baseline)?;
    let budgets =
        outcomes.iter().map(|outcome| outcome.at_budget.as_ref().map(|budget| &budget.at));
    let at_budget = match budgets.collect::<Option<Vec<_>>>() {
        Some(cuts) => compare_cuts(&cuts, baseline)?.into_iter().map(Some).collect(),
        None => vec![None; at_chunks.len()],
    };
    let mut comparisons: Vec<_> = at_chunks
        .into_iter()
        .zip(omega)
        .zip(at_budget)
        .map(|((at_chunks, precision_omega), at_budget)| {
            Some(ChunkingComparison { at_chunks, precision_omega, at_budget })
        })
        .collect();
    comparisons.insert(baseline, None);
    Ok(comparisons)
}

/// As [`compare`], for each measure of a cut.
fn compare_cuts(results: &[&CutResults], baseline: usize) -> Result<Vec<CutComparison>, EvalError> {
    let of = |measure: fn(&CutResults) -> &SpanResult| {
        let results: Vec<_> = results.iter().map(|cut| measure(cut)).collect();
        compare(&results, baseline)
    };
    let recall = of(|cut| &cut.recall)?;
    let precision = of(|cut| &cut.precision)?;
    let iou = of(|cut| &cut.iou)?;
    let both = recall.into_iter().zip(precision).zip(iou);
    Ok(both.map(|((recall, precision), iou)| CutComparison { recall, precision, iou }).collect())
}

/// Every result but the baseline against it, as one family.
fn compare(results: &[&SpanResult], baseline: usize) -> Result<Vec<ComparisonReport>, EvalError> {
    let others = results.iter().enumerate().filter(|(at, _)| *at != baseline);
    let scores: Vec<&[f64]> = others.map(|(_, result)| result.per_question.as_slice()).collect();
    let against = &results[baseline].per_question;
    let compared = compare_family(against, &scores, &Bootstrap::DEFAULT)?;
    Ok(compared.into_iter().map(ComparisonReport::from).collect())
}
