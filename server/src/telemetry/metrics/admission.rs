//! The gate in front of the engine: how long requests waited, how many were refused.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::buckets;

#[derive(Clone, Debug)]
pub(crate) struct AdmissionMetrics {
    waited: Histogram,
    refused: Counter,
}

impl AdmissionMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { waited: buckets::searches(), refused: Counter::default() };
        registry.register(
            "admission_wait_seconds",
            "What requests that got a place waited for it",
            metrics.waited.clone(),
        );
        registry.register(
            "admission_refused",
            "Requests that found the queue full",
            metrics.refused.clone(),
        );
        metrics
    }

    pub(crate) fn admitted(&self, waited: Duration) {
        self.waited.observe(waited.as_secs_f64());
    }

    pub(crate) fn refused(&self) {
        self.refused.inc();
    }
}
