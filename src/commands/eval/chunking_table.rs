//! Chunkers for people: a line each, in percent, with the published figures
//! below where there are any, then each against the baseline.

use std::io::{self, Write};
use std::num::NonZeroUsize;

use eval::{
    ChunkingComparison, ChunkingRow, ComparisonReport, CutComparison, Estimate, PublishedRow,
};

/// Prints the rows of a comparison.
///
/// # Arguments
/// * `published` - for each row, the published one.
pub(super) fn print_rows(
    out: &mut impl Write,
    chunks: NonZeroUsize,
    rows: &[ChunkingRow],
    published: &[Option<PublishedRow>],
) -> io::Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let fusion = first.fusion.as_deref().unwrap_or_default();
    writeln!(
        out,
        "{} questions, {} {fusion}\n{}, {chunks} chunks, percent\n",
        first.questions, first.strategy, first.encoder
    )?;
    let width = rows.iter().map(|row| row.chunker.len()).max().unwrap_or(0).max(24);
    let heads = ["recall", "precision", "omega", "IoU"];
    let [recall, precision, omega, iou] = heads.map(|head| format!("{head:<19}"));
    writeln!(out, "{:width$}  {recall}{precision}{omega}{iou}chars a chunk", "chunker")?;
    for (row, published) in rows.iter().zip(published) {
        let ChunkingRow { recall, precision, precision_omega, iou, .. } = row;
        let cells = [recall, precision, precision_omega, iou].map(cell);
        writeln!(out, "{:width$}  {}{:.0}", row.chunker, cells.concat(), row.mean_chunk_chars)?;
        if let Some(PublishedRow { name, recall, precision, precision_omega, iou }) = published {
            let label = format!("  published ({name})");
            let cells = [recall, precision, precision_omega, iou]
                .map(|fraction| format!("{:<19}", percent(*fraction)));
            writeln!(out, "{label:width$}  {}", cells.concat())?;
        }
    }
    for row in rows {
        if let Some(budget) = &row.at_budget {
            let cells = [&budget.recall, &budget.precision].map(cell);
            let label = format!("  within {} tokens", budget.tokens);
            let gap = format!("{:19}", "");
            writeln!(
                out,
                "{}\n{label:width$}  {}{gap}{}{:.0} tokens spent",
                row.chunker,
                cells.concat(),
                cell(&budget.iou),
                budget.mean_tokens
            )?;
        }
    }
    print_comparisons(out, rows)
}

/// A block per chunker that was set against the baseline, a line per measure.
fn print_comparisons(out: &mut impl Write, rows: &[ChunkingRow]) -> io::Result<()> {
    let compared = || {
        rows.iter().filter_map(|row| Some((row.chunker.as_str(), row.against_baseline.as_ref()?)))
    };
    let n_compared = compared().count();
    let Some(baseline) = rows.iter().find(|row| row.against_baseline.is_none()) else {
        return Ok(());
    };
    if n_compared > 0 {
        writeln!(
            out,
            "\nagainst {}, question by question, in points; p after Holm's correction over {n_compared} chunkers",
            baseline.chunker
        )?;
    }
    for (chunker, comparison) in compared() {
        let ChunkingComparison { at_chunks, precision_omega, at_budget } = comparison;
        writeln!(out, "{chunker}")?;
        print_comparison(out, "recall", &at_chunks.recall)?;
        print_comparison(out, "precision", &at_chunks.precision)?;
        print_comparison(out, "omega", precision_omega)?;
        print_comparison(out, "IoU", &at_chunks.iou)?;
        if let Some(CutComparison { recall, precision, iou }) = at_budget {
            print_comparison(out, "recall in budget", recall)?;
            print_comparison(out, "precision in budget", precision)?;
            print_comparison(out, "IoU in budget", iou)?;
        }
    }
    Ok(())
}

fn print_comparison(
    out: &mut impl Write,
    measure: &str,
    comparison: &ComparisonReport,
) -> io::Result<()> {
    let points = |fraction: f64| format!("{:+.1}", fraction * 100.0);
    let [low, high] = comparison.ci95.map(points);
    writeln!(
        out,
        "  {measure:<20} {:<20} p = {:.4}  {:<14} could see {}",
        format!("{} [{low}, {high}]", points(comparison.difference)),
        comparison.adjusted_p,
        comparison.verdict.name(),
        percent(comparison.detectable)
    )
}

/// `75.7 [72.1, 79.0]`, in a column's width.
fn cell(estimate: &Estimate) -> String {
    let [low, high] = estimate.ci95;
    format!("{:<19}", format!("{} [{}, {}]", percent(estimate.mean), percent(low), percent(high)))
}

fn percent(fraction: f64) -> String {
    format!("{:.1}", fraction * 100.0)
}
