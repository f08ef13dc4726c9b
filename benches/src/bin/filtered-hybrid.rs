//! What a filter costs a whole hybrid query.
//!
//! Passages with ready vectors are indexed with two numbers a document: a drawn
//! one and its place by nearness to a row. Every filter over them is searched in
//! turn, five rounds; printed are the medians of the rounds' 50th and 95th
//! percentiles beside those without a filter, and the mean time of the stages.
//! Query vectors are given; filters are parsed before the clock starts.
//!
//! `cargo run --release -p benches --bin filtered-hybrid -- CORPUS.jsonl ROWS.f32 QUERIES.jsonl QUERIES.f32`

use std::path::{Path, PathBuf};
use std::time::Instant;

use benches::corpus::{Passage, QueryText, identity_of, index_passages, lines};
use benches::filters::{By, KnownFilter, Places, known_filters};
use benches::rows::read_rows;
use benches::{Failure, median, percentile};
use engine::filter::{Bound, Filter};
use engine::{FieldValue, Manifest, SearchRequest, StageTimings, Strategy};

const ROUNDS: usize = 5;
const QUERIES: usize = 500;

const USAGE: &str = "usage: filtered-hybrid CORPUS.jsonl ROWS.f32 QUERIES.jsonl QUERIES.f32";

fn main() -> Result<(), Failure> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [corpus, rows, texts, queries] = arguments.as_slice() else { return Err(USAGE.into()) };
    let identity = identity_of(rows)?;
    let dim = identity.dim;
    let values = read_rows(rows, dim, None)?;
    let places = Places::of(&values, dim);
    let passages = lines::<Passage>(corpus)?.enumerate().map(|(at, passage)| {
        let fields = [By::Draw, By::Nearness]
            .map(|by| (by.field().to_owned(), FieldValue::Integer(places.place(by, at).into())));
        Ok(Passage { fields: fields.into(), ..passage? })
    });
    let dir = tempfile::tempdir()?;
    let vectors = values.chunks_exact(dim).map(|row| Ok(row.to_vec()));
    let manifest = Manifest::new(identity, "whole");
    let (index, _) = index_passages(&dir.path().join("index"), manifest, passages, vectors)?;
    println!("{} passages", index.searcher().n_chunks());
    let requests = requests(texts, queries, dim)?;
    let mut filters = vec![("none".to_owned(), None)];
    filters.extend(known_filters().into_iter().map(|one| (one.name.clone(), Some(filter(&one)))));
    measure(&index.searcher(), &requests, &filters)
}

fn requests(texts: &Path, vectors: &Path, dim: usize) -> Result<Vec<SearchRequest>, Failure> {
    let vectors = read_rows(vectors, dim, Some(QUERIES))?;
    lines::<QueryText>(texts)?
        .zip(vectors.chunks_exact(dim))
        .map(|(query, vector)| {
            let (strategy, vector) = (Strategy::DEFAULT, Some(vector.to_vec()));
            Ok(SearchRequest { strategy, vector, ..SearchRequest::new(query?.text) })
        })
        .collect()
}

fn filter(known: &KnownFilter) -> Filter {
    let bound = |place: u32| FieldValue::Integer(place.into());
    Filter::Range {
        field: known.by.field().to_owned(),
        lower: Bound::Included(bound(known.kept.start)),
        upper: Bound::Excluded(bound(known.kept.end)),
    }
}

fn measure(
    searcher: &engine::Searcher,
    requests: &[SearchRequest],
    filters: &[(String, Option<Filter>)],
) -> Result<(), Failure> {
    let mut p50 = vec![Vec::new(); filters.len()];
    let mut p95 = vec![Vec::new(); filters.len()];
    let mut stages = vec![StageTimings::default(); filters.len()];
    // The first round fills caches and is not counted.
    for round in 0..=ROUNDS {
        for (at, (_, filter)) in filters.iter().enumerate() {
            let mut micros = Vec::with_capacity(requests.len());
            for request in requests {
                let request = SearchRequest { filter: filter.clone(), ..request.clone() };
                let started = Instant::now();
                let outcome = searcher.search(&request)?;
                micros.push(started.elapsed().as_secs_f64() * 1e6);
                let (sum, one) = (&mut stages[at], outcome.timings_ms);
                sum.filter += one.filter;
                sum.lexical += one.lexical;
                sum.dense += one.dense;
                sum.fetch += one.fetch;
            }
            if round > 0 {
                p50[at].push(percentile(&mut micros, 50));
                p95[at].push(percentile(&mut micros, 95));
            }
        }
    }
    println!(
        "| filter | p50, µs | of none | p95, µs | of none | filter | lexical | dense | fetch |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let searches = ((ROUNDS + 1) * requests.len()) as f64;
    for (at, (name, _)) in filters.iter().enumerate() {
        let ratio = |of: &[Vec<f64>]| {
            let ratios = of[at].iter().zip(&of[0]).map(|(own, none)| own / none);
            median(&mut ratios.collect::<Vec<_>>())
        };
        let mean = |sum: f64| sum / searches * 1e3;
        let StageTimings { filter, lexical, dense, fetch, .. } = stages[at];
        println!(
            "| {name} | {:.0} | {:.2} | {:.0} | {:.2} | {:.0} | {:.0} | {:.0} | {:.0} |",
            median(&mut p50[at].clone()),
            ratio(&p50),
            median(&mut p95[at].clone()),
            ratio(&p95),
            mean(filter),
            mean(lexical),
            mean(dense),
            mean(fetch),
        );
    }
    println!("\nstages: means, µs; medians of {ROUNDS} rounds");
    Ok(())
}
