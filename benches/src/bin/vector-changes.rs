//! What filters, deletions and updates cost a search, and what they take from
//! its recall.
//!
//! Rows are passages with ready vectors. Every setting is searched in turn, five
//! rounds; printed are recall@10 against an exact scan of what is allowed and the
//! medians of the rounds' 95th percentiles, beside the unfiltered ones of the same
//! rounds at the width that first reaches a recall of .99.
//!
//! `cargo run --release -p benches --bin vector-changes -- ROWS.f32 QUERIES.f32`

use std::path::Path;
use std::time::Instant;

use benches::corpus::{Passage, identity_of, index_passages, upsert_passage};
use benches::filters::{Places, known_filters};
use benches::rows::read_rows;
use benches::{Failure, median, percentile};
use engine::{
    ChunkOrd, DocumentId, Embeddings, GraphParams, Index, Manifest, OrdSet, SearchRequest,
    Strategy, VectorFile, VectorLayout, VectorSearch, WriterOptions,
};

const DEPTH: usize = 10;
const ROUNDS: usize = 5;
const QUERIES: usize = 500;
const RECALL: f64 = 0.99;

/// One in this many documents is replaced.
const REPLACED: usize = 5;

const USAGE: &str = "usage: vector-changes ROWS.f32 QUERIES.f32";

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(rows), Some(queries)) = (arguments.next(), arguments.next()) else {
        return Err(USAGE.into());
    };
    let identity = identity_of(Path::new(&rows))?;
    let dim = identity.dim;
    let values = read_rows(Path::new(&rows), dim, None)?;
    let queries = read_rows(Path::new(&queries), dim, Some(QUERIES))?;
    let queries: Vec<&[f32]> = queries.chunks_exact(dim).collect();
    let n = values.len() / dim;
    println!("{n} rows of {dim}, {} queries, recall@{DEPTH}", queries.len());

    let dir = tempfile::tempdir()?;
    let path = dir.path().join("rows.vectors");
    VectorFile::build(&path, dim, &values, VectorLayout::default(), &GraphParams::default())?;
    let file = VectorFile::open(&path, dim)?;
    let ef = narrowest(&file, &queries)?;
    filters(&file, (&values, dim), &queries, ef)?;
    updates(dir.path(), &Manifest::new(identity, "whole"), &values, &queries, ef)
}

/// The width that first reaches [`RECALL`] without a filter.
fn narrowest(file: &VectorFile, queries: &[&[f32]]) -> Result<usize, Failure> {
    for ef in [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 256, 320, 384, 512, 768, 1024] {
        let mut found = 0.0;
        for query in queries {
            let exact = file.search(query, DEPTH, VectorSearch::Exact)?.ords();
            let walked = file.search(query, DEPTH, VectorSearch::Graph { ef })?.ords();
            found += shared(&exact, &walked);
        }
        if found / queries.len() as f64 >= RECALL {
            return Ok(ef);
        }
    }
    Err(format!("no width reaches a recall of {RECALL}").into())
}

fn shared(exact: &[ChunkOrd], found: &[ChunkOrd]) -> f64 {
    let hits = exact.iter().filter(|ord| found.contains(ord)).count();
    hits as f64 / exact.len().max(1) as f64
}

fn filters(
    file: &VectorFile,
    rows: (&[f32], usize),
    queries: &[&[f32]],
    ef: usize,
) -> Result<(), Failure> {
    let (values, dim) = rows;
    let n = values.len() / dim;
    let places = Places::of(values, dim);
    let set = |rows: &mut dyn Iterator<Item = usize>| {
        OrdSet::from_ords(n as u32, rows.map(|row| ChunkOrd(row as u32)))
    };
    let mut filters = vec![("none".to_owned(), set(&mut (0..n)))];
    filters.extend(
        known_filters().into_iter().map(|one| (one.name.clone(), set(&mut places.kept(&one)))),
    );
    let mut recall = vec![0.0; filters.len()];
    let mut p95 = vec![Vec::new(); filters.len()];
    for round in 0..ROUNDS {
        for (at, (_, allowed)) in filters.iter().enumerate() {
            let mut micros = Vec::with_capacity(queries.len());
            for query in queries {
                let started = Instant::now();
                let how = VectorSearch::Graph { ef };
                let found = file.search_among(query, DEPTH, allowed, how)?;
                micros.push(started.elapsed().as_secs_f64() * 1e6);
                if round == 0 {
                    let exact = VectorSearch::Exact;
                    let exact = file.search_among(query, DEPTH, allowed, exact)?;
                    recall[at] += shared(&exact.ords(), &found.ords()) / queries.len() as f64;
                }
            }
            p95[at].push(percentile(&mut micros, 95));
        }
    }
    println!("\n| filter | rows allowed | recall@{DEPTH} | p95, µs | of the unfiltered p95 |");
    println!("|---|---|---|---|---|");
    for (at, (name, allowed)) in filters.iter().enumerate() {
        let mut ratios: Vec<f64> =
            p95[at].iter().zip(&p95[0]).map(|(own, all)| own / all).collect();
        let (own, ratio) = (median(&mut p95[at].clone()), median(&mut ratios));
        let allowed = allowed.len();
        println!("| {name} | {allowed} | {:.4} | {own:.0} | {ratio:.2} |", recall[at]);
    }
    println!("\nwidth {ef}; medians of {ROUNDS} rounds");
    Ok(())
}

