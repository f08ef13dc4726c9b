//! The page for the repository: the tables and what they say.

use std::fmt::{self, Write};

use super::facts;
use super::{ReportHead, decimals, quantity, signed};
use crate::experiment::{ExperimentReport, SystemSpec};

pub(super) fn page(head: &ReportHead, reports: &[ExperimentReport]) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = render(&mut page, head, reports);
    page
}

fn render(page: &mut String, head: &ReportHead, reports: &[ExperimentReport]) -> fmt::Result {
    writeln!(page, "# {}\n", head.title)?;
    writeln!(
        page,
        "Made with Trovato {} by\n\n```sh\n{}\n```\n",
        head.version,
        head.commands.join("\n")
    )?;
    writeln!(
        page,
        "Means over topics with 95 % bootstrap intervals (percentile, 10,000 resamples, seed 42). *Against the baseline*: the difference on the same topics, the p-value of a randomisation test after Holm's\ncorrection over the table, and the verdict. *Could see*: the difference that so many topics find four times in five."
    )?;
    for report in reports {
        experiment(page, report)?;
    }
    Ok(())
}

fn experiment(page: &mut String, report: &ExperimentReport) -> fmt::Result {
    writeln!(page, "\n## {}: {}\n", report.name, report.about)?;
    writeln!(
        page,
        "{} {}, {} topics, {} systems{}, baseline `{}`. Times on {}.\n",
        report.corpus,
        report.split,
        report.topics.len(),
        report.systems.len(),
        facts::shared_encoder(report)
            .map_or_else(String::new, |encoder| format!(", encoder {encoder}")),
        facts::label(report, &report.baseline),
        report.machine
    )?;
    for sentence in facts::summary(report) {
        writeln!(page, "- {sentence}")?;
    }
    write!(page, "\n| system |")?;
    for name in &report.measures {
        write!(page, " {name} |")?;
    }
    writeln!(
        page,
        " against the baseline | verdict | Judged@10 | p95 ms | chunks | tokens | index |"
    )?;
    writeln!(page, "|---|{}---|---|---|---|---|---|---|", "---|".repeat(report.measures.len()))?;
    for row in facts::ranked(report) {
        write!(page, "| `{}` |", cell(report, &row.system))?;
        for name in &report.measures {
            match row.measures.get(name) {
                None => write!(page, " withheld |")?,
                Some(measure) => {
                    let [low, high] = measure.ci95;
                    let mean = decimals(measure.mean);
                    write!(page, " {mean} [{}, {}] |", decimals(low), decimals(high))?;
                }
            }
        }
        let primary = facts::primary(report, row);
        match primary.and_then(|measure| measure.against_baseline) {
            None => write!(page, " |")?,
            Some(against) => write!(
                page,
                " {}, p = {:.4}, could see {} |",
                signed(against.difference),
                against.adjusted_p,
                decimals(against.detectable)
            )?,
        }
        writeln!(
            page,
            " {} | {} | {} | {} | {} | {}B |",
            primary.map_or("withheld", facts::verdict),
            row.judged.map_or_else(String::new, |share| format!("{share:.3}")),
            row.timings_ms
                .get("total")
                .map_or_else(String::new, |total| format!("{:.1}", total.p95)),
            row.indexing.chunks,
            quantity(row.indexing.tokens as f64),
            quantity(row.indexing.bytes as f64)
        )?;
    }
    stages(page, report)?;
    by_kind(page, report)
}

fn stages(page: &mut String, report: &ExperimentReport) -> fmt::Result {
    let rows: Vec<_> =
        facts::ranked(report).into_iter().filter_map(|row| Some((row, row.stages?))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "\nWhere it is lost: recall after each stage, and nDCG@10 as returned and in the best order of the hundred that fusion kept.\n\n\
         | system | lexical, 100 | dense, 100 | union | fused, 100 | first 10 | nDCG@10 | best order |\n|---|---|---|---|---|---|---|---|"
    )?;
    for (row, stages) in rows {
        write!(page, "| `{}` |", cell(report, &row.system))?;
        for (_, value) in stages.figures() {
            write!(page, " {} |", decimals(value))?;
        }
        writeln!(page)?;
    }
    Ok(())
}

fn by_kind(page: &mut String, report: &ExperimentReport) -> fmt::Result {
    let rows = facts::by_kind(report);
    if rows.is_empty() {
        return Ok(());
    }
    let kinds = facts::kinds(report);
    write!(page, "\nBy kind of question, {}:\n\n| system |", report.measures[0])?;
    for (kind, n) in &kinds {
        write!(page, " {kind} ({n}) |")?;
    }
    writeln!(page, "\n|---|{}", "---|".repeat(kinds.len()))?;
    for facts::KindRow { system, means } in rows {
        write!(page, "| `{}` |", cell(report, &system.system))?;
        for mean in means {
            write!(page, " {} |", decimals(mean))?;
        }
        writeln!(page)?;
    }
    Ok(())
}

/// A system's name in a table, where a bar would end the cell.
fn cell(report: &ExperimentReport, system: &SystemSpec) -> String {
    facts::label(report, system).replace('|', "\\|")
}
