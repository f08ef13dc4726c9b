//! A page about how well the collections answer.

use std::sync::Arc;

use axum::http::HeaderValue;

/// One HTML page that needs nothing beside itself, as `trovato eval report --html`
/// writes it.
#[derive(Clone)]
pub struct ReportPage(Arc<str>);

impl ReportPage {
    /// Where it is served.
    pub(crate) const PATH: &str = "/report";

    /// What may happen on it: it is somebody's file, so no script and no request, and
    /// nothing of this server's origin; styles of its own, which such pages have in
    /// attributes, too.
    pub(crate) const POLICY: HeaderValue = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; sandbox",
    );

    /// A page.
    pub fn new(html: impl Into<Arc<str>>) -> Self {
        Self(html.into())
    }

    /// The page.
    pub(crate) fn html(&self) -> String {
        self.0.to_string()
    }
}

impl std::fmt::Debug for ReportPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReportPage({} bytes)", self.0.len())
    }
}
