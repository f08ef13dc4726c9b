//! Mutated inputs from seeds, the same ones for the same seed number: for tests that run
//! for as long as `TROVATO_FUZZ_SECONDS` says.
//!
//! Blind, not led by coverage: that needs a nightly compiler and the whole tree built
//! again; this runs with every test.

use std::time::{Duration, Instant};

/// Bytes and words that parsers stumble over.
const STUMBLES: &[&[u8]] = &[
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"\"",
    b"'",
    b"\\",
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b"<",
    b">",
    b"</",
    b"<!--",
    b"]]>",
    b"&#0;",
    b"&#x110000;",
    b"-",
    b"*",
    b"~",
    b"^",
    b":",
    b" and ",
    b" or ",
    b"not ",
    b"in",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"18446744073709551616",
    b"\xf0\x9f\xa6\x80",
    b"\xe2\x80\xae",
    b"%PDF-1.7",
    b" 0 R",
    b"endstream",
    b"PK\x03\x04",
    b"---\n",
];

/// Gives inputs until its time is over.
pub(crate) struct Mutator {
    state: u64,
    ends: Instant,
    /// Inputs given.
    pub(crate) n_given: u64,
}

impl Mutator {
    /// One for as long as `TROVATO_FUZZ_SECONDS` says, a second where it says nothing.
    pub(crate) fn start() -> Self {
        let seconds = std::env::var("TROVATO_FUZZ_SECONDS").ok();
        let seconds = seconds.map_or(1, |text| text.parse().expect("a whole number of seconds"));
        let ends = Instant::now() + Duration::from_secs(seconds);
        Self { state: 0x7b0, ends, n_given: 0 }
    }

    /// A mutation of one of `seeds`; `None` when the time is over.
    pub(crate) fn next(&mut self, seeds: &[Vec<u8>]) -> Option<Vec<u8>> {
        if Instant::now() >= self.ends {
            return None;
        }
        self.n_given += 1;
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(6) {
            self.change(&mut input, seeds);
        }
        Some(input)
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(1 + input.len() / 4)).min(input.len());
        match self.below(7) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..end)),
            2 if at < input.len() => input[at] ^= 1 << self.below(8),
            3 if at < input.len() => input[at] = self.below(256) as u8,
            4 => {
                let repeated = input[at..end].repeat(1 + self.below(20));
                input.splice(at..at, repeated);
            }
            5 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                input.splice(at..end, other[from..].iter().copied());
            }
            _ => {
                let stumble = STUMBLES[self.below(STUMBLES.len())];
                input.splice(at..at, stumble.iter().copied());
            }
        }
        input.truncate(1 << 16);
    }

    /// A number below `n`, by splitmix64.
    fn below(&mut self, n: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}
