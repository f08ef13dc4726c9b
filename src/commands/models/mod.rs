//! `trovato models`: what can be used, what is here, and whether it is whole.

mod distill;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use models::{
    CachedFolder, DEFAULT_MODEL, FileReport, ListedModel, ListedReranker, Origin, Precision, Pull,
    RerankerCard, RerankerFiles, RerankerForm, ResolvedModel, ResolvedReranker, SHIPPED_RERANKER,
    Settings, Store, reranker_card,
};
use serde::Serialize;

use crate::options;
use crate::progress::FetchBar;

/// List, fetch and verify models
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trovato models list
  trovato models pull                                the default encoder and ONNX Runtime
  trovato models pull bge-small-en-v1.5@fp32
  trovato models pull ms-marco-MiniLM-L6-v2          a reranker
  trovato models pull --from /media/stick            on a machine without a network
  trovato models pull ./my-model                     a directory with a BERT checkpoint
  trovato models distill --corpus ~/notes            a fast encoder for texts like these
  trovato models verify
  trovato models path all-MiniLM-L6-v2")]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the models that are known and those in the cache
    List(Output),
    /// Fetch models and ONNX Runtime, and convert the models to graphs
    Pull(PullArgs),
    /// Distill a static encoder, which encodes passages over a hundred times faster
    Distill(distill::DistillArgs),
    /// Hash everything in the cache against what was recorded
    Verify(VerifyArgs),
    /// Print where a model is in the cache
    Path(PathArgs),
}

#[derive(Debug, Args)]
struct Output {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PullArgs {
    /// NAME[@fp32|@int8|@int8-onnx] or a directory; int8 unless it says otherwise
    #[arg(value_name = "MODEL", default_value = DEFAULT_MODEL)]
    names: Vec<String>,

    /// A folder with wheels or a folder for each model, asked first
    #[arg(long, value_name = "DIR", env = "TROVATO_MODELS_DIR")]
    from: Option<PathBuf>,

