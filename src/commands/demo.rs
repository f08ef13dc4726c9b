//! `trovato demo`: the whole path on documentation that is already on the
//! machine: fetch the model, index, answer with citations, evaluate, serve.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use answer::{Answer, AnswerRequest, answer_question};
use clap::Args;
use corpora::rust_docs::{self, Listing, Origin, Profile};
use corpora::{QuestionSplit, rust_docs_questions};
use engine::{
    EncoderIdentity, Index, Manifest, OpenOptions, Searcher, Strategy, Verify, WriterOptions,
};
use eval::{
    LoadedEncoder, QuestionScoreReport, ReportHead, corpus_source, evaluate_questions,
    load_encoder, questions_html,
};
use ingest::pipeline::{IngestOptions, ingest};
use ingest::report::IngestReport;
use serde::Serialize;
use server::{CollectionSource, ReportPage, ServerConfig};

use super::eval::print_questions;
use super::serve;
use crate::options::print_json;
use crate::progress::{FetchBar, IngestBars};

const EXAMPLES: &str = "\
Examples:
  trovato demo                     the guides, then a page to search them
  trovato demo --no-serve --json   for scripts
  trovato demo --profile full      with std, core, alloc and the crates' documentation";

/// What the demo asks. Not from the question set, so that nothing here is
/// chosen by what scores well.
const QUESTIONS: [&str; 6] = [
    "Why can't I use a value after passing it to a function?",
    "How do I share mutable state between several threads?",
    "What does error E0502 mean?",
    "How can I make cargo use a local copy of a dependency?",
    "When is it undefined behavior to dereference a raw pointer?",
    "What is the difference between String and &str?",
];

/// Index the Rust documentation, answer questions, evaluate, serve a page
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// Stop after the evaluation instead of serving the page
    #[arg(long)]
    no_serve: bool,

    /// How much is indexed: books, or full with over 10,000 documents
    #[arg(long, default_value_t = Profile::Books)]
    profile: Profile,

    /// Encoder: NAME[@fp32|@int8]
    #[arg(long, value_name = "NAME", default_value = models::DEFAULT_MODEL)]
    encoder: String,

    /// Address of the page
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7700")]
    listen: SocketAddr,

    /// Print one JSON document, before serving
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    documents: usize,
    chunks: usize,
    index: PathBuf,
    profile: String,
    dropped: Vec<Dropped>,
    skipped: usize,
    answers: Vec<AnswerBody>,
    evaluation: &'a QuestionScoreReport,
}

#[derive(Serialize)]
struct Dropped {
    reason: String,
    pages: usize,
}

#[derive(Serialize)]
struct AnswerBody {
    question: String,
    abstained: bool,
    citations: Vec<CitationBody>,
    ms: f64,
}

#[derive(Serialize)]
struct CitationBody {
    document: String,
    span: [u32; 2],
    text: String,
    verdict: String,
}

/// Runs the subcommand.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let listing = rust_docs::list(args.profile)?;
    if !args.json {
        print_listing(&listing)?;
    }
    let loaded = load_encoder(&args.encoder, &FetchBar::default())?;
    let dir = models::Settings::from_env()?.home.join("demo").join(args.profile.to_string());
    let (index, ingested) = index(&dir, &listing, loaded)?;
    let info = index.info()?;
    if !args.json {
        println!(
            "{} documents in {} chunks; {} new, {} changed, {} unchanged, {} skipped\n",
            info.documents,
            info.chunks,
            ingested.new,
            ingested.changed,
            ingested.unchanged,
            ingested.skipped.len()
        );
    }

    let searcher = index.searcher();
    let answers = answers(&searcher, !args.json)?;
    let evaluation = evaluate(&searcher)?;
    if args.json {
        print_json(&Report {
            documents: info.documents,
            chunks: info.chunks,
            index: dir,
            profile: args.profile.to_string(),
            dropped: dropped(&listing),
            skipped: ingested.skipped.len(),
            answers,
            evaluation: &evaluation,
        })?;
    } else {
        println!(
            "Evaluation on the test questions (corpora/rust-docs/README.md says how they were made):"
        );
        print_questions(&mut io::stdout().lock(), &evaluation)?;
        println!("\nThe index is in {}", dir.display());
    }
    if args.no_serve {
        return Ok(());
    }
    let source = CollectionSource::opened("rust-docs", Arc::new(index));
    let head = ReportHead {
        title: "The Rust guides: test questions".to_owned(),
        commands: vec!["trovato demo --no-serve".to_owned()],
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let report = ReportPage::new(questions_html(&head, &evaluation));
    let config = ServerConfig::new(args.listen, vec![source]);
    serve::serve(ServerConfig { report: Some(report), ..config })
}

