//! What a chunker is judged on: documents, and questions whose answers are
//! spans in them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::vec;

use corpora::{
    BenchmarkCorpus, ChunkingBenchmark, Question, QuestionSplit, Topic, parse_questions,
};
use engine::{DocumentId, Searcher};
use ingest::formats::Format;
use ingest::source::{
    Content, DocumentSource, FormatChoice, IdScheme, Root, Skipped, SourceItem, open,
};

use crate::error::EvalError;
use crate::questions::{EvidencePassage, ResolvedQuestions, UnresolvedQuote, resolve_questions};

/// Documents and the questions asked of them.
#[derive(Clone, Debug)]
pub enum GroundTruth {
    /// The folder of the published benchmark; references are positions.
    Benchmark {
        /// The folder.
        dir: PathBuf,
        /// Its texts and questions.
        benchmark: ChunkingBenchmark,
    },
    /// Any folder of documents; references are quotes.
    Folder {
        /// The folder.
        dir: PathBuf,
        /// The file the questions come from; it is no document, even where it
        /// lies in the folder.
        question_file: PathBuf,
        /// The questions.
        questions: Vec<Question>,
    },
}

/// A question with the passages that answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpanQuestion {
    pub(super) topic: Topic,
    pub(super) references: Vec<EvidencePassage>,
}

/// The questions that can be scored on an index.
#[derive(Debug, Default)]
pub(super) struct SpanQuestions {
    pub(super) questions: Vec<SpanQuestion>,
    pub(super) unresolved: Vec<UnresolvedQuote>,
    pub(super) n_unanswerable: usize,
}

impl GroundTruth {
    /// Opens the benchmark in `dir`, or a folder of documents with a file of
    /// questions in the format of `corpora/rust-docs/questions.jsonl`.
    ///
    /// # Errors
    /// [`EvalError::ChunkingBenchmark`] without `question_file`;
    /// [`EvalError::Io`] and [`EvalError::Questions`] with one.
    pub fn open(dir: &Path, question_file: Option<&Path>) -> Result<Self, EvalError> {
        let dir = dir.to_owned();
        let Some(path) = question_file else {
            return Ok(Self::Benchmark { benchmark: ChunkingBenchmark::open(&dir)?, dir });
        };
        let jsonl = std::fs::read_to_string(path).map_err(EvalError::io(path))?;
        let questions = parse_questions(&jsonl)?;
        Ok(Self::Folder { dir, question_file: path.to_owned(), questions })
    }

    /// Leaves only the questions of one half.
    pub fn keep_split(&mut self, split: QuestionSplit) {
        match self {
            Self::Benchmark { benchmark, .. } => {
                benchmark.questions.retain(|question| question.split == split);
            }
            Self::Folder { questions, .. } => {
                questions.retain(|question| question.split == split);
            }
        }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        match self {
            Self::Benchmark { dir, .. } | Self::Folder { dir, .. } => dir,
        }
    }

    /// The documents. All of them, whichever questions are kept: the corpora
    /// are searched together.
    pub(super) fn source(&self) -> Result<Box<dyn DocumentSource>, EvalError> {
        match self {
            Self::Benchmark { dir, benchmark } => {
                // A record's id is its own, whatever the folder is called.
                let root = Root::new(dir, IdScheme::Records)?;
                let corpora = benchmark.corpora.clone().into_iter();
                Ok(Box::new(CorpusSource { roots: [root], corpora }))
            }
            Self::Folder { dir, question_file, .. } => {
                let inner = open(std::slice::from_ref(dir), FormatChoice::Auto)?;
                let origin = question_file.canonicalize().map_err(EvalError::io(question_file))?;
                Ok(Box::new(WithoutQuestions { inner, question_file: origin }))
            }
        }
    }

