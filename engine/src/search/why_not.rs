//! Why a document is not among the hits: the first stage that lost it.

use std::fmt;

use super::Searcher;
use super::error::SearchError;
use super::legs::Legs;
use super::plan::SearchPlan;
use super::request::Strategy;
use super::rerank::Ranked;
use crate::document::{ChunkOrd, DocumentId};
use crate::lexical::LexicalQuery;
use crate::ord_set::OrdSet;
use crate::ranked_list::RankedList;

/// A document's best place in one leg, searched to the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LegPlace {
    /// 1-based, among all allowed chunks.
    pub rank: usize,
    /// Its score in the leg.
    pub score: f64,
    /// Score of the leg's last candidate minus this one: how much was missing.
    pub gap: f64,
}

/// Where a document was lost.
#[derive(Clone, Debug, PartialEq)]
pub enum WhyNot {
    /// It is not in the index.
    NotIndexed,
    /// It is there, but no chunk of it passes the filter.
    Filtered,
    /// No leg ranks any chunk of it among its candidates, not for a variant of the query
    /// either; the places are those for the query itself, after feedback.
    BeyondDepth {
        /// Candidates a leg takes.
        depth: usize,
        /// Its place by words; `None` when no query word occurs in it or the
        /// leg did not run.
        lexical: Option<LegPlace>,
        /// Its place by vectors; `None` when the leg did not run.
        dense: Option<LegPlace>,
    },
    /// Its best chunk is nearly the same as that of a hit, and named there.
    Grouped {
        /// The hit's document.
        under: DocumentId,
    },
    /// It was a candidate, but others were better.
    Outranked {
        /// The last stage that ordered it.
        stage: OrderedBy,
        /// Its best rank there, from 1.
        rank: usize,
        /// Its score there.
        score: f64,
        /// Score of the last hit minus its own.
        gap: f64,
    },
    /// It is among the hits.
    Returned {
        /// Its best place, from 1.
        rank: usize,
        /// How many more of its chunks the cap per document left out.
        capped: usize,
        /// How many more of its chunks were found inside passages that another
        /// chunk had brought back already.
        collapsed: usize,
    },
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |leg: &str, place: &Option<LegPlace>| {
            place.map_or(format!("not ranked in the {leg} leg"), |place| {
                format!(
                    "rank {} in the {leg} leg ({:.4}, {:.4} below the last candidate)",
                    place.rank, place.score, place.gap
                )
            })
        };
        match self {
            Self::NotIndexed => f.write_str("it is not in the index"),
            Self::Filtered => f.write_str("the filter excludes it"),
            Self::BeyondDepth { depth, lexical, dense } => write!(
                f,
                "beyond the {depth} candidates of each leg: {}; {}",
                place("lexical", lexical),
                place("dense", dense)
            ),
            Self::Grouped { under } => write!(f, "nearly the same as a hit of {under}"),
            Self::Outranked { stage, rank, score, gap } => {
                write!(f, "rank {rank} with {score:.4}, {gap:.4} below the last hit")?;
                match stage {
                    OrderedBy::FirstStage => Ok(()),
                    OrderedBy::Reranked { before } => {
                        write!(f, "; rank {before} before reranking")
                    }
                    OrderedBy::NotRead => f.write_str("; the reranker did not come that far"),
                }
            }
            Self::Returned { rank, capped, collapsed } => {
                write!(f, "it is hit {rank}")?;
                if *capped > 0 {
                    write!(f, "; {capped} more of its passages were capped")?;
                }
                if *collapsed > 0 {
                    write!(f, "; {collapsed} more were found inside what is shown")?;
                }
                Ok(())
            }
        }
    }
}

/// What gave a candidate its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderedBy {
    /// The first stage: a leg, fusion, or the ranking that was given.
    FirstStage,
    /// The reranker read it.
    Reranked {
        /// Its rank before that, from 1.
        before: usize,
    },
    /// There was a reranker, but it did not come that far.
    NotRead,
}

