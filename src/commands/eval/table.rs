//! Reports for people: figures with intervals, times, counts.

use std::io::{self, Write};

use eval::{
    ByMeasure, Difference, NamedEstimates, QuestionScoreReport, RerankSummary, ScoreReport,
    StagePercentiles, StrategyReport,
};

/// Prints the report of a collection or a run file.
pub(super) fn print_scores(out: &mut impl Write, report: &ScoreReport) -> io::Result<()> {
    write!(out, "{}: {} topics, {}", report.collection, report.topics, report.strategy)?;
    if let Some(fusion) = &report.fusion {
        write!(out, " {fusion}")?;
    }
    writeln!(out)?;
    if let Some(expand) = &report.expand {
        writeln!(out, "expanded by {expand}")?;
    }
    print_rerank(out, report.rerank.as_ref())?;
    if let Some(indexing) = &report.indexing {
        writeln!(
            out,
            "{} documents in {} chunks, indexed in {:.1} s; {} texts cut at the encoder's limit, {} documents \
             skipped, {} exact duplicates",
            indexing.documents,
            indexing.chunks,
            indexing.seconds,
            indexing.truncated,
            indexing.skipped,
            indexing.duplicates
        )?;
    }
    writeln!(out)?;
    print_estimates(out, &report.measures)?;
    print_differences(out, report.differences.as_ref(), "the other run")?;
    let counts = report.topic_counts;
    for (n, meaning) in [
        (counts.without_results, "topics without results count 0"),
        (counts.without_relevant, "topics without a relevant document count 0"),
        (counts.unjudged, "topics without judgments are left out"),
    ] {
        if n > 0 {
            writeln!(out, "{n} {meaning}")?;
        }
    }
    print_timings(out, &report.timings_ms)?;
    writeln!(out, "fingerprint {}", report.fingerprint)
}

/// Prints the report of questions.
pub(crate) fn print_questions(
    out: &mut impl Write,
    report: &QuestionScoreReport,
) -> io::Result<()> {
    writeln!(
        out,
        "{} questions ({} unanswerable ones apart)",
        report.questions, report.unanswerable
    )?;
    if report.unresolved_quotes > 0 {
        writeln!(
            out,
            "{} quotes are not in the index; their questions are left out",
            report.unresolved_quotes
        )?;
    }
    for strategy in &report.strategies {
        let StrategyReport {
            strategy: name,
            fusion,
            expand,
            rerank,
            documents,
            passages,
            differences,
            timings_ms,
        } = strategy;
        write!(out, "\n{name} {}", fusion.as_deref().unwrap_or_default())?;
        match expand {
            Some(expand) => writeln!(out, " expanded by {expand}")?,
            None => writeln!(out)?,
        }
        print_rerank(out, rerank.as_ref())?;
        let moved = differences.as_ref();
        for (level, estimates, moved) in [
            ("documents", documents, moved.map(|moved| &moved.documents)),
            ("passages", passages, moved.map(|moved| &moved.passages)),
        ] {
            writeln!(out, " {level}")?;
            print_estimates(out, estimates)?;
            print_differences(out, moved, "the strategy alone")?;
        }
        if let Some(total) = timings_ms.get("total") {
            writeln!(out, "  {:.2} ms a question (p50), {:.2} (p99)", total.p50, total.p99)?;
        }
    }
    Ok(())
}

/// What reranked, and how far it read.
fn print_rerank(out: &mut impl Write, rerank: Option<&RerankSummary>) -> io::Result<()> {
    let Some(rerank) = rerank else { return Ok(()) };
    let budget = rerank.budget_ms.map_or(String::new(), |ms| format!(" in {ms} ms"));
    writeln!(
        out,
        "reranked by {}, mixed by {}: {:.1} of {} candidates read{budget}, on average",
        rerank.reranker, rerank.mixer, rerank.mean_scored, rerank.depth
    )
}

fn print_differences(
    out: &mut impl Write,
    differences: Option<&ByMeasure<Difference>>,
    against: &str,
) -> io::Result<()> {
    for (name, difference) in differences.iter().flat_map(|differences| &differences.0) {
        let [low, high] = difference.ci95;
        writeln!(
            out,
            "  {name:<12} {:+.4}  [{low:+.4}, {high:+.4}], p = {:.4} against {against}",
            difference.mean, difference.p_value
        )?;
    }
    Ok(())
}

fn print_estimates(out: &mut impl Write, estimates: &NamedEstimates) -> io::Result<()> {
    for (name, estimate) in &estimates.0 {
        let [low, high] = estimate.ci95;
        writeln!(out, "  {name:<12} {:.4}  [{low:.4}, {high:.4}]", estimate.mean)?;
    }
    Ok(())
}

fn print_timings(out: &mut impl Write, timings: &StagePercentiles) -> io::Result<()> {
    if timings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n  ms a topic       p50       p95       p99")?;
    for (stage, times) in timings.iter().filter(|(_, times)| times.p99 > 0.0) {
        writeln!(out, "  {stage:<10} {:>9.3} {:>9.3} {:>9.3}", times.p50, times.p95, times.p99)?;
    }
    writeln!(out)
}
