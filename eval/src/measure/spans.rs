//! Span measures: how much of the text that answers a question was retrieved,
//! and how much else came with it.
//!
//! They compare bytes, not chunks, so they judge every way of cutting a text on
//! the same ground truth, and reward a chunk for holding the answer and little
//! more. Positions are UTF-8 bytes; lengths are counted in characters (Unicode
//! scalar values), as in the benchmark the measures come from, so that a
//! passage in Greek does not weigh twice one in English.
//!
//! With *covered* the reference characters inside at least one retrieved chunk:
//!
//! | measure | formula |
//! |---|---|
//! | `SpanRecall` | covered / reference characters |
//! | `SpanPrecision` | covered / retrieved characters, a character again for every chunk that holds it |
//! | `SpanIoU` | covered / (the same + reference characters not covered) |
//! | `SpanPrecisionOmega` | as `SpanIoU` over all chunks that touch a reference, each character once |
//!
//! Precision omega is what a perfect retriever could reach with these chunks:
//! it judges the chunker alone.
//!
//! # Source
//! Smith and Troynikov, "Evaluating Chunking Strategies for Retrieval", Chroma
//! technical report, 2024, and its code. Differs: there a chunk that only
//! borders on a reference touches it, and overlapping references count twice.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use corpora::union_spans;
use engine::{DocumentId, Span};

/// What a [`SpanMeasure`] looks at; the formulas are in the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanMetric {
    /// How much of the references was retrieved.
    Recall,
    /// How much of what was retrieved is reference.
    Precision,
    /// Both at once: intersection over union.
    Iou,
    /// The best precision the chunks allow.
    PrecisionOmega,
}

impl SpanMetric {
    const ALL: [Self; 4] = [Self::Recall, Self::Precision, Self::Iou, Self::PrecisionOmega];

    fn name(self) -> &'static str {
        match self {
            Self::Recall => "SpanRecall",
            Self::Precision => "SpanPrecision",
            Self::Iou => "SpanIoU",
            Self::PrecisionOmega => "SpanPrecisionOmega",
        }
    }

    /// Its value for one question, in `[0, 1]`; 0 where the formula divides by 0.
    ///
    /// # Arguments
    /// * `coverage` - of the retrieved chunks; for [`SpanMetric::PrecisionOmega`]
    ///   of all chunks that touch a reference.
    pub fn of(self, coverage: &SpanCoverage) -> f64 {
        let SpanCoverage { covered, reference, retrieved, distinct } = *coverage;
        let missed = reference - covered;
        let whole = match self {
            Self::Recall => reference,
            Self::Precision => retrieved,
            Self::Iou => retrieved + missed,
            Self::PrecisionOmega => distinct + missed,
        };
        if whole == 0 { 0.0 } else { covered as f64 / whole as f64 }
    }
}

/// How far down a ranking a span measure looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanCut {
    /// The first so many chunks.
    Chunks(NonZeroUsize),
    /// Chunks in rank order until so many tokens are spent; the last is cut to
    /// the tokens that are left. Chunkers of different sizes then spend the
    /// same, which a number of chunks does not grant.
    Tokens(NonZeroUsize),
}

/// A span measure: a metric, and how far down it looks.
///
/// Written `METRIC@CHUNKS` or `METRIC@TOKENStok`: `SpanRecall@5`,
/// `SpanIoU@1000tok`. `SpanPrecisionOmega` looks at no ranking and has no cut.
///
/// # Examples
/// ```
/// use eval::SpanMeasure;
///
/// let measure: SpanMeasure = "spanrecall@1000tok".parse()?;
/// assert_eq!(measure.to_string(), "SpanRecall@1000tok");
/// # Ok::<(), eval::SpanMeasureError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanMeasure {
    metric: SpanMetric,
    cut: Option<SpanCut>,
}

impl SpanMeasure {
    /// Precision omega, the one measure without a cut.
    pub const OMEGA: Self = Self { metric: SpanMetric::PrecisionOmega, cut: None };

    /// The measures of a ranking, at one cut: recall, precision, IoU.
    pub fn of_ranking(cut: SpanCut) -> [Self; 3] {
        [SpanMetric::Recall, SpanMetric::Precision, SpanMetric::Iou]
            .map(|metric| Self { metric, cut: Some(cut) })
    }

    /// What it looks at.
    pub fn metric(&self) -> SpanMetric {
        self.metric
    }

    /// How far down; `None` for precision omega.
    pub fn cut(&self) -> Option<SpanCut> {
        self.cut
    }
}

