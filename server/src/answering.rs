//! An answer on its way: searched for, then made of sentences or written by a model,
//! with word of every step.
//!
//! What was found comes first: it is there long before an answer is, and a reader can
//! begin with it. An error before that has a status like any other; one after it is told
//! where the answer would have been. A reader who leaves ends the work: a model's
//! connection is closed, and no further stage begins.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use answer::model::{StructuredError, Usage};
use answer::{
    AnswerError, AnswerRequest, AnswerTimings, Retrieved, Rewritten, Standalone, Turn, WriteError,
    retrieve, rewrite, write,
};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use corpora::LoggedSearch;
use engine::Searcher;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::collections::Collection;
use crate::error::{ApiError, Chain};
use crate::query_log;
use crate::state::AppState;
use crate::telemetry::metrics::AnsweredBy;
use crate::telemetry::traces::Stage;
use crate::telemetry::{RequestScope, Searched, observe};
use crate::wire::{AnswerBody, Asked, Question, RetrievalBody, Writer, charge_waiting, shortened};

/// What is known before the answer is.
pub(crate) enum Step {
    /// What it will be made of.
    Found(RetrievalBody),
    /// A piece of its text.
    Piece(String),
}

/// How it ends.
pub(crate) type Ending = Result<Box<AnswerBody>, ApiError>;

/// A question that is being answered, in a task of its own.
pub(crate) struct Answering {
    logged: Arc<OnceLock<Arc<LoggedSearch>>>,
    steps: UnboundedReceiver<Step>,
    ended: JoinHandle<Result<Option<AnswerBody>, ApiError>>,
}

impl Answering {
    /// Begins.
    ///
    /// # Arguments
    /// * `filter` - the question's, as it was written, for the log and for errors.
    pub(crate) fn begin(
        state: AppState,
        collection: Arc<Collection>,
        filter: Option<String>,
        question: Question,
    ) -> Self {
        let (steps, received) = unbounded_channel();
        let logged = Arc::default();
        let work = Work { state, collection, filter, steps, logged: Arc::clone(&logged) };
        let work = work.run(question);
        let ended = match RequestScope::current() {
            Some(scope) => tokio::spawn(scope.around(work)),
            None => tokio::spawn(work),
        };
        Self { logged, steps: received, ended }
    }

    /// The line that the query log has of its search, once it was searched for.
    pub(crate) fn log_line(&self) -> Arc<OnceLock<Arc<LoggedSearch>>> {
        Arc::clone(&self.logged)
    }

    /// The next step; `None` when [`Self::ending`] is next.
    pub(crate) async fn step(&mut self) -> Option<Step> {
        self.steps.recv().await
    }

    /// The answer.
    ///
    /// # Errors
    /// What the question was refused for.
    pub(crate) async fn ending(self) -> Ending {
        match self.ended.await {
            Ok(Ok(Some(body))) => Ok(Box::new(body)),
            Ok(Ok(None)) | Err(_) => Err(ApiError::Internal),
            Ok(Err(error)) => Err(error),
        }
    }

    /// The answer as Server-Sent Events.
    ///
    /// # Arguments
    /// * `tell` - the events of each step, and those of the ending.
    ///
    /// # Errors
    /// What happened before the first step.
    pub(crate) async fn into_events(
        mut self,
        mut tell: impl FnMut(Told) -> Vec<Event> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let Some(first) = self.step().await else {
            return Err(self.ending().await.err().unwrap_or(ApiError::Internal));
        };
        // The rest is told after the handler has returned, outside its scope.
        let scope = RequestScope::current();
        let mut tell = move |told| match &scope {
            Some(scope) => scope.enter(|| tell(told)),
            None => tell(told),
        };
        let begun = tell(Told::Step(first));
        let rest = stream::unfold(Some((self, tell)), |running| async move {
            let (mut answering, mut tell) = running?;
            match answering.step().await {
                Some(step) => Some((tell(Told::Step(step)), Some((answering, tell)))),
                None => Some((tell(Told::Ending(answering.ending().await)), None)),
            }
        });
        let events = stream::once(async { begun }).chain(rest).flat_map(stream::iter);
        let events = events.map(Ok::<_, Infallible>);
        Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
    }
}

