//! `trovato eval fusion-grid`: the experiment behind the default fusion.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use corpora::{BeirCollection, Question, QuestionSplit, rust_docs_questions};
use engine::Searcher;
use eval::{
    CachedIndex, EvalProgress, GridSet, QuestionLevel, Recipe, compare_systems, grid_markdown,
    index_books, index_collection, measure_grid,
};
use ingest::chunk::ChunkerSpec;

use super::recipe::{EvalBars, RecipeArgs, index_cache};

const EXAMPLES: &str = "\
Examples:
  trovato eval fusion-grid --tune beir/scifact:train --report beir/scifact:test --out grid.md

Chooses on the tuning sets and on the development questions over the Rust documentation;
reports the choice on the reporting sets and on the test questions.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct FusionGridArgs {
    /// A collection and the split to choose on
    #[arg(long, value_name = "DIR:SPLIT")]
    tune: Vec<CollectionSplit>,

    /// A collection and the split to report
    #[arg(long, value_name = "DIR:SPLIT")]
    report: Vec<CollectionSplit>,

    #[command(flatten)]
    recipe: RecipeArgs,

    /// Where the page is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Clone, Debug)]
struct CollectionSplit {
    dir: PathBuf,
    split: String,
}

impl std::str::FromStr for CollectionSplit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            Some((dir, split)) if !dir.is_empty() && !split.is_empty() => {
                Ok(Self { dir: dir.into(), split: split.to_owned() })
            }
            _ => Err("expected DIR:SPLIT, for example beir/scifact:train".to_owned()),
        }
    }
}

pub(super) fn run(args: &FusionGridArgs) -> anyhow::Result<()> {
    let whole = args.recipe.load(Some("whole".parse::<ChunkerSpec>()?))?;
    let chunked = args.recipe.load(None)?;
    let mut indexes = Vec::new();
    let books =
        index_books(&chunked, (&index_cache()?, args.recipe.reuse()), EvalBars::new().indexing())?;
    indexes.push((format!("rust-docs books, {}", chunked.chunker), books.fingerprint.digest()));
    let searcher = books.index.searcher();

    let mut tuning = Vec::new();
    for part in &args.tune {
        tuning.push(collection_set(part, &whole, args, &mut indexes)?);
    }
    tuning.push(question_set(&searcher, QuestionSplit::Dev, QuestionLevel::Passages)?);
    let grid = measure_grid(&tuning)?;

    let mut reporting = Vec::new();
    for part in &args.report {
        reporting.push(collection_set(part, &whole, args, &mut indexes)?);
    }
    for level in [QuestionLevel::Passages, QuestionLevel::Documents] {
        reporting.push(question_set(&searcher, QuestionSplit::Test, level)?);
    }
    let mut reports = Vec::new();
    for set in &reporting {
        reports.push((set, compare_systems(set, grid.chosen())?));
    }
    indexes.dedup();
    let page = grid_markdown(&command(args), (&grid, &tuning), &reports, &indexes);
    fs::write(&args.out, page).with_context(|| format!("cannot write {}", args.out.display()))?;
    let chosen = grid.chosen();
    println!(
        "chosen: {} at depth {}, average nDCG@10 {:.4}",
        chosen.fusion, chosen.depth, chosen.average
    );
    Ok(())
}

fn collection_set(
    part: &CollectionSplit,
    recipe: &Recipe,
    args: &FusionGridArgs,
    indexes: &mut Vec<(String, String)>,
) -> anyhow::Result<GridSet> {
    let collection = BeirCollection::open(&part.dir, &part.split)?;
    let CachedIndex { index, fingerprint, .. } = index_collection(
        &collection,
        recipe,
        (&index_cache()?, args.recipe.reuse()),
        EvalBars::new().indexing(),
    )?;
    indexes.push((format!("{}, {}", collection.name, recipe.chunker), fingerprint.digest()));
    Ok(GridSet::of_collection(&index.searcher(), &collection)?)
}

fn question_set(
    searcher: &Searcher,
    split: QuestionSplit,
    level: QuestionLevel,
) -> anyhow::Result<GridSet> {
    let name = match split {
        QuestionSplit::Dev => "rust-docs dev",
        QuestionSplit::Test => "rust-docs test",
    };
    let questions: Vec<Question> =
        rust_docs_questions()?.into_iter().filter(|question| question.split == split).collect();
    Ok(GridSet::of_questions(searcher, (name, level), &questions)?)
}

/// The command line as a reader of the page would type it.
fn command(args: &FusionGridArgs) -> String {
    let mut words = vec!["trovato eval fusion-grid".to_owned()];
    let mut add = |option: &str, parts: &[CollectionSplit]| {
        for part in parts {
            let name = part.dir.file_name().unwrap_or_default().to_string_lossy();
            words.push(format!("{option} {name}:{}", part.split));
        }
    };
    add("--tune", &args.tune);
    add("--report", &args.report);
    words.push(format!("--out {}", args.out.display()));
    words.join(" ")
}
