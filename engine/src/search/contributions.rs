//! Building a hit's explanation: what each leg contributed to its score.

use super::Searcher;
use super::error::SearchError;
use super::explain::{Explanation, Operation};
use super::legs::Legs;
use super::plan::SearchPlan;
use super::request::Strategy;
use crate::fusion::{Fusion, Scale};
use crate::lexical::LexicalQuery;
use crate::ranked_list::{RankedList, ScoredChunk};

impl Searcher {
    /// Explains the score of one entry of the ranking.
    ///
    /// Each leg's contribution is computed from what the leg says of the chunk;
    /// a rank is a leaf whose details tell the leg's own score, since a rank
    /// does not follow from one chunk's score alone.
    pub(super) fn explain(
        &self,
        plan: &SearchPlan,
        query: &LexicalQuery,
        legs: &Legs,
        entry: ScoredChunk,
    ) -> Result<Explanation, SearchError> {
        let lexical = || -> Result<Explanation, SearchError> {
            let explained = self.generation.lexical.explain(query, entry.ord)?;
            Ok(explained.unwrap_or_else(|| Explanation::leaf(0.0, "no word of the query occurs")))
        };
        let dense =
            |score| Explanation::leaf(score, "cosine of the query's and the passage's vectors");
        let (fusion, legs) = match plan.strategy {
            Strategy::Lexical => return lexical(),
            Strategy::Dense => return Ok(dense(entry.score)),
            Strategy::Hybrid { fusion } => {
                let of = |list: &RankedList| list.find(entry.ord);
                (
                    fusion,
                    [
                        ("lexical", &legs.lexical, of(&legs.lexical)),
                        ("dense", &legs.dense, of(&legs.dense)),
                    ],
                )
            }
        };
        let mut parts = Vec::new();
        for (name, list, found) in legs {
            let Some((rank, score)) = found else { continue };
            let own = if name == "lexical" { lexical()? } else { dense(score) };
            parts.push(match fusion {
                Fusion::ReciprocalRank { k } => reciprocal_rank_part(name, k.get(), rank, own),
                Fusion::WeightedSum { normalization, dense_weight } => {
                    let weight =
                        if name == "dense" { dense_weight } else { dense_weight.complement() };
                    let scale = Scale::fit(list, normalization);
                    weighted_part(name, weight.get(), scale, own)
                }
            });
        }
        Ok(Explanation::node(
            Operation::Sum,
            format!("{fusion} over the legs that hold the passage"),
            parts,
        ))
    }
}

fn reciprocal_rank_part(leg: &str, k: f64, rank: usize, own: Explanation) -> Explanation {
    let mut place = Explanation::leaf(rank as f64, format!("rank in the {leg} leg, from 1"));
    place.details.push(own);
    let denominator = Explanation::node(
        Operation::Sum,
        "k + rank",
        vec![Explanation::leaf(k, "k, the smoothing constant"), place],
    );
    Explanation::node(
        Operation::Quotient,
        format!("{leg} leg: 1 / (k + rank)"),
        vec![Explanation::leaf(1.0, "1"), denominator],
    )
}

fn weighted_part(leg: &str, weight: f64, scale: Scale, own: Explanation) -> Explanation {
    let normalised = if scale.width > 0.0 {
        let distance = Explanation::node(
            Operation::Difference,
            "score - origin",
            vec![own, Explanation::leaf(scale.origin, "origin of the leg's scale")],
        );
        let width = Explanation::leaf(scale.width, "width of the leg's scale");
        Explanation::node(Operation::Quotient, "(score - origin) / width", vec![distance, width])
    } else {
        let mut constant = Explanation::leaf(
            Scale::CONSTANT,
            "all scores of the leg are equal: the middle of the scale",
        );
        constant.details.push(own);
        constant
    };
    Explanation::node(
        Operation::Product,
        format!("{leg} leg: weight x normalised score"),
        vec![Explanation::leaf(weight, format!("weight of the {leg} leg")), normalised],
    )
}
