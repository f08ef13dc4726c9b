//! `trovato eval chunking`: chunkers on equal terms, by the text they bring.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use corpora::{ChunkingBenchmark, QuestionSplit};
use engine::{Encoder, SearchRequest};
use eval::{
    CachedEncoder, ChunkingOptions, ChunkingOutcome, ChunkingRow, GroundTruth, PublishedRow,
    Recipe, TokenBudget, compare_chunkers, drafts_notice, evaluate_chunking, published_row,
};
use ingest::chunk::{ChunkerSpec, Cl100kSizer, SpecError, TokenSizer, TokenizerChoice};
use serde::Serialize;

use super::chunking_table::print_rows;
use super::recipe::{EvalBars, RecipeArgs, index_cache, vector_cache};
use crate::options::{StrategyArgs, UsageError, print_json};

const EXAMPLES: &str = "\
Examples:
  trovato eval chunking chroma-chunking --chunker recursive:200/0
  trovato eval chunking chroma-chunking --chunker fixed:250 recursive:250 structure:200 --budget 1000
  trovato eval chunking chroma-chunking --chunker recursive:200 --strategy hybrid --split dev --json
  trovato eval chunking ~/handbook --questions questions.jsonl --chunker structure:256 fixed:256

Recall, precision and IoU compare the characters of the first chunks with those that answer the
question; precision omega is what a perfect retriever could reach with these chunks. Intervals
are 95 % bootstrap intervals over questions. Of several chunkers each is set against the baseline,
question by question: the difference, the p-value of a randomisation test corrected for the number
of chunkers (Holm), a verdict, and the difference that so many questions find four times in five.

DIR is the published benchmark (questions_df.csv beside corpora/), or with --questions any folder
of documents. A question file has a JSON object a line, as corpora/rust-docs/questions.jsonl;
its documents are named FOLDER/PATH, FOLDER being the last component of DIR. The benchmark has no
splits; here odd questions of each corpus are dev and even ones test. Defaults are the
benchmark's: sizes in cl100k tokens, fp32 vectors, dense search, 5 chunks.";

#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    mut_arg("strategy", |arg| arg.default_value("dense")),
    mut_arg("encoder", |arg| arg.default_value("all-MiniLM-L6-v2@fp32"))
)]
pub(super) struct ChunkingArgs {
    /// The benchmark's folder, or a folder of documents
    dir: PathBuf,

    /// How documents are cut, as for `trovato ingest`; several are compared
    #[arg(long, value_name = "SPEC", num_args = 1.., required = true)]
    chunker: Vec<ChunkerArg>,

    /// Which of them the others are set against [default: the first]
    #[arg(long, value_name = "SPEC")]
    baseline: Option<ChunkerArg>,

    /// Questions over the documents in DIR
    #[arg(long, value_name = "FILE")]
    questions: Option<PathBuf>,

    #[command(flatten)]
    strategy: StrategyArgs,

    #[command(flatten)]
    recipe: RecipeArgs,

    /// Whose tokens a SPEC without tokenizer= counts, and the budget
    #[arg(long, value_enum, default_value = "cl100k")]
    tokenizer: TokenizerName,

    /// Chunks looked at, 1 to 1000
    #[arg(long, value_name = "N", default_value = "5", value_parser = chunks)]
    chunks: NonZeroUsize,

    /// Look also at so many tokens; the last chunk is cut to what is left
    #[arg(long, value_name = "TOKENS")]
    budget: Option<NonZeroUsize>,

    /// Which questions
    #[arg(long, value_enum, default_value = "all")]
    split: SplitName,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TokenizerName {
    Cl100k,
    Encoder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SplitName {
    Dev,
    Test,
    All,
}

/// A SPEC, and whether it says whose tokens it counts.
#[derive(Clone, Debug)]
struct ChunkerArg {
    spec: ChunkerSpec,
    names_tokenizer: bool,
}

impl FromStr for ChunkerArg {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        Ok(Self { spec: text.parse()?, names_tokenizer: text.contains("tokenizer=") })
    }
}

fn chunks(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .ok()
        .filter(|chunks: &NonZeroUsize| chunks.get() <= SearchRequest::MAX_TOP)
        .ok_or_else(|| format!("it is a number from 1 to {}", SearchRequest::MAX_TOP))
}

/// What is printed for several chunkers.
#[derive(Serialize)]
struct Rows<'r> {
    baseline: &'r str,
    rows: &'r [ChunkingRow],
}

