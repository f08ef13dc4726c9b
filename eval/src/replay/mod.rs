//! Replay: what users asked, asked again of another configuration.
//!
//! [`replay`] runs the requests of a query log against an index and compares
//! the rankings with those that users saw, by [`rank_biased_overlap`]. It tells
//! how much a change would change and where; it cannot tell which of two
//! rankings is better. For that the largest disagreements are written out as
//! [`JudgingLine`]s, a person grades them, and [`questions_from_judgments`]
//! makes questions of them, which every other measure here can use. What users said
//! of passages themselves ([`feedback_judgments`]) is judged already.

mod feedback;
mod judging;
mod rbo;
mod report;

use std::collections::HashMap;

use corpora::{LoggedHit, LoggedRequest, LoggedSearch, Topic};
use engine::filter::Filter;
use engine::{
    DocumentId, Expansion, Fusion, NearDuplicates, SearchRequest, Searcher, Span, Strategy, Typos,
};

pub use feedback::{FeedbackJudgments, feedback_judgments};
pub use judging::{
    JudgedQuestions, JudgingLine, judging_lines, parse_judging_lines, questions_from_judgments,
};
pub use rbo::{Persistence, PersistenceError, rank_biased_overlap};
pub use report::{DisagreementReport, HitReport, OverlapSummary, ReplayReport};

use crate::error::EvalError;
use crate::run::fold_chunks;
use crate::topic_run::search;

/// What a ranking is a ranking of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayLevel {
    /// Documents, each where its best passage stands: comparable between
    /// indexes that are cut differently.
    Documents,
    /// Passages, equal when document and span are.
    Passages,
}

/// How a log is replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplayOptions {
    /// The strategy of every search; `None` for the logged one of each.
    pub strategy: Option<Strategy>,
    /// How deep rank-biased overlap looks.
    pub persistence: Persistence,
}

/// A request with both its rankings.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayedQuery {
    /// What was asked.
    pub request: LoggedRequest,
    /// What the user saw, best first.
    pub logged: Vec<LoggedHit>,
    /// What the configuration returns, best first.
    pub replayed: Vec<LoggedHit>,
    /// Rank-biased overlap of the documents.
    pub documents_rbo: f64,
    /// Rank-biased overlap of the passages.
    pub passages_rbo: f64,
}

impl ReplayedQuery {
    /// The overlap on a level.
    pub fn rbo(&self, level: ReplayLevel) -> f64 {
        match level {
            ReplayLevel::Documents => self.documents_rbo,
            ReplayLevel::Passages => self.passages_rbo,
        }
    }
}

/// The outcome of [`replay`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    /// Each request once, in the order of the log.
    pub queries: Vec<ReplayedQuery>,
    /// Searches in the log.
    pub n_searches: usize,
    /// Searches that it stands for, where it is a sample: an estimate, every kept search
    /// standing for `1 / sample` of them. Else [`Replay::n_searches`].
    pub n_sampled_from: usize,
    /// Searches that a later one repeats: the last answer is what counts.
    pub n_repeated: usize,
    /// Searches from which something was redacted: what was asked is not known
    /// any more, so an answer to what is left proves nothing.
    pub n_redacted: usize,
    /// Searches for a vector of the client's own, which the log does not hold.
    pub n_own_vector: usize,
    /// Searches that were answered without a stage.
    pub n_degraded: usize,
}

impl Replay {
    /// Those whose rankings differ, least overlap first; equal ones in the
    /// order of the log.
    pub fn disagreements(&self, level: ReplayLevel) -> Vec<&ReplayedQuery> {
        let mut found: Vec<_> =
            self.queries.iter().filter(|query| query.rbo(level) < 1.0 - 1e-9).collect();
        found.sort_by(|a, b| a.rbo(level).total_cmp(&b.rbo(level)));
        found
    }
}

