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
use crate::telemetry::RequestScope;
use crate::telemetry::metrics::AdmissionMetrics;

/// The gate in front of the engine.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Places for work and for waiting together. Two semaphores rather than a
    /// counter of waiters: a dropped request gives its place back by itself.
    places: Arc<Semaphore>,
    work: Arc<Semaphore>,
    concurrent_searches: usize,
    queued_searches: usize,
    metrics: AdmissionMetrics,
}

/// How full it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occupancy {
    /// Requests at work.
    pub(crate) running: usize,
    /// Requests that wait.
    pub(crate) waiting: usize,
    /// Most that may be at work.
    pub(crate) places: usize,
    /// Most that may wait.
    pub(crate) queue: usize,
}

/// The right to work; dropping it lets the next request in.
#[derive(Debug)]
struct Place {
    _place: OwnedSemaphorePermit,
    _work: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(limits: &Limits, metrics: AdmissionMetrics) -> Self {
        let concurrent_searches = limits.concurrent_searches.max(1);
        let queued_searches = limits.queued_searches;
        Self {
            places: Arc::new(Semaphore::new(concurrent_searches + queued_searches)),
            work: Arc::new(Semaphore::new(concurrent_searches)),
            concurrent_searches,
            queued_searches,
            metrics,
        }
    }

    /// How full it is. Read off the semaphores: a counter of its own would have to be
    /// taken back by a request that is dropped while it waits.
    pub(crate) fn occupancy(&self) -> Occupancy {
        let Self { places, work, concurrent_searches, queued_searches, .. } = self;
        let running = concurrent_searches - work.available_permits();
        let taken = concurrent_searches + queued_searches - places.available_permits();
        let waiting = taken.saturating_sub(running);
        Occupancy { running, waiting, places: *concurrent_searches, queue: *queued_searches }
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
        self.metrics.admitted(waited);
        let scope = RequestScope::current();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            match scope {
                Some(scope) => scope.enter(|| work(waited)),
                None => work(waited),
            }
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "a search ended without a result");
            ApiError::Internal
        })
    }

    async fn enter(&self) -> Result<Place, ApiError> {
        let full = || {
            self.metrics.refused();
            ApiError::Overloaded { limit: self.queued_searches }
        };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| full())?;
        // Semaphores of ours are never closed; if one were, refusing is right.
        let work = Arc::clone(&self.work).acquire_owned().await.map_err(|_| full())?;
        Ok(Place { _place: place, _work: work })
    }
}
