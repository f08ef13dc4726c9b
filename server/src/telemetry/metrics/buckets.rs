//! Upper bounds of histograms, in seconds.
//!
//! Fixed and few, so that servers can be added up. Each scale is dense where a choice is
//! made by it: a stage is good or bad between half a millisecond and a hundred, a search
//! around its 10 to 150 ms, a model's answer at seconds.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

/// Histograms by labels.
pub(super) type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Of a stage of a search: 50 microseconds to 10 seconds, which only a reranker takes.
pub(super) fn stages() -> Histogram {
    Histogram::new([
        0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
        0.5, 1.0, 2.5, 10.0,
    ])
}

/// Of a whole search, of a wait for a place: a millisecond to 30 seconds, after which a
/// request is told that it took too long.
pub(super) fn searches() -> Histogram {
    Histogram::new([
        0.001, 0.002_5, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        30.0,
    ])
}

/// Of a request of any kind, answers that a model writes among them: a millisecond to
/// the longest that one may take by default.
pub(super) fn requests() -> Histogram {
    Histogram::new([
        0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 150.0,
    ])
}

/// Of a language model: 100 milliseconds to two minutes, its longest by default.
pub(super) fn completions() -> Histogram {
    Histogram::new([0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0])
}
