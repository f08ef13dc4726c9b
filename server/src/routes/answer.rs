//! `POST /v1/answer`: an answer with citations that were looked up, at once or as
//! events.
//!
//! As events, what was found comes first: it is there long before an answer is, and a
//! reader can begin with it. An error before that has a status like any other; one
//! after it is an event. A reader who leaves ends the work: a model's connection is
//! closed, and no further stage begins.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use answer::{AnswerError, AnswerRequest, Retrieved, Standalone, WriteError, retrieve, write};
use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use engine::Searcher;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::collections::Collection;
use crate::error::{ApiError, Chain};
use crate::extract::JsonBody;
use crate::query_log::logged;
use crate::state::AppState;
use crate::wire::{
    AnswerBody, AnswerRequestBody, Asked, Question, RetrievalBody, Writer, charge_waiting,
};

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
    let (events, received) = unbounded_channel();
    let wants_stream = question.wants_stream;
    let events = Events(wants_stream.then_some(events));
    let answering = Answering { state, collection, filter, events };
    if wants_stream {
        // A task of its own: the response begins with the first event, while this goes on.
        return events_of(received, tokio::spawn(answering.run(question))).await;
    }
    let body = answering.run(question).await?.ok_or(ApiError::Internal)?;
    Ok(Json(body).into_response())
}

/// Where events go; nowhere for an answer at once.
#[derive(Clone)]
struct Events(Option<UnboundedSender<Event>>);

impl Events {
    /// Whether somebody still waits for what follows.
    fn send(&self, name: &'static str, data: &impl Serialize) -> bool {
        self.0.as_ref().is_none_or(|events| events.send(event(name, data)).is_ok())
    }

    /// Ends when nobody does.
    async fn left(&self) {
        match &self.0 {
            Some(events) => events.closed().await,
            None => std::future::pending().await,
        }
    }
}

/// A question on its way.
struct Answering {
    state: AppState,
    collection: Arc<Collection>,
    filter: Option<String>,
    events: Events,
}

impl Answering {
    /// Answers; `None` when the reader has left.
    async fn run(self, question: Question) -> Result<Option<AnswerBody>, ApiError> {
        match question.writer {
            Some(writer) => self.written(question.request, question.standalone, writer).await,
            None => self.extracted(question.request, question.standalone).await,
        }
    }

    /// With sentences of the documents: one piece of work, in one place of the queue.
    async fn extracted(
        self,
        mut request: AnswerRequest,
        standalone: Standalone,
    ) -> Result<Option<AnswerBody>, ApiError> {
        let state = self.state.clone();
        let work = move |waited| {
            charge_waiting(&mut request.search, waited);
            let searcher = self.collection.searcher();
            let retrieved = self.retrieve(&searcher, &request)?;
            let asked = self.asked(&standalone, &request);
            if !self.send_retrieval(asked, &retrieved) {
                return Ok(None);
            }
            let outcome =
                retrieved.extract(&searcher, &request).map_err(|error| self.refusal(error))?;
            for claim in &outcome.answer.claims {
                let text = format!("{}\n", claim.marked());
                if !self.events.send("token", &Piece { text: &text }) {
                    return Ok(None);
                }
            }
            Ok(Some(AnswerBody::new(asked, outcome, None)))
        };
        state.admission().run(work).await?
    }

