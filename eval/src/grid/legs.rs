//! Both legs of every topic, searched once and fused offline.

use std::collections::HashMap;

use corpora::{BeirCollection, Qrels, Question, Topic};
use engine::{
    ChunkOrd, DocumentId, Hit, NearDuplicates, RankedList, ScoredChunk, SearchRequest, Searcher,
    Span, Strategy, VectorSearch,
};

use super::DEPTHS;
use crate::error::EvalError;
use crate::evaluation::{MeasureResult, evaluate};
use crate::measure::RequestedMeasure;
use crate::questions::{ResolvedQuestion, resolve_questions};
use crate::run::{Run, fold_chunks};
use crate::topic_run::search;

/// What questions are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuestionLevel {
    /// The pages that hold evidence.
    Documents,
    /// The chunks that overlap evidence.
    Passages,
}

/// Topics with both legs' rankings and what they are judged by.
#[derive(Debug)]
pub struct GridSet {
    /// For tables: `scifact train, documents`.
    pub name: String,
    topics: Vec<TopicLegs>,
    chunks: HashMap<ChunkOrd, Place>,
    truth: Truth,
}

#[derive(Debug)]
struct TopicLegs {
    id: String,
    lexical: RankedList,
    dense: RankedList,
}

/// What a chunk's number stands for.
#[derive(Debug)]
struct Place {
    /// The document that holds it, then that document's exact duplicates.
    documents: Vec<DocumentId>,
    span: Span,
}

#[derive(Debug)]
enum Truth {
    Documents(Qrels),
    /// In the order of the topics.
    Passages(Vec<ResolvedQuestion>),
}

impl GridSet {
    /// Searches both legs of a collection's topics.
    ///
    /// # Errors
    /// [`EvalError::Search`] and [`EvalError::Degraded`] with the topic.
    pub fn of_collection(
        searcher: &Searcher,
        collection: &BeirCollection,
    ) -> Result<Self, EvalError> {
        Self::collect(
            searcher,
            format!("{} {}, documents", collection.name, collection.split),
            &collection.topics,
            Truth::Documents(collection.qrels.clone()),
        )
    }

    /// Searches both legs of the questions whose evidence is in the index.
    ///
    /// # Errors
    /// As for [`GridSet::of_collection`]; [`EvalError::Segment`].
    pub fn of_questions(
        searcher: &Searcher,
        (name, level): (&str, QuestionLevel),
        questions: &[Question],
    ) -> Result<Self, EvalError> {
        let resolved = resolve_questions(searcher, questions)?.questions;
        let topics: Vec<Topic> = resolved
            .iter()
            .map(|question| Topic { id: question.id.clone(), text: question.text.clone() })
            .collect();
        match level {
            QuestionLevel::Passages => {
                let truth = Truth::Passages(resolved);
                Self::collect(searcher, format!("{name}, passages"), &topics, truth)
            }
            QuestionLevel::Documents => {
                let mut qrels = Qrels::default();
                for question in &resolved {
                    for evidence in &question.evidence {
                        qrels.insert(&question.id, evidence.document.clone(), 1);
                    }
                }
                let truth = Truth::Documents(qrels);
                Self::collect(searcher, format!("{name}, documents"), &topics, truth)
            }
        }
    }

    fn collect(
        searcher: &Searcher,
        name: String,
        topics: &[Topic],
        truth: Truth,
    ) -> Result<Self, EvalError> {
        let mut set =
            Self { name, topics: Vec::with_capacity(topics.len()), chunks: HashMap::new(), truth };
        for topic in topics {
            let lexical = set.leg(searcher, topic, Strategy::Lexical)?;
            let dense = set.leg(searcher, topic, Strategy::Dense)?;
            set.topics.push(TopicLegs { id: topic.id.clone(), lexical, dense });
        }
        Ok(set)
    }

    fn leg(
        &mut self,
        searcher: &Searcher,
        topic: &Topic,
        strategy: Strategy,
    ) -> Result<RankedList, EvalError> {
        let request = SearchRequest {
            strategy,
            top: DEPTHS.into_iter().max().unwrap_or(SearchRequest::DEFAULT_DEPTH),
            near_duplicates: NearDuplicates::List,
            // A graph searched for 200 finds other neighbours than one searched
            // for 100; cut exact rankings are what both depths would have had.
            vectors: VectorSearch::Exact,
            ..SearchRequest::new("")
        };
        let outcome = search(searcher, topic, &request)?;
        let scored =
            outcome.hits.iter().map(|hit| ScoredChunk { ord: hit.chunk, score: hit.score });
        let ranking = RankedList::from_scored(scored);
        for Hit { chunk, document, duplicates, span, .. } in outcome.hits {
            self.chunks.entry(chunk).or_insert_with(|| Place {
                documents: std::iter::once(document).chain(duplicates).collect(),
                span,
            });
        }
        Ok(ranking)
    }

    /// Scores a strategy at a depth of at most the grid's largest.
    pub(super) fn score(
        &self,
        strategy: Strategy,
        depth: usize,
        measures: &[RequestedMeasure],
    ) -> Vec<MeasureResult> {
        let rankings = self.topics.iter().map(|topic| topic.ranking(strategy, depth));
        match &self.truth {
            Truth::Documents(qrels) => {
                let mut run = Run::new("grid");
                for (topic, ranking) in self.topics.iter().zip(rankings) {
                    run.insert(&topic.id, self.documents(&ranking));
                }
                evaluate(&run, qrels, measures).measures
            }
            Truth::Passages(questions) => {
                let found: Vec<Vec<usize>> = questions
                    .iter()
                    .zip(rankings)
                    .map(|(question, ranking)| question.newly_found(&self.passages(&ranking)))
                    .collect();
                measures
                    .iter()
                    .map(|requested| {
                        let scores = questions.iter().zip(&found).map(|(question, found)| {
                            requested.measure.score_units(found, question.evidence.len())
                        });
                        MeasureResult::new(requested, scores.collect())
                    })
                    .collect()
            }
        }
    }

