//! `trovato search`: ask an index one question.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use engine::filter::Filter;
use engine::{
    Added, Detail, DocumentId, Explanation, Hit, Index, NearDuplicates, OpenOptions, RerankReport,
    SearchError, SearchOutcome, SearchRequest, Typos, Verify,
};

use crate::encoder;
use crate::options::{self, ExpandArgs, RerankArgs, RerankUse, StrategyArgs, UsageError};
use crate::progress::FetchBar;

const EXAMPLES: &str = "\
Examples:
  trovato search 'who frees memory' --index notes.trovato
  trovato search '\"borrow checker\" -unsafe HashMap*' --index notes.trovato --strategy lexical
  trovato search 'lifetimes' --index notes.trovato --filter 'year >= 2020 and lang in [en, de]'
  trovato search 'lifetimes' --index notes.trovato --explain --why-not notes/traits.md
  trovato search 'could you tell me who frees memory?' --index notes.trovato --expand multi-query
  trovato search 'who frees memory' --index notes.trovato --rerank default

Queries: \"a phrase\", +required, -excluded, prefix*. Everything else is text.";

/// Search an index
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
pub(crate) struct SearchArgs {
    /// What to look for
    query: String,

    /// The index folder
    #[arg(long, value_name = "DIR")]
    index: PathBuf,

    #[command(flatten)]
    strategy: StrategyArgs,

    #[command(flatten)]
    expand: ExpandArgs,

    #[command(flatten)]
    rerank: RerankArgs,

    /// Which documents may be found, for example 'year >= 2020 and lang = en'
    #[arg(long, value_name = "EXPR", value_parser = options::parse_filter)]
    filter: Option<Filter>,

    /// How many hits
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,

    /// How many candidates each leg hands on
    #[arg(long, value_name = "N")]
    depth: Option<usize>,

    /// Most hits of one document
    #[arg(long, value_name = "N")]
    per_document: Option<usize>,

    /// Show every near-duplicate instead of naming it under its twin
    #[arg(long)]
    list_near_duplicates: bool,

    /// Let words that no document holds stand for those one edit away
    #[arg(long)]
    typos: bool,

    /// Show where each score comes from
    #[arg(long)]
    explain: bool,

    /// Say why this document is not among the hits
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    why_not: Option<DocumentId>,

    /// Start no further stage after this many milliseconds
    #[arg(long, value_name = "MS")]
    deadline_ms: Option<u64>,

    /// How much of the index is compared with its checksums
    #[arg(long, value_enum, default_value = "auto")]
    verify: VerifyName,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// `--verify`.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum VerifyName {
    /// Everything up to 1 GiB, above that headers and bounds.
    Auto,
    /// Everything.
    Full,
    /// Headers and bounds.
    Lazy,
}

fn parse_id(text: &str) -> Result<DocumentId, String> {
    DocumentId::new(text).map_err(|error| error.to_string())
}

/// Runs the subcommand.
pub(crate) fn run(args: SearchArgs) -> anyhow::Result<()> {
    let strategy = args.strategy.resolve()?;
    let expansion = args.expand.suiting(strategy)?;
    // A lexical search needs no encoder, and should not wait for one.
    let encoder = if strategy.reads_vectors() || args.rerank.needs_encoder() {
        Some(encoder::for_index(&args.index, &FetchBar::default())?.encoder)
    } else {
        None
    };
    let verify = match args.verify {
        VerifyName::Auto => Verify::Auto,
        VerifyName::Full => Verify::Full,
        VerifyName::Lazy => Verify::Lazy,
    };
    let rerank = args.rerank.load(encoder.as_ref(), &FetchBar::default(), RerankUse::Waiting)?;
    let index = Index::open(&args.index, OpenOptions { encoder, verify })?;
    let mut searcher = index.searcher();
    if let Some(rerank) = &rerank {
        searcher = searcher.with_reranker(Arc::clone(&rerank.pipeline));
    }
    let request = SearchRequest {
        strategy,
        top: args.top,
        depth: args.depth,
        expansion,
        rerank: rerank.map(|rerank| rerank.options),
        filter: args.filter,
        per_document: args.per_document,
        near_duplicates: if args.list_near_duplicates {
            NearDuplicates::List
        } else {
            NearDuplicates::Group
        },
        typos: if args.typos { Typos::OneEdit } else { Typos::Exact },
        detail: if args.explain { Detail::Explained } else { Detail::Plain },
        why_not: args.why_not,
        deadline_ms: args.deadline_ms,
        ..SearchRequest::new(args.query)
    };
    let outcome = searcher.search(&request).map_err(|error| {
        // What the caller can mend by asking differently is bad usage.
        let usage = matches!(
            error,
            SearchError::EmptyQuery
                | SearchError::QueryTooLong { .. }
                | SearchError::OutOfRange { .. }
        );
        if usage { UsageError(error.to_string()).into() } else { anyhow::Error::from(error) }
    })?;
    if args.json {
        return options::print_json(&server::OutcomeBody::new(&request, None, outcome));
    }
    print(&request, &outcome)?;
    Ok(())
}

