//! The web page: a handful of files that are part of the binary.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::routing::get;

use crate::state::AppState;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Path, media type, content.
const FILES: [(&str, &str, &str); 10] = [
    ("/", HTML, include_str!("../page/index.html")),
    ("/style.css", STYLE, include_str!("../page/style.css")),
    ("/icon.svg", IMAGE, include_str!("../page/icon.svg")),
    ("/app.js", SCRIPT, include_str!("../page/app.js")),
    ("/api.js", SCRIPT, include_str!("../page/api.js")),
    ("/document.js", SCRIPT, include_str!("../page/document.js")),
    ("/dom.js", SCRIPT, include_str!("../page/dom.js")),
    ("/explanation.js", SCRIPT, include_str!("../page/explanation.js")),
    ("/hits.js", SCRIPT, include_str!("../page/hits.js")),
    ("/state.js", SCRIPT, include_str!("../page/state.js")),
];

pub(super) fn routes() -> Router<AppState> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, content)| {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            // Always asked for again: the files change with the binary and are small.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        router.route(path, get(move || async move { (headers, content) }))
    })
}
