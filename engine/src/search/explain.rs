//! Why a hit has its score: a tree whose leaves recombine to it.

/// How a node's value follows from its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The value is given: a count, a rank, a parameter, a similarity. Its
    /// details, if any, are background and do not enter the value.
    Leaf,
    /// The children's sum.
    Sum,
    /// The children's product.
    Product,
    /// The first child divided by the second.
    Quotient,
    /// The first child minus the second.
    Difference,
    /// The natural logarithm of 1 plus the only child.
    LnOnePlus,
    /// The largest child.
    Maximum,
}

/// A node of an explanation: a value, what it is, and what it was made from.
///
/// The shape is tantivy's and Lucene's; the [`Operation`] is added so that a
/// test, or a reader who doubts, can compute the score from the leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The node's value, as the engine computed it.
    pub value: f64,
    /// What it is, in words and symbols.
    pub description: String,
    /// How `value` follows from `details`.
    pub operation: Operation,
    /// The children, in the order [`Operation`] reads them.
    pub details: Vec<Explanation>,
}

impl Explanation {
    /// A node without children.
    pub fn leaf(value: f64, description: impl Into<String>) -> Self {
        Self {
            value,
            description: description.into(),
            operation: Operation::Leaf,
            details: Vec::new(),
        }
    }

    /// A node whose value is computed from its children.
    pub fn node(operation: Operation, description: impl Into<String>, details: Vec<Self>) -> Self {
        let mut node = Self { value: 0.0, description: description.into(), operation, details };
        node.value = node.combine(|child| child.value);
        node
    }

    /// The value computed from the leaves alone, ignoring every stated value
    /// above them. Differs from [`Explanation::value`] by rounding only.
    pub fn recombine(&self) -> f64 {
        self.combine(Self::recombine)
    }

    fn combine(&self, value: impl Fn(&Self) -> f64) -> f64 {
        let mut values = self.details.iter().map(value);
        match self.operation {
            Operation::Leaf => self.value,
            Operation::Sum => values.sum(),
            Operation::Product => values.product(),
            Operation::Maximum => values.fold(f64::NEG_INFINITY, f64::max),
            Operation::LnOnePlus => values.next().map_or(f64::NAN, f64::ln_1p),
            Operation::Quotient => match (values.next(), values.next()) {
                (Some(numerator), Some(denominator)) => numerator / denominator,
                _ => f64::NAN,
            },
            Operation::Difference => match (values.next(), values.next()) {
                (Some(minuend), Some(subtrahend)) => minuend - subtrahend,
                _ => f64::NAN,
            },
        }
    }
}
