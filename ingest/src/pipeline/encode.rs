//! The middle of the pipeline: batches to vectors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::{Receiver, Sender};
use engine::{Embeddings, EncodeError, TextRole};
use rayon::prelude::*;

use super::Run;
use super::batch::Batch;
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

/// Encodes the texts of a batch, longest first: at the end of a batch, when
/// cores fall idle one by one, the last texts are the shortest.
fn encode(run: &Run<'_>, batch: &Batch) -> Result<Rows, EncodeError> {
    let mut order: Vec<usize> = (0..batch.texts.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(batch.texts[at].n_tokens));
    let texts: Vec<&str> = order.iter().map(|&at| batch.texts[at].text.as_str()).collect();
    let rows = match run.encoder.encode(&texts, TextRole::Passage) {
        Ok(embeddings) => Rows { n_truncated: embeddings.n_truncated, vectors: split(&embeddings) },
        Err(error) if blames_a_text(&error) => one_by_one(run, &texts, error)?,
        Err(error) => return Err(error),
    };
    let mut vectors: Vec<_> = order.into_iter().zip(rows.vectors).collect();
    vectors.sort_by_key(|(at, _)| *at);
    let vectors = vectors.into_iter().map(|(_, vector)| vector).collect();
    Ok(Rows { vectors, n_truncated: rows.n_truncated })
}

/// When so many texts of a batch fail, and no other succeeds, the encoder is at
/// fault and not the texts.
const ENOUGH_FAILURES: usize = 8;

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
    )
}
