//! An experiment's corpus, opened: its topics, its indexes, its judgments.

use std::fs;
use std::path::Path;

use corpora::{
    BeirCollection, JudgedDocument, Qrels, Question, QuestionKind, QuestionSplit, Topic,
    parse_questions, rust_docs_judgments, rust_docs_questions,
};
use engine::Searcher;
use ingest::pipeline::Progress;

use super::file::{Experiment, ExperimentCorpus};
use super::level::{Level, LevelMeasure};
use super::run::{SystemRun, Unit};
use crate::chunking::{GroundTruth, index_folder};
use crate::collection::index_collection;
use crate::demo_corpus::index_books;
use crate::error::EvalError;
use crate::evaluation::{MeasureResult, evaluate};
use crate::index_cache::{CachedIndex, IndexCache, Reuse};
use crate::indexing::Recipe;
use crate::questions::{
    JudgedQuestion, JudgedRanking, LostJudgments, ResolvedQuestion, join_judgments,
    resolve_questions,
};
use crate::run::{Run, fold_chunks};

/// Ranks within which judgments must be dense.
pub const JUDGED_RANKS: usize = 10;

/// Below this share of judged passages among the first [`JUDGED_RANKS`] a pooled
/// score says more about who was judged than about who is good.
pub const MIN_JUDGED: f64 = 0.95;

/// What is searched and asked.
pub struct ExperimentData {
    corpus: Corpus,
    topics: Vec<Topic>,
}

enum Corpus {
    Questions { place: Place, questions: Vec<Question>, judgments: Vec<JudgedDocument> },
    Collection(Box<BeirCollection>),
}

/// Where the documents are that questions are about.
enum Place {
    RustDocs,
    Folder(GroundTruth),
}

/// What a corpus' rankings are judged by.
pub enum Truth {
    /// Questions whose quotes are in the index.
    Questions {
        /// By ascending id.
        questions: Vec<ResolvedQuestion>,
        /// In the same order.
        judged: Vec<JudgedQuestion>,
        /// What the index does not hold.
        lost: LostJudgments,
        /// Quotes that are not there; their questions are left out.
        n_unresolved: usize,
    },
    /// Judgments of documents.
    Documents(Qrels),
}

/// A system's figures.
#[derive(Clone, Debug)]
pub struct SystemScores {
    /// The topics of every figure, in order.
    pub topics: Vec<String>,
    /// In the order asked for; `None` for a pooled measure that is withheld.
    pub measures: Vec<(LevelMeasure, Option<MeasureResult>)>,
    /// Mean `Judged@10`, where passages are judged.
    pub judged: Option<f64>,
}

impl ExperimentData {
    /// Opens what an experiment is about.
    ///
    /// # Arguments
    /// * `collections` - the folder that holds BEIR collections by name.
    ///
    /// # Errors
    /// [`EvalError::Collection`], [`EvalError::Questions`],
    /// [`EvalError::Judgments`], [`EvalError::Split`].
    pub fn open(experiment: &Experiment, collections: &Path) -> Result<Self, EvalError> {
        match &experiment.corpus {
            ExperimentCorpus::Collection(name) => {
                let collection = BeirCollection::open(&collections.join(name), &experiment.split)?;
                let topics = collection.topics.clone();
                Ok(Self { corpus: Corpus::Collection(Box::new(collection)), topics })
            }
            ExperimentCorpus::Folder { dir, questions } => {
                let jsonl = fs::read_to_string(questions).map_err(EvalError::io(questions))?;
                let truth = GroundTruth::open(dir, Some(questions))?;
                let asked = parse_questions(&jsonl)?;
                Self::of_questions(Place::Folder(truth), asked, Vec::new(), &experiment.split)
            }
            ExperimentCorpus::RustDocs => {
                let (asked, judged) = (rust_docs_questions()?, rust_docs_judgments()?);
                Self::of_questions(Place::RustDocs, asked, judged, &experiment.split)
            }
        }
    }

    fn of_questions(
        place: Place,
        mut questions: Vec<Question>,
        judgments: Vec<JudgedDocument>,
        split: &str,
    ) -> Result<Self, EvalError> {
        let splits: &[QuestionSplit] = match split {
            "dev" => &[QuestionSplit::Dev],
            "test" => &[QuestionSplit::Test],
            "all" => &[QuestionSplit::Dev, QuestionSplit::Test],
            split => return Err(EvalError::Split { split: split.to_owned() }),
        };
        questions.retain(|question| {
            splits.contains(&question.split) && question.kind != QuestionKind::Unanswerable
        });
        questions.sort_by(|a, b| a.id.cmp(&b.id));
        let topics = questions
            .iter()
            .map(|question| Topic { id: question.id.clone(), text: question.question.clone() })
            .collect();
        Ok(Self { corpus: Corpus::Questions { place, questions, judgments }, topics })
    }

    /// What is asked.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// The questions, where the topics are questions.
    pub fn questions(&self) -> &[Question] {
        match &self.corpus {
            Corpus::Questions { questions, .. } => questions,
            Corpus::Collection(_) => &[],
        }
    }

    pub(super) fn unit(&self) -> Unit {
        match self.corpus {
            Corpus::Questions { .. } => Unit::Passages,
            Corpus::Collection(_) => Unit::Documents,
        }
    }

