//! Chunkers on equal terms: what each brings of the text that answers a
//! question, and how much else, through the whole search.
//!
//! Every chunker cuts the same texts, its chunks are encoded and searched as a
//! user's would be, and what comes back is compared with reference spans
//! ([`SpanMeasure`]), at a number of chunks and at a number
//! of tokens. Vectors are scanned exactly: a graph would miss other chunks of
//! another chunker, and that is not what is asked.

mod budget;
mod comparison;
mod ground_truth;
mod published;
mod report;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use engine::{
    DocumentId, Hit, NearDuplicates, SearchRequest, Searcher, Span, StoredDocument, Strategy,
    VectorSearch,
};
use ingest::chunk::TokenSizer;
use ingest::pipeline::Progress;

pub use comparison::{ChunkingComparison, CutComparison, compare_chunkers};
pub use ground_truth::GroundTruth;
pub use published::{PublishedRow, published_row};
pub use report::{BudgetReport, ChunkingRow};

use budget::within_budget;
use ground_truth::{SpanQuestion, SpanQuestions};

use crate::collection::EvalProgress;
use crate::error::EvalError;
use crate::fingerprint::Fingerprint;
use crate::index_cache::{CachedIndex, IndexCache, Reuse};
use crate::indexing::{IndexingRecord, Recipe, build_index, corpus_digest};
use crate::measure::{SpanCoverage, SpanCut, SpanMeasure};
use crate::questions::UnresolvedQuote;
use crate::stats::{Bootstrap, Interval, mean};
use crate::topic_run::search;

/// Hits asked for where a budget of tokens is to be spent. Chunks of a few
/// tokens each could leave some of it unspent;
/// [`BudgetResults::mean_tokens`] would tell.
const TOP_FOR_BUDGET: usize = SearchRequest::DEFAULT_DEPTH;

/// How chunkers are compared.
#[derive(Clone)]
pub struct ChunkingOptions {
    /// Which legs.
    pub strategy: Strategy,
    /// Chunks looked at, at most [`SearchRequest::MAX_TOP`].
    pub chunks: NonZeroUsize,
    /// Tokens looked at, besides.
    pub budget: Option<TokenBudget>,
    /// Whether an index of an earlier run may be used.
    pub reuse: Reuse,
}

/// A number of tokens, and whose tokens they are.
#[derive(Clone)]
pub struct TokenBudget {
    /// How many.
    pub tokens: NonZeroUsize,
    /// Counts them in the retrieved texts, contexts apart.
    pub ruler: Arc<dyn TokenSizer>,
}

/// A span measure over all questions.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanResult {
    /// Which measure.
    pub measure: SpanMeasure,
    /// Its value for each of [`ChunkingOutcome::questions`], in `[0, 1]`.
    pub per_question: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// The mean's 95 % bootstrap interval over questions ([`Bootstrap::DEFAULT`]).
    pub ci95: Interval,
}

impl SpanResult {
    fn new(measure: SpanMeasure, coverages: &[SpanCoverage]) -> Self {
        let per_question: Vec<f64> =
            coverages.iter().map(|coverage| measure.metric().of(coverage)).collect();
        Self {
            measure,
            mean: mean(&per_question),
            ci95: Bootstrap::DEFAULT.mean_interval(&per_question),
            per_question,
        }
    }
}

/// The measures of a ranking at one cut.
#[derive(Clone, Debug, PartialEq)]
pub struct CutResults {
    /// Span recall.
    pub recall: SpanResult,
    /// Span precision.
    pub precision: SpanResult,
    /// Intersection over union.
    pub iou: SpanResult,
}

impl CutResults {
    fn new(cut: SpanCut, coverages: &[SpanCoverage]) -> Self {
        let [recall, precision, iou] =
            SpanMeasure::of_ranking(cut).map(|measure| SpanResult::new(measure, coverages));
        Self { recall, precision, iou }
    }
}

/// The figures within a budget of tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetResults {
    /// The measures.
    pub at: CutResults,
    /// The budget.
    pub tokens: usize,
    /// Tokens spent, on average over questions: less than the budget where
    /// rankings ended before.
    pub mean_tokens: f64,
}

/// A chunker's figures and what they rest on.
#[derive(Clone, Debug)]
pub struct ChunkingOutcome {
    /// Ids of the questions that were scored.
    pub questions: Vec<String>,
    /// At the number of chunks.
    pub at_chunks: CutResults,
    /// Within the budget, where one was given.
    pub at_budget: Option<BudgetResults>,
    /// What a perfect retriever could reach.
    pub precision_omega: SpanResult,
    /// Characters of a chunk, on average over all chunks of the index.
    pub mean_chunk_chars: f64,
    /// Quotes that are not in the documents; their questions were left out.
    pub unresolved: Vec<UnresolvedQuote>,
    /// Questions that nothing answers; left out.
    pub n_unanswerable: usize,
    /// What indexing did, now or when the index was built.
    pub indexing: IndexingRecord,
    /// Everything the index was made from.
    pub fingerprint: Fingerprint,
}

