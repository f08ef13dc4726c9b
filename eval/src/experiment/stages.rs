//! Stage accounting: what was still there after each stage, so that a reader
//! sees where quality is lost.
//!
//! Every figure is a mean over topics. Recall is of a question's own evidence
//! on the level of passages, of relevant documents for collections.

use corpora::Qrels;
use engine::{DocumentId, Span};
use serde::{Deserialize, Serialize};

use super::run::{KEPT_RANKS, SystemRun};
use super::truth::Truth;
use crate::measure::{Measure, Metric};
use crate::questions::ResolvedQuestion;

/// What a hybrid search keeps, stage by stage; shares in `[0, 1]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageAccount {
    /// Recall of the lexical leg's first 100.
    pub lexical: f64,
    /// Recall of the dense leg's first 100.
    pub dense: f64,
    /// Recall of both together: what fusion could keep at best.
    pub union: f64,
    /// Recall of the first 100 after fusion.
    pub fused: f64,
    /// nDCG@10 of those 100 in the best order there is: the ceiling for any
    /// reranker.
    pub oracle: f64,
    /// nDCG@10 as returned.
    pub returned: f64,
    /// Recall of the first 10 as returned.
    pub returned_recall: f64,
}

impl StageAccount {
    /// Every figure with its name, in the order of the stages.
    pub fn figures(&self) -> [(&'static str, f64); 7] {
        [
            ("lexical, 100", self.lexical),
            ("dense, 100", self.dense),
            ("union", self.union),
            ("fused, 100", self.fused),
            ("first 10", self.returned_recall),
            ("nDCG@10", self.returned),
            ("best order", self.oracle),
        ]
    }

    /// Accounts for a hybrid run by the runs of its legs.
    ///
    /// # Arguments
    /// * `lexical`, `dense`, `fused` - runs over the same index and topics.
    pub fn new(truth: &Truth, lexical: &SystemRun, dense: &SystemRun, fused: &SystemRun) -> Self {
        let topics = match truth {
            Truth::Questions { questions, .. } => {
                questions.iter().map(Relevant::Passages).collect::<Vec<_>>()
            }
            Truth::Documents(qrels) => {
                qrels.iter().map(|(topic, _)| Relevant::Documents { topic, qrels }).collect()
            }
        };
        let mut sum = Self::default();
        for relevant in &topics {
            let n = relevant.len();
            let found_lexical = relevant.found(lexical);
            let found_dense = relevant.found(dense);
            let found_fused = relevant.found(fused);
            let union =
                found_lexical.iter().zip(&found_dense).filter(|(l, d)| l.is_some() || d.is_some());
            sum.union += share(union.count(), n);
            sum.lexical += share(found_lexical.iter().flatten().count(), n);
            sum.dense += share(found_dense.iter().flatten().count(), n);
            sum.fused += share(found_fused.iter().flatten().count(), n);
            let ndcg = Measure::at(Metric::Ndcg, 10);
            let by_rank = counts_by_rank(&found_fused);
            sum.returned += ndcg.score_units(&by_rank, n);
            let mut best = by_rank.clone();
            best.sort_unstable_by(|a, b| b.cmp(a));
            sum.oracle += ndcg.score_units(&best, n);
            let shallow = found_fused.iter().flatten().filter(|rank| **rank < 10);
            sum.returned_recall += share(shallow.count(), n);
        }
        let n = topics.len().max(1) as f64;
        Self {
            lexical: sum.lexical / n,
            dense: sum.dense / n,
            union: sum.union / n,
            fused: sum.fused / n,
            oracle: sum.oracle / n,
            returned: sum.returned / n,
            returned_recall: sum.returned_recall / n,
        }
    }
}

fn share(found: usize, of: usize) -> f64 {
    found as f64 / of.max(1) as f64
}

/// By rank, how many relevant things were first found there.
fn counts_by_rank(found: &[Option<usize>]) -> Vec<usize> {
    let mut counts = vec![0; KEPT_RANKS];
    for &rank in found.iter().flatten() {
        if let Some(count) = counts.get_mut(rank) {
            *count += 1;
        }
    }
    counts
}

/// What is relevant for one topic.
enum Relevant<'t> {
    Passages(&'t ResolvedQuestion),
    Documents { topic: &'t str, qrels: &'t Qrels },
}

impl Relevant<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Passages(question) => question.evidence.len(),
            Self::Documents { topic, qrels } => relevant_documents(topic, qrels).count(),
        }
    }

    /// For each relevant thing, the rank (from 0) where the run first finds it.
    fn found(&self, run: &SystemRun) -> Vec<Option<usize>> {
        let topic = match self {
            Self::Passages(question) => question.id.as_str(),
            Self::Documents { topic, .. } => topic,
        };
        let ranking = run.rankings.iter().find(|ranking| ranking.topic == topic);
        let hits = ranking.map(|ranking| ranking.hits.as_slice()).unwrap_or_default();
        let rank_of = |document: &DocumentId, span: Option<Span>| {
            hits.iter().position(|hit| {
                let holds = std::iter::once(&hit.document)
                    .chain(&hit.duplicates)
                    .any(|number| run.document(*number) == document);
                holds && span.is_none_or(|span| span.overlaps(hit.span))
            })
        };
        match self {
            Self::Passages(question) => question
                .evidence
                .iter()
                .map(|evidence| rank_of(&evidence.document, Some(evidence.span)))
                .collect(),
            Self::Documents { topic, qrels } => {
                relevant_documents(topic, qrels).map(|document| rank_of(document, None)).collect()
            }
        }
    }
}

