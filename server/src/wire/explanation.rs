//! An explanation as a JSON tree.

use engine::{Explanation, Operation};
use serde::Serialize;

/// A node; `operation` says how `value` follows from `details`.
#[derive(Debug, Serialize)]
pub(super) struct ExplanationBody {
    value: f64,
    description: String,
    operation: &'static str,
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
