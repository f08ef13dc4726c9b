//! `POST /v1/answer`: an answer with citations that were looked up, at once or as
//! events.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use serde::Serialize;

use crate::access::Caller;
use crate::answering::{Answering, Step, Told};
use crate::cache::{CacheKey, Kept, Made, Source};
use crate::collections::Collection;
use crate::error::ApiError;
use crate::extract::{JsonBody, wants_fresh};
use crate::query_log;
use crate::state::AppState;
use crate::wire::{AnswerBody, AnswerRequestBody, Question, json_bytes};

/// Answer.
///
/// An answer with citations that were looked up in the stored texts. With `stream` it
/// comes as Server-Sent Events: `retrieval` with what was found, `token` for each piece,
/// `answer` with the whole body, or `error` instead of it. A whole answer to an equal
/// question from the same generation of the index is given again, a model's too, which
/// the header `X-Cache` tells; `Cache-Control: no-cache` has it made anew.
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
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody<AnswerRequestBody>,
) -> Result<Response, ApiError> {
    let collection = caller.collection(body.collection.as_deref())?;
    let filter = body.filter.clone();
    let state = caller.state().clone();
    let question =
        body.understand(state.limits(), collection.reranker(), state.language_models())?;
    if question.wants_stream {
        let answering = Answering::begin(state, collection, filter, question);
        return answering.into_events(|told| vec![tell(told)]).await;
    }
    let generation = collection.index().searcher().generation();
    let key = CacheKey::new(collection.name(), generation, &question.identity());
    let make = made(state.clone(), collection, filter, question);
    let (kept, source) = if wants_fresh(&headers) {
        let (Made::Lasting(kept) | Made::Passing(kept)) = make.await?;
        (kept, Source::Made)
    } else {
        state.answers().get(key, make).await?
    };
    // One that was made has been logged when it was searched for.
    state.metrics().count_cache("answers", source.into());
    if let (Source::Kept, Some(line)) = (source, &kept.logged) {
        query_log::keep(&state, line);
    }
    Ok(kept.into_response(source))
}

async fn made(
    state: AppState,
    collection: Arc<Collection>,
    filter: Option<String>,
    question: Question,
) -> Result<Made, ApiError> {
    let answering = Answering::begin(state, collection, filter, question);
    let line = answering.log_line();
    let answer = answering.ending().await?;
    let is_whole = answer.is_whole();
    let kept = Kept { body: json_bytes(&answer)?, logged: line.get().cloned() };
    Ok(if is_whole { Made::Lasting(kept) } else { Made::Passing(kept) })
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
