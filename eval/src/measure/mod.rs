//! Measures as values: `nDCG@10` is parsed once, printed back, and computed.
//!
//! The semantics are trec_eval's, and so those of ir_measures and pytrec_eval,
//! which call it. The graded measure is in `gain`, the binary ones are in
//! `binary`. Measures over text instead of documents are in `spans`.

mod binary;
mod gain;
mod spans;

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use corpora::Judgments;
use engine::DocumentId;

pub use spans::{SpanCoverage, SpanCut, SpanMeasure, SpanMeasureError, SpanMetric};

/// What a [`Measure`] looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Discounted cumulative gain over that of the best possible ranking, with
    /// linear gain and a discount of `log2(rank + 1)`. Jarvelin and Kekalainen,
    /// TOIS 2002; differs: they do not discount the first `b` ranks.
    Ndcg,
    /// Relevant documents found over relevant documents there are. Not
    /// [`Metric::Success`], which some papers call recall.
    Recall,
    /// Relevant documents found over the cutoff, even when fewer were returned.
    Precision,
    /// 1 if any relevant document was found, else 0.
    Success,
    /// 1 over the rank of the first relevant document, 0 if there is none.
    /// Its mean is known as MRR.
    ReciprocalRank,
    /// Precision at each relevant document found, summed, over the number of
    /// relevant documents there are. Its mean is known as MAP.
    AveragePrecision,
    /// Documents with a judgment, whatever it is, over documents looked at: how
    /// much of a ranking the judges saw. Other measures take the rest as not
    /// relevant, so below about .95 they judge the judgments. As in ir_measures,
    /// a ranking shorter than the cutoff is divided by its length.
    Judged,
}

impl Metric {
    const ALL: [Self; 7] = [
        Self::Ndcg,
        Self::Recall,
        Self::Precision,
        Self::Success,
        Self::ReciprocalRank,
        Self::AveragePrecision,
        Self::Judged,
    ];

    /// Its name, then the other names that [`Measure`] reads; case does not
    /// matter.
    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Ndcg => ["nDCG", "nDCG"],
            Self::Recall => ["R", "Recall"],
            Self::Precision => ["P", "Precision"],
            Self::Success => ["Success", "Hit"],
            Self::ReciprocalRank => ["RR", "MRR"],
            Self::AveragePrecision => ["AP", "MAP"],
            Self::Judged => ["Judged", "Judged"],
        }
    }

    fn named(name: &str) -> Option<Self> {
        let is_named =
            |metric: &Self| metric.names().iter().any(|known| known.eq_ignore_ascii_case(name));
        Self::ALL.into_iter().find(is_named)
    }

    /// Whether a lowest relevant grade changes the value.
    fn depends_on_relevance(self) -> bool {
        !matches!(self, Self::Ndcg | Self::Judged)
    }

    /// Whether the measure means anything over the whole ranking. Recall of a
    /// whole ranking says how long the ranking is, so it needs a cutoff.
    fn works_without_cutoff(self) -> bool {
        matches!(self, Self::Ndcg | Self::ReciprocalRank | Self::AveragePrecision)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [name, _] = self.names();
        f.write_str(name)
    }
}

/// A measure: a metric, how deep it looks, and what counts as relevant.
///
/// Written as `METRIC[(rel=GRADE)][@CUTOFF]`, the notation of ir_measures:
/// `nDCG@10`, `AP`, `P(rel=2)@5`.
///
/// # Examples
/// ```
/// use eval::Measure;
///
/// let measure: Measure = "MRR@10".parse()?;
/// assert_eq!(measure.to_string(), "RR@10");
/// # Ok::<(), eval::MeasureError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Measure {
    metric: Metric,
    cutoff: Option<NonZeroUsize>,
    relevant_from: i32,
}

impl Measure {
    /// The lowest grade that counts as relevant unless `rel=` says otherwise.
    pub const RELEVANT_FROM: i32 = 1;

    /// `metric` over the first `cutoff` ranks (0 is raised to 1).
    pub fn at(metric: Metric, cutoff: usize) -> Self {
        let cutoff = Some(NonZeroUsize::new(cutoff).unwrap_or(NonZeroUsize::MIN));
        Self { metric, cutoff, relevant_from: Self::RELEVANT_FROM }
    }

    /// What it looks at.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// How many ranks it looks at; `None` for all.
    pub fn cutoff(&self) -> Option<usize> {
        self.cutoff.map(NonZeroUsize::get)
    }

