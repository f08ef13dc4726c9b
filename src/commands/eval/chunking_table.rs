//! Chunkers for people: a line each, in percent, with the published figures
//! below where there are any.

use std::io::{self, Write};
use std::num::NonZeroUsize;

use eval::{ChunkingRow, Estimate, PublishedRow};

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
    Ok(())
}

/// `75.7 [72.1, 79.0]`, in a column's width.
fn cell(estimate: &Estimate) -> String {
    let [low, high] = estimate.ci95;
    format!("{:<19}", format!("{} [{}, {}]", percent(estimate.mean), percent(low), percent(high)))
}

fn percent(fraction: f64) -> String {
    format!("{:.1}", fraction * 100.0)
}