impl fmt::Display for SpanMeasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric.name())?;
        match self.cut {
            None => Ok(()),
            Some(SpanCut::Chunks(chunks)) => write!(f, "@{chunks}"),
            Some(SpanCut::Tokens(tokens)) => write!(f, "@{tokens}tok"),
        }
    }
}

impl FromStr for SpanMeasure {
    type Err = SpanMeasureError;

    fn from_str(text: &str) -> Result<Self, SpanMeasureError> {
        let (name, cut) = match text.split_once('@') {
            Some((name, cut)) => (name, Some(cut)),
            None => (text, None),
        };
        let metric = SpanMetric::ALL
            .into_iter()
            .find(|metric| metric.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| SpanMeasureError::Unknown { name: name.to_owned() })?;
        if cut.is_some() == (metric == SpanMetric::PrecisionOmega) {
            return Err(SpanMeasureError::Cut { measure: text.to_owned() });
        }
        let cut = cut
            .map(|cut| match cut.strip_suffix("tok") {
                Some(tokens) => tokens.parse().map(SpanCut::Tokens),
                None => cut.parse().map(SpanCut::Chunks),
            })
            .transpose()
            .map_err(|_| SpanMeasureError::Cut { measure: text.to_owned() })?;
        Ok(Self { metric, cut })
    }
}

/// A text that names no span measure.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanMeasureError {
    /// No such metric.
    #[error(
        "there is no span measure {name:?}; known are SpanRecall, SpanPrecision, SpanIoU and SpanPrecisionOmega"
    )]
    Unknown {
        /// What stands before `@`.
        name: String,
    },
    /// The cut is missing, malformed, or stands where none belongs.
    #[error(
        "{measure:?}: a cut is a number of chunks (@5) or of tokens (@1000tok), at least 1; all span measures but \
         SpanPrecisionOmega have one"
    )]
    Cut {
        /// As written.
        measure: String,
    },
}

/// What retrieved chunks cover of a question's references, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanCoverage {
    /// Reference characters inside at least one chunk.
    pub covered: usize,
    /// Reference characters, each once.
    pub reference: usize,
    /// Characters of all chunks, again for every chunk that holds them.
    pub retrieved: usize,
    /// Characters of all chunks, each once.
    pub distinct: usize,
}