    /// Scores one topic's ranking.
    ///
    /// # Arguments
    /// * `ranking` - documents best first, without repeats; empty when the
    ///   topic has no results.
    /// * `judgments` - the topic's judgments; unjudged documents are taken as
    ///   not relevant, and negative grades gain nothing.
    ///
    /// # Returns
    /// A value in `[0, 1]`. 0 when nothing was returned, and also when no
    /// document is relevant: there is nothing to find, and trec_eval counts
    /// such a topic as 0.
    pub fn score(&self, ranking: &[&DocumentId], judgments: &Judgments) -> f64 {
        let grades: Vec<Option<i32>> =
            ranking.iter().take(self.depth()).map(|id| judgments.get(*id).copied()).collect();
        let gains: Vec<i32> = grades.iter().map(|grade| grade.unwrap_or(0)).collect();
        let is_relevant = |grade: &i32| *grade >= self.relevant_from;
        self.value(&Ranking {
            found: gains.iter().map(|grade| usize::from(is_relevant(grade))).collect(),
            n_relevant: judgments.values().filter(|grade| is_relevant(grade)).count(),
            n_judged: grades.iter().flatten().count(),
            gains,
            all_gains: judgments.values().copied().collect(),
        })
    }

    /// Scores a ranking whose entries may find several relevant units at once,
    /// or the same unit again: passages over pieces of evidence.
    ///
    /// # Arguments
    /// * `found` - for each rank, best first, how many units it is the first to
    ///   find.
    /// * `n_relevant` - how many units there are.
    ///
    /// # Returns
    /// A value in `[0, 1]`. nDCG takes the number of units as gain, against an
    /// ideal that finds one unit a rank; a ranking that does better gets 1.
    /// Judged counts the ranks that find a unit: of the others nothing is known.
    pub fn score_units(&self, found: &[usize], n_relevant: usize) -> f64 {
        let found = &found[..found.len().min(self.depth())];
        self.value(&Ranking {
            found: found.to_vec(),
            n_relevant,
            n_judged: found.iter().filter(|units| **units > 0).count(),
            gains: found.iter().map(|units| *units as i32).collect(),
            all_gains: vec![1; n_relevant],
        })
    }

    /// Scores a ranking by graded gains.
    ///
    /// # Arguments
    /// * `gains` - by rank, best first; 0 for nothing new.
    /// * `judged` - by rank, whether a judge has read it.
    /// * `all_gains` - every gain there is to be had.
    ///
    /// # Returns
    /// A value in `[0, 1]`; binary measures take gains from `rel` on.
    pub fn score_gains(&self, gains: &[i32], judged: &[bool], all_gains: &[i32]) -> f64 {
        let gains = gains[..gains.len().min(self.depth())].to_vec();
        let is_relevant = |gain: &i32| *gain >= self.relevant_from;
        self.value(&Ranking {
            found: gains.iter().map(|gain| usize::from(is_relevant(gain))).collect(),
            n_relevant: all_gains.iter().filter(|gain| is_relevant(gain)).count(),
            n_judged: judged.iter().take(self.depth()).filter(|judged| **judged).count(),
            gains,
            all_gains: all_gains.to_vec(),
        })
    }

    fn depth(&self) -> usize {
        self.cutoff().unwrap_or(usize::MAX)
    }

    fn value(&self, ranking: &Ranking) -> f64 {
        let Ranking { found, n_relevant, n_judged, gains, all_gains } = ranking;
        match self.metric {
            Metric::Ndcg => gain::ndcg(gains, all_gains, self.depth()).min(1.0),
            Metric::Recall => binary::recall(found, *n_relevant),
            Metric::Precision => binary::precision(found, self.depth()),
            Metric::Success => binary::success(found),
            Metric::ReciprocalRank => binary::reciprocal_rank(found),
            Metric::AveragePrecision => binary::average_precision(found, *n_relevant),
            Metric::Judged => binary::ratio(*n_judged, found.len()),
        }
    }
}

/// A ranking as measures see it, cut at the measure's depth.
struct Ranking {
    /// By rank, how many relevant units it is the first to find.
    found: Vec<usize>,
    /// How many relevant units there are.
    n_relevant: usize,
    /// How many ranks hold something judged.
    n_judged: usize,
    /// By rank, the gain.
    gains: Vec<i32>,
    /// Every gain there is to be had, in any order.
    all_gains: Vec<i32>,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.metric)?;
        if self.relevant_from != Self::RELEVANT_FROM {
            write!(f, "(rel={})", self.relevant_from)?;
        }
        self.cutoff.map_or(Ok(()), |cutoff| write!(f, "@{cutoff}"))
    }
}

