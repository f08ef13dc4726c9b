//! A query on an index of the guides, in process: each strategy with encoding
//! the query included, and encoding alone.
//!
//! The queries are the test questions in turn, so that nothing is cached but
//! what a real sequence of questions leaves warm. What the answers are worth is
//! `trovato eval questions`' business; print both side by side. Left out: HTTP.
//!
//! `cargo bench -p benches --bench query [-- FILTER]`

use std::hint::black_box;

use benches::{Failure, Parts, pages};
use corpora::{QuestionSplit, rust_docs_questions};
use criterion::Criterion;
use engine::{SearchRequest, Strategy, TextRole};

fn main() -> Result<(), Failure> {
    let parts = Parts::load()?;
    let dir = tempfile::tempdir()?;
    // Every page, unless a quicker look is asked for.
    let step = std::env::var("TROVATO_BENCH_STEP").ok().and_then(|step| step.parse().ok());
    let (index, _) = parts.index(dir.path(), &pages(step.unwrap_or(1))?, &parts.encoder)?;
    let searcher = index.searcher();
    let mut questions = rust_docs_questions()?;
    questions.retain(|question| question.split == QuestionSplit::Test);

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("query");
    for (name, strategy) in
        [("lexical", Strategy::Lexical), ("dense", Strategy::Dense), ("hybrid", Strategy::DEFAULT)]
    {
        let mut next = questions.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let question = next.next().map_or("", |question| question.question.as_str());
                let request = SearchRequest { strategy, ..SearchRequest::new(question) };
                black_box(searcher.search(&request).map(|outcome| outcome.hits.len()))
            });
        });
    }
    let mut next = questions.iter().cycle();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            let question = next.next().map_or("", |question| question.question.as_str());
            black_box(parts.encoder.encode(&[question], TextRole::Query).map(|rows| rows.len()))
        });
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}
