//! End-to-end ingest against encoding alone: how much of the encoder's rate
//! reading, chunking, indexing and committing leave.
//!
//! The chunk texts that an ingest hands to the encoder are recorded; then the
//! whole ingest and the encoding of exactly those texts alternate, and the
//! ratio of each pair is taken, so that a machine that slows down slows both.
//! Left out: fetching the model, the operating system's cold file cache.
//!
//! `cargo bench -p benches --bench ingest [-- PAGES_STEP ROUNDS]`

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use benches::{Failure, Parts, median, pages};
use engine::{Embeddings, EncodeError, Encoder, TextRole};
use rayon::prelude::*;

/// Passes texts on and remembers the passages.
struct Recorder {
    inner: Arc<dyn Encoder>,
    batches: Mutex<Vec<Vec<String>>>,
}

impl Encoder for Recorder {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn fingerprint(&self) -> &str {
        self.inner.fingerprint()
    }

    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn max_tokens(&self) -> usize {
        self.inner.max_tokens()
    }

    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        let batch = texts.iter().map(|text| (*text).to_owned()).collect();
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
        self.inner.encode(texts, role)
    }
}

fn main() -> Result<(), Failure> {
    let mut numbers =
        std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (step, rounds) = (numbers.next().unwrap_or(8), numbers.next().unwrap_or(5));
    let parts = Parts::load()?;
    let files = pages(step)?;
    let recorder =
        Arc::new(Recorder { inner: Arc::clone(&parts.encoder), batches: Mutex::default() });
    let dir = tempfile::tempdir()?;
    let recording: Arc<dyn Encoder> = recorder.clone();
    let (_, report) = parts.index(dir.path(), &files, &recording)?;
    let batches =
        std::mem::take(&mut *recorder.batches.lock().unwrap_or_else(PoisonError::into_inner));
    let texts: Vec<&str> = batches.iter().flatten().map(String::as_str).collect();
    let tokens = report.tokens as f64;
    println!(
        "{} pages, {} chunks, {tokens} tokens, {}",
        files.len(),
        texts.len(),
        parts.encoder.name()
    );

    let (mut ratios, mut ingest_rates, mut encode_rates) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let dir = tempfile::tempdir()?;
        let started = Instant::now();
        parts.index(dir.path(), &files, &parts.encoder)?;
        let ingest_seconds = started.elapsed().as_secs_f64();

        let started = Instant::now();
        // As many callers as cores, each text by itself: the encoder at its best.
        texts
            .par_iter()
            .try_for_each(|text| parts.encoder.encode(&[text], TextRole::Passage).map(drop))?;
        let encode_seconds = started.elapsed().as_secs_f64();
        println!(
            "round {round}: ingest {ingest_seconds:.2} s, encoding alone {encode_seconds:.2} s, ratio {:.3}",
            encode_seconds / ingest_seconds
        );
        ratios.push(encode_seconds / ingest_seconds);
        ingest_rates.push(tokens / ingest_seconds);
        encode_rates.push(tokens / encode_seconds);
    }
    println!(
        "median of {rounds}: ingest {:.0} tokens/s, encoding alone {:.0} tokens/s, ratio {:.3}",
        median(&mut ingest_rates),
        median(&mut encode_rates),
        median(&mut ratios)
    );
    Ok(())
}
