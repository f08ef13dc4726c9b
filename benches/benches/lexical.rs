//! BM25 for the best hundred, beside tantivy's own searcher on the same index.
//!
//! Both are given the same words in the same fields with the same weights: ours
//! parses a text, tantivy gets a query whose terms were looked up before. First
//! the two alternate, query by query, and the ratio of their medians is printed;
//! then criterion measures each alone. Passages are made up with Zipf's law, or
//! real ones: `TROVATO_BENCH_CORPUS` names a file of `{"title", "text"}` lines,
//! of which queries are cut too. Left out: reading the hits' texts.
//!
//! `cargo bench -p benches --bench lexical [-- FILTER]`

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use benches::corpus::{Passage, index_passages, lines};
use benches::synthetic::zipf_texts;
use benches::{Failure, median};
use criterion::Criterion;
use engine::{
    EncoderIdentity, Index, Language, Manifest, SearchRequest, Searcher, Strategy, stems,
};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tantivy::Term;
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::IndexRecordOption;

/// Passages, where the file has as many.
const PASSAGES: usize = 100_000;
const QUERIES: usize = 200;
const ROUNDS: usize = 7;
const DEPTH: usize = 100;
/// The engine's default weights of its fields.
const FIELDS: [(&str, f32); 4] =
    [("title", 0.35), ("headings", 0.35), ("body", 1.0), ("identifiers", 0.5)];

