//! The report of compared prompts for people.

use std::io::{self, Write};

use eval::{
    AgainstReport, ComparisonReport, Difference, Estimate, JudgeReport, MeasuredPrompt,
    Percentiles, PromptReport, PromptSystemReport,
};

/// Failures of a system that are told; `--json` and `--out` have all of them.
const SHOWN_FAILURES: usize = 5;

/// Prints a report, apart from what [`print_judge`] says of the judge.
pub(super) fn print(out: &mut impl Write, report: &PromptReport) -> io::Result<()> {
    writeln!(
        out,
        "{} questions that the index answers, {} that it does not, {} left out; found in {:.1} ms \
         (p50), {:.1} (p95)",
        report.answerable,
        report.unanswerable,
        report.unresolved,
        report.retrieval_ms.p50,
        report.retrieval_ms.p95
    )?;
    for system in &report.systems {
        print_system(out, system, &report.baseline)?;
    }
    if let Some(judge) = report.judge.as_ref().filter(|judge| judge.not_used.is_none()) {
        writeln!(
            out,
            "\njudge {}: {} answers judged, {} without a verdict count as wrong{}",
            judge.model,
            judge.judged,
            judge.judged_without_verdict,
            judge.cost_usd.map_or_else(String::new, |cost| format!("; ${cost:.4} with the labels"))
        )?;
    }
    report.against.as_ref().map_or(Ok(()), |against| print_against(out, against))
}

/// Prints how far a judge agrees with the labels.
pub(super) fn print_judge(out: &mut impl Write, judge: &JudgeReport) -> io::Result<()> {
    writeln!(
        out,
        "judge {}, prompt {} ({}): {} labelled answers, {} without a verdict",
        judge.model, judge.prompt, judge.fingerprint, judge.labels, judge.without_verdict
    )?;
    print_estimate(out, "agreement", &judge.accuracy)?;
    writeln!(out)?;
    print_estimate(out, "Cohen's kappa", &judge.kappa)?;
    match &judge.not_used {
        Some(reason) => writeln!(out, "\n  its verdicts are not used: {reason}\n"),
        None => writeln!(out, "\n  its verdicts are used\n"),
    }
}

fn print_system(
    out: &mut impl Write,
    report: &PromptSystemReport,
    baseline: &str,
) -> io::Result<()> {
    let system = &report.system;
    write!(out, "\n{}", system.name)?;
    if let Some(fingerprint) = &system.fingerprint {
        write!(out, "  (prompt {fingerprint}")?;
        let names: Vec<&str> = report.answered_by.iter().map(String::as_str).collect();
        if !names.is_empty() {
            write!(out, ", answered by {}", names.join(", "))?;
        }
        write!(out, ")")?;
    }
    writeln!(out, "{}", if system.name == baseline { "  baseline" } else { "" })?;
    for (name, MeasuredPrompt { estimate, against_baseline }) in &report.measures.0 {
        print_estimate(out, name, estimate)?;
        if let Some(comparison) = against_baseline {
            print_comparison(out, comparison)?;
        }
        writeln!(out)?;
    }
    let abstention = &report.abstention;
    for (name, estimate) in [
        ("answered, and right", Some(&abstention.answered_right)),
        ("answered", Some(&abstention.answered)),
        ("abstention precision", abstention.precision.as_ref()),
        ("abstention recall", abstention.recall.as_ref()),
    ] {
        if let Some(estimate) = estimate {
            print_estimate(out, name, estimate)?;
            writeln!(out)?;
        }
    }
    let citations: Vec<String> =
        report.citations.iter().map(|(verdict, n)| format!("{n} {verdict}")).collect();
    let total: usize = report.citations.values().sum();
    writeln!(out, "  {total} citations: {}", list(&citations))?;
    print_spent(out, report)?;
    for failure in report.failures.iter().take(SHOWN_FAILURES) {
        writeln!(out, "  {} failed: {}", failure.question, failure.error)?;
    }
    let more = report.failures.len().saturating_sub(SHOWN_FAILURES);
    if more > 0 {
        writeln!(out, "  and {more} more failed; --json names them")?;
    }
    Ok(())
}

/// Length, time, tokens and money.
fn print_spent(out: &mut impl Write, report: &PromptSystemReport) -> io::Result<()> {
    write!(out, "  {:.1} words an answer", report.words)?;
    if report.system.model.is_some() {
        let PromptSystemReport { failures, unfit, repairs, cut, retries, .. } = report;
        write!(
            out,
            "; {} failed, {unfit} of another form, {cut} cut, {repairs} repairs, {retries} retries",
            failures.len()
        )?;
    }
    writeln!(out)?;
    print_times(out, "ms to the answer", report.answer_ms)?;
    if let Some(first) = report.first_piece_ms {
        print_times(out, "ms to its first piece", first)?;
    }
    let tokens = |n: Option<f64>| n.map_or_else(|| "?".to_owned(), |n| format!("{n:.0}"));
    if report.input_tokens.is_some() || report.output_tokens.is_some() {
        let (read, written) = (tokens(report.input_tokens), tokens(report.output_tokens));
        write!(out, "  {read} tokens read a question, {written} written")?;
        match report.cost_usd_per_1000 {
            Some(cost) => writeln!(out, "; ${cost:.4} for 1,000 questions")?,
            None => writeln!(out, "; no price is known")?,
        }
    }
    Ok(())
}

fn print_against(out: &mut impl Write, against: &AgainstReport) -> io::Result<()> {
    writeln!(
        out,
        "\nagainst the kept run: {} questions in both, {} only now, {} only then",
        against.questions, against.only_now, against.only_then
    )?;
    for (systems, when) in [(&against.new_systems, "now"), (&against.gone_systems, "then")] {
        if !systems.is_empty() {
            writeln!(out, "  only {when}: {}", systems.join("; "))?;
        }
    }
    for setting in &against.settings {
        writeln!(out, "  {setting}")?;
    }
    for row in &against.systems {
        write!(out, "\n{}", row.system)?;
        match &row.prompt_changed {
            Some([then, now]) => writeln!(out, "  (prompt {then} -> {now})")?,
            None => writeln!(out)?,
        }
        for (name, change) in &row.measures.0 {
            let Difference { mean, ci95: [low, high], p_value } = change.difference;
            writeln!(
                out,
                "  {name:<24} {:.4} -> {:.4}  {mean:+.4} [{low:+.4}, {high:+.4}], p = {p_value:.4}{}",
                change.then,
                change.now,
                if change.regressed { "  REGRESSION" } else { "" }
            )?;
        }
    }
    Ok(())
}

fn print_estimate(out: &mut impl Write, name: &str, estimate: &Estimate) -> io::Result<()> {
    let Estimate { mean, ci95: [low, high] } = estimate;
    write!(out, "  {name:<24} {mean:.4}  [{low:.4}, {high:.4}]")
}

fn print_comparison(out: &mut impl Write, comparison: &ComparisonReport) -> io::Result<()> {
    let ComparisonReport { difference, ci95: [low, high], adjusted_p, verdict, .. } = comparison;
    write!(
        out,
        "   {difference:+.4} [{low:+.4}, {high:+.4}], p = {adjusted_p:.4}, {}",
        verdict.name()
    )
}

fn print_times(out: &mut impl Write, name: &str, times: Percentiles) -> io::Result<()> {
    let Percentiles { p50, p95, p99 } = times;
    writeln!(out, "  {name:<24} {p50:.1} (p50)  {p95:.1} (p95)  {p99:.1} (p99)")
}

fn list(parts: &[String]) -> String {
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}