/// What a stream tells.
pub(crate) enum Told {
    /// A step.
    Step(Step),
    /// The end.
    Ending(Ending),
}

/// A question, and what is searched for.
struct Understood {
    request: AnswerRequest,
    standalone: Standalone,
    /// Whether a model was to make it whole, and did not.
    not_rewritten: bool,
}

impl Understood {
    /// Searches for what a model made of it.
    fn take(&mut self, rewritten: Rewritten, max_query_bytes: usize) {
        let Rewritten { standalone, usage: _, failed } = rewritten;
        if let Some(error) = &failed {
            tracing::warn!(error, "a follow-up was made whole by rules, not by the model");
        }
        self.not_rewritten = failed.is_some();
        self.request.search.query = shortened(&standalone.query, max_query_bytes);
        self.standalone = standalone;
    }
}

/// The work itself; `None` from its methods when the reader has left.
struct Work {
    state: AppState,
    collection: Arc<Collection>,
    filter: Option<String>,
    steps: UnboundedSender<Step>,
    logged: Arc<OnceLock<Arc<LoggedSearch>>>,
}

impl Work {
    async fn run(self, question: Question) -> Result<Option<AnswerBody>, ApiError> {
        let Question { writer, request, standalone, rewrite_after, wants_stream: _ } = question;
        let asked = Understood { request, standalone, not_rewritten: false };
        let (state, collection) = (self.state.clone(), Arc::clone(&self.collection));
        let by = if writer.is_some() { AnsweredBy::Model } else { AnsweredBy::Documents };
        let ended = match writer {
            Some(writer) => self.written(asked, rewrite_after, writer).await,
            None => self.extracted(asked).await,
        };
        let abstained = match &ended {
            Ok(Some(body)) => Some(body.abstained),
            // Whoever left wanted no answer.
            Ok(None) => return ended,
            Err(_) => None,
        };
        state.metrics().answers.answered(collection.name(), by, abstained);
        ended
    }

    /// With sentences of the documents: one piece of work, in one place of the queue.
    async fn extracted(self, mut asked: Understood) -> Result<Option<AnswerBody>, ApiError> {
        let state = self.state.clone();
        let work = move |waited| {
            charge_waiting(&mut asked.request.search, waited);
            let searcher = self.collection.searcher();
            let retrieved = self.retrieve(&searcher, &asked.request, waited)?;
            if !self.found(&asked, &retrieved) {
                return Ok(None);
            }
            let started = SystemTime::now();
            let outcome = retrieved
                .extract(&searcher, &asked.request)
                .map_err(|error| self.refusal(error))?;
            let AnswerTimings { answer, verify, .. } = outcome.timings_ms;
            trace_stages(started, &[("extract", answer), ("verify", verify)]);
            // Together the pieces are the answer's text.
            for claim in &outcome.answer.claims {
                let piece = format!("{}{}", claim.lead, claim.marked());
                if self.steps.send(Step::Piece(piece)).is_err() {
                    return Ok(None);
                }
            }
            Ok(Some(AnswerBody::new(self.said(&asked), outcome, None)))
        };
        state.admission().run(work).await?
    }

