//! Experiments: grids of systems over one corpus, run, judged and compared.
//!
//! An [`Experiment`] is a data file. [`run_experiment`] builds each index once,
//! encodes no text twice ([`CachedEncoder`]), keeps every finished run
//! ([`RunStore`]), so that an interrupted grid goes on where it was, and compares
//! all systems with the baseline as one family. What was returned
//! ([`SystemRun`]) is kept apart from what it is worth ([`Truth`]).

mod diff;
mod file;
mod level;
mod report;
mod run;
mod stages;
mod store;
mod system;
mod truth;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use engine::{Encoder, Searcher, Strategy, VectorLayout};
use ingest::chunk::{ChunkerParts, TokenSizer};
use ingest::pipeline::Progress;

pub use diff::{DiffPassage, TopicDiff, topic_diffs};
pub use file::{Experiment, ExperimentCorpus, RUST_DOCS};
pub use level::{Level, LevelError, LevelMeasure};
pub use report::{ComparisonReport, ExperimentReport, MeasureReport, SystemReport, TopicReport};
pub use run::{KEPT_RANKS, RankedHit, SystemRun, TopicRanking};
pub use stages::StageAccount;
pub use store::RunStore;
pub use system::{SystemError, SystemSpec, parse_strategy};
pub use truth::{ExperimentData, JUDGED_RANKS, MIN_JUDGED, SystemScores, Truth};

use crate::embedding_cache::CachedEncoder;
use crate::error::EvalError;
use crate::fingerprint::Fingerprint;
use crate::index_cache::{CachedIndex, IndexCache, Reuse};
use crate::indexing::Recipe;
use crate::reranker::RerankSetup;
use crate::stats::{Bootstrap, FamilyComparison, compare_family};
use run::{Asked, Unit, run_topics};
use store::program_digest;

/// Where an experiment finds and keeps things.
pub struct Laboratory<'l> {
    /// The folder that holds BEIR collections by name.
    pub collections: &'l Path,
    /// Indexes of earlier runs.
    pub indexes: &'l IndexCache,
    /// Runs of earlier calls.
    pub runs: &'l RunStore,
    /// Vectors of earlier runs.
    pub vectors: &'l Path,
    /// Whether runs of earlier calls may be used.
    pub reuse: Reuse,
    /// Loads an encoder by name, with the tokenizer to measure chunks in.
    pub load: &'l dyn Fn(&str) -> Result<ChunkerParts, EvalError>,
    /// Loads a reranker by name, over an index's encoder.
    pub load_reranker: &'l LoadReranker,
}

/// From a name, and the encoder of the index that is searched, to what reranks.
pub type LoadReranker = dyn Fn(&str, &Arc<dyn Encoder>) -> Result<RerankSetup, EvalError>;

/// Who is told how far an experiment is.
pub trait ExperimentProgress {
    /// System number `at` (from 0) of `of` is next.
    fn system(&self, at: usize, of: usize, system: &SystemSpec);
    /// For indexing.
    fn indexing(&self) -> &dyn Progress;
    /// `done` of `total` topics were searched.
    fn topics(&self, done: usize, total: usize);
}

/// A finished experiment.
pub struct ExperimentOutcome {
    /// What was asked for.
    pub experiment: Experiment,
    /// Its corpus.
    pub data: ExperimentData,
    /// What its rankings were judged by.
    pub truth: Truth,
    /// A row per system, in the file's order.
    pub rows: Vec<SystemRow>,
    /// A view of an index of the corpus, to read texts from.
    pub searcher: Searcher,
    /// Passages encoded, and passages found in the cache.
    pub n_encoded: usize,
    /// Passages that the cache held.
    pub n_cached: usize,
}

/// A system and what became of it.
pub struct SystemRow {
    /// What it returned.
    pub run: Rc<SystemRun>,
    /// What that is worth.
    pub scores: SystemScores,
    /// For hybrid systems, what each stage kept.
    pub stages: Option<StageAccount>,
    /// By measure, against the baseline; `None` for the baseline itself and for
    /// measures that are withheld from either.
    pub comparisons: Vec<Option<FamilyComparison>>,
    /// Whether the run is one of an earlier call.
    pub kept: bool,
}

