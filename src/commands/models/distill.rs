//! `trovato models distill`: a static encoder from a model, on this machine.

use std::path::PathBuf;
use std::sync::Mutex;

use clap::Args;
use engine::{StaticTable, Vocabulary};
use eval::{DistillOptions, DistillStep, Distilled, distill, load_encoder};
use indicatif::ProgressBar;
use ingest::source::{self, FormatChoice};
use models::{DEFAULT_MODEL, NewStaticModel, Space, StaticDescription, StaticModel, Store};
use serde::Serialize;

use crate::options;
use crate::progress::{FetchBar, count_bar};

const EXAMPLES: &str = "\
Examples:
  trovato models distill --corpus ~/notes
  trovato models distill --corpus ~/notes ~/papers --output notes
  trovato models distill --corpus beir/scifact/corpus.jsonl --output scifact
  trovato models distill --from bge-small-en-v1.5 --corpus ~/notes --dim 256 --output ./small
  trovato ingest ~/notes --index notes.trovato --encoder notes@teacher   passages by the table,
                                                                         queries by the teacher
  trovato ingest ~/notes --index notes.trovato --encoder notes           both by the table

A static encoder looks up a row for each token and adds the rows up. It learns the rows from the
teacher on titles and sentences of the corpus, so it is good at texts like these and at no others.
docs/fast-profile.md says what is gained and lost.";

/// Distill a static encoder, which encodes passages over a hundred times faster
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DistillArgs {
    /// The model to imitate: NAME[@fp32|@int8] or a directory
    #[arg(long, value_name = "MODEL", default_value = DEFAULT_MODEL)]
    from: String,

    /// Folders and files with texts like those to be searched; without them the
    /// result is poor
    #[arg(long, value_name = "PATH", num_args = 1..)]
    corpus: Vec<PathBuf>,

    /// How the paths are understood: auto, beir or jsonl
    #[arg(long, default_value = "auto", requires = "corpus")]
    format: FormatChoice,

    /// Most texts of the corpus that the model reads
    #[arg(long, value_name = "N", default_value_t = DistillOptions::DEFAULT_MAX_TEXTS)]
    texts: usize,

    /// Components of a vector; fewer than the model's make a space of their own,
    /// without `@teacher` [default: the model's]
    #[arg(long, value_name = "N")]
    dim: Option<usize>,

    /// A name in the cache, or a directory where there is a `/` in it [default:
    /// the model's name and `-static`]
    #[arg(long, value_name = "NAME|DIR")]
    output: Option<String>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    name: String,
    path: PathBuf,
    fingerprint: String,
    teacher: String,
    dim: usize,
    max_tokens: usize,
    space: Space,
    documents: usize,
    skipped: usize,
    fitted_texts: usize,
    /// Mean cosine to the teacher on texts kept apart.
    fidelity: Option<f64>,
}

/// Runs the subcommand.
pub(super) fn run(store: &Store, args: &DistillArgs) -> anyhow::Result<()> {
    // Misspelt paths and names should be told before minutes of work.
    let mut source = match args.corpus.as_slice() {
        [] => None,
        paths => Some(source::open(paths, args.format)?),
    };
    let teacher = load_encoder(&args.from, &FetchBar::default())?;
    let name = args.output.clone().unwrap_or_else(|| default_name(teacher.encoder.name()));
    store.static_destination(&name)?;

    let vocabulary = Vocabulary::load(teacher.tokenizer_path(), teacher.encoder.max_tokens())?;
    let options = DistillOptions { max_texts: args.texts, dim: args.dim };
    let bars = Bars::default();
    let corpus = source.as_deref_mut().map(|source| source as &mut dyn source::DocumentSource);
    let distilled =
        distill(teacher.encoder.as_ref(), &vocabulary, corpus, options, &|step| bars.show(step));
    bars.clear();
    let distilled = distilled?;

    let description = StaticDescription {
        teacher: teacher_name(&args.from, teacher.encoder.name())?,
        teacher_fingerprint: teacher.encoder.fingerprint().to_owned(),
        space: if distilled.dim == teacher.encoder.dim() { Space::Teacher } else { Space::Own },
        max_tokens: teacher.encoder.max_tokens(),
        dim: distilled.dim,
        fitted_texts: distilled.n_texts,
    };
    let scratch = tempfile::tempdir()?;
    let table = scratch.path().join("table");
    StaticTable::write(&table, &distilled.values, distilled.dim)?;
    let new = NewStaticModel {
        table: &table,
        tokenizer: teacher.tokenizer_path(),
        description: &description,
    };
    let kept = store.keep_static(&name, &new, &FetchBar::default())?;
    let report = Report::new(kept, &distilled);
    if args.json { options::print_json(&report) } else { report.print() }
}