fn relevant_documents<'q>(
    topic: &str,
    qrels: &'q Qrels,
) -> impl Iterator<Item = &'q DocumentId> + use<'q> {
    qrels
        .topic(topic)
        .into_iter()
        .flat_map(|judgments| judgments.iter())
        .filter(|(_, grade)| **grade >= Measure::RELEVANT_FROM)
        .map(|(document, _)| document)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use corpora::QuestionKind;

    use super::*;
    use crate::experiment::run::{RankedHit, TopicRanking};
    use crate::indexing::IndexingRecord;
    use crate::questions::{EvidencePassage, LostJudgments};

    fn run(strategy: &str, spans: &[(usize, usize)]) -> SystemRun {
        let hits = spans
            .iter()
            .map(|&(start, end)| RankedHit {
                document: 0,
                span: Span::new(start, end),
                duplicates: vec![],
            })
            .collect();
        SystemRun {
            system: format!("whole | {strategy} | m").parse().unwrap(),
            depends_on: BTreeMap::new(),
            documents: vec![DocumentId::new("a").unwrap()],
            rankings: vec![TopicRanking { topic: "q".into(), hits }],
            timings_ms: BTreeMap::new(),
            indexing: IndexingRecord::default(),
        }
    }

    #[test]
    fn every_stage_counts_what_it_kept() {
        let evidence = |start, end| EvidencePassage {
            document: DocumentId::new("a").unwrap(),
            span: Span::new(start, end),
        };
        let truth = Truth::Questions {
            questions: vec![ResolvedQuestion {
                id: "q".into(),
                text: "?".into(),
                kind: QuestionKind::MultiPassage,
                evidence: vec![
                    evidence(0, 5),
                    evidence(10, 15),
                    evidence(20, 25),
                    evidence(30, 35),
                ],
            }],
            judged: vec![],
            lost: LostJudgments::default(),
            n_unresolved: 0,
        };
        let lexical = run("lexical", &[(0, 8)]);
        let dense = run("dense", &[(12, 18), (90, 99)]);
        let fused = run("hybrid", &[(90, 99), (12, 18), (0, 8)]);
        let account = StageAccount::new(&truth, &lexical, &dense, &fused);
        let ideal = 1.0 + 1.0 / 3_f64.log2() + 0.5 + 1.0 / 5_f64.log2();
        assert_eq!((account.lexical, account.dense, account.union), (0.25, 0.25, 0.5));
        assert_eq!((account.fused, account.returned_recall), (0.5, 0.5));
        assert!((account.oracle - (1.0 + 1.0 / 3_f64.log2()) / ideal).abs() < 1e-12);
        assert!((account.returned - (1.0 / 3_f64.log2() + 0.5) / ideal).abs() < 1e-12);
    }
}