/// The stages' results, from which the answer is read.
pub(super) struct Trace<'a> {
    pub(super) plan: &'a SearchPlan,
    pub(super) query: &'a LexicalQuery,
    pub(super) allowed: &'a OrdSet,
    pub(super) legs: &'a Legs,
    pub(super) first: &'a RankedList,
    pub(super) ranked: &'a Ranked,
}

impl Trace<'_> {
    fn ordered_by(&self, ord: ChunkOrd) -> OrderedBy {
        if !self.ranked.is_reranked() {
            return OrderedBy::FirstStage;
        }
        let before = self.first.find(ord).map(|(rank, _)| rank);
        match before.filter(|_| self.ranked.features(self.first, ord).is_some()) {
            Some(before) => OrderedBy::Reranked { before },
            None => OrderedBy::NotRead,
        }
    }
}

impl Searcher {
    /// Finds the first stage that lost `id`. An exact duplicate is traced by
    /// the document that holds its text.
    pub(super) fn why_not(
        &self,
        id: &DocumentId,
        trace: &Trace<'_>,
    ) -> Result<WhyNot, SearchError> {
        let ords: Vec<_> = self.generation.texts.ords_of(id).map(ChunkOrd).collect();
        if ords.is_empty() {
            return Ok(WhyNot::NotIndexed);
        }
        let allowed: Vec<_> = ords.into_iter().filter(|&ord| trace.allowed.contains(ord)).collect();
        if allowed.is_empty() {
            return Ok(WhyNot::Filtered);
        }
        let is_ours = |ord: &ChunkOrd| allowed.binary_search(ord).is_ok();
        let Ranked { ranking, selection, .. } = trace.ranked;
        let selected = &selection.selected;
        if let Some(at) = selected.iter().position(|hit| is_ours(&hit.entry.ord)) {
            let ours = |ords: &[ChunkOrd]| ords.iter().filter(|ord| is_ours(ord)).count();
            let capped = ours(&selection.capped);
            let collapsed = ours(&selection.collapsed);
            return Ok(WhyNot::Returned { rank: at + 1, capped, collapsed });
        }
        let best = ranking.entries().iter().position(|entry| is_ours(&entry.ord));
        let Some(at) = best else { return self.beyond_depth(&allowed, trace) };
        let entry = ranking.entries()[at];
        if let Some(hit) = selection.group_of(entry.ord) {
            return Ok(WhyNot::Grouped { under: hit.document.clone() });
        }
        let last = selected.last().map_or(entry.score, |hit| hit.entry.score);
        let stage = trace.ordered_by(entry.ord);
        Ok(WhyNot::Outranked { stage, rank: at + 1, score: entry.score, gap: last - entry.score })
    }

    fn beyond_depth(&self, ords: &[ChunkOrd], trace: &Trace<'_>) -> Result<WhyNot, SearchError> {
        let generation = &self.generation;
        let mut lexical: Option<LegPlace> = None;
        let mut dense: Option<LegPlace> = None;
        let better = |old: Option<LegPlace>, new: LegPlace| match old {
            Some(old) if old.rank <= new.rank => Some(old),
            Some(_) | None => Some(new),
        };
        let query = trace.legs.expanded_query.as_ref().unwrap_or(trace.query);
        for &ord in ords {
            if trace.plan.strategy != Strategy::Dense {
                let place = generation.lexical.rank_of(query, ord, Some(trace.allowed))?;
                if let Some((rank, score)) = place {
                    lexical = better(lexical, place_of(rank, score, &trace.legs.lexical));
                }
            }
            if let Some(vector) = &trace.legs.vector
                && let Some((rank, score)) = generation.vectors.rank_of(vector, ord, trace.allowed)
            {
                dense = better(dense, place_of(rank, score, &trace.legs.dense));
            }
        }
        Ok(WhyNot::BeyondDepth { depth: trace.plan.depth, lexical, dense })
    }
}

fn place_of(rank: usize, score: f64, candidates: &RankedList) -> LegPlace {
    let last = candidates.entries().last().map_or(score, |entry| entry.score);
    LegPlace { rank, score, gap: last - score }
}