fn main() -> Result<(), Failure> {
    let passages = passages()?;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("index");
    let index = index_words(&path, &passages)?;
    let bare = Bare::open(&path, &dir.path().join("bare"))?;
    let searcher = index.searcher();
    let sets = [3, 10, 25].map(|n_words| (n_words, queries(&passages, n_words)));

    println!("{} passages, best {DEPTH}, {ROUNDS} rounds of {QUERIES} queries", passages.len());
    for (n_words, texts) in &sets {
        side_by_side(*n_words, texts, &searcher, &bare)?;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("lexical");
    for (n_words, texts) in &sets {
        let mut next = texts.iter().cycle();
        group.bench_function(format!("{n_words} words"), |bencher| {
            bencher.iter(|| next.next().map(|text| black_box(ours(&searcher, text).ok())));
        });
        let queries: Vec<_> =
            texts.iter().map(|text| bare.query(text)).collect::<Result<_, _>>()?;
        let mut next = queries.iter().cycle();
        group.bench_function(format!("{n_words} words, bare tantivy"), |bencher| {
            bencher.iter(|| next.next().map(|query| black_box(bare.search(query).ok())));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn passages() -> Result<Vec<Passage>, Failure> {
    match std::env::var_os("TROVATO_BENCH_CORPUS") {
        Some(path) => lines(Path::new(&path))?.take(PASSAGES).collect(),
        None => Ok(zipf_texts(PASSAGES, 1).into_iter().map(Passage::of_text).collect()),
    }
}

/// An index whose vectors say nothing and have no graph.
fn index_words(path: &Path, passages: &[Passage]) -> Result<Index, Failure> {
    let given = || "given".to_owned();
    let identity = EncoderIdentity { name: given(), fingerprint: given(), dim: 1 };
    let mut manifest = Manifest::new(identity, "whole");
    manifest.graph.min_rows = usize::MAX;
    let copies = passages.iter().map(|passage| Ok(passage.clone()));
    let rows = std::iter::repeat_with(|| Ok(vec![1.0]));
    index_passages(path, manifest, copies, rows).map(|(index, _)| index)
}

/// Different words of plain letters, all of one passage.
fn queries(passages: &[Passage], n_words: usize) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(n_words as u64);
    let mut queries = Vec::with_capacity(QUERIES);
    while queries.len() < QUERIES {
        let Some(passage) = passages.choose(&mut rng) else { break };
        let mut words: Vec<&str> = passage
            .text
            .split(|c: char| !c.is_ascii_alphabetic())
            .filter(|word| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase()))
            .collect();
        words.sort_unstable();
        words.dedup();
        if words.len() >= n_words {
            while words.len() > n_words {
                words.swap_remove(rng.random_range(0..words.len()));
            }
            queries.push(words.join(" "));
        }
    }
    queries
}

/// The lexical leg with reading the query, in milliseconds: the engine's own
/// clock, so that fetching the one hit is not in it.
fn ours(searcher: &Searcher, text: &str) -> Result<f64, Failure> {
    let request = SearchRequest {
        strategy: Strategy::Lexical,
        top: 1,
        depth: Some(DEPTH),
        ..SearchRequest::new(text)
    };
    let timings = searcher.search(&request)?.timings_ms;
    Ok(timings.plan + timings.lexical)
}

fn side_by_side(
    n_words: usize,
    texts: &[String],
    searcher: &Searcher,
    bare: &Bare,
) -> Result<(), Failure> {
    let queries: Vec<_> = texts.iter().map(|text| bare.query(text)).collect::<Result<_, _>>()?;
    let (mut ours_ms, mut bare_ms, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (mut sum_ours, mut sum_bare) = (0.0, 0.0);
        for (text, query) in texts.iter().zip(&queries) {
            sum_ours += ours(searcher, text)?;
            let started = Instant::now();
            black_box(bare.search(query)?);
            sum_bare += started.elapsed().as_secs_f64() * 1e3;
        }
        ours_ms.push(sum_ours / texts.len() as f64);
        bare_ms.push(sum_bare / texts.len() as f64);
        ratios.push(sum_ours / sum_bare);
    }
    let (least, most) = ratios
        .iter()
        .fold((f64::MAX, 0.0_f64), |(least, most), &ratio| (least.min(ratio), most.max(ratio)));
    println!(
        "{n_words} words: ours {:.3} ms, tantivy {:.3} ms, ratio {:.2} ({least:.2} to {most:.2})",
        median(&mut ours_ms),
        median(&mut bare_ms),
        median(&mut ratios),
    );
    Ok(())
}

/// tantivy on the index's lexical folder, without anything of ours.
struct Bare {
    searcher: tantivy::Searcher,
}

impl Bare {
    /// Opens a copy of the folder without what is ours in it: the line with a
    /// checksum that the two replaced files end in. The others are the very same
    /// files under a second name.
    fn open(index: &Path, copy: &Path) -> Result<Self, Failure> {
        std::fs::create_dir(copy)?;
        for entry in std::fs::read_dir(index.join("lexical"))? {
            let entry = entry?;
            let (from, name) = (entry.path(), entry.file_name());
            let to = copy.join(&name);
            if name == "meta.json" || name == ".managed.json" {
                let text = std::fs::read_to_string(&from)?;
                let json = text.rsplit_once("crc32 ").map_or(text.as_str(), |(json, _)| json);
                std::fs::write(&to, json)?;
            } else {
                std::fs::hard_link(&from, &to)?;
            }
        }
        Ok(Self { searcher: tantivy::Index::open_in_dir(copy)?.reader()?.searcher() })
    }

    /// Every word in every field where a passage has it; a term that nobody has
    /// would cost tantivy its fast path.
    fn query(&self, text: &str) -> Result<BooleanQuery, Failure> {
        let schema = self.searcher.schema();
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for word in text.split(' ') {
            for (field, weight) in FIELDS {
                let terms = match field {
                    "identifiers" => vec![word.to_owned()],
                    _ => stems(word, Language::English),
                };
                for term in terms {
                    let term = Term::from_field_text(schema.get_field(field)?, &term);
                    if self.searcher.doc_freq(&term)? > 0 {
                        let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
                        let query = BoostQuery::new(Box::new(query), weight);
                        clauses.push((Occur::Should, Box::new(query)));
                    }
                }
            }
        }
        Ok(BooleanQuery::new(clauses))
    }

    fn search(&self, query: &BooleanQuery) -> Result<usize, Failure> {
        let collector = TopDocs::with_limit(DEPTH).order_by_score();
        Ok(self.searcher.search(query, &collector)?.len())
    }
}
