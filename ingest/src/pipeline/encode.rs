//! The middle of the pipeline: batches to vectors.

use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use engine::{Embeddings, EncodeError, Span, TextRole};
use rayon::prelude::*;

use super::Run;
use super::batch::{Batch, Reading};
use crate::report::chain;

/// A batch with its vectors.
pub(super) struct Encoded {
    pub(super) batch: Batch,
    /// In the order of the batch's texts, or the panic that an encoder met: it
    /// is handed on to whoever waits for the batch, who would wait for ever.
    pub(super) rows: std::thread::Result<Result<Rows, EncodeError>>,
}

pub(super) struct Rows {
    /// A vector, or why this text has none.
    pub(super) vectors: Vec<Result<Box<[f32]>, String>>,
    pub(super) n_truncated: usize,
}

/// Encodes batches until there are no more or nobody takes them.
pub(super) fn run(run: &Run<'_>, work: &Receiver<Batch>, done: &Sender<Encoded>) {
    for batch in work {
        let work = || run.encoding.install(|| encode(run, &batch));
        let rows = run.clocks.encode.time(|| catch_unwind(AssertUnwindSafe(work)));
        if done.send(Encoded { batch, rows }).is_err() {
            return;
        }
    }
}

/// Texts that the encoder reads one way, by their places in the batch.
#[derive(Default)]
struct Work<'b> {
    alone: Vec<(usize, &'b str)>,
    within: Vec<Stretch<'b>>,
}

/// A stretch with the texts in it.
struct Stretch<'b> {
    text: &'b Arc<str>,
    places: Vec<usize>,
    spans: Vec<Span>,
}

impl<'b> Work<'b> {
    /// Divides a batch's texts; those read alone longest first: at the end of a
    /// batch, when cores fall idle one by one, the last texts are the shortest.
    fn of(batch: &'b Batch) -> Self {
        let mut work = Self::default();
        for (place, text) in batch.texts.iter().enumerate() {
            match &text.reading {
                Reading::Alone(text) => work.alone.push((place, text)),
                Reading::Within { stretch, span } => {
                    let last = work.within.pop_if(|last| Arc::ptr_eq(last.text, stretch));
                    let empty = || Stretch { text: stretch, places: Vec::new(), spans: Vec::new() };
                    let mut last = last.unwrap_or_else(empty);
                    last.places.push(place);
                    last.spans.push(*span);
                    work.within.push(last);
                }
            }
        }
        work.alone.sort_by_key(|(place, _)| Reverse(batch.texts[*place].n_tokens));
        work
    }
}

/// Encodes the texts of a batch.
pub(super) fn encode(run: &Run<'_>, batch: &Batch) -> Result<Rows, EncodeError> {
    let Work { alone, within } = Work::of(batch);
    let mut places: Vec<usize> = alone.iter().map(|(place, _)| *place).collect();
    let texts: Vec<&str> = alone.iter().map(|(_, text)| *text).collect();
    let mut rows = encode_alone(run, &texts)?;
    for (stretch, of_stretch) in within.iter().zip(encode_within(run, &within)?) {
        places.extend(&stretch.places);
        rows.vectors.extend(of_stretch.vectors);
        rows.n_truncated += of_stretch.n_truncated;
    }
    let mut vectors: Vec<_> = places.into_iter().zip(rows.vectors).collect();
    vectors.sort_by_key(|(place, _)| *place);
    let vectors = vectors.into_iter().map(|(_, vector)| vector).collect();
    Ok(Rows { vectors, n_truncated: rows.n_truncated })
}

/// When so many runs of a batch fail, and no other succeeds, the encoder is at
/// fault and not the texts.
const ENOUGH_FAILURES: usize = 8;

fn encode_alone(run: &Run<'_>, texts: &[&str]) -> Result<Rows, EncodeError> {
    match run.encoder.encode(texts, TextRole::Passage) {
        Ok(embeddings) => {
            let n_truncated = embeddings.n_truncated;
            Ok(Rows { n_truncated, vectors: split(&embeddings) })
        }
        Err(error) if blames_a_text(&error) => one_by_one(run, texts, error),
        Err(error) => Err(error),
    }
}

/// Finds the texts that failed.
fn one_by_one(run: &Run<'_>, texts: &[&str], first: EncodeError) -> Result<Rows, EncodeError> {
    let results: Vec<Result<Embeddings, EncodeError>> = texts
        .par_iter()
        .map(|text| run.encoder.encode(std::slice::from_ref(text), TextRole::Passage))
        .collect();
    if results.len() >= ENOUGH_FAILURES && results.iter().all(Result::is_err) {
        return Err(first);
    }
    let n_truncated = results.iter().flatten().map(|embeddings| embeddings.n_truncated).sum();
    let vectors = results
        .into_iter()
        .map(|result| match result {
            Ok(embeddings) => split(&embeddings)
                .pop()
                .unwrap_or_else(|| Err("the encoder gave no vector".to_owned())),
            Err(error) => Err(chain(&error)),
        })
        .collect();
    Ok(Rows { vectors, n_truncated })
}

/// Encodes texts within their stretches, each of which is one run. Where a run
/// fails, all its texts do; they are of one document.
fn encode_within(run: &Run<'_>, stretches: &[Stretch<'_>]) -> Result<Vec<Rows>, EncodeError> {
    let mut results: Vec<Result<Embeddings, EncodeError>> = stretches
        .par_iter()
        .with_max_len(1)
        .map(|stretch| run.encoder.encode_spans(stretch.text, &stretch.spans))
        .collect();
    let all_failed = results.len() >= ENOUGH_FAILURES && results.iter().all(Result::is_err);
    let hopeless = |result: &Result<_, EncodeError>| {
        result.as_ref().is_err_and(|error| all_failed || !blames_a_text(error))
    };
    if let Some(at) = results.iter().position(hopeless) {
        results.swap_remove(at)?;
    }
    let rows = stretches.iter().zip(results).map(|(stretch, result)| match result {
        Ok(embeddings) => Rows { n_truncated: embeddings.n_truncated, vectors: split(&embeddings) },
        Err(error) => {
            let reason = chain(&error);
            let vectors = stretch.spans.iter().map(|_| Err(reason.clone())).collect();
            Rows { vectors, n_truncated: 0 }
        }
    });
    Ok(rows.collect())
}

fn split(embeddings: &Embeddings) -> Vec<Result<Box<[f32]>, String>> {
    embeddings.values().chunks_exact(embeddings.dim()).map(|row| Ok(Box::from(row))).collect()
}

/// Whether an error is about one text, so that others may do better.
fn blames_a_text(error: &EncodeError) -> bool {
    matches!(
        error,
        EncodeError::Tokenize { .. }
            | EncodeError::Run { .. }
            | EncodeError::NonFinite { .. }
            | EncodeError::NotUnit { .. }
            | EncodeError::EmptySpan { .. }
    )
}