pub(super) fn run(args: &ChunkingArgs) -> anyhow::Result<()> {
    let strategy = args.strategy.resolve()?;
    let baseline = args.baseline()?;
    let truth = ground_truth(args)?;
    if let GroundTruth::Folder { questions, .. } = &truth
        && let Some(notice) = drafts_notice(questions)
    {
        eprintln!("note: {notice}");
    }
    let loaded = args.recipe.load_encoder()?;
    let sizer = loaded.sizer()?;
    // Chunkers share passages, and another strategy shares all of them.
    let encoder = Arc::new(CachedEncoder::open(&vector_cache()?, loaded.encoder)?);
    let ruler: Arc<dyn TokenSizer> = match args.tokenizer {
        TokenizerName::Cl100k => Arc::new(Cl100kSizer::new()),
        TokenizerName::Encoder => Arc::clone(&sizer),
    };
    let options = ChunkingOptions {
        strategy,
        chunks: args.chunks,
        budget: args.budget.map(|tokens| TokenBudget { tokens, ruler }),
        reuse: args.recipe.reuse(),
    };
    let mut rows = Vec::with_capacity(args.chunker.len());
    let mut outcomes = Vec::with_capacity(args.chunker.len());
    let mut published = Vec::with_capacity(args.chunker.len());
    for chunker in &args.chunker {
        let recipe = Recipe {
            chunker: args.sized(chunker),
            encoder: Arc::clone(&encoder) as Arc<dyn Encoder>,
            sizer: Arc::clone(&sizer),
            vectors: args.recipe.vectors,
        };
        let outcome =
            evaluate_chunking(&truth, &recipe, &options, &index_cache()?, &EvalBars::new())?;
        note_what_is_missing(&recipe, &outcome);
        let row = ChunkingRow::new(&recipe, strategy, &outcome);
        published.push(args.published(&truth, &recipe.chunker, &row));
        rows.push(row);
        outcomes.push(outcome);
    }
    for (row, comparison) in rows.iter_mut().zip(compare_chunkers(&outcomes, baseline)?) {
        row.against_baseline = comparison;
    }
    match (args.json, rows.as_slice()) {
        (true, [row]) => print_json(row),
        (true, rows) => print_json(&Rows { baseline: &rows[baseline].chunker, rows }),
        (false, rows) => {
            let mut out = io::stdout().lock();
            print_rows(&mut out, args.chunks, rows, &published)?;
            out.flush()?;
            Ok(())
        }
    }
}

impl ChunkingArgs {
    /// The chunker with its sizes in the tokens asked for.
    fn sized(&self, chunker: &ChunkerArg) -> ChunkerSpec {
        let spec = chunker.spec.clone();
        match self.tokenizer {
            _ if chunker.names_tokenizer => spec,
            TokenizerName::Cl100k => spec.with_tokenizer(TokenizerChoice::Cl100k),
            TokenizerName::Encoder => spec.with_tokenizer(TokenizerChoice::Encoder),
        }
    }

    /// Which chunker is the baseline. Told before anything is indexed.
    fn baseline(&self) -> Result<usize, UsageError> {
        let Some(baseline) = &self.baseline else { return Ok(0) };
        let wanted = self.sized(baseline);
        let given: Vec<ChunkerSpec> =
            self.chunker.iter().map(|chunker| self.sized(chunker)).collect();
        given.iter().position(|spec| *spec == wanted).ok_or_else(|| {
            let given: Vec<_> = given.iter().map(ToString::to_string).collect();
            UsageError(format!(
                "--baseline {wanted} is none of the chunkers; it is one of {}",
                given.join(" ")
            ))
        })
    }

    /// The published figures for what was just measured.
    fn published(
        &self,
        truth: &GroundTruth,
        chunker: &ChunkerSpec,
        row: &ChunkingRow,
    ) -> Option<PublishedRow> {
        let comparable = matches!(truth, GroundTruth::Benchmark { .. })
            && self.split == SplitName::All
            && self.chunks.get() == 5
            && row.strategy == "dense"
            && row.encoder == "all-MiniLM-L6-v2@fp32";
        if comparable { published_row(chunker) } else { None }
    }
}

fn ground_truth(args: &ChunkingArgs) -> anyhow::Result<GroundTruth> {
    if args.questions.is_none() && !ChunkingBenchmark::recognises(&args.dir) {
        let dir = args.dir.display();
        return Err(UsageError(format!(
            "{dir} is not the chunking benchmark (questions_df.csv beside corpora/); for a folder of documents add \
             --questions FILE"
        ))
        .into());
    }
    let mut truth = GroundTruth::open(&args.dir, args.questions.as_deref())?;
    match args.split {
        SplitName::Dev => truth.keep_split(QuestionSplit::Dev),
        SplitName::Test => truth.keep_split(QuestionSplit::Test),
        SplitName::All => {}
    }
    Ok(truth)
}

/// Says on standard error what the figures leave out.
fn note_what_is_missing(recipe: &Recipe, outcome: &ChunkingOutcome) {
    let chunker = &recipe.chunker;
    for (n, what) in [
        (outcome.unresolved.len(), "quotes are not in the documents; their questions are left out"),
        (outcome.n_unanswerable, "questions are unanswerable and left out"),
        (outcome.indexing.skipped, "documents could not be read"),
        (
            outcome.indexing.truncated,
            "chunks are longer than the encoder reads; it saw their start",
        ),
    ] {
        if n > 0 {
            eprintln!("note: {chunker}: {n} {what}");
        }
    }
}
