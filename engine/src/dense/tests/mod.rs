//! The dense leg against its oracle: walks against scans, forms of rows against
//! full precision, one segment against many.

mod files;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use super::*;

/// `n` unit rows scattered round `n / 50` directions: neighbours exist, but no
/// cluster fits into a result list, as with passages on related topics.
fn clustered(n: usize, dim: usize, seed: u64) -> Vec<f32> {
    let mut centres = ChaCha8Rng::seed_from_u64(7);
    let centres = gaussian(&mut centres, (n / 50).max(1) * dim);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::with_capacity(n * dim);
    for _ in 0..n {
        let centre = rng.random_range(0..centres.len() / dim);
        let noise = gaussian(&mut rng, dim);
        let row = centres[centre * dim..].iter().zip(noise).map(|(c, x)| c + x);
        values.extend(unit(&row.collect::<Vec<_>>()));
    }
    values
}

/// Sums of twelve uniform numbers: near enough to normal, without a crate.
fn gaussian(rng: &mut ChaCha8Rng, n: usize) -> Vec<f32> {
    (0..n).map(|_| (0..12).map(|_| rng.random_range(-0.5_f32..0.5)).sum()).collect()
}

fn unit(row: &[f32]) -> Vec<f32> {
    let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.iter().map(|x| x / norm).collect()
}

fn always_graph() -> GraphParams {
    GraphParams { m: 4, ef_construction: 16, min_rows: 0, seed: 1, ..GraphParams::default() }
}

/// Row `i` is chunk `ords[i]`.
fn encoded(storage: VectorStorage, dim: usize, ords: &[u32], values: &[f32]) -> EncodedRows {
    let mut rows = EncodedRows::new(VectorLayout { storage, dim: None }, dim).unwrap();
    for (&ord, row) in ords.iter().zip(values.chunks_exact(dim)) {
        rows.push(ord, row).unwrap();
    }
    rows
}

/// Writes and opens one segment of full precision.
fn segment(
    dim: usize,
    ords: &[u32],
    values: &[f32],
    params: &GraphParams,
) -> (TempDir, Arc<VectorSegment>) {
    segment_of(&encoded(VectorStorage::F32, dim, ords, values), params)
}

fn segment_of(rows: &EncodedRows, params: &GraphParams) -> (TempDir, Arc<VectorSegment>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.vec");
    let dim = rows.dim();
    let bytes = write_segment(&path, rows, params).unwrap();
    let segment = VectorSegment::open(&path, dim).unwrap();
    segment.verify().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes);
    (dir, Arc::new(segment))
}

fn set(ords: impl IntoIterator<Item = u32>) -> OrdSet {
    let ords: Vec<u32> = ords.into_iter().collect();
    let capacity = ords.iter().max().map_or(0, |last| last + 1);
    OrdSet::from_ords(capacity, ords.into_iter().map(ChunkOrd))
}

fn ascending(n: usize) -> Vec<u32> {
    (0..n as u32).collect()
}

/// What a walk returns that keeps `ef` nodes and leaves out what is not allowed.
fn walk(
    segment: &VectorSegment,
    query: &[f32],
    depth: usize,
    allowed: &OrdSet,
    ef: usize,
) -> RankedList {
    let query = Query::new(query, (query.len(), query.len())).unwrap();
    let graph = segment.graph().unwrap();
    let asked = asked(segment, &query, depth, allowed);
    let found = segment.walk(&graph, &asked, ef, 0).expect("as many as there are are enough");
    RankedList::from_scored(segment.scored_nodes(&asked, found.into_iter()))
}

/// A search of one segment that holds all there is.
fn asked<'a>(
    segment: &VectorSegment,
    query: &'a Query,
    depth: usize,
    allowed: &'a OrdSet,
) -> SegmentQuery<'a> {
    let (how, n_allowed) = (VectorSearch::Auto, segment.n_allowed(allowed));
    SegmentQuery { query, depth, allowed, n_allowed, how, share: 1.0 }
}

/// The share of the exact list's scores that the found list reaches.
fn recall(found: &RankedList, exact: &RankedList) -> f64 {
    let last = exact.entries().last().map_or(f64::NEG_INFINITY, |entry| entry.score);
    let hits = found.entries().iter().filter(|entry| entry.score >= last).count();
    hits as f64 / exact.len() as f64
}

const LARGE_ROWS: usize = 20_000;
const LARGE_DIM: usize = 64;

