//! The layout of a published chunking benchmark: a folder with
//! `questions_df.csv` and `corpora/*.md`.
//!
//! Smith and Troynikov, "Evaluating Chunking Strategies for Retrieval", Chroma
//! technical report, 2024. A row of the table asks one question of one corpus
//! and lists the passages that answer it, with offsets in Unicode code points;
//! here they become byte spans. A passage whose recorded text is not what
//! stands at its offsets is an error and never searched for: every figure would
//! rest on a guess.
//!
//! The canonical text of a corpus is its file, to the byte. The files are
//! called Markdown and are not (speeches, chat logs, tables as running text),
//! and a reader that collapses white space would move every span.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use engine::{DocumentId, Span};
use serde::Deserialize;

use crate::question::QuestionSplit;

const QUESTIONS: &str = "questions_df.csv";
const CORPORA: &str = "corpora";

/// The benchmark's texts and questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkingBenchmark {
    /// The texts that questions ask about, by ascending id.
    pub corpora: Vec<BenchmarkCorpus>,
    /// The questions, in the order of the table.
    pub questions: Vec<BenchmarkQuestion>,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchmarkCorpus {
    /// The file's name without its ending.
    pub id: DocumentId,
    /// The whole file.
    pub text: String,
}

/// A question and the passages that answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchmarkQuestion {
    /// Its corpus and its 1-based place among that corpus's questions:
    /// `finance-012`.
    pub id: String,
    /// What is asked.
    pub question: String,
    /// The corpus it asks about.
    pub corpus: DocumentId,
    /// Bytes of the corpus's text, at least one passage.
    pub references: Vec<Span>,
    /// Which half it belongs to. The benchmark has no halves; here, within each
    /// corpus in the order of the table, questions with an odd place (the
    /// first, the third, ...) are for choosing and those with an even place for
    /// reporting. So both halves ask about all corpora in equal shares.
    pub split: QuestionSplit,
}

/// A folder that is not the benchmark's, or contradicts itself.
#[derive(Debug, thiserror::Error)]
pub enum ChunkingBenchmarkError {
    /// The operating system refused, or a text is not UTF-8.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The table is not CSV with the columns `question`, `references` and
    /// `corpus_id`.
    #[error("{}: {source}; expected the columns question, references, corpus_id", path.display())]
    Table {
        /// Which file.
        path: PathBuf,
        /// What the parser said, with the line.
        #[source]
        source: csv::Error,
    },
    /// The table has a header and no questions.
    #[error("{} holds no questions", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// A cell does not hold the passages it should.
    #[error(
        "{}:{line}: references: {source}; expected a JSON list of {{content, start_index, end_index}}",
        path.display()
    )]
    References {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: u64,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A question lists no passage: nothing could be found for it.
    #[error("{}:{line}: {question:?} has no reference", path.display())]
    NoReference {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: u64,
        /// The question.
        question: String,
    },
    /// A corpus cannot name a document.
    #[error("{}:{line}: corpus_id: {source}", path.display())]
    CorpusId {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: u64,
        /// Why.
        #[source]
        source: engine::DocumentError,
    },
    /// A passage's offsets and its recorded text do not belong together.
    #[error(
        "{}:{line}: code points {start}..{end} of {corpus} are {found:?}, not {expected:?}; the text is another \
         edition than the questions were written from",
        path.display()
    )]
    Mismatch {
        /// The table.
        path: PathBuf,
        /// 1-based.
        line: u64,
        /// The corpus.
        corpus: DocumentId,
        /// First code point.
        start: usize,
        /// One past the last code point.
        end: usize,
        /// The recorded text's first 80 characters.
        expected: String,
        /// The first 80 characters at the offsets; `None` when they lie outside
        /// the text or run backwards.
        found: Option<String>,
    },
}

#[derive(Deserialize)]
struct Row {
    question: String,
    references: String,
    corpus_id: String,
}

#[derive(Deserialize)]
struct Reference {
    content: String,
    start_index: usize,
    end_index: usize,
}

