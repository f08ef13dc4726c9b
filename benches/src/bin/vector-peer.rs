//! Vector search as a party of `benches/peers/run.py`: builds, opens and
//! searches one [`VectorFile`], a JSON line a command.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use benches::Failure;
use benches::party::{Round, serve};
use benches::rows::read_rows;
use engine::{GraphBuilder, GraphParams, VectorFile, VectorLayout, VectorSearch, VectorStorage};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Says that the process is up.
    Ready,
    /// Builds a file from rows.
    Build(Build),
    /// Opens one, for the rounds that follow.
    Open { path: PathBuf, dim: usize },
    /// Searches for every query of a file.
    Round {
        queries: PathBuf,
        limit: Option<usize>,
        depth: usize,
        setting: Setting,
        threads: NonZeroUsize,
    },
}

#[derive(Deserialize)]
struct Build {
    vectors: PathBuf,
    dim: usize,
    limit: Option<usize>,
    path: PathBuf,
    threads: NonZeroUsize,
    builder: Option<GraphBuilder>,
    storage: Option<VectorStorage>,
    m: Option<usize>,
    ef_construction: Option<usize>,
}

/// What is swept to reach a recall.
#[derive(Deserialize)]
struct Setting {
    ef: usize,
}

fn main() -> Result<(), Failure> {
    let mut open: Option<(VectorFile, usize)> = None;
    serve(|command| match command {
        Command::Ready => Ok(json!({})),
        Command::Build(build) => {
            let Build { vectors, dim, limit, path, threads, .. } = build;
            let values = read_rows(&vectors, dim, limit)?;
            let defaults = GraphParams::default();
            let params = GraphParams {
                builder: build.builder.unwrap_or(defaults.builder),
                m: build.m.unwrap_or(defaults.m),
                ef_construction: build.ef_construction.unwrap_or(defaults.ef_construction),
                ..defaults
            };
            let layout = VectorLayout {
                storage: build.storage.unwrap_or_default(),
                ..VectorLayout::default()
            };
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build()?;
            let started = Instant::now();
            pool.install(|| VectorFile::build(&path, dim, &values, layout, &params))?;
            Ok(json!({ "seconds": started.elapsed().as_secs_f64() }))
        }
        Command::Open { path, dim } => {
            let started = Instant::now();
            let file = VectorFile::open(&path, dim)?;
            let seconds = started.elapsed().as_secs_f64();
            let size = file.size();
            open = Some((file, dim));
            Ok(json!({
                "seconds": seconds,
                "file_bytes": size.file_bytes,
                "hot_bytes": size.hot_bytes,
            }))
        }
        Command::Round { queries, limit, depth, setting, threads } => {
            let (file, dim) = open.as_ref().ok_or("nothing is open")?;
            let queries = read_rows(&queries, *dim, limit)?;
            round(file, &queries.chunks_exact(*dim).collect::<Vec<_>>(), depth, &setting, threads)
        }
    })
}

fn round(
    file: &VectorFile,
    queries: &[&[f32]],
    depth: usize,
    setting: &Setting,
    threads: NonZeroUsize,
) -> Result<Value, Failure> {
    let how = VectorSearch::Graph { ef: setting.ef };
    let search = |at: usize| -> Result<Vec<u32>, Failure> {
        let found = file.search(queries[at], depth, how)?;
        Ok(found.entries().iter().map(|entry| entry.ord.0).collect())
    };
    let round = match threads.get() {
        1 => Round::one_by_one(queries.len(), search)?,
        threads => Round::in_threads(queries.len(), threads, search)?,
    };
    Ok(serde_json::to_value(round)?)
}