impl FromStr for Measure {
    type Err = MeasureError;

    fn from_str(text: &str) -> Result<Self, MeasureError> {
        let (head, cutoff) = match text.split_once('@') {
            Some((head, cutoff)) => (head, Some(cutoff)),
            None => (text, None),
        };
        let (name, parameter) = match head.split_once('(') {
            Some((name, rest)) => (name, Some(rest)),
            None => (head, None),
        };
        let metric =
            Metric::named(name).ok_or_else(|| MeasureError::Unknown { name: name.to_owned() })?;
        let cutoff = cutoff
            .map(|cutoff| {
                cutoff.parse::<NonZeroUsize>().map_err(|_| MeasureError::Cutoff {
                    measure: text.to_owned(),
                    cutoff: cutoff.to_owned(),
                })
            })
            .transpose()?;
        if cutoff.is_none() && !metric.works_without_cutoff() {
            return Err(MeasureError::NoCutoff { measure: text.to_owned() });
        }
        let relevant_from = match parameter {
            None => Self::RELEVANT_FROM,
            Some(parameter) => parameter
                .strip_suffix(')')
                .and_then(|parameter| parameter.strip_prefix("rel="))
                .and_then(|grade| grade.parse().ok())
                .filter(|grade| *grade >= 1 && metric.depends_on_relevance())
                .ok_or_else(|| MeasureError::Parameter { measure: text.to_owned() })?,
        };
        Ok(Self { metric, cutoff, relevant_from })
    }
}

/// A measure together with how the user wrote it: reports are keyed by that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedMeasure {
    /// As written, for example `MRR@10`.
    pub name: String,
    /// What it means.
    pub measure: Measure,
}

impl From<Measure> for RequestedMeasure {
    fn from(measure: Measure) -> Self {
        Self { name: measure.to_string(), measure }
    }
}

impl FromStr for RequestedMeasure {
    type Err = MeasureError;

    fn from_str(text: &str) -> Result<Self, MeasureError> {
        Ok(Self { name: text.to_owned(), measure: text.parse()? })
    }
}

