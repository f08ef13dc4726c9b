//! `trovato eval replay`: what users asked, asked again of another
//! configuration.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use corpora::parse_query_log;
use engine::{Fusion, Index, OpenOptions, Strategy, Verify};
use eval::{
    DisagreementReport, HitReport, OverlapSummary, Persistence, ReplayLevel, ReplayOptions,
    ReplayReport, feedback_judgments, judging_lines, load_encoder, replay, strategy_name,
};
use serde::Serialize;

use super::logged_collection::{of_collection, read_feedback};
use super::question_file::{Existing, write_text};
use crate::encoder;
use crate::options::{StrategyName, UsageError, print_json};
use crate::progress::{FetchBar, count_bar};

const EXAMPLES: &str = "\
Examples:
  trovato eval replay queries.jsonl --index notes.trovato                       has anything changed?
  trovato eval replay queries.jsonl --index notes.trovato --strategy lexical    would users see other pages?
  trovato eval replay queries.jsonl --index notes.trovato --fusion rrf --export judge.jsonl --show 30
  trovato eval replay queries.jsonl --index notes.trovato --export judge.jsonl --feedback feedback.jsonl
  trovato eval adopt judge.jsonl --index notes.trovato --out questions.jsonl

The log is written by `trovato serve --query-log`. Rankings are compared by rank-biased overlap
(Webber, Moffat, Zobel 2010): 1 is the same ranking, 0 nothing in common. It says how much
changes, not whether for the better: judge the disagreements for that. Repeated requests are run
once; of a sample (`--query-log-sample`) the number it stands for is estimated;
searches with redacted words, with a vector of their own, and degraded ones are left out and counted.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReplayArgs {
    /// The query log
    log: PathBuf,

    /// The index to ask
    #[arg(long, value_name = "DIR", visible_alias = "against")]
    index: PathBuf,

    /// The collection whose searches are replayed, where the log has several
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,

    /// Which legs are searched [default: as each search was logged]
    #[arg(long, value_enum)]
    strategy: Option<StrategyName>,

    /// How the legs' rankings are fused, as for `trovato search`; implies
    /// --strategy hybrid
    #[arg(long, value_name = "METHOD")]
    fusion: Option<Fusion>,

    /// Where the index's encoder is, if not under the name it remembers
    #[arg(long, value_name = "NAME[@fp32|@int8]")]
    encoder: Option<String>,

    /// The persistence of rank-biased overlap: .9 looks at about ten ranks
    #[arg(long, value_name = "P", default_value = "0.9")]
    p: Persistence,

    /// On which level disagreements are ordered: documents compare between
    /// indexes that are cut differently
    #[arg(long, value_enum, default_value = "documents")]
    level: LevelName,

    /// How many disagreements are shown and exported
    #[arg(long, value_name = "N", default_value_t = 10)]
    show: usize,

    /// Write the passages of these disagreements to a file, to be judged
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,

    /// Grade the exported passages that users have judged, as `trovato serve --feedback`
    /// wrote it
    #[arg(long, value_name = "FILE", requires = "export")]
    feedback: Option<PathBuf>,

    /// Replace an export that is there already
    #[arg(long, requires = "export")]
    force: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LevelName {
    Documents,
    Passages,
}

impl From<LevelName> for ReplayLevel {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Documents => Self::Documents,
            LevelName::Passages => Self::Passages,
        }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    collection: &'a str,
    /// The strategy of every search; `logged` for that of each.
    strategy: &'a str,
    generation: u64,
    #[serde(flatten)]
    outcome: &'a ReplayReport,
}

pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<()> {
    let strategy = strategy(args)?;
    let log = std::fs::read_to_string(&args.log)
        .with_context(|| format!("cannot read {}", args.log.display()))?;
    let searches = parse_query_log(&log).with_context(|| args.log.display().to_string())?;
    let (collection, searches) = of_collection(searches, args.collection.as_deref())?;
    let lexical_only = match strategy {
        Some(strategy) => !strategy.reads_vectors(),
        None => searches.iter().all(|search| search.request.strategy == "lexical"),
    };
    let encoder = match &args.encoder {
        // A lexical search needs no model, and should not wait for one.
        _ if lexical_only => None,
        Some(name) => Some(load_encoder(name, &FetchBar::default())?.encoder),
        None => Some(encoder::for_index(&args.index, &FetchBar::default())?.encoder),
    };
    let index = Index::open(&args.index, OpenOptions { encoder, verify: Verify::Auto })?;
    let searcher = index.searcher();

    let bar = count_bar("replaying", "queries", Some(0));
    let options = ReplayOptions { strategy, persistence: args.p };
    let outcome = replay(&searches, &searcher, &options, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    let level = args.level.into();
    let report = ReplayReport::new(&outcome, args.p, (level, args.show));
    if let Some(path) = &args.export {
        let mut shown = outcome.disagreements(level);
        shown.truncate(args.show);
        let mut lines = judging_lines(&shown, &searcher)?;
        if let Some(path) = &args.feedback {
            let feedback = read_feedback(path, Some(&collection))?;
            let n_graded = feedback_judgments(&feedback, &searcher)?.grade(&mut lines);
            eprintln!("{n_graded} of {} exported passages are graded by users", lines.len());
        }
        let mut jsonl = String::new();
        for line in lines {
            jsonl += &serde_json::to_string(&line)?;
            jsonl.push('\n');
        }
        let existing = if args.force { Existing::Replace } else { Existing::Keep };
        write_text(path, &jsonl, existing)?;
    }
    let name = strategy.map_or_else(|| "logged".to_owned(), strategy_name);
    if args.json {
        return print_json(&Report {
            collection: &collection,
            strategy: &name,
            generation: searcher.generation(),
            outcome: &report,
        });
    }
    print(&mut io::stdout().lock(), &report, &name)?;
    Ok(())
}

fn strategy(args: &ReplayArgs) -> Result<Option<Strategy>, UsageError> {
    let named = args.strategy.or(args.fusion.map(|_| StrategyName::Hybrid));
    named.map(|name| name.with_fusion(args.fusion)).transpose()
}

fn print(out: &mut impl Write, report: &ReplayReport, strategy: &str) -> io::Result<()> {
    writeln!(
        out,
        "{} searches, {} different requests replayed ({strategy})",
        report.searches, report.queries
    )?;
    if report.sampled_from != report.searches {
        writeln!(out, "the log is a sample of about {} searches", report.sampled_from)?;
    }
    for (n, meaning) in [
        (report.redacted, "searches left out: words were redacted from them"),
        (report.own_vector, "searches left out: they were for a vector of the client's own"),
        (report.degraded, "searches left out: they were answered without a stage"),
    ] {
        if n > 0 {
            writeln!(out, "{n} {meaning}")?;
        }
    }
    writeln!(out, "\nrank-biased overlap, p = {}", report.p)?;
    writeln!(out, "  {:<12} {:>7} {:>7} {:>7} {:>10}", "", "mean", "median", "p10", "identical")?;
    for (level, summary) in [("documents", report.documents), ("passages", report.passages)] {
        let OverlapSummary { mean, median, p10, identical } = summary;
        writeln!(out, "  {level:<12} {mean:>7.4} {median:>7.4} {p10:>7.4} {identical:>10}")?;
    }
    for disagreement in &report.disagreements {
        print_disagreement(out, disagreement)?;
    }
    Ok(())
}

/// Widest document id in a column; the end tells more than the start.
const COLUMN: usize = 44;

fn print_disagreement(out: &mut impl Write, found: &DisagreementReport) -> io::Result<()> {
    let DisagreementReport { query, documents_rbo, passages_rbo, logged, replayed } = found;
    writeln!(out, "\n{query}")?;
    writeln!(out, "  documents {documents_rbo:.4}, passages {passages_rbo:.4}")?;
    writeln!(out, "       {:<COLUMN$}  replayed", "logged")?;
    for rank in 0..logged.len().max(replayed.len()) {
        let [left, right] = [logged, replayed].map(|hits| hits.get(rank).map(place));
        let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
        writeln!(out, "  {:>3}  {left:<COLUMN$}  {right}", rank + 1)?;
    }
    Ok(())
}

/// `...long/path.md 120..480`, at most [`COLUMN`] characters.
fn place(hit: &HitReport) -> String {
    let span = format!(" {}..{}", hit.span[0], hit.span[1]);
    let room = COLUMN.saturating_sub(span.len());
    let n_chars = hit.document.chars().count();
    if n_chars <= room {
        return format!("{}{span}", hit.document);
    }
    let end: String = hit.document.chars().skip(n_chars + 3 - room).collect();
    format!("...{end}{span}")
}
