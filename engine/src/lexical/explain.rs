//! Why a chunk has its lexical score: the formula of [`super::bm25`] with its
//! numbers.

use tantivy::fieldnorm::FieldNormReader;

use super::error::LexicalError;
use super::query::Matcher;
use super::resolve::{ResolvedClause, ResolvedQuery};
use super::schema::TextField;
use super::snapshot::LexicalSnapshot;
use crate::search::{Explanation, Operation};

impl ResolvedQuery<'_> {
    /// The tree for one row; `None` if the query does not find it.
    pub(super) fn explain(
        &self,
        segment: usize,
        row: u32,
    ) -> Result<Option<Explanation>, LexicalError> {
        if self.score(segment, row)?.is_none() {
            return Ok(None);
        }
        let mut terms = Vec::new();
        for clause in &self.clauses {
            let frequencies = clause.frequencies(self.snapshot, segment, row)?;
            if !frequencies.is_empty() {
                terms.push(term(self.snapshot, clause, segment, row, &frequencies));
            }
        }
        Ok(Some(Explanation::node(Operation::Sum, "BM25, the sum over the query's terms", terms)))
    }
}

fn term(
    snapshot: &LexicalSnapshot,
    clause: &ResolvedClause,
    segment: usize,
    row: u32,
    frequencies: &[(TextField, u32)],
) -> Explanation {
    use Operation::{Product, Quotient, Sum};

    let parts = frequencies.iter().map(|&(field, n)| part(snapshot, segment, row, field, n));
    let mut factors = vec![
        idf(snapshot.statistics.n_chunks, clause.n),
        Explanation::node(Sum, "the fields' parts", parts.collect()),
    ];
    let count = clause.clause.count;
    if count > 1 {
        let k3 =
            || Explanation::leaf(snapshot.bm25.k3, "k3, saturation of repetitions in the query");
        let times = || Explanation::leaf(f64::from(count), "q, times in the query");
        let above = Explanation::node(Sum, "k3 + 1", vec![k3(), one()]);
        let weight = vec![
            Explanation::node(Product, "(k3 + 1) * q", vec![above, times()]),
            Explanation::node(Sum, "k3 + q", vec![k3(), times()]),
        ];
        factors.insert(0, Explanation::node(Quotient, "weight in the query", weight));
    }
    let weight = clause.clause.weight;
    if weight != 1.0 {
        factors.insert(0, Explanation::leaf(weight, "weight of the term after feedback"));
    }
    Explanation::node(Product, describe(clause), factors)
}

fn one() -> Explanation {
    Explanation::leaf(1.0, "1")
}

fn idf(n_chunks: u64, n: u64) -> Explanation {
    use Operation::{Difference, LnOnePlus, Quotient, Sum};

    let half = || Explanation::leaf(0.5, "0.5");
    let with = || Explanation::leaf(n as f64, "n, live chunks with the term");
    let all = Explanation::leaf(n_chunks as f64, "N, live chunks");
    let without = Explanation::node(Difference, "N - n", vec![all, with()]);
    let ratio = vec![
        Explanation::node(Sum, "N - n + 0.5", vec![without, half()]),
        Explanation::node(Sum, "n + 0.5", vec![with(), half()]),
    ];
    let ratio = Explanation::node(Quotient, "(N - n + 0.5) / (n + 0.5)", ratio);
    Explanation::node(LnOnePlus, "idf, rarity: ln(1 + (N - n + 0.5) / (n + 0.5))", vec![ratio])
}

/// What one field adds, before rarity.
fn part(
    snapshot: &LexicalSnapshot,
    segment: usize,
    row: u32,
    field: TextField,
    frequency: u32,
) -> Explanation {
    use Operation::{Difference, Product, Quotient, Sum};

    let name = field.name();
    let weight = snapshot.bm25.field(field);
    let average = snapshot.statistics.average_length[field as usize];
    let norms = &snapshot.segments[segment].norms[field as usize];
    let length = FieldNormReader::id_to_fieldnorm(norms.fieldnorm_id(row));
    let k1 = || Explanation::leaf(snapshot.bm25.k1, "k1, saturation of repetitions");
    let b = || Explanation::leaf(weight.b, format!("b of {name}, influence of length"));
    let f = || Explanation::leaf(f64::from(frequency), format!("f, times in {name}"));
    let relative = vec![
        Explanation::leaf(f64::from(length), format!("length of {name} in terms, as stored")),
        Explanation::leaf(average, format!("average length of {name}")),
    ];
    let relative = Explanation::node(Quotient, "length / average length", relative);
    let norm = vec![
        Explanation::node(Difference, "1 - b", vec![one(), b()]),
        Explanation::node(Product, "b * length / average length", vec![b(), relative]),
    ];
    let norm = Explanation::node(Sum, "norm, 1 - b + b * length / average length", norm);
    let length_term = Explanation::node(Product, "k1 * norm", vec![k1(), norm]);
    let above = Explanation::node(Sum, "k1 + 1", vec![k1(), one()]);
    let saturated = vec![
        Explanation::node(Product, "(k1 + 1) * f", vec![above, f()]),
        Explanation::node(Sum, "f + k1 * norm", vec![f(), length_term]),
    ];
    let factors = vec![
        Explanation::leaf(weight.weight, format!("weight of {name}")),
        Explanation::node(Quotient, "saturated frequency", saturated),
    ];
    Explanation::node(Product, format!("in {name}"), factors)
}

fn describe(clause: &ResolvedClause) -> String {
    let matcher = match &clause.clause.matcher {
        Matcher::Word { stem, surface } if stem == surface => format!("term {surface:?}"),
        Matcher::Word { stem, surface } => format!("term {surface:?} (stem {stem:?})"),
        Matcher::Joined { stem } => format!("stem {stem:?}, written without its hyphen"),
        Matcher::Identifier(form) => format!("exact spelling {form:?}"),
        Matcher::Phrase(words) => {
            let stems: Vec<_> = words.iter().map(|word| word.stem.as_str()).collect();
            format!("phrase of the stems {:?}", stems.join(" "))
        }
        Matcher::Prefix(prefix) | Matcher::GramPrefix(prefix) => {
            format!("words beginning with {prefix:?}")
        }
    };
    if clause.lookup.corrections.is_empty() {
        matcher
    } else {
        format!("{matcher}, unknown and taken for {}", clause.lookup.corrections.join(", "))
    }
}