    /// The corpus indexed by a recipe, from the cache or built now.
    ///
    /// # Errors
    /// As for [`index_books`] and [`index_collection`].
    pub(super) fn index(
        &self,
        recipe: &Recipe,
        cache: (&IndexCache, Reuse),
        progress: &dyn Progress,
    ) -> Result<CachedIndex, EvalError> {
        match &self.corpus {
            Corpus::Questions { place: Place::RustDocs, .. } => {
                index_books(recipe, cache, progress)
            }
            Corpus::Questions { place: Place::Folder(truth), .. } => {
                index_folder(truth, recipe, cache, progress)
            }
            Corpus::Collection(collection) => index_collection(collection, recipe, cache, progress),
        }
    }

    /// The judgments, as far as this index holds what they speak of.
    ///
    /// # Errors
    /// [`EvalError::Segment`].
    pub fn truth(&self, searcher: &Searcher) -> Result<Truth, EvalError> {
        match &self.corpus {
            Corpus::Collection(collection) => Ok(Truth::Documents(collection.qrels.clone())),
            Corpus::Questions { questions, judgments, .. } => {
                let resolved = resolve_questions(searcher, questions)?;
                let (judged, lost) = join_judgments(searcher, &resolved.questions, judgments)?;
                let n_unresolved = resolved.unresolved.len();
                Ok(Truth::Questions { questions: resolved.questions, judged, lost, n_unresolved })
            }
        }
    }
}

impl Truth {
    /// Scores a run.
    ///
    /// Pooled measures of a run with fewer judged passages than [`MIN_JUDGED`]
    /// are withheld.
    pub fn score(&self, run: &SystemRun, measures: &[LevelMeasure]) -> SystemScores {
        match self {
            Self::Documents(qrels) => {
                let requested: Vec<_> =
                    measures.iter().map(|measure| measure.measure.into()).collect();
                let evaluation = evaluate(&document_run(run), qrels, &requested);
                let results = evaluation.measures.into_iter().map(Some);
                SystemScores {
                    topics: evaluation.topics,
                    measures: measures.iter().copied().zip(results).collect(),
                    judged: None,
                }
            }
            Self::Questions { questions, judged, .. } => {
                let rankings = judge_all(run, questions, judged);
                let shares: Vec<f64> =
                    rankings.iter().map(|ranking| ranking.judged_share(JUDGED_RANKS)).collect();
                let judged_share = crate::stats::mean(&shares);
                let score = |measure: &LevelMeasure| match measure.level {
                    Level::Pooled if judged_share < MIN_JUDGED => None,
                    Level::Pooled => Some(
                        rankings
                            .iter()
                            .zip(judged)
                            .map(|(ranking, judged)| judged.score(&measure.measure, ranking))
                            .collect(),
                    ),
                    Level::Passages => Some(passage_scores(run, questions, measure)),
                    Level::Documents => Some(document_scores(run, questions, measure)),
                };
                let results = measures.iter().map(|measure| {
                    let requested = measure.measure.into();
                    (*measure, score(measure).map(|values| MeasureResult::new(&requested, values)))
                });
                SystemScores {
                    topics: questions.iter().map(|question| question.id.clone()).collect(),
                    measures: results.collect(),
                    judged: Some(judged_share),
                }
            }
        }
    }
}

fn judge_all(
    run: &SystemRun,
    questions: &[ResolvedQuestion],
    judged: &[JudgedQuestion],
) -> Vec<JudgedRanking> {
    questions
        .iter()
        .zip(judged)
        .map(|(question, judged)| judged.judge(&passages_of(run, &question.id)))
        .collect()
}

fn passage_scores(
    run: &SystemRun,
    questions: &[ResolvedQuestion],
    measure: &LevelMeasure,
) -> Vec<f64> {
    questions
        .iter()
        .map(|question| {
            let found = question.newly_found(&passages_of(run, &question.id));
            measure.measure.score_units(&found, question.evidence.len())
        })
        .collect()
}

fn document_scores(
    run: &SystemRun,
    questions: &[ResolvedQuestion],
    measure: &LevelMeasure,
) -> Vec<f64> {
    let mut qrels = Qrels::default();
    for question in questions {
        for evidence in &question.evidence {
            qrels.insert(&question.id, evidence.document.clone(), 1);
        }
    }
    let requested = [measure.measure.into()];
    let mut evaluation = evaluate(&document_run(run), &qrels, &requested);
    // Questions ascend by id, as the topics of an evaluation do.
    evaluation.measures.pop().map(|result| result.per_topic).unwrap_or_default()
}

/// The passages returned for a topic; none when it was not run.
fn passages_of<'r>(run: &'r SystemRun, topic: &str) -> Vec<(&'r engine::DocumentId, engine::Span)> {
    run.rankings
        .iter()
        .find(|ranking| ranking.topic == topic)
        .map(|ranking| run.passages(ranking))
        .unwrap_or_default()
}

/// The run as documents: each where its best passage stands, its exact
/// duplicates right behind it.
fn document_run(run: &SystemRun) -> Run {
    let mut documents = Run::new("experiment");
    for ranking in &run.rankings {
        let folded = fold_chunks(ranking.hits.iter().enumerate().flat_map(|(rank, hit)| {
            std::iter::once(hit.document)
                .chain(hit.duplicates.iter().copied())
                // Only the order matters here.
                .map(move |number| (run.document(number).clone(), -(rank as f64)))
        }));
        documents.insert(&ranking.topic, folded);
    }
    documents
}
