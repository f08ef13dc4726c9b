//! The answer to "why is this document not here?" as JSON.

use engine::{DocumentId, LegPlace, OrderedBy, WhyNot};
use serde::Serialize;

/// The stage that lost a document, with what that stage knows of it.
#[derive(Debug, Serialize)]
pub(super) struct WhyNotBody {
    document: String,
    #[serde(flatten)]
    lost: Lost,
}

#[derive(Debug, Serialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
enum Lost {
    NotIndexed,
    Filtered,
    BeyondDepth {
        depth: usize,
        lexical: Option<PlaceBody>,
        dense: Option<PlaceBody>,
    },
    Grouped {
        under: String,
    },
    Outranked {
        rank: usize,
        score: f64,
        gap: f64,
        /// `first_stage`, `reranked` or `not_read`.
        ordered_by: &'static str,
        /// Its rank before it was reranked.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<usize>,
    },
    Returned {
        rank: usize,
        capped: usize,
        collapsed: usize,
    },
}

#[derive(Debug, Serialize)]
struct PlaceBody {
    rank: usize,
    score: f64,
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
