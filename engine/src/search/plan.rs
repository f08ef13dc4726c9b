//! What will be done: a request with every default filled in and checked.

use std::time::{Duration, Instant};

use super::error::SearchError;
use super::expansion::Expansion;
use super::hit::ScoreKind;
use super::pace::RerankPace;
use super::request::{RerankOptions, SearchRequest, Strategy};
use crate::fusion::Fusion;

/// Live chunks from which the two legs run in parallel.
///
/// It pays when the lexical leg takes about a millisecond: ten words over
/// 100,000 chunks. Below that the hand-over, and on a busy machine the wait for
/// a second core, cost more than they save: at 9,000 chunks the lexical leg takes
/// a quarter of a millisecond and encoding the query ten times as long.
const PARALLEL_FROM_CHUNKS: usize = 100_000;

/// How the legs are scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// One after the other, in the caller's thread.
    Sequential,
    /// The lexical leg beside encoding and the dense leg.
    Parallel,
}

/// How far the reranking stage goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RerankPlan {
    /// Candidates that may be read.
    pub depth: usize,
    /// Tokens that they may have together, at least one candidate's; `None` where a
    /// depth was asked for.
    pub tokens: Option<usize>,
    /// Of these, how many are expected to fit into the budget if each fills its window,
    /// one at least while there is any. Shorter ones cost less, and more of them fit:
    /// that is known once their texts are.
    pub affordable: usize,
    /// When nothing further starts, from the stage's beginning.
    pub budget: Option<Duration>,
}

/// What a search does, in numbers. A pure function of request, index and, under a
/// budget for reranking, the pace that was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchPlan {
    /// Which legs.
    pub strategy: Strategy,
    /// Hits wanted.
    pub top: usize,
    /// Candidates taken from each leg.
    pub depth: usize,
    /// Most hits of one document.
    pub per_document: usize,
    /// How the legs run.
    pub schedule: Schedule,
    /// What is searched for besides the query.
    pub expansion: Expansion,
    /// How far the reranking stage goes; `None` without one.
    pub rerank: Option<RerankPlan>,
    /// When no further stage starts.
    pub deadline: Option<Duration>,
}

impl SearchPlan {
    /// Checks a request and fills in its defaults.
    ///
    /// # Arguments
    /// * `live_chunks` - size of the index, which decides the schedule.
    /// * `pace` - how fast candidates are reranked; `None` without a reranker.
    ///
    /// # Errors
    /// [`SearchError::EmptyQuery`], [`SearchError::QueryTooLong`],
    /// [`SearchError::NoReranker`], [`SearchError::Expansion`],
    /// [`SearchError::UnusedExpansion`], or [`SearchError::OutOfRange`] naming the
    /// parameter, its value and range.
    pub fn resolve(
        request: &SearchRequest,
        live_chunks: usize,
        pace: Option<RerankPace>,
    ) -> Result<Self, SearchError> {
        if request.query.trim().is_empty() {
            return Err(SearchError::EmptyQuery);
        }
        if request.query.len() > SearchRequest::MAX_QUERY_BYTES {
            return Err(SearchError::QueryTooLong {
                bytes: request.query.len(),
                limit: SearchRequest::MAX_QUERY_BYTES,
            });
        }
        let top = in_range("top", request.top, SearchRequest::MAX_TOP)?;
        let default_depth = SearchRequest::DEFAULT_DEPTH.max(top);
        let depth =
            in_range("depth", request.depth.unwrap_or(default_depth), SearchRequest::MAX_DEPTH)?;
        let per_document =
            in_range("per_document", request.per_document.unwrap_or(usize::MAX), usize::MAX)?;
        let hybrid = matches!(request.strategy, Strategy::Hybrid { .. });
        let schedule = if hybrid && live_chunks >= PARALLEL_FROM_CHUNKS {
            Schedule::Parallel
        } else {
            Schedule::Sequential
        };
        let expansion = resolve_expansion(request)?;
        let rerank = match request.rerank {
            Some(options) => {
                let pace = pace.ok_or(SearchError::NoReranker)?;
                Some(RerankPlan::resolve(options, pace)?)
            }
            None => None,
        };
        Ok(Self {
            strategy: request.strategy,
            top,
            depth: depth.max(top),
            per_document,
            schedule,
            expansion,
            rerank,
            deadline: request.deadline_ms.map(Duration::from_millis),
        })
    }

    /// What the first stage's scores are.
    pub fn score_kind(&self) -> ScoreKind {
        match self.strategy {
            Strategy::Lexical => ScoreKind::Bm25,
            Strategy::Dense => ScoreKind::Cosine,
            Strategy::Hybrid { fusion } => ScoreKind::Fused(fusion),
        }
    }

    /// Why no further stage starts: the deadline has passed; `None` while it has not.
    pub(super) fn missed(&self, started: Instant) -> Option<String> {
        let deadline = self.deadline.filter(|&deadline| started.elapsed() >= deadline)?;
        Some(format!("the deadline of {} ms had passed", deadline.as_millis()))
    }

    /// The fusion, where there are two legs.
    pub fn fusion(&self) -> Option<Fusion> {
        match self.strategy {
            Strategy::Hybrid { fusion } => Some(fusion),
            Strategy::Lexical | Strategy::Dense => None,
        }
    }
}

impl RerankPlan {
    fn resolve(options: RerankOptions, pace: RerankPace) -> Result<Self, SearchError> {
        let RerankOptions { depth, budget_ms } = options;
        let tokens = depth.is_none().then_some(SearchRequest::DEFAULT_RERANK_TOKENS);
        let depth = depth.unwrap_or(SearchRequest::DEFAULT_RERANK_DEPTH);
        let depth = in_range("rerank_depth", depth, SearchRequest::MAX_RERANK_DEPTH)?;
        let budget = budget_ms.map(Duration::from_millis);
        Ok(Self { depth, tokens, affordable: depth, budget: None }.within(budget, pace))
    }