    /// The questions with their references as spans into the index's texts.
    pub(super) fn questions(&self, searcher: &Searcher) -> Result<SpanQuestions, EvalError> {
        let found = match self {
            Self::Benchmark { benchmark, .. } => {
                let stored = stored_under(benchmark, searcher)?;
                let questions = benchmark.questions.iter().map(|question| SpanQuestion {
                    topic: Topic { id: question.id.clone(), text: question.question.clone() },
                    references: question
                        .references
                        .iter()
                        .map(|span| EvidencePassage {
                            document: stored[&question.corpus].clone(),
                            span: *span,
                        })
                        .collect(),
                });
                SpanQuestions { questions: questions.collect(), ..SpanQuestions::default() }
            }
            Self::Folder { questions, .. } => {
                let ResolvedQuestions { questions, unresolved, n_unanswerable } =
                    resolve_questions(searcher, questions)?;
                let questions = questions.into_iter().map(|question| SpanQuestion {
                    topic: Topic { id: question.id, text: question.text },
                    references: question.evidence,
                });
                SpanQuestions { questions: questions.collect(), unresolved, n_unanswerable }
            }
        };
        if found.questions.is_empty() {
            return Err(EvalError::NoQuestions {
                dir: self.dir().to_owned(),
                n_unresolved: found.unresolved.len(),
                n_unanswerable: found.n_unanswerable,
            });
        }
        Ok(found)
    }
}

/// For each corpus the document that holds its text in the index, which is
/// another where two corpora are equal.
fn stored_under(
    benchmark: &ChunkingBenchmark,
    searcher: &Searcher,
) -> Result<HashMap<DocumentId, DocumentId>, EvalError> {
    let mut stored = HashMap::new();
    for corpus in &benchmark.corpora {
        match searcher.document(&corpus.id)?.filter(|document| document.text == corpus.text) {
            Some(document) => {
                stored.insert(corpus.id.clone(), document.duplicate_of.unwrap_or(document.id))
            }
            None => return Err(EvalError::LostCorpus { corpus: corpus.id.clone() }),
        };
    }
    Ok(stored)
}

/// The benchmark's texts as documents, each called after its file.
struct CorpusSource {
    roots: [Root; 1],
    corpora: vec::IntoIter<BenchmarkCorpus>,
}

impl DocumentSource for CorpusSource {
    fn roots(&self) -> &[Root] {
        &self.roots
    }

    fn len_hint(&self) -> Option<usize> {
        Some(self.corpora.len())
    }

    fn next(&mut self) -> Option<Result<SourceItem, Skipped>> {
        let BenchmarkCorpus { id, text } = self.corpora.next()?;
        Some(Ok(SourceItem {
            title: Some(title(&id)),
            format: Format::Record,
            content: Content::Verbatim(text),
            fields: BTreeMap::new(),
            origin: format!("{id}.md"),
            id,
            root: 0,
        }))
    }
}

/// `state_of_the_union` as words.
fn title(id: &DocumentId) -> String {
    id.as_str().replace('_', " ")
}

/// A source without the file of questions and what lies in it: the answers of
/// the test are not to be found among the documents.
struct WithoutQuestions {
    inner: Box<dyn DocumentSource>,
    question_file: PathBuf,
}

impl WithoutQuestions {
    /// Whether an item, or what is said about a file, comes from the questions.
    /// Records say `path:line`.
    fn is_question(&self, origin: &str) -> bool {
        let path = match origin.rsplit_once(':') {
            Some((path, line)) if line.parse::<usize>().is_ok() => path,
            _ => origin,
        };
        Path::new(path).canonicalize().is_ok_and(|path| path == self.question_file)
    }
}

impl DocumentSource for WithoutQuestions {
    fn roots(&self) -> &[Root] {
        self.inner.roots()
    }

    fn len_hint(&self) -> Option<usize> {
        self.inner.len_hint()
    }

    fn next(&mut self) -> Option<Result<SourceItem, Skipped>> {
        loop {
            let next = self.inner.next()?;
            let origin = match &next {
                Ok(item) => &item.origin,
                Err(skipped) => &skipped.origin,
            };
            if !self.is_question(origin) {
                return Some(next);
            }
        }
    }
}