/// Runs a grid.
///
/// Two calls with one program on one machine return equal rankings.
///
/// # Errors
/// [`EvalError`]; what was finished before stays in the store.
pub fn run_experiment(
    experiment: Experiment,
    laboratory: &Laboratory<'_>,
    progress: &dyn ExperimentProgress,
) -> Result<ExperimentOutcome, EvalError> {
    let data = ExperimentData::open(&experiment, laboratory.collections)?;
    let mut bench = Bench {
        laboratory,
        data: &data,
        vectors: experiment.vectors,
        encoders: HashMap::new(),
        rerankers: HashMap::new(),
        open: None,
        finished: HashMap::new(),
    };
    let mut finished = Vec::new();
    let mut truth = None;
    for (at, system) in experiment.systems.iter().enumerate() {
        progress.system(at, experiment.systems.len(), system);
        let (run, kept) = bench.run(system, progress)?;
        let legs = match system.strategy()? {
            Strategy::Hybrid { .. } => {
                let leg = |strategy: &str| SystemSpec {
                    strategy: strategy.into(),
                    rerank: None,
                    ..system.clone()
                };
                let (lexical, _) = bench.run(&leg("lexical"), progress)?;
                let (dense, _) = bench.run(&leg("dense"), progress)?;
                Some([lexical, dense])
            }
            Strategy::Lexical | Strategy::Dense => None,
        };
        if truth.is_none() {
            let searcher = bench.searcher(system, progress)?;
            truth = Some((data.truth(&searcher)?, searcher));
        }
        finished.push((run, legs, kept));
    }
    let (n_encoded, n_cached) = bench.counts();
    // A grid without systems has no baseline and is refused when it is read.
    let (truth, searcher) = truth.ok_or(EvalError::NoSystems)?;
    let mut rows: Vec<SystemRow> = finished
        .into_iter()
        .map(|(run, legs, kept)| SystemRow {
            scores: truth.score(&run, &experiment.measures),
            stages: legs.map(|[lexical, dense]| StageAccount::new(&truth, &lexical, &dense, &run)),
            comparisons: vec![None; experiment.measures.len()],
            run,
            kept,
        })
        .collect();
    compare_rows(&experiment, &mut rows)?;
    Ok(ExperimentOutcome { experiment, data, truth, rows, searcher, n_encoded, n_cached })
}

/// Compares every system with the baseline, a family per measure.
fn compare_rows(experiment: &Experiment, rows: &mut [SystemRow]) -> Result<(), EvalError> {
    for at in 0..experiment.measures.len() {
        let scores = |row: &SystemRow| -> Option<Vec<f64>> {
            row.scores.measures[at].1.as_ref().map(|result| result.per_topic.clone())
        };
        let baseline = rows.iter().find(|row| row.run.system == experiment.baseline);
        let Some(baseline) = baseline.and_then(scores) else { continue };
        let family: Vec<(usize, Vec<f64>)> = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.run.system != experiment.baseline)
            .filter_map(|(number, row)| Some((number, scores(row)?)))
            .collect();
        let values: Vec<&[f64]> = family.iter().map(|(_, values)| values.as_slice()).collect();
        let compared = compare_family(&baseline, &values, &Bootstrap::DEFAULT)?;
        for ((number, _), comparison) in family.iter().zip(compared) {
            rows[*number].comparisons[at] = Some(comparison);
        }
    }
    Ok(())
}

/// What is loaded while a grid runs.
struct Bench<'b> {
    laboratory: &'b Laboratory<'b>,
    data: &'b ExperimentData,
    vectors: VectorLayout,
    encoders: HashMap<String, (Arc<dyn TokenSizer>, Arc<CachedEncoder>)>,
    /// By their own name and the encoder's.
    rerankers: HashMap<(String, String), RerankSetup>,
    /// The index of the last recipe: systems come chunker by chunker.
    open: Option<(String, String, CachedIndex)>,
    /// Runs of this call: a hybrid's legs are often systems of the grid too.
    finished: HashMap<SystemSpec, (Rc<SystemRun>, bool)>,
}