/// One segment large enough that a walk beats a scan, shared by the tests below.
struct Large {
    _dir: TempDir,
    segment: Arc<VectorSegment>,
    index: VectorIndex,
    queries: Vec<Vec<f32>>,
}

static LARGE: LazyLock<Large> = LazyLock::new(|| {
    let values = clustered(LARGE_ROWS, LARGE_DIM, 1);
    let params = GraphParams { ef_construction: 64, ..GraphParams::default() };
    let (dir, segment) = segment(LARGE_DIM, &ascending(LARGE_ROWS), &values, &params);
    assert!(segment.has_graph());
    let queries = clustered(100, LARGE_DIM, 2);
    Large {
        _dir: dir,
        index: VectorIndex::new((LARGE_DIM, LARGE_DIM), vec![Arc::clone(&segment)]),
        segment,
        queries: queries.chunks_exact(LARGE_DIM).map(<[f32]>::to_vec).collect(),
    }
});

/// Mean recall at `depth` of `how` under `allowed`, every score compared with
/// the scan's on the way.
fn mean_recall(depth: usize, how: VectorSearch, allowed: impl Fn(&[f32]) -> OrdSet) -> f64 {
    let total: f64 = LARGE
        .queries
        .iter()
        .map(|query| {
            let allowed = allowed(query);
            let exact = LARGE.index.search(query, depth, &allowed, VectorSearch::Exact).unwrap();
            let found = LARGE.index.search(query, depth, &allowed, how).unwrap();
            assert_eq!(found.len(), depth.min(allowed.len()));
            for entry in found.entries() {
                assert!(allowed.contains(entry.ord));
                assert_eq!(LARGE.index.score_of(query, entry.ord), Some(entry.score));
            }
            recall(&found, &exact)
        })
        .sum();
    total / LARGE.queries.len() as f64
}

#[test]
fn a_walk_finds_what_a_scan_finds() {
    let all = set(ascending(LARGE_ROWS));
    let graph = |ef| VectorSearch::Graph { ef };
    let (narrow, wide) =
        (mean_recall(10, graph(20), |_| all.clone()), mean_recall(10, graph(100), |_| all.clone()));
    assert!(wide >= 0.95, "recall@10 at ef 100 is {wide}");
    assert!(narrow <= wide, "ef has no effect: {narrow} at 20, {wide} at 100");
    let auto = mean_recall(100, VectorSearch::Auto, |_| all.clone());
    assert!(auto >= 0.97, "recall@100 of the default is {auto}");
}

#[test]
fn filters_and_deletions_cost_no_recall() {
    for one_in in [2, 10, 100] {
        let some = set(ascending(LARGE_ROWS).into_iter().filter(|ord| ord * 7 % one_in == 0));
        for how in [VectorSearch::Auto, VectorSearch::Graph { ef: 50 }] {
            let found = mean_recall(10, how, |_| some.clone());
            assert!(found >= 0.95, "one in {one_in}, {how:?}: {found}");
        }
    }
    // What would have been the answer is deleted.
    let all = set(ascending(LARGE_ROWS));
    let without_best = |query: &[f32]| {
        let best = LARGE.index.search(query, 30, &all, VectorSearch::Exact).unwrap().ords();
        set(ascending(LARGE_ROWS).into_iter().filter(|&ord| !best.contains(&ChunkOrd(ord))))
    };
    let found = mean_recall(10, VectorSearch::Graph { ef: 50 }, without_best);
    assert!(found >= 0.95, "after deletions: {found}");
}

#[test]
fn a_filter_that_keeps_away_all_that_is_near_costs_no_recall() {
    let all = set(ascending(LARGE_ROWS));
    // Most rows are allowed, so that a free walk is tried, and all of them are far.
    let far = |query: &[f32]| {
        let ranked = LARGE.index.search(query, LARGE_ROWS, &all, VectorSearch::Exact).unwrap();
        set(ranked.ords()[LARGE_ROWS / 10..].iter().map(|ord| ord.0))
    };
    let found = mean_recall(10, VectorSearch::Graph { ef: 20 }, far);
    assert!(found >= 0.99, "recall far from the query is {found}");
    // A walk says when it has met too little of what is allowed.
    let query = &LARGE.queries[0];
    let far = far(query);
    assert!(walk(&LARGE.segment, query, 10, &far, 40).is_empty());
    let graph = LARGE.segment.graph().unwrap();
    let query = Query::new(query, (LARGE_DIM, LARGE_DIM)).unwrap();
    assert!(LARGE.segment.walk(&graph, &asked(&LARGE.segment, &query, 10, &far), 40, 10).is_none());
}

