//! Requests: how many, with what outcome, how long, how many at once.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::buckets::{self, Histograms};

/// The status that is counted where nobody waited for one; nginx's number for it.
const CLIENT_LEFT: u16 = 499;

/// The route of a request that has none.
const UNMATCHED: &str = "unmatched";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug)]
pub(crate) struct HttpMetrics {
    requests: Family<OutcomeLabels, Counter>,
    seconds: Histograms<RouteLabels>,
    in_flight: Gauge,
}

impl HttpMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            seconds: Histograms::new_with_constructor(buckets::requests),
            in_flight: Gauge::default(),
        };
        registry.register(
            "http_requests",
            "Requests by method, template of the route and status; 499 where the client left before there was one",
            metrics.requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "From a request's head to its response's head, which of a stream is its beginning",
            metrics.seconds.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests whose response has not begun",
            metrics.in_flight.clone(),
        );
        metrics
    }

    /// Counts a request from now on.
    pub(crate) fn begin(&self, request: &Request) -> InFlight {
        self.in_flight.inc();
        InFlight {
            metrics: self.clone(),
            started: Instant::now(),
            method: known(request.method()),
            route: route(request).to_owned(),
            status: CLIENT_LEFT,
        }
    }
}

/// The template of the route that answers; the path itself may name a document, and
/// there is no end of paths.
pub(crate) fn route(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or(UNMATCHED, MatchedPath::as_str)
}

/// A client may invent methods.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A request whose response has not begun; dropped before, it was given up.
#[derive(Debug)]
pub(crate) struct InFlight {
    metrics: HttpMetrics,
    started: Instant,
    method: &'static str,
    route: String,
    status: u16,
}

impl InFlight {
    /// Ends it with this status.
    pub(crate) fn answered(mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let HttpMetrics { requests, seconds, in_flight } = &self.metrics;
        in_flight.dec();
        let route = std::mem::take(&mut self.route);
        let labels = OutcomeLabels { method: self.method, route, status: self.status };
        requests.get_or_create(&labels).inc();
        let labels = RouteLabels { route: labels.route };
        seconds.get_or_create(&labels).observe(self.started.elapsed().as_secs_f64());
    }
}
