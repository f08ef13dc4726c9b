//! Which request is being worked on, wherever in the program that is.
//!
//! Ambient, by a task-local, and not a parameter: who needs it are errors, log lines and
//! spans far from the handler, and what lies between would only hand it on. A thread or a
//! task that is started for a request enters its scope ([`RequestScope::enter`],
//! [`RequestScope::around`]); what is no request's work, as a client of `trovato mcp`
//! asks for, has none.

use std::future::Future;
use std::sync::{Arc, LazyLock};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};
use tracing::Instrument;
use tracing::field::Empty;

use super::metrics::route;
use super::traces::{RequestTrace, Traces};

/// Names a request, in what is sent and what is answered.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken over, in characters: a UUID has 36.
const MAX_ID_CHARS: usize = 128;

tokio::task_local! {
    static CURRENT: RequestScope;
}

/// A request that is being worked on. Cheap to clone; its span ends with the last clone,
/// so that what still works for it when it is answered lies within.
#[derive(Clone, Debug)]
pub(crate) struct RequestScope(Arc<Scope>);

#[derive(Debug)]
struct Scope {
    id: String,
    log: tracing::Span,
    trace: RequestTrace,
}

impl RequestScope {
    /// Of a request that has just come.
    ///
    /// Its id is the client's own where that is safe to repeat, and else made of
    /// `number`.
    pub(crate) fn begin(request: &Request, number: u64, traces: &Traces) -> Self {
        let id = given_id(request.headers()).map_or_else(|| own_id(number), str::to_owned);
        let trace = traces.begin(request, route(request), &id);
        // The path without its query: what users look for is not for the log. Of the
        // highest level, so that no filter takes the id from a line that it lets pass.
        let log = tracing::error_span!(
            "request",
            request_id = id,
            trace_id = Empty,
            // The name of the key that was sent, once it is known.
            key = Empty,
            method = %request.method(),
            path = request.uri().path(),
        );
        if let Some(trace_id) = trace.id() {
            log.record("trace_id", trace_id);
        }
        Self(Arc::new(Scope { id, log, trace }))
    }

    /// That of the work that calls.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    pub(crate) fn trace(&self) -> &RequestTrace {
        &self.0.trace
    }

    /// The future as work for this request.
    pub(crate) fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), work).instrument(self.0.log.clone())
    }

    /// Calls `work` as work for this request.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), || self.0.log.in_scope(work))
    }
}

/// An id that a client or a proxy gave, if it is safe in a log, a header and a file name.
fn given_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(&REQUEST_ID)?.to_str().ok()?;
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    ((1..=MAX_ID_CHARS).contains(&id.len()) && id.bytes().all(is_safe)).then_some(id)
}

/// Unique on this machine, across restarts too: logs outlive a process.
fn own_id(number: u64) -> String {
    static STARTED: LazyLock<i64> = LazyLock::new(|| jiff::Timestamp::now().as_millisecond());
    format!("{:x}-{number}", *STARTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_over_only_where_it_is_safe_to_repeat() {
        let given = |id: &str| {
            let headers = HeaderMap::from_iter([(REQUEST_ID, id.parse().unwrap())]);
            given_id(&headers).map(str::to_owned)
        };
        let longest = "a".repeat(MAX_ID_CHARS);
        for id in ["7", "5f3a-1.b_C", "8c6f1a0e-7f5b-4a0e-9b0e-1f2d3c4b5a69", &longest] {
            assert_eq!(given(id).as_deref(), Some(id));
        }
        for id in ["", "a b", "a\"b", "{\"a\":1}", "a/b", "a;b", "é", &format!("{longest}a")] {
            assert_eq!(given(id), None, "{id}");
        }
        assert_ne!(own_id(1), own_id(2));
    }
}
