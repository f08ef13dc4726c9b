//! Why an evaluation stopped. It stops rather than score less than was asked:
//! a figure over fewer topics, or over a degraded search, is another figure.

use std::io;
use std::path::{Path, PathBuf};

use answer::model::{ModelError, SchemaError};
use answer::prompt::PromptError;
use corpora::rust_docs::RustDocsError;
use corpora::{ChunkingBenchmarkError, CollectionError, JudgmentError, QuestionError};
use engine::{DocumentError, DocumentId, EncodeError, IndexError, SearchError, SegmentError};
use ingest::chunk::{ChunkError, TokenizerError};
use ingest::pipeline::IngestError;
use ingest::source::SourceError;

use crate::encoder::LoadError;
use crate::experiment::SystemError;
use crate::reranker::LoadRerankerError;
use crate::run_file::RunFileError;
use crate::stats::PairedError;

/// An evaluation that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The test collection cannot be used.
    #[error(transparent)]
    Collection(#[from] CollectionError),
    /// The questions cannot be used.
    #[error(transparent)]
    Questions(#[from] QuestionError),
    /// The judgments cannot be used.
    #[error(transparent)]
    Judgments(#[from] JudgmentError),
    /// The questions have no such split.
    #[error("there is no split {split:?}; the questions have dev, test and all")]
    Split {
        /// As written.
        split: String,
    },
    /// An experiment names a system that cannot be built.
    #[error(transparent)]
    System(#[from] SystemError),
    /// An experiment without a system.
    #[error("the experiment has no system; give grid at least one chunker and one strategy")]
    NoSystems,
    /// A system that asks for the reranker `none`.
    #[error("a system without a reranker is written without \"| rerank\"; `none` names nothing")]
    NoReranker,
    /// A collection whose judgments are of documents cannot be pooled.
    #[error("only questions with passages are pooled; the corpus must be rust-docs")]
    NothingToPool,
    /// A measure of passages where only documents are judged.
    #[error("{measure:?} judges passages, and {corpus:?} has judgments of documents only")]
    NotApplicable {
        /// The measure.
        measure: String,
        /// The corpus.
        corpus: String,
    },
    /// A run cannot be reranked so far down.
    #[error("the depth is {depth}; from 1 to {limit} documents of a topic can be reranked")]
    RerankDepth {
        /// What was asked for.
        depth: usize,
        /// The most.
        limit: usize,
    },
    /// Systems were scored on different topics.
    #[error(transparent)]
    Paired(#[from] PairedError),
    /// Chunkers were scored on different questions. Quotes that are not in the
    /// documents are named on standard error.
    #[error(
        "{baseline} questions of the baseline are not the {other} of another chunker; nothing is compared"
    )]
    OtherQuestions {
        /// Questions of the baseline.
        baseline: usize,
        /// Questions of the other chunker.
        other: usize,
    },
    /// A tokenizer could not be loaded, or refused a text.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// An encoder could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A reranker could not be loaded. Boxed, or every result would be as large.
    #[error(transparent)]
    LoadReranker(#[from] Box<LoadRerankerError>),
    /// The chunking benchmark cannot be used.
    #[error(transparent)]
    ChunkingBenchmark(Box<ChunkingBenchmarkError>),
    /// The index holds another text than the benchmark, so its positions mean
    /// nothing. Documents that could not be indexed are in the ingest's report.
    #[error("the index does not hold the text of corpus {corpus}; nothing is scored")]
    LostCorpus {
        /// Which corpus.
        corpus: DocumentId,
    },
    /// A line of a file of expected answers.
    #[error("{} line {line} is no answer; it must be {{\"_id\": ..., \"answers\": [...]}}", path.display())]
    AnswerFile {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A question could not be answered.
    #[error("question {question:?} could not be answered")]
    Answer {
        /// Its id.
        question: String,
        /// Why.
        #[source]
        source: Box<answer::AnswerError>,
    },
    /// A model that cannot be asked at all: every question would fail alike.
    #[error("nothing is compared, since every question would fail like this: {0}")]
    Model(#[source] Box<ModelError>),
    /// A prompt cannot be filled in.
    #[error(transparent)]
    Prompt(Box<PromptError>),
    /// A schema of ours cannot be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Two systems of one name.
    #[error(
        "two systems are called {name:?}; name each model once, and give a prompt with other words another id or \
         version"
    )]
    TwoSystems {
        /// The name.
        name: String,
    },
    /// The prompt's answers are in the form of whoever asks.
    #[error(
        "the prompt {name} asks for a value in a caller's form, and no form is given here; compare others"
    )]
    ValuePrompt {
        /// Which prompt.
        name: String,
    },
    /// No system of that name is compared.
    #[error("there is no system {name:?}; there are {known}")]
    NoPromptSystem {
        /// As given.
        name: String,
        /// Those there are.
        known: String,
    },
    /// A kept run that has nothing in common with this one.
    #[error(
        "the kept run shares {questions} questions and {systems} systems with this one; nothing is compared"
    )]
    NothingShared {
        /// Questions in both.
        questions: usize,
        /// Systems in both.
        systems: usize,
    },
    /// Labels that no judge can be checked by.
    #[error("a judge is checked by labels of both kinds; {right} are right and {wrong} are wrong")]
    OneSidedLabels {
        /// Right answers.
        right: usize,
        /// Wrong ones.
        wrong: usize,
    },
    /// No question is left that could be scored.
    #[error(
        "no question can be scored on {}: {n_unresolved} quotes are not in its documents, {n_unanswerable} questions \
         are unanswerable; documents are named <folder>/<path below it>",
        dir.display()
    )]
    NoQuestions {
        /// The folder of documents.
        dir: PathBuf,
        /// Quotes that were not found.
        n_unresolved: usize,
        /// Questions without evidence by design.
        n_unanswerable: usize,
    },
    /// The demo corpus cannot be listed.
    #[error(transparent)]
    RustDocs(#[from] RustDocsError),
    /// The demo corpus is not installed, and there is nothing to ask it.
    #[error("the questions need the Rust documentation: {missing}")]
    NoDocumentation {
        /// Where it was looked for, and how to install it.
        missing: String,
    },
    /// The documents cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Documents could not be indexed.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A document of the index cannot be read.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The probe's documents were refused.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The probe's documents could not be cut.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The probe's texts could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A topic could not be searched.
    #[error("topic {topic:?}: {source}")]
    Search {
        /// The topic's id.
        topic: String,
        /// Why.
        #[source]
        source: SearchError,
    },
    /// A search left out a stage, so its result is not the strategy's.
    #[error("topic {topic:?}: the search left out {stage} ({reason}); nothing is scored")]
    Degraded {
        /// The topic's id.
        topic: String,
        /// The stage.
        stage: String,
        /// What happened.
        reason: String,
    },
    /// A measure looks deeper than the engine answers.
    #[error("{measure} looks at more ranks than a search returns; the most is {limit}")]
    CutoffTooDeep {
        /// The measure, as it was asked for.
        measure: String,
        /// The most hits of one search.
        limit: usize,
    },
    /// A request of a query log that this version cannot run.
    #[error("the logged query {query:?} cannot be replayed: {reason}")]
    LoggedRequest {
        /// What was asked.
        query: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A judged line that cannot become evidence.
    #[error("judgments, line {line}: {reason}")]
    Judgment {
        /// 1-based.
        line: usize,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A run file cannot be read or written.
    #[error(transparent)]
    RunFile(#[from] RunFileError),
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was to be read or written.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// A file of ours cannot be parsed.
    #[error("{}: {reason}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<ChunkingBenchmarkError> for EvalError {
    // Boxed: it quotes what it found, and every result would grow by it.
    fn from(error: ChunkingBenchmarkError) -> Self {
        Self::ChunkingBenchmark(Box::new(error))
    }
}

impl EvalError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}
