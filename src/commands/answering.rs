//! What `trovato ask` and `trovato chat` share: an index that answers, and answers for
//! a terminal.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use answer::model::{HttpModel, LanguageModel, Schema, Usage, read_models};
use answer::prompt::{Prompt, ReplyForm};
use answer::{
    AnswerError, AnswerOutcome, AnswerRequest, Citation, ContextOptions, Rewritten, Standalone,
    Turn, Verdict, Written, answer_question, retrieve, rewrite, standalone, write,
};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use engine::filter::Filter;
use engine::{
    Highlights, Index, OpenOptions, RerankOptions, SearchError, SearchRequest, Searcher, Verify,
};

use server::{AnswerBody, Asked, EXTRACTIVE};

use crate::encoder;
use crate::options::{self, RerankArgs, RerankUse, StrategyArgs, UsageError};
use crate::progress::FetchBar;

/// How questions are answered.
#[derive(Debug, Args)]
pub(super) struct AnsweringArgs {
    /// The index folder
    #[arg(long, value_name = "DIR")]
    index: PathBuf,

    #[command(flatten)]
    strategy: StrategyArgs,

    #[command(flatten)]
    rerank: RerankArgs,

    /// Which documents may be quoted, for example 'year >= 2020 and lang = en'
    #[arg(long, value_name = "EXPR", value_parser = options::parse_filter)]
    filter: Option<Filter>,

    /// Hits that an answer is made of
    #[arg(long, value_name = "N", default_value_t = AnswerRequest::TOP)]
    top: usize,

    /// What answers: extractive, which quotes sentences of the documents, or a language
    /// model of the file that --models names
    #[arg(long, value_name = "NAME", default_value = EXTRACTIVE)]
    model: String,

    /// Language models: a TOML file of [[model]] tables with name, provider, model, and
    /// api_key_env, the name of the variable that holds the key
    #[arg(long, value_name = "FILE", env = "TROVATO_MODELS")]
    models: Option<PathBuf>,

    /// What a language model is told: cited-v1, which is the default, json-v1, value-v1 or
    /// a file
    #[arg(long, value_name = "NAME|FILE")]
    prompt: Option<String>,

    /// A JSON Schema, as a file, that a language model's answer must fit; it is checked and
    /// repaired once, and the prompt is then value-v1 unless --prompt says otherwise
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,

    /// Token budget of the passages it is made of
    #[arg(long, value_name = "TOKENS", default_value_t = ContextOptions::default().budget_tokens)]
    context_tokens: usize,
}

/// An open index with what reads it.
pub(super) struct Answering {
    searcher: Searcher,
    template: AnswerRequest,
    writer: Option<Writer>,
}

/// A language model and how it is asked.
struct Writer {
    model: Arc<dyn LanguageModel>,
    prompt: Prompt,
    schema: Option<Schema>,
    runtime: tokio::runtime::Runtime,
}

/// An answer, what was searched for, and how it was written where a model did.
pub(super) struct Answered {
    pub(super) standalone: Standalone,
    /// Why a model did not make the question whole though it was to.
    not_rewritten: Option<String>,
    pub(super) outcome: AnswerOutcome,
    pub(super) written: Option<Written>,
    /// Whether the text was shown as it came.
    was_shown: bool,
}

/// What makes a follow-up whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Rewriter {
    /// Rules about words: at once, for nothing
    #[default]
    Rules,
    /// The language model of --model, asked once more
    Model,
}

/// What is done with an answer while it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhileWritten {
    /// It is shown, where its form is made for reading.
    Show,
    /// Nothing.
    Wait,
}

