//! Reranking anyone's run: a TREC file as the first stage, a BEIR folder for the
//! texts.
//!
//! Only the documents that would be reread are indexed, so a run over millions can
//! be reranked without them. What the legs think of a candidate is then known among
//! the run's own candidates: ranks in a leg, and the rarity of words, are those of
//! that index.

use std::collections::HashSet;
use std::path::PathBuf;

use corpora::{Qrels, Topic};
use engine::{
    DocumentId, NearDuplicates, RerankOptions, RerankReport, SearchRequest, Searcher, StageTimings,
};
use ingest::source::{BeirSource, DocumentSource, Root, Skipped, SourceItem};

use crate::collection::EvalProgress;
use crate::error::EvalError;
use crate::evaluation::{Evaluation, evaluate};
use crate::feature_file::FeatureRow;
use crate::fingerprint::Fingerprint;
use crate::index_cache::{CachedIndex, IndexCache, Reuse};
use crate::indexing::{IndexingRecord, Recipe, build_index, corpus_digest};
use crate::measure::RequestedMeasure;
use crate::reranker::RerankSetup;
use crate::run::{Run, RunEntry};
use crate::timing::{StagePercentiles, stage_percentiles};
use crate::topic_run::{feature_rows, search};

/// A run with what is needed to rerank and to judge it.
pub struct RunToRerank {
    /// A name for the index's folder: the collection's.
    pub name: String,
    /// The BEIR folder with the documents.
    pub dir: PathBuf,
    /// The topics, of which those in the run count.
    pub topics: Vec<Topic>,
    /// The judgments.
    pub qrels: Qrels,
    /// The first stage.
    pub run: Run,
}

/// How a run is reranked.
#[derive(Clone)]
pub struct RerankRunOptions {
    /// How its documents become an index.
    pub recipe: Recipe,
    /// What reranks; its depth is [`RerankRunOptions::depth`].
    pub rerank: RerankSetup,
    /// Documents of a topic that may be read, 1 to
    /// [`SearchRequest::MAX_RERANK_DEPTH`]; those further down keep their order
    /// behind them.
    pub depth: usize,
    /// What is measured.
    pub measures: Vec<RequestedMeasure>,
    /// Whether an index from an earlier run may be used.
    pub reuse: Reuse,
}

impl RerankRunOptions {
    /// The reranker with the depth it reads to.
    pub(crate) fn setup(&self) -> RerankSetup {
        let budget_ms = self.rerank.options.budget_ms;
        let options = RerankOptions { depth: Some(self.depth), budget_ms };
        RerankSetup { options, ..self.rerank.clone() }
    }
}

/// A reranked run's figures and what they rest on.
#[derive(Debug)]
pub struct RerankedRun {
    /// The rankings.
    pub run: Run,
    /// Their figures.
    pub evaluation: Evaluation,
    /// Those of the run as it was.
    pub before: Evaluation,
    /// Wall time per stage over topics.
    pub timings: StagePercentiles,
    /// How far the reranker read, topic by topic.
    pub reports: Vec<RerankReport>,
    /// What it knew of each candidate.
    pub features: Vec<FeatureRow>,
    /// Topics of the run without a text: they keep their ranking.
    pub n_without_text: usize,
    /// What indexing did, now or when the index was built.
    pub indexing: IndexingRecord,
    /// Everything the figures depend on.
    pub fingerprint: Fingerprint,
}

/// Reranks a run and scores it before and after.
///
/// # Errors
/// [`EvalError::RerankDepth`]; those of indexing; [`EvalError::Search`] and
/// [`EvalError::Degraded`] with the topic.
pub fn rerank_run(
    given: &RunToRerank,
    options: &RerankRunOptions,
    cache: &IndexCache,
    progress: &dyn EvalProgress,
) -> Result<RerankedRun, EvalError> {
    if !(1..=SearchRequest::MAX_RERANK_DEPTH).contains(&options.depth) {
        let (depth, limit) = (options.depth, SearchRequest::MAX_RERANK_DEPTH);
        return Err(EvalError::RerankDepth { depth, limit });
    }
    let CachedIndex { index, record, fingerprint } = index_of_run(given, options, cache, progress)?;
    let searcher = index.searcher().with_reranker(options.rerank.pipeline.clone());
    let setup = options.setup();
    let rerank = setup.options;
    let mut run = Run::new(format!("{}-reranked", given.run.tag));
    let (mut reports, mut features, mut n_without_text) = (Vec::new(), Vec::new(), 0);
    let mut timings: Vec<StageTimings> = Vec::new();
    let total = given.run.iter().count();
    for (at, (topic, entries)) in given.run.iter().enumerate() {
        let text = given.topics.iter().find(|known| known.id == topic);
        if let Some(known) = text.filter(|known| !known.text.trim().is_empty()) {
            let read = reread(&searcher, known, entries, rerank)?;
            timings.push(read.timings);
            reports.extend(read.report);
            features.extend(read.features);
            run.insert(topic, read.ranking);
        } else {
            n_without_text += 1;
            run.insert(topic, entries.iter().map(plain));
        }
        progress.topics(at + 1, total);
    }
    Ok(RerankedRun {
        evaluation: evaluate(&run, &given.qrels, &options.measures),
        before: evaluate(&given.run, &given.qrels, &options.measures),
        run,
        timings: stage_percentiles(&timings),
        reports,
        features,
        n_without_text,
        indexing: record,
        fingerprint: fingerprint.with("run", given.run.digest()).with("rerank", setup.describe()),
    })
}