    /// Number of topics or questions.
    pub fn len(&self) -> usize {
        match &self.truth {
            Truth::Documents(qrels) => qrels.len(),
            Truth::Passages(questions) => questions.len(),
        }
    }

    /// Whether nothing is judged.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn places<'a>(&'a self, ranking: &'a RankedList) -> impl Iterator<Item = (&'a Place, f64)> {
        ranking
            .entries()
            .iter()
            .filter_map(|entry| Some((self.chunks.get(&entry.ord)?, entry.score)))
    }

    fn documents(&self, ranking: &RankedList) -> Vec<(DocumentId, f64)> {
        fold_chunks(self.places(ranking).flat_map(|(place, score)| {
            place.documents.iter().map(move |document| (document.clone(), score))
        }))
    }

    fn passages<'a>(&'a self, ranking: &'a RankedList) -> Vec<(&'a DocumentId, Span)> {
        self.places(ranking)
            .filter_map(|(place, _)| Some((place.documents.first()?, place.span)))
            .collect()
    }
}

impl TopicLegs {
    fn ranking(&self, strategy: Strategy, depth: usize) -> RankedList {
        let cut = |leg: &RankedList| {
            let mut leg = leg.clone();
            leg.truncate(depth);
            leg
        };
        match strategy {
            Strategy::Lexical => cut(&self.lexical),
            Strategy::Dense => cut(&self.dense),
            Strategy::Hybrid { fusion } => fusion.fuse(&cut(&self.lexical), &cut(&self.dense)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Measure, Metric};

    /// One topic; lexical ranks chunks 0, 1, 2 and dense 2, 0. Chunks 0 and 1
    /// are of document a, chunk 2 of b, of which c is an exact duplicate.
    fn set(truth: Truth) -> GridSet {
        let id = |name: &str| DocumentId::new(name).unwrap();
        let leg = |ords: &[u32]| RankedList::from_ranking(ords.iter().copied().map(ChunkOrd));
        let place = |documents: &[&str], start, end| Place {
            documents: documents.iter().map(|name| id(name)).collect(),
            span: Span::new(start, end),
        };
        GridSet {
            name: "set".to_owned(),
            topics: vec![TopicLegs {
                id: "1".to_owned(),
                lexical: leg(&[0, 1, 2]),
                dense: leg(&[2, 0]),
            }],
            chunks: HashMap::from([
                (ChunkOrd(0), place(&["a"], 0, 10)),
                (ChunkOrd(1), place(&["a"], 10, 20)),
                (ChunkOrd(2), place(&["b", "c"], 0, 10)),
            ]),
            truth,
        }
    }

    fn reciprocal_rank(set: &GridSet, strategy: Strategy, depth: usize) -> f64 {
        set.score(strategy, depth, &[Measure::at(Metric::ReciprocalRank, 10).into()])[0].mean
    }

    #[test]
    fn documents_are_folded_and_duplicates_stand_behind_their_original() {
        let mut qrels = Qrels::default();
        qrels.insert("1", DocumentId::new("c").unwrap(), 1);
        let set = set(Truth::Documents(qrels));
        // Lexical: a (twice), b, c. Dense: b, c, a.
        assert_eq!(reciprocal_rank(&set, Strategy::Lexical, 3), 1.0 / 3.0);
        assert_eq!(reciprocal_rank(&set, Strategy::Dense, 3), 1.0 / 2.0);
        // Two candidates of the lexical leg are both of a.
        assert_eq!(reciprocal_rank(&set, Strategy::Lexical, 2), 0.0);
    }

    #[test]
    fn passages_are_judged_by_their_bytes_and_legs_are_cut_before_they_are_fused() {
        let question = ResolvedQuestion {
            id: "1".to_owned(),
            text: "?".to_owned(),
            kind: corpora::QuestionKind::Fact,
            evidence: vec![crate::questions::EvidencePassage {
                document: DocumentId::new("a").unwrap(),
                span: Span::new(12, 15),
            }],
        };
        let set = set(Truth::Passages(vec![question]));
        let fused = Strategy::Hybrid { fusion: "rrf:60".parse().unwrap() };
        // Chunk 1 overlaps the evidence; fused it is behind 0 and 2.
        assert_eq!(reciprocal_rank(&set, Strategy::Lexical, 3), 1.0 / 2.0);
        assert_eq!(reciprocal_rank(&set, fused, 3), 1.0 / 3.0);
        assert_eq!(reciprocal_rank(&set, fused, 1), 0.0);
    }

    #[test]
    fn of_equal_cells_the_first_and_shallowest_is_chosen() {
        let mut qrels = Qrels::default();
        qrels.insert("1", DocumentId::new("b").unwrap(), 1);
        let grid = crate::grid::measure_grid(&[set(Truth::Documents(qrels))]).unwrap();
        let best = grid.cells.iter().map(|cell| cell.average).fold(0.0, f64::max);
        let first = grid.cells.iter().position(|cell| cell.average == best);
        assert_eq!((grid.cells.len(), Some(grid.best)), (36, first));
        assert_eq!((grid.chosen().depth, grid.depth_steps.len()), (100, 0));
    }
}
