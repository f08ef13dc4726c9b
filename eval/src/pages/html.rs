//! The page for a browser: one file, no script, no reference to the outside.

use std::fmt::Write;

use super::facts::{self, COSTS};
use super::{ReportHead, decimals, plot, quantity, signed};
use crate::experiment::{DiffPassage, ExperimentReport, MIN_JUDGED, SystemReport, TopicDiff};

/// Colours follow the reader's system; verdicts are words first, colours second.
const STYLE: &str = include_str!("report.css");

pub(super) fn page(head: &ReportHead, reports: &[ExperimentReport]) -> String {
    let mut html = Html::begin(&head.title);
    html.add("<p class=\"lead\">Means over topics with 95 % bootstrap intervals. Systems are compared with one baseline on the same topics by a randomisation test, corrected for their number (Holm); where the topics cannot tell two systems apart, that is what the table says.</p>");
    if reports.len() > 1 {
        html.add("<nav>");
        for report in reports {
            let name = escape(&report.name);
            html.add(&format!("<a href=\"#{name}\">{name}</a>"));
        }
        html.add("</nav>");
    }
    html.add("</header><main>");
    for report in reports {
        experiment(&mut html, report);
    }
    html.end(head, " A figure's inputs (corpus, chunker, encoder, a probe of all components, the program) are listed with each experiment as one digest.")
}

/// A page that grows.
pub(super) struct Html {
    text: String,
}

impl Html {
    /// Up to the title, inside the header.
    pub(super) fn begin(title: &str) -> Self {
        let title = escape(title);
        let text = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head><body><header><h1>{title}</h1>"
        );
        Self { text }
    }

    /// How it is made again, and the end of `main`.
    pub(super) fn end(mut self, head: &ReportHead, note: &str) -> String {
        self.add("<section><h2>Make it again</h2><pre>");
        self.add(&escape(&head.commands.join("\n")));
        self.add(&format!(
            "</pre><p class=\"note\">Trovato {}.{}</p></section></main></body></html>\n",
            escape(&head.version),
            escape(note)
        ));
        self.text
    }

    pub(super) fn add(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn cell(&mut self, text: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "<td>{text}</td>");
    }

    pub(super) fn heads(&mut self, names: &[String]) {
        self.add("<table><thead><tr>");
        for name in names {
            let _ = write!(self.text, "<th>{}</th>", escape(name));
        }
        self.add("</tr></thead><tbody>");
    }
}

fn experiment(html: &mut Html, report: &ExperimentReport) {
    let name = escape(&report.name);
    html.add(&format!("<section id=\"{name}\"><h2>{}</h2>", escape(&report.about)));
    html.add(&format!(
        "<p class=\"note\">{name}: {} {}, {} topics, {} systems{}; taken on {}.</p><ul class=\"summary\">",
        escape(&report.corpus),
        escape(&report.split),
        report.topics.len(),
        report.systems.len(),
        facts::shared_encoder(report).map_or_else(String::new, |encoder| format!(", encoder {}", escape(encoder))),
        escape(&report.machine)
    ));
    for sentence in facts::summary(report) {
        html.add(&format!("<li>{}</li>", escape(&sentence)));
    }
    html.add("</ul>");
    systems(html, report);
    html.add("<h3>Quality against what it costs</h3><p class=\"note\">Joined and named: systems that nothing beats at a lower cost. <span class=\"key lexical\">lexical</span> <span class=\"key dense\">dense</span> <span class=\"key hybrid\">hybrid</span></p>");
    let quality = report.measures.first().map(String::as_str).unwrap_or_default();
    for cost in &COSTS {
        html.add("<figure>");
        html.add(&plot::scatter(report, &facts::points(report, cost), (cost.name, quality)));
        html.add(&format!(
            "<figcaption>{} against {}</figcaption></figure>",
            escape(quality),
            cost.name
        ));
    }
    stages(html, report);
    by_kind(html, report);
    diffs(html, report);
    inputs(html, report);
    html.add("</section>");
}

fn systems(html: &mut Html, report: &ExperimentReport) {
    html.add("<h3>Systems</h3><div class=\"wide\">");
    let mut heads = vec!["system".to_owned()];
    heads.extend(report.measures.iter().cloned());
    heads.extend(
        ["against the baseline", "verdict", "Judged@10", "p95 ms", "chunks", "index"]
            .map(str::to_owned),
    );
    html.heads(&heads);
    for row in facts::ranked(report) {
        let primary = facts::primary(report, row);
        let verdict = primary.map_or("withheld", facts::verdict);
        html.add(&format!("<tr class=\"{}\">", verdict.replace(' ', "-")));
        html.cell(&format!("<code>{}</code>", escape(&facts::label(report, &row.system))));
        for name in &report.measures {
            html.cell(&row.measures.get(name).map_or_else(
                || "<span class=\"note\">withheld</span>".to_owned(),
                |measure| {
                    let [low, high] = measure.ci95;
                    format!(
                        "<b>{}</b> <span class=\"interval\">[{}, {}]</span>",
                        decimals(measure.mean),
                        decimals(low),
                        decimals(high)
                    )
                },
            ));
        }
        html.cell(&primary.and_then(|measure| measure.against_baseline).map_or_else(
            String::new,
            |against| {
                format!(
                    "{} <span class=\"interval\">p {:.4}, could see {}</span>",
                    signed(against.difference),
                    against.adjusted_p,
                    decimals(against.detectable)
                )
            },
        ));
        html.cell(&format!("<span class=\"verdict\">{verdict}</span>"));
        html.cell(&row.judged.map_or_else(String::new, |share| format!("{share:.3}")));
        html.cell(
            &row.timings_ms
                .get("total")
                .map_or_else(String::new, |total| format!("{:.1}", total.p95)),
        );
        html.cell(&row.indexing.chunks.to_string());
        html.cell(&format!("{}B", quantity(row.indexing.bytes as f64)));
        html.add("</tr>");
    }
    html.add("</tbody></table></div>");
    if report.systems.iter().any(|row| row.judged.is_some_and(|share| share < MIN_JUDGED)) {
        html.add(&format!(
            "<p class=\"note\">Pooled figures are withheld below a Judged@10 of {MIN_JUDGED}: they would say who was judged, not who is good.</p>"
        ));
    }
}

