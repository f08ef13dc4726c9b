//! Pooled judgments in an index: what is known of a passage beyond the
//! question's own quotes.
//!
//! **The rule, stated once.** A passage reaches a relevant span when it shares a
//! byte with it. Each relevant span gains once, for the first passage that
//! reaches it; a passage that reaches several gains the best of them, because a
//! reader who is told something twice has learnt it once. A passage is judged
//! when it reaches a relevant span, or when at least half of it was read.

use std::collections::{BTreeMap, HashMap};

use corpora::{JudgedDocument, MAX_GRADE, text_digest, union_spans};
use engine::{DocumentId, Searcher, Span, resolve_quote};

use super::ResolvedQuestion;
use crate::error::EvalError;
use crate::measure::Measure;

/// Everything known about one question's passages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JudgedQuestion {
    /// What answers, with its grade; disjoint within a document.
    relevant: Vec<(DocumentId, Span, u8)>,
    /// What was read.
    read: HashMap<DocumentId, Vec<Span>>,
}

/// Judgments that an index cannot use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LostJudgments {
    /// Documents the index does not hold, or holds with another text: what was
    /// read of them is unknown.
    pub documents: usize,
    /// Quotes that answer and are not there.
    pub quotes: usize,
}

/// What a ranking is worth by these judgments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedRanking {
    /// By rank, the gain.
    gains: Vec<i32>,
    /// By rank, whether the passage was judged.
    judged: Vec<bool>,
}

/// Joins questions with judgments, in the order of `questions`.
///
/// A question's own evidence is relevant with the best grade, judged or not. Of
/// two judges the better grade counts.
///
/// # Errors
/// [`EvalError::Segment`] when a document cannot be read.
pub fn join_judgments(
    searcher: &Searcher,
    questions: &[ResolvedQuestion],
    judgments: &[JudgedDocument],
) -> Result<(Vec<JudgedQuestion>, LostJudgments), EvalError> {
    let mut by_question: HashMap<&str, Vec<&JudgedDocument>> = HashMap::new();
    for judged in judgments {
        by_question.entry(&judged.question).or_default().push(judged);
    }
    let mut lost = LostJudgments::default();
    let mut texts = Texts { searcher, known: HashMap::new() };
    let joined = questions
        .iter()
        .map(|question| {
            let mut spans: BTreeMap<DocumentId, Vec<(Span, u8)>> = BTreeMap::new();
            for evidence in &question.evidence {
                let document = evidence.document.clone();
                spans.entry(document).or_default().push((evidence.span, MAX_GRADE));
            }
            let mut read: HashMap<DocumentId, Vec<Span>> = HashMap::new();
            for judged in by_question.get(question.id.as_str()).into_iter().flatten() {
                let Some(held) = texts.get(&judged.document)? else {
                    lost.documents += 1;
                    lost.quotes += judged.relevant.len();
                    continue;
                };
                if held.digest == judged.text {
                    let spans = judged.judged.iter().map(|span| span.0);
                    read.entry(held.document.clone()).or_default().extend(spans);
                } else {
                    lost.documents += 1;
                }
                for quoted in &judged.relevant {
                    match resolve_quote(&held.text, &quoted.quote, quoted.occurrence) {
                        Some(span) => {
                            let document = held.document.clone();
                            spans.entry(document).or_default().push((span, quoted.grade));
                        }
                        None => lost.quotes += 1,
                    }
                }
            }
            for spans in read.values_mut() {
                *spans = union_spans(std::mem::take(spans));
            }
            let relevant = spans.into_iter().flat_map(|(document, spans)| {
                disjoint(spans)
                    .into_iter()
                    .map(move |(span, grade)| (document.clone(), span, grade))
            });
            Ok(JudgedQuestion { relevant: relevant.collect(), read })
        })
        .collect::<Result<_, EvalError>>()?;
    Ok((joined, lost))
}

impl JudgedQuestion {
    /// Judges a ranking.
    ///
    /// # Arguments
    /// * `hits` - best first; of an exact duplicate, the document that holds
    ///   the text.
    pub fn judge(&self, hits: &[(&DocumentId, Span)]) -> JudgedRanking {
        let mut missing: Vec<_> = self.relevant.iter().collect();
        let mut ranking = JudgedRanking { gains: Vec::new(), judged: Vec::new() };
        for (document, span) in hits {
            let mut gain = 0;
            missing.retain(|relevant| {
                let reached = reaches(relevant, document, *span);
                if reached {
                    gain = gain.max(i32::from(relevant.2));
                }
                !reached
            });
            ranking.gains.push(gain);
            ranking.judged.push(self.is_judged(document, *span));
        }
        ranking
    }

    /// Scores a judged ranking.
    pub fn score(&self, measure: &Measure, ranking: &JudgedRanking) -> f64 {
        let all: Vec<i32> = self.relevant.iter().map(|(_, _, grade)| i32::from(*grade)).collect();
        measure.score_gains(&ranking.gains, &ranking.judged, &all)
    }