#[test]
fn a_walk_over_what_is_allowed_finds_it() {
    let half_by = |score: &dyn Fn(u32) -> f64| {
        let mut rows = ascending(LARGE_ROWS);
        rows.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
        set(rows.into_iter().take(LARGE_ROWS / 2))
    };
    let row = &LARGE.queries[0];
    let nearness = |ord| LARGE.index.score_of(row, ChunkOrd(ord)).unwrap();
    let filters = [
        ("drawn", half_by(&|ord| f64::from(ord.wrapping_mul(2_654_435_761)))),
        ("near a row", half_by(&|ord| -nearness(ord))),
        ("far from it", half_by(&nearness)),
    ];
    for (name, allowed) in filters {
        let shares = LARGE.queries.iter().map(|query| {
            let exact = LARGE.index.search(query, 10, &allowed, VectorSearch::Exact).unwrap();
            let query = Query::new(query, (LARGE_DIM, LARGE_DIM)).unwrap();
            let graph = LARGE.segment.graph().unwrap();
            let asked = asked(&LARGE.segment, &query, 10, &allowed);
            let found = LARGE.segment.walk_allowed(&graph, &asked, 100).unwrap();
            let found = LARGE.segment.scored_nodes(&asked, found.into_iter());
            assert!(found.iter().all(|entry| allowed.contains(entry.ord)));
            recall(&RankedList::from_scored(found), &exact)
        });
        let mean = shares.sum::<f64>() / LARGE.queries.len() as f64;
        assert!(mean >= 0.95, "{name}: {mean}");
    }
}

#[test]
fn both_builders_make_graphs_that_find() {
    let all = set(ascending(LARGE_ROWS));
    let values = clustered(LARGE_ROWS, LARGE_DIM, 1);
    for builder in [GraphBuilder::Batched, GraphBuilder::HnswRs] {
        let params = GraphParams { builder, ..GraphParams::default() };
        let n = LARGE_ROWS / 4;
        let rows = &values[..n * LARGE_DIM];
        let (_dir, segment) = segment(LARGE_DIM, &ascending(n), rows, &params);
        assert_connected(&segment);
        let (mut found, mut expected) = (0.0, 0.0);
        for query in &LARGE.queries {
            let exact = segment.flat().search(query, 10, &all);
            let walked = walk(&segment, query, 10, &all, 60);
            found += recall(&walked, &RankedList::from_scored(exact));
            expected += 1.0;
        }
        assert!(found / expected >= 0.95, "{builder:?}: {}", found / expected);
    }
}

/// The largest difference between a stored row's score and the exact cosine,
/// and the rows that come back as they were stored from a merge.
#[test]
fn each_form_keeps_what_it_says() {
    let (n, dim) = (300, 100);
    let values = clustered(n, dim, 13);
    let query = clustered(1, dim, 14);
    let all = set(ascending(n));
    for (storage, tolerance) in [
        (VectorStorage::F32, 1e-6),
        (VectorStorage::F16, 1e-4),
        (VectorStorage::Int8, 0.01),
        (VectorStorage::Binary, 0.3),
    ] {
        let rows = encoded(storage, dim, &ascending(n), &values);
        for params in [GraphParams::default(), always_graph()] {
            let (_dir, segment) = segment_of(&rows, &params);
            let is_walked = params.min_rows == 0 && storage != VectorStorage::Binary;
            assert_eq!(segment.has_graph(), is_walked, "{storage:?}");
            let index = VectorIndex::new((dim, dim), vec![segment]);
            let mut apart: f64 = 0.0;
            for ord in ascending(n) {
                let row = &values[ord as usize * dim..][..dim];
                let exact: f64 =
                    row.iter().zip(&query).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
                let found = index.score_of(&query, ChunkOrd(ord)).unwrap();
                apart = apart.max((found - exact).abs());
            }
            assert!(apart <= tolerance, "{storage:?}: {apart}");
            let exact = index.search(&query, 10, &all, VectorSearch::Exact).unwrap();
            let auto = index.search(&query, 10, &all, VectorSearch::Auto).unwrap();
            assert_eq!(auto, exact, "{storage:?}");
            // A merge moves rows as they are.
            let layout = VectorLayout { storage, dim: None };
            let mut merged = EncodedRows::new(layout, dim).unwrap();
            index.copy_rows(&all, &mut merged).unwrap();
            assert_eq!(merged.component_bytes(), rows.component_bytes());
            assert_eq!(merged.scales(), rows.scales());
        }
    }
}

