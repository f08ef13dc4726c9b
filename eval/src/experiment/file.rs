//! Experiment files: what is compared, on what, by which measures.
//!
//! ```toml
//! name = "chunkers"
//! about = "Which chunker finds the passages that prove an answer?"
//! corpus = "rust-docs"            # or a BEIR folder's name
//! split = "test"
//! measures = ["passages nDCG@10", "passages R@10", "documents nDCG@10"]
//! baseline = "fixed:256/0 | dense | all-MiniLM-L6-v2"
//!
//! [grid]
//! chunkers = ["fixed:256/0", "structure:256"]
//! encoders = ["all-MiniLM-L6-v2"]
//! vectors = "f16"                 # what indexes keep of vectors
//! strategies = ["lexical", "dense", "hybrid"]
//! rerankers = ["none", "default"] # each over every strategy; none is the default
//!
//! # corpus = "folder" takes any documents, with paths relative to this file:
//! # [folder]
//! # path = "notes"
//! # questions = "notes.questions.jsonl"
//!
//! [expected."structure:256 | hybrid dbsf:0.5 | all-MiniLM-L6-v2"]
//! "passages nDCG@10" = 0.5212
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::{LayoutError, VectorLayout};
use ingest::chunk::ChunkerSpec;
use serde::Deserialize;

use super::level::LevelMeasure;
use super::system::{SystemSpec, parse_strategy};
use crate::error::EvalError;
use crate::reranker::NO_RERANKER;

/// The name of the corpus that this project brings questions for.
pub const RUST_DOCS: &str = "rust-docs";

/// A grid of systems over one corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Names its results.
    pub name: String,
    /// The question it answers.
    pub about: String,
    /// What is searched.
    pub corpus: ExperimentCorpus,
    /// `dev`, `test` or `all` for questions; a file below `qrels` otherwise.
    pub split: String,
    /// What is measured; the first is what systems are compared by.
    pub measures: Vec<LevelMeasure>,
    /// What the others are compared with; one of the grid.
    pub baseline: SystemSpec,
    /// What the indexes keep of vectors.
    pub vectors: VectorLayout,
    /// Every combination, chunker by chunker, so that each index is built once.
    pub systems: Vec<SystemSpec>,
    /// What an earlier run found, to four decimals.
    pub expected: BTreeMap<SystemSpec, BTreeMap<String, f64>>,
}

/// The name of a corpus whose place the file gives.
const FOLDER: &str = "folder";

