//! Evaluation: how well the engine finds what it should, and how sure that is.
//!
//! A [`Run`] (what was returned) is scored against [`corpora::Qrels`] (what is
//! relevant) by [`Measure`]s, with intervals from [`stats`]. Three ways lead
//! there: [`evaluate_collection`] takes a BEIR folder from files to figures,
//! [`evaluate_questions`] judges passages by the quotes that prove an answer,
//! and a run file from anywhere is read by [`read_run`], and put in another order by
//! [`rerank_run`]. [`evaluate_chunking`]
//! judges ways of cutting by the text they bring ([`SpanMeasure`]). [`evaluate_answers`]
//! judges what is quoted and what is refused, and [`evaluate_prompts`] sets what language
//! models write beside it. [`run_gate`] compares
//! with stored figures; [`measure_grid`] is the experiment behind the default
//! fusion. [`audit()`] says whether a question file is fit to measure with,
//! [`draft_questions`] starts one for a folder, and [`replay()`] compares what
//! users were shown with what another configuration would show them.
//!
//! Evaluation enters the engine where a server does, at `Searcher::search`, so
//! what is measured is what is served.

mod answers;
mod audit;
mod chunking;
mod collection;
mod conversations;
mod demo_corpus;
mod distill;
mod draft;
mod embedding_cache;
mod encoder;
mod error;
mod evaluation;
mod experiment;
mod feature_file;
mod fingerprint;
mod gate;
mod grid;
mod index_cache;
mod indexing;
mod machine;
mod measure;
mod pages;
mod pool;
mod probe;
mod prompts;
mod questions;
mod replay;
mod report;
mod reranked_run;
mod reranker;
mod run;
mod run_file;
mod splits;
pub mod stats;
mod timing;
mod topic_run;

pub use answers::{
    AbstentionReport, AnswerQuestion, AnswerReport, AnswerRun, AnswerScore, AnswerSet,
    KeepSentences, Need, Quality, SentenceRow, evaluate_answers, write_sentences,
};
pub use audit::{
    Audit, BySplit, Coverage, Leak, LexicalOverlap, NEAR_DUPLICATE_THRESHOLD, NO_BOOK,
    NearDuplicatePair, Texts, audit, book_of, quoted_documents, read_texts, stored_texts,
};
pub use chunking::{
    BudgetReport, BudgetResults, ChunkingComparison, ChunkingOptions, ChunkingOutcome, ChunkingRow,
    CutComparison, CutResults, GroundTruth, PublishedRow, SpanResult, TokenBudget,
    compare_chunkers, evaluate_chunking, published_row,
};
pub use collection::{
    CollectionOptions, CollectionOutcome, EvalProgress, evaluate_collection, index_collection,
    strategy_name,
};
pub use conversations::{
    ConversationReport, Wording, WordingReport, asked_in_turn, evaluate_conversations,
};
pub use demo_corpus::{corpus_source, guide_texts, index_books};
pub use distill::{DistillError, DistillOptions, DistillStep, Distilled, distill};
pub use draft::{Drafts, draft_questions, drafts_notice};
pub use embedding_cache::CachedEncoder;
pub use encoder::{LoadError, LoadedEncoder, encoder_spec, load_encoder};
pub use error::EvalError;
pub use evaluation::{Evaluation, MeasureResult, evaluate};
pub use experiment::{
    ComparisonReport, DiffPassage, Experiment, ExperimentCorpus, ExperimentData, ExperimentOutcome,
    ExperimentProgress, ExperimentReport, JUDGED_RANKS, KEPT_RANKS, Laboratory, Level, LevelError,
    LevelMeasure, LoadReranker, MIN_JUDGED, MeasureReport, RUST_DOCS, RankedHit, RunStore,
    StageAccount, SystemError, SystemReport, SystemRow, SystemRun, SystemScores, SystemSpec,
    TopicDiff, TopicRanking, TopicReport, Truth, parse_strategy, run_experiment, topic_diffs,
};
pub use feature_file::{FeatureRow, write_features};
pub use fingerprint::Fingerprint;
pub use gate::{Baseline, GATE_COLLECTION, GateOutcome, GateRow, PromptRow, Verdict, run_gate};
pub use grid::{
    DepthStep, Grid, GridCell, GridRow, GridSet, QuestionLevel, compare_systems, grid_markdown,
    measure_grid,
};
pub use index_cache::{CachedIndex, IndexCache, Reuse, score_fingerprint};
pub use indexing::{IndexingRecord, Recipe, build_index};
pub use machine::machine;
pub use measure::{
    Measure, MeasureError, Metric, RequestedMeasure, SpanCoverage, SpanCut, SpanMeasure,
    SpanMeasureError, SpanMetric,
};
pub use pages::{ReportHead, questions_html, report_html, report_markdown};
pub use pool::{
    Agreement, GivenAnswer, GivenQuote, JudgingError, PooledQuestion, PooledRegion, agreement,
    judgments_from_answers, parse_answers, pool,
};
pub use probe::probe;
pub use prompts::{
    AgainstReport, AskedQuestion, Judge, JudgeReport, LabelledAnswer, MeasureChange,
    MeasuredPrompt, PromptFailure, PromptMeasure, PromptReport, PromptRun, PromptScore,
    PromptSystem, PromptSystemReport, PromptWriter, Spent, SystemAnswers, SystemChange, Treatment,
    evaluate_prompts, prompt_systems, read_labels, system_position,
};
pub use questions::{
    EvidencePassage, JudgedQuestion, JudgedRanking, LostJudgments, MissingEvidence, QuestionReport,
    QuestionSystem, ResolvedQuestion, ResolvedQuestions, ScoredQuestion, SystemQuestionScores,
    UnresolvedQuote, evaluate_questions, join_judgments, resolve_questions,
};
pub use replay::{
    DisagreementReport, FeedbackJudgments, HitReport, JudgedQuestions, JudgingLine, OverlapSummary,
    Persistence, PersistenceError, Replay, ReplayLevel, ReplayOptions, ReplayReport, ReplayedQuery,
    feedback_judgments, judging_lines, parse_judging_lines, questions_from_judgments,
    rank_biased_overlap, replay,
};
pub use report::{
    ByMeasure, Difference, Estimate, NamedEstimates, QuestionDifferences, QuestionScoreReport,
    RerankSummary, ScoreReport, StrategyReport, TopicCounts,
};
pub use reranked_run::{RerankRunOptions, RerankedRun, RunToRerank, rerank_run};
pub use reranker::{
    DEFAULT_RERANK_BUDGET_MS, DEFAULT_RERANKER, LoadRerankerError, NO_RERANKER, RerankSetup,
    load_reranker, needs_encoder,
};
pub use run::{Run, RunEntry, fold_chunks};
pub use run_file::{RunFileError, read_run, write_run};
pub use timing::{Percentiles, StagePercentiles, stage_percentiles};
pub use topic_run::{OwnDocument, TopicRun, TopicRunOptions, run_topics};
