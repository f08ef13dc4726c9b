//! Fusion alone: two rankings of one hundred with half their chunks in common,
//! by each method.
//!
//! Left out: what the legs cost, and the fetch that follows.
//!
//! `cargo bench -p benches --bench fusion [-- FILTER]`

use std::hint::black_box;

use benches::Failure;
use criterion::Criterion;
use engine::{ChunkOrd, Fusion, RankedList, ScoredChunk};

const DEPTH: u32 = 100;

fn main() -> Result<(), Failure> {
    // Chunk numbers scattered as those of hits are; scores as steep as BM25's
    // and as flat as cosines.
    let list = |first: u32, score: fn(f64) -> f64| {
        RankedList::from_scored((0..DEPTH).map(|rank| ScoredChunk {
            ord: ChunkOrd((first + rank).wrapping_mul(2_654_435_761) >> 8),
            score: score(f64::from(rank)),
        }))
    };
    let lexical = list(0, |rank| 30.0 / (1.0 + 0.1 * rank));
    let dense = list(DEPTH / 2, |rank| 0.7 - 0.002 * rank);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("fusion");
    for name in ["rrf", "minmax", "dbsf"] {
        let fusion: Fusion = name.parse()?;
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(fusion.fuse(black_box(&lexical), black_box(&dense))));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
