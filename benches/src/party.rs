//! Ours as a party of a comparison: JSON lines in, JSON lines out.
//!
//! `benches/peers/run.py` starts one process a party and sends each the same
//! commands in turn, so that rounds of all of them lie side by side in one run.
//! Every party times its own calls, around the call alone: neither the pipe nor
//! the parsing of commands is in a figure.

use std::io::{BufRead, Write};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Failure;

/// Answers each line of standard input with a line on standard output, until
/// the input ends. A command that fails is answered with `{"error": "..."}`.
///
/// # Errors
/// When standard input or output breaks.
pub fn serve<C: DeserializeOwned>(
    mut answer: impl FnMut(C) -> Result<Value, Failure>,
) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answered = serde_json::from_str(&line)
            .map_err(|error| format!("{error} in {line}").into())
            .and_then(&mut answer);
        let value =
            answered.unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }));
        writeln!(out, "{value}")?;
        out.flush()?;
    }
    Ok(())
}

/// One pass over the queries.
#[derive(Debug, Default, Serialize)]
pub struct Round {
    /// Wall time of the pass.
    pub seconds: f64,
    /// Wall time of each query, in microseconds; in the order of the queries.
    /// Empty where several threads shared them.
    pub micros: Vec<f64>,
    /// What each query found, best first.
    pub found: Vec<Vec<u32>>,
}

impl Round {
    /// Runs `search` on each of `n` queries, timing every call.
    ///
    /// # Errors
    /// The first failure.
    pub fn one_by_one(
        n: usize,
        mut search: impl FnMut(usize) -> Result<Vec<u32>, Failure>,
    ) -> Result<Self, Failure> {
        let mut round = Self { micros: Vec::with_capacity(n), ..Self::default() };
        let started = Instant::now();
        for query in 0..n {
            let called = Instant::now();
            let found = search(query)?;
            round.micros.push(called.elapsed().as_secs_f64() * 1e6);
            round.found.push(found);
        }
        round.seconds = started.elapsed().as_secs_f64();
        Ok(round)
    }

    /// Runs `search` on each of `n` queries from `threads` threads, each with a
    /// share of its own.
    ///
    /// # Errors
    /// The first failure of a share.
    pub fn in_threads(
        n: usize,
        threads: usize,
        search: impl Fn(usize) -> Result<Vec<u32>, Failure> + Sync,
    ) -> Result<Self, Failure> {
        let share = n.div_ceil(threads.max(1)).max(1);
        let started = Instant::now();
        let shares = std::thread::scope(|scope| {
            let search = &search;
            let handles: Vec<_> = (0..n)
                .step_by(share)
                .map(|first| {
                    let queries = first..n.min(first + share);
                    scope.spawn(move || queries.map(search).collect::<Result<Vec<_>, _>>())
                })
                .collect();
            handles
                .into_iter()
                .map(|handle| handle.join().map_err(|_| Failure::from("a thread panicked"))?)
                .collect::<Result<Vec<_>, Failure>>()
        });
        let seconds = started.elapsed().as_secs_f64();
        let found = shares?.into_iter().flatten().collect();
        Ok(Self { seconds, micros: Vec::new(), found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_find_in_order_what_one_finds() {
        let search = |query: usize| Ok(vec![query as u32, 7]);
        let one = Round::one_by_one(11, search).unwrap();
        assert_eq!((one.micros.len(), one.found.len()), (11, 11));
        for threads in [1, 2, 3, 20] {
            assert_eq!(Round::in_threads(11, threads, search).unwrap().found, one.found);
        }
        let failing = |query: usize| if query == 5 { Err("five".into()) } else { search(query) };
        assert!(Round::one_by_one(11, failing).is_err());
        assert!(Round::in_threads(11, 2, failing).is_err());
        assert!(Round::in_threads(0, 2, search).unwrap().found.is_empty());
    }
}
