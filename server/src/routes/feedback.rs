//! `POST /v1/feedback`.

use axum::http::StatusCode;
use corpora::{LoggedFeedback, text_digest};
use jiff::Timestamp;

use super::documents::{check_span, stored_document};
use crate::access::Caller;
use crate::error::{ApiError, Chain};
use crate::extract::JsonBody;
use crate::wire::{Feedback, FeedbackBody};

/// Feedback.
///
/// Keeps whether a passage answered a query, where the server was started to keep it
/// (see `feedback` in `/v1/collections`). It is on the disk when this is answered;
/// `trovato eval adopt --feedback` makes questions of it.
#[utoipa::path(
    post,
    path = "/v1/feedback",
    tag = "search",
    request_body = FeedbackBody,
    responses((status = 204, description = "It is kept."))
)]
pub(super) async fn feedback(
    caller: Caller,
    JsonBody(body): JsonBody<FeedbackBody>,
) -> Result<StatusCode, ApiError> {
    let log = caller.state().feedback().cloned().ok_or(ApiError::NoFeedback)?;
    let collection = caller.collection(body.collection.as_deref())?;
    let judged = body.into_feedback(caller.state().limits())?;
    let work = move |_waited| {
        let Feedback { query, document: id, span, relevant, filter } = judged;
        let searcher = collection.index().searcher();
        let document = stored_document(&searcher, &id, collection.name())?;
        check_span("span", span, &document.text)?;
        if span.is_empty() {
            let reason = "it is empty; send the span of the passage that was judged";
            return Err(ApiError::invalid("span", &span.start.to_string(), reason));
        }
        let kept = log.keep(LoggedFeedback {
            relevant,
            time: format!("{:.3}", Timestamp::now()),
            collection: collection.name().to_owned(),
            generation: searcher.generation(),
            query,
            filter,
            redactions: std::collections::BTreeMap::new(),
            document: id,
            text: text_digest(&document.text),
            span,
        });
        kept.map_err(|error| {
            tracing::error!(error = %Chain(&error), "feedback could not be kept");
            ApiError::FeedbackLost
        })?;
        Ok(StatusCode::NO_CONTENT)
    };
    caller.state().admission().run(work).await?
}