/// The index of the documents that may be read.
fn index_of_run(
    given: &RunToRerank,
    options: &RerankRunOptions,
    cache: &IndexCache,
    progress: &dyn EvalProgress,
) -> Result<CachedIndex, EvalError> {
    let head = |entries: &[RunEntry]| -> Vec<DocumentId> {
        entries.iter().take(options.depth).map(|entry| entry.document.clone()).collect()
    };
    let wanted: HashSet<DocumentId> =
        given.run.iter().flat_map(|(_, entries)| head(entries)).collect();
    let source = || -> Result<Chosen, EvalError> {
        Ok(Chosen { all: BeirSource::open(&given.dir)?, wanted: wanted.clone() })
    };
    let fingerprint = IndexCache::fingerprint(&options.recipe, &corpus_digest(&mut source()?))?;
    let name = format!("{}-run", given.name);
    cache.open_or_build((&name, fingerprint), &options.recipe, options.reuse, |dir| {
        build_index(dir, Box::new(source()?), &options.recipe, progress.indexing())
    })
}

fn plain(entry: &RunEntry) -> (DocumentId, f64) {
    (entry.document.clone(), entry.score.into())
}

/// One topic, reranked.
struct Reread {
    ranking: Vec<(DocumentId, f64)>,
    features: Vec<FeatureRow>,
    report: Option<RerankReport>,
    timings: StageTimings,
}

/// Ranks one topic: what was read by its new score, then what was not.
fn reread(
    searcher: &Searcher,
    topic: &Topic,
    entries: &[RunEntry],
    rerank: RerankOptions,
) -> Result<Reread, EvalError> {
    let depth = rerank.depth.unwrap_or(entries.len()).min(entries.len());
    let (head, tail) = entries.split_at(depth);
    let request = SearchRequest {
        candidates: Some(descending(head)),
        rerank: Some(rerank),
        top: depth.max(1),
        near_duplicates: NearDuplicates::List,
        ..SearchRequest::new("")
    };
    let outcome = search(searcher, topic, &request)?;
    let mut ranking = Vec::with_capacity(entries.len());
    for hit in &outcome.hits {
        let stands_for =
            |document: &DocumentId| *document == hit.document || hit.duplicates.contains(document);
        let of_hit = head.iter().map(|entry| &entry.document).filter(|id| stands_for(id));
        ranking.extend(of_hit.map(|document| (document.clone(), hit.score)));
    }
    let features = feature_rows(topic, &outcome.hits, &ranking);
    // What the corpus does not hold stays behind what could be read.
    let read: HashSet<DocumentId> = ranking.iter().map(|(document, _)| document.clone()).collect();
    let rest = head.iter().filter(|entry| !read.contains(&entry.document)).chain(tail);
    ranking.extend(rest.map(plain));
    let (report, timings) = (outcome.reranked, outcome.timings_ms);
    Ok(Reread { ranking, features, report, timings })
}

/// Scores that keep the run's order: one that ties with the one before it is
/// lowered to the next number below.
fn descending(entries: &[RunEntry]) -> Vec<(DocumentId, f64)> {
    let mut limit = f64::INFINITY;
    let lowered = |entry: &RunEntry| {
        let score = f64::from(entry.score).min(limit.next_down());
        limit = score;
        (entry.document.clone(), score)
    };
    entries.iter().map(lowered).collect()
}

/// The documents of a collection that a run names.
struct Chosen {
    all: BeirSource,
    wanted: HashSet<DocumentId>,
}

impl DocumentSource for Chosen {
    fn roots(&self) -> &[Root] {
        self.all.roots()
    }

    fn len_hint(&self) -> Option<usize> {
        Some(self.wanted.len())
    }

    fn next(&mut self) -> Option<Result<SourceItem, Skipped>> {
        loop {
            match self.all.next()? {
                Ok(item) if !self.wanted.contains(&item.id) => {}
                next => return Some(next),
            }
        }
    }
}
