//! BM25 over several fields: its parameters, and the arithmetic that search,
//! rank and explanation share.
//!
//! A term's frequencies in the fields are weighted and divided by the fields'
//! lengths first, then saturated once (BM25F). Adding up a BM25 per field
//! instead lets a word that is in title and body count almost twice; here the
//! second occurrence is worth what a repetition is worth.

use super::schema::{N_TEXT_FIELDS, TextField};

/// Units of the sum of a score: 2^-40.
///
/// A term's contribution is rounded to a multiple of it and contributions are
/// added as integers, so the sum does not depend on the order of addition, which
/// differs between segments and between ways to skip documents. Floats would
/// make equal chunks unequal in the last digit, and ties a matter of luck.
const UNITS_PER_POINT: f64 = (1_u64 << 40) as f64;

/// How much one field counts and how strongly its length does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FieldWeight {
    /// Factor of the field's term frequency; 0 leaves the field out.
    pub weight: f64,
    /// Length normalisation in `[0, 1]`: 0 ignores the length, 1 divides by it.
    pub b: f64,
}

/// The fields' weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FieldWeights {
    /// The document's title, the same for all its chunks.
    pub title: FieldWeight,
    /// The headings above the chunk.
    pub headings: FieldWeight,
    /// The chunk's own text.
    pub body: FieldWeight,
    /// Exact spellings of code in title and chunk.
    pub identifiers: FieldWeight,
}

/// The parameters of BM25F.
///
/// The score of a chunk is the sum over the query's terms of
/// `idf * (k1 + 1) * s / (k1 + s)`, where
/// `s = Σ_fields weight * frequency / (1 - b + b * length / average length)` and
/// `idf = ln(1 + (N - n + 0.5) / (n + 0.5))`; `N` counts the live chunks, `n`
/// those that hold the term in the field where most do. Lengths are those of
/// tantivy's one-byte norms, exact up to 40 terms and within 7 % above.
///
/// # Source
/// Robertson, Zaragoza and Taylor, Simple BM25 extension to multiple weighted
/// fields, CIKM 2004; the idf is Lucene's, never negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bm25 {
    /// Saturation of repeated terms, at least 0.
    pub k1: f64,
    /// The fields' weights.
    pub fields: FieldWeights,
}

impl Default for Bm25 {
    /// Chosen on SciFact's train split and Cranfield.
    fn default() -> Self {
        Self {
            k1: 1.2,
            fields: FieldWeights {
                title: FieldWeight { weight: 0.5, b: 0.75 },
                headings: FieldWeight { weight: 0.5, b: 0.75 },
                body: FieldWeight { weight: 1.0, b: 0.75 },
                identifiers: FieldWeight { weight: 0.25, b: 0.0 },
            },
        }
    }
}

impl Bm25 {
    /// A field's weight. Spellings stand in for title, headings and body when a
    /// term is a prefix, with the body's weight.
    pub(super) fn field(&self, field: TextField) -> FieldWeight {
        match field {
            TextField::Title => self.fields.title,
            TextField::Headings => self.fields.headings,
            TextField::Body | TextField::Spellings => self.fields.body,
            TextField::Identifiers => self.fields.identifiers,
        }
    }

    /// What one occurrence in a field of `length` terms adds to `s`.
    pub(super) fn per_occurrence(&self, field: TextField, length: u32, average: f64) -> f64 {
        let FieldWeight { weight, b } = self.field(field);
        weight / length_norm(b, length, average)
    }

    /// A term's contribution in score units.
    ///
    /// # Arguments
    /// * `boost` - `idf * (k1 + 1)` times how often the query says the term.
    /// * `s` - the weighted, normalised frequency.
    #[inline]
    pub(super) fn contribution(&self, boost: f64, s: f64) -> u64 {
        (boost * s / (self.k1 + s) * UNITS_PER_POINT).round() as u64
    }

    /// The most a term of this boost can contribute.
    pub(super) fn bound(boost: f64) -> u64 {
        (boost * UNITS_PER_POINT).ceil() as u64
    }
}

/// `1 - b + b * length / average`; 1 where the field is empty everywhere.
pub(super) fn length_norm(b: f64, length: u32, average: f64) -> f64 {
    if average > 0.0 { 1.0 - b + b * f64::from(length) / average } else { 1.0 }
}

/// Lucene's inverse document frequency, above 0 for `n <= n_chunks`.
pub(super) fn idf(n_chunks: u64, n: u64) -> f64 {
    let without = n_chunks.saturating_sub(n) as f64;
    ((without + 0.5) / (n as f64 + 0.5)).ln_1p()
}

/// A sum of contributions as the score that is shown.
pub(super) fn points(units: u64) -> f64 {
    units as f64 / UNITS_PER_POINT
}

/// The live chunks' number and average field lengths: one estimate for every
/// segmentation, since it decodes the norm of each live chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct CollectionStatistics {
    /// Number of live chunks.
    pub(super) n_chunks: u64,
    /// Mean length in terms over the live chunks in which the field is not
    /// empty; 0 where it always is.
    pub(super) average_length: [f64; N_TEXT_FIELDS],
}
