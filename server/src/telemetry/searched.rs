//! What is told of an answered search, whichever route asked for it.

use std::time::{Duration, SystemTime};

use engine::{SearchOutcome, SearchRequest};

use super::RequestScope;
use super::metrics::CacheLookup;
use crate::collections::Collection;
use crate::state::AppState;

/// A search that was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Searched<'a> {
    pub(crate) request: &'a SearchRequest,
    /// The filter as it was sent, since a parsed one has no text.
    pub(crate) filter: Option<&'a str>,
    pub(crate) collection: &'a Collection,
    pub(crate) outcome: &'a SearchOutcome,
    /// When the engine began.
    pub(crate) started: SystemTime,
    /// What it waited for its place before.
    pub(crate) waited: Duration,
}

/// Counts a search, makes its spans, and tells it if it was slow.
pub(crate) fn observe(state: &AppState, searched: &Searched<'_>) {
    let Searched { collection, outcome, .. } = *searched;
    let metrics = state.metrics();
    metrics.search.answered(collection.name(), outcome);
    if let Some(filter) = outcome.candidates.filter {
        let lookup = if filter.was_kept { CacheLookup::Hit } else { CacheLookup::Miss };
        metrics.count_cache("filters", lookup);
    }
    if let Some(scope) = RequestScope::current() {
        scope.trace().search(searched);
    }
    if let Some(slow) = state.slow_queries()
        && slow.tell(searched)
    {
        metrics.search.was_slow(collection.name());
    }
}
