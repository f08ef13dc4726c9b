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
