//! `POST /v1/chat/completions`: an answer for clients that speak OpenAI's API.

use std::sync::Arc;

use axum::Json;
use axum::extract::Extension;
use axum::http::HeaderMap;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::access::Caller;
use crate::answering::{Answering, Step, Told};
use crate::document_link::DocumentLink;
use crate::error::ApiError;
use crate::extract::JsonBody;
use crate::guard::RequestNumber;
use crate::openai_error::OpenAiErrorBody;
use crate::tls::OverTls;
use crate::wire::{ChatBody, ChatChunk, ChatCompletion, ChatHead, ChatQuestion, ChatText};

/// Answer in a chat.
///
/// The last message is answered as `/v1/answer` does, what was said before it being the
/// history. Sources are attached: a marker `[n]` in the text has an annotation with the
/// address of its passage, and `trovato` has everything that `/v1/answer` says. With
/// `stream` the answer comes in chunks as Server-Sent Events, the last of them `[DONE]`.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "models",
    request_body = ChatBody,
    responses((status = 200, description = "The answer, or that there is none.", content(
        (ChatCompletion = "application/json"),
        (String = "text/event-stream"),
    )))
)]
pub(super) async fn chat(
    caller: Caller,
    Extension(RequestNumber(number)): Extension<RequestNumber>,
    tls: Option<Extension<OverTls>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ChatBody>,
) -> Result<Response, ApiError> {
    let model = body.model()?.to_owned();
    let writers = caller.state().language_models();
    let (collection, writer) = caller.collections()?.answerer(&model, writers)?;
    let ChatQuestion { body, tells_usage, wants_stream, ignored } =
        body.into_question(collection.name(), writer, caller.state().limits())?;
    let filter = body.filter.clone();
    let question = body.understand(caller.state().limits(), collection.reranker(), writers)?;
    let created = jiff::Timestamp::now().as_second();
    let object = if wants_stream { "chat.completion.chunk" } else { "chat.completion" };
    let head = ChatHead { id: format!("chatcmpl-{created}-{number}"), object, created, model };
    let link = DocumentLink::new(&headers, tls.map(|Extension(tls)| tls), collection.name());
    let mut answering =
        Answering::begin(caller.state().clone(), Arc::clone(&collection), filter, question);
    let mut text = ChatText::default();
    if wants_stream {
        let mut ignored = Some(ignored);
        let tell = move |told| match told {
            Told::Step(Step::Found(found)) => vec![data(&ChatChunk::found(&head, found))],
            Told::Step(Step::Piece(piece)) => {
                let now = text.push(&piece);
                now.map(|now| data(&ChatChunk::piece(&head, now))).into_iter().collect()
            }
            Told::Ending(Ok(answer)) => {
                let rest = text.finish(&answer).map(|rest| ChatChunk::piece(&head, rest));
                let ignored = ignored.take().unwrap_or_default();
                let ending = ChatChunk::ending(&head, &text, *answer, ignored, &link, tells_usage);
                let chunks = rest.into_iter().chain(ending).map(|chunk| data(&chunk));
                chunks.chain([Event::default().data("[DONE]")]).collect()
            }
            // Official clients raise what a chunk has under `error`.
            Told::Ending(Err(error)) => vec![data(&OpenAiErrorBody::from(&error))],
        };
        return answering.into_events(tell).await;
    }
    while let Some(step) = answering.step().await {
        if let Step::Piece(piece) = step {
            text.push(&piece);
        }
    }
    let answer = answering.ending().await?;
    text.finish(&answer);
    Ok(Json(ChatCompletion::new(head, text, *answer, ignored, &link)).into_response())
}

fn data(body: &impl Serialize) -> Event {
    Event::default().json_data(body).unwrap_or_else(|error| {
        tracing::error!(%error, "a chunk could not be written");
        Event::default()
    })
}