    /// Fetch again what is in the cache
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// Only this folder of the cache
    #[arg(value_name = "MODEL")]
    name: Option<String>,

    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct PathArgs {
    /// A model's name
    #[arg(value_name = "MODEL", default_value = DEFAULT_MODEL)]
    name: String,

    #[command(flatten)]
    output: Output,
}

/// Runs the subcommand.
pub(crate) fn run(args: ModelsArgs) -> anyhow::Result<()> {
    let mut settings = Settings::from_env()?;
    match args.action {
        Action::List(output) => list(&Store::new(settings), &output),
        Action::Pull(args) => {
            settings.models_dir = args.from.clone().or(settings.models_dir);
            pull(&Store::new(settings), &args)
        }
        Action::Distill(args) => distill::run(&Store::new(settings), &args),
        Action::Verify(args) => verify(&Store::new(settings), &args),
        Action::Path(args) => path(&Store::new(settings), &args),
    }
}

#[derive(Serialize)]
struct ListReport {
    home: PathBuf,
    models: Vec<ModelRow>,
    rerankers: Vec<RerankerRow>,
    runtimes: Vec<FolderRow>,
}

#[derive(Serialize)]
struct ModelRow {
    name: String,
    default: bool,
    summary: Option<&'static str>,
    licence: Option<&'static str>,
    dim: Option<usize>,
    max_tokens: Option<usize>,
    /// Whether this project has checked what the files must hash to.
    verified: bool,
    cached: Option<FolderRow>,
}

#[derive(Serialize)]
struct RerankerRow {
    name: &'static str,
    summary: &'static str,
    licence: &'static str,
    max_tokens: usize,
    /// What runs it: `int8` weights converted here, or a `graph`.
    form: &'static str,
    /// Whether this project has checked what the files must hash to.
    verified: bool,
    cached: Option<FolderRow>,
}

#[derive(Serialize)]
struct FolderRow {
    path: PathBuf,
    source: String,
    bytes: u64,
    /// Precisions whose graph is ready.
    precisions: Vec<String>,
}

fn list(store: &Store, output: &Output) -> anyhow::Result<()> {
    let report = ListReport {
        home: store.settings().home.clone(),
        models: store.list().into_iter().map(ModelRow::from).collect(),
        rerankers: std::iter::once(RerankerRow::shipped())
            .chain(store.list_rerankers().into_iter().map(RerankerRow::from))
            .collect(),
        runtimes: store.list_runtimes().into_iter().map(FolderRow::from).collect(),
    };
    if output.json {
        return options::print_json(&report);
    }
    println!(
        "{:26} {:>5} {:>6}  {:12} {:10} SUMMARY",
        "MODEL", "DIM", "TOKENS", "LICENCE", "HASHES"
    );
    for model in &report.models {
        let number = |value: Option<usize>| value.map_or("-".to_owned(), |n| n.to_string());
        println!(
            "{:26} {:>5} {:>6}  {:12} {:10} {}",
            model.name,
            number(model.dim),
            number(model.max_tokens),
            model.licence.unwrap_or("-"),
            hashes(model.verified),
            model.summary.unwrap_or("from a directory"),
        );
        if let Some(cached) = &model.cached {
            cached.print();
        }
    }
    println!(
        "\n{:26} {:>5} {:>6}  {:12} {:10} SUMMARY",
        "RERANKER", "FORM", "TOKENS", "LICENCE", "HASHES"
    );
    for row in &report.rerankers {
        let RerankerRow { name, summary, licence, max_tokens, form, verified, cached } = row;
        let hashes = hashes(*verified);
        println!("{name:26} {form:>5} {max_tokens:>6}  {licence:12} {hashes:10} {summary}");
        if let Some(cached) = cached {
            cached.print();
        }
    }
    for runtime in &report.runtimes {
        println!("ONNX Runtime");
        runtime.print();
    }
    println!(
        "\nThe cache is {}. Unverified: the first fetch records the hash.",
        report.home.display()
    );
    Ok(())
}

impl From<ListedModel> for ModelRow {
    fn from(model: ListedModel) -> Self {
        let ListedModel { name, card, cached } = model;
        let distilled = cached.as_ref().is_some_and(CachedFolder::is_static_model);
        Self {
            default: name == DEFAULT_MODEL,
            summary: match card {
                Some(card) => Some(card.summary),
                None if distilled => Some("a static encoder, distilled here"),
                None => name.starts_with("delta-").then_some("a reranker, made from a delta file"),
            },
            licence: card.map(|card| card.licence),
            dim: card.map(|card| card.dim),
            max_tokens: card.map(|card| card.max_tokens),
            verified: card.is_some_and(models::ModelCard::is_verified),
            cached: cached.map(FolderRow::from),
            name,
        }
    }
}

impl From<ListedReranker> for RerankerRow {
    fn from(ListedReranker { card, cached }: ListedReranker) -> Self {
        let RerankerCard { name, summary, licence, max_tokens, .. } = *card;
        let form = match card.form {
            RerankerForm::BertClassifier => "int8",
            RerankerForm::Graph { .. } => "graph",
        };
        let cached = cached.map(FolderRow::from);
        Self { name, summary, licence, max_tokens, form, verified: false, cached }
    }
}

impl RerankerRow {
    /// The one in this program, which the cache holds only in the form that runs.
    fn shipped() -> Self {
        Self {
            name: SHIPPED_RERANKER,
            summary: "default: this project's own, over the default encoder",
            licence: "CC-BY-SA-4.0",
            max_tokens: 192,
            form: "int8",
            verified: true,
            cached: None,
        }
    }
}

fn hashes(verified: bool) -> &'static str {
    if verified { "verified" } else { "unverified" }
}

impl From<CachedFolder> for FolderRow {
    fn from(folder: CachedFolder) -> Self {
        let precisions = Precision::ALL.iter().filter(|precision| {
            let prefix = match precision {
                Precision::Int8 => "weights-int8-",
                Precision::Fp32 => "graph-fp32-",
                Precision::Int8Onnx => "graph-int8-",
            };
            folder.files.iter().any(|file| file.path.starts_with(prefix))
        });
        Self {
            precisions: precisions.map(Precision::to_string).collect(),
            bytes: folder.files.iter().map(|file| file.bytes).sum(),
            path: folder.path,
            source: folder.source,
        }
    }
}

impl FolderRow {
    fn print(&self) {
        let graphs = if self.precisions.is_empty() {
            String::new()
        } else {
            format!(", ready as {}", self.precisions.join(" and "))
        };
        println!(
            "  in {} ({:.0} MB, from {}{graphs})",
            self.path.display(),
            self.bytes as f64 / 1e6,
            self.source
        );
    }
}

#[derive(Serialize)]
struct PullReport {
    models: Vec<PulledModel>,
    runtime: PathBuf,
}

#[derive(Serialize)]
struct PulledModel {
    name: String,
    precision: String,
    fingerprint: String,
    /// What is loaded: 8-bit weights, or a graph.
    file: PathBuf,
    tokenizer: PathBuf,
    /// Absent for a reranker, which gives scores and no vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    dim: Option<usize>,
    max_tokens: usize,
}

fn pull(store: &Store, args: &PullArgs) -> anyhow::Result<()> {
    let mode = if args.force { Pull::Again } else { Pull::IfMissing };
    let bar = FetchBar::default();
    let mut report = PullReport { models: Vec::new(), runtime: store.pull_runtime(mode, &bar)? };
    for name in &args.names {
        report.models.push(match reranker_card(name) {
            Some(card) => store.pull_reranker(card.name, mode, &bar)?.into(),
            None => store.pull(name, mode, &bar)?.into(),
        });
    }
    if args.output.json {
        return options::print_json(&report);
    }
    for model in &report.models {
        println!("{}  {}", model.fingerprint, model.file.display());
    }
    println!("ONNX Runtime  {}", report.runtime.display());
    Ok(())
}

impl From<ResolvedModel> for PulledModel {
    fn from(model: ResolvedModel) -> Self {
        Self {
            name: model.name,
            precision: model.precision.to_string(),
            fingerprint: model.fingerprint,
            file: model.files.path().to_owned(),
            tokenizer: model.tokenizer_path,
            dim: Some(model.dim),
            max_tokens: model.max_tokens,
        }
    }
}

impl From<ResolvedReranker> for PulledModel {
    fn from(model: ResolvedReranker) -> Self {
        let (RerankerFiles::Weights { path: file, .. } | RerankerFiles::Graph { path: file }) =
            model.files;
        Self {
            name: model.name,
            precision: model.precision.to_string(),
            fingerprint: model.fingerprint,
            file,
            tokenizer: model.tokenizer_path,
            dim: None,
            max_tokens: model.max_tokens,
        }
    }
}

#[derive(Serialize)]
struct VerifyReport {
    files: Vec<VerifiedFile>,
    wrong: usize,
}

#[derive(Serialize)]
struct VerifiedFile {
    folder: String,
    file: String,
    bytes: u64,
    sha256: String,
    origin: Origin,
    /// `None` when the file is what was recorded.
    error: Option<String>,
}

fn verify(store: &Store, args: &VerifyArgs) -> anyhow::Result<()> {
    let files: Vec<VerifiedFile> =
        store.verify(args.name.as_deref())?.into_iter().map(VerifiedFile::from).collect();
    let wrong = files.iter().filter(|file| file.error.is_some()).count();
    let report = VerifyReport { files, wrong };
    if args.output.json {
        options::print_json(&report)?;
    } else {
        for file in &report.files {
            let VerifiedFile { folder, file: path, sha256, .. } = file;
            match &file.error {
                None => println!("ok     {sha256}  {folder}/{path}"),
                Some(error) => println!("WRONG  {folder}/{path}: {error}"),
            }
        }
    }
    if wrong > 0 {
        anyhow::bail!(
            "{wrong} files are not what was fetched; `trovato models pull --force` fetches them again"
        );
    }
    Ok(())
}

impl From<FileReport> for VerifiedFile {
    fn from(report: FileReport) -> Self {
        Self {
            folder: report.folder,
            file: report.file.path,
            bytes: report.file.bytes,
            sha256: report.file.sha256,
            origin: report.file.origin,
            error: report.outcome.err().map(|error| error.to_string()),
        }
    }
}

#[derive(Serialize)]
struct PathReport {
    path: PathBuf,
}

fn path(store: &Store, args: &PathArgs) -> anyhow::Result<()> {
    let report = PathReport { path: store.cached(&args.name)? };
    if args.output.json {
        return options::print_json(&report);
    }
    println!("{}", report.path.display());
    Ok(())
}