#[test]
fn vectors_are_cut_to_the_components_that_are_kept() {
    let dim = 8;
    let values = clustered(50, dim, 15);
    let layout = VectorLayout { storage: VectorStorage::F32, dim: Some(3) };
    let mut rows = EncodedRows::new(layout, dim).unwrap();
    for (ord, row) in (0..).zip(values.chunks_exact(dim)) {
        rows.push(ord, row).unwrap();
    }
    let (_dir, segment) = segment_of(&rows, &GraphParams::default());
    let index = VectorIndex::new((dim, 3), vec![segment]);
    let query = clustered(1, dim, 16);
    let (query3, row3) = (unit(&query[..3]), unit(&values[..3]));
    let expected = f64::from(kernels::dot(&query3, &row3));
    assert!((index.score_of(&query, ChunkOrd(0)).unwrap() - expected).abs() < 1e-6);
    assert!(index.score_of(&query3, ChunkOrd(0)).is_none());
    // Nothing is left of a vector whose first components are zero.
    let last_only = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    assert!(matches!(rows.push(50, &last_only), Err(DenseError::NonFinite { .. })));
    assert!(rows.check(&last_only).is_err());
    for kept in [0, 9] {
        let layout = VectorLayout { dim: Some(kept), ..VectorLayout::default() };
        let refused = EncodedRows::new(layout, dim).unwrap_err();
        assert!(matches!(refused, DenseError::LayoutDim { encoder_dim: 8, .. }), "{refused}");
    }
}

/// Nodes that the links lead to from `start`, among `n` rows.
fn reachable(links_of: impl Fn(u32) -> Vec<u32>, start: u32) -> BTreeSet<u32> {
    let (mut seen, mut open) = (BTreeSet::from([start]), vec![start]);
    while let Some(row) = open.pop() {
        open.extend(links_of(row).into_iter().filter(|&next| seen.insert(next)));
    }
    seen
}

/// Asserts that every distinct vector reaches every other.
fn assert_connected(segment: &VectorSegment) {
    let graph = segment.graph().unwrap();
    let n = segment.len() as u32;
    let later: BTreeSet<u32> = (0..n).flat_map(|row| graph.twins_of(row).skip(1)).collect();
    let nodes: BTreeSet<u32> = (0..n).filter(|row| !later.contains(row)).collect();
    let mut sources = vec![Vec::new(); n as usize];
    for row in 0..n {
        graph.bottom().of(row).for_each(|next| sources[next as usize].push(row));
    }
    assert_eq!(reachable(|row| graph.bottom().of(row).collect(), graph.entry), nodes);
    assert_eq!(reachable(|row| sources[row as usize].clone(), graph.entry), nodes);
}

#[test]
fn duplicates_hide_nothing() {
    let (n, dim) = (3_000, 24);
    let mut values = clustered(n, dim, 3);
    let copied = values[..dim].to_vec();
    for row in values.chunks_exact_mut(dim).skip(1).step_by(10) {
        row.copy_from_slice(&copied);
    }
    let (_dir, segment) = segment(dim, &ascending(n), &values, &always_graph());
    assert_connected(&segment);
    let all = set(ascending(n));
    // Every copy comes back, in the order of the tie rule, from a narrow walk.
    let found = walk(&segment, &copied, 301, &all, 301);
    let copies: Vec<_> =
        std::iter::once(0).chain((1..n as u32).step_by(10)).map(ChunkOrd).collect();
    assert_eq!(found.ords(), copies);
    // The others are found beside them.
    for at in [2, 1_234, 2_999] {
        let row = &values[at * dim..][..dim];
        assert_eq!(walk(&segment, row, 1, &all, 30).ords(), [ChunkOrd(at as u32)]);
    }
    assert_connected(&LARGE.segment);
}

#[test]
fn one_vector_a_thousand_times() {
    let values: Vec<f32> = std::iter::repeat_n(unit(&[1.0, 2.0, 3.0]), 1_000).flatten().collect();
    let ords: Vec<u32> = (0..1_000).map(|at| at * 3).collect();
    let (_dir, segment) = segment(3, &ords, &values, &always_graph());
    let allowed = set(ords.iter().copied().filter(|ord| ord % 2 == 0));
    let found = walk(&segment, &unit(&[1.0, 0.0, 0.0]), 4, &allowed, 10);
    assert_eq!(found.ords(), [0, 6, 12, 18].map(ChunkOrd));
}