impl Bench<'_> {
    fn counts(&self) -> (usize, usize) {
        self.encoders.values().fold((0, 0), |(encoded, found), (_, cached)| {
            let (more_encoded, more_found) = cached.counts();
            (encoded + more_encoded, found + more_found)
        })
    }

    fn index(
        &mut self,
        system: &SystemSpec,
        progress: &dyn ExperimentProgress,
    ) -> Result<&CachedIndex, EvalError> {
        let is_open = self.open.as_ref().is_some_and(|(chunker, encoder, _)| {
            *chunker == system.chunker && *encoder == system.encoder
        });
        if !is_open {
            let recipe = self.recipe(system)?;
            let cache = (self.laboratory.indexes, Reuse::Allowed);
            let index = self.data.index(&recipe, cache, progress.indexing())?;
            self.open = Some((system.chunker.clone(), system.encoder.clone(), index));
        }
        match &self.open {
            Some((_, _, index)) => Ok(index),
            None => Err(EvalError::NoSystems),
        }
    }

    fn searcher(
        &mut self,
        system: &SystemSpec,
        progress: &dyn ExperimentProgress,
    ) -> Result<Searcher, EvalError> {
        Ok(self.index(system, progress)?.index.searcher())
    }

    fn recipe(&mut self, system: &SystemSpec) -> Result<Recipe, EvalError> {
        if !self.encoders.contains_key(&system.encoder) {
            let ChunkerParts { sizer, encoder } = (self.laboratory.load)(&system.encoder)?;
            let cached = Arc::new(CachedEncoder::open(self.laboratory.vectors, encoder)?);
            self.encoders.insert(system.encoder.clone(), (sizer, cached));
        }
        let (sizer, cached) = &self.encoders[&system.encoder];
        Ok(Recipe {
            chunker: system.chunker()?,
            encoder: Arc::clone(cached) as Arc<dyn Encoder>,
            sizer: Arc::clone(sizer),
            vectors: self.vectors,
        })
    }

    /// What reranks a system's results.
    fn reranker(&mut self, system: &SystemSpec) -> Result<Option<RerankSetup>, EvalError> {
        let Some(name) = &system.rerank else { return Ok(None) };
        let key = (name.clone(), system.encoder.clone());
        if !self.rerankers.contains_key(&key) {
            let encoder = self.recipe(system)?.encoder;
            let setup = (self.laboratory.load_reranker)(name, &encoder)?;
            self.rerankers.insert(key.clone(), setup);
        }
        Ok(self.rerankers.get(&key).cloned())
    }

    /// A system's run, from the store or made now, and whether it was there.
    fn run(
        &mut self,
        system: &SystemSpec,
        progress: &dyn ExperimentProgress,
    ) -> Result<(Rc<SystemRun>, bool), EvalError> {
        if let Some(finished) = self.finished.get(system) {
            return Ok(finished.clone());
        }
        let strategy = system.strategy()?;
        let (runs, reuse) = (self.laboratory.runs, self.laboratory.reuse);
        let topics = self.data.topics();
        let unit = self.data.unit();
        let rerank = self.reranker(system)?;
        let index = self.index(system, progress)?;
        let mut fingerprint = index
            .fingerprint
            .clone()
            .with("strategy", system.strategy.as_str())
            .with("topics", topics_digest(topics))
            .with("unit", if unit == Unit::Passages { "passages" } else { "documents" })
            .with("program", program_digest()?);
        if let Some(setup) = &rerank {
            fingerprint = fingerprint.with("rerank", setup.describe());
        }
        if reuse == Reuse::Allowed
            && let Some(run) = runs.load(&fingerprint)
        {
            let finished = (Rc::new(run), true);
            self.finished.insert(system.clone(), finished.clone());
            return Ok(finished);
        }
        let mut searcher = index.index.searcher();
        if let Some(setup) = &rerank {
            searcher = searcher.with_reranker(Arc::clone(&setup.pipeline));
        }
        let how = Asked { strategy, unit, rerank: rerank.map(|setup| setup.options) };
        let ranked = run_topics(&searcher, topics, how, &mut |done| {
            progress.topics(done, topics.len());
        })?;
        let run = SystemRun {
            system: system.clone(),
            depends_on: parts(&fingerprint),
            documents: ranked.documents,
            rankings: ranked.rankings,
            timings_ms: ranked.timings_ms,
            indexing: index.record.clone(),
        };
        runs.save(&fingerprint, &run)?;
        let finished = (Rc::new(run), false);
        self.finished.insert(system.clone(), finished.clone());
        Ok(finished)
    }
}

fn parts(fingerprint: &Fingerprint) -> BTreeMap<String, String> {
    fingerprint.parts().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn topics_digest(topics: &[corpora::Topic]) -> String {
    let mut hasher = blake3::Hasher::new();
    for topic in topics {
        for text in [&topic.id, &topic.text] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
