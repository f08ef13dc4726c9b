//! Building a hit's explanation: what each leg contributed to its score.

use super::Searcher;
use super::error::SearchError;
use super::expand::{AskedVariant, VARIANT_SCALE};
use super::explain::{Explanation, Operation};
use super::legs::{Legs, QueryVector};
use super::plan::SearchPlan;
use super::request::Strategy;
use super::rerank::Found;
use crate::fusion::{Fusion, Scale};
use crate::lexical::LexicalQuery;
use crate::ranked_list::{RankedList, ScoredChunk};

impl Searcher {
    /// Explains the score of one entry of the first stage's ranking: of a query with
    /// variants as the sum over their rankings.
    pub(super) fn explain(
        &self,
        found: &Found<'_>,
        entry: ScoredChunk,
    ) -> Result<Explanation, SearchError> {
        let Found { plan, query, legs, rankings, .. } = *found;
        if rankings.is_empty() {
            return self.explain_legs(plan, query, legs, entry);
        }
        let mut parts = Vec::with_capacity(rankings.len());
        for of in rankings {
            let Some((_, score)) = of.ranking.find(entry.ord) else { continue };
            let entry = ScoredChunk { score, ..entry };
            let (name, own) = match &of.asked {
                None => ("the query".to_owned(), self.explain_legs(plan, query, legs, entry)?),
                Some(AskedVariant { variant, query, legs }) => (
                    format!("variant {:?} ({})", variant.text, variant.rule),
                    self.explain_legs(plan, query, legs, entry)?,
                ),
            };
            let scale = Scale::fit(&of.ranking, VARIANT_SCALE);
            parts.push(weighted_part(&name, of.weight.get(), scale, own));
        }
        let told = "sum over the rankings of the query and its variants that hold the passage";
        Ok(Explanation::node(Operation::Sum, told, parts))
    }

    /// Explains the score of one entry of a ranking made from these legs.
    ///
    /// Each leg's contribution is computed from what the leg says of the chunk;
    /// a rank is a leaf whose details tell the leg's own score, since a rank
    /// does not follow from one chunk's score alone.
    fn explain_legs(
        &self,
        plan: &SearchPlan,
        query: &LexicalQuery,
        legs: &Legs,
        entry: ScoredChunk,
    ) -> Result<Explanation, SearchError> {
        let lexical = || -> Result<Explanation, SearchError> {
            let query = legs.expanded_query.as_ref().unwrap_or(query);
            let explained = self.generation.lexical.explain(query, entry.ord)?;
            Ok(explained.unwrap_or_else(|| Explanation::leaf(0.0, "no word of the query occurs")))
        };
        let told = match legs.vector_is {
            QueryVector::Encoded => "cosine of the query's and the passage's vectors",
            QueryVector::Moved => {
                "cosine of the passage's vector and the query's, moved towards the first passages"
            }
        };
        let dense = |score| Explanation::leaf(score, told);
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
                    weighted_part(&format!("{name} leg"), weight.get(), scale, own)
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

fn weighted_part(list: &str, weight: f64, scale: Scale, own: Explanation) -> Explanation {
    let normalised = if scale.width > 0.0 {
        let distance = Explanation::node(
            Operation::Difference,
            "score - origin",
            vec![own, Explanation::leaf(scale.origin, format!("origin of the scale of {list}"))],
        );
        let width = Explanation::leaf(scale.width, format!("width of the scale of {list}"));
        Explanation::node(Operation::Quotient, "(score - origin) / width", vec![distance, width])
    } else {
        let mut constant = Explanation::leaf(
            Scale::CONSTANT,
            format!("all scores of {list} are equal: the middle of the scale"),
        );
        constant.details.push(own);
        constant
    };
    Explanation::node(
        Operation::Product,
        format!("{list}: weight x normalised score"),
        vec![Explanation::leaf(weight, format!("weight of {list}")), normalised],
    )
}