    /// Whether it is known what the passage is worth.
    pub fn is_judged(&self, document: &DocumentId, span: Span) -> bool {
        self.relevant.iter().any(|relevant| reaches(relevant, document, span))
            || self.read_share(document, span) >= 0.5
    }

    /// Which share of `span` somebody has read.
    fn read_share(&self, document: &DocumentId, span: Span) -> f64 {
        let read = self
            .read
            .get(document)
            .map_or(0, |read| read.iter().map(|read| overlap(*read, span)).sum::<usize>());
        read as f64 / span.len().max(1) as f64
    }
}

impl JudgedRanking {
    /// `Judged@k`: the share of the first `k` passages that were judged; of
    /// fewer passages, of those. 1 when there are none, since nothing is unknown;
    /// the measure of that name says 0, as ir_measures does.
    pub fn judged_share(&self, k: usize) -> f64 {
        let first = &self.judged[..self.judged.len().min(k)];
        if first.is_empty() {
            return 1.0;
        }
        first.iter().filter(|judged| **judged).count() as f64 / first.len() as f64
    }
}

fn reaches(
    (holder, relevant, _): &(DocumentId, Span, u8),
    document: &DocumentId,
    span: Span,
) -> bool {
    holder == document && relevant.overlaps(span)
}

/// Documents that judgments speak of, read once each.
struct Texts<'s> {
    searcher: &'s Searcher,
    known: HashMap<DocumentId, Option<Held>>,
}

struct Held {
    /// Where the text is stored.
    document: DocumentId,
    text: String,
    digest: String,
}

impl Texts<'_> {
    fn get(&mut self, id: &DocumentId) -> Result<Option<&Held>, EvalError> {
        if !self.known.contains_key(id) {
            let held = self.searcher.document(id)?.map(|stored| Held {
                document: stored.duplicate_of.unwrap_or(stored.id),
                digest: text_digest(&stored.text),
                text: stored.text,
            });
            self.known.insert(id.clone(), held);
        }
        Ok(self.known.get(id).and_then(Option::as_ref))
    }
}

fn overlap(a: Span, b: Span) -> usize {
    (a.end.min(b.end)).saturating_sub(a.start.max(b.start)) as usize
}

/// Overlapping spans as one with the best grade: they quote the same words.
fn disjoint(mut spans: Vec<(Span, u8)>) -> Vec<(Span, u8)> {
    spans.sort_unstable_by_key(|(span, _)| span.start);
    let mut joined: Vec<(Span, u8)> = Vec::with_capacity(spans.len());
    for (span, grade) in spans {
        match joined.last_mut() {
            Some((last, best)) if span.start < last.end => {
                last.end = last.end.max(span.end);
                *best = grade.max(*best);
            }
            _ => joined.push((span, grade)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> DocumentId {
        DocumentId::new(name).unwrap()
    }

    fn question() -> JudgedQuestion {
        JudgedQuestion {
            relevant: vec![
                (id("a"), Span::new(10, 20), 2),
                (id("a"), Span::new(30, 40), 1),
                (id("b"), Span::new(0, 5), 1),
            ],
            read: HashMap::from([
                (id("a"), vec![Span::new(0, 60)]),
                (id("c"), vec![Span::new(0, 10)]),
            ]),
        }
    }

    #[test]
    fn a_passage_gains_its_best_span_and_no_span_gains_twice() {
        let (a, b, c) = (id("a"), id("b"), id("c"));
        let hits = [
            (&c, Span::new(0, 20)),  // half of it was read
            (&a, Span::new(15, 35)), // reaches 2 and 1
            (&a, Span::new(10, 40)), // both again
            (&b, Span::new(4, 90)),  // hardly read, but it answers
            (&c, Span::new(0, 21)),  // less than half
        ];
        let ranking = question().judge(&hits);
        assert_eq!(ranking.gains, [0, 2, 0, 1, 0]);
        assert_eq!(ranking.judged, [true, true, true, true, false]);
        assert_eq!(ranking.judged_share(10), 0.8);
        assert_eq!(ranking.judged_share(4), 1.0);
        let judged: Measure = "Judged@10".parse().unwrap();
        assert_eq!(question().score(&judged, &ranking), 0.8);
        let ndcg: Measure = "nDCG@10".parse().unwrap();
        let ideal = 2.0 + 1.0 / 3_f64.log2() + 0.5;
        let expected = (2.0 / 3_f64.log2() + 1.0 / 5_f64.log2()) / ideal;
        assert!((question().score(&ndcg, &ranking) - expected).abs() < 1e-12);
        let success: Measure = "Success@1".parse().unwrap();
        assert_eq!(question().score(&success, &ranking), 0.0);
    }

    #[test]
    fn spans_join() {
        let span = |start, end| Span::new(start, end);
        assert_eq!(
            union_spans(vec![span(5, 9), span(0, 5), span(20, 30)]),
            [span(0, 9), span(20, 30)]
        );
        assert_eq!(
            disjoint(vec![(span(4, 9), 1), (span(0, 5), 2), (span(9, 12), 1)]),
            [(span(0, 9), 2), (span(9, 12), 1)]
        );
    }
}