impl AnsweringArgs {
    /// Opens the index and loads the models.
    pub(super) fn open(&self) -> anyhow::Result<Answering> {
        let strategy = self.strategy.resolve()?;
        let writer = self.writer()?;
        let progress = FetchBar::default();
        // Sentences are compared by their vectors even where passages are found by words.
        let encoder = Some(encoder::for_index(&self.index, &progress)?.encoder);
        let rerank = self.rerank.load(encoder.as_ref(), &progress, RerankUse::Waiting)?;
        let index = Index::open(&self.index, OpenOptions { encoder, verify: Verify::Auto })?;
        let mut searcher = index.searcher();
        let mut options: Option<RerankOptions> = None;
        if let Some(setup) = rerank {
            options = Some(setup.options);
            searcher = searcher.with_reranker(setup.pipeline);
        }
        let search = SearchRequest {
            strategy,
            top: self.top,
            filter: self.filter.clone(),
            rerank: options,
            highlights: Highlights::Off,
            ..SearchRequest::new("")
        };
        let context =
            ContextOptions { budget_tokens: self.context_tokens, ..ContextOptions::default() };
        let template = AnswerRequest { search, context, ..AnswerRequest::new("") };
        Ok(Answering { searcher, template, writer })
    }

    /// The language model, where one is asked for.
    ///
    /// # Errors
    /// [`UsageError`] for a name that no file knows.
    fn writer(&self) -> anyhow::Result<Option<Writer>> {
        if self.model == EXTRACTIVE {
            let told = match (&self.prompt, &self.schema) {
                (Some(_), _) => "--prompt",
                (None, Some(_)) => "--schema",
                (None, None) => return Ok(None),
            };
            let told = format!("{told} is for a language model; name one with --model");
            return Err(UsageError(told).into());
        }
        let model = named_model(&self.model, self.models.as_deref())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let schema = self.schema.as_deref().map(read_schema).transpose()?;
        let default = Prompt::default_name(schema.is_some());
        let prompt = read_prompt(self.prompt.as_deref().unwrap_or(default))?;
        if (prompt.form() == ReplyForm::Value) != schema.is_some() {
            let told = if schema.is_some() {
                "answers to this --prompt have no value for --schema; leave it out, or use value-v1"
            } else {
                "this --prompt asks for a value; describe it with --schema"
            };
            return Err(UsageError(told.to_owned()).into());
        }
        Ok(Some(Writer { model: Arc::new(model), prompt, schema, runtime }))
    }
}

/// A language model of a file, with its key.
///
/// # Errors
/// [`UsageError`] for a name that the file does not know, or without a file.
pub(super) fn named_model(name: &str, models: Option<&Path>) -> anyhow::Result<HttpModel> {
    let Some(path) = models else {
        let told = format!(
            "{name} is to be a language model; name the file that describes it with --models, or \
             leave it out"
        );
        return Err(UsageError(told).into());
    };
    let mut configs = read_models(path)?;
    let names: Vec<&str> = configs.iter().map(|config| config.name.as_str()).collect();
    let Some(at) = names.iter().position(|known| *known == name) else {
        let told = format!("{} has no model {name:?}; it has {}", path.display(), names.join(", "));
        return Err(UsageError(told).into());
    };
    Ok(HttpModel::from_environment(configs.swap_remove(at))?)
}

/// A built-in prompt, or one of the user's own.
pub(super) fn read_prompt(name: &str) -> anyhow::Result<Prompt> {
    let path = Path::new(name);
    if path.exists() {
        return Prompt::read(path).with_context(|| format!("prompt {name}"));
    }
    Prompt::built_in(name).map_err(|error| UsageError(error.to_string()).into())
}

/// The schema of a file.
fn read_schema(path: &Path) -> anyhow::Result<Schema> {
    let named = || format!("schema {}", path.display());
    let text = fs::read_to_string(path).with_context(named)?;
    let schema = serde_json::from_str(&text).with_context(named)?;
    Schema::new(&schema).with_context(named)
}