impl fmt::Display for RequestedMeasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A text that names no measure.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeasureError {
    /// No such metric.
    #[error(
        "there is no measure {name:?}; known are nDCG, R, P, Success, RR (MRR), AP (MAP) and Judged, for example nDCG@10"
    )]
    Unknown {
        /// What stands before `(` and `@`.
        name: String,
    },
    /// The cutoff is not a positive whole number.
    #[error("{measure:?}: the cutoff {cutoff:?} is not a whole number above 0")]
    Cutoff {
        /// As written.
        measure: String,
        /// What stands after `@`.
        cutoff: String,
    },
    /// The metric needs a cutoff.
    #[error("{measure:?} needs a cutoff, for example {measure}@10")]
    NoCutoff {
        /// As written.
        measure: String,
    },
    /// What stands in parentheses is not a parameter of this metric.
    #[error(
        "{measure:?}: the only parameter is rel=GRADE, GRADE a whole number above 0; nDCG and Judged have none"
    )]
    Parameter {
        /// As written.
        measure: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> DocumentId {
        DocumentId::new(name).unwrap()
    }

    /// Scores the ranking `a b c ...` (one letter a document).
    fn score(measure: &str, ranking: &str, judged: &[(&str, i32)]) -> f64 {
        let judgments: Judgments = judged.iter().map(|(name, grade)| (id(name), *grade)).collect();
        let ids: Vec<_> = ranking.split_whitespace().map(id).collect();
        measure.parse::<Measure>().unwrap().score(&ids.iter().collect::<Vec<_>>(), &judgments)
    }

    fn check(measure: &str, ranking: &str, judged: &[(&str, i32)], expected: f64) {
        let found = score(measure, ranking, judged);
        assert!(
            (found - expected).abs() < 1e-12,
            "{measure} of {ranking:?}: {found}, expected {expected}"
        );
    }

    /// Grades 3, 2, 1 for a, b, c; 0 for n; -1 for m. The discounts of ranks 1
    /// to 4 are 1, log2 3, 2 and log2 5.
    const GRADED: [(&str, i32); 5] = [("a", 3), ("b", 2), ("c", 1), ("n", 0), ("m", -1)];

    #[test]
    fn ndcg_has_linear_gain_and_discounts_by_log2_of_rank_plus_one() {
        let ideal = 3.0 + 2.0 / 3_f64.log2() + 1.0 / 2.0;
        check("nDCG@10", "a b c", &GRADED, 1.0);
        check("nDCG@10", "b a c", &GRADED, (2.0 + 3.0 / 3_f64.log2() + 0.5) / ideal);
        check("nDCG", "n m x a", &GRADED, 3.0 / 5_f64.log2() / ideal);
        // The ideal ranking is cut as well.
        check("nDCG@1", "b a", &GRADED, 2.0 / 3.0);
        check("nDCG@2", "c b a", &GRADED, (1.0 + 2.0 / 3_f64.log2()) / (3.0 + 2.0 / 3_f64.log2()));
    }

    #[test]
    fn binary_measures_by_hand() {
        check("R@2", "x a b", &GRADED, 1.0 / 3.0);
        check("R@100", "x a b c", &GRADED, 1.0);
        check("P@2", "a x b", &GRADED, 0.5);
        // Two documents returned, one relevant: the divisor stays 5.
        check("P@5", "a x", &GRADED, 0.2);
        check("Success@1", "x a", &GRADED, 0.0);
        check("Success@2", "x a", &GRADED, 1.0);
        check("RR", "x n a", &GRADED, 1.0 / 3.0);
        check("RR@2", "x n a", &GRADED, 0.0);
        check("AP", "a x b", &GRADED, (1.0 + 2.0 / 3.0) / 3.0);
        // A cut ranking is still measured against all relevant documents.
        check("AP@1", "a b c", &GRADED, 1.0 / 3.0);
        check("P(rel=2)@3", "c a b", &GRADED, 2.0 / 3.0);
        check("R(rel=3)@1", "b a", &GRADED, 0.0);
    }

    #[test]
    fn judged_counts_judgments_of_any_grade_over_the_ranks_looked_at() {
        check("Judged@4", "a x n m", &GRADED, 0.75);
        check("Judged@2", "x a n m", &GRADED, 0.5);
        check("Judged@10", "x a", &GRADED, 0.5);
        check("Judged@10", "", &GRADED, 0.0);
    }

    #[test]
    fn a_passage_may_find_several_units_and_none_twice() {
        let units = |measure: &str, found: &[usize], n| {
            measure.parse::<Measure>().unwrap().score_units(found, n)
        };
        assert_eq!(units("R@2", &[0, 2, 1], 4), 0.5);
        assert_eq!(units("RR@10", &[0, 2], 3), 0.5);
        assert_eq!(units("P@4", &[2, 0], 2), 0.25);
        // Three units, two of them at rank 1 and one at rank 3.
        let ideal = 1.0 + 1.0 / 3_f64.log2() + 0.5;
        assert_eq!(units("nDCG@10", &[2, 0, 1], 3), ((2.0 + 0.5) / ideal).min(1.0));
        assert_eq!(units("nDCG@10", &[0, 1], 1), 1.0 / 3_f64.log2());
        assert_eq!(units("AP", &[1, 0, 1], 2), f64::midpoint(1.0, 2.0 / 3.0));
        assert_eq!(units("R@10", &[], 0), 0.0);
    }

    #[test]
    fn nothing_returned_and_nothing_relevant_count_zero() {
        for measure in ["nDCG@10", "R@10", "P@10", "Success@10", "RR", "AP"] {
            check(measure, "", &GRADED, 0.0);
            check(measure, "n x", &[("n", 0), ("m", -2)], 0.0);
        }
    }

    #[test]
    fn measures_print_as_they_are_read() {
        for text in [
            "nDCG@10",
            "nDCG",
            "R@100",
            "P@5",
            "Success@1",
            "RR@10",
            "AP",
            "AP(rel=2)@1000",
            "Judged@10",
        ] {
            assert_eq!(text.parse::<Measure>().unwrap().to_string(), text);
        }
        for (alias, name) in
            [("MAP", "AP"), ("mrr@10", "RR@10"), ("ndcg@5", "nDCG@5"), ("Recall@5", "R@5")]
        {
            assert_eq!(alias.parse::<Measure>().unwrap().to_string(), name);
            assert_eq!(alias.parse::<RequestedMeasure>().unwrap().name, alias);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text: &str| text.parse::<Measure>().unwrap_err().to_string();
        assert!(message("NDGC@10").contains("\"NDGC\""));
        assert!(message("nDCG@0").contains("\"0\""));
        assert!(message("nDCG@").contains("\"\""));
        assert!(message("R").contains("R@10"));
        assert!(message("Judged").contains("Judged@10"));
        for text in ["P(rel=0)@5", "P(rel=2@5", "P(cut=2)@5", "nDCG(rel=2)@5", "Judged(rel=2)@5"] {
            assert!(message(text).contains("rel=GRADE"), "{text}");
        }
    }
}
