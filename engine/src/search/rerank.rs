//! The reranking stage of a search: what a candidate looks like to models and to
//! the mixer, and the turns between reading on and choosing hits.
//!
//! Hits are chosen by walking the ranking, past entries that are capped, collapsed
//! or grouped; so how many places must be settled is known only afterwards. The
//! stage settles as many places as there are hits, and goes on where the walk went
//! further.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::error::SearchError;
use super::expand::VariantRanking;
use super::explain::{Explanation, Operation};
use super::fetch::{Records, Selection, no_text};
use super::hit::{Degradation, RerankReport, RerankStop, Stage as SearchStage};
use super::known::{SharedFeatures, first_stage};
use super::legs::{Legs, SEARCH_POOL};
use super::pace::{BATCH, RerankPace};
use super::plan::{RerankPlan, SearchPlan};
use super::request::SearchRequest;
use super::{Lap, Searcher};
use crate::document::ChunkOrd;
use crate::lexical::LexicalQuery;
use crate::ranked_list::{RankedList, ScoredChunk};
use crate::rerank::{
    Feature, Features, FirstStage, Mixer, ModelScores, RerankError, RerankPassage, RerankPipeline,
    RerankQuery, Stage, Stop, WordMatch, WordWeight, best_window, bytes_for_tokens, titled,
};
use crate::tokens::StoredTokens;

/// What the first stage found, and for what.
pub(super) struct Found<'a> {
    pub(super) plan: &'a SearchPlan,
    pub(super) request: &'a SearchRequest,
    pub(super) query: &'a LexicalQuery,
    pub(super) legs: &'a Legs,
    /// Those that `first` was made from, where the query has variants.
    pub(super) rankings: &'a [VariantRanking],
    pub(super) first: &'a RankedList,
    /// When the search began.
    pub(super) started: Instant,
}

/// The final ranking with the hits chosen from it.
pub(super) struct Ranked {
    pub(super) ranking: RankedList,
    pub(super) selection: Selection,
    pub(super) report: Option<RerankReport>,
    pub(super) degraded: Option<Degradation>,
    pub(super) rerank_ms: f64,
    pub(super) select_ms: f64,
    first_stage: FirstStage,
    stage: Option<Stage>,
}

impl Ranked {
    /// What the stage knew of a chunk; `None` when no model has read it.
    pub(super) fn features(&self, first: &RankedList, ord: ChunkOrd) -> Option<Features> {
        let (rank, _) = first.find(ord)?;
        self.stage.as_ref()?.features(rank - 1)
    }

    /// Whether the ranking's scores are the mixer's.
    pub(super) fn is_reranked(&self) -> bool {
        self.stage.as_ref().is_some_and(|stage| stage.scored() > 0)
    }
}

/// The candidates within reach, as models and the mixer see them.
#[derive(Default)]
struct Candidates<'a> {
    known: Vec<Features>,
    passages: Vec<Candidate<'a>>,
    /// The query's words, for models that weigh them.
    word_weights: Vec<WordWeight>,
    /// Whether the next candidate would be one token too many.
    is_full: bool,
}

/// A candidate as models see it.
struct Candidate<'a> {
    text: String,
    tokens: Option<StoredTokens<'a>>,
}

impl Candidate<'_> {
    fn shown(&self) -> RerankPassage<'_> {
        RerankPassage { text: &self.text, tokens: self.tokens }
    }
}

/// The stage at work.
struct Reading<'a> {
    pipeline: &'a RerankPipeline,
    first_stage: FirstStage,
    stage: Stage,
    passages: Vec<Candidate<'a>>,
    /// Candidates that may be read without a budget.
    candidates: usize,
    query: &'a str,
    word_weights: Vec<WordWeight>,
    began: Instant,
    budget: Option<Duration>,
    stop: RerankStop,
    failure: Option<RerankError>,
}

impl Searcher {
    /// Ranks what was found and chooses the hits.
    ///
    /// A reranker that fails leaves the order it had reached, and says so.
    pub(super) fn rank(&self, found: &Found<'_>) -> Result<Ranked, SearchError> {
        let Found { plan, request, first, .. } = *found;
        let mut clock = Lap::new();
        let (Some(pipeline), Some(rerank)) = (&self.reranker, plan.rerank) else {
            let selection = self.select(plan, request.near_duplicates, first)?;
            return Ok(Ranked {
                ranking: first.clone(),
                selection,
                report: None,
                degraded: None,
                rerank_ms: 0.0,
                select_ms: clock.lap(),
                first_stage: FirstStage::Vectors,
                stage: None,
            });
        };
        let mut reading = self.reading(found, pipeline, rerank)?;
        // Where a document was lost is told for the whole reach.
        let mut places = if request.why_not.is_some() { usize::MAX } else { plan.top };
        let (mut rerank_ms, mut select_ms) = (0.0, 0.0);
        let (ranking, selection) = loop {
            reading.settle(places);
            let ranking = reading.stage.merged(first);
            rerank_ms += clock.lap();
            let selection = self.select(plan, request.near_duplicates, &ranking)?;
            select_ms += clock.lap();
            if reading.stop != RerankStop::Settled || selection.examined <= places {
                break (ranking, selection);
            }
            places = selection.examined.max(2 * places);
        };
        let (report, degraded) = reading.report();
        let first_stage = reading.first_stage;
        let stage = Some(reading.stage);
        Ok(Ranked {
            ranking,
            selection,
            report: Some(report),
            degraded,
            rerank_ms,
            select_ms,
            first_stage,
            stage,
        })
    }

