//! A static encoder beside the transformer it would be distilled from: passages
//! of 256 tokens, one thread, with tokenisation and without.
//!
//! The table holds random rows over the default model's vocabulary: how long a
//! sum takes does not depend on what is added up. What its vectors are worth is
//! `docs/fast-profile.md`'s business. The transformer's own tokenisation is
//! included in its time, about a hundredth of it. Left out: queries, which the
//! teacher may read, and ingest, which `--bench ingest` measures.
//!
//! `cargo bench -p benches --bench static_encoder [-- FILTER]`

use std::hint::black_box;
use std::path::Path;

use benches::{Failure, Parts, pages};
use criterion::{Criterion, Throughput};
use engine::{StaticEncoder, StaticSpec, StaticTable, TextRole, Vocabulary};

/// Components of a row, the default model's.
const DIM: usize = 384;
const MAX_TOKENS: usize = 256;
const N_TEXTS: usize = 64;

fn main() -> Result<(), Failure> {
    let model = models::resolve(models::DEFAULT_MODEL, &models::Silent)?;
    let dir = tempfile::tempdir()?;
    let encoder = random_encoder(dir.path(), &model.tokenizer_path)?;
    let texts = texts(&encoder)?;
    let ids: Vec<Vec<i64>> =
        texts.iter().map(|text| encoder.token_ids(text)).collect::<Result<_, _>>()?;

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("passage of 256 tokens");
    group.throughput(Throughput::Elements(MAX_TOKENS as u64));
    let mut row = vec![0.0; DIM];
    let mut next = ids.iter().cycle();
    group.bench_function("static, tokens given", |bencher| {
        bencher.iter(|| {
            let ids = next.next().map_or(&[][..], Vec::as_slice);
            black_box(encoder.encode_ids(black_box(ids), &mut row).is_ok())
        });
    });
    let mut next = texts.iter().cycle();
    group.bench_function("static, tokenisation alone", |bencher| {
        bencher.iter(|| {
            let text = next.next().map_or("", String::as_str);
            black_box(encoder.token_ids(black_box(text)).map(|ids| ids.len()))
        });
    });
    let mut next = texts.iter().cycle();
    group.bench_function("static, text given", |bencher| {
        bencher.iter(|| {
            let text = next.next().map_or("", String::as_str);
            black_box(
                engine::Encoder::encode(&encoder, &[text], TextRole::Passage)
                    .map(|rows| rows.len()),
            )
        });
    });
    let transformer = Parts::load()?.encoder;
    let mut next = texts.iter().cycle();
    group.sample_size(20);
    group.bench_function("transformer, text given", |bencher| {
        bencher.iter(|| {
            let text = next.next().map_or("", String::as_str);
            black_box(transformer.encode(&[text], TextRole::Passage).map(|rows| rows.len()))
        });
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn random_encoder(dir: &Path, tokenizer: &Path) -> Result<StaticEncoder, Failure> {
    let n_tokens = Vocabulary::load(tokenizer, MAX_TOKENS)?.n_tokens();
    let mut state = 1_u32;
    let mut next = || {
        // A linear congruential generator (Numerical Recipes) is random enough to
        // be added up.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as f32 / u32::MAX as f32 - 0.5
    };
    let values: Vec<f32> = (0..n_tokens * DIM).map(|_| next()).collect();
    let table_path = dir.join("table");
    StaticTable::write(&table_path, &values, DIM)?;
    Ok(StaticEncoder::load(&StaticSpec {
        name: "random".to_owned(),
        table_path,
        tokenizer_path: tokenizer.to_owned(),
        max_tokens: MAX_TOKENS,
        fingerprint: "random".to_owned(),
    })?)
}

/// Texts that are cut at the limit, so that each has exactly 256 tokens; from
/// the guides, so that tokens are as frequent as they are.
fn texts(encoder: &StaticEncoder) -> Result<Vec<String>, Failure> {
    let wanted = pages(4)?.into_iter().map(|file| file.id).collect();
    let guides = eval::guide_texts(&wanted)?;
    let long = |text: &String| encoder.token_ids(text).is_ok_and(|ids| ids.len() == MAX_TOKENS);
    let texts: Vec<String> = guides
        .into_values()
        .map(|text| text.chars().take(4_000).collect::<String>())
        .filter(long)
        .take(N_TEXTS)
        .collect();
    if texts.is_empty() {
        return Err("no page of the guides has 256 tokens".into());
    }
    Ok(texts)
}
