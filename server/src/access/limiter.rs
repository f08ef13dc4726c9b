//! How many requests a minute.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Counts the requests of one key. A minute's worth may come at once; after that they are
/// let through as evenly as the rate says (the generic cell rate algorithm).
pub(super) struct Limiter {
    requests: DefaultDirectRateLimiter,
    per_minute: NonZeroU32,
}

impl Limiter {
    pub(super) fn new(per_minute: NonZeroU32) -> Self {
        Self { requests: RateLimiter::direct(Quota::per_minute(per_minute)), per_minute }
    }

    pub(super) fn per_minute(&self) -> NonZeroU32 {
        self.per_minute
    }

    /// Counts one more.
    ///
    /// # Errors
    /// How long to wait, where it is one too many.
    pub(super) fn count(&self) -> Result<(), Duration> {
        let counted = self.requests.check();
        counted.map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }
}
