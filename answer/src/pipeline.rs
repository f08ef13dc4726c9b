//! The path of a question: search, context, answer, verification.

use std::time::{Duration, Instant};

use engine::{SearchError, SearchOutcome, SearchRequest, Searcher, SegmentError};

use crate::answer::{Answer, verify_answer};
use crate::context::{Context, ContextOptions, assemble};
use crate::extract::{ExtractError, ExtractOptions, extract};
use crate::ground::ground;
use crate::prompt::ParsedAnswer;

/// A question and how it is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerRequest {
    /// What is asked, and what the answer is to address.
    pub question: String,
    /// What is searched for: the question, or what it stands for in a conversation,
    /// with every option of a search. Where it reranks, sentences are read too.
    pub search: SearchRequest,
    /// What the answer is made of.
    pub context: ContextOptions,
    /// How it is chosen.
    pub extract: ExtractOptions,
}

impl AnswerRequest {
    /// Hits that a context is made of.
    pub const TOP: usize = 10;

    /// A question by itself, with the defaults of search, context and answer.
    pub fn new(question: impl Into<String>) -> Self {
        let question = question.into();
        Self {
            search: SearchRequest { top: Self::TOP, ..SearchRequest::new(question.clone()) },
            question,
            context: ContextOptions::default(),
            extract: ExtractOptions::default(),
        }
    }
}

/// Wall time of each stage, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AnswerTimings {
    /// Searching.
    pub search: f64,
    /// Putting the context together.
    pub context: f64,
    /// Choosing or writing the answer.
    pub answer: f64,
    /// Looking its citations up.
    pub verify: f64,
    /// All of it.
    pub total: f64,
}

/// An answer with everything it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerOutcome {
    /// The answer, its citations looked up.
    pub answer: Answer,
    /// What it was made of.
    pub context: Context,
    /// What was found; its hits, too, which the context is made of.
    pub found: SearchOutcome,
    /// Where the time went.
    pub timings_ms: AnswerTimings,
}

/// Why a question could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The search failed.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// A document could not be read.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The sentences could not be judged.
    #[error(transparent)]
    Extract(#[from] ExtractError),
}

/// What was found for a question, ready to be answered: the first half of the path, for
/// those who show it before there is an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrieved {
    /// What was found.
    pub found: SearchOutcome,
    /// What an answer is made of.
    pub context: Context,
    /// Where the time went so far.
    pub timings_ms: AnswerTimings,
}

/// Searches and puts the context together.
///
/// # Errors
/// [`AnswerError::Search`], [`AnswerError::Segment`]. A stage of the search that is left
/// out is told in [`SearchOutcome::degraded`] and fails nothing.
pub fn retrieve(searcher: &Searcher, request: &AnswerRequest) -> Result<Retrieved, AnswerError> {
    let started = Instant::now();
    let found = searcher.search(&request.search)?;
    let search = ms_since(started);
    let context = assemble(searcher, &found.hits, &request.context)?;
    let total = ms_since(started);
    let timings_ms =
        AnswerTimings { search, context: total - search, total, ..AnswerTimings::default() };
    Ok(Retrieved { found, context, timings_ms })
}

impl Retrieved {
    /// Answers with sentences of the context, each looked up: the second half.
    ///
    /// # Arguments
    /// * `searcher`, `request` - those it was retrieved with.
    ///
    /// # Errors
    /// [`AnswerError::Extract`], [`AnswerError::Search`].
    pub fn extract(
        self,
        searcher: &Searcher,
        request: &AnswerRequest,
    ) -> Result<AnswerOutcome, AnswerError> {
        let started = Instant::now();
        let Self { found, context, mut timings_ms } = self;
        let pipeline = request.search.rerank.and(searcher.reranker());
        let reranker = pipeline.map(|pipeline| pipeline.reranker());
        let mut answer =
            extract(&request.question, &context, searcher, reranker, &request.extract)?;
        timings_ms.answer = ms_since(started);
        verify_answer(&mut answer, searcher, &context, request.search.filter.as_ref())?;
        timings_ms.verify = ms_since(started) - timings_ms.answer;
        timings_ms.total += ms_since(started);
        Ok(AnswerOutcome { answer, context, found, timings_ms })
    }
}

impl Retrieved {
    /// Makes an answer of a model's reply, every quotation looked up: the second half,
    /// where a model writes.
    ///
    /// # Arguments
    /// * `searcher`, `request` - those it was retrieved with.
    /// * `writing` - how long the model took.
    ///
    /// # Errors
    /// [`AnswerError::Search`].
    pub fn ground(
        self,
        searcher: &Searcher,
        request: &AnswerRequest,
        reply: &ParsedAnswer,
        writing: Duration,
    ) -> Result<AnswerOutcome, AnswerError> {
        let started = Instant::now();
        let Self { found, context, mut timings_ms } = self;
        let filter = request.search.filter.as_ref();
        let answer = ground(&request.question, reply, searcher, &context, filter)?;
        timings_ms.answer = writing.as_secs_f64() * 1e3;
        timings_ms.verify = ms_since(started);
        timings_ms.total += timings_ms.answer + timings_ms.verify;
        Ok(AnswerOutcome { answer, context, found, timings_ms })
    }
}

fn ms_since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

/// Answers a question with sentences of the index.
///
/// # Errors
/// [`AnswerError`].
pub fn answer_question(
    searcher: &Searcher,
    request: &AnswerRequest,
) -> Result<AnswerOutcome, AnswerError> {
    retrieve(searcher, request)?.extract(searcher, request)
}