/// Runs the logged requests, one at a time and without a deadline.
///
/// # Arguments
/// * `searches` - of one collection, oldest first.
/// * `on_query` - called after each request with the number done and their
///   total.
///
/// # Errors
/// [`EvalError::LoggedRequest`] for a request that this version cannot read;
/// [`EvalError::Search`] and [`EvalError::Degraded`] with the query.
pub fn replay(
    searches: &[LoggedSearch],
    searcher: &Searcher,
    options: &ReplayOptions,
    on_query: &mut dyn FnMut(usize, usize),
) -> Result<Replay, EvalError> {
    let n_sampled_from = sampled_from(searches);
    let mut outcome = Replay { n_searches: searches.len(), n_sampled_from, ..Replay::default() };
    let mut last: HashMap<&LoggedRequest, usize> = HashMap::new();
    for (at, logged) in searches.iter().enumerate() {
        if !logged.redactions.is_empty() {
            outcome.n_redacted += 1;
        } else if logged.request.own_vector {
            outcome.n_own_vector += 1;
        } else if !logged.degraded.is_empty() {
            outcome.n_degraded += 1;
        } else if last.insert(&logged.request, at).is_some() {
            outcome.n_repeated += 1;
        }
    }
    let mut places: Vec<usize> = last.into_values().collect();
    places.sort_unstable();
    let total = places.len();
    for (done, logged) in places.into_iter().map(|at| &searches[at]).enumerate() {
        let topic = Topic { id: logged.request.query.clone(), text: logged.request.query.clone() };
        let request = request(&logged.request, options.strategy)?;
        let hits = search(searcher, &topic, &request)?.hits;
        let replayed: Vec<LoggedHit> = hits
            .into_iter()
            .map(|hit| LoggedHit { document: hit.document, span: hit.span, score: hit.score })
            .collect();
        outcome.queries.push(compare(logged, replayed, options.persistence));
        on_query(done + 1, total);
    }
    Ok(outcome)
}

/// How many searches were answered while these were kept; rates may change within a log.
fn sampled_from(searches: &[LoggedSearch]) -> usize {
    let stands_for = |search: &LoggedSearch| search.sample.map_or(1.0, |sample| 1.0 / sample);
    searches.iter().map(stands_for).sum::<f64>().round() as usize
}

fn compare(
    logged: &LoggedSearch,
    replayed: Vec<LoggedHit>,
    persistence: Persistence,
) -> ReplayedQuery {
    let [a, b] = [&logged.hits, &replayed];
    ReplayedQuery {
        documents_rbo: rank_biased_overlap(&documents(a), &documents(b), persistence),
        passages_rbo: rank_biased_overlap(&passages(a), &passages(b), persistence),
        request: logged.request.clone(),
        logged: logged.hits.clone(),
        replayed,
    }
}

fn documents(hits: &[LoggedHit]) -> Vec<(DocumentId, f64)> {
    fold_chunks(hits.iter().map(|hit| (hit.document.clone(), hit.score)))
}

fn passages(hits: &[LoggedHit]) -> Vec<((&DocumentId, Span), f64)> {
    hits.iter().map(|hit| ((&hit.document, hit.span), hit.score)).collect()
}

/// The request as it was, with another strategy where one is given.
fn request(logged: &LoggedRequest, strategy: Option<Strategy>) -> Result<SearchRequest, EvalError> {
    let LoggedRequest {
        query,
        own_vector: _,
        strategy: _,
        fusion: _,
        top,
        depth,
        expand,
        // A replay asks what another first stage would show; its users had a
        // reranker, and the comparison says by how much that differs.
        rerank: _,
        rerank_depth: _,
        filter,
        per_document,
        typos,
        list_near_duplicates,
    } = logged;
    let unreadable = |reason: String| EvalError::LoggedRequest { query: query.clone(), reason };
    let filter = filter.as_deref().map(Filter::parse).transpose();
    let strategy = match strategy {
        Some(strategy) => strategy,
        None => logged_strategy(logged).map_err(unreadable)?,
    };
    let expansion = expand.as_deref().map_or(Ok(Expansion::None), str::parse::<Expansion>);
    let expansion = expansion.map_err(|error| unreadable(error.to_string()))?;
    Ok(SearchRequest {
        strategy,
        // Another strategy may lack the leg that was expanded.
        expansion: if expansion.suits(strategy) { expansion } else { Expansion::None },
        top: *top,
        depth: *depth,
        filter: filter.map_err(|error| unreadable(error.to_string()))?,
        per_document: *per_document,
        typos: if *typos { Typos::OneEdit } else { Typos::Exact },
        near_duplicates: if *list_near_duplicates {
            NearDuplicates::List
        } else {
            NearDuplicates::Group
        },
        ..SearchRequest::new(query)
    })
}

fn logged_strategy(logged: &LoggedRequest) -> Result<Strategy, String> {
    match (logged.strategy.as_str(), &logged.fusion) {
        ("lexical", None) => Ok(Strategy::Lexical),
        ("dense", None) => Ok(Strategy::Dense),
        ("hybrid", Some(fusion)) => {
            let fusion: Fusion = fusion.parse().map_err(|error| format!("{error}"))?;
            Ok(Strategy::Hybrid { fusion })
        }
        (strategy, fusion) => Err(format!(
            "the strategy {strategy:?} with the fusion {fusion:?}; known are lexical, dense, and hybrid with a fusion"
        )),
    }
}
