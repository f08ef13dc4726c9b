//! BM25 against a plain computation, the order of ties, and that neither the
//! number of segments nor deleted rows move a score.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::bm25::{Bm25, FieldWeight, idf, length_norm};
use super::{TestIndex, TestRow};
use crate::document::{ChunkOrd, DocumentId};
use crate::ord_set::OrdSet;
use crate::ranked_list::{RankedList, ScoredChunk};

/// Bodies of words with a skewed distribution, many of them equal.
fn bodies(seed: u64, n: usize) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n)
        .map(|_| {
            let n_words = rng.random_range(1..12);
            let words: Vec<String> = (0..n_words)
                .map(|_| {
                    let skewed: f64 =
                        rng.random::<f64>() * rng.random::<f64>() * rng.random::<f64>();
                    format!("w{}", (skewed * 60.0) as u32)
                })
                .collect();
            words.join(" ")
        })
        .collect()
}

fn queries(seed: u64, n: usize) -> Vec<String> {
    bodies(seed ^ 0xABCD, n)
}

/// The score by the formula, over bodies alone, without any index.
fn expected(bodies: &[(u32, String)], query: &str) -> RankedList {
    let bm25 = Bm25::default();
    let n_chunks = bodies.len() as u64;
    let tokens: Vec<Vec<&str>> = bodies.iter().map(|(_, body)| body.split(' ').collect()).collect();
    let average = tokens.iter().map(Vec::len).sum::<usize>() as f64 / n_chunks as f64;
    let mut terms: BTreeMap<&str, u32> = BTreeMap::new();
    query.split(' ').for_each(|term| *terms.entry(term).or_default() += 1);
    let scored = bodies.iter().zip(&tokens).map(|((ord, _), tokens)| {
        let mut score = 0.0;
        for (term, count) in &terms {
            let n = tokens_with(bodies, term);
            let frequency = tokens.iter().filter(|token| *token == term).count() as f64;
            // "w12" has a digit, so it is an identifier too.
            let part = |field: FieldWeight| {
                let norm = length_norm(field.b, tokens.len() as u32, average);
                field.weight * (bm25.k1 + 1.0) * frequency / (frequency + bm25.k1 * norm)
            };
            let fields = part(bm25.fields.body) + part(bm25.fields.identifiers);
            let count = f64::from(*count);
            score += (bm25.k3 + 1.0) * count / (bm25.k3 + count) * idf(n_chunks, n) * fields;
        }
        ScoredChunk { ord: ChunkOrd(*ord), score }
    });
    RankedList::from_scored(scored.filter(|entry| entry.score > 0.0))
}

fn tokens_with(bodies: &[(u32, String)], term: &str) -> u64 {
    bodies.iter().filter(|(_, body)| body.split(' ').any(|token| token == term)).count() as u64
}

/// The same live chunks in `n_commits` segments with deleted rows among them.
fn index_in(bodies: &[String], n_commits: usize, n_doomed: usize) -> TestIndex {
    let mut index = TestIndex::new();
    let mut writer = index.writer();
    for part in bodies.chunks(bodies.len().div_ceil(n_commits)) {
        for body in part {
            TestRow::new(body).add(&mut writer, index.next);
            index.next += 1;
        }
        for doomed in 0..n_doomed {
            TestRow::new("w0 w1 w2 w3 w3 w3")
                .id("doomed")
                .add(&mut writer, 1_000_000 + doomed as u32);
        }
        writer.commit("").unwrap();
    }
    writer.delete(&DocumentId::new("doomed").unwrap()).unwrap();
    writer.commit("").unwrap();
    drop(writer);
    index
}

#[test]
fn scores_follow_the_formula() {
    let bodies = bodies(1, 300);
    let index = index_in(&bodies, 3, 2);
    let numbered: Vec<_> =
        bodies.iter().cloned().enumerate().map(|(ord, body)| (ord as u32, body)).collect();
    let snapshot = index.snapshot();
    for query in queries(1, 100) {
        let found = snapshot.search(&TestIndex::query(&query), 1000, None).unwrap();
        let expected = expected(&numbered, &query);
        assert_eq!(found.len(), expected.len(), "{query}");
        for entry in expected.entries() {
            let (_, score) = found.find(entry.ord).unwrap();
            assert!((score - entry.score).abs() < 1e-9, "{query}: {score} {}", entry.score);
        }
    }
}