    /// In a model's words. While it writes no core is busy, so no place is kept.
    async fn written(
        self,
        mut request: AnswerRequest,
        standalone: Standalone,
        Writer { model, prompt }: Writer,
    ) -> Result<Option<AnswerBody>, ApiError> {
        let state = self.state.clone();
        let work = move |waited| {
            charge_waiting(&mut request.search, waited);
            let searcher = self.collection.searcher();
            let retrieved = self.retrieve(&searcher, &request)?;
            Ok::<_, ApiError>((self, searcher, request, retrieved))
        };
        let (this, searcher, request, retrieved) = state.admission().run(work).await??;
        if !this.send_retrieval(this.asked(&standalone, &request), &retrieved) {
            return Ok(None);
        }
        let events = this.events.clone();
        let mut on_piece = |piece: &str| {
            events.send("token", &Piece { text: piece });
        };
        let asked_at = Instant::now();
        let writing =
            write(model.as_ref(), &prompt, &request.question, &retrieved.context, &mut on_piece);
        let written = tokio::select! {
            () = this.events.left() => return Ok(None),
            written = writing => written.map_err(|error| not_written(model.name(), &error))?,
        };
        let took = asked_at.elapsed();
        let work = move |_waited| {
            let outcome = retrieved
                .ground(&searcher, &request, &written.reply, took)
                .map_err(|error| this.refusal(error))?;
            let asked = this.asked(&standalone, &request);
            Ok(Some(AnswerBody::new(asked, outcome, Some(&written))))
        };
        state.admission().run(work).await?
    }

    fn retrieve(
        &self,
        searcher: &Searcher,
        request: &AnswerRequest,
    ) -> Result<Retrieved, ApiError> {
        let retrieved = retrieve(searcher, request).map_err(|error| self.refusal(error))?;
        if let Some(log) = self.state.query_log() {
            let (filter, found) = (self.filter.as_deref(), &retrieved.found);
            log.record(logged(&request.search, filter, &self.collection, found));
        }
        Ok(retrieved)
    }

    fn asked<'a>(&'a self, standalone: &'a Standalone, request: &AnswerRequest) -> Asked<'a> {
        Asked {
            standalone,
            collection: Some(self.collection.name()),
            budget_tokens: request.context.budget_tokens,
        }
    }

    fn send_retrieval(&self, asked: Asked<'_>, retrieved: &Retrieved) -> bool {
        let Retrieved { found, context, .. } = retrieved;
        self.events.send("retrieval", &RetrievalBody::new(asked, found, context))
    }

    fn refusal(&self, error: AnswerError) -> ApiError {
        match error {
            AnswerError::Search(error) => ApiError::from_search(error, self.filter.as_deref()),
            error @ (AnswerError::Segment(_) | AnswerError::Extract(_)) => {
                tracing::error!(error = %Chain(&error), "an answer could not be made");
                ApiError::IndexFailed
            }
        }
    }
}

/// The provider's words may name what is the operator's business: they are logged, and
/// the client is told what kind of failure it was.
fn not_written(model: &str, error: &WriteError) -> ApiError {
    tracing::warn!(model, %error, "a model wrote no answer");
    ApiError::NotWritten { model: model.to_owned() }
}

/// A piece of the answer's text.
#[derive(Serialize)]
struct Piece<'a> {
    text: &'a str,
}

fn event(name: &'static str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).unwrap_or_else(|error| {
        tracing::error!(%error, "an event could not be written");
        Event::default().event("error")
    })
}

/// The events of an answer as they come, the answer itself last.
async fn events_of(
    mut received: UnboundedReceiver<Event>,
    answering: JoinHandle<Result<Option<AnswerBody>, ApiError>>,
) -> Result<Response, ApiError> {
    let Some(first) = received.recv().await else {
        // It ended before its first event: with an error, which has a status.
        let ended = answering.await.map_err(|_| ApiError::Internal)?;
        return Err(ended.err().unwrap_or(ApiError::Internal));
    };
    let rest = (Some(first), received, Some(answering));
    let events = stream::unfold(rest, |(first, mut received, answering)| async move {
        let next = match first {
            Some(first) => Some(first),
            None => received.recv().await,
        };
        if let Some(event) = next {
            return Some((Ok::<_, Infallible>(event), (None, received, answering)));
        }
        let last = match answering?.await {
            Ok(Ok(Some(body))) => event("answer", &body),
            Ok(Ok(None)) => return None,
            Ok(Err(error)) => event("error", &error.body()),
            Err(_) => event("error", &ApiError::Internal.body()),
        };
        Some((Ok(last), (None, received, None)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}