fn print_listing(listing: &Listing) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match &listing.origin {
        Origin::Documentation(docs) => writeln!(
            out,
            "Rust documentation {} in {}",
            docs.version.as_deref().unwrap_or("of unknown version"),
            docs.dir.display()
        )?,
        Origin::CratesOnly { missing } => writeln!(
            out,
            "{missing}\nGoing on with the documentation of the crates this program is built from; \
             the questions of the evaluation are about the guides and will not resolve."
        )?,
    }
    writeln!(out, "{} documents listed", listing.files.len())?;
    for Dropped { reason, pages } in dropped(listing) {
        writeln!(out, "  {pages:>6} left out: {reason}")?;
    }
    Ok(())
}

fn dropped(listing: &Listing) -> Vec<Dropped> {
    let row = |(reason, &pages): (&rust_docs::DropReason, &usize)| Dropped {
        reason: reason.to_string(),
        pages,
    };
    listing.dropped.iter().map(row).collect()
}

/// Opens the demo's index, or creates it, and brings it up to date.
///
/// An index of another encoder or chunker, or one that is damaged, is of no use
/// here and is built again: it lies in the cache and holds nothing of a user's.
fn index(
    dir: &Path,
    listing: &Listing,
    loaded: LoadedEncoder,
) -> anyhow::Result<(Index, IngestReport)> {
    let chunker = loaded.default_chunker().build(&loaded.chunker_parts()?);
    let encoder = loaded.encoder;
    let manifest = Manifest::new(EncoderIdentity::of(encoder.as_ref()), chunker.spec());
    let usable = Manifest::read(dir).is_ok_and(|found| found == manifest);
    let options = OpenOptions { encoder: Some(Arc::clone(&encoder)), verify: Verify::Auto };
    let opened = usable.then(|| Index::open(dir, options).ok()).flatten();
    let index = if let Some(index) = opened {
        index
    } else {
        if dir.exists() {
            std::fs::remove_dir_all(dir)?;
        }
        Index::create(dir, manifest, Some(Arc::clone(&encoder)))?
    };
    let mut writer = index.writer(WriterOptions::default())?;
    let report = ingest(
        corpus_source(&listing.files).as_mut(),
        chunker.as_ref(),
        encoder.as_ref(),
        &mut writer,
        &IngestOptions::default(),
        &IngestBars::new(),
    )?;
    drop(writer);
    index.refresh()?;
    Ok((index, report))
}

fn answers(searcher: &Searcher, print: bool) -> anyhow::Result<Vec<AnswerBody>> {
    let mut bodies = Vec::with_capacity(QUESTIONS.len());
    for question in QUESTIONS {
        let outcome = answer_question(searcher, &AnswerRequest::new(question))?;
        let body = body(&outcome.answer, outcome.timings_ms.total);
        if print {
            print_answer(&body)?;
        }
        bodies.push(body);
    }
    Ok(bodies)
}

fn body(answer: &Answer, ms: f64) -> AnswerBody {
    let citations = answer.citations.iter().filter_map(|citation| {
        let place = citation.cited.as_ref()?;
        Some(CitationBody {
            document: place.document.to_string(),
            span: [place.span.start, place.span.end],
            text: citation.quote.clone(),
            verdict: citation.verdict.to_string(),
        })
    });
    AnswerBody {
        question: answer.question.clone(),
        abstained: answer.abstained,
        citations: citations.collect(),
        ms,
    }
}

fn print_answer(answer: &AnswerBody) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}  ({:.1} ms)", answer.question, answer.ms)?;
    if answer.abstained {
        writeln!(out, "  nothing that was found answers it")?;
    }
    for CitationBody { document, span: [start, end], text, verdict } in &answer.citations {
        writeln!(out, "  \"{text}\"\n      {document} [{start}..{end}], {verdict}")?;
    }
    writeln!(out)
}

/// The test questions: the demo tunes nothing, so it may look at them.
fn evaluate(searcher: &Searcher) -> anyhow::Result<QuestionScoreReport> {
    let mut questions = rust_docs_questions()?;
    questions.retain(|question| question.split == QuestionSplit::Test);
    let systems = [Strategy::Lexical, Strategy::Dense, Strategy::DEFAULT].map(Into::into);
    Ok(QuestionScoreReport::new(&evaluate_questions(searcher, &questions, &systems)?)?)
}
