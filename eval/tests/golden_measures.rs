//! Measures against trec_eval's own values (see eval/golden/make.py).

use std::path::Path;

use corpora::Qrels;
use eval::{RequestedMeasure, evaluate, read_run};

#[test]
fn every_measure_of_every_topic_is_trec_evals() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let qrels = Qrels::read(&golden.join("qrels.txt")).unwrap();
    let run = read_run(&golden.join("run.txt")).unwrap();
    let expected = std::fs::read_to_string(golden.join("expected.tsv")).unwrap();
    let rows: Vec<(&str, &str, f64)> = expected
        .lines()
        .map(|line| {
            let fields: Vec<_> = line.split('\t').collect();
            (fields[0], fields[1], fields[2].parse().unwrap())
        })
        .collect();
    let mut measures: Vec<RequestedMeasure> = Vec::new();
    for (_, measure, _) in &rows {
        if !measures.iter().any(|known| known.name == *measure) {
            measures.push(measure.parse().unwrap());
        }
    }
    let evaluation = evaluate(&run, &qrels, &measures);
    assert_eq!(
        (evaluation.n_without_results, evaluation.n_without_relevant, evaluation.n_unjudged),
        (1, 1, 1)
    );
    assert_eq!(rows.len(), measures.len() * evaluation.topics.len());
    for (topic, measure, expected) in rows {
        let at = evaluation.topics.iter().position(|known| known == topic).unwrap();
        let result =
            evaluation.measures.iter().find(|result| result.requested.name == measure).unwrap();
        let found = result.per_topic[at];
        assert!(
            (found - expected).abs() < 1e-9,
            "{topic} {measure}: {found}, trec_eval {expected}"
        );
    }
}