fn print(request: &SearchRequest, outcome: &SearchOutcome) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let style = Style::of_terminal();
    for (at, hit) in outcome.hits.iter().enumerate() {
        print_hit(&mut out, at + 1, hit, outcome, style)?;
    }
    if outcome.hits.is_empty() {
        writeln!(out, "nothing found")?;
    }
    if let (Some(id), Some(why_not)) = (&request.why_not, &outcome.why_not) {
        writeln!(out, "why not {id}: {why_not}")?;
    }
    if let Some(expanded) = &outcome.expanded {
        writeln!(out, "{} {}", expanded.expansion, tell_added(&expanded.added))?;
    }
    for left_out in &outcome.degraded {
        writeln!(out, "left out: {} ({})", left_out.stage, left_out.reason)?;
    }
    if outcome.n_dropped_terms > 0 {
        writeln!(out, "{} words beyond the limit were not searched", outcome.n_dropped_terms)?;
    }
    let ms = outcome.timings_ms;
    let rerank = outcome.reranked.map_or_else(String::new, |report| {
        let RerankReport { scored, candidates, .. } = report;
        format!("rerank {:.1} ({scored} of {candidates} read), ", ms.rerank)
    });
    let expand = outcome
        .expanded
        .as_ref()
        .map_or_else(String::new, |_| format!("expand {:.1}, ", ms.expand));
    writeln!(
        out,
        "{}{:.1} ms: encode {:.1}, lexical {:.1}, dense {:.1}, fusion {:.1}, {expand}{rerank}fetch {:.1}{}",
        style.dim, ms.total, ms.encode, ms.lexical, ms.dense, ms.fusion, ms.fetch, style.plain
    )
}

fn print_hit(
    out: &mut impl Write,
    rank: usize,
    hit: &Hit,
    outcome: &SearchOutcome,
    style: Style,
) -> io::Result<()> {
    let path: Vec<&str> = std::iter::once(hit.title.as_str())
        .chain(hit.headings.iter().map(String::as_str))
        .filter(|part| !part.is_empty())
        .collect();
    writeln!(out, "{rank}. {}{}{}", style.bold, path.join(" > "), style.plain)?;
    writeln!(
        out,
        "   {}{} [{}..{}]  {:.4} {}{}",
        style.dim,
        hit.document,
        hit.span.start,
        hit.span.end,
        hit.score,
        outcome.score_kind,
        style.plain
    )?;
    for line in marked(hit, style).lines().filter(|line| !line.trim().is_empty()) {
        writeln!(out, "   {line}")?;
    }
    for id in &hit.duplicates {
        writeln!(out, "   {}same text: {id}{}", style.dim, style.plain)?;
    }
    for (id, _) in &hit.similar {
        writeln!(out, "   {}nearly the same: {id}{}", style.dim, style.plain)?;
    }
    if let Some(explanation) = &hit.explanation {
        print_explanation(out, explanation, 1)?;
    }
    writeln!(out)
}

fn print_explanation(out: &mut impl Write, node: &Explanation, depth: usize) -> io::Result<()> {
    writeln!(out, "{}{:<12.6} {}", "   ".repeat(depth), node.value, node.description)?;
    node.details.iter().try_for_each(|child| print_explanation(out, child, depth + 1))
}

/// The passage with its highlights marked.
fn marked(hit: &Hit, style: Style) -> String {
    let mut marked = String::with_capacity(hit.text.len() + 16 * hit.highlights.len());
    let mut at = 0;
    for highlight in &hit.highlights {
        let (start, end) = (
            (highlight.start - hit.span.start) as usize,
            (highlight.end - hit.span.start) as usize,
        );
        let (Some(before), Some(word)) = (hit.text.get(at..start), hit.text.get(start..end)) else {
            continue;
        };
        marked.extend([before, style.mark, word, style.plain]);
        at = end;
    }
    marked.push_str(hit.text.get(at..).unwrap_or_default());
    marked
}

/// Terminal control sequences; empty when the output is a file or a pipe.
#[derive(Clone, Copy, Default)]
struct Style {
    bold: &'static str,
    dim: &'static str,
    mark: &'static str,
    plain: &'static str,
}

impl Style {
    /// Honours NO_COLOR (no-color.org).
    fn of_terminal() -> Self {
        if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
            Self { bold: "\x1b[1m", dim: "\x1b[2m", mark: "\x1b[1;33m", plain: "\x1b[0m" }
        } else {
            Self::default()
        }
    }
}

fn tell_added(added: &Added) -> String {
    let list = |parts: Vec<String>, none: &str| {
        if parts.is_empty() { none.to_owned() } else { parts.join(", ") }
    };
    match added {
        Added::Vector { passages, cosine } => {
            format!("moved the query's vector towards {passages} passages: cosine {cosine:.3}")
        }
        Added::Terms { passages, terms } => {
            let terms = terms.iter().map(|term| format!("{} {:.3}", term.term, term.share));
            format!("learnt from {passages} passages: {}", list(terms.collect(), "nothing"))
        }
        Added::Variants(variants) => {
            let variants = variants.iter().map(|it| format!("{:?} ({})", it.text, it.rule));
            format!("asked also: {}", list(variants.collect(), "nothing, no rule applies"))
        }
    }
}