#[test]
fn neither_segments_nor_deleted_rows_move_a_score_or_a_tie() {
    let bodies = bodies(2, 500);
    let variants = [
        index_in(&bodies, 1, 0),
        index_in(&bodies, 7, 0),
        index_in(&bodies, 3, 40),
        index_in(&bodies, 5, 3),
    ];
    variants[3].writer().merge().unwrap();
    let snapshots: Vec<_> = variants.iter().map(TestIndex::snapshot).collect();
    assert_eq!(snapshots[3].n_rows_and_segments(), (500, 1));
    for (at, text) in queries(2, 200).iter().enumerate() {
        let query = TestIndex::query(text);
        let all = snapshots[0].search(&query, usize::MAX, None).unwrap();
        for depth in [1, 3, 10, 50, 1000] {
            let mut cut = all.clone();
            cut.truncate(depth);
            for snapshot in &snapshots {
                let found = snapshot.search(&query, depth, None).unwrap();
                // Bit for bit, order of ties included.
                assert_eq!(found, cut, "query {at} {text:?} depth {depth}");
            }
        }
    }
}

#[test]
fn a_filter_narrow_or_wide_leaves_the_order_of_the_rest() {
    let bodies = bodies(3, 600);
    let index = index_in(&bodies, 4, 5);
    let snapshot = index.snapshot();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for text in queries(3, 60) {
        let query = TestIndex::query(&text);
        let all = snapshot.search(&query, usize::MAX, None).unwrap();
        for share in [0.0, 0.01, 0.05, 0.5, 1.0] {
            let ords = (0..600).filter(|_| rng.random::<f64>() < share).map(ChunkOrd);
            let allowed = OrdSet::from_ords(600, ords);
            let expected: Vec<_> = all
                .entries()
                .iter()
                .filter(|entry| allowed.contains(entry.ord))
                .copied()
                .take(20)
                .collect();
            let found = snapshot.search(&query, 20, Some(&allowed)).unwrap();
            assert_eq!(found.entries(), expected, "{text:?} {share}");
        }
    }
}

#[test]
fn a_rank_is_the_place_in_the_whole_list() {
    let bodies = bodies(4, 300);
    let index = index_in(&bodies, 3, 5);
    let snapshot = index.snapshot();
    let odd = OrdSet::from_ords(300, (0..300).filter(|ord| ord % 2 == 1).map(ChunkOrd));
    for text in queries(4, 40) {
        let query = TestIndex::query(&text);
        for allowed in [None, Some(&odd)] {
            let all = snapshot.search(&query, usize::MAX, allowed).unwrap();
            for (at, entry) in all.entries().iter().enumerate().step_by(7) {
                let rank = snapshot.rank_of(&query, entry.ord, allowed).unwrap();
                assert_eq!(rank, Some((at + 1, entry.score)), "{text:?}");
            }
        }
        assert_eq!(snapshot.rank_of(&query, ChunkOrd(0), Some(&odd)).unwrap(), None);
        assert_eq!(snapshot.rank_of(&query, ChunkOrd(999_999), None).unwrap(), None);
    }
}

#[test]
fn explanations_recombine_to_the_score() {
    let mut index = TestIndex::new();
    let bodies = bodies(5, 200);
    index.add(bodies.iter().map(|body| TestRow::new(body).title("w1 w2").heading("w3 of w4")));
    let snapshot = index.snapshot();
    let mut n_checked = 0;
    for (at, text) in queries(5, 250).into_iter().enumerate() {
        let text = match at % 4 {
            0 => format!("\"{}\"", text.split(' ').take(2).collect::<Vec<_>>().join(" ")),
            1 => format!("{text} w1*"),
            2 => format!("+{text}"),
            _ => text,
        };
        let query = TestIndex::query(&text);
        for entry in snapshot.search(&query, 4, None).unwrap().entries() {
            let explanation = snapshot.explain(&query, entry.ord).unwrap().unwrap();
            assert!((explanation.recombine() - entry.score).abs() < 1e-9, "{text:?}");
            assert!((explanation.value - entry.score).abs() < 1e-9, "{text:?}");
            n_checked += 1;
        }
    }
    assert!(n_checked > 400, "{n_checked}");
    // What is not found has no explanation.
    assert_eq!(snapshot.explain(&TestIndex::query("absent"), ChunkOrd(0)).unwrap(), None);
    assert_eq!(snapshot.explain(&TestIndex::query("w1 -w1"), ChunkOrd(0)).unwrap(), None);
}

#[test]
fn repetition_and_brevity_count_and_nothing_is_found_at_depth_zero() {
    let index = TestIndex::with_bodies(&[
        "rare",
        "rare and much more text around it here",
        "rare rare",
        "none",
    ]);
    assert_eq!(index.search("rare"), [2, 0, 1]);
    assert!(index.snapshot().search(&TestIndex::query("rare"), 0, None).unwrap().is_empty());
    assert!(TestIndex::new().search("rare").is_empty());
}