#[test]
fn none_one_and_two_rows() {
    for params in [always_graph(), GraphParams::default()] {
        for n in 0..3 {
            let values = clustered(n, 5, 4);
            let (_dir, segment) = segment(5, &ascending(n), &values, &params);
            let index = VectorIndex::new((5, 5), vec![Arc::clone(&segment)]);
            let query = clustered(1, 5, 5);
            let all = set(ascending(n));
            for how in [VectorSearch::Auto, VectorSearch::Exact, VectorSearch::Graph { ef: 0 }] {
                assert_eq!(index.search(&query, 10, &all, how).unwrap().len(), n);
                assert!(index.search(&query, 0, &all, how).unwrap().is_empty());
                assert!(index.search(&query, 10, &OrdSet::new(9), how).unwrap().is_empty());
            }
            if segment.has_graph() {
                assert_eq!(walk(&segment, &query, 10, &all, 10).len(), n);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A walk wide enough to keep all must return what a scan returns: every
    /// node is reachable, twins come along, scores and ties are the same.
    #[test]
    fn a_walk_without_limits_is_a_scan(
        rows in prop::collection::vec(0_usize..60, 1..150),
        dim in prop::sample::select(vec![1, 2, 7, 16, 50, 100]),
        gap in 1_u32..4,
        one_in in 1_u32..4,
        seed in any::<u64>(),
    ) {
        // Drawn from 60 vectors, so that many rows are the same.
        let drawn = clustered(60, dim, 6);
        let values: Vec<f32> =
            rows.iter().flat_map(|&at| drawn[at * dim..][..dim].iter().copied()).collect();
        let ords: Vec<u32> = (0..rows.len() as u32).map(|at| at * gap).collect();
        let params = GraphParams { seed, ..always_graph() };
        let (_dir, segment) = segment(dim, &ords, &values, &params);
        assert_connected(&segment);
        let allowed = set(ords.iter().copied().filter(|ord| ord % one_in == 0));
        let index = VectorIndex::new((dim, dim), vec![Arc::clone(&segment)]);
        for query in clustered(3, dim, seed).chunks_exact(dim) {
            for depth in [1, 10, 200] {
                let exact = index.search(query, depth, &allowed, VectorSearch::Exact).unwrap();
                prop_assert_eq!(walk(&segment, query, depth, &allowed, 200), exact);
            }
        }
    }

    /// Cutting the rows into segments changes no exact result.
    #[test]
    fn segments_do_not_show(
        owner in prop::collection::vec(0_usize..3, 1..120),
        depth in 1_usize..150,
    ) {
        let dim = 6;
        let drawn = clustered(20, dim, 8);
        let row = |ord: usize| &drawn[ord % 20 * dim..][..dim];
        let parts: Vec<_> = (0..3)
            .map(|part| {
                let ords: Vec<u32> =
                    (0..owner.len()).filter(|&ord| owner[ord] == part).map(|ord| ord as u32).collect();
                let values: Vec<f32> = ords.iter().flat_map(|&ord| row(ord as usize).to_vec()).collect();
                segment(dim, &ords, &values, &GraphParams::default())
            })
            .collect();
        let index = VectorIndex::new((dim, dim), parts.iter().map(|(_, part)| Arc::clone(part)).collect());
        let all = set(ascending(owner.len()));
        let query = clustered(1, dim, 9);
        let expected = RankedList::from_scored((0..owner.len()).map(|ord| ScoredChunk {
            ord: ChunkOrd(ord as u32),
            score: f64::from(kernels::dot(&query, row(ord))),
        }));
        let mut found = index.search(&query, owner.len(), &all, VectorSearch::Auto).unwrap();
        prop_assert_eq!(&found, &expected);
        for (at, entry) in expected.entries().iter().enumerate() {
            let rank = index.rank_of(&query, entry.ord, &all);
            prop_assert_eq!(rank, Some((at + 1, entry.score)));
        }
        found.truncate(depth);
        prop_assert_eq!(index.search(&query, depth, &all, VectorSearch::Exact).unwrap(), found);
        let layout = VectorLayout { storage: VectorStorage::F32, dim: None };
        let mut merged = EncodedRows::new(layout, dim).unwrap();
        index.copy_rows(&all, &mut merged).unwrap();
        let stored: Vec<f32> = (0..owner.len()).flat_map(|ord| row(ord).to_vec()).collect();
        prop_assert_eq!(merged.ords(), ascending(owner.len()));
        prop_assert_eq!(merged.component_bytes(), bytemuck::cast_slice::<f32, u8>(&stored));
    }
}
