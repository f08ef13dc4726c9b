//! `trovato eval prompts`: is one prompt better than another, and is a model better than
//! quoting?

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use answer::prompt::Prompt;
use clap::Args;
use eval::{
    AgainstReport, EvalError, Judge, JudgeReport, LabelledAnswer, PromptReport, PromptRun,
    PromptSystem, PromptWriter, evaluate_prompts, prompt_systems, read_labels, system_position,
};
use tokio::runtime::Runtime;

use super::asked::{Asked, AskedArgs};
use super::prompts_table;
use super::recipe::EvalBars;
use crate::commands::answering::{named_model, read_prompt};
use crate::options::{UsageError, print_json};
use crate::progress::count_bar;

const EXAMPLES: &str = "\
Examples:
  trovato eval prompts                                   the extractive answer by itself
  trovato eval prompts --models models.toml --model small --prompt cited-v1 --prompt my-prompt.toml
  trovato eval prompts --models models.toml --model small --model large --every 4 --out before.json
  trovato eval prompts --models models.toml --model small --against before.json
  trovato eval prompts --models models.toml --model small --judge large --judge-labels labels.jsonl

Every question is searched for once; the extractive answer and each model with each prompt answer
from that same context. Differences to the baseline are paired over questions and corrected for
the number of systems. A reply that cannot be read, or none at all, counts 0 and is named.
Choose prompts on dev; the test split is for reporting.

--against fails (exit code 1) when the interval of a paired difference lies wholly below zero in
any measure of quality of any system that both runs have.

