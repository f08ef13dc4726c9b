//! The quality gate: has retrieval become worse than it was?
//!
//! It measures the demo's development questions on a part of the guides (the
//! pages that hold evidence, and a fixed sample of others), with an index that
//! it always builds anew, and compares with figures that were stored. It needs
//! no file but the toolchain's documentation and the default model, and takes
//! minutes, so it runs with every change.
//!
//! The figures are for this comparison only: with fewer pages than the corpus
//! the task is easier. Where a small test collection lies beside the checkout it
//! is measured too, since documentation says little about prose; where it does
//! not, its stored figures are left out, and the report says so.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use corpora::rust_docs::CorpusFile;
use corpora::{BeirCollection, Question, QuestionSplit, rust_docs_questions};
use engine::{Expansion, SearchRequest, Strategy};
use ingest::chunk::ChunkerSpec;
use ingest::pipeline::Progress;
use ingest::source::BeirSource;
use serde::{Deserialize, Serialize};

use crate::collection::strategy_parts;
use crate::demo_corpus::{corpus_source, installed_books};
use crate::error::EvalError;
use crate::evaluation::{MeasureResult, evaluate};
use crate::indexing::{FreshIndex, Recipe};
use crate::measure::{Measure, Metric};
use crate::questions::{QuestionReport, evaluate_questions};
use crate::topic_run::{OwnDocument, TopicRunOptions, run_topics};

/// Pages without evidence in the gate's corpus. Enough that the right page must
/// be told from its neighbours, few enough for two cores and four minutes.
const N_DISTRACTORS: usize = 160;

/// What is measured.
const STRATEGIES: [Strategy; 3] = [Strategy::Lexical, Strategy::Dense, Strategy::DEFAULT];

/// A fall larger than this fails. Neural measures move in the third decimal
/// between machines; one question of the development split weighs about .008.
const TOLERANCE: f64 = 0.015;

/// The same, where the documentation is of another version than the baseline's
/// and some pages and questions differ.
const TOLERANCE_OTHER_VERSION: f64 = 0.04;

/// The small collection: 1,400 abstracts, 225 topics.
pub const GATE_COLLECTION: &str = "cranfield";

/// What is compared of it.
const COLLECTION_MEASURES: [(Metric, usize); 2] = [(Metric::Ndcg, 10), (Metric::Recall, 100)];

/// What the gate compares: among 250 pages deeper cutoffs find everything, and
/// the other shallow ones say the same again.
const MEASURES: [&str; 2] = ["nDCG@10", "R@10"];

/// Stored figures: strategy to measure to value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The documentation's version when they were taken.
    pub documentation: String,
    /// By strategy (its fusion apart, so that another default is compared with
    /// this one) and by measure.
    pub scores: BTreeMap<String, BTreeMap<String, f64>>,
}

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Within the tolerance of its baseline, or above it.
    Held,
    /// Further below its baseline than the tolerance.
    Fell,
    /// The baseline does not have it.
    New,
    /// Only the baseline has it.
    Gone,
}

/// A figure beside its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct GateRow {
    /// The strategy.
    pub strategy: String,
    /// `documents nDCG@10` and the like.
    pub measure: String,
    /// The stored value.
    pub baseline: Option<f64>,
    /// The value now.
    pub found: Option<f64>,
    /// What became of it.
    pub verdict: Verdict,
}

/// The gate's outcome.
#[derive(Clone, Debug)]
pub struct GateOutcome {
    /// Every figure, by strategy and measure.
    pub rows: Vec<GateRow>,
    /// The figures as a baseline.
    pub found: Baseline,
    /// The fall that was allowed.
    pub tolerance: f64,
    /// What they were taken from.
    pub report: QuestionReport,
    /// Pages indexed.
    pub n_pages: usize,
    /// Topics of the collection; `None` where it is not there.
    pub n_collection_topics: Option<usize>,
}

impl GateOutcome {
    /// Whether every stored figure was held and none is missing.
    pub fn passed(&self) -> bool {
        self.rows.iter().all(|row| row.verdict == Verdict::Held)
    }
}