impl ChunkingBenchmark {
    /// Whether `dir` has this layout.
    pub fn recognises(dir: &Path) -> bool {
        dir.join(QUESTIONS).is_file() && dir.join(CORPORA).is_dir()
    }

    /// Reads the questions, the texts they ask about, and checks each passage.
    ///
    /// # Errors
    /// [`ChunkingBenchmarkError`], with the table's line.
    pub fn open(dir: &Path) -> Result<Self, ChunkingBenchmarkError> {
        let path = dir.join(QUESTIONS);
        let table_error = |source| ChunkingBenchmarkError::Table { path: path.clone(), source };
        let mut table = csv::Reader::from_path(&path).map_err(table_error)?;
        let headers = table.headers().map_err(table_error)?.clone();
        let mut corpora: HashMap<DocumentId, Corpus> = HashMap::new();
        let mut questions = Vec::new();
        for record in table.records() {
            let record = record.map_err(table_error)?;
            let line = record.position().map_or(0, csv::Position::line);
            let row: Row = record.deserialize(Some(&headers)).map_err(table_error)?;
            let id = DocumentId::new(&*row.corpus_id).map_err(|source| {
                ChunkingBenchmarkError::CorpusId { path: path.clone(), line, source }
            })?;
            if !corpora.contains_key(&id) {
                let file = dir.join(CORPORA).join(format!("{id}.md"));
                corpora.insert(id.clone(), Corpus::read(&file)?);
            }
            if let Some(corpus) = corpora.get_mut(&id) {
                let references = references(&path, line, &row, (&id, corpus))?;
                corpus.n_questions += 1;
                let place = corpus.n_questions;
                questions.push(BenchmarkQuestion {
                    id: format!("{id}-{place:03}"),
                    question: row.question,
                    corpus: id,
                    references,
                    split: if place % 2 == 1 { QuestionSplit::Dev } else { QuestionSplit::Test },
                });
            }
        }
        if questions.is_empty() {
            return Err(ChunkingBenchmarkError::Empty { path });
        }
        let mut corpora: Vec<BenchmarkCorpus> = corpora
            .into_iter()
            .map(|(id, corpus)| BenchmarkCorpus { id, text: corpus.text })
            .collect();
        corpora.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self { corpora, questions })
    }
}

/// A text with where its code points begin.
struct Corpus {
    text: String,
    /// The byte of each code point, and the text's length at the end.
    bytes: Vec<usize>,
    n_questions: usize,
}

impl Corpus {
    fn read(path: &Path) -> Result<Self, ChunkingBenchmarkError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ChunkingBenchmarkError::Io { path: path.to_owned(), source })?;
        let bytes = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        Ok(Self { text, bytes, n_questions: 0 })
    }

    /// The bytes of code points `[start, end)`; `None` outside the text.
    fn span(&self, start: usize, end: usize) -> Option<Span> {
        let (from, to) = (*self.bytes.get(start)?, *self.bytes.get(end)?);
        (from < to).then(|| Span::new(from, to))
    }
}

