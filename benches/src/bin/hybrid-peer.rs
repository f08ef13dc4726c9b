//! Hybrid search as a party of `benches/peers/run.py`: indexes passages with
//! ready vectors and answers queries whose vectors are given, a JSON line a
//! command. A query's words are analysed inside its time, its hits come with
//! their texts and, where they are asked for, highlights.

use std::path::PathBuf;
use std::time::Instant;

use benches::Failure;
use benches::corpus::{QueryText, identity_of, index_passages, lines};
use benches::party::{Round, serve};
use benches::rows::{Rows, read_rows};
use engine::{
    Highlights, Index, Manifest, NearDuplicates, OpenOptions, SearchRequest, Searcher,
    StageTimings, Strategy, VectorSearch,
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Says that the process is up.
    Ready,
    /// Indexes the first `limit` passages.
    Build { corpus: PathBuf, vectors: PathBuf, limit: Option<usize>, path: PathBuf },
    /// Opens an index for the rounds that follow.
    Open { path: PathBuf },
    /// Searches for every query of a file.
    Round {
        queries: PathBuf,
        vectors: PathBuf,
        limit: usize,
        top: usize,
        depth: usize,
        setting: Setting,
    },
}

/// Ways to answer.
#[derive(Clone, Copy, Deserialize)]
struct Setting {
    legs: Legs,
    near_duplicates: Twins,
    /// Whether the query's words are looked for in the hits.
    highlights: bool,
    #[serde(default)]
    vectors: Vectors,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Legs {
    Lexical,
    Dense,
    Hybrid,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Twins {
    Group,
    List,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Vectors {
    #[default]
    Auto,
    /// The oracle, for recall.
    Exact,
}

fn main() -> Result<(), Failure> {
    let mut open: Option<Index> = None;
    serve(|command| match command {
        Command::Ready => Ok(json!({})),
        Command::Build { corpus, vectors, limit, path } => {
            let manifest = Manifest::new(identity_of(&vectors)?, "whole");
            let passages = lines(&corpus)?.take(limit.unwrap_or(usize::MAX));
            let rows = Rows::open(&vectors, manifest.encoder.dim)?;
            let (index, times) = index_passages(&path, manifest, passages, rows)?;
            Ok(json!({
                "seconds": times.write_seconds + times.merge_seconds,
                "merge_seconds": times.merge_seconds,
                "bytes": index.info()?.bytes,
            }))
        }
        Command::Open { path } => {
            let started = Instant::now();
            let index = Index::open(&path, OpenOptions::default())?;
            let seconds = started.elapsed().as_secs_f64();
            let bytes = index.info()?.bytes;
            open = Some(index);
            Ok(json!({ "seconds": seconds, "bytes": bytes }))
        }
        Command::Round { queries, vectors, limit, top, depth, setting } => {
            let index = open.as_ref().ok_or("nothing is open")?;
            let texts = lines::<QueryText>(&queries)?.take(limit).collect::<Result<Vec<_>, _>>()?;
            let rows = read_rows(&vectors, index.manifest().encoder.dim, Some(limit))?;
            let rows = rows.chunks_exact(index.manifest().encoder.dim);
            let requests: Vec<_> = texts
                .into_iter()
                .zip(rows)
                .map(|(query, row)| request(query.text, row, (top, depth), setting))
                .collect();
            round(&index.searcher(), &requests)
        }
    })
}

fn request(
    text: String,
    row: &[f32],
    (top, depth): (usize, usize),
    setting: Setting,
) -> SearchRequest {
    let (strategy, vector) = match setting.legs {
        Legs::Lexical => (Strategy::Lexical, None),
        Legs::Dense => (Strategy::Dense, Some(row.to_vec())),
        Legs::Hybrid => (Strategy::DEFAULT, Some(row.to_vec())),
    };
    let near_duplicates = match setting.near_duplicates {
        Twins::Group => NearDuplicates::Group,
        Twins::List => NearDuplicates::List,
    };
    let vectors = match setting.vectors {
        Vectors::Auto => VectorSearch::Auto,
        Vectors::Exact => VectorSearch::Exact,
    };
    let highlights = if setting.highlights { Highlights::Words } else { Highlights::Off };
    SearchRequest {
        highlights,
        strategy,
        vector,
        vectors,
        top,
        depth: Some(depth),
        near_duplicates,
        ..SearchRequest::new(text)
    }
}

fn round(searcher: &Searcher, requests: &[SearchRequest]) -> Result<Value, Failure> {
    let mut stages = Vec::with_capacity(requests.len());
    let round = Round::one_by_one(requests.len(), |at| {
        let outcome = searcher.search(&requests[at])?;
        stages.push(outcome.timings_ms);
        Ok(outcome
            .hits
            .iter()
            .map(|hit| hit.document.as_str().parse())
            .collect::<Result<_, _>>()?)
    })?;
    let mut value = serde_json::to_value(round)?;
    value["stage_ms"] = mean_stages(&stages);
    Ok(value)
}

/// The mean wall time of each stage, in milliseconds.
fn mean_stages(stages: &[StageTimings]) -> Value {
    let mean = |stage: fn(&StageTimings) -> f64| {
        stages.iter().map(stage).sum::<f64>() / stages.len().max(1) as f64
    };
    json!({
        "plan": mean(|ms| ms.plan),
        "filter": mean(|ms| ms.filter),
        "lexical": mean(|ms| ms.lexical),
        "dense": mean(|ms| ms.dense),
        "fusion": mean(|ms| ms.fusion),
        "fetch": mean(|ms| ms.fetch),
        "total": mean(|ms| ms.total),
    })
}
