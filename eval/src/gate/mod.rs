//! The quality gate: have retrieval and answers become worse than they were?
//!
//! It measures the demo's development questions on a part of the guides (the
//! pages that hold evidence, and a fixed sample of others), with an index that
//! it always builds anew, and compares with figures that were stored. The
//! extractive answer is measured too; what a model writes is not, since that
//! needs one: of prompts the gate only knows whether they still say what was
//! measured. It needs
//! no file but the toolchain's documentation and the default model, and takes
//! minutes, so it runs with every change.
//!
//! The figures are for this comparison only: with fewer pages than the corpus
//! the task is easier. Where a small test collection lies beside the checkout it
//! is measured too, since documentation says little about prose; where it does
//! not, its stored figures are left out, and the report says so.

mod answers;
mod baseline;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use corpora::rust_docs::CorpusFile;
use corpora::{BeirCollection, Question, QuestionSplit, rust_docs_questions};
use engine::{Expansion, SearchRequest, Strategy};
use ingest::chunk::ChunkerSpec;
use ingest::pipeline::Progress;
use ingest::source::BeirSource;

pub use baseline::{Baseline, GateRow, PromptRow, Verdict};

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

/// Under which the figures of extractive answers stand, beside those of strategies.
const ANSWERS: &str = "extractive";

/// The small collection: 1,400 abstracts, 225 topics.
pub const GATE_COLLECTION: &str = "cranfield";

/// What is compared of it.
const COLLECTION_MEASURES: [(Metric, usize); 2] = [(Metric::Ndcg, 10), (Metric::Recall, 100)];

/// What the gate compares: among 250 pages deeper cutoffs find everything, and
/// the other shallow ones say the same again.
const MEASURES: [&str; 2] = ["nDCG@10", "R@10"];

/// The gate's outcome.
#[derive(Clone, Debug)]
pub struct GateOutcome {
    /// Every figure, by strategy and measure.
    pub rows: Vec<GateRow>,
    /// Every prompt that comes with the program, by name.
    pub prompts: Vec<PromptRow>,
    /// The figures as a baseline.
    pub found: Baseline,
    /// What they were taken from.
    pub report: QuestionReport,
    /// Pages indexed.
    pub n_pages: usize,
    /// Topics of the collection; `None` where it is not there.
    pub n_collection_topics: Option<usize>,
}

impl GateOutcome {
    /// Whether every stored figure was held and none is missing.
    pub fn held(&self) -> bool {
        self.rows.iter().all(|row| row.verdict == Verdict::Held)
    }

    /// Whether every prompt says what was measured.
    pub fn has_known_prompts(&self) -> bool {
        self.prompts.iter().all(PromptRow::is_unchanged)
    }
}

/// Builds the gate's indexes, measures every strategy and the answers, compares.
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

    let prompts = answers::built_in_prompts()?;
    let mut found = Baseline { documentation, scores: scores(&report), prompts };
    let answers = answers::measure_answers(&index.searcher, &questions)?;
    found.scores.insert(ANSWERS.to_owned(), answers);
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
        prompts: stored.compare_prompts(&found),
        n_collection_topics,
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
