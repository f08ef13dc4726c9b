//! Deciding how a segment is searched: by a walk or by a scan, whichever is
//! expected to cost less.

use super::VectorSearch;

/// The cost of a walk for each node it keeps, in rows of codes scanned: it
/// compares about fifteen, each where a scan would read on, and waits for memory.
const SCANNED_PER_KEPT: f64 = 45.0;

/// The default width of a walk is `AUTO_BASE + AUTO_PER_DEPTH · depth`.
const AUTO_BASE: usize = 100;
const AUTO_PER_DEPTH: usize = 3;

/// A way to search a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Every allowed row is scored as it is stored.
    Scan,
    /// Every allowed row's codes are compared, the best are scored.
    ScanCodes,
    /// A walk.
    Walk {
        /// Nodes it keeps, allowed or not.
        ef: usize,
        /// Allowed ones among them below which the filter has kept away what is
        /// near the query: a scan is then run instead.
        least_allowed: usize,
    },
}

/// What the decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// How the caller wants to search.
    pub(super) how: VectorSearch,
    /// Results asked for.
    pub(super) depth: usize,
    /// Rows of the segment.
    pub(super) rows: usize,
    /// Those that are allowed.
    pub(super) allowed: usize,
    /// The part that they are of all allowed rows in segments with a graph, in `(0, 1]`.
    pub(super) share: f64,
}

/// The width that a search asks for, over all segments together.
fn width(how: VectorSearch, depth: usize) -> Option<usize> {
    match how {
        VectorSearch::Exact => None,
        VectorSearch::Auto => Some(AUTO_PER_DEPTH.saturating_mul(depth).saturating_add(AUTO_BASE)),
        VectorSearch::Graph { ef } => Some(ef.max(depth)),
    }
}

/// Chooses the way for a segment with a graph.
///
/// Under a filter a walk must be wider in proportion to meet as many allowed
/// nodes, while a scan shrinks with it. The proportion holds where the filter
/// has nothing to do with the query; a walk tells by what it has met.
pub(super) fn plan(facts: &Facts) -> Way {
    let Facts { how, depth, rows, allowed, share } = *facts;
    let Some(width) = width(how, depth) else { return Way::Scan };
    // A segment with a fifth of the rows holds about a fifth of the answers; a
    // power below 1 leaves room for queries that concern one segment only.
    let wanted = (width as f64 * share.powf(0.9)).max(depth as f64);
    let ef = (wanted * rows as f64 / allowed.max(1) as f64).ceil();
    if ef * SCANNED_PER_KEPT >= allowed as f64 {
        return Way::ScanCodes;
    }
    Way::Walk { ef: ef as usize, least_allowed: depth.max((wanted / 2.0) as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_less_is_chosen() {
        let facts = Facts {
            how: VectorSearch::Graph { ef: 50 },
            depth: 10,
            rows: 100_000,
            allowed: 100_000,
            share: 1.0,
        };
        let walk = |ef, least_allowed| Way::Walk { ef, least_allowed };
        assert_eq!(plan(&facts), walk(50, 25));
        assert_eq!(plan(&Facts { allowed: 90_000, ..facts }), walk(56, 25));
        assert_eq!(plan(&Facts { allowed: 50_000, ..facts }), walk(100, 25));
        assert_eq!(plan(&Facts { allowed: 10_000, ..facts }), Way::ScanCodes);
        assert_eq!(plan(&Facts { rows: 900, allowed: 900, ..facts }), Way::ScanCodes);
        assert_eq!(plan(&Facts { how: VectorSearch::Exact, ..facts }), Way::Scan);
        // A wider walk gives way to a scan earlier.
        let wide = Facts { how: VectorSearch::Auto, depth: 1_000, rows: 50_000, ..facts };
        assert_eq!(plan(&Facts { allowed: 50_000, ..wide }), Way::ScanCodes);
        // A small part of the rows gets a small part of the width, never too little.
        assert_eq!(plan(&Facts { share: 0.2, ..facts }), walk(12, 10));
        assert_eq!(plan(&Facts { share: 0.01, ..facts }), walk(10, 10));
    }
}