--judge asks a model whether answers are right, after it was asked about the labelled answers of
--judge-labels: JSON lines with question, answer, label (right or wrong) and, for questions that
are not asked here, expected, a list of right answers. Its verdicts are used only if the lower
end of its agreement with the labels (Cohen's kappa, 95 %) reaches --judge-min-kappa.";

/// Compare what models write, told by different prompts
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PromptsArgs {
    #[command(flatten)]
    asked: AskedArgs,

    /// Language models: a TOML file of [[model]] tables with name, provider, model, and
    /// api_key_env, the name of the variable that holds the key
    #[arg(long, value_name = "FILE", env = "TROVATO_MODELS")]
    models: Option<PathBuf>,

    /// A model that answers, by its name in that file; repeatable
    #[arg(long = "model", value_name = "NAME")]
    model: Vec<String>,

    /// What each model is told: cited-v1, json-v1 or a file; repeatable [default: cited-v1]
    #[arg(long = "prompt", value_name = "NAME|FILE", requires = "model")]
    prompt: Vec<String>,

    /// What the others are compared with: extractive, or a system as "MODEL | PROMPT"
    #[arg(long, value_name = "SYSTEM", default_value = PromptSystem::EXTRACTIVE)]
    baseline: String,

    /// Requests that are under way at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    concurrency: u64,

    /// A model that judges whether answers are right, by its name in the file of models
    #[arg(long, value_name = "MODEL", requires = "judge_labels")]
    judge: Option<String>,

    /// Labelled answers by which the judge is judged
    #[arg(long, value_name = "FILE", requires = "judge")]
    judge_labels: Option<PathBuf>,

    /// What the lower end of the judge's kappa must reach for its verdicts to be used
    #[arg(long, value_name = "KAPPA", default_value_t = Judge::MIN_KAPPA, requires = "judge", value_parser = parse_kappa)]
    judge_min_kappa: f64,

    /// Keep the whole run, with every answer and reply, to be compared with later
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Compare with a kept run, and fail where quality has fallen
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// A judge with what it was checked by.
struct Checked {
    judge: Judge,
    report: JudgeReport,
}

pub(super) fn run(args: &PromptsArgs) -> anyhow::Result<()> {
    // What can be wrong without asking anybody is told before anybody is asked.
    let writers = args.writers()?;
    let systems = prompt_systems(&writers).map_err(|error| usage(&error))?;
    system_position(systems.iter(), &args.baseline).map_err(|error| usage(&error))?;
    let kept = args.against.as_deref().map(PromptRun::read).transpose()?;
    let judge = args.judge()?;
    let asked = args.asked.open(&EvalBars::new())?;
    let labels = match &args.judge_labels {
        Some(path) => read_labels(path, &asked.set)?,
        None => Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let checked = match judge {
        Some(judge) => Some(args.check(&runtime, judge, &labels)?),
        None => None,
    };
    let mut run = args.ask(&runtime, &asked, &writers)?;
    if let Some(Checked { judge, report }) = checked {
        let bar = count_bar("judging", "answers", None);
        let on_verdict = || bar.inc(1);
        runtime.block_on(judge.judge(&mut run, report, &asked.set.questions, &on_verdict))?;
        bar.finish_and_clear();
    }
    if let Some(path) = &args.out {
        run.write(path)?;
    }
    let mut report = PromptReport::new(&run, &args.baseline)?;
    report.against = kept.map(|kept| AgainstReport::new(&run, &kept)).transpose()?;
    if args.json {
        print_json(&report)?;
    } else {
        prompts_table::print(&mut io::stdout().lock(), &report)?;
    }
    match &report.against {
        Some(against) if against.regressions().next().is_some() => anyhow::bail!(
            "answers have become worse than those of {}: {}",
            args.against.as_deref().unwrap_or("".as_ref()).display(),
            regressions(against)
        ),
        Some(_) | None => Ok(()),
    }
}

impl PromptsArgs {
    /// Every model with every prompt.
    fn writers(&self) -> anyhow::Result<Vec<PromptWriter>> {
        let default = [Prompt::default_name(false).to_owned()];
        let prompts = if self.prompt.is_empty() { &default[..] } else { &self.prompt };
        let mut writers = Vec::new();
        for name in &self.model {
            let model = Arc::new(named_model(name, self.models.as_deref())?);
            for prompt in prompts {
                let writer = PromptWriter::new(model.clone(), read_prompt(prompt)?);
                writers.push(writer.map_err(|error| usage(&error))?);
            }
        }
        Ok(writers)
    }

    fn judge(&self) -> anyhow::Result<Option<Judge>> {
        let Some(name) = &self.judge else { return Ok(None) };
        let model = Arc::new(named_model(name, self.models.as_deref())?);
        Ok(Some(Judge::new(model, self.concurrency as usize)?))
    }

    /// Asks the judge about the labelled answers, and says what came of it before anything
    /// else is asked.
    fn check(
        &self,
        runtime: &Runtime,
        judge: Judge,
        labels: &[LabelledAnswer],
    ) -> anyhow::Result<Checked> {
        let bar = count_bar("checking the judge", "labels", Some(labels.len() as u64));
        let on_verdict = || bar.inc(1);
        let report = runtime.block_on(judge.check(labels, self.judge_min_kappa, &on_verdict))?;
        bar.finish_and_clear();
        if !self.json {
            let mut out = io::stdout().lock();
            prompts_table::print_judge(&mut out, &report)?;
            out.flush()?;
        }
        Ok(Checked { judge, report })
    }

    fn ask(
        &self,
        runtime: &Runtime,
        asked: &Asked,
        writers: &[PromptWriter],
    ) -> anyhow::Result<PromptRun> {
        let Asked { searcher, set, template, settings } = asked;
        let n_answers = set.questions.len() * (writers.len() + 1);
        let bar = count_bar("answering", "answers", Some(n_answers as u64));
        let on_answer = || bar.inc(1);
        let concurrency = self.concurrency as usize;
        let asking = evaluate_prompts(searcher, set, template, writers, concurrency, &on_answer);
        let mut run = runtime.block_on(asking)?;
        bar.finish_and_clear();
        run.settings.clone_from(settings);
        Ok(run)
    }
}

fn parse_kappa(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "must be a number in [-1, 1]".to_owned())?;
    let is_one = (-1.0..=1.0).contains(&value);
    is_one.then_some(value).ok_or_else(|| "must be in [-1, 1]".to_owned())
}

/// What the command line alone gets wrong.
fn usage(error: &EvalError) -> anyhow::Error {
    UsageError(error.to_string()).into()
}

fn regressions(against: &AgainstReport) -> String {
    let told = against.regressions().map(|(system, measure, change)| {
        let [low, high] = change.difference.ci95;
        let mean = change.difference.mean;
        format!("{system}, {measure} {mean:+.4} [{low:+.4}, {high:+.4}]")
    });
    told.collect::<Vec<_>>().join("; ")
}