impl SpanCoverage {
    /// Compares chunks with references.
    ///
    /// # Arguments
    /// * `chunks`, `references` - byte spans into canonical texts; order does
    ///   not matter.
    /// * `n_chars` - the number of characters in a span of a document's text.
    pub fn new<'d>(
        chunks: impl IntoIterator<Item = (&'d DocumentId, Span)>,
        references: impl IntoIterator<Item = (&'d DocumentId, Span)>,
        n_chars: impl Fn(&DocumentId, Span) -> usize,
    ) -> Self {
        let mut documents: BTreeMap<&DocumentId, [Vec<Span>; 2]> = BTreeMap::new();
        let mut coverage = Self::default();
        for (document, span) in chunks {
            coverage.retrieved += n_chars(document, span);
            documents.entry(document).or_default()[0].push(span);
        }
        for (document, span) in references {
            documents.entry(document).or_default()[1].push(span);
        }
        for (document, spans) in documents {
            let [chunks, references] = spans.map(union_spans);
            let count = |spans: &[Span]| -> usize {
                spans.iter().map(|span| n_chars(document, *span)).sum()
            };
            coverage.distinct += count(&chunks);
            coverage.reference += count(&references);
            coverage.covered += count(&intersection(&chunks, &references));
        }
        coverage
    }
}

/// The bytes in both of two lists of disjoint spans in order.
fn intersection(a: &[Span], b: &[Span]) -> Vec<Span> {
    let (mut at, mut other) = (0, 0);
    let mut common = Vec::new();
    while let (Some(left), Some(right)) = (a.get(at), b.get(other)) {
        if left.overlaps(*right) {
            common.push(Span { start: left.start.max(right.start), end: left.end.min(right.end) });
        }
        if left.end <= right.end { at += 1 } else { other += 1 }
    }
    common
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(name: &str) -> DocumentId {
        DocumentId::new(name).unwrap()
    }

    fn bytes(_: &DocumentId, span: Span) -> usize {
        span.len()
    }

    /// SpanCoverage within one document whose characters are bytes.
    fn coverage(chunks: &[(usize, usize)], references: &[(usize, usize)]) -> SpanCoverage {
        let document = id("d");
        let spans = |pairs: &[(usize, usize)]| -> Vec<_> {
            pairs.iter().map(|&(start, end)| (&document, Span::new(start, end))).collect()
        };
        SpanCoverage::new(spans(chunks), spans(references), bytes)
    }

    fn values(coverage: &SpanCoverage) -> [f64; 4] {
        SpanMetric::ALL.map(|metric| metric.of(coverage))
    }

    #[test]
    fn by_hand() {
        // References [10, 20) and [30, 50): 30 characters. The chunks hold
        // [15, 20) and [30, 40) of them, 15, in 25 + 5 + 15 characters of which
        // [30, 35) are retrieved twice.
        let found = coverage(&[(15, 40), (30, 35), (90, 105)], &[(30, 50), (10, 20)]);
        assert_eq!(found, SpanCoverage { covered: 15, reference: 30, retrieved: 45, distinct: 40 });
        assert_eq!(values(&found), [0.5, 15.0 / 45.0, 15.0 / 60.0, 15.0 / 55.0]);
        // A chunk that is the reference.
        assert_eq!(values(&coverage(&[(10, 20)], &[(10, 20)])), [1.0; 4]);
        // Neighbours share nothing, and nothing retrieved is nothing found.
        assert_eq!(values(&coverage(&[(20, 30)], &[(10, 20)])), [0.0; 4]);
        assert_eq!(values(&coverage(&[], &[(10, 20)])), [0.0; 4]);
        // Overlapping references count once.
        assert_eq!(coverage(&[(0, 9)], &[(0, 6), (3, 9)]).reference, 9);
    }

    #[test]
    fn characters_are_counted_and_documents_kept_apart() {
        let text = "αβγ plain"; // the first three take two bytes each
        let (a, b) = (id("a"), id("b"));
        let chars = |_: &DocumentId, span: Span| span.slice(text).unwrap().chars().count();
        let found = SpanCoverage::new(
            [(&a, Span::new(0, 7)), (&b, Span::new(0, 12))],
            [(&a, Span::new(2, 6))],
            chars,
        );
        assert_eq!(found, SpanCoverage { covered: 2, reference: 2, retrieved: 13, distinct: 13 });
    }

    #[test]
    fn measures_are_read_as_they_print() {
        for name in ["SpanRecall@5", "SpanPrecision@1", "SpanIoU@1000tok", "SpanPrecisionOmega"] {
            assert_eq!(name.parse::<SpanMeasure>().unwrap().to_string(), name);
        }
        let message = |text: &str| text.parse::<SpanMeasure>().unwrap_err().to_string();
        assert!(message("Recall@5").contains("\"Recall\""));
        for text in
            ["SpanRecall", "SpanRecall@0", "SpanIoU@5 tok", "SpanIoU@tok", "SpanPrecisionOmega@5"]
        {
            assert!(message(text).contains("@1000tok"), "{text}");
        }
    }

    fn any_spans() -> impl Strategy<Value = Vec<(usize, usize)>> {
        prop::collection::vec((0..200_usize, 1..40_usize), 1..8)
            .prop_map(|spans| spans.iter().map(|&(start, len)| (start, start + len)).collect())
    }

    proptest! {
        /// The sweep over sorted spans counts what a bitmap does.
        #[test]
        fn counts_are_those_of_a_bitmap(chunks in any_spans(), references in any_spans()) {
            let marked = |spans: &[(usize, usize)]| -> Vec<bool> {
                (0..240).map(|at| spans.iter().any(|&(start, end)| (start..end).contains(&at))).collect()
            };
            let count = |marks: &[bool]| marks.iter().filter(|mark| **mark).count();
            let (held, wanted) = (marked(&chunks), marked(&references));
            let both: Vec<bool> = held.iter().zip(&wanted).map(|(a, b)| *a && *b).collect();
            prop_assert_eq!(coverage(&chunks, &references), SpanCoverage {
                covered: count(&both),
                reference: count(&wanted),
                retrieved: chunks.iter().map(|(start, end)| end - start).sum(),
                distinct: count(&held),
            });
        }

        #[test]
        fn measures_stay_in_bounds_and_recall_never_falls(chunks in any_spans(), references in any_spans()) {
            let mut last = 0.0;
            for depth in 1..=chunks.len() {
                let found = coverage(&chunks[..depth], &references);
                let [recall, precision, iou, omega] = values(&found);
                prop_assert!([recall, precision, iou, omega].iter().all(|value| (0.0..=1.0).contains(value)));
                prop_assert!(iou <= recall.min(precision) && omega >= iou);
                prop_assert!(recall >= last);
                last = recall;
            }
        }
    }
}
