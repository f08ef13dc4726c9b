//! `trovato eval judge`: judges' answers, checked, merged and compared.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use corpora::{JudgedDocument, parse_judgments};
use engine::DocumentId;
use eval::{
    GivenAnswer, PooledQuestion, agreement, guide_texts, judgments_from_answers, parse_answers,
};
use serde::Serialize;

use crate::options::{UsageError, print_json};

const EXAMPLES: &str = "\
Examples:
  trovato eval judge --pool pool.jsonl --answers a=answers-a.jsonl --date 2026-11-20 --out corpora/rust-docs/judgments.jsonl
  trovato eval judge --pool pool.jsonl --answers a=answers-a.jsonl --answers b=answers-b.jsonl

Every quote is looked up in the region it was taken from; an answer that does not fit the pool is
refused as a whole. With several judges the agreement of each pair is printed. What --out holds
already is kept and added to.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct JudgeArgs {
    /// What was to be read, from `trovato eval pool`
    #[arg(long, value_name = "FILE")]
    pool: PathBuf,

    /// A judge's answers
    #[arg(long = "answers", value_name = "JUDGE=FILE", required = true)]
    answers: Vec<JudgeFile>,

    /// The day of the judgments
    #[arg(long, value_name = "YYYY-MM-DD", requires = "out")]
    date: Option<String>,

    /// The judgments to add to
    #[arg(long, value_name = "FILE", requires = "date")]
    out: Option<PathBuf>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug)]
struct JudgeFile {
    judge: String,
    path: PathBuf,
}

impl std::str::FromStr for JudgeFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((judge, path)) if !judge.is_empty() && !path.is_empty() => {
                Ok(Self { judge: judge.to_owned(), path: path.into() })
            }
            _ => Err("expected JUDGE=FILE".to_owned()),
        }
    }
}

#[derive(Serialize)]
struct Report {
    judges: Vec<JudgeReport>,
    agreements: Vec<AgreementReport>,
}

#[derive(Serialize)]
struct JudgeReport {
    judge: String,
    questions: usize,
    quotes: usize,
}

#[derive(Serialize)]
struct AgreementReport {
    judges: [String; 2],
    regions: usize,
    observed: f64,
    kappa: f64,
    weighted_kappa: f64,
}

pub(super) fn run(args: &JudgeArgs) -> anyhow::Result<()> {
    let pool = read_pool(&args.pool)?;
    let mut given: Vec<(String, Vec<GivenAnswer>)> = Vec::new();
    for JudgeFile { judge, path } in &args.answers {
        if given.iter().any(|(other, _)| other == judge) {
            return Err(UsageError(format!("two files of judge {judge:?}; join them")).into());
        }
        let told = || format!("cannot use {}", path.display());
        let content = fs::read_to_string(path).with_context(told)?;
        given.push((judge.clone(), parse_answers(&content).with_context(told)?));
    }
    if let (Some(out), Some(date)) = (&args.out, &args.date) {
        merge_into(out, date, &pool, &given)?;
    }
    let report = Report::new(&pool, &given);
    if args.json {
        return print_json(&report);
    }
    for JudgeReport { judge, questions, quotes } in &report.judges {
        println!("{judge}: {questions} questions, {quotes} quotes that answer");
    }
    for row in report.agreements.iter().filter(|row| row.regions > 0) {
        let [first, second] = &row.judges;
        println!(
            "{first} and {second}: {} regions, agree on {:.3}, kappa {:.3}, weighted over grades {:.3}",
            row.regions, row.observed, row.kappa, row.weighted_kappa
        );
    }
    Ok(())
}

impl Report {
    fn new(pool: &[PooledQuestion], given: &[(String, Vec<GivenAnswer>)]) -> Self {
        let judges = given.iter().map(|(judge, answers)| JudgeReport {
            judge: judge.clone(),
            questions: answers.len(),
            quotes: answers.iter().map(|answer| answer.relevant.len()).sum(),
        });
        let mut agreements = Vec::new();
        for (at, (first, first_answers)) in given.iter().enumerate() {
            for (second, second_answers) in &given[at + 1..] {
                let found = agreement(pool, first_answers, second_answers);
                agreements.push(AgreementReport {
                    judges: [first.clone(), second.clone()],
                    regions: found.n_regions,
                    observed: found.observed,
                    kappa: found.kappa,
                    weighted_kappa: found.weighted_kappa,
                });
            }
        }
        Self { judges: judges.collect(), agreements }
    }
}

fn read_pool(path: &Path) -> anyhow::Result<Vec<PooledQuestion>> {
    let content =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    content
        .lines()
        .enumerate()
        .map(|(at, line)| {
            serde_json::from_str(line)
                .with_context(|| format!("{}, line {}", path.display(), at + 1))
        })
        .collect()
}

/// Adds judgments to a file.
fn merge_into(
    out: &Path,
    date: &str,
    pool: &[PooledQuestion],
    given: &[(String, Vec<GivenAnswer>)],
) -> anyhow::Result<()> {
    let regions = pool.iter().flat_map(|question| &question.regions);
    let wanted = regions.map(|region| region.document.clone()).collect();
    let texts = guide_texts(&wanted)?;
    let text_of = |document: &DocumentId| texts.get(document).cloned();
    let earlier = match fs::read_to_string(out) {
        Ok(content) => parse_judgments(&content)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", out.display())),
    };
    let key = |judged: &JudgedDocument| {
        (judged.question.clone(), judged.document.clone(), judged.judge.clone())
    };
    let mut by_key: HashMap<_, JudgedDocument> =
        earlier.into_iter().map(|judged| (key(&judged), judged)).collect();
    for (judge, answers) in given {
        for judged in judgments_from_answers(pool, answers, (judge, date), &text_of)? {
            match by_key.entry(key(&judged)) {
                std::collections::hash_map::Entry::Occupied(mut known) => {
                    known.get_mut().absorb(judged);
                }
                std::collections::hash_map::Entry::Vacant(new) => {
                    new.insert(judged);
                }
            }
        }
    }
    let mut judgments: Vec<_> = by_key.into_values().collect();
    judgments.sort_by_key(|judged| key(judged));
    let mut lines = String::new();
    for judged in &judgments {
        lines.push_str(&serde_json::to_string(judged)?);
        lines.push('\n');
    }
    fs::write(out, lines).with_context(|| format!("cannot write {}", out.display()))
}