/// Three indexes of the same documents: one in which a fifth was replaced since,
/// the same after merging, and one built afresh.
fn updates(
    dir: &Path,
    manifest: &Manifest,
    values: &[f32],
    queries: &[&[f32]],
    ef: usize,
) -> Result<(), Failure> {
    let dim = manifest.encoder.dim;
    let n = values.len() / dim;
    // Before the update a fifth of the documents had other texts: rows turned
    // round by a place each.
    let is_replaced = |row: usize| row.is_multiple_of(REPLACED);
    let old = |row: usize| if is_replaced(row) { (row + n / 2) % n } else { row };
    let row = |row: usize| values[row * dim..][..dim].to_vec();
    let passage = |at: usize| Passage::of_text(at.to_string());
    let build = |name: &str, of: &dyn Fn(usize) -> usize| -> Result<Index, Failure> {
        let rows = (0..n).map(|at| Ok(row(of(at))));
        Ok(index_passages(
            &dir.join(name),
            manifest.clone(),
            (0..n).map(|at| Ok(passage(at))),
            rows,
        )?
        .0)
    };
    let fresh = build("fresh", &|row| row)?;
    let update = |index: &Index| -> Result<(), Failure> {
        let mut writer = index.writer(WriterOptions::default())?;
        for at in (0..n).filter(|&at| is_replaced(at)) {
            upsert_passage(&mut writer, at, passage(at), &Embeddings::new(row(at), dim)?)?;
        }
        writer.commit()?;
        index.refresh()?;
        Ok(())
    };
    let updated = build("updated", &old)?;
    update(&updated)?;
    let merged = build("merged", &old)?;
    update(&merged)?;
    merged.writer(WriterOptions::default())?.merge()?;
    merged.refresh()?;
    let states = [("built afresh", fresh), ("a fifth replaced", updated), ("and merged", merged)];
    let searchers: Vec<_> = states.iter().map(|(_, index)| index.searcher()).collect();
    let request = |query: &[f32], how| SearchRequest {
        strategy: Strategy::Dense,
        vector: Some(query.to_vec()),
        vectors: how,
        depth: Some(DEPTH),
        ..SearchRequest::new("x")
    };
    let mut recall = vec![0.0; states.len()];
    let mut p50 = vec![Vec::new(); states.len()];
    let mut p95 = vec![Vec::new(); states.len()];
    for round in 0..ROUNDS {
        for (at, searcher) in searchers.iter().enumerate() {
            let mut micros = Vec::with_capacity(queries.len());
            for query in queries {
                let found = searcher.search(&request(query, VectorSearch::Graph { ef }))?;
                micros.push(found.timings_ms.dense * 1e3);
                if round == 0 {
                    let exact = searcher.search(&request(query, VectorSearch::Exact))?;
                    let ids = |hits: &[engine::Hit]| -> Vec<DocumentId> {
                        hits.iter().map(|hit| hit.document.clone()).collect()
                    };
                    let (exact, found) = (ids(&exact.hits), ids(&found.hits));
                    let hits = exact.iter().filter(|id| found.contains(id)).count();
                    recall[at] += hits as f64 / (exact.len() * queries.len()) as f64;
                }
            }
            p50[at].push(percentile(&mut micros, 50));
            p95[at].push(percentile(&mut micros, 95));
        }
    }
    println!(
        "\n| state | segments | recall@{DEPTH} | p50, µs | of the fresh one's | p95, µs | of the fresh one's |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (at, (name, index)) in states.iter().enumerate() {
        let ratio = |of: &[Vec<f64>]| {
            median(
                &mut of[at].iter().zip(&of[0]).map(|(own, fresh)| own / fresh).collect::<Vec<_>>(),
            )
        };
        println!(
            "| {name} | {} | {:.4} | {:.0} | {:.2} | {:.0} | {:.2} |",
            index.info()?.vector_segments,
            recall[at],
            median(&mut p50[at].clone()),
            ratio(&p50),
            median(&mut p95[at].clone()),
            ratio(&p95),
        );
    }
    Ok(())
}
