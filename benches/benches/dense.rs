//! Vectors alone: exact scans, graph walks of several widths, filters, opening,
//! and building.
//!
//! Rows are made up round 400 directions, 384 components each; recall of each
//! width is printed first, since a time without it says nothing. Left out: other
//! libraries, which `benches/peers/run.py vectors` sets beside ours.
//!
//! `cargo bench -p benches --bench dense [-- FILTER]`; `TROVATO_BENCH_ROWS` is the
//! number of rows (default 20,000).

use std::hint::black_box;

use benches::Failure;
use benches::synthetic::clustered_rows;
use criterion::{BatchSize, Criterion};
use engine::{ChunkOrd, GraphParams, OrdSet, VectorFile, VectorLayout, VectorSearch};

const DIM: usize = 384;
const DEPTH: usize = 10;
const WIDTHS: [usize; 4] = [16, 32, 64, 128];

fn main() -> Result<(), Failure> {
    let rows = std::env::var("TROVATO_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok());
    let rows: usize = rows.unwrap_or(20_000);
    let values = clustered_rows(rows, DIM, 1);
    let queries = clustered_rows(500, DIM, 2);
    let queries: Vec<&[f32]> = queries.chunks_exact(DIM).collect();
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("rows.vectors");
    VectorFile::build(&path, DIM, &values, VectorLayout::default(), &GraphParams::default())?;
    let file = VectorFile::open(&path, DIM)?;
    for ef in WIDTHS {
        println!("{rows} rows, ef {ef}: recall@{DEPTH} {:.4}", recall(&file, &queries, ef)?);
    }

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("dense");
    let mut ways = vec![("exact".to_owned(), VectorSearch::Exact)];
    ways.extend(WIDTHS.map(|ef| (format!("graph, ef {ef}"), VectorSearch::Graph { ef })));
    for (name, how) in ways {
        let mut next = queries.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher
                .iter(|| next.next().map(|query| black_box(file.search(query, DEPTH, how).ok())));
        });
    }
    for every in [2, 10, 100] {
        let capacity = u32::try_from(rows)?;
        let allowed = (0..capacity).step_by(every).map(ChunkOrd);
        let allowed = OrdSet::from_ords(capacity, allowed);
        let mut next = queries.iter().cycle();
        group.bench_function(format!("auto, one in {every} allowed"), |bencher| {
            bencher.iter(|| {
                let query = next.next()?;
                black_box(file.search_among(query, DEPTH, &allowed, VectorSearch::Auto).ok())
            });
        });
    }
    group.bench_function("open", |bencher| {
        bencher.iter(|| black_box(VectorFile::open(&path, DIM).map(|file| file.len()).ok()));
    });
    group.sample_size(10);
    let part = &values[..values.len().min(5000 * DIM)];
    group.bench_function("build 5,000 rows", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir().map(|dir| (dir.path().join("rows.vectors"), dir)),
            |place| {
                let (path, _dir) = place.ok()?;
                VectorFile::build(
                    &path,
                    DIM,
                    part,
                    VectorLayout::default(),
                    &GraphParams::default(),
                )
                .ok()
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn recall(file: &VectorFile, queries: &[&[f32]], ef: usize) -> Result<f64, Failure> {
    let mut found = 0;
    for query in queries {
        let exact = file.search(query, DEPTH, VectorSearch::Exact)?.ords();
        let walked = file.search(query, DEPTH, VectorSearch::Graph { ef })?.ords();
        found += exact.iter().filter(|ord| walked.contains(ord)).count();
    }
    Ok(found as f64 / (DEPTH * queries.len()) as f64)
}
