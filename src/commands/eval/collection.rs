//! `trovato eval collection`: a BEIR folder from files to figures.

use std::io;
use std::path::PathBuf;

use clap::Args;
use corpora::BeirCollection;
use eval::{
    CollectionOptions, OwnDocument, RequestedMeasure, ScoreReport, evaluate_collection,
    write_features, write_run,
};
use ingest::chunk::ChunkerSpec;

use super::recipe::{EvalBars, RecipeArgs, index_cache};
use super::table::print_scores;
use crate::options::{ExpandArgs, RerankArgs, RerankUse, StrategyArgs, UsageError, print_json};
use crate::progress::FetchBar;

const EXAMPLES: &str = "\
Examples:
  trovato eval collection beir/scifact
  trovato eval collection beir/scifact --strategy lexical --measures nDCG@10,R@100,MAP --json
  trovato eval collection beir/scifact --split train --fusion rrf:60 --run-out rrf.run
  trovato eval collection beir/scifact --split train --expand feedback:3:0.5 --run-out moved.run
  trovato eval collection beir/scifact --rerank late:idf --rerank-depth 50 --features-out f.jsonl

The folder holds corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv. The index is kept below
TROVATO_HOME/eval (which may be deleted) and used again as long as corpus, chunker, encoder
and what they compute stay the same. Topics are searched one at a time and without a deadline. A topic without
results counts 0; intervals are 95 % bootstrap intervals over topics.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CollectionArgs {
    /// The collection's folder
    dir: PathBuf,

    /// Which judgments: qrels/SPLIT.tsv
    #[arg(long, default_value = "test")]
    split: String,

    /// How documents are cut, as for `trovato ingest`
    #[arg(long, value_name = "SPEC", default_value = "whole")]
    chunker: ChunkerSpec,

    #[command(flatten)]
    strategy: StrategyArgs,

    #[command(flatten)]
    expand: ExpandArgs,

    #[command(flatten)]
    rerank: RerankArgs,

    /// Candidates taken from each leg [default: the engine's, or the deepest cutoff]
    #[arg(long, value_name = "N")]
    depth: Option<usize>,

    #[command(flatten)]
    recipe: RecipeArgs,

    /// What to measure: nDCG, R, P, Success, RR (or MRR), AP (or MAP), Judged, with @CUTOFF
    #[arg(long, value_delimiter = ',', default_value = "nDCG@10,R@100,RR@10")]
    measures: Vec<RequestedMeasure>,

    /// Leave out of a topic's ranking the document with the topic's own id
    #[arg(long)]
    remove_own: bool,

    /// Write the rankings as a TREC run file
    #[arg(long, value_name = "FILE")]
    run_out: Option<PathBuf>,

    /// Write what was known of each reranked candidate, with its judgment, as JSON
    /// lines
    #[arg(long, value_name = "FILE")]
    features_out: Option<PathBuf>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: CollectionArgs) -> anyhow::Result<()> {
    let strategy = args.strategy.resolve()?;
    let expansion = args.expand.suiting(strategy)?;
    let collection = BeirCollection::open(&args.dir, &args.split)?;
    if collection.n_missing_topics > 0 {
        let (n, name) = (collection.n_missing_topics, &collection.name);
        eprintln!("note: {n} judged topics of {name} are not in queries.jsonl; they count 0");
    }
    let recipe = args.recipe.load(Some(args.chunker))?;
    let wanted = RerankUse::of(args.features_out.as_ref());
    let rerank = args.rerank.load(Some(&recipe.encoder), &FetchBar::default(), wanted)?;
    if args.features_out.is_some() && rerank.is_none() {
        let told = "--features-out tells what a reranker knew; name one with --rerank";
        return Err(UsageError(told.to_owned()).into());
    }
    let options = CollectionOptions {
        recipe,
        strategy,
        depth: args.depth,
        expansion,
        rerank,
        measures: args.measures,
        own_document: if args.remove_own { OwnDocument::Remove } else { OwnDocument::Keep },
        reuse: args.recipe.reuse(),
    };
    let outcome = evaluate_collection(&collection, &options, &index_cache()?, &EvalBars::new())?;
    if let Some(path) = &args.run_out {
        write_run(&outcome.topic_run.run, path)?;
    }
    if let Some(path) = &args.features_out {
        write_features(&outcome.topic_run.features, &collection.qrels, path)?;
    }
    let report = ScoreReport::of_collection(
        (&collection.name, collection.n_unjudged_topics),
        &options,
        &outcome,
    );
    if args.json {
        return print_json(&report);
    }
    print_scores(&mut io::stdout().lock(), &report)?;
    Ok(())
}
