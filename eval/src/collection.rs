//! A BEIR collection from files to figures: index, run, score.

use std::path::Path;

use corpora::BeirCollection;
use engine::{Expansion, SearchRequest, Strategy};
use ingest::pipeline::Progress;
use ingest::source::BeirSource;

use crate::error::EvalError;
use crate::evaluation::{Evaluation, evaluate};
use crate::fingerprint::Fingerprint;
use crate::index_cache::{CachedIndex, IndexCache, Reuse};
use crate::indexing::{IndexingRecord, Recipe, build_index, corpus_digest};
use crate::measure::RequestedMeasure;
use crate::reranker::RerankSetup;
use crate::timing::{StagePercentiles, stage_percentiles};
use crate::topic_run::{OwnDocument, TopicRun, TopicRunOptions, run_topics};

/// How a collection is evaluated.
#[derive(Clone)]
pub struct CollectionOptions {
    /// How documents become an index.
    pub recipe: Recipe,
    /// Which legs.
    pub strategy: Strategy,
    /// Candidates of each leg; `None` for the engine's default.
    pub depth: Option<usize>,
    /// What is searched for besides a topic's text.
    pub expansion: Expansion,
    /// What reranks; `None` leaves the first stage's order.
    pub rerank: Option<RerankSetup>,
    /// What is measured.
    pub measures: Vec<RequestedMeasure>,
    /// What happens to a topic's own document.
    pub own_document: OwnDocument,
    /// Whether an index from an earlier run may be used.
    pub reuse: Reuse,
}

/// A collection's figures and what they rest on.
#[derive(Debug)]
pub struct CollectionOutcome {
    /// The rankings, and the times they took.
    pub topic_run: TopicRun,
    /// The figures.
    pub evaluation: Evaluation,
    /// Wall time per stage over topics.
    pub timings: StagePercentiles,
    /// What indexing did, now or when the index was built.
    pub indexing: IndexingRecord,
    /// Everything the figures depend on.
    pub fingerprint: Fingerprint,
}

/// Who is told how far an evaluation is.
pub trait EvalProgress {
    /// For indexing.
    fn indexing(&self) -> &dyn Progress;
    /// `done` of `total` topics were searched.
    fn topics(&self, done: usize, total: usize);
}

/// The index of a collection, from the cache or built now.
///
/// # Errors
/// [`EvalError::Io`], [`EvalError::Source`], [`EvalError::Ingest`],
/// [`EvalError::Index`], and those of the probe.
pub fn index_collection(
    collection: &BeirCollection,
    recipe: &Recipe,
    (cache, reuse): (&IndexCache, Reuse),
    progress: &dyn Progress,
) -> Result<CachedIndex, EvalError> {
    let corpus = corpus_digest(&mut BeirSource::open(&collection.dir)?);
    let fingerprint = IndexCache::fingerprint(recipe, &corpus)?;
    cache.open_or_build((&collection.name, fingerprint), recipe, reuse, |dir: &Path| {
        build_index(dir, Box::new(BeirSource::open(&collection.dir)?), recipe, progress)
    })
}

/// Indexes a collection, runs its topics and scores the run.
///
/// The run is as deep as the deepest measure needs, and at least
/// [`SearchRequest::DEFAULT_DEPTH`]. Measures above that widen the legs, which
/// moves fused scores: the depth is part of the fingerprint.
///
/// # Errors
/// [`EvalError`].
pub fn evaluate_collection(
    collection: &BeirCollection,
    options: &CollectionOptions,
    cache: &IndexCache,
    progress: &dyn EvalProgress,
) -> Result<CollectionOutcome, EvalError> {
    // Before anything expensive: a measure that cannot be had is told at once.
    let top = top_for(&options.measures)?;
    let CachedIndex { index, record, fingerprint } =
        index_collection(collection, &options.recipe, (cache, options.reuse), progress.indexing())?;
    let depth = options.depth.unwrap_or(SearchRequest::DEFAULT_DEPTH).max(top);
    let run_options = TopicRunOptions {
        strategy: options.strategy,
        top,
        depth: Some(depth),
        expansion: options.expansion,
        rerank: options.rerank.as_ref().map(|rerank| rerank.options),
        own_document: options.own_document,
    };
    let mut fingerprint = fingerprint
        .with("split", collection.split.as_str())
        .with("strategy", strategy_name(options.strategy))
        .with("depth", depth.to_string());
    let mut tag = format!("trovato-{}", strategy_name(options.strategy).replace(' ', "-"));
    if options.expansion != Expansion::None {
        fingerprint = fingerprint.with("expand", options.expansion.to_string());
        tag = format!("{tag}-{}", options.expansion);
    }
    let mut searcher = index.searcher();
    if let Some(rerank) = &options.rerank {
        fingerprint = fingerprint.with("rerank", rerank.describe());
        tag.push_str("-reranked");
        searcher = searcher.with_reranker(rerank.pipeline.clone());
    }
    let n_topics = collection.topics.len();
    let topic_run = run_topics(&searcher, &collection.topics, &run_options, &tag, &mut |done| {
        progress.topics(done, n_topics);
    })?;
    Ok(CollectionOutcome {
        evaluation: evaluate(&topic_run.run, &collection.qrels, &options.measures),
        timings: stage_percentiles(&topic_run.timings),
        topic_run,
        indexing: record,
        fingerprint,
    })
}

/// A strategy's name, and its fusion where it has one, as reports print them.
pub(crate) fn strategy_parts(strategy: Strategy) -> (&'static str, Option<String>) {
    match strategy {
        Strategy::Lexical => ("lexical", None),
        Strategy::Dense => ("dense", None),
        Strategy::Hybrid { fusion } => ("hybrid", Some(fusion.to_string())),
    }
}

/// A strategy in one word or two: `hybrid dbsf:0.5`.
pub fn strategy_name(strategy: Strategy) -> String {
    match strategy_parts(strategy) {
        (name, None) => name.to_owned(),
        (name, Some(fusion)) => format!("{name} {fusion}"),
    }
}

/// How many hits the measures look at; a measure without a cutoff looks at as
/// many as are asked for anyway.
fn top_for(measures: &[RequestedMeasure]) -> Result<usize, EvalError> {
    let mut top = SearchRequest::DEFAULT_DEPTH;
    for requested in measures {
        let cutoff = requested.measure.cutoff().unwrap_or(0);
        if cutoff > SearchRequest::MAX_TOP {
            return Err(EvalError::CutoffTooDeep {
                measure: requested.name.clone(),
                limit: SearchRequest::MAX_TOP,
            });
        }
        top = top.max(cutoff);
    }
    Ok(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_is_as_deep_as_the_deepest_measure() {
        let top = |measures: &[&str]| {
            top_for(&measures.iter().map(|measure| measure.parse().unwrap()).collect::<Vec<_>>())
        };
        assert_eq!(top(&["nDCG@10", "AP"]).unwrap(), SearchRequest::DEFAULT_DEPTH);
        assert_eq!(top(&["nDCG@10", "R@500"]).unwrap(), 500);
        assert!(top(&["R@100000"]).unwrap_err().to_string().starts_with("R@100000"));
    }
}
