//! How long to wait before asking again.

use std::time::{Duration, SystemTime};

/// Waits between tries: they double, and half of each is drawn by chance, so
/// that clients who failed together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait at most.
    pub first: Duration,
    /// Any wait at most, unless the provider names a longer one.
    pub longest: Duration,
}

impl Default for Backoff {
    /// Half a second, and 20 seconds at most.
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(20) }
    }
}

impl Backoff {
    /// The wait after failure number `tries`, from 1: in `[half, whole]` of the
    /// doubled one, and never less than the provider asks for.
    pub(super) fn wait(&self, tries: u32, retry_after: Option<Duration>) -> Duration {
        let doublings = tries.saturating_sub(1).min(16);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let drawn = whole.mul_f64(0.5 + fastrand::f64() / 2.0);
        drawn.max(retry_after.unwrap_or_default())
    }
}

/// `Retry-After` in its two forms: seconds, which some providers write with a
/// fraction, or an HTTP date. `None` for anything else.
pub(super) fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    // A date that has passed means now.
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn waits_double_up_to_the_longest_and_honour_the_provider() {
        let backoff = Backoff { first: 100 * MS, longest: 300 * MS };
        for (tries, whole) in [(1, 100), (2, 200), (3, 300), (40, 300)] {
            for _ in 0..50 {
                let wait = backoff.wait(tries, None);
                assert!(wait >= whole / 2 * MS && wait <= whole * MS, "{tries}: {wait:?}");
            }
        }
        assert_eq!(backoff.wait(1, Some(9000 * MS)), 9000 * MS);
        assert!(backoff.wait(3, Some(MS)) >= 150 * MS);
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let read = |value: &str| parse_retry_after(value, now);
        assert_eq!(read("2"), Some(2000 * MS));
        assert_eq!(read(" 0.5 "), Some(500 * MS));
        let date = httpdate::fmt_http_date(now + Duration::from_secs(7));
        assert_eq!(read(&date), Some(7000 * MS));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        for bad in ["", "soon", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