/// The name that loads the teacher again from anywhere: a directory's whole path,
/// or the name with the precision that was chosen.
fn teacher_name(given: &str, loaded: &str) -> anyhow::Result<String> {
    if given.contains(['/', '\\']) {
        Ok(std::path::absolute(given)?.to_string_lossy().into_owned())
    } else {
        Ok(loaded.to_owned())
    }
}

/// `all-MiniLM-L6-v2@int8` gives `all-MiniLM-L6-v2-static`.
fn default_name(teacher: &str) -> String {
    let name = teacher.split_once('@').map_or(teacher, |(name, _)| name);
    format!("{name}-static")
}

impl Report {
    fn new(kept: StaticModel, distilled: &Distilled) -> Self {
        Self {
            name: kept.name,
            path: kept.path,
            fingerprint: kept.fingerprint,
            teacher: kept.description.teacher,
            dim: kept.description.dim,
            max_tokens: kept.description.max_tokens,
            space: kept.description.space,
            documents: distilled.n_documents,
            skipped: distilled.n_skipped,
            fitted_texts: distilled.n_texts,
            fidelity: distilled.fidelity,
        }
    }

    fn print(&self) -> anyhow::Result<()> {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}  {}", self.fingerprint, self.path.display())?;
        match self.fidelity {
            Some(fidelity) => writeln!(
                out,
                "fitted to {} texts of {} documents; mean cosine to {} on texts kept apart: {fidelity:.3}",
                self.fitted_texts, self.documents, self.teacher
            )?,
            None if self.fitted_texts > 0 => writeln!(
                out,
                "fitted to {} texts, too few to keep any apart; more would make it better",
                self.fitted_texts
            )?,
            None => writeln!(
                out,
                "without a corpus: hybrid search is worse with it than lexical search alone; name texts \
                 like those to be searched with --corpus"
            )?,
        }
        if self.skipped > 0 {
            writeln!(out, "{} files could not be read; `trovato ingest` says why", self.skipped)?;
        }
        match self.space {
            Space::Teacher => writeln!(
                out,
                "use it: trovato ingest PATH --index DIR --encoder {0}@teacher (queries read by the \
                 teacher, better) or --encoder {0}",
                self.name
            )?,
            Space::Own => {
                writeln!(out, "use it: trovato ingest PATH --index DIR --encoder {}", self.name)?;
            }
        }
        Ok(())
    }
}

/// One bar after the other.
#[derive(Default)]
struct Bars {
    current: Mutex<Option<(&'static str, ProgressBar)>>,
}

impl Bars {
    fn show(&self, step: DistillStep) {
        let (task, unit, done, total) = match step {
            DistillStep::Reading { documents } => ("reading", "documents", documents, None),
            DistillStep::Teaching { done, total } => {
                ("the teacher reads", "texts", done, Some(total as u64))
            }
            DistillStep::Fitting { done, total } => ("fitting", "steps", done, Some(total as u64)),
            _ => return,
        };
        let Ok(mut current) = self.current.lock() else { return };
        let bar = match current.take() {
            Some((shown, bar)) if shown == task => bar,
            other => {
                if let Some((_, bar)) = other {
                    bar.finish_and_clear();
                }
                count_bar(task, unit, total)
            }
        };
        bar.set_position(done as u64);
        *current = Some((task, bar));
    }

    fn clear(&self) {
        if let Ok(mut current) = self.current.lock()
            && let Some((_, bar)) = current.take()
        {
            bar.finish_and_clear();
        }
    }
}
