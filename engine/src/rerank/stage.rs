//! Which candidates are scored, when it is enough, and how scored and unscored
//! become one ranking.
//!
//! The candidates within reach are scored best first, in batches, until all are,
//! the budget ends, or the first places are settled. What scores and what clocks
//! are given; nothing here knows of models or time.
//!
//! **Early exit.** A final score is linear in scores that lie in `[0, 1]`, so the
//! most that an unread candidate can reach is known ([`Line::bound`]). Once `n`
//! scored candidates are above the bounds of all that were not, reading on cannot
//! change who is in the first `n` places, nor their order. That holds because
//! nothing about a scored candidate depends on how many were scored after it: the
//! scale of a query's scores is fitted to its first [`ANCHORS`] and then left.

use std::ops::Range;

use super::features::{Feature, Features};
use super::mixer::{Line, Mixer};
use crate::fusion::{Normalization, Scale};
use crate::ranked_list::{RankedList, ScoredChunk};

/// Candidates that a query's scale is fitted to. They are always scored first;
/// fewer when the budget or the list ends before.
const ANCHORS: usize = 10;

/// Least width of a query's scale. Models' scores differ by some hundredths where they
/// mean nothing; ten anchors that are that close, all of them bad as a rule, would
/// stretch the difference to a good candidate after them beyond all other features.
/// Anchors that are all equal get this width too, so that a later score still counts.
const LEAST_WIDTH: f64 = 0.05;

/// How far a score must be above a bound: more than rounding, less than any
/// difference that means something.
const ROUNDING: f64 = 1e-9;

/// What models say of a candidate, each in `[0, 1]`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ModelScores {
    pub(crate) rerank: f64,
    /// 0 without late interaction.
    pub(crate) max_sim: f64,
}

/// Why scoring ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// All candidates within reach are scored.
    Complete,
    /// The places asked for cannot change any more.
    Settled,
    /// No further candidate was allowed.
    Budget,
}

/// The candidates within reach, and what was found out about them.
#[derive(Debug)]
pub(crate) struct Stage {
    known: Vec<Features>,
    lines: Vec<Line>,
    scores: Vec<ModelScores>,
    batch: usize,
}

impl Stage {
    /// A stage that has scored nothing.
    ///
    /// # Arguments
    /// * `known` - features of the candidates within reach, best first; those of
    ///   models are not looked at.
    /// * `batch` - candidates scored together, at least 1.
    pub(crate) fn new(mixer: &Mixer, known: Vec<Features>, batch: usize) -> Self {
        let lines = known.iter().map(|features| mixer.line(features)).collect();
        Self { known, lines, scores: Vec::new(), batch: batch.max(1) }
    }

    /// How many candidates may be scored.
    pub(crate) fn reach(&self) -> usize {
        self.known.len()
    }

    /// How many candidates are scored: the first ones.
    pub(crate) fn scored(&self) -> usize {
        self.scores.len()
    }

    /// Scores on until the first `places` cannot change any more.
    ///
    /// # Arguments
    /// * `may_start` - how many of the candidates at these positions may be read
    ///   next; none ends the reading.
    /// * `score` - scores the candidates at these positions, one result each.
    ///
    /// # Errors
    /// Those of `score`; what was scored before stays.
    pub(crate) fn settle<E>(
        &mut self,
        places: usize,
        may_start: &mut dyn FnMut(Range<usize>) -> usize,
        score: &mut dyn FnMut(Range<usize>) -> Result<Vec<ModelScores>, E>,
    ) -> Result<Stop, E> {
        loop {
            let (from, reach) = (self.scored(), self.reach());
            if from == reach {
                return Ok(Stop::Complete);
            }
            if self.is_settled(places) {
                return Ok(Stop::Settled);
            }
            let to = reach.min(from + self.batch);
            let n = may_start(from..to).min(to - from);
            if n == 0 {
                return Ok(Stop::Budget);
            }
            self.scores.extend(score(from..from + n)?);
        }
    }

    /// Whether as many as `places` scored candidates are above all that an
    /// unscored one could reach.
    fn is_settled(&self, places: usize) -> bool {
        let scored = self.scored();
        if scored < places.max(ANCHORS.min(self.reach())) {
            return false;
        }
        let scale = self.scale();
        let unread = self.lines[scored..].iter().map(|line| line.bound(scale));
        let bound = unread.fold(f64::NEG_INFINITY, f64::max) + ROUNDING;
        self.finals().filter(|&score| score > bound).count() >= places
    }