impl Answering {
    /// Answers a question after what was said before it.
    ///
    /// # Errors
    /// [`UsageError`] for a question that cannot be searched for as it is; when the model
    /// fails.
    pub(super) fn answer(
        &self,
        question: &str,
        history: &[Turn],
        rewriter: Rewriter,
        meanwhile: WhileWritten,
    ) -> anyhow::Result<Answered> {
        let Rewritten { standalone, usage: spent, failed: not_rewritten } =
            self.made_whole(question, history, rewriter)?;
        let mut request = self.template.clone();
        question.clone_into(&mut request.question);
        request.search.query.clone_from(&standalone.query);
        let Some(writer) = &self.writer else {
            let outcome = answer_question(&self.searcher, &request).map_err(told)?;
            return Ok(Answered {
                standalone,
                not_rewritten,
                outcome,
                written: None,
                was_shown: false,
            });
        };
        let retrieved = retrieve(&self.searcher, &request).map_err(told)?;
        let shows = meanwhile == WhileWritten::Show && writer.prompt.form() == ReplyForm::Prose;
        let mut was_shown = false;
        let mut show = |piece: &str| {
            // Nobody reads any more: the end of the command will say so.
            let _ = write!(io::stdout(), "{piece}").and_then(|()| io::stdout().flush());
            was_shown = true;
        };
        let mut wait = |_: &str| {};
        let on_piece: &mut (dyn FnMut(&str) + Send) = if shows { &mut show } else { &mut wait };
        let asked = Instant::now();
        let Writer { model, prompt, schema, runtime } = writer;
        let context = &retrieved.context;
        let writing = write(model.as_ref(), prompt, question, schema.as_ref(), context, on_piece);
        let mut written = runtime.block_on(writing)?;
        written.usage = [spent, written.usage].into_iter().sum();
        let took = asked.elapsed();
        let outcome =
            retrieved.ground(&self.searcher, &request, &written.reply, took).map_err(told)?;
        Ok(Answered { standalone, not_rewritten, outcome, written: Some(written), was_shown })
    }

    /// The question as it is searched for.
    ///
    /// # Errors
    /// [`UsageError`] when a model is to write it and there is none.
    fn made_whole(
        &self,
        question: &str,
        history: &[Turn],
        rewriter: Rewriter,
    ) -> anyhow::Result<Rewritten> {
        match (rewriter, &self.writer) {
            (Rewriter::Rules, _) => {
                let standalone = standalone(question, history);
                Ok(Rewritten { standalone, usage: Usage::NOTHING, failed: None })
            }
            (Rewriter::Model, Some(Writer { model, runtime, .. })) => {
                Ok(runtime.block_on(rewrite(model.as_ref(), question, history)))
            }
            (Rewriter::Model, None) => {
                let told = "--rewrite model is for a language model; name one with --model";
                Err(UsageError(told.to_owned()).into())
            }
        }
    }

    /// The context's budget, in tokens.
    pub(super) fn budget_tokens(&self) -> usize {
        self.template.context.budget_tokens
    }
}

impl Answered {
    /// As `POST /v1/answer` gives it.
    pub(super) fn body(self, budget_tokens: usize) -> AnswerBody {
        let Self { standalone, not_rewritten, outcome, written, was_shown: _ } = self;
        let asked = Asked {
            standalone: &standalone,
            not_rewritten: not_rewritten.is_some(),
            collection: None,
            budget_tokens,
        };
        AnswerBody::new(asked, outcome, written.as_ref())
    }
}

/// What the user can mend by asking otherwise is bad usage.
fn told(error: AnswerError) -> anyhow::Error {
    match error {
        AnswerError::Search(
            error @ (SearchError::EmptyQuery
            | SearchError::QueryTooLong { .. }
            | SearchError::OutOfRange { .. }),
        ) => UsageError(error.to_string()).into(),
        error @ (AnswerError::Search(_) | AnswerError::Segment(_) | AnswerError::Extract(_)) => {
            error.into()
        }
    }
}

