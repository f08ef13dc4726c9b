//! What will be done: a request with every default filled in and checked.

use std::time::Duration;

use super::error::SearchError;
use super::hit::ScoreKind;
use super::request::{SearchRequest, Strategy};
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

/// What a search does, in numbers. A pure function of request and index.
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
    /// When no further stage starts.
    pub deadline: Option<Duration>,
}

impl SearchPlan {
    /// Checks a request and fills in its defaults.
    ///
    /// # Arguments
    /// * `live_chunks` - size of the index, which decides the schedule.
    ///
    /// # Errors
    /// [`SearchError::EmptyQuery`], [`SearchError::QueryTooLong`], or
    /// [`SearchError::OutOfRange`] naming the parameter, its value and range.
    pub fn resolve(request: &SearchRequest, live_chunks: usize) -> Result<Self, SearchError> {
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
        Ok(Self {
            strategy: request.strategy,
            top,
            depth: depth.max(top),
            per_document,
            schedule,
            deadline: request.deadline_ms.map(Duration::from_millis),
        })
    }

    /// What the hits' scores will be.
    pub fn score_kind(&self) -> ScoreKind {
        match self.strategy {
            Strategy::Lexical => ScoreKind::Bm25,
            Strategy::Dense => ScoreKind::Cosine,
            Strategy::Hybrid { fusion } => ScoreKind::Fused(fusion),
        }
    }

    /// The fusion, where there are two legs.
    pub fn fusion(&self) -> Option<Fusion> {
        match self.strategy {
            Strategy::Hybrid { fusion } => Some(fusion),
            Strategy::Lexical | Strategy::Dense => None,
        }
    }
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
        let plan = SearchPlan::resolve(&request, 10).unwrap();
        assert_eq!((plan.top, plan.depth), (10, SearchRequest::DEFAULT_DEPTH));
        assert_eq!(plan.schedule, Schedule::Sequential);
        assert_eq!(SearchPlan::resolve(&request, 1_000_000).unwrap().schedule, Schedule::Parallel);

        let wide = SearchRequest { top: 500, ..request.clone() };
        assert_eq!(SearchPlan::resolve(&wide, 10).unwrap().depth, 500);

        let bad = SearchRequest { top: 0, ..request.clone() };
        let error = SearchPlan::resolve(&bad, 10).unwrap_err().to_string();
        assert!(error.contains("top") && error.contains("1 to 1000"), "{error}");
        let blank = SearchRequest { query: " \t".into(), ..request };
        assert!(matches!(SearchPlan::resolve(&blank, 10), Err(SearchError::EmptyQuery)));
    }
}
