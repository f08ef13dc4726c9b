//! Running topics through the engine, one at a time.
//!
//! Sequentially, because the times are reported: searches that share the cores
//! with one another would each look slower than a user finds them.

use corpora::Topic;
use engine::{
    DocumentId, Expansion, Hit, NearDuplicates, RerankOptions, RerankReport, RerankStop,
    SearchOutcome, SearchRequest, Searcher, Stage, StageTimings, Strategy,
};

use crate::error::EvalError;
use crate::feature_file::FeatureRow;
use crate::run::{Run, fold_chunks};

/// What happens to the document a topic was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnDocument {
    /// It may be found like any other.
    Keep,
    /// A document whose id is the topic's is left out of the topic's ranking,
    /// as collections ask whose topics are documents (ArguAna, Quora).
    Remove,
}

/// How topics are run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopicRunOptions {
    /// Which legs.
    pub strategy: Strategy,
    /// Documents asked for, 1 to [`SearchRequest::MAX_TOP`].
    pub top: usize,
    /// Candidates of each leg; `None` for the engine's default.
    pub depth: Option<usize>,
    /// What is searched for besides a topic's text.
    pub expansion: Expansion,
    /// How far the searcher's reranker reads; `None` leaves it out.
    pub rerank: Option<RerankOptions>,
    /// What happens to a topic's own document.
    pub own_document: OwnDocument,
}

/// The outcome of all topics.
#[derive(Clone, Debug)]
pub struct TopicRun {
    /// Documents by topic.
    pub run: Run,
    /// Times of each search, in the order of the topics.
    pub timings: Vec<StageTimings>,
    /// How far the reranker read, where there was one, topic by topic.
    pub reports: Vec<RerankReport>,
    /// What it knew of each candidate it read.
    pub features: Vec<FeatureRow>,
    /// Topics without text: they were not run and have no results.
    pub n_blank: usize,
}

/// Runs every topic without a deadline.
///
/// The first topic is searched once more beforehand, unrecorded: the first
/// search of a process pays for files that are not in memory yet.
///
/// # Arguments
/// * `tag` - names the run.
/// * `on_topic` - called after each topic with the number done.
///
/// # Errors
/// [`EvalError::Search`], and [`EvalError::Degraded`] when a stage was left
/// out, with the topic.
pub fn run_topics(
    searcher: &Searcher,
    topics: &[Topic],
    options: &TopicRunOptions,
    tag: &str,
    on_topic: &mut dyn FnMut(usize),
) -> Result<TopicRun, EvalError> {
    let mut result = TopicRun {
        run: Run::new(tag),
        timings: Vec::with_capacity(topics.len()),
        reports: Vec::new(),
        features: Vec::new(),
        n_blank: 0,
    };
    if let Some(first) = topics.iter().find(|topic| !topic.text.trim().is_empty()) {
        search(searcher, first, &options.request())?;
    }
    for (at, topic) in topics.iter().enumerate() {
        if topic.text.trim().is_empty() {
            result.n_blank += 1;
        } else {
            let outcome = search(searcher, topic, &options.request())?;
            result.timings.push(outcome.timings_ms);
            let mut ranking = documents(&outcome);
            if options.own_document == OwnDocument::Remove {
                ranking.retain(|(document, _)| document.as_str() != topic.id);
            }
            result.reports.extend(outcome.reranked);
            result.features.extend(feature_rows(topic, &outcome.hits, &ranking));
            result.run.insert(&topic.id, ranking);
        }
        on_topic(at + 1);
    }
    Ok(result)
}

/// The ranking of documents in an outcome: chunks folded, and exact duplicates,
/// which the index stores once, right behind the document that holds their
/// text.
pub(crate) fn documents(outcome: &SearchOutcome) -> Vec<(DocumentId, f64)> {
    fold_chunks(outcome.hits.iter().flat_map(|hit| {
        std::iter::once(&hit.document)
            .chain(&hit.duplicates)
            .map(|document| (document.clone(), hit.score))
    }))
}

impl TopicRunOptions {
    /// One hit a document: its best chunk, so that `top` hits are `top`
    /// documents however finely they were cut.
    fn request(&self) -> SearchRequest {
        SearchRequest {
            strategy: self.strategy,
            top: self.top,
            depth: self.depth,
            expansion: self.expansion,
            rerank: self.rerank,
            per_document: Some(1),
            near_duplicates: NearDuplicates::List,
            ..SearchRequest::new("")
        }
    }
}

/// What the reranker knew of the documents it read, in the order of `ranking`.
pub(crate) fn feature_rows(
    topic: &Topic,
    hits: &[Hit],
    ranking: &[(DocumentId, f64)],
) -> Vec<FeatureRow> {
    let row = |(at, (document, score)): (usize, &(DocumentId, f64))| {
        let hit = hits
            .iter()
            .find(|hit| hit.document == *document || hit.duplicates.contains(document))?;
        Some(FeatureRow {
            topic: topic.id.clone(),
            document: document.clone(),
            rank: at + 1,
            score: *score,
            features: hit.features?,
        })
    };
    ranking.iter().enumerate().filter_map(row).collect()
}

/// Searches for a topic's text; a degraded outcome is an error, unless it is a
/// reranker's that was given a budget and kept it.
///
/// # Arguments
/// * `request` - everything but the query.
pub(crate) fn search(
    searcher: &Searcher,
    topic: &Topic,
    request: &SearchRequest,
) -> Result<SearchOutcome, EvalError> {
    let request = SearchRequest { query: topic.text.clone(), ..request.clone() };
    let outcome = searcher
        .search(&request)
        .map_err(|source| EvalError::Search { topic: topic.id.clone(), source })?;
    let is_budget = |stage| {
        let stop = outcome.reranked.map(|report| report.stop);
        stage == Stage::Rerank
            && stop == Some(RerankStop::Budget)
            && request.rerank.is_some_and(|rerank| rerank.budget_ms.is_some())
    };
    match outcome.degraded.iter().find(|degradation| !is_budget(degradation.stage)) {
        Some(degradation) => Err(EvalError::Degraded {
            topic: topic.id.clone(),
            stage: degradation.stage.to_string(),
            reason: degradation.reason.clone(),
        }),
        None => Ok(outcome),
    }
}
