//! Reports for readers: one self-contained HTML page, and the same as Markdown.
//!
//! Both are rendered from [`ExperimentReport`]s alone, so a page can be made
//! again without running anything. `facts` decides what is said, `html` and
//! `markdown` how it looks, `plot` draws.

mod facts;
mod html;
mod markdown;
mod plot;
mod questions;

use crate::experiment::ExperimentReport;
use crate::report::QuestionScoreReport;

/// What a report is about, besides its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportHead {
    /// The page's title.
    pub title: String,
    /// The commands that make the results again, a line each.
    pub commands: Vec<String>,
    /// The version of this code.
    pub version: String,
}

/// Renders one HTML page without any reference to the outside.
pub fn report_html(head: &ReportHead, reports: &[ExperimentReport]) -> String {
    html::page(head, reports)
}

/// Renders the page of one evaluation over questions.
pub fn questions_html(head: &ReportHead, report: &QuestionScoreReport) -> String {
    questions::page(head, report)
}

/// Renders the page of experiments as Markdown, without the plots and the passages.
pub fn report_markdown(head: &ReportHead, reports: &[ExperimentReport]) -> String {
    markdown::page(head, reports)
}

/// Four decimals without the leading zero: `.7321`.
pub(crate) fn decimals(value: f64) -> String {
    let text = format!("{:.4}", value.abs());
    let sign = if value < -0.5e-4 { "-" } else { "" };
    format!("{sign}{}", text.strip_prefix('0').unwrap_or(&text))
}

/// A difference with its sign: `+.0123`.
fn signed(value: f64) -> String {
    let sign = if value < -0.5e-4 { "" } else { "+" };
    format!("{sign}{}", decimals(value))
}

/// Three significant digits with a unit: `1.23 M`.
fn quantity(value: f64) -> String {
    for (unit, size) in [("G", 1e9), ("M", 1e6), ("k", 1e3)] {
        if value >= size {
            let shown = value / size;
            return format!("{shown:.*} {unit}", digits(shown));
        }
    }
    format!("{value:.*}", digits(value))
}

/// Decimals that leave three significant digits.
fn digits(value: f64) -> usize {
    match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    }
}