impl Baseline {
    /// Reads a baseline; an empty one when the file does not exist.
    ///
    /// # Errors
    /// [`EvalError::Io`], [`EvalError::Format`].
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        match fs::read_to_string(path) {
            Ok(content) => toml::from_str(&content).map_err(|error| EvalError::Format {
                path: path.to_owned(),
                reason: error.to_string(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(EvalError::io(path)(error)),
        }
    }

    /// Writes the baseline.
    ///
    /// # Errors
    /// [`EvalError::Io`], [`EvalError::Format`].
    pub fn write(&self, path: &Path) -> Result<(), EvalError> {
        let content = toml::to_string_pretty(self).map_err(|error| EvalError::Format {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let head =
            "# Written by `trovato eval gate --update`; compared by `trovato eval gate`.\n\n";
        fs::write(path, format!("{head}{content}")).map_err(EvalError::io(path))
    }

    /// The same without the collection's figures.
    fn without_collection(&self) -> Self {
        let mut kept = self.clone();
        for measures in kept.scores.values_mut() {
            measures.retain(|name, _| !name.starts_with(GATE_COLLECTION));
        }
        kept
    }

    fn tolerance(&self, documentation: &str) -> f64 {
        if self.documentation == documentation { TOLERANCE } else { TOLERANCE_OTHER_VERSION }
    }

    /// Sets each figure beside its baseline.
    fn compare(&self, found: &Self) -> Vec<GateRow> {
        let tolerance = self.tolerance(&found.documentation);
        let key = |scores: &BTreeMap<String, BTreeMap<String, f64>>| -> Vec<(String, String)> {
            let pairs = scores.iter().flat_map(|(strategy, measures)| {
                measures.keys().map(move |measure| (strategy.clone(), measure.clone()))
            });
            pairs.collect()
        };
        let mut keys = key(&self.scores);
        keys.extend(key(&found.scores));
        keys.sort();
        keys.dedup();
        keys.into_iter()
            .map(|(strategy, measure)| {
                let value =
                    |baseline: &Self| baseline.scores.get(&strategy)?.get(&measure).copied();
                let (stored, now) = (value(self), value(found));
                let verdict = match (stored, now) {
                    (Some(stored), Some(now)) if now >= stored - tolerance => Verdict::Held,
                    (Some(_), Some(_)) => Verdict::Fell,
                    (None, _) => Verdict::New,
                    (Some(_), None) => Verdict::Gone,
                };
                GateRow { strategy, measure, baseline: stored, found: now, verdict }
            })
            .collect()
    }
}

/// Builds the gate's indexes, measures every strategy, compares.
///
/// # Arguments
/// * `collections` - the folder that may hold [`GATE_COLLECTION`].
///
/// # Errors
/// [`EvalError::NoDocumentation`] where the guides are not installed, and
/// whatever indexing and searching answer.
pub fn run_gate(
    recipe: &Recipe,
    baseline: &Baseline,
    collections: &Path,
    progress: &dyn Progress,
) -> Result<GateOutcome, EvalError> {
    let (listing, documentation) = installed_books()?;
    let questions: Vec<Question> = rust_docs_questions()?
        .into_iter()
        .filter(|question| question.split == QuestionSplit::Dev)
        .collect();
    let pages = choose_pages(listing.files, &questions);

    let index = FreshIndex::build(corpus_source(&pages), recipe, progress)?;
    let report = evaluate_questions(&index.searcher, &questions, &STRATEGIES.map(Into::into))?;

    let mut found = Baseline { documentation, scores: scores(&report) };
    let collection = collections.join(GATE_COLLECTION);
    let n_collection_topics = if collection.is_dir() {
        Some(measure_collection(&collection, recipe, &mut found, progress)?)
    } else {
        None
    };
    let stored = match n_collection_topics {
        Some(_) => baseline.clone(),
        None => baseline.without_collection(),
    };
    Ok(GateOutcome {
        rows: stored.compare(&found),
        n_collection_topics,
        tolerance: baseline.tolerance(&found.documentation),
        found,
        report,
        n_pages: pages.len(),
    })
}

/// Adds the collection's figures; returns the number of its topics.
fn measure_collection(
    dir: &Path,
    recipe: &Recipe,
    found: &mut Baseline,
    progress: &dyn Progress,
) -> Result<usize, EvalError> {
    let collection = BeirCollection::open(dir, "test")?;
    let recipe = Recipe { chunker: ChunkerSpec::whole(), ..recipe.clone() };
    let index = FreshIndex::build(Box::new(BeirSource::open(dir)?), &recipe, progress)?;
    let measures = COLLECTION_MEASURES.map(|(metric, cutoff)| Measure::at(metric, cutoff).into());
    for strategy in STRATEGIES {
        let options = TopicRunOptions {
            strategy,
            top: SearchRequest::DEFAULT_DEPTH,
            depth: None,
            expansion: Expansion::None,
            rerank: None,
            own_document: OwnDocument::Keep,
        };
        let run =
            run_topics(&index.searcher, &collection.topics, &options, "gate", &mut |_| {})?.run;
        let figures = evaluate(&run, &collection.qrels, &measures).measures;
        let scores = found.scores.entry(strategy_parts(strategy).0.to_owned()).or_default();
        for result in figures {
            let name = format!("{GATE_COLLECTION} {}", result.requested);
            scores.insert(name, four_decimals(result.mean));
        }
    }
    Ok(collection.topics.len())
}

/// What a person compares, and as much as is comparable.
fn four_decimals(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// The pages that hold evidence, and the [`N_DISTRACTORS`] others whose ids'
/// hashes are the smallest: a sample that a new release of the documentation
/// changes only where pages come and go.
fn choose_pages(files: Vec<CorpusFile>, questions: &[Question]) -> Vec<CorpusFile> {
    let evidence: HashSet<_> = questions
        .iter()
        .flat_map(|question| &question.evidence)
        .map(|evidence| &evidence.document)
        .collect();
    let (mut pages, mut others): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| evidence.contains(&file.id));
    others.sort_by_cached_key(|file| *blake3::hash(file.id.as_str().as_bytes()).as_bytes());
    pages.extend(others.into_iter().take(N_DISTRACTORS));
    pages.sort();
    pages
}

fn scores(report: &QuestionReport) -> BTreeMap<String, BTreeMap<String, f64>> {
    let level = |name: &'static str, results: &[MeasureResult]| -> Vec<(String, f64)> {
        results
            .iter()
            .filter(|result| MEASURES.contains(&result.requested.name.as_str()))
            .map(|result| (format!("{name} {}", result.requested), four_decimals(result.mean)))
            .collect()
    };
    report
        .systems
        .iter()
        .map(|scores| {
            let measures = level("documents", &scores.documents)
                .into_iter()
                .chain(level("passages", &scores.passages));
            (strategy_parts(scores.system.strategy).0.to_owned(), measures.collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use engine::DocumentId;

    use super::*;

    fn baseline(documentation: &str, value: f64) -> Baseline {
        let measures = BTreeMap::from([("documents nDCG@10".to_owned(), value)]);
        Baseline {
            documentation: documentation.to_owned(),
            scores: BTreeMap::from([("lexical".to_owned(), measures)]),
        }
    }

    #[test]
    fn a_fall_beyond_the_tolerance_fails_and_a_rise_does_not() {
        let stored = baseline("1.95.0", 0.8);
        let verdict = |found: &Baseline| stored.compare(found)[0].verdict;
        assert_eq!(verdict(&baseline("1.95.0", 0.8 - TOLERANCE + 1e-9)), Verdict::Held);
        assert_eq!(verdict(&baseline("1.95.0", 0.9)), Verdict::Held);
        assert_eq!(verdict(&baseline("1.95.0", 0.8 - TOLERANCE - 1e-9)), Verdict::Fell);
        assert_eq!(verdict(&baseline("1.96.0", 0.8 - TOLERANCE - 1e-9)), Verdict::Held);
        assert_eq!(verdict(&baseline("1.96.0", 0.7)), Verdict::Fell);
        assert_eq!(verdict(&Baseline::default()), Verdict::Gone);
        assert_eq!(Baseline::default().compare(&stored)[0].verdict, Verdict::New);
    }

    #[test]
    fn without_the_collection_its_figures_are_not_missed() {
        let mut stored = baseline("1.95.0", 0.8);
        let found = stored.clone();
        let lexical = stored.scores.get_mut("lexical").unwrap();
        lexical.insert(format!("{GATE_COLLECTION} nDCG@10"), 0.4);
        assert!(stored.compare(&found).iter().any(|row| row.verdict == Verdict::Gone));
        assert_eq!(stored.without_collection(), found);
    }

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gate.toml");
        assert_eq!(Baseline::read(&path).unwrap(), Baseline::default());
        let stored = baseline("1.95.0", 0.1234);
        stored.write(&path).unwrap();
        assert_eq!(Baseline::read(&path).unwrap(), stored);
        fs::write(&path, "scores = 1").unwrap();
        assert!(matches!(Baseline::read(&path), Err(EvalError::Format { .. })));
    }

    #[test]
    fn the_sample_keeps_every_page_with_evidence() {
        let id = |at: usize| DocumentId::new(format!("rust-docs/book/{at}.html")).unwrap();
        let files: Vec<_> =
            (0..1000).map(|at| CorpusFile { id: id(at), path: "".into() }).collect();
        let question = corpora::parse_questions(
            "{\"id\":\"1\",\"question\":\"q\",\"answer\":\"a\",\"kind\":\"fact\",\"split\":\"dev\",\
             \"evidence\":[{\"document\":\"rust-docs/book/977.html\",\"quote\":\"x\",\"occurrence\":1}]}",
        )
        .unwrap();
        let pages = choose_pages(files.clone(), &question);
        assert_eq!(pages.len(), N_DISTRACTORS + 1);
        assert!(pages.iter().any(|page| page.id == id(977)));
        // Adding a page changes at most that page.
        let mut more = files;
        more.push(CorpusFile { id: id(5000), path: "".into() });
        let kept = choose_pages(more, &question).iter().filter(|page| pages.contains(page)).count();
        assert!(kept >= pages.len() - 1);
    }
}