fn stages(html: &mut Html, report: &ExperimentReport) {
    let rows: Vec<_> =
        facts::ranked(report).into_iter().filter_map(|row| Some((row, row.stages?))).collect();
    if rows.is_empty() {
        return;
    }
    html.add("<h3>Where it is lost</h3><p class=\"note\">Recall of the relevant after each stage, and nDCG@10 in the best order of the hundred that fusion kept: the ceiling for a reranker.</p><div class=\"wide\">");
    html.heads(
        &[
            "system",
            "lexical, 100",
            "dense, 100",
            "union",
            "fused, 100",
            "first 10",
            "nDCG@10",
            "best order",
        ]
        .map(str::to_owned),
    );
    for (row, stages) in rows {
        html.add("<tr>");
        html.cell(&format!("<code>{}</code>", escape(&facts::label(report, &row.system))));
        for (_, value) in stages.figures() {
            html.cell(&decimals(value));
        }
        html.add("</tr>");
    }
    html.add("</tbody></table></div>");
}

fn by_kind(html: &mut Html, report: &ExperimentReport) {
    let rows = facts::by_kind(report);
    if rows.is_empty() {
        return;
    }
    let quality = report.measures.first().map(String::as_str).unwrap_or_default();
    html.add(&format!("<h3>By kind of question</h3><p class=\"note\">{}. Few questions a kind: look for patterns, not for winners.</p><div class=\"wide\">", escape(quality)));
    let mut heads = vec!["system".to_owned()];
    heads.extend(facts::kinds(report).iter().map(|(kind, n)| format!("{kind} ({n})")));
    html.heads(&heads);
    for facts::KindRow { system, means } in rows {
        html.add("<tr>");
        html.cell(&format!("<code>{}</code>", escape(&facts::label(report, &system.system))));
        for mean in means {
            let _ = write!(
                html.text,
                "<td style=\"--share:{:.0}%\" class=\"heat\">{}</td>",
                mean * 100.0,
                decimals(mean)
            );
        }
        html.add("</tr>");
    }
    html.add("</tbody></table></div>");
}

fn diffs(html: &mut Html, report: &ExperimentReport) {
    let Some(best) = report.best.as_ref().filter(|_| !report.diffs.is_empty()) else { return };
    html.add(&format!(
        "<h3>Won and lost</h3><p class=\"note\">Where <code>{}</code> (right) and the baseline <code>{}</code> (left) differ most.</p>",
        escape(&facts::label(report, best)),
        escape(&facts::label(report, &report.baseline))
    ));
    for TopicDiff { topic, text, first_score, second_score, first, second } in &report.diffs {
        let said = if second_score > first_score { "won" } else { "lost" };
        html.add(&format!(
            "<details><summary><span class=\"{said}\">{said}</span> {} <span class=\"interval\">{} → {}, {}</span></summary><div class=\"sides\">",
            escape(text),
            decimals(*first_score),
            decimals(*second_score),
            escape(topic)
        ));
        for side in [first, second] {
            html.add("<ol>");
            for DiffPassage { document, excerpt, .. } in side {
                html.add(&format!(
                    "<li><code>{}</code><p>{}</p></li>",
                    escape(document),
                    escape(excerpt)
                ));
            }
            html.add("</ol>");
        }
        html.add("</div></details>");
    }
}

/// What the rankings rest on, a line per system.
fn inputs(html: &mut Html, report: &ExperimentReport) {
    html.add("<details><summary>Fingerprints</summary><pre>");
    for SystemReport { system, rankings, depends_on, .. } in &report.systems {
        let parts: Vec<String> = depends_on
            .iter()
            .map(|(name, value)| format!("{name}={}", value.get(..16).unwrap_or(value)))
            .collect();
        html.add(&escape(&format!("{system}\n  rankings {rankings}\n  {}\n", parts.join(" "))));
    }
    html.add("</pre></details>");
}

/// Text as it may stand in an element or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_texts_stays_text() {
        assert_eq!(escape("<b a=\"1\">&</b>"), "&lt;b a=&quot;1&quot;&gt;&amp;&lt;/b&gt;");
    }
}
