//! `trovato eval gate`: exit code 1 when retrieval or answers have become worse.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use eval::{
    Baseline, EvalProgress, GATE_COLLECTION, GateOutcome, GateRow, PromptRow, Verdict, run_gate,
};
use serde::Serialize;

use super::recipe::{EvalBars, RecipeArgs};
use crate::options::print_json;

const EXAMPLES: &str = "\
Examples:
  trovato eval gate             compare with eval/gate.toml
  trovato eval gate --update    take today's figures as the new baseline

Measures the development questions on a part of the installed guides, with an index that is
always built anew: the strategies' rankings, and the extractive answers. Fails when a figure has
fallen by more than its tolerance, and when a prompt that comes with the program says something
else than when the baseline was stored: what that does to answers is for `trovato eval prompts`
to say.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct GateArgs {
    /// The stored figures
    #[arg(long, value_name = "FILE", default_value = "eval/gate.toml")]
    baseline: PathBuf,

    /// Folder that holds BEIR collections by name; one small one is measured
    #[arg(long, value_name = "DIR", env = "TROVATO_COLLECTIONS", default_value = "../shared/data")]
    collections: PathBuf,

    /// Print the comparison, then store today's figures
    #[arg(long)]
    update: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    passed: bool,
    pages: usize,
    questions: usize,
    rows: Vec<Row<'a>>,
    prompts: Vec<Prompt<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    strategy: &'a str,
    measure: &'a str,
    baseline: Option<f64>,
    found: Option<f64>,
    tolerance: f64,
    verdict: &'static str,
}

#[derive(Serialize)]
struct Prompt<'a> {
    name: &'a str,
    baseline: Option<&'a str>,
    found: Option<&'a str>,
}

pub(super) fn run(args: &GateArgs) -> anyhow::Result<()> {
    // An update also repairs a file that cannot be read any more.
    let baseline = match Baseline::read(&args.baseline) {
        Err(_) if args.update => Baseline::default(),
        read => read?,
    };
    let recipe = RecipeArgs::default().load(None)?;
    let outcome = run_gate(&recipe, &baseline, &args.collections, EvalBars::new().indexing())?;
    if args.json {
        print_json(&Report::new(&outcome))?;
    } else {
        print(&mut io::stdout().lock(), &outcome)?;
    }
    if args.update {
        return Ok(outcome.found.write(&args.baseline)?);
    }
    let path = args.baseline.display();
    if !outcome.held() {
        anyhow::bail!(
            "retrieval or answers are not what {path} says; if the change is meant, store it with \
             `trovato eval gate --update`"
        );
    }
    if !outcome.has_known_prompts() {
        anyhow::bail!(
            "a prompt is not the one that {path} knows; measure what it does with `trovato eval \
             prompts`, then store it with `trovato eval gate --update`"
        );
    }
    Ok(())
}

impl<'a> Report<'a> {
    fn new(outcome: &'a GateOutcome) -> Self {
        Self {
            passed: outcome.held() && outcome.has_known_prompts(),
            pages: outcome.n_pages,
            questions: outcome.report.questions.len(),
            rows: outcome.rows.iter().map(Row::from).collect(),
            prompts: outcome.prompts.iter().map(Prompt::from).collect(),
        }
    }
}

impl<'a> From<&'a GateRow> for Row<'a> {
    fn from(row: &'a GateRow) -> Self {
        Self {
            strategy: &row.strategy,
            measure: &row.measure,
            baseline: row.baseline,
            found: row.found,
            tolerance: row.tolerance,
            verdict: verdict_name(row.verdict),
        }
    }
}

impl<'a> From<&'a PromptRow> for Prompt<'a> {
    fn from(row: &'a PromptRow) -> Self {
        Self { name: &row.name, baseline: row.baseline.as_deref(), found: row.found.as_deref() }
    }
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => "held",
        Verdict::Fell => "fell",
        Verdict::New => "not stored",
        Verdict::Gone => "not measured",
    }
}

fn print(out: &mut impl Write, outcome: &GateOutcome) -> io::Result<()> {
    let n_questions = outcome.report.questions.len();
    writeln!(
        out,
        "{n_questions} questions, {} pages, Rust {}; a fall above the tolerance fails",
        outcome.n_pages, outcome.found.documentation
    )?;
    let value =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    match outcome.n_collection_topics {
        Some(topics) => writeln!(out, "{GATE_COLLECTION}: {topics} topics")?,
        None => writeln!(
            out,
            "{GATE_COLLECTION} is not there, its figures are left out; --collections names its folder"
        )?,
    }
    for row in &outcome.rows {
        writeln!(
            out,
            "  {:<16} {:<19} {:>7} {:>7}  -{:.3}  {}",
            row.strategy,
            row.measure,
            value(row.baseline),
            value(row.found),
            row.tolerance,
            verdict_name(row.verdict)
        )?;
    }
    for row in outcome.prompts.iter().filter(|row| !row.is_unchanged()) {
        let print = |print: &Option<String>| print.clone().unwrap_or_else(|| "none".to_owned());
        writeln!(
            out,
            "  prompt {} is another one: {} -> {}",
            row.name,
            print(&row.baseline),
            print(&row.found)
        )?;
    }
    Ok(())
}
