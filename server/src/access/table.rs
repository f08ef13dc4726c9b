//! What each route needs, in one table.
//!
//! Keyed by the pattern that the router itself matched, not by a second reading of the
//! path: two readings that differ are how such checks are passed by. What is not in the
//! table is not there for anybody where keys are asked for.

use axum::http::Method;

use super::scope::Scope;
use crate::report_page::ReportPage;
use crate::routes::is_page_file;

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: it tells nothing about the documents.
    Nothing,
    /// A key of any kind.
    AnyKey,
    /// A key with this scope.
    Scope(Scope),
}

/// Method, pattern, need. `GET` stands for `HEAD` as well.
const TABLE: &[(&str, &str, Needs)] = &[
    ("GET", "/healthz", Needs::Nothing),
    ("GET", "/readyz", Needs::Nothing),
    ("GET", "/openapi.json", Needs::Nothing),
    ("GET", "/v1/collections", Needs::AnyKey),
    ("GET", "/v1/models", Needs::AnyKey),
    ("GET", "/v1/models/{*id}", Needs::AnyKey),
    ("POST", "/v1/search", Needs::Scope(Scope::Search)),
    ("GET", "/v1/documents/{*id}", Needs::Scope(Scope::Search)),
    ("POST", "/v1/feedback", Needs::Scope(Scope::Search)),
    ("POST", "/v1/embeddings", Needs::Scope(Scope::Search)),
    ("POST", "/v1/rerank", Needs::Scope(Scope::Search)),
    ("GET", "/mcp", Needs::Scope(Scope::Search)),
    ("POST", "/mcp", Needs::Scope(Scope::Search)),
    ("DELETE", "/mcp", Needs::Scope(Scope::Search)),
    ("POST", "/v1/answer", Needs::Scope(Scope::Answer)),
    ("POST", "/v1/chat/completions", Needs::Scope(Scope::Answer)),
    ("PUT", "/v1/documents/{*id}", Needs::Scope(Scope::Write)),
    ("DELETE", "/v1/documents/{*id}", Needs::Scope(Scope::Write)),
    ("POST", "/v1/bulk", Needs::Scope(Scope::Write)),
    ("GET", "/v1/jobs", Needs::Scope(Scope::Write)),
    ("GET", "/v1/jobs/{id}", Needs::Scope(Scope::Write)),
    ("GET", "/metrics", Needs::Scope(Scope::Admin)),
    // It quotes documents of every collection.
    ("GET", ReportPage::PATH, Needs::Scope(Scope::Admin)),
];

/// What a route needs; `None` for one that is not listed.
///
/// # Arguments
/// * `pattern` - as the router has it.
pub(crate) fn needs(method: &Method, pattern: &str) -> Option<Needs> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    if method == Method::GET && is_page_file(pattern) {
        return Some(Needs::Nothing);
    }
    let listed = TABLE.iter().find(|(of, at, _)| method == *of && pattern == *at);
    listed.map(|(_, _, needs)| *needs)
}
