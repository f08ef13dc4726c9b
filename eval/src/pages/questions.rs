//! The page of one evaluation over questions: how well each strategy finds documents and
//! passages, and where its time goes.

use super::html::{Html, escape};
use super::{ReportHead, decimals};
use crate::report::{Estimate, NamedEstimates, QuestionScoreReport, StrategyReport};

/// Which of a system's figures a table shows.
type Level = fn(&StrategyReport) -> &NamedEstimates;

pub(super) fn page(head: &ReportHead, report: &QuestionScoreReport) -> String {
    let mut html = Html::begin(&head.title);
    html.add(&format!(
        "<p class=\"lead\">Means over {} questions with 95 % bootstrap intervals. {} questions that nothing answers are not in the means.</p>",
        report.questions, report.unanswerable
    ));
    for (n, what) in [
        (report.unresolved_quotes, "quotes are not in the index; their questions are left out."),
        (
            report.unconfirmed,
            "questions are drafts that nobody confirmed: figures over them are too high.",
        ),
    ] {
        if n > 0 {
            html.add(&format!("<p class=\"note\">{n} {what}</p>"));
        }
    }
    html.add("</header><main><section>");
    let levels: [(&str, Level); 2] =
        [("Passages", |system| &system.passages), ("Documents", |system| &system.documents)];
    for (name, level) in levels {
        quality(&mut html, name, level, report);
    }
    times(&mut html, report);
    html.add("</section>");
    html.end(head, "")
}

fn quality(html: &mut Html, name: &str, level: Level, report: &QuestionScoreReport) {
    let Some(first) = report.strategies.first() else { return };
    html.add(&format!("<h3>{name}</h3><div class=\"wide\">"));
    let measures = level(first).0.iter().map(|(measure, _)| measure.clone());
    html.heads(&std::iter::once("system".to_owned()).chain(measures).collect::<Vec<_>>());
    for system in &report.strategies {
        html.add("<tr>");
        html.cell(&label(system));
        for (_, Estimate { mean, ci95: [low, high] }) in &level(system).0 {
            html.cell(&format!(
                "<b>{}</b> <span class=\"interval\">[{}, {}]</span>",
                decimals(*mean),
                decimals(*low),
                decimals(*high)
            ));
        }
        html.add("</tr>");
    }
    html.add("</tbody></table></div>");
}

fn label(system: &StrategyReport) -> String {
    let fusion = system.fusion.as_deref().unwrap_or_default();
    let rerank = system.rerank.as_ref().map(|rerank| format!("reranked by {}", rerank.reranker));
    let parts = [system.strategy, fusion, rerank.as_deref().unwrap_or_default()];
    let parts = parts.iter().filter(|part| !part.is_empty());
    let name = parts.copied().collect::<Vec<_>>().join(" ");
    format!("<code class=\"key {}\">{}</code>", system.strategy, escape(&name))
}

/// Stages in the order of a query's path.
const STAGES: [&str; 10] = [
    "plan", "filter", "encode", "lexical", "dense", "fusion", "expand", "rerank", "fetch", "total",
];

/// Milliseconds by stage, for the stages that took any.
fn times(html: &mut Html, report: &QuestionScoreReport) {
    html.add("<h3>Milliseconds a question</h3><p class=\"note\">Median and 95th percentile, asking for 100 hits, one question after another.</p><div class=\"wide\">");
    let took = |system: &StrategyReport, stage: &str| {
        let times = system.timings_ms.get(stage).copied();
        times.filter(|times| times.p95 >= 0.005)
    };
    let is_used = |stage: &&str| report.strategies.iter().any(|it| took(it, stage).is_some());
    let stages: Vec<&str> = STAGES.into_iter().filter(is_used).collect();
    let names = stages.iter().map(|stage| (*stage).to_owned());
    html.heads(&std::iter::once("system".to_owned()).chain(names).collect::<Vec<_>>());
    for system in &report.strategies {
        html.add("<tr>");
        html.cell(&label(system));
        for stage in &stages {
            html.cell(&took(system, stage).map_or_else(String::new, |times| {
                format!("{:.2} <span class=\"interval\">{:.2}</span>", times.p50, times.p95)
            }));
        }
        html.add("</tr>");
    }
    html.add("</tbody></table></div>");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::report::ByMeasure;
    use crate::timing::Percentiles;

    #[test]
    fn the_page_has_every_system_and_measure_and_refers_to_nothing_outside() {
        let estimates = |mean: f64| {
            ByMeasure(vec![(
                "nDCG@10".to_owned(),
                Estimate { mean, ci95: [mean - 0.1, mean + 0.1] },
            )])
        };
        let times = |p50: f64| Percentiles { p50, p95: p50 * 2.0, p99: p50 * 3.0 };
        let system = |strategy, mean: f64| StrategyReport {
            strategy,
            fusion: Some("<rrf>".to_owned()),
            expand: None,
            rerank: None,
            documents: estimates(mean),
            passages: estimates(mean / 2.0),
            differences: None,
            timings_ms: BTreeMap::from([
                ("total".to_owned(), times(3.0)),
                ("filter".to_owned(), times(0.0)),
            ]),
        };
        let report = QuestionScoreReport {
            questions: 7,
            unanswerable: 2,
            unconfirmed: 0,
            unresolved_quotes: 3,
            strategies: vec![system("lexical", 0.5), system("hybrid", 0.75)],
        };
        let head = ReportHead {
            title: "Guides".to_owned(),
            commands: vec!["trovato eval questions".to_owned()],
            version: "1".to_owned(),
        };
        let page = page(&head, &report);
        for part in
            [".7500", "[.6500, .8500]", ".2500", "3.00", "6.00", "3 quotes are not", "Make it"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(page.contains("hybrid &lt;rrf&gt;") && !page.contains("<rrf>"));
        assert!(!page.contains("filter") && !page.contains("http"), "{page}");
    }
}
