//! `GET /report`: the page about how well the collections answer, if there is one.

use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::report_page::ReportPage;
use crate::state::AppState;

pub(super) async fn report(State(state): State<AppState>, uri: Uri) -> Result<Response, ApiError> {
    let page =
        state.report().ok_or_else(|| ApiError::UnknownRoute { path: uri.path().to_owned() })?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, ReportPage::POLICY),
    ];
    Ok((headers, page.html()).into_response())
}
