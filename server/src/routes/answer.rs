//! `POST /v1/answer`: an answer with citations that were looked up, at once or as
//! events.

use axum::Json;
use axum::extract::State;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::answering::{Answering, Step, Told};
use crate::error::ApiError;
use crate::extract::JsonBody;
use crate::state::AppState;
use crate::wire::{AnswerBody, AnswerRequestBody};

/// Answer.
///
/// An answer with citations that were looked up in the stored texts. With `stream` it
/// comes as Server-Sent Events: `retrieval` with what was found, `token` for each piece,
/// `answer` with the whole body, or `error` instead of it.
#[utoipa::path(
    post,
    path = "/v1/answer",
    tag = "search",
    request_body = AnswerRequestBody,
    responses((status = 200, description = "The answer, or that there is none.", content(
        (AnswerBody = "application/json"),
        (String = "text/event-stream"),
    )))
)]
pub(super) async fn answer(
    State(state): State<AppState>,
    JsonBody(body): JsonBody<AnswerRequestBody>,
) -> Result<Response, ApiError> {
    let collection = state.collection(body.collection.as_deref())?;
    let filter = body.filter.clone();
    let question =
        body.understand(state.limits(), collection.reranker(), state.language_models())?;
    let wants_stream = question.wants_stream;
    let answering = Answering::begin(state, collection, filter, question);
    if wants_stream {
        return answering.into_events(|told| vec![tell(told)]).await;
    }
    Ok(Json(answering.ending().await?).into_response())
}

fn tell(told: Told) -> Event {
    match told {
        Told::Step(Step::Found(body)) => event("retrieval", &body),
        Told::Step(Step::Piece(text)) => event("token", &Piece { text }),
        Told::Ending(Ok(body)) => event("answer", &body),
        Told::Ending(Err(error)) => event("error", &error.body()),
    }
}

/// A piece of the answer's text.
#[derive(Serialize)]
struct Piece {
    text: String,
}

fn event(name: &'static str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).unwrap_or_else(|error| {
        tracing::error!(%error, "an event could not be written");
        Event::default().event("error")
    })
}
