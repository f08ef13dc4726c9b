//! `trovato eval score`: any run file against any judgments.

use std::io;
use std::path::PathBuf;

use clap::Args;
use corpora::Qrels;
use eval::{ByMeasure, RequestedMeasure, ScoreReport, evaluate, read_run, score_fingerprint};

use super::table::print_scores;
use crate::options::print_json;

const EXAMPLES: &str = "\
Examples:
  trovato eval score --qrels qrels/test.tsv --run hybrid.run --measures nDCG@10,R@100
  trovato eval score --qrels robust04.qrels --run bm25.run --measures MAP,P@20 --json
  trovato eval score --qrels qrels/test.tsv --run hybrid.run --against lexical.run

Judgments may be BEIR (topic, document, grade, separated by tabs) or TREC (topic, iteration,
document, grade); which is recognised from the content. Runs are ordered as trec_eval orders
them: by score, equal scores by document id in descending order; the rank column is ignored.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ScoreArgs {
    /// The judgments
    #[arg(long, value_name = "FILE")]
    qrels: PathBuf,

    /// The run
    #[arg(long, value_name = "FILE")]
    run: PathBuf,

    /// Another run on the same topics: prints this run minus that one, paired
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// What to measure: nDCG, R, P, Success, RR (or MRR), AP (or MAP), Judged, with @CUTOFF
    #[arg(long, value_delimiter = ',', default_value = "nDCG@10,R@100,RR@10")]
    measures: Vec<RequestedMeasure>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ScoreArgs) -> anyhow::Result<()> {
    let qrels = Qrels::read(&args.qrels)?;
    let run = read_run(&args.run)?;
    let evaluation = evaluate(&run, &qrels, &args.measures);
    let fingerprint = score_fingerprint(&args.qrels, &args.run)?;
    let name = args.qrels.file_name().unwrap_or_default().to_string_lossy();
    let mut report = ScoreReport::of_run((&name, run.tag.clone()), &evaluation, &fingerprint);
    if let Some(path) = &args.against {
        let other = evaluate(&read_run(path)?, &qrels, &args.measures);
        report.differences = Some(ByMeasure::between(&evaluation.measures, &other.measures)?);
    }
    if args.json {
        return print_json(&report);
    }
    print_scores(&mut io::stdout().lock(), &report)?;
    Ok(())
}