    /// In a model's words. While it writes no core is busy, so no place is kept.
    async fn written(
        self,
        mut asked: Understood,
        rewrite_after: Option<Vec<Turn>>,
        Writer { model, prompt, schema }: Writer,
    ) -> Result<Option<AnswerBody>, ApiError> {
        let state = self.state.clone();
        let mut spent = Usage::NOTHING;
        if let Some(history) = rewrite_after {
            let rewritten = tokio::select! {
                () = self.steps.closed() => return Ok(None),
                rewritten = rewrite(model.as_ref(), &asked.request.question, &history) => rewritten,
            };
            spent = rewritten.usage;
            asked.take(rewritten, state.limits().max_query_bytes);
        }
        let work = move |waited| {
            charge_waiting(&mut asked.request.search, waited);
            let searcher = self.collection.searcher();
            let retrieved = self.retrieve(&searcher, &asked.request, waited)?;
            Ok::<_, ApiError>((self, searcher, asked, retrieved))
        };
        let (this, searcher, asked, retrieved) = state.admission().run(work).await??;
        if !this.found(&asked, &retrieved) {
            return Ok(None);
        }
        let mut on_piece = |piece: &str| {
            // Whether somebody reads is seen below.
            let _ = this.steps.send(Step::Piece(piece.to_owned()));
        };
        let asked_at = Instant::now();
        let writing = write(
            model.as_ref(),
            &prompt,
            &asked.request.question,
            schema.as_ref(),
            &retrieved.context,
            &mut on_piece,
        );
        let mut written = tokio::select! {
            () = this.steps.closed() => return Ok(None),
            written = writing => written.map_err(|error| not_written(model.name(), &error))?,
        };
        written.usage = [spent, written.usage].into_iter().sum();
        let took = asked_at.elapsed();
        let work = move |_waited| {
            let started = SystemTime::now();
            let outcome = retrieved
                .ground(&searcher, &asked.request, &written.reply, took)
                .map_err(|error| this.refusal(error))?;
            trace_stages(started, &[("verify", outcome.timings_ms.verify)]);
            Ok(Some(AnswerBody::new(this.said(&asked), outcome, Some(&written))))
        };
        state.admission().run(work).await?
    }

    fn retrieve(
        &self,
        searcher: &Searcher,
        request: &AnswerRequest,
        waited: Duration,
    ) -> Result<Retrieved, ApiError> {
        let started = SystemTime::now();
        let retrieved = retrieve(searcher, request).map_err(|error| self.refusal(error))?;
        let searched = Searched {
            request: &request.search,
            filter: self.filter.as_deref(),
            collection: &self.collection,
            outcome: &retrieved.found,
            started,
            waited,
        };
        observe(&self.state, &searched);
        if let Some(line) = query_log::line(&self.state, &searched) {
            query_log::keep(&self.state, &line);
            // Set once: a question is searched for once.
            let _ = self.logged.set(line);
        }
        let AnswerTimings { search, context, .. } = retrieved.timings_ms;
        let searched = Duration::from_secs_f64(search / 1e3);
        trace_stages(started + searched, &[("context", context)]);
        Ok(retrieved)
    }

    fn said<'a>(&'a self, asked: &'a Understood) -> Asked<'a> {
        Asked {
            standalone: &asked.standalone,
            not_rewritten: asked.not_rewritten,
            collection: Some(self.collection.name()),
            budget_tokens: asked.request.context.budget_tokens,
        }
    }

    /// Whether somebody still waits for what follows.
    fn found(&self, asked: &Understood, retrieved: &Retrieved) -> bool {
        let Retrieved { found, context, .. } = retrieved;
        self.steps.send(Step::Found(RetrievalBody::new(self.said(asked), found, context))).is_ok()
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

/// Makes spans of stages that followed each other.
fn trace_stages(mut started: SystemTime, stages: &[(&'static str, f64)]) {
    let Some(scope) = RequestScope::current() else { return };
    for &(name, took_ms) in stages {
        scope.trace().stage(Stage { name, started, took_ms });
        started += Duration::from_secs_f64(took_ms / 1e3);
    }
}

/// The provider's words may name what is the operator's business: they are logged, and
/// the client is told what kind of failure it was. What does not fit a schema is the
/// business of who sent it.
fn not_written(model: &str, error: &WriteError) -> ApiError {
    tracing::warn!(model, %error, "a model wrote no answer");
    let model = model.to_owned();
    match error {
        WriteError::Structured(StructuredError::Unfit { problems, .. }) => {
            ApiError::Unfit { model, problems: problems.join("; ") }
        }
        WriteError::Prompt(_)
        | WriteError::Model(_)
        | WriteError::Reply { .. }
        | WriteError::Structured(
            StructuredError::Model { .. }
            | StructuredError::Repair { .. }
            | StructuredError::CutOff { .. },
        ) => ApiError::NotWritten { model },
    }
}
