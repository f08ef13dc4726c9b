//! Encoding a text, one thread: our own 8-bit forward pass, ONNX Runtime's
//! tuned 8-bit graph and its fp32 graph, at three lengths and at mixed ones.
//!
//! The encoders take turns, and each round's times are set against each other,
//! so that a machine that slows down slows all. Tokenising and pooling are
//! inside, loading is not. Printed are medians, and of each ratio to the first
//! encoder the median over the rounds with its 95 % interval (order
//! statistics). Then: the token rate of texts of mixed lengths as a share of
//! that of texts of one length, the same number of tokens in all; and the rate
//! of the matrix products as a share of what the processor does on registers.
//! What the vectors are worth is `tests/encoder_golden.rs`' business and
//! `trovato eval collection`'s.
//!
//! `cargo bench -p benches --bench encode [-- ROUNDS]`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use benches::Failure;
use engine::{Encoder, NativeEncoder, TextRole};
use eval::{encoder_spec, load_encoder};

/// The one the others are compared with comes first.
const ENCODERS: [&str; 3] =
    ["all-MiniLM-L6-v2@int8", "all-MiniLM-L6-v2@int8-onnx", "all-MiniLM-L6-v2@fp32"];

/// Words that are one token each.
const WORDS: [&str; 12] = [
    "the", "cell", "wall", "of", "plants", "holds", "water", "and", "light", "from", "their", "sun",
];

/// A text of `tokens` tokens, the two special ones included.
fn text(tokens: usize) -> String {
    WORDS.iter().copied().cycle().take(tokens - 2).collect::<Vec<_>>().join(" ")
}

fn main() -> Result<(), Failure> {
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(31);
    let encoders: Vec<Arc<dyn Encoder>> = ENCODERS
        .iter()
        .map(|name| load_encoder(name, &models::Silent).map(|loaded| loaded.encoder))
        .collect::<Result<_, _>>()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;

    for tokens in [16, 64, 256] {
        // Short texts are repeated, so that the clock's resolution is nothing.
        let texts = vec![text(tokens); 256 / tokens];
        let cases: Vec<Case<'_>> =
            encoders.iter().map(|encoder| (encoder.as_ref(), texts.as_slice())).collect();
        let times = take_turns(&cases, rounds, &pool)?;
        for (name, found) in ENCODERS.iter().zip(&times) {
            let milliseconds = 1e3 * median(found) / texts.len() as f64;
            println!(
                "{tokens:>3} tokens  {name:<28} {milliseconds:>7.3} ms  {}",
                ratio(found, &times[0])
            );
        }
    }

    let lengths: Vec<usize> = (0..64).map(|at| 16 + at * 37 % 241).collect();
    let mixed: Vec<String> = lengths.iter().map(|&tokens| text(tokens)).collect();
    let tokens: usize = lengths.iter().sum();
    let equal = vec![text(tokens / lengths.len()); lengths.len()];
    let cases: Vec<Case<'_>> = vec![(encoders[0].as_ref(), &mixed), (encoders[0].as_ref(), &equal)];
    let times = take_turns(&cases, rounds.div_ceil(4), &pool)?;
    let rate = tokens as f64 / median(&times[0]);
    // Time of equal over time of mixed is rate of mixed over rate of equal.
    let share = ratio(&times[1], &times[0]);
    println!(
        "{} mixed texts, {tokens} tokens: {rate:.0} tokens/s, of equal lengths' {share}",
        mixed.len()
    );

    let native =
        NativeEncoder::load(&encoder_spec(models::resolve(ENCODERS[0], &models::Silent)?))?;
    for rows in [16, 64] {
        let rates = native.measure_products(rows, rounds);
        println!(
            "{} of {} rows: {:.0} % of {:.0} G multiplications/s",
            native.instruction_set(),
            rows,
            100.0 * rates.share(),
            rates.peak / 1e9
        );
    }
    Ok(())
}

/// An encoder and what it is given.
type Case<'a> = (&'a dyn Encoder, &'a [String]);

/// Seconds of each case in each round, after a round that does not count.
fn take_turns(
    cases: &[Case<'_>],
    rounds: usize,
    pool: &rayon::ThreadPool,
) -> Result<Vec<Vec<f64>>, Failure> {
    let mut times = vec![Vec::with_capacity(rounds); cases.len()];
    for round in 0..=rounds {
        for ((encoder, texts), times) in cases.iter().zip(&mut times) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let started = Instant::now();
            black_box(pool.install(|| encoder.encode(&texts, TextRole::Passage))?);
            if round > 0 {
                times.push(started.elapsed().as_secs_f64());
            }
        }
    }
    Ok(times)
}

fn median(times: &[f64]) -> f64 {
    benches::median(&mut times.to_vec())
}

/// The median of the rounds' ratios with its 95 % interval.
fn ratio(times: &[f64], base: &[f64]) -> String {
    let mut ratios: Vec<f64> = times.iter().zip(base).map(|(time, base)| time / base).collect();
    ratios.sort_by(f64::total_cmp);
    let n = ratios.len() as f64;
    // The binomial's normal approximation, rounded outwards.
    let low = (n / 2.0 - 0.98 * n.sqrt()).floor().max(0.0) as usize;
    let high = ratios.len() - 1 - low;
    format!("{:.2} [{:.2}, {:.2}]", ratios[ratios.len() / 2], ratios[low], ratios[high])
}