    /// Prepares the candidates within reach.
    fn reading<'a>(
        &'a self,
        found: &Found<'a>,
        pipeline: &'a RerankPipeline,
        rerank: RerankPlan,
    ) -> Result<Reading<'a>, SearchError> {
        let began = Instant::now();
        let left = found.plan.deadline.map(|end| end.saturating_sub(found.started.elapsed()));
        let rerank = rerank.within(left, RerankPace::of(pipeline));
        // Texts that nobody will read are not fetched.
        let candidates = if rerank.affordable > 0 {
            self.candidates(found, pipeline, rerank)?
        } else {
            Candidates::default()
        };
        let Candidates { known, passages, word_weights, is_full } = candidates;
        let candidates = if is_full { known.len() } else { rerank.depth.min(found.first.len()) };
        let first_stage = first_stage(found);
        Ok(Reading {
            pipeline,
            first_stage,
            candidates,
            stage: Stage::new(pipeline.mixer_behind(first_stage), known, BATCH),
            passages,
            query: found.query.plain_text(),
            word_weights,
            began,
            budget: rerank.budget,
            stop: RerankStop::Complete,
            failure: None,
        })
    }

    /// Fetches the candidates within reach and what is known of them unread.
    fn candidates(
        &self,
        found: &Found<'_>,
        pipeline: &RerankPipeline,
        rerank: RerankPlan,
    ) -> Result<Candidates<'_>, SearchError> {
        let words = self.generation.lexical.query_words(found.query)?;
        let shared = SharedFeatures::new(found, &words);
        let most = bytes_for_tokens(pipeline.window_tokens());
        let mut records = Records::default();
        let (mut known, mut passages) = (Vec::new(), Vec::new());
        let mut left = rerank.tokens.map_or(usize::MAX, bytes_for_tokens);
        let pace = RerankPace::of(pipeline);
        let (mut is_full, mut total_ms) = (false, 0.0);
        for entry in found.first.entries().iter().take(rerank.depth) {
            let (_, record, nth) = self.record(entry.ord, &mut records)?;
            let span = record.chunk_span(nth).ok_or_else(|| no_text(entry.ord))?;
            let passage = record.passage(nth).ok_or_else(|| no_text(entry.ord))?;
            let text = record.text(span)?;
            let headings = [record.title(), &passage.headings.join(" ")].join(" ");
            let places = words.places(&text);
            let mut features = shared.of_candidate(found.legs, entry);
            features.set(Feature::WordMatch, words.share(&places));
            features.set(Feature::TitleMatch, words.share(&words.places(&headings)));
            features.set(Feature::CodeMatch, words.identifier_share(&text));
            let matches: Vec<_> = places
                .into_iter()
                .map(|(span, word)| WordMatch { span, word, weight: words.words()[word].idf })
                .collect();
            let window = best_window(&text, &matches, most).slice(&text).unwrap_or_default();
            let text = titled(record.title(), window);
            let bytes = found.query.plain_text().len() + text.len();
            if bytes > left && !passages.is_empty() {
                is_full = true;
                break;
            }
            // As many as would fit if all were of full length, and then what fits as it is.
            total_ms += pipeline.bytes_ms(bytes);
            let n = passages.len() + 1;
            let pace = pace.with_candidate_ms(total_ms / n as f64);
            let fits = rerank.budget.is_none_or(|budget| pace.fitting(budget) >= n);
            if !fits && n > rerank.affordable {
                break;
            }
            left = left.saturating_sub(bytes);
            passages.push(Candidate { text, tokens: self.generation.tokens.of(entry.ord) });
            known.push(features);
        }
        let weights = words.words().iter().map(|w| WordWeight { span: w.span, idf: w.idf });
        Ok(Candidates { known, passages, word_weights: weights.collect(), is_full })
    }

    /// Explains the score of a hit, reranked or not.
    pub(super) fn explain_ranked(
        &self,
        found: &Found<'_>,
        ranked: &Ranked,
        entry: ScoredChunk,
    ) -> Result<Explanation, SearchError> {
        let before = found.first.find(entry.ord).map_or(entry.score, |(_, score)| score);
        let first = if found.request.candidates.is_some() {
            Explanation::leaf(before, "score in the ranking that was given")
        } else {
            let before = ScoredChunk { score: before, ..entry };
            self.explain(found, before)?
        };
        let Some(pipeline) = self.reranker.as_ref().filter(|_| ranked.is_reranked()) else {
            return Ok(first);
        };
        let Some(features) = ranked.features(found.first, entry.ord) else {
            let told = "not read by the reranker: below what was read, in the first stage's order";
            let mut leaf = Explanation::leaf(entry.score, told);
            leaf.details.push(first);
            return Ok(leaf);
        };
        let mixer = pipeline.mixer_behind(ranked.first_stage);
        let told = format!("reranked by {}, mixed by {}", pipeline.name(), mixer.name());
        Ok(mixed(told, mixer, &features, first))
    }
}

