//! One try: send, read the stream, hand its pieces on.

use std::time::{Duration, SystemTime};

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use tokio::time::{Instant, timeout_at};

use super::error::{Failure, Waiting};
use super::failure::{of_status, of_transport};
use super::http::HttpModel;
use super::retry::parse_retry_after;
use super::sse::{EventTooLong, Events};
use super::wire::{self, Gathered, WireRequest};

/// More text than any answer; a server that goes on writing is stopped.
const MAX_TEXT_BYTES: usize = 1 << 20;

/// More of an error's body is not read.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// How long a stream may stay open behind its answer: for the usage, which
/// some servers send last.
const TAIL: Duration = Duration::from_secs(2);

/// The same behind the format's own end: only for the connection to be free
/// for the next question.
const CLOSED_TAIL: Duration = Duration::from_millis(50);

/// A try and what came of it.
pub(super) struct Attempt<'m> {
    model: &'m HttpModel,
    deadline: Instant,
    first_piece_due: Instant,
    n_events: usize,
    pub(super) text: String,
    pub(super) first_piece: Option<Instant>,
    pub(super) gathered: Gathered,
}

impl<'m> Attempt<'m> {
    /// # Arguments
    /// * `deadline` - of all tries together.
    pub(super) fn new(model: &'m HttpModel, deadline: Instant) -> Self {
        Self {
            model,
            deadline,
            first_piece_due: deadline.min(Instant::now() + model.config.first_piece_timeout),
            n_events: 0,
            text: String::new(),
            first_piece: None,
            gathered: Gathered::default(),
        }
    }

    pub(super) async fn run(
        &mut self,
        request: WireRequest,
        on_piece: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Failure> {
        let WireRequest { url, headers, body } = request;
        let sending = self
            .model
            .client
            .post(url)
            .headers(headers)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body.to_string())
            .send();
        let sent = timeout_at(self.first_piece_due, sending).await;
        let mut response =
            sent.map_err(|_| self.timed_out())?.map_err(|error| self.transport(error))?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let mut events = Events::default();
        loop {
            match timeout_at(self.due(), response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    let whole = events.push(&bytes).map_err(|EventTooLong| Failure::Malformed {
                        why: "an event of the stream does not end".to_owned(),
                    })?;
                    for data in whole {
                        self.take(&data, on_piece)?;
                    }
                }
                Ok(Ok(None)) => {
                    match events.finish().map(|data| self.take(&data, on_piece)) {
                        // Half an event is the mark of a cut, which is told
                        // below, and not of another format.
                        None | Some(Ok(()) | Err(Failure::Malformed { .. })) => {}
                        Some(Err(failure)) => return Err(failure),
                    }
                    return if self.gathered.ended { Ok(()) } else { Err(self.cut(&response)) };
                }
                // The answer is whole: what happens to the connection after
                // that is no loss.
                Ok(Err(_)) | Err(_) if self.gathered.ended => return Ok(()),
                Ok(Err(error)) => return Err(self.transport(error)),
                Err(_) => return Err(self.timed_out()),
            }
        }
    }

    fn take(&mut self, data: &str, on_piece: &mut (dyn FnMut(&str) + Send)) -> Result<(), Failure> {
        self.n_events += 1;
        let piece = wire::read(self.model.config.provider, data, &mut self.gathered)?;
        if piece.is_empty() {
            return Ok(());
        }
        if self.text.len() + piece.len() > MAX_TEXT_BYTES {
            return Err(Failure::Malformed { why: format!("over {MAX_TEXT_BYTES} bytes of text") });
        }
        self.first_piece.get_or_insert_with(Instant::now);
        self.text.push_str(&piece);
        on_piece(&piece);
        Ok(())
    }

    /// Until when the next bytes must come.
    fn due(&self) -> Instant {
        let now = Instant::now();
        match (self.gathered.closed, self.gathered.ended, self.first_piece) {
            (true, _, _) => self.deadline.min(now + CLOSED_TAIL),
            (false, true, _) => self.deadline.min(now + TAIL),
            (false, false, Some(_)) => self.deadline,
            (false, false, None) => self.first_piece_due,
        }
    }

    fn timed_out(&self) -> Failure {
        let config = &self.model.config;
        if self.first_piece.is_none() && self.first_piece_due < self.deadline {
            let after = config.first_piece_timeout;
            return Failure::TimedOut { waiting: Waiting::FirstPiece, after };
        }
        Failure::TimedOut { waiting: Waiting::End, after: config.timeout }
    }

    fn transport(&self, error: reqwest::Error) -> Failure {
        of_transport(error, self.model.config.base_url.as_str(), self.text.len())
    }

    /// The stream ended, the answer did not.
    fn cut(&self, response: &Response) -> Failure {
        if self.n_events > 0 {
            let why = "the connection was closed".to_owned();
            return Failure::Cut { bytes: self.text.len(), why };
        }
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.map_or("none".to_owned(), |kind| {
            String::from_utf8_lossy(kind.as_bytes()).into_owned()
        });
        Failure::Malformed { why: format!("no event in the reply, whose content type is {kind}") }
    }

    async fn refusal(&self, mut response: Response) -> Failure {
        let status = response.status().as_u16();
        let header = response.headers().get(RETRY_AFTER);
        let retry_after = header
            .and_then(|value| value.to_str().ok())
            .and_then(|value| parse_retry_after(value, SystemTime::now()));
        let mut body = Vec::new();
        // A body that fails or stalls is as good as it is: the status counts.
        while body.len() < MAX_ERROR_BYTES
            && let Ok(Ok(Some(bytes))) = timeout_at(self.first_piece_due, response.chunk()).await
        {
            body.extend_from_slice(&bytes);
        }
        of_status(status, retry_after, &String::from_utf8_lossy(&body))
    }
}