/// Prints an answer with its citations as numbered footnotes.
pub(super) fn print(answered: &Answered) -> io::Result<()> {
    let Answered { standalone, not_rewritten, outcome, written, was_shown } = answered;
    let mut out = io::stdout().lock();
    let style = if out.is_terminal() { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
    let (dim, plain) = style;
    let answer = &outcome.answer;
    if *was_shown {
        writeln!(out)?;
    }
    if let Some(error) = not_rewritten {
        writeln!(out, "left out: rewrite ({error}); the rules made the question whole")?;
    }
    if !standalone.added.is_empty() || standalone.written_by.is_some() {
        writeln!(out, "{dim}searched for: {}{plain}\n", standalone.query)?;
    }
    if answer.abstained {
        writeln!(out, "Nothing that was found answers this.")?;
        if !answer.nearest.is_empty() {
            writeln!(out, "What came nearest:")?;
        }
    } else if !was_shown {
        writeln!(out, "{}", answer.text)?;
    }
    writeln!(out)?;
    if *was_shown {
        // A model's markers name passages, and a passage may be quoted more than once.
        print_passages(&mut out, &answer.citations, style)?;
    } else {
        let notes = if answer.abstained { &answer.nearest } else { &answer.citations };
        for citation in notes {
            writeln!(out, "[{}] {}", citation.number, trail(citation))?;
            if answer.abstained {
                writeln!(out, "    {}", citation.quote)?;
            }
            print_place(&mut out, citation, style)?;
            print_verdict(&mut out, citation)?;
        }
    }
    for left_out in &outcome.found.degraded {
        writeln!(out, "left out: {} ({})", left_out.stage, left_out.reason)?;
    }
    if let Some(written) = written {
        print_written(&mut out, written, style)?;
    }
    let ms = outcome.timings_ms;
    let confidence =
        answer.confidence.map_or_else(String::new, |it| format!("confidence {it:.2}, "));
    writeln!(
        out,
        "{dim}{confidence}{:.0} ms: search {:.0}, context {:.0}, answer {:.0}, verify {:.0}{plain}",
        ms.total, ms.search, ms.context, ms.answer, ms.verify
    )
}

/// The passages cited, each with what is quoted of it and does not hold.
fn print_passages(
    out: &mut impl Write,
    citations: &[Citation],
    style: (&str, &str),
) -> io::Result<()> {
    let mut passages: Vec<Option<u32>> = citations.iter().map(|it| it.passage).collect();
    passages.sort_unstable();
    passages.dedup();
    for passage in passages {
        let mut of_it = citations.iter().filter(|it| it.passage == passage);
        match (passage, of_it.clone().next()) {
            (Some(number), Some(first)) => {
                writeln!(out, "[{number}] {}", trail(first))?;
                print_place(out, first, style)?;
            }
            (None, _) => writeln!(out, "[?] a passage that was never shown")?,
            (Some(_), None) => {}
        }
        of_it.try_for_each(|citation| print_verdict(out, citation))?;
    }
    Ok(())
}

/// `Title › Heading`.
fn trail(citation: &Citation) -> String {
    let path: Vec<&str> = std::iter::once(citation.title.as_str())
        .chain(citation.headings.iter().map(String::as_str))
        .filter(|part| !part.is_empty())
        .collect();
    path.join(" \u{203a} ")
}

fn print_place(
    out: &mut impl Write,
    citation: &Citation,
    (dim, plain): (&str, &str),
) -> io::Result<()> {
    citation.cited.as_ref().map_or(Ok(()), |place| {
        let span = place.span;
        writeln!(out, "    {dim}{} [{}..{}]{plain}", place.document, span.start, span.end)
    })
}

/// Says so where a citation does not hold.
fn print_verdict(out: &mut impl Write, citation: &Citation) -> io::Result<()> {
    match citation.verdict {
        Verdict::Found => Ok(()),
        Verdict::Unquoted => writeln!(out, "    not verified: nothing is quoted"),
        Verdict::Elsewhere | Verdict::Stitched | Verdict::NotFound => {
            writeln!(out, "    not verified, {}: \"{}\"", citation.verdict, citation.quote)
        }
    }
}

fn print_written(
    out: &mut impl Write,
    written: &Written,
    (dim, plain): (&str, &str),
) -> io::Result<()> {
    if written.is_cut {
        writeln!(out, "the answer reached the limit of output tokens; its end is missing")?;
    }
    let count = |tokens: Option<u64>| tokens.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let cost = written.usage.cost_usd.map_or_else(String::new, |cost| format!(", ${cost:.6}"));
    if written.repairs > 0 {
        writeln!(out, "{dim}the model was told once what did not fit{plain}")?;
    }
    writeln!(
        out,
        "{dim}{}, prompt {} ({}), {} tokens read, {} written{cost}{plain}",
        written.model,
        written.prompt.0,
        written.prompt.1,
        count(written.usage.input_tokens),
        count(written.usage.output_tokens)
    )
}
