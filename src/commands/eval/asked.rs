//! Which questions are asked of which index, and how they are searched for: what
//! `eval answers` and `eval prompts` share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use answer::{AnswerRequest, ContextOptions, ExtractOptions};
use clap::{Args, ValueEnum};
use corpora::{BeirCollection, rust_docs_questions};
use engine::{SearchRequest, Searcher};
use eval::{AnswerSet, EvalProgress, index_collection, strategy_name};
use ingest::chunk::ChunkerSpec;

use super::question_file::{SplitName, read_questions};
use super::recipe::{EvalBars, RecipeArgs, index_cache};
use crate::options::{RerankArgs, RerankUse, StrategyArgs, UsageError};
use crate::progress::FetchBar;

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct AskedArgs {
    /// A question file of your own, as `trovato eval init` begins one
    /// [default: the questions over the Rust documentation]
    #[arg(long, value_name = "FILE", requires = "index", conflicts_with = "beir")]
    questions: Option<PathBuf>,

    /// An index that holds the documents the questions quote
    #[arg(long, value_name = "DIR", conflicts_with_all = ["chunker", "encoder", "rebuild", "beir"])]
    index: Option<PathBuf>,

    /// A BEIR folder whose topics are asked instead
    #[arg(long, value_name = "DIR")]
    beir: Option<PathBuf>,

    /// The answers of its topics: JSON lines with _id and answers [default: DIR/answers.jsonl]
    #[arg(long, value_name = "FILE", requires = "beir")]
    answers: Option<PathBuf>,

    /// Which questions: dev, test or all; of a BEIR folder, qrels/SPLIT.tsv
    #[arg(long, default_value = "dev")]
    split: String,

    /// Ask only every N-th question
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,

    /// Ask no more than the first N of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// How documents are cut, as for `trovato ingest`
    #[arg(long, value_name = "SPEC")]
    chunker: Option<ChunkerSpec>,

    #[command(flatten)]
    recipe: RecipeArgs,

    #[command(flatten)]
    strategy: StrategyArgs,

    #[command(flatten)]
    rerank: RerankArgs,

    /// Hits that the context is made of
    #[arg(long, value_name = "N", default_value_t = AnswerRequest::TOP)]
    top: usize,

    /// Token budget of the context
    #[arg(long, value_name = "TOKENS", default_value_t = ContextOptions::default().budget_tokens)]
    context_tokens: usize,

    /// Chunks shown before and after each hit
    #[arg(long, value_name = "N", default_value_t = 0)]
    neighbours: usize,

    /// Keep passages of one document apart even where they touch
    #[arg(long)]
    no_merge: bool,
}

/// An index, the questions it is asked, and how.
pub(super) struct Asked {
    pub(super) searcher: Searcher,
    pub(super) set: AnswerSet,
    /// How every question is answered; its question is replaced.
    pub(super) template: AnswerRequest,
    /// The same for people, by name.
    pub(super) settings: BTreeMap<String, String>,
}

impl AskedArgs {
    /// Opens or builds the index, loads what reranks, and finds the questions' truth.
    pub(super) fn open(&self, bars: &EvalBars) -> anyhow::Result<Asked> {
        let mut search = SearchRequest {
            strategy: self.strategy.resolve()?,
            top: self.top,
            ..SearchRequest::new("")
        };
        let context = ContextOptions {
            budget_tokens: self.context_tokens,
            neighbours: self.neighbours,
            merge: !self.no_merge,
            ..ContextOptions::default()
        };
        let (mut searcher, mut set) = self.searcher_and_set(bars)?;
        let rerank = self.rerank.load(searcher.encoder(), &FetchBar::default(), RerankUse::Hits)?;
        let mut settings = self.settings(&searcher, &search);
        if let Some(setup) = rerank {
            settings.insert("rerank".to_owned(), setup.pipeline.name().to_owned());
            search.rerank = Some(setup.options);
            searcher = searcher.with_reranker(setup.pipeline);
        }
        let every = self.every as usize;
        let chosen = set.questions.into_iter().step_by(every);
        set.questions = match self.limit {
            Some(limit) => chosen.take(limit as usize).collect(),
            None => chosen.collect(),
        };
        let extract = ExtractOptions::default();
        let template = AnswerRequest { question: String::new(), search, context, extract };
        Ok(Asked { searcher, set, template, settings })
    }

    fn searcher_and_set(&self, bars: &EvalBars) -> anyhow::Result<(Searcher, AnswerSet)> {
        if let Some(dir) = &self.beir {
            let collection = BeirCollection::open(dir, &self.split)?;
            let recipe = self.recipe.load(self.chunker.clone())?;
            let cache = (&index_cache()?, self.recipe.reuse());
            let index = index_collection(&collection, &recipe, cache, bars.indexing())?.index;
            let answers = self.answers.clone().unwrap_or_else(|| dir.join("answers.jsonl"));
            let searcher = index.searcher();
            let set = AnswerSet::of_collection(&searcher, &collection, &answers)?;
            return Ok((searcher, set));
        }
        let split = SplitName::from_str(&self.split, false).map_err(|_| {
            UsageError(format!("--split {:?} must be dev, test or all", self.split))
        })?;
        let mut questions = match &self.questions {
            Some(path) => read_questions(path)?,
            None => rust_docs_questions()?,
        };
        questions.retain(|question| split.holds(question.split));
        let dir = self.index.as_deref();
        let index = self.recipe.index_of_guides(dir, self.chunker.clone(), bars)?;
        let searcher = index.searcher();
        let set = AnswerSet::of_questions(&searcher, &questions)?;
        Ok((searcher, set))
    }

    /// What answers depend on besides who writes them. Paths are left out: the same
    /// documents lie elsewhere on another machine.
    fn settings(&self, searcher: &Searcher, search: &SearchRequest) -> BTreeMap<String, String> {
        let chunker = self.chunker.as_ref().map(ToString::to_string);
        let encoder = searcher.encoder().map(|encoder| encoder.fingerprint().to_owned());
        let given = [
            ("split", Some(self.split.clone())),
            ("chunker", chunker),
            ("encoder", encoder),
            ("strategy", Some(strategy_name(search.strategy))),
            ("top", Some(self.top.to_string())),
            ("context tokens", Some(self.context_tokens.to_string())),
            ("neighbours", Some(self.neighbours.to_string())),
            ("merged", Some((!self.no_merge).to_string())),
        ];
        let known = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        known.collect()
    }
}
