//! How long each stage was at work, whoever did it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::report::StageSeconds;

/// One clock a stage.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    pub(super) read: BusyClock,
    pub(super) chunk: BusyClock,
    pub(super) encode: BusyClock,
    pub(super) write: BusyClock,
    pub(super) commit: BusyClock,
    pub(super) merge: BusyClock,
}

impl Clocks {
    pub(super) fn seconds(&self) -> StageSeconds {
        StageSeconds {
            read: self.read.seconds(),
            chunk: self.chunk.seconds(),
            encode: self.encode.seconds(),
            write: self.write.seconds(),
            commit: self.commit.seconds(),
            merge: self.merge.seconds(),
        }
    }
}

/// Adds up the time in which at least one thread is inside. Sums over threads
/// would say little where a thread waits for a core.
#[derive(Debug, Default)]
pub(super) struct BusyClock(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    inside: usize,
    since: Option<Instant>,
    total: Duration,
}

impl BusyClock {
    /// Runs `work` on the clock.
    pub(super) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        self.update(|state| {
            if state.inside == 0 {
                state.since = Some(Instant::now());
            }
            state.inside += 1;
        });
        // A panic in `work` ends the whole ingest, its clock included.
        let result = work();
        self.update(|state| {
            state.inside -= 1;
            if state.inside == 0 {
                state.total += state.since.take().map_or(Duration::ZERO, |since| since.elapsed());
            }
        });
        result
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn seconds(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_work_counts_once() {
        let clock = BusyClock::default();
        let started = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| clock.time(|| std::thread::sleep(Duration::from_millis(30))));
            }
        });
        assert!(clock.seconds() >= 0.03 && clock.seconds() <= started.elapsed().as_secs_f64());
    }
}
