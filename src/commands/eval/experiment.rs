//! `trovato eval run`: experiment files, from data to verdicts.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use engine::RerankOptions;
use eval::{
    EvalError, Experiment, ExperimentCorpus, ExperimentOutcome, ExperimentProgress,
    ExperimentReport, Laboratory, MIN_JUDGED, RerankSetup, Reuse, RunStore, SystemSpec,
    drafts_notice, load_encoder, load_reranker, run_experiment,
};
use indicatif::ProgressBar;
use ingest::pipeline::Progress;

use super::recipe::{index_cache, vector_cache};
use crate::options::print_json;
use crate::progress::{FetchBar, IngestBars, count_bar};

const EXAMPLES: &str = "\
Examples:
  trovato eval run eval/experiments/chunkers.toml
  trovato eval run eval/experiments/*.toml --out results     NAME.json for `trovato eval report`
  trovato eval run grid.toml --check                         fail when a figure is not the expected one

A run that is interrupted goes on where it was: finished systems, indexes and vectors are
kept below TROVATO_HOME. A rebuilt program runs every system again, with the vectors it has.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArgs {
    /// Experiment files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Write the results of each to DIR/NAME.json
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Fail when a mean differs from the file's expected one in the fourth decimal
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    laboratory: LaboratoryArgs,

    /// Print one JSON document: the results, by experiment
    #[arg(long)]
    json: bool,
}

/// Where experiments find and keep things.
#[derive(Debug, Args)]
pub(super) struct LaboratoryArgs {
    /// Folder that holds BEIR collections by name
    #[arg(long, value_name = "DIR", env = "TROVATO_COLLECTIONS", default_value = "../shared/data")]
    collections: PathBuf,

    /// Run every system again, also those that are finished
    #[arg(long)]
    fresh: bool,
}

pub(super) fn run(args: &RunArgs) -> anyhow::Result<()> {
    let experiments = args
        .files
        .iter()
        .map(|file| Ok(Experiment::read(file)?))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut reports = Vec::new();
    for experiment in experiments {
        if let Some(reason) = args.laboratory.missing(&experiment) {
            eprintln!("skipped {}: {reason}", experiment.name);
            continue;
        }
        let outcome = args.laboratory.run(experiment)?;
        let report = ExperimentReport::new(&outcome)?;
        if let Some(notice) = drafts_notice(outcome.data.questions()) {
            eprintln!("note: {notice}");
        }
        if let Some(dir) = &args.out {
            write_report(dir, &report)?;
        }
        if !args.json {
            print(&mut io::stdout().lock(), &outcome, &report)?;
        }
        reports.push(report);
    }
    if args.json {
        print_json(&reports)?;
    }
    let n_unexpected: usize = reports.iter().map(|report| report.unexpected().count()).sum();
    anyhow::ensure!(
        !args.check || n_unexpected == 0,
        "{n_unexpected} figures are not what the experiment files expect"
    );
    Ok(())
}

impl LaboratoryArgs {
    /// Why an experiment cannot be run here.
    fn missing(&self, experiment: &Experiment) -> Option<String> {
        let folder = experiment.corpus.folder(&self.collections)?;
        (!folder.is_dir()).then(|| {
            format!(
                "there is no collection at {}; --collections names the folder",
                folder.display()
            )
        })
    }

    /// Runs an experiment with what is kept below `TROVATO_HOME`.
    pub(super) fn run(&self, experiment: Experiment) -> anyhow::Result<ExperimentOutcome> {
        if let (Some(reason), ExperimentCorpus::Collection(_)) =
            (self.missing(&experiment), &experiment.corpus)
        {
            anyhow::bail!(reason);
        }
        let home = models::Settings::from_env()?.home;
        let laboratory = Laboratory {
            collections: &self.collections,
            indexes: &index_cache()?,
            runs: &RunStore::new(home.join("eval").join("runs")),
            vectors: &vector_cache()?,
            reuse: if self.fresh { Reuse::Never } else { Reuse::Allowed },
            load: &|name| {
                Ok::<_, EvalError>(load_encoder(name, &FetchBar::default())?.chunker_parts()?)
            },
            load_reranker: &|name, encoder| {
                let loaded = load_reranker(name, Some(encoder), &FetchBar::default());
                let pipeline = loaded.map_err(Box::new)?;
                let pipeline = Arc::new(pipeline.ok_or(EvalError::NoReranker)?);
                Ok(RerankSetup { pipeline, options: RerankOptions::default() })
            },
        };
        Ok(run_experiment(experiment, &laboratory, &ExperimentBars::new())?)
    }
}

fn write_report(dir: &Path, report: &ExperimentReport) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let path = dir.join(format!("{}.json", report.name));
    let json = serde_json::to_vec(report)?;
    fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))
}

/// A table per measure: mean, interval, difference, verdict.
fn print(
    out: &mut impl Write,
    outcome: &ExperimentOutcome,
    report: &ExperimentReport,
) -> io::Result<()> {
    writeln!(out, "{}: {}", report.name, report.about)?;
    writeln!(
        out,
        "{} {}, {} topics, {} systems; {} passages encoded, {} from the cache",
        report.corpus,
        report.split,
        report.topics.len(),
        report.systems.len(),
        outcome.n_encoded,
        outcome.n_cached
    )?;
    if report.unresolved_quotes > 0 || report.outdated_judgments > 0 {
        writeln!(
            out,
            "{} quotes are not in the corpus, their questions are left out; {} judged documents have another text now",
            report.unresolved_quotes, report.outdated_judgments
        )?;
    }
    let width = report.systems.iter().map(|row| row.system.to_string().len()).max().unwrap_or(0);
    for name in &report.measures {
        writeln!(out, "\n{name}")?;
        for row in &report.systems {
            let system = row.system.to_string();
            let Some(measure) = row.measures.get(name) else {
                let judged = row.judged.unwrap_or(0.0);
                writeln!(
                    out,
                    "  {system:<width$}  withheld: Judged@10 is {judged:.3}, below {MIN_JUDGED}; `trovato eval pool` writes what to judge"
                )?;
                continue;
            };
            let [low, high] = measure.ci95;
            write!(out, "  {system:<width$}  {:.4} [{low:.4}, {high:.4}]", measure.mean)?;
            match &measure.against_baseline {
                None => write!(out, "  baseline")?,
                Some(against) => write!(
                    out,
                    "  {:+.4} p = {:.4} {} (could see {:.3})",
                    against.difference,
                    against.adjusted_p,
                    against.verdict.name(),
                    against.detectable
                )?,
            }
            if let Some(expected) = measure.expected.filter(|_| measure.is_unexpected()) {
                write!(out, "  expected {expected:.4}")?;
            }
            writeln!(out)?;
        }
    }
    writeln!(out)
}

/// One line for the grid, and what is happening within its present system.
struct ExperimentBars {
    systems: ProgressBar,
    indexing: IngestBars,
    topics: RefCell<Option<ProgressBar>>,
}

impl ExperimentBars {
    fn new() -> Self {
        Self {
            systems: count_bar("experiment", "systems", Some(0)),
            indexing: IngestBars::new(),
            topics: RefCell::new(None),
        }
    }
}

impl ExperimentProgress for ExperimentBars {
    fn system(&self, at: usize, of: usize, system: &SystemSpec) {
        self.systems.set_length(of as u64);
        self.systems.set_position(at as u64);
        self.systems.set_message(system.to_string());
    }

    fn indexing(&self) -> &dyn Progress {
        &self.indexing
    }

    fn topics(&self, done: usize, total: usize) {
        let mut bar = self.topics.borrow_mut();
        let shown = bar.get_or_insert_with(|| count_bar("searching", "topics", Some(total as u64)));
        shown.set_position(done as u64);
        if done == total {
            shown.finish_and_clear();
            *bar = None;
        }
    }
}

impl Drop for ExperimentBars {
    fn drop(&mut self) {
        self.systems.finish_and_clear();
    }
}
