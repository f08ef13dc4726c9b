//! How many candidates can be read in so much time: a model's own estimate for one
//! of them, spread over the threads that read.

use std::time::Duration;

use super::legs::SEARCH_POOL;
use crate::rerank::RerankPipeline;

/// Candidates that are scored together. Few, since a budget is looked at between
/// batches: on two cores eight windows take some 50 ms. A constant, so that
/// what is read does not depend on the machine.
pub(super) const BATCH: usize = 8;

/// How fast candidates are read.
///
/// A batch is read in rounds of one candidate a thread, and the next one begins when
/// all of it is done: eight candidates take one round on eight threads, and on
/// sixteen too. Dividing by the number of threads would promise twice as many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RerankPace {
    candidate_ms: f64,
    threads: usize,
}

impl RerankPace {
    /// A pace.
    ///
    /// # Arguments
    /// * `candidate_ms` - what one thread is expected to need for a candidate. What
    ///   is no duration (negative, not finite) counts as longer than any budget.
    /// * `threads` - that read at once; 0 counts as 1.
    pub fn new(candidate_ms: f64, threads: usize) -> Self {
        Self { candidate_ms, threads: threads.max(1) }
    }

    /// That of a pipeline on the threads that searches share, as it is now.
    pub(super) fn of(pipeline: &RerankPipeline) -> Self {
        let threads = SEARCH_POOL.as_ref().map_or(1, rayon::ThreadPool::current_num_threads);
        Self::new(pipeline.candidate_ms(), threads)
    }

    /// The same threads with candidates of so many milliseconds.
    pub(super) fn with_candidate_ms(self, candidate_ms: f64) -> Self {
        Self { candidate_ms, ..self }
    }

    /// Candidates that are expected to be read within so much time.
    pub fn fitting(self, limit: Duration) -> usize {
        // The cast saturates: no cost affords everything, and what is no number nothing.
        let rounds = (limit.as_secs_f64() * 1e3 / self.candidate_ms) as usize;
        let per_batch = BATCH.div_ceil(self.threads);
        // What is left over is less than a batch: fewer rounds than one has.
        let rest = rounds % per_batch * self.threads;
        (rounds / per_batch).saturating_mul(BATCH).saturating_add(rest)
    }

    /// The same for the first candidates: at least one while there is any time.
    ///
    /// Only reading corrects an estimate. A model that once seemed slower than a
    /// budget allows would never be read again; so it is shown one candidate, which
    /// costs a request at most that candidate's time.
    pub fn fitting_first(self, limit: Duration) -> usize {
        self.fitting(limit).max(usize::from(!limit.is_zero()))
    }

    /// Milliseconds a candidate, on the average of a whole batch.
    pub(super) fn each_ms(self) -> f64 {
        BATCH.div_ceil(self.threads) as f64 * self.candidate_ms / BATCH as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitting(candidate_ms: f64, threads: usize, limit_ms: u64) -> usize {
        RerankPace::new(candidate_ms, threads).fitting(Duration::from_millis(limit_ms))
    }

    #[test]
    fn a_batch_takes_as_many_rounds_as_its_busiest_thread_has_candidates() {
        assert_eq!(fitting(4.0, 1, 100), 25);
        assert_eq!(fitting(4.0, 2, 100), 50);
        // Three rounds a batch, the third of two: eight batches and one round.
        assert_eq!(fitting(4.0, 3, 100), 8 * 8 + 3);
        assert_eq!(fitting(4.0, 8, 100), 25 * 8);
        assert_eq!(fitting(4.0, 64, 100), 25 * 8, "a batch has no work for more threads");
        assert_eq!(RerankPace::new(4.0, 64).each_ms(), 0.5);
        assert_eq!(RerankPace::new(4.0, 0), RerankPace::new(4.0, 1));
    }

    #[test]
    fn what_is_no_duration_affords_one_candidate_and_no_time_affords_none() {
        let first = |candidate_ms, limit| RerankPace::new(candidate_ms, 2).fitting_first(limit);
        let second = Duration::from_secs(1);
        for candidate_ms in [f64::NAN, f64::INFINITY, -1.0, 1e6] {
            assert_eq!(fitting(candidate_ms, 2, 1000), 0, "{candidate_ms}");
            assert_eq!(first(candidate_ms, second), 1, "{candidate_ms}");
            assert_eq!(first(candidate_ms, Duration::ZERO), 0, "{candidate_ms}");
        }
        assert_eq!(first(0.0, second), usize::MAX);
        assert_eq!(first(0.0, Duration::ZERO), 0);
    }
}
