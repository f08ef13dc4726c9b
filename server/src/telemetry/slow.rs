//! A warning for each search that took too long, with the time of every stage.

use std::time::Duration;

use corpora::{LoggedSearch, Redaction};
use engine::StageTimings;

use super::Searched;
use crate::query_log::logged;

/// Which searches are told of, and what is taken out of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowQueries {
    /// From this time on, waiting for a place included.
    pub threshold: Duration,
    /// Applied to query and filter, as it is to those of the query log.
    pub redaction: Redaction,
}

impl SlowQueries {
    /// Tells of a search if it was slow; whether it was.
    pub(super) fn tell(&self, searched: &Searched<'_>) -> bool {
        let Searched { request, filter, collection, outcome, started: _, waited } = *searched;
        let waited_ms = waited.as_secs_f64() * 1e3;
        let total_ms = waited_ms + outcome.timings_ms.total;
        if total_ms < self.threshold.as_secs_f64() * 1e3 {
            return false;
        }
        let mut search = logged(request, filter, collection, outcome);
        search.redact(&self.redaction);
        let LoggedSearch { request, degraded, generation, .. } = search;
        let StageTimings {
            plan,
            filter,
            encode,
            lexical,
            dense,
            fusion,
            expand,
            rerank,
            fetch,
            total: _,
        } = outcome.timings_ms;
        tracing::warn!(
            collection = collection.name(),
            generation,
            query = request.query,
            filter_expression = request.filter,
            strategy = request.strategy,
            top = request.top,
            hits = outcome.hits.len(),
            degraded = degraded.join(","),
            total_ms = rounded(total_ms),
            waited_ms = rounded(waited_ms),
            plan_ms = rounded(plan),
            filter_ms = rounded(filter),
            encode_ms = rounded(encode),
            lexical_ms = rounded(lexical),
            dense_ms = rounded(dense),
            fusion_ms = rounded(fusion),
            expand_ms = rounded(expand),
            rerank_ms = rounded(rerank),
            fetch_ms = rounded(fetch),
            "slow query"
        );
        true
    }
}

/// To the microsecond: more digits are noise, and a line is read by people.
fn rounded(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}