    /// The same with no more time than this; `None` changes nothing.
    pub(super) fn within(self, limit: Option<Duration>, pace: RerankPace) -> Self {
        let Some(limit) = limit else { return self };
        Self {
            affordable: self.affordable.min(pace.fitting_first(limit)),
            budget: Some(self.budget.map_or(limit, |budget| budget.min(limit))),
            ..self
        }
    }
}

/// The expansion, which must be able to change something.
fn resolve_expansion(request: &SearchRequest) -> Result<Expansion, SearchError> {
    let expansion = request.expansion;
    expansion.check()?;
    let reason = if expansion == Expansion::None {
        return Ok(expansion);
    } else if request.candidates.is_some() {
        "the ranking is given and not searched for"
    } else if expansion.suits(request.strategy) {
        return Ok(expansion);
    } else if request.strategy.reads_vectors() {
        "a dense search reads no words"
    } else {
        "a lexical search reads no vectors"
    };
    Err(SearchError::UnusedExpansion { expansion, reason })
}

fn in_range(name: &'static str, value: usize, max: usize) -> Result<usize, SearchError> {
    if (1..=max).contains(&value) {
        Ok(value)
    } else {
        Err(SearchError::OutOfRange { name, value, min: 1, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_end_here_and_limits_are_named() {
        let request = SearchRequest::new("borrow checker");
        let plan = SearchPlan::resolve(&request, 10, None).unwrap();
        assert_eq!((plan.top, plan.depth), (10, SearchRequest::DEFAULT_DEPTH));
        assert_eq!(plan.schedule, Schedule::Sequential);
        assert_eq!(
            SearchPlan::resolve(&request, 1_000_000, None).unwrap().schedule,
            Schedule::Parallel
        );

        let wide = SearchRequest { top: 500, ..request.clone() };
        assert_eq!(SearchPlan::resolve(&wide, 10, None).unwrap().depth, 500);

        let bad = SearchRequest { top: 0, ..request.clone() };
        let error = SearchPlan::resolve(&bad, 10, None).unwrap_err().to_string();
        assert!(error.contains("top") && error.contains("1 to 1000"), "{error}");
        let blank = SearchRequest { query: " \t".into(), ..request };
        assert!(matches!(SearchPlan::resolve(&blank, 10, None), Err(SearchError::EmptyQuery)));
    }

    #[test]
    fn an_expansion_that_would_change_nothing_is_refused() {
        let resolve = |name: &str, strategy| {
            let expansion = name.parse().unwrap();
            let request = SearchRequest { strategy, expansion, ..SearchRequest::new("a") };
            SearchPlan::resolve(&request, 10, None).map(|plan| plan.expansion)
        };
        for name in ["none", "feedback", "feedback:lexical", "multi-query"] {
            let expansion: Expansion = name.parse().unwrap();
            assert_eq!(resolve(name, Strategy::DEFAULT).unwrap(), expansion);
        }
        let message = |name, strategy| resolve(name, strategy).unwrap_err().to_string();
        let lexical = message("feedback", Strategy::Lexical);
        assert!(lexical.contains("feedback:3:0.5") && lexical.contains("no vectors"), "{lexical}");
        assert!(message("feedback:lexical", Strategy::Dense).contains("no words"));
        let candidates = Some(Vec::new());
        let expansion = "multi-query".parse().unwrap();
        let given = SearchRequest { expansion, candidates, ..SearchRequest::new("a") };
        let error = SearchPlan::resolve(&given, 10, None).unwrap_err();
        assert!(matches!(error, SearchError::UnusedExpansion { .. }), "{error}");
        let expansion = Expansion::Feedback { passages: 0, weight: crate::fusion::Weight::HALF };
        let bad = SearchRequest { expansion, ..SearchRequest::new("a") };
        let error = SearchPlan::resolve(&bad, 10, None).unwrap_err();
        assert!(matches!(error, SearchError::Expansion(_)), "{error}");
    }

    #[test]
    fn what_reranking_costs_is_estimated_before_it_starts() {
        let plan = |depth, budget_ms, candidate_ms: Option<f64>| {
            let pace = candidate_ms.map(|candidate_ms| RerankPace::new(candidate_ms, 1));
            let rerank = Some(RerankOptions { depth, budget_ms });
            let request = SearchRequest { rerank, ..SearchRequest::new("a") };
            SearchPlan::resolve(&request, 10, pace).map(|plan| plan.rerank.unwrap())
        };
        let whole = plan(None, None, Some(4.0)).unwrap();
        assert_eq!((whole.depth, whole.affordable, whole.budget), (50, 50, None));
        assert_eq!(plan(None, Some(100), Some(4.0)).unwrap().affordable, 25);
        let ten = plan(Some(10), Some(100), Some(4.0)).unwrap();
        assert_eq!((ten.affordable, ten.tokens), (10, None));
        assert_eq!(whole.tokens, Some(SearchRequest::DEFAULT_RERANK_TOKENS));
        assert_eq!(plan(None, Some(3), Some(4.0)).unwrap().affordable, 1, "to learn from");
        assert_eq!(plan(None, Some(0), Some(4.0)).unwrap().affordable, 0);
        assert_eq!(plan(None, Some(3), Some(0.0)).unwrap().affordable, 50);
        assert!(matches!(plan(None, None, None), Err(SearchError::NoReranker)));
        let message = plan(Some(5000), None, Some(4.0)).unwrap_err().to_string();
        assert!(message.contains("rerank_depth is 5000") && message.contains("1000"), "{message}");
    }
}
