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
        Ok(Some(Explanation::node(Operation::Sum, "BM25F, the sum over the query's terms", terms)))
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

    let k1 = || Explanation::leaf(snapshot.bm25.k1, "k1, saturation of repetitions");
    let s = || {
        let fields =
            frequencies.iter().map(|&(field, n)| occurrences(snapshot, segment, row, field, n));
        Explanation::node(Sum, "s, frequency weighted by field and length", fields.collect())
    };
    let above = Explanation::node(Sum, "k1 + 1", vec![k1(), Explanation::leaf(1.0, "1")]);
    let numerator = Explanation::node(Product, "(k1 + 1) * s", vec![above, s()]);
    let denominator = Explanation::node(Sum, "k1 + s", vec![k1(), s()]);
    let mut factors = vec![
        idf(snapshot.statistics.n_chunks, clause.n),
        Explanation::node(Quotient, "saturated frequency", vec![numerator, denominator]),
    ];
    if clause.clause.count > 1 {
        factors.insert(0, Explanation::leaf(f64::from(clause.clause.count), "times in the query"));
    }
    Explanation::node(Product, describe(clause), factors)
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

fn occurrences(
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
    let b = || Explanation::leaf(weight.b, format!("b of {name}, influence of length"));
    let relative = vec![
        Explanation::leaf(f64::from(length), format!("length of {name} in terms, as stored")),
        Explanation::leaf(average, format!("average length of {name}")),
    ];
    let relative = Explanation::node(Quotient, "length / average length", relative);
    let norm = vec![
        Explanation::node(Difference, "1 - b", vec![Explanation::leaf(1.0, "1"), b()]),
        Explanation::node(Product, "b * length / average length", vec![b(), relative]),
    ];
    let parts = vec![
        Explanation::leaf(weight.weight, format!("weight of {name}")),
        Explanation::node(
            Quotient,
            "frequency / (1 - b + b * length / average length)",
            vec![
                Explanation::leaf(f64::from(frequency), format!("frequency in {name}")),
                Explanation::node(Sum, "1 - b + b * length / average length", norm),
            ],
        ),
    ];
    Explanation::node(Product, format!("in {name}"), parts)
}

fn describe(clause: &ResolvedClause) -> String {
    let matcher = match &clause.clause.matcher {
        Matcher::Word { stem, surface } if stem == surface => format!("term {surface:?}"),
        Matcher::Word { stem, surface } => format!("term {surface:?} (stem {stem:?})"),
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
