//! A search as a tool asks it, checked and run as `POST /v1/search` is.

use std::sync::Arc;
use std::time::SystemTime;

use engine::{Highlights, SearchOutcome, SearchRequest};
use serde_json::Value;

use super::refusal::Refusal;
use crate::access::Caller;
use crate::collections::Collection;
use crate::error::ApiError;
use crate::telemetry::{Searched, observe};
use crate::wire::{SearchBody, charge_waiting};

/// A search that may run.
pub(super) struct Asked {
    pub(super) collection: Arc<Collection>,
    pub(super) request: SearchRequest,
    pub(super) filter: Option<String>,
}

impl Asked {
    /// Checks a search.
    ///
    /// # Arguments
    /// * `body` - the body that `POST /v1/search` would get: one parser and one set of
    ///   checks, whoever asks.
    pub(super) fn check(caller: &Caller, body: Value) -> Result<Self, Refusal> {
        let body: SearchBody = serde_json::from_value(body)
            .map_err(|error| Refusal::Arguments { reason: error.to_string() })?;
        let collection = caller.collection(body.collection.as_deref())?;
        let filter = body.filter.clone();
        let mut request = body.into_request(caller.state().limits(), collection.reranker())?;
        // A model reads the passage whole.
        request.highlights = Highlights::Off;
        Ok(Self { collection, request, filter })
    }

    /// Waits for a place, searches, and makes an answer of the outcome on the same
    /// thread.
    pub(super) async fn run<T: Send + 'static>(
        mut self,
        caller: &Caller,
        answer: impl FnOnce(&Self, SearchOutcome) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let seen = caller.state().clone();
        let work = move |waited| {
            charge_waiting(&mut self.request, waited);
            let searcher = self.collection.searcher();
            let started = SystemTime::now();
            let outcome = searcher
                .search(&self.request)
                .map_err(|error| ApiError::from_search(error, self.filter.as_deref()))?;
            observe(
                &seen,
                &Searched {
                    request: &self.request,
                    filter: self.filter.as_deref(),
                    collection: &self.collection,
                    outcome: &outcome,
                    started,
                    waited,
                },
            );
            Ok(answer(&self, outcome))
        };
        caller.state().admission().run(work).await?
    }
}
