//! How many requests work at once, and how many may wait.
//!
//! Searching is CPU-bound: more searches at once than cores only make each of
//! them slower. A place is taken before `spawn_blocking`, whose own pool of
//! hundreds of threads would otherwise be the queue, and is held until the work
//! itself ends, not until the client loses patience: work that was abandoned
//! still occupies a core.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;
use crate::limits::Limits;

/// The gate in front of the engine.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Places for work and for waiting together. Two semaphores rather than a
    /// counter of waiters: a dropped request gives its place back by itself.
    places: Arc<Semaphore>,
    work: Arc<Semaphore>,
    queued_searches: usize,
}

/// The right to work; dropping it lets the next request in.
#[derive(Debug)]
struct Place {
    _place: OwnedSemaphorePermit,
    _work: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        let concurrent = limits.concurrent_searches.max(1);
        Self {
            places: Arc::new(Semaphore::new(concurrent + limits.queued_searches)),
            work: Arc::new(Semaphore::new(concurrent)),
            queued_searches: limits.queued_searches,
        }
    }

    /// Runs `work` on a thread of its own once there is a place for it.
    ///
    /// # Arguments
    /// * `work` - is told how long it waited.
    ///
    /// # Errors
    /// [`ApiError::Overloaded`] at once when the queue is full;
    /// [`ApiError::Internal`] when `work` panicked.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        F: FnOnce(Duration) -> T + Send + 'static,
        T: Send + 'static,
    {
        let asked = Instant::now();
        let place = self.enter().await?;
        let waited = asked.elapsed();
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            span.in_scope(|| work(waited))
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "a search ended without a result");
            ApiError::Internal
        })
    }

    async fn enter(&self) -> Result<Place, ApiError> {
        let full = || ApiError::Overloaded { limit: self.queued_searches };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| full())?;
        // Semaphores of ours are never closed; if one were, refusing is right.
        let work = Arc::clone(&self.work).acquire_owned().await.map_err(|_| full())?;
        Ok(Place { _place: place, _work: work })
    }
}