/// Indexes the documents with one chunker, asks the questions, and compares
/// what was found with the references.
///
/// # Errors
/// [`EvalError`]; among them [`EvalError::NoQuestions`] when nothing can be
/// scored.
pub fn evaluate_chunking(
    truth: &GroundTruth,
    recipe: &Recipe,
    options: &ChunkingOptions,
    cache: &IndexCache,
    progress: &dyn EvalProgress,
) -> Result<ChunkingOutcome, EvalError> {
    let cached = index_folder(truth, recipe, (cache, options.reuse), progress.indexing())?;
    let searcher = cached.index.searcher();
    let SpanQuestions { questions, unresolved, n_unanswerable } = truth.questions(&searcher)?;
    let texts = Texts::read(&searcher)?;
    let mut coverages = Coverages::default();
    for (at, question) in questions.iter().enumerate() {
        let outcome = search(&searcher, &question.topic, &request(options))?;
        coverages.add(&texts, question, &outcome.hits, options)?;
        progress.topics(at + 1, questions.len());
    }
    let Coverages { at_chunks, at_budget, ceiling, tokens_spent } = coverages;
    Ok(ChunkingOutcome {
        questions: questions.into_iter().map(|question| question.topic.id).collect(),
        at_chunks: CutResults::new(SpanCut::Chunks(options.chunks), &at_chunks),
        at_budget: options.budget.as_ref().map(|budget| BudgetResults {
            at: CutResults::new(SpanCut::Tokens(budget.tokens), &at_budget),
            tokens: budget.tokens.get(),
            mean_tokens: mean(&tokens_spent),
        }),
        precision_omega: SpanResult::new(SpanMeasure::OMEGA, &ceiling),
        mean_chunk_chars: texts.mean_chunk_chars(),
        unresolved,
        n_unanswerable,
        indexing: cached.record,
        fingerprint: cached.fingerprint,
    })
}

/// The index of a folder's documents, from the cache or built now.
///
/// # Errors
/// [`EvalError::Source`], [`EvalError::Ingest`], [`EvalError::Index`], and those
/// of the probe.
pub(crate) fn index_folder(
    truth: &GroundTruth,
    recipe: &Recipe,
    (cache, reuse): (&IndexCache, Reuse),
    progress: &dyn Progress,
) -> Result<CachedIndex, EvalError> {
    let fingerprint = IndexCache::fingerprint(recipe, &corpus_digest(truth.source()?.as_mut()))?;
    let name =
        truth.dir().file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    cache.open_or_build((&name, fingerprint), recipe, reuse, |dir| {
        build_index(dir, truth.source()?, recipe, progress)
    })
}

fn request(options: &ChunkingOptions) -> SearchRequest {
    let chunks = options.chunks.get();
    SearchRequest {
        strategy: options.strategy,
        top: if options.budget.is_some() { chunks.max(TOP_FOR_BUDGET) } else { chunks },
        near_duplicates: NearDuplicates::List,
        vectors: VectorSearch::Exact,
        ..SearchRequest::new("")
    }
}

/// Every document of an index: what spans are measured in.
struct Texts(HashMap<DocumentId, StoredDocument>);

impl Texts {
    fn read(searcher: &Searcher) -> Result<Self, EvalError> {
        let mut texts = HashMap::new();
        for id in searcher.document_ids() {
            // Exact duplicates share their chunks with the document they copy.
            if let Some(document) = searcher.document(&id)?.filter(|d| d.duplicate_of.is_none()) {
                texts.insert(id, document);
            }
        }
        Ok(Self(texts))
    }

    /// The number of characters in a span; 0 outside every text.
    fn n_chars(&self, id: &DocumentId, span: Span) -> usize {
        let text = self.0.get(id).and_then(|document| span.slice(&document.text));
        text.map_or(0, |text| text.chars().count())
    }

    fn mean_chunk_chars(&self) -> f64 {
        let chunks = self.0.iter().flat_map(|(id, document)| {
            document.chunks.iter().map(move |chunk| self.n_chars(id, chunk.span))
        });
        let (n_chunks, chars) = chunks.fold((0, 0), |(n, sum), chars| (n + 1, sum + chars));
        if n_chunks == 0 { 0.0 } else { chars as f64 / f64::from(n_chunks) }
    }

    fn coverage<'d>(
        &self,
        chunks: impl IntoIterator<Item = (&'d DocumentId, Span)>,
        question: &'d SpanQuestion,
    ) -> SpanCoverage {
        let references =
            question.references.iter().map(|passage| (&passage.document, passage.span));
        SpanCoverage::new(chunks, references, |id, span| self.n_chars(id, span))
    }

    /// The coverage of all chunks that share a byte with a reference.
    fn ceiling(&self, question: &SpanQuestion) -> SpanCoverage {
        let touches = |id: &DocumentId, span: Span| {
            question
                .references
                .iter()
                .any(|passage| passage.document == *id && passage.span.overlaps(span))
        };
        let chunks = self.0.iter().flat_map(|(id, document)| {
            document
                .chunks
                .iter()
                .map(move |chunk| (id, chunk.span))
                .filter(|(id, span)| touches(id, *span))
        });
        self.coverage(chunks.collect::<Vec<_>>(), question)
    }
}

/// What was covered, question by question.
#[derive(Default)]
struct Coverages {
    at_chunks: Vec<SpanCoverage>,
    at_budget: Vec<SpanCoverage>,
    /// Of all chunks that touch a reference.
    ceiling: Vec<SpanCoverage>,
    tokens_spent: Vec<f64>,
}

impl Coverages {
    fn add(
        &mut self,
        texts: &Texts,
        question: &SpanQuestion,
        hits: &[Hit],
        options: &ChunkingOptions,
    ) -> Result<(), EvalError> {
        let first = hits.iter().take(options.chunks.get()).map(|hit| (&hit.document, hit.span));
        self.at_chunks.push(texts.coverage(first, question));
        self.ceiling.push(texts.ceiling(question));
        if let Some(budget) = &options.budget {
            let taken = within_budget(hits, budget.tokens.get(), &*budget.ruler)?;
            self.tokens_spent.push(taken.tokens as f64);
            self.at_budget.push(texts.coverage(taken.spans, question));
        }
        Ok(())
    }
}
