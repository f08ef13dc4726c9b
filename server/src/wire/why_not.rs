//! The answer to "why is this document not here?" as JSON.

use engine::{DocumentId, LegPlace, OrderedBy, WhyNot};
use serde::Serialize;
use utoipa::ToSchema;

/// The stage that lost a document, with what that stage knows of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WhyNotBody {
    /// The document that was asked about.
    document: String,
    #[serde(flatten)]
    lost: Lost,
}

/// What lost it, and by how much.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "stage", rename_all = "snake_case")]
enum Lost {
    /// The index does not hold it.
    NotIndexed,
    /// The filter excludes it.
    Filtered,
    /// It is behind the candidates of every leg.
    BeyondDepth {
        /// Candidates of a leg.
        depth: usize,
        /// Its place among the words' ranking, where it has one.
        lexical: Option<PlaceBody>,
        /// Its place among the vectors' ranking, where it has one.
        dense: Option<PlaceBody>,
    },
    /// It is a near-duplicate of a hit.
    Grouped {
        /// The hit's document.
        under: String,
    },
    /// It is behind the last hit.
    Outranked {
        /// Its place, from 1.
        rank: usize,
        /// Its score.
        score: f64,
        /// What it lacks to the last hit.
        gap: f64,
        /// `first_stage`, `reranked` or `not_read`.
        ordered_by: &'static str,
        /// Its rank before it was reranked.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<usize>,
    },
    /// It is among the hits.
    Returned {
        /// Its place, from 1.
        rank: usize,
        /// How many more of its passages `per_document` left out.
        capped: usize,
        /// How many more of its passages lie within ones that were found already.
        collapsed: usize,
    },
}

/// A place in a leg's ranking.
#[derive(Debug, Serialize, ToSchema)]
struct PlaceBody {
    /// Its place in the leg, from 1.
    rank: usize,
    /// Its score there.
    score: f64,
    /// What it lacks to the last candidate.
    gap: f64,
}

impl WhyNotBody {
    pub(super) fn new(document: &DocumentId, reason: WhyNot) -> Self {
        let lost = match reason {
            WhyNot::NotIndexed => Lost::NotIndexed,
            WhyNot::Filtered => Lost::Filtered,
            WhyNot::BeyondDepth { depth, lexical, dense } => Lost::BeyondDepth {
                depth,
                lexical: lexical.map(place_body),
                dense: dense.map(place_body),
            },
            WhyNot::Grouped { under } => Lost::Grouped { under: under.into() },
            WhyNot::Outranked { stage, rank, score, gap } => {
                let (ordered_by, before) = match stage {
                    OrderedBy::FirstStage => ("first_stage", None),
                    OrderedBy::Reranked { before } => ("reranked", Some(before)),
                    OrderedBy::NotRead => ("not_read", None),
                };
                Lost::Outranked { rank, score, gap, ordered_by, before }
            }
            WhyNot::Returned { rank, capped, collapsed } => {
                Lost::Returned { rank, capped, collapsed }
            }
        };
        Self { document: document.as_str().to_owned(), lost }
    }
}

fn place_body(place: LegPlace) -> PlaceBody {
    let LegPlace { rank, score, gap } = place;
    PlaceBody { rank, score, gap }
}
