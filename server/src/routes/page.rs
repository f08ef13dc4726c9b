//! The web page: a handful of files that are part of the binary.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::routing::get;

use crate::state::AppState;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Path, media type, content. Views are paths of one page, so that each is a link.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("../page/index.html")),
    ("/ask", HTML, include_str!("../page/index.html")),
    ("/compare", HTML, include_str!("../page/index.html")),
    ("/changes", HTML, include_str!("../page/index.html")),
    ("/docs", HTML, include_str!("../page/docs.html")),
    ("/docs.js", SCRIPT, include_str!("../page/docs.js")),
    ("/docs.css", STYLE, include_str!("../page/docs.css")),
    ("/icon.svg", IMAGE, include_str!("../page/icon.svg")),
    ("/style.css", STYLE, include_str!("../page/style.css")),
    ("/passages.css", STYLE, include_str!("../page/passages.css")),
    ("/pipeline.css", STYLE, include_str!("../page/pipeline.css")),
    ("/ask.css", STYLE, include_str!("../page/ask.css")),
    ("/compare.css", STYLE, include_str!("../page/compare.css")),
    ("/changes.css", STYLE, include_str!("../page/changes.css")),
    ("/document.css", STYLE, include_str!("../page/document.css")),
    ("/access_key.js", SCRIPT, include_str!("../page/access_key.js")),
    ("/agreement.js", SCRIPT, include_str!("../page/agreement.js")),
    ("/answer_text.js", SCRIPT, include_str!("../page/answer_text.js")),
    ("/api.js", SCRIPT, include_str!("../page/api.js")),
    ("/app.js", SCRIPT, include_str!("../page/app.js")),
    ("/ask.js", SCRIPT, include_str!("../page/ask.js")),
    ("/changes.js", SCRIPT, include_str!("../page/changes.js")),
    ("/citations.js", SCRIPT, include_str!("../page/citations.js")),
    ("/compare.js", SCRIPT, include_str!("../page/compare.js")),
    ("/confirm.js", SCRIPT, include_str!("../page/confirm.js")),
    ("/context.js", SCRIPT, include_str!("../page/context.js")),
    ("/deletion.js", SCRIPT, include_str!("../page/deletion.js")),
    ("/document.js", SCRIPT, include_str!("../page/document.js")),
    ("/dom.js", SCRIPT, include_str!("../page/dom.js")),
    ("/explanation.js", SCRIPT, include_str!("../page/explanation.js")),
    ("/feedback.js", SCRIPT, include_str!("../page/feedback.js")),
    ("/hits.js", SCRIPT, include_str!("../page/hits.js")),
    ("/jobs.js", SCRIPT, include_str!("../page/jobs.js")),
    ("/keys.js", SCRIPT, include_str!("../page/keys.js")),
    ("/ladder.js", SCRIPT, include_str!("../page/ladder.js")),
    ("/markdown.js", SCRIPT, include_str!("../page/markdown.js")),
    ("/notices.js", SCRIPT, include_str!("../page/notices.js")),
    ("/options.js", SCRIPT, include_str!("../page/options.js")),
    ("/panel.js", SCRIPT, include_str!("../page/panel.js")),
    ("/pipeline.js", SCRIPT, include_str!("../page/pipeline.js")),
    ("/put_form.js", SCRIPT, include_str!("../page/put_form.js")),
    ("/search.js", SCRIPT, include_str!("../page/search.js")),
    ("/sides.js", SCRIPT, include_str!("../page/sides.js")),
    ("/sse.js", SCRIPT, include_str!("../page/sse.js")),
    ("/stages.js", SCRIPT, include_str!("../page/stages.js")),
    ("/state.js", SCRIPT, include_str!("../page/state.js")),
    ("/timings.js", SCRIPT, include_str!("../page/timings.js")),
    ("/turn.js", SCRIPT, include_str!("../page/turn.js")),
    ("/welcome.js", SCRIPT, include_str!("../page/welcome.js")),
    ("/why_not.js", SCRIPT, include_str!("../page/why_not.js")),
];

/// Whether this is the path of a file of the page, which is the same for everybody.
pub(crate) fn is_page_file(path: &str) -> bool {
    FILES.iter().any(|(of, ..)| *of == path)
}

pub(super) fn routes() -> Router<AppState> {
    FILES.iter().fold(Router::new(), |router, &(path, kind, content)| {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            // Always asked for again: the files change with the binary and are small.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        router.route(path, get(move || async move { (headers, content) }))
    })
}
