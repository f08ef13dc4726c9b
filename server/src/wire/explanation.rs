//! An explanation as a JSON tree.

use engine::{Explanation, Operation};
use serde::Serialize;
use utoipa::ToSchema;

/// A node; `operation` says how `value` follows from `details`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExplanationBody {
    /// What it comes to.
    value: f64,
    /// What it is.
    description: String,
    /// `leaf`, `sum`, `product`, `quotient`, `difference`, `ln_one_plus` or `maximum`.
    operation: &'static str,
    /// What it is made of.
    #[schema(no_recursion)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<ExplanationBody>,
}

impl From<Explanation> for ExplanationBody {
    fn from(node: Explanation) -> Self {
        Self {
            value: node.value,
            description: node.description,
            operation: match node.operation {
                Operation::Leaf => "leaf",
                Operation::Sum => "sum",
                Operation::Product => "product",
                Operation::Quotient => "quotient",
                Operation::Difference => "difference",
                Operation::LnOnePlus => "ln_one_plus",
                Operation::Maximum => "maximum",
            },
            details: node.details.into_iter().map(Self::from).collect(),
        }
    }
}