    /// The scale of this query's scores: the mean of the anchors in the middle, three
    /// deviations to either end, but no narrower than [`LEAST_WIDTH`].
    fn scale(&self) -> Scale {
        let anchors: Vec<f64> =
            self.scores.iter().take(ANCHORS).map(|scores| scores.rerank).collect();
        let mean = anchors.iter().sum::<f64>() / anchors.len().max(1) as f64;
        let width = Scale::of_scores(&anchors, Normalization::Distribution).width.max(LEAST_WIDTH);
        Scale { origin: mean - width / 2.0, width }
    }

    /// Final scores of the scored candidates, in the first stage's order.
    fn finals(&self) -> impl Iterator<Item = f64> + '_ {
        let scale = self.scale();
        self.lines.iter().zip(&self.scores).map(move |(line, &scores)| line.at(scores, scale))
    }

    /// All features of the candidate at a position of the first stage; `None`
    /// when it was not scored.
    pub(crate) fn features(&self, position: usize) -> Option<Features> {
        let scores = self.scores.get(position)?;
        let mut features = self.known[position];
        features.set(Feature::MaxSim, scores.max_sim);
        features.set(Feature::Rerank, scores.rerank);
        features.set(Feature::RerankInQuery, self.scale().apply(scores.rerank));
        Some(features)
    }

    /// One ranking: the scored candidates by final score, then the others in the
    /// order they had.
    ///
    /// The others' scores are the first stage's, moved so that the last scored
    /// candidate of the first stage meets the lowest final score; where that would
    /// tie with the entry before, the next number below. Nothing scored: the first
    /// stage itself.
    pub(crate) fn merged(&self, first: &RankedList) -> RankedList {
        let scored = self.scored();
        let Some(last) = first.entries()[..scored].last() else { return first.clone() };
        let mut entries: Vec<ScoredChunk> = first
            .entries()
            .iter()
            .zip(self.finals())
            .map(|(entry, score)| ScoredChunk { ord: entry.ord, score })
            .collect();
        let lowest = entries.iter().map(|entry| entry.score).fold(f64::INFINITY, f64::min);
        let mut previous = lowest;
        for entry in &first.entries()[scored..] {
            let score = (lowest - (last.score - entry.score)).min(previous.next_down());
            entries.push(ScoredChunk { ord: entry.ord, score });
            previous = score;
        }
        RankedList::from_distinct(entries)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::document::ChunkOrd;

    /// A query's candidates as a test has them.
    #[derive(Clone, Debug)]
    struct Case {
        mixer: Mixer,
        known: Vec<Features>,
        scores: Vec<ModelScores>,
        first: RankedList,
        batch: usize,
    }

    fn mixers() -> impl Strategy<Value = Mixer> {
        prop::collection::vec(-1.0..1.0_f64, 8).prop_map(|w| {
            Mixer::from_json(
                &serde_json::json!({
                    "format": 1, "name": "t", "bias": w[0],
                    "weights": {
                        "first_stage": w[1].abs(), "dense": w[2], "rerank": w[3],
                        "rerank_in_query": w[4], "max_sim": w[5],
                    },
                    "interactions": {"question * rerank": w[6], "lead * rerank_in_query": w[7]},
                })
                .to_string(),
            )
            .unwrap()
        })
    }

    fn cases() -> impl Strategy<Value = Case> {
        let candidate = (0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64, 0..4_u8);
        let candidates = prop::collection::vec(candidate, 0..60);
        let query = (0.0..1.0_f64, 0.0..1.0_f64);
        (mixers(), candidates, query, 1..9_usize, 0..20_usize).prop_map(
            |(mixer, candidates, (question, lead), batch, beyond)| {
                let n = candidates.len();
                // Coarse scores, so that ties are common.
                let first = RankedList::from_scored((0..n + beyond).map(|at| ScoredChunk {
                    ord: ChunkOrd((at * 37 % 101) as u32),
                    score: ((n + beyond - at) / 3) as f64,
                }));
                let features = |(stage, dense, ..): &(f64, f64, f64, f64, u8)| {
                    let mut features = Features::default();
                    features.set(Feature::FirstStage, *stage);
                    features.set(Feature::Dense, *dense);
                    features.set(Feature::Question, question);
                    features.set(Feature::Lead, lead);
                    features
                };
                let scores = |&(_, _, rerank, max_sim, end): &(f64, f64, f64, f64, u8)| {
                    let rerank = [rerank, rerank, 0.0, 1.0][usize::from(end)];
                    ModelScores { rerank, max_sim }
                };
                Case {
                    mixer,
                    known: candidates.iter().map(features).collect(),
                    scores: candidates.iter().map(scores).collect(),
                    first,
                    batch,
                }
            },
        )
    }

    impl Case {
        fn stage(&self) -> Stage {
            Stage::new(&self.mixer, self.known.clone(), self.batch)
        }

        /// Scores until `places` are settled, at most `most` candidates.
        fn run(&self, stage: &mut Stage, places: usize, most: usize) -> Stop {
            let stop =
                stage.settle(places, &mut |range| most.saturating_sub(range.start), &mut |range| {
                    Ok::<_, Infallible>(self.scores[range].to_vec())
                });
            stop.unwrap()
        }
    }

    proptest! {
        #[test]
        fn early_exit_changes_nothing_in_the_places_asked_for(
            case in cases(), places in 1..30_usize,
        ) {
            let mut full = case.stage();
            prop_assert_eq!(case.run(&mut full, usize::MAX, usize::MAX), Stop::Complete);
            let mut early = case.stage();
            case.run(&mut early, places, usize::MAX);
            let (full, early) = (full.merged(&case.first), early.merged(&case.first));
            let n = places.min(full.len());
            prop_assert_eq!(&early.entries()[..n], &full.entries()[..n]);
        }

        #[test]
        fn going_on_is_as_good_as_going_far_at_once(case in cases(), places in 1..20_usize) {
            let mut once = case.stage();
            case.run(&mut once, 2 * places, usize::MAX);
            let mut twice = case.stage();
            case.run(&mut twice, places, usize::MAX);
            case.run(&mut twice, 2 * places, usize::MAX);
            prop_assert_eq!(once.scored(), twice.scored());
            prop_assert_eq!(once.merged(&case.first), twice.merged(&case.first));
        }

        #[test]
        fn the_scored_prefix_is_permuted_and_the_rest_keeps_its_order(
            case in cases(), most in 0..40_usize,
        ) {
            let mut stage = case.stage();
            let stop = case.run(&mut stage, usize::MAX, most);
            let scored = stage.scored();
            prop_assert_eq!(scored, most.min(case.known.len()), "a batch shrinks to what is left");
            prop_assert_eq!(stop == Stop::Budget, scored < case.known.len());
            let merged = stage.merged(&case.first);
            prop_assert_eq!(merged.len(), case.first.len());
            let (before, after) = (case.first.ords(), merged.ords());
            prop_assert_eq!(&after[scored..], &before[scored..]);
            let sorted = |ords: &[ChunkOrd]| {
                let mut ords = ords.to_vec();
                ords.sort_unstable();
                ords
            };
            prop_assert_eq!(sorted(&after[..scored]), sorted(&before[..scored]));
            if scored == 0 {
                prop_assert_eq!(&merged, &case.first);
            }
            for entry in &merged.entries()[..scored] {
                let (rank, _) = case.first.find(entry.ord).unwrap();
                let expected = case.mixer.score(&stage.features(rank - 1).unwrap());
                prop_assert!((entry.score - expected).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn anchors_that_hardly_differ_do_not_blow_up_what_comes_after() {
        let mixer =
            Mixer::from_json(r#"{"format": 1, "name": "t", "weights": {"rerank_in_query": 1}}"#)
                .unwrap();
        for difference in [0.0, 1e-9, 1e-4] {
            let rerank = |at: usize| if at < ANCHORS { 0.1 + difference * at as f64 } else { 0.6 };
            let mut score = |range: Range<usize>| {
                let scores = range.map(|at| ModelScores { rerank: rerank(at), max_sim: 0.0 });
                Ok::<_, Infallible>(scores.collect())
            };
            let mut stage = Stage::new(&mixer, vec![Features::default(); ANCHORS + 1], 8);
            stage.settle(usize::MAX, &mut |range| range.len(), &mut score).unwrap();
            let in_query = |at| stage.features(at).unwrap().get(Feature::RerankInQuery);
            assert!((0.49..=0.51).contains(&in_query(0)), "{difference}: {}", in_query(0));
            // Half a point above the anchors, and a point is twenty widths.
            assert!((10.4..=10.6).contains(&in_query(ANCHORS)), "{}", in_query(ANCHORS));
        }
    }

    #[test]
    fn a_clear_lead_ends_the_reading_after_the_anchors() {
        let mixer = Mixer::from_json(
            r#"{"format": 1, "name": "t", "weights": {"first_stage": 1, "rerank": 0.1}}"#,
        )
        .unwrap();
        let known = |at: usize| {
            let mut features = Features::default();
            features.set(Feature::FirstStage, if at < 10 { 1.0 } else { 0.5 });
            features
        };
        let mut stage = Stage::new(&mixer, (0..50).map(known).collect(), 4);
        let mut score = |range: Range<usize>| {
            Ok::<_, Infallible>(range.map(|_| ModelScores::default()).collect())
        };
        let stop = stage.settle(10, &mut |range| range.len(), &mut score).unwrap();
        assert_eq!((stop, stage.scored()), (Stop::Settled, 12));
        let stop = stage.settle(11, &mut |range| range.len(), &mut score).unwrap();
        assert_eq!((stop, stage.scored()), (Stop::Complete, 50));
    }
}
