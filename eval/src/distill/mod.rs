//! Distillation: a static encoder that imitates a transformer.
//!
//! Every token of the teacher's vocabulary is read by the teacher alone, which
//! gives it a first row, weighted by how rare the token is (`weights`). With a
//! corpus, titles and sentences of it (`texts`) are read by the teacher too, and
//! the rows are moved so that their sums come close to what it said
//! (`regression`). Rows stay in the teacher's own space unless fewer components
//! are asked for (`pca`).
//!
//! The algorithm stands here, where models and the engine are both known; what
//! it makes is a matrix, and the caller decides where it is kept. Equal
//! arguments give equal bits, whatever the number of threads.

mod matrix;
mod pca;
mod regression;
mod texts;
mod weights;

use std::collections::HashMap;

use engine::{EncodeError, Encoder, TextRole, Vocabulary};
use ingest::source::DocumentSource;

use self::matrix::{Counts, Dense};
use self::regression::Fit;

/// Texts given to the teacher at once: enough to keep all cores busy, and few
/// enough for a bar to move.
const BATCH: usize = 256;

/// Every so many texts one is kept apart, to say how close the imitation came.
const HELD_OUT_EVERY: usize = 50;

/// What may be chosen about a distillation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DistillOptions {
    /// Most texts of the corpus that the teacher reads.
    pub max_texts: usize,
    /// Components of a vector; `None` for the teacher's.
    pub dim: Option<usize>,
}

impl DistillOptions {
    /// Most texts unless something else is asked for: a minute of the default
    /// model on two cores. See `docs/fast-profile.md` for what more would give.
    pub const DEFAULT_MAX_TEXTS: usize = 40_000;
}

/// How far a distillation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DistillStep {
    /// Documents of the corpus are read.
    Reading {
        /// So many so far.
        documents: usize,
    },
    /// The teacher reads tokens and texts.
    Teaching {
        /// Texts done.
        done: usize,
        /// Texts in all.
        total: usize,
    },
    /// Rows are fitted.
    Fitting {
        /// Steps done.
        done: usize,
        /// Steps in all.
        total: usize,
    },
}

/// The rows of a static encoder, and how they came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Distilled {
    /// `[tokens, dim]`, row-major, weights included.
    pub values: Vec<f32>,
    /// Components of a row.
    pub dim: usize,
    /// Documents of the corpus; 0 without one.
    pub n_documents: usize,
    /// Files of the corpus that could not be read.
    pub n_skipped: usize,
    /// Texts that the rows were fitted to; 0 without a corpus.
    pub n_texts: usize,
    /// Mean cosine between the imitation and the teacher on texts that were kept
    /// apart, in the teacher's space; `None` when there were none.
    pub fidelity: Option<f64>,
}

/// Why a distillation stopped.
#[derive(Debug, thiserror::Error)]
pub enum DistillError {
    /// The teacher failed, or its tokenizer did.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// More components than the teacher has, or none.
    #[error(
        "a static encoder of {given} components was asked for; {teacher} has {max}, so 1 to {max} can be had"
    )]
    Dim {
        /// What was asked for.
        given: usize,
        /// The teacher.
        teacher: String,
        /// Its components.
        max: usize,
    },
    /// A corpus without a single text to learn from.
    #[error(
        "the corpus gives nothing to learn from: {documents} documents without a sentence of 20 \
         bytes, {skipped} files that could not be read; `trovato ingest` says why, and without \
         --corpus weights are estimated"
    )]
    EmptyCorpus {
        /// Documents read.
        documents: usize,
        /// Files that could not be read.
        skipped: usize,
    },
}