/// The sum of the mixer as a tree; the first stage's score explains itself below
/// the feature made from it.
fn mixed(told: String, mixer: &Mixer, features: &Features, first: Explanation) -> Explanation {
    let (terms, bias) = mixer.terms();
    let mut first = Some(first);
    let mut parts: Vec<Explanation> = terms
        .iter()
        .map(|term| {
            let factor = |feature: Feature| {
                Explanation::leaf(features.get(feature), format!("feature {feature}"))
            };
            let mut value = factor(term.feature);
            if term.feature == Feature::FirstStage {
                value.details.extend(first.take());
            } else if term.feature == Feature::RerankInQuery {
                value.details.push(factor(Feature::Rerank));
            }
            let weight = Explanation::leaf(term.weight, "weight of the mixer");
            let factors = std::iter::once(weight).chain(term.times.map(factor)).chain([value]);
            Explanation::node(Operation::Product, term.to_string(), factors.collect())
        })
        .collect();
    if bias != 0.0 {
        parts.push(Explanation::leaf(bias, "bias of the mixer"));
    }
    Explanation::node(Operation::Sum, told, parts)
}

/// The pace of a pipeline over candidates of so many bytes each, on their average; of
/// full windows for none.
fn pace_of(pipeline: &RerankPipeline, bytes: impl ExactSizeIterator<Item = usize>) -> RerankPace {
    let (pace, n) = (RerankPace::of(pipeline), bytes.len());
    if n == 0 {
        return pace;
    }
    let total_ms: f64 = bytes.map(|bytes| pipeline.bytes_ms(bytes)).sum();
    pace.with_candidate_ms(total_ms / n as f64)
}

impl Reading<'_> {
    /// Reads on until the first `places` are settled, as far as the budget allows.
    fn settle(&mut self, places: usize) {
        let Self { pipeline, passages, query, word_weights, began, budget, .. } = self;
        let query = RerankQuery { text: query, word_weights };
        let mut may_start = |range: Range<usize>| {
            let Some(budget) = *budget else { return range.len() };
            let left = budget.saturating_sub(began.elapsed());
            let bytes = passages[range.clone()].iter().map(|it| query.text.len() + it.text.len());
            let pace = pace_of(pipeline, bytes);
            if range.start == 0 { pace.fitting_first(left) } else { pace.fitting(left) }
        };
        let mut score = |range: Range<usize>| -> Result<Vec<ModelScores>, RerankError> {
            let batch: Vec<_> = passages[range].iter().map(Candidate::shown).collect();
            match SEARCH_POOL.as_ref() {
                Some(pool) => pool.install(|| pipeline.score(&query, &batch)),
                None => pipeline.score(&query, &batch),
            }
        };
        self.stop = match self.stage.settle(places, &mut may_start, &mut score) {
            Ok(Stop::Complete) => RerankStop::Complete,
            Ok(Stop::Settled) => RerankStop::Settled,
            Ok(Stop::Budget) => RerankStop::Budget,
            Err(error) => {
                self.failure = Some(error);
                RerankStop::Failed
            }
        };
    }

    /// How far it came, and what that means for the result.
    fn report(&self) -> (RerankReport, Option<Degradation>) {
        let candidates = self.candidates;
        let (scored, reach) = (self.stage.scored(), self.stage.reach());
        // What was out of reach might have come first: places settled among those that
        // could be afforded are not settled among all.
        let is_cut =
            matches!(self.stop, RerankStop::Complete | RerankStop::Settled) && reach < candidates;
        let stop = if is_cut { RerankStop::Budget } else { self.stop };
        let reason = if let Some(error) = &self.failure {
            Some(format!("{scored} of {candidates} candidates were read, then: {error}"))
        } else if stop == RerankStop::Budget {
            let budget_ms = self.budget.map_or(0, |budget| budget.as_millis());
            let bytes = self.passages.iter().map(|it| self.query.len() + it.text.len());
            let each_ms = pace_of(self.pipeline, bytes).each_ms();
            Some(format!(
                "{scored} of {candidates} candidates were read; {budget_ms} ms were allowed, at \
                 some {each_ms:.1} ms each"
            ))
        } else {
            None
        };
        let degraded = reason.map(|reason| Degradation { stage: SearchStage::Rerank, reason });
        (RerankReport { scored, candidates, stop }, degraded)
    }
}