/// What an experiment searches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExperimentCorpus {
    /// The guides of the Rust documentation, with this project's questions.
    RustDocs,
    /// A folder in BEIR layout, by name.
    Collection(String),
    /// Any documents with a file of questions.
    Folder {
        /// The documents.
        dir: PathBuf,
        /// The questions.
        questions: PathBuf,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExperimentFile {
    name: String,
    about: String,
    corpus: String,
    split: String,
    measures: Vec<String>,
    baseline: SystemSpec,
    grid: GridFile,
    folder: Option<FolderFile>,
    #[serde(default)]
    expected: BTreeMap<String, BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GridFile {
    chunkers: Vec<String>,
    #[serde(default = "default_encoders")]
    encoders: Vec<String>,
    vectors: Option<String>,
    strategies: Vec<String>,
    #[serde(default = "default_rerankers")]
    rerankers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FolderFile {
    path: PathBuf,
    questions: PathBuf,
}

fn default_encoders() -> Vec<String> {
    vec![models::DEFAULT_MODEL.to_owned()]
}

fn default_rerankers() -> Vec<String> {
    vec![NO_RERANKER.to_owned()]
}

impl Experiment {
    /// Reads and checks an experiment file.
    ///
    /// # Errors
    /// [`EvalError::Io`]; [`EvalError::Format`], naming the part.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let content = std::fs::read_to_string(path).map_err(EvalError::io(path))?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&content, base)
            .map_err(|reason| EvalError::Format { path: path.to_owned(), reason })
    }

    /// Two systems on one corpus, the first being the baseline.
    ///
    /// # Errors
    /// [`EvalError::NotApplicable`] for a measure that the corpus has no
    /// judgments for.
    pub fn of_two(
        (first, second): (&SystemSpec, &SystemSpec),
        (corpus, split): (&str, &str),
        measure: LevelMeasure,
    ) -> Result<Self, EvalError> {
        let corpus = ExperimentCorpus::named(corpus);
        if !measure.applies_to(&corpus) {
            let corpus = corpus.name().to_owned();
            return Err(EvalError::NotApplicable { measure: measure.to_string(), corpus });
        }
        Ok(Self {
            name: "diff".to_owned(),
            about: format!("{first} against {second}"),
            corpus,
            split: split.to_owned(),
            measures: vec![measure],
            baseline: first.clone(),
            vectors: VectorLayout::default(),
            systems: vec![first.clone(), second.clone()],
            expected: BTreeMap::new(),
        })
    }

    /// # Arguments
    /// * `base` - what paths in the file are relative to.
    fn parse(content: &str, base: &Path) -> Result<Self, String> {
        let file: ExperimentFile = toml::from_str(content).map_err(|error| error.to_string())?;
        let mut systems = Vec::new();
        for encoder in &file.grid.encoders {
            for chunker in &file.grid.chunkers {
                let chunker: ChunkerSpec =
                    chunker.parse().map_err(|error| format!("grid.chunkers: {error}"))?;
                for strategy in &file.grid.strategies {
                    let strategy = parse_strategy(strategy)
                        .map_err(|error| format!("grid.strategies: {error}"))?;
                    let plain = SystemSpec::new(&chunker, strategy, encoder);
                    for rerank in &file.grid.rerankers {
                        let system = match rerank.as_str() {
                            NO_RERANKER => plain.clone(),
                            name => plain.clone().with_reranker(name),
                        };
                        if systems.contains(&system) {
                            return Err(format!("the grid holds {system} twice"));
                        }
                        systems.push(system);
                    }
                }
            }
        }
        let vectors = file.grid.vectors.as_deref().map(str::parse).transpose();
        let vectors = vectors.map_err(|error: LayoutError| format!("grid.vectors: {error}"))?;
        if !systems.contains(&file.baseline) {
            return Err(format!("the baseline {} is not in the grid", file.baseline));
        }
        let measures = file
            .measures
            .iter()
            .map(|measure| measure.parse().map_err(|error| format!("measures: {error}")))
            .collect::<Result<Vec<LevelMeasure>, _>>()?;
        if measures.is_empty() {
            return Err(
                "measures is empty; name at least one, for example \"passages nDCG@10\"".into()
            );
        }
        let corpus = match (file.corpus.as_str(), file.folder) {
            (FOLDER, Some(FolderFile { path, questions })) => {
                ExperimentCorpus::Folder { dir: base.join(path), questions: base.join(questions) }
            }
            (FOLDER, None) => {
                return Err("corpus \"folder\" needs [folder] with path and questions".into());
            }
            (name, Some(_)) => {
                return Err(format!("[folder] is for corpus \"folder\", not for {name:?}"));
            }
            (name, None) => ExperimentCorpus::named(name),
        };
        if let Some(measure) = measures.iter().find(|measure| !measure.applies_to(&corpus)) {
            return Err(format!(
                "measures: {measure:?} judges passages, and {:?} has judgments of documents only",
                file.corpus
            ));
        }
        let mut expected = BTreeMap::new();
        for (system, figures) in file.expected {
            let system: SystemSpec =
                system.parse().map_err(|error| format!("expected: {error}"))?;
            if !systems.contains(&system) {
                return Err(format!("expected: {system} is not in the grid"));
            }
            if let Some(unknown) = figures.keys().find(|name| !file.measures.contains(name)) {
                return Err(format!("expected: {unknown:?} is not among the measures"));
            }
            expected.insert(system, figures);
        }
        Ok(Self {
            name: file.name,
            about: file.about,
            corpus,
            split: file.split,
            measures,
            baseline: file.baseline,
            vectors: vectors.unwrap_or_default(),
            systems,
            expected,
        })
    }
}

impl ExperimentCorpus {
    fn named(name: &str) -> Self {
        match name {
            RUST_DOCS => Self::RustDocs,
            name => Self::Collection(name.to_owned()),
        }
    }

    /// As an experiment file names it.
    pub fn name(&self) -> &str {
        match self {
            Self::RustDocs => RUST_DOCS,
            Self::Collection(name) => name,
            Self::Folder { .. } => FOLDER,
        }
    }

    /// Where a collection lies.
    ///
    /// # Arguments
    /// * `collections` - the folder that holds collections by name.
    pub fn folder(&self, collections: &Path) -> Option<PathBuf> {
        match self {
            Self::RustDocs | Self::Folder { .. } => None,
            Self::Collection(name) => Some(collections.join(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        name = "t"
        about = "?"
        corpus = "rust-docs"
        split = "dev"
        measures = ["passages nDCG@10", "documents R@10"]
        baseline = "fixed:256/0 | dense | all-MiniLM-L6-v2"
        [grid]
        chunkers = ["fixed", "structure"]
        strategies = ["lexical", "dense", "hybrid rrf:60"]
        [expected."structure:256 | lexical | all-MiniLM-L6-v2"]
        "documents R@10" = 0.5
    "#;

    #[test]
    fn a_grid_is_every_combination_chunker_by_chunker() {
        let experiment = Experiment::parse(FILE, Path::new("")).unwrap();
        let systems: Vec<_> = experiment.systems.iter().map(ToString::to_string).collect();
        assert_eq!(systems.len(), 6);
        assert_eq!(systems[0], "fixed:256/0 | lexical | all-MiniLM-L6-v2");
        assert_eq!(systems[5], "structure:256 | hybrid rrf:60 | all-MiniLM-L6-v2");
        assert_eq!(experiment.expected.len(), 1);
        assert_eq!(experiment.vectors, VectorLayout::default());
        let reranked = FILE.replacen("[grid]", "[grid]\nrerankers = [\"none\", \"late\"]", 1);
        let experiment = Experiment::parse(&reranked, Path::new("")).unwrap();
        assert_eq!(experiment.systems.len(), 12);
        assert_eq!(experiment.systems[1].rerank.as_deref(), Some("late"));
        let small = FILE.replacen("[grid]", "[grid]\nvectors = \"int8:256\"", 1);
        let experiment = Experiment::parse(&small, Path::new("")).unwrap();
        assert_eq!(experiment.vectors.to_string(), "int8:256");
    }

    #[test]
    fn a_folder_lies_beside_the_file() {
        let table = "[folder]\npath = \"notes\"\nquestions = \"q.jsonl\"\n[grid]";
        let content = FILE.replacen("\"rust-docs\"", "\"folder\"", 1).replacen("[grid]", table, 1);
        let experiment = Experiment::parse(&content, Path::new("lab")).unwrap();
        let (dir, questions) = (PathBuf::from("lab/notes"), PathBuf::from("lab/q.jsonl"));
        assert_eq!(experiment.corpus, ExperimentCorpus::Folder { dir, questions });
    }

    #[test]
    fn mistakes_are_named() {
        for (from, to, expected) in [
            ("fixed:256/0 | dense", "fixed:99/0 | dense", "baseline fixed:99/0"),
            ("\"fixed\", ", "\"fixd\", ", "no chunker is called \"fixd\""),
            ("[grid]", "[grid]\nvectors = \"f8\"", "grid.vectors: `f8`"),
            ("\"dense\", ", "\"dense\", \"dense\", ", "twice"),
            ("corpus = \"rust-docs\"", "corpus = \"scifact\"", "documents only"),
            ("\"documents R@10\" =", "\"documents R@5\" =", "documents R@5"),
            ("\"passages nDCG@10\"", "\"pages nDCG@10\"", "pages"),
            ("split = \"dev\"", "split = \"dev\"\nseed = 3", "seed"),
            ("corpus = \"rust-docs\"", "corpus = \"folder\"", "needs [folder]"),
            (
                "[grid]",
                "[folder]\npath = \"a\"\nquestions = \"b\"\n[grid]",
                "not for \"rust-docs\"",
            ),
        ] {
            let changed = FILE.replacen(from, to, 1);
            let message = Experiment::parse(&changed, Path::new("")).unwrap_err();
            assert!(message.contains(expected), "{expected}: {message}");
        }
    }
}
