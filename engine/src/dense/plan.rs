//! Deciding how a segment is searched: by a walk or by a scan, whichever is
//! expected to cost less.

use super::VectorSearch;

/// The cost of a walk for each node it keeps, in rows of codes scanned: it
/// compares about fifteen, each where a scan would read on, and waits for memory.
const SCANNED_PER_KEPT: f64 = 45.0;

/// The same for a walk that keeps to what is allowed.
const SCANNED_PER_ALLOWED: f64 = 90.0;

/// Part of the rows from which a free walk is cheaper than one that keeps to
/// what is allowed. Deletions rarely forbid more than the rest before a merge.
const MOSTLY_ALLOWED: f64 = 0.75;

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
    /// A walk over all nodes.
    Walk {
        /// Nodes it keeps, allowed or not.
        ef: usize,
        /// Allowed ones among them below which the filter has kept away what is
        /// near the query: a scan is then run instead.
        least_allowed: usize,
    },
    /// A walk over what is allowed.
    WalkAllowed {
        /// Nodes it keeps.
        ef: usize,
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
/// A scan costs in proportion to what is allowed, a walk hardly depends on it.
/// A free walk must be wider to meet as many allowed nodes; that is for filters
/// that leave nearly all, and it tells when it has met too few. A walk over what
/// is allowed does not tell: where all that is allowed is about equally far from
/// the query, as when a filter forbids just what the query is about, it returns
/// some of that and not the best (docs/performance.md).
pub(super) fn plan(facts: &Facts) -> Way {
    let Facts { how, depth, rows, allowed, share } = *facts;
    let Some(width) = width(how, depth) else { return Way::Scan };
    // A segment with a fifth of the rows holds about a fifth of the answers; a
    // power below 1 leaves room for queries that concern one segment only.
    let wanted = (width as f64 * share.powf(0.9)).max(depth as f64).ceil();
    let part = allowed.max(1) as f64 / rows.max(1) as f64;
    let free = part >= MOSTLY_ALLOWED;
    let (ef, cost) = if free {
        let ef = (wanted / part).ceil();
        (ef, ef * SCANNED_PER_KEPT)
    } else {
        (wanted, wanted * SCANNED_PER_ALLOWED)
    };
    let ef = ef as usize;
    if cost >= allowed as f64 {
        Way::ScanCodes
    } else if free {
        Way::Walk { ef, least_allowed: depth.max((wanted / 2.0) as usize) }
    } else {
        Way::WalkAllowed { ef }
    }
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
        assert_eq!(plan(&Facts { allowed: 50_000, ..facts }), Way::WalkAllowed { ef: 50 });
        assert_eq!(plan(&Facts { allowed: 4_000, ..facts }), Way::ScanCodes);
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
