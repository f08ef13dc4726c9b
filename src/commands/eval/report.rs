//! `trovato eval report`: results as a page for readers.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use eval::{ExperimentReport, ReportHead, report_html, report_markdown};

use crate::options::UsageError;

const EXAMPLES: &str = "\
Examples:
  trovato eval run eval/experiments/chunkers.toml --out results
  trovato eval report results/chunkers.json --html report.html --markdown docs/experiments/chunkers.md

The HTML page is one file without script or reference to the outside. Nothing is run again.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReportArgs {
    /// Results, from `trovato eval run --out`
    #[arg(value_name = "RESULTS", required = true)]
    results: Vec<PathBuf>,

    /// The page for a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// The page for a repository
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// The page's title
    #[arg(long, value_name = "TEXT", default_value = "Retrieval experiments")]
    title: String,
}

pub(super) fn run(args: &ReportArgs) -> anyhow::Result<()> {
    if args.html.is_none() && args.markdown.is_none() {
        return Err(UsageError("name at least one of --html and --markdown".to_owned()).into());
    }
    let reports = args
        .results
        .iter()
        .map(|path| {
            let bytes =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            serde_json::from_slice::<ExperimentReport>(&bytes).with_context(|| {
                format!("{} holds no results of this version of `trovato eval run`", path.display())
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let names: Vec<&str> = reports.iter().map(|report| report.name.as_str()).collect();
    let files = |of: &dyn Fn(&str) -> String| names.iter().map(|name| of(name)).collect::<Vec<_>>();
    let head = ReportHead {
        title: args.title.clone(),
        commands: vec![
            format!(
                "trovato eval run {} --out results",
                files(&|name| format!("eval/experiments/{name}.toml")).join(" ")
            ),
            format!(
                "trovato eval report {} --html report.html --markdown report.md",
                files(&|name| format!("results/{name}.json")).join(" ")
            ),
        ],
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    for (path, page) in [
        (&args.html, report_html(&head, &reports)),
        (&args.markdown, report_markdown(&head, &reports)),
    ] {
        if let Some(path) = path {
            fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}