/// Distils a static encoder.
///
/// # Arguments
/// * `teacher` - read as passages; what it puts before them is learned too.
/// * `vocabulary` - the teacher's own.
/// * `corpus` - texts like those that will be searched. Without one, rows keep
///   the teacher's view of single tokens, and a token's rank in the vocabulary
///   stands for its frequency: far worse, see `docs/fast-profile.md`.
/// * `report` - told how far the work is.
///
/// # Errors
/// [`DistillError`].
pub fn distill(
    teacher: &dyn Encoder,
    vocabulary: &Vocabulary,
    corpus: Option<&mut dyn DocumentSource>,
    options: DistillOptions,
    report: &dyn Fn(DistillStep),
) -> Result<Distilled, DistillError> {
    let dim = options.dim.unwrap_or(teacher.dim());
    if dim == 0 || dim > teacher.dim() {
        let (teacher, max) = (teacher.name().to_owned(), teacher.dim());
        return Err(DistillError::Dim { given: dim, teacher, max });
    }
    let sample = corpus.map(|source| {
        let mut tick = |documents| report(DistillStep::Reading { documents });
        texts::sample(source, options.max_texts, &mut tick)
    });
    if let Some(sample) = &sample
        && sample.texts.is_empty()
    {
        let (documents, skipped) = (sample.n_documents, sample.n_skipped);
        return Err(DistillError::EmptyCorpus { documents, skipped });
    }
    let sample = sample.unwrap_or_default();

    let tokens = TokenTexts::of(vocabulary);
    let total = tokens.texts.len() + sample.texts.len();
    let progress = |done| report(DistillStep::Teaching { done, total });
    let taught = teach(teacher, &tokens.texts, &|done| progress(done))?;
    let targets = teach(teacher, &sample.texts, &|done| progress(tokens.texts.len() + done))?;
    let ids =
        sample.texts.iter().map(|text| vocabulary.ids(text)).collect::<Result<Vec<_>, _>>()?;

    let n_tokens = vocabulary.n_tokens();
    let shares = if ids.is_empty() {
        weights::shares_by_rank(n_tokens)
    } else {
        weights::shares_of_counts(&Counts::of(&ids, n_tokens).column_sums())
    };
    let mut rows = Dense::zeros(n_tokens, teacher.dim());
    for (id, at) in tokens.of_id.iter().enumerate().filter_map(|(id, at)| Some((id, (*at)?))) {
        let weight = weights::weight(shares[id]);
        rows.row_mut(id).iter_mut().zip(taught.row(at)).for_each(|(x, y)| *x = weight * y);
    }

    let (learned, kept_apart) = split(ids, &targets);
    let fit = Fit::DEFAULT;
    if learned.len() > 0 {
        let (mut done, total) = (0, fit.rounds * fit.steps);
        let mut tick = || {
            done += 1;
            report(DistillStep::Fitting { done, total });
        };
        let counts = Counts::of(&learned.ids, n_tokens);
        rows = regression::fit(&counts, &learned.targets, rows, fit, &mut tick);
    }
    let fidelity = (kept_apart.len() > 0).then(|| {
        mean_cosine(&Counts::of(&kept_apart.ids, n_tokens).times(&rows), &kept_apart.targets)
    });
    if dim < teacher.dim() {
        let of_what = if learned.len() > 0 { &learned.targets } else { &taught };
        rows = pca::project(&rows, of_what, dim);
    }
    Ok(Distilled {
        values: rows.into_values(),
        dim,
        n_documents: sample.n_documents,
        n_skipped: sample.n_skipped,
        n_texts: learned.len(),
        fidelity,
    })
}

/// The texts of a vocabulary's tokens, each once.
struct TokenTexts {
    texts: Vec<String>,
    /// For each id the place of its text; `None` for special tokens.
    of_id: Vec<Option<usize>>,
}

impl TokenTexts {
    fn of(vocabulary: &Vocabulary) -> Self {
        let mut texts = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let of_id = (0..vocabulary.n_tokens() as u32)
            .map(|id| {
                vocabulary.text(id).map(|text| {
                    *places.entry(text).or_insert_with_key(|text| {
                        texts.push(text.clone());
                        texts.len() - 1
                    })
                })
            })
            .collect();
        Self { texts, of_id }
    }
}

/// What the teacher says about texts: `[texts, dim]`.
fn teach(
    teacher: &dyn Encoder,
    texts: &[String],
    progress: &dyn Fn(usize),
) -> Result<Dense, EncodeError> {
    let mut values = Vec::with_capacity(texts.len() * teacher.dim());
    for (at, batch) in texts.chunks(BATCH).enumerate() {
        let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
        values.extend_from_slice(teacher.encode(&batch, TextRole::Passage)?.values());
        progress(at * BATCH + batch.len());
    }
    Ok(Dense::new(values, teacher.dim()))
}

/// Texts as tokens, with the teacher's vectors.
struct Lessons {
    ids: Vec<Vec<u32>>,
    targets: Dense,
}

impl Lessons {
    fn len(&self) -> usize {
        self.ids.len()
    }
}

/// What is learned, and what is kept apart. The texts come in the order of their
/// hashes, so every so-manieth is a fair sample.
fn split(ids: Vec<Vec<u32>>, targets: &Dense) -> (Lessons, Lessons) {
    let mut sides = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for (at, ids) in ids.into_iter().enumerate() {
        let side = &mut sides[usize::from(at % HELD_OUT_EVERY == HELD_OUT_EVERY - 1)];
        side.0.push(ids);
        side.1.extend_from_slice(targets.row(at));
    }
    let [learned, kept_apart] =
        sides.map(|(ids, values)| Lessons { ids, targets: Dense::new(values, targets.dim()) });
    (learned, kept_apart)
}

fn mean_cosine(sums: &Dense, targets: &Dense) -> f64 {
    let cosine = |(at, sum): (usize, &[f32])| {
        let products = sum.iter().zip(targets.row(at));
        let dot: f64 = products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let norm = sum.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if norm > 0.0 { dot / norm } else { 0.0 }
    };
    sums.rows().enumerate().map(cosine).sum::<f64>() / sums.len() as f64
}

#[cfg(test)]
mod tests;
