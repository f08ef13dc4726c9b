//! The expansion stage of a search: from a first ranking to one that more was asked
//! for.
//!
//! Feedback searches one leg again and keeps the other's list; `multi-query` searches
//! both for every variant and keeps the query's own. It is all or nothing: where the
//! deadline passes or the encoder fails on the way, the first ranking stays, and the
//! outcome says so.

use std::time::Instant;

use super::Searcher;
use super::error::SearchError;
use super::expansion::{Added, Expansion, ExpansionReport};
use super::fetch::{Records, no_text};
use super::hit::{Degradation, Stage};
use super::legs::{Legs, QueryVector};
use super::plan::SearchPlan;
use super::request::SearchRequest;
use super::variants::{QueryVariant, variants};
use crate::document::ChunkOrd;
use crate::fusion::{Normalization, Weight, weighted_sum};
use crate::lexical::{LexicalFeedback, LexicalQuery, QueryOptions};
use crate::ord_set::OrdSet;
use crate::ranked_list::RankedList;

/// How the rankings of variants are brought to a common scale.
pub(super) const VARIANT_SCALE: Normalization = Normalization::Distribution;

/// What is searched, and since when.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) plan: &'a SearchPlan,
    pub(super) request: &'a SearchRequest,
    pub(super) query: &'a LexicalQuery,
    pub(super) allowed: &'a OrdSet,
    /// When the search began.
    pub(super) started: Instant,
}

/// What the stage leaves behind, besides the legs and the ranking.
#[derive(Default)]
pub(super) struct Expanded {
    pub(super) report: Option<ExpansionReport>,
    /// The rankings that were fused; empty unless the query has variants.
    pub(super) rankings: Vec<VariantRanking>,
    pub(super) degraded: Option<Degradation>,
}

/// One of the rankings that make the first stage of a query with variants.
pub(super) struct VariantRanking {
    pub(super) ranking: RankedList,
    pub(super) weight: Weight,
    /// What was asked; `None` for the query itself.
    pub(super) asked: Option<AskedVariant>,
}

/// A variant with what its legs found.
pub(super) struct AskedVariant {
    pub(super) variant: QueryVariant,
    pub(super) query: LexicalQuery,
    pub(super) legs: Legs,
}

/// Why a stage could not be finished, or what ends the search.
enum Left {
    Out(String),
    Failed(SearchError),
}

impl<E: Into<SearchError>> From<E> for Left {
    fn from(error: E) -> Self {
        let error = error.into();
        if let SearchError::Encode(error) = error {
            Self::Out(error.to_string())
        } else {
            Self::Failed(error)
        }
    }
}

impl Searcher {
    /// Searches for more than was typed, where the plan says so; changes the legs and
    /// the first ranking accordingly.
    ///
    /// # Errors
    /// Those of a leg, but for a failing encoder, which leaves the stage out.
    pub(super) fn expand(
        &self,
        asked: Asked<'_>,
        legs: &mut Legs,
        first: &mut RankedList,
    ) -> Result<Expanded, SearchError> {
        let expansion = asked.plan.expansion;
        let mut expanded = Expanded::default();
        let added = match expansion {
            Expansion::None => return Ok(expanded),
            Expansion::Feedback { passages, weight } => {
                self.move_vector(asked, legs, (&head(first, passages), weight))
            }
            Expansion::LexicalFeedback { passages, weight, terms } => {
                let feedback = LexicalFeedback { terms, weight: weight.get() };
                self.add_terms(asked, legs, (&head(first, passages), feedback))
            }
            Expansion::MultiQuery { weight } => {
                self.rank_variants(asked, first, weight).map(|rankings| {
                    let asked = rankings.iter().filter_map(|ranking| ranking.asked.as_ref());
                    let variants = asked.map(|asked| asked.variant.clone()).collect();
                    expanded.rankings = rankings;
                    Added::Variants(variants)
                })
            }
        };
        match added {
            Ok(added) => expanded.report = Some(ExpansionReport { expansion, added }),
            Err(Left::Failed(error)) => return Err(error),
            Err(Left::Out(reason)) => {
                expanded.degraded = Some(Degradation { stage: Stage::Expand, reason });
                return Ok(expanded);
            }
        }
        if expanded.rankings.is_empty() {
            *first = legs.ranking(asked.plan);
        } else {
            let lists: Vec<_> = expanded
                .rankings
                .iter()
                .map(|VariantRanking { ranking, weight, .. }| (ranking, *weight))
                .collect();
            *first = weighted_sum(&lists, VARIANT_SCALE);
        }
        Ok(expanded)
    }

