//! `trovato eval rerank`: anyone's run, reranked and scored before and after.

use std::io;
use std::path::PathBuf;

use clap::Args;
use corpora::{BeirCollection, Qrels, read_topics};
use engine::SearchRequest;
use eval::{
    RequestedMeasure, RerankRunOptions, RunToRerank, ScoreReport, read_run, rerank_run,
    write_features, write_run,
};
use ingest::chunk::ChunkerSpec;

use super::recipe::{EvalBars, RecipeArgs, index_cache};
use super::table::print_scores;
use crate::options::{RerankArgs, RerankUse, UsageError, print_json};
use crate::progress::FetchBar;

const EXAMPLES: &str = "\
Examples:
  trovato eval rerank beir/scifact --run bm25.run --rerank late:idf
  trovato eval rerank beir/scifact --run bm25.run --rerank ms-marco-MiniLM-L6-v2 --depth 50 --json
  trovato eval rerank web --run bm25.run --qrels web.qrels --rerank ./my-model --run-out out.run

The folder holds corpus.jsonl and queries.jsonl; judgments are its qrels/SPLIT.tsv unless --qrels
names others (BEIR or TREC). The first --depth documents of each topic are read again; the others
follow in the order they had. Only documents that are read are indexed, below TROVATO_HOME/eval.
The difference is that of the reranked run from the run as it was, paired over topics.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("rerank", |arg| arg.default_value("default")),
    mut_arg("rerank_depth", |arg| arg.hide(true)))]
pub(super) struct RerankRunArgs {
    /// The collection's folder
    dir: PathBuf,

    /// The run to rerank
    #[arg(long, value_name = "FILE")]
    run: PathBuf,

    /// Which judgments: qrels/SPLIT.tsv
    #[arg(long, default_value = "test", conflicts_with = "qrels")]
    split: String,

    /// The judgments, if they are not in the folder
    #[arg(long, value_name = "FILE")]
    qrels: Option<PathBuf>,

    /// What to measure: nDCG, R, P, Success, RR (or MRR), AP (or MAP), Judged, with @CUTOFF
    #[arg(long, value_delimiter = ',', default_value = "nDCG@10,R@100,RR@10")]
    measures: Vec<RequestedMeasure>,

    /// How many documents of a topic are read again
    #[arg(long, value_name = "N", default_value_t = SearchRequest::DEFAULT_DEPTH)]
    depth: usize,

    #[command(flatten)]
    rerank: RerankArgs,

    #[command(flatten)]
    recipe: RecipeArgs,

    /// Write the reranked run as a TREC run file
    #[arg(long, value_name = "FILE")]
    run_out: Option<PathBuf>,

    /// Write what was known of each candidate, with its judgment, as JSON lines
    #[arg(long, value_name = "FILE")]
    features_out: Option<PathBuf>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RerankRunArgs) -> anyhow::Result<()> {
    if args.rerank.has_depth() {
        let told = "--rerank-depth is for searches; how far a run is read, --depth says";
        return Err(UsageError(told.into()).into());
    }
    let given = given(args)?;
    let recipe = args.recipe.load(Some(ChunkerSpec::whole()))?;
    let wanted = RerankUse::of(args.features_out.as_ref());
    let rerank = args.rerank.load(Some(&recipe.encoder), &FetchBar::default(), wanted)?;
    let rerank = rerank.ok_or_else(|| {
        UsageError("--rerank none leaves the run as it is; `trovato eval score` scores it".into())
    })?;
    let options = RerankRunOptions {
        recipe,
        rerank,
        depth: args.depth,
        measures: args.measures.clone(),
        reuse: args.recipe.reuse(),
    };
    let reranked = rerank_run(&given, &options, &index_cache()?, &EvalBars::new())?;
    if reranked.n_without_text > 0 {
        let (n, run) = (reranked.n_without_text, args.run.display());
        eprintln!(
            "note: {n} topics of {run} have no text in queries.jsonl; they keep their ranking"
        );
    }
    if let Some(path) = &args.run_out {
        write_run(&reranked.run, path)?;
    }
    if let Some(path) = &args.features_out {
        write_features(&reranked.features, &given.qrels, path)?;
    }
    let report = ScoreReport::of_reranked(&given.name, &options, &reranked)?;
    if args.json {
        return print_json(&report);
    }
    print_scores(&mut io::stdout().lock(), &report)?;
    Ok(())
}

/// The run with its topics and judgments.
fn given(args: &RerankRunArgs) -> anyhow::Result<RunToRerank> {
    let run = read_run(&args.run)?;
    let (name, topics, qrels) = match &args.qrels {
        None => {
            let collection = BeirCollection::open(&args.dir, &args.split)?;
            (collection.name, collection.topics, collection.qrels)
        }
        Some(path) => {
            let topics = read_topics(&args.dir.join("queries.jsonl"))?;
            let name = args.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, topics, Qrels::read(path)?)
        }
    };
    Ok(RunToRerank { name, dir: args.dir.clone(), topics, qrels, run })
}
