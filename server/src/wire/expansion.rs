//! What was searched for besides the query, as it travels.

use engine::{Added, ExpansionReport, ExpansionTerm, QueryVariant};
use serde::Serialize;
use utoipa::ToSchema;

/// An expansion and what it added: of feedback the passages it learnt from, and how
/// near the moved vector is to the query's or which words joined it; of `multi-query`
/// the variants.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExpansionBody {
    /// Which one, with its parameters.
    expansion: String,
    /// Passages it learnt from.
    #[serde(skip_serializing_if = "Option::is_none")]
    passages: Option<usize>,
    /// How near the moved vector is to the query's.
    #[serde(skip_serializing_if = "Option::is_none")]
    cosine: Option<f64>,
    /// Words that joined the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<Vec<TermBody>>,
    /// Further forms of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    variants: Option<Vec<VariantBody>>,
}

/// A word that joined the query.
#[derive(Debug, Serialize, ToSchema)]
struct TermBody {
    /// The word.
    term: String,
    /// Its share of the added weight.
    share: f64,
}

/// A further form of the query.
#[derive(Debug, Serialize, ToSchema)]
struct VariantBody {
    /// What was searched for.
    text: String,
    /// How it was made.
    rule: &'static str,
}

impl From<ExpansionReport> for ExpansionBody {
    fn from(ExpansionReport { expansion, added }: ExpansionReport) -> Self {
        let body = Self {
            expansion: expansion.to_string(),
            passages: None,
            cosine: None,
            terms: None,
            variants: None,
        };
        match added {
            Added::Vector { passages, cosine } => {
                Self { passages: Some(passages), cosine: Some(cosine), ..body }
            }
            Added::Terms { passages, terms } => {
                let terms =
                    terms.into_iter().map(|ExpansionTerm { term, share }| TermBody { term, share });
                Self { passages: Some(passages), terms: Some(terms.collect()), ..body }
            }
            Added::Variants(variants) => {
                let variants = variants
                    .into_iter()
                    .map(|QueryVariant { text, rule }| VariantBody { text, rule: rule.name() });
                Self { variants: Some(variants.collect()), ..body }
            }
        }
    }
}