fn references(
    path: &Path,
    line: u64,
    row: &Row,
    (id, corpus): (&DocumentId, &Corpus),
) -> Result<Vec<Span>, ChunkingBenchmarkError> {
    let path = path.to_owned();
    let listed: Vec<Reference> = match serde_json::from_str(&row.references) {
        Ok(listed) => listed,
        Err(source) => return Err(ChunkingBenchmarkError::References { path, line, source }),
    };
    if listed.is_empty() {
        let question = row.question.clone();
        return Err(ChunkingBenchmarkError::NoReference { path, line, question });
    }
    let mut spans = Vec::with_capacity(listed.len());
    for Reference { content, start_index: start, end_index: end } in listed {
        let found = corpus.span(start, end);
        let text = found.and_then(|span| span.slice(&corpus.text));
        if let Some(span) = found.filter(|_| text == Some(content.as_str())) {
            spans.push(span);
            continue;
        }
        let first_80 = |text: &str| text.chars().take(80).collect();
        return Err(ChunkingBenchmarkError::Mismatch {
            path,
            line,
            corpus: id.clone(),
            start,
            end,
            expected: first_80(&content),
            found: text.map(first_80),
        });
    }
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A benchmark of two corpora; the first has characters of 1 to 4 bytes.
    fn folder(rows: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(CORPORA)).unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("corpora/speech.md", "# “Hi”\r\n\r\nnaïve 🦀 crabs\n");
        write("corpora/unused.md", "nobody asks");
        write("corpora/b.md", "plain");
        write(QUESTIONS, &format!("question,references,corpus_id\n{rows}"));
        dir
    }

    fn row(question: &str, content: &str, start: usize, end: usize, corpus: &str) -> String {
        let references = serde_json::json!([
            { "content": content, "start_index": start, "end_index": end }
        ]);
        let quoted = references.to_string().replace('"', "\"\"");
        format!("\"{question}\",\"{quoted}\",{corpus}\n")
    }

    #[test]
    fn code_points_become_bytes_of_the_untouched_file() {
        // Code points: # 0, blank 1, quote 2, H 3, i 4, quote 5, CR LF CR LF 6-9,
        // naive 10-14, blank 15, crab 16, blank 17, crabs 18-22, LF 23.
        let rows = [
            row("q, with \"\"quotes\"\"\nand lines?", "naïve 🦀", 10, 17, "speech"),
            row("to the end", "crabs\n", 18, 24, "speech"),
            row("other", "plain", 0, 5, "b"),
            row("third", "“Hi”", 2, 6, "speech"),
        ];
        let dir = folder(&rows.concat());
        assert!(ChunkingBenchmark::recognises(dir.path()));
        let benchmark = ChunkingBenchmark::open(dir.path()).unwrap();
        let ids: Vec<_> = benchmark.corpora.iter().map(|corpus| corpus.id.as_str()).collect();
        assert_eq!(ids, ["b", "speech"], "only corpora that are asked about");
        let text = &benchmark.corpora[1].text;
        let asked: Vec<_> = benchmark
            .questions
            .iter()
            .map(|question| (question.id.as_str(), question.references[0], question.split))
            .collect();
        let start = text.find("naïve").unwrap();
        assert_eq!(
            asked,
            [
                ("speech-001", Span::new(start, start + 11), QuestionSplit::Dev),
                ("speech-002", Span::new(text.len() - 6, text.len()), QuestionSplit::Test),
                ("b-001", Span::new(0, 5), QuestionSplit::Dev),
                ("speech-003", Span::new(2, 10), QuestionSplit::Dev),
            ]
        );
        assert_eq!(benchmark.questions[0].question, "q, with \"quotes\"\nand lines?");
    }

    #[test]
    fn what_is_not_at_its_place_is_an_error_with_its_line() {
        let good = row("good", "plain", 0, 5, "b");
        let failing = |bad: &str| {
            let error = ChunkingBenchmark::open(folder(&format!("{good}{bad}")).path());
            error.unwrap_err().to_string()
        };
        for (content, start, end, expected) in [
            ("plaim", 0, 5, "code points 0..5 of b are Some(\"plain\"), not \"plaim\""),
            ("plain", 0, 6, "0..6 of b are None"),
            ("", 3, 3, "3..3 of b are None"),
            ("x", 4, 2, "4..2 of b are None"),
        ] {
            let message = failing(&row("bad", content, start, end, "b"));
            assert!(message.contains(expected) && message.contains(".csv:3:"), "{message}");
        }
        assert!(failing("q,[],b\n").contains("\"q\" has no reference"));
        assert!(failing("q,nonsense,b\n").contains("JSON list"));
        assert!(failing(&row("q", "x", 0, 1, "absent")).contains("absent.md"));
        assert!(failing("q\n").contains("expected the columns"));
        let empty = ChunkingBenchmark::open(folder("").path()).unwrap_err();
        assert!(matches!(empty, ChunkingBenchmarkError::Empty { .. }), "{empty}");
    }
}