    /// Dense feedback.
    fn move_vector(
        &self,
        asked: Asked<'_>,
        legs: &mut Legs,
        (passages, weight): (&[ChunkOrd], Weight),
    ) -> Result<Added, Left> {
        let Asked { plan, request, allowed, .. } = asked;
        let Some(vector) = &legs.vector else {
            return Err(Left::Out(
                "the query has no vector: the dense leg was left out".to_owned(),
            ));
        };
        in_time(asked)?;
        if passages.is_empty() {
            return Ok(Added::Vector { passages: 0, cosine: 1.0 });
        }
        let vectors = &self.generation.vectors;
        let moved = vectors.moved_query(vector, passages, weight.get())?;
        legs.dense = vectors.search(&moved, plan.depth, allowed, request.vectors)?;
        let cosine: f64 = moved.iter().zip(vector).map(|(x, y)| f64::from(x * y)).sum();
        legs.vector = Some(moved);
        legs.vector_is = QueryVector::Moved;
        Ok(Added::Vector { passages: passages.len(), cosine })
    }

    /// Lexical feedback.
    fn add_terms(
        &self,
        asked: Asked<'_>,
        legs: &mut Legs,
        (passages, feedback): (&[ChunkOrd], LexicalFeedback),
    ) -> Result<Added, Left> {
        let Asked { plan, query, allowed, .. } = asked;
        in_time(asked)?;
        let mut records = Records::default();
        let mut texts = Vec::with_capacity(passages.len());
        for &ord in passages {
            let (_, record, nth) = self.record(ord, &mut records)?;
            let span = record.chunk_span(nth).ok_or_else(|| no_text(ord))?;
            texts.push(record.text(span)?);
        }
        let (expanded, terms) = self.generation.lexical.with_feedback(query, &texts, feedback)?;
        if !terms.is_empty() {
            (legs.lexical, _) = self.lexical_leg(plan, &expanded, allowed)?;
            legs.expanded_query = Some(expanded);
        }
        Ok(Added::Terms { passages: passages.len(), terms })
    }

    /// Searches for the query's variants; the query's own ranking is the first of the
    /// result, which is empty where there are none.
    fn rank_variants(
        &self,
        asked: Asked<'_>,
        own: &RankedList,
        weight: Weight,
    ) -> Result<Vec<VariantRanking>, Left> {
        let Asked { plan, request, query, allowed, started } = asked;
        // Who writes operators has said exactly what is meant.
        let variants = if query.has_operators() {
            Vec::new()
        } else {
            variants(query.plain_text(), self.language)
        };
        if variants.is_empty() {
            return Ok(Vec::new());
        }
        let share = Weight::new(weight.get() / variants.len() as f64).unwrap_or(weight);
        let mut rankings = Vec::with_capacity(variants.len() + 1);
        let own = VariantRanking { ranking: own.clone(), weight: weight.complement(), asked: None };
        rankings.push(own);
        for variant in variants {
            in_time(asked)?;
            let options = QueryOptions { typos: request.typos };
            let query = LexicalQuery::parse(&variant.text, options, self.language);
            let vectors = request.vectors;
            let request = SearchRequest { vectors, ..SearchRequest::new(variant.text.clone()) };
            let mut legs = self.run_legs(plan, &request, &query, allowed, started)?;
            if let Some(Degradation { reason, .. }) = legs.degraded.pop() {
                return Err(Left::Out(reason));
            }
            let ranking = legs.ranking(plan);
            let asked = Some(AskedVariant { variant, query, legs });
            rankings.push(VariantRanking { ranking, weight: share, asked });
        }
        Ok(rankings)
    }
}

fn in_time(asked: Asked<'_>) -> Result<(), Left> {
    asked.plan.missed(asked.started).map_or(Ok(()), |reason| Err(Left::Out(reason)))
}

fn head(ranking: &RankedList, n: usize) -> Vec<ChunkOrd> {
    ranking.entries().iter().take(n).map(|entry| entry.ord).collect()
}
