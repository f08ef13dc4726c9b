//! Measures against trec_eval's own values (see eval/golden/make.py).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use corpora::Qrels;
use engine::DocumentId;
use eval::{Evaluation, RequestedMeasure, Run, evaluate, read_run};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// Asserts that a topic's value of a measure is trec_eval's.
fn check(evaluation: &Evaluation, (topic, measure): (&str, &str), expected: f64, tolerance: f64) {
    let at = evaluation.topics.iter().position(|known| known == topic).unwrap();
    let result =
        evaluation.measures.iter().find(|result| result.requested.name == measure).unwrap();
    let found = result.per_topic[at];
    assert!(
        (found - expected).abs() < tolerance,
        "{topic} {measure}: {found}, trec_eval {expected}"
    );
}

#[test]
fn every_measure_of_every_topic_is_trec_evals() {
    let qrels = Qrels::read(&golden().join("qrels.txt")).unwrap();
    let run = read_run(&golden().join("run.txt")).unwrap();
    let expected = std::fs::read_to_string(golden().join("expected.tsv")).unwrap();
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
        check(&evaluation, (topic, measure), expected, 1e-9);
    }
}

/// 64-bit FNV-1a.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

/// The run that `make.py` makes of judgments, by the same rule.
fn ruled_run(qrels: &Qrels) -> Run {
    let documents: BTreeSet<&DocumentId> =
        qrels.iter().flat_map(|(_, judgments)| judgments.keys()).collect();
    let mut lines = String::new();
    for (topic, judgments) in qrels.iter().filter(|(topic, _)| !fnv1a(topic).is_multiple_of(10)) {
        for document in &documents {
            let hash = fnv1a(&format!("{topic}\t{document}"));
            let judged = judgments.contains_key(*document);
            let found = if judged { !hash.is_multiple_of(4) } else { hash.is_multiple_of(16) };
            if found {
                let halves = (hash >> 8) % 16;
                writeln!(lines, "{topic} Q0 {document} 0 {} ruled", halves as f64 / 2.0).unwrap();
            }
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines).unwrap();
    read_run(file.path()).unwrap()
}

#[test]
fn real_judgments_score_as_in_trec_eval() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    for (name, topics) in [("cranfield", 225), ("scifact", 300), ("trec-qa", 95)] {
        let judged = data.join(name).join("qrels/test.tsv");
        if !judged.is_file() {
            eprintln!("skipped {name}: there are no judgments at {}", judged.display());
            continue;
        }
        let qrels = Qrels::read(&judged).unwrap();
        let expected = std::fs::read_to_string(golden().join(format!("{name}.tsv"))).unwrap();
        let mut lines = expected.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let header = lines.next().unwrap();
        let measures: Vec<RequestedMeasure> =
            header[1..].iter().map(|measure| measure.parse().unwrap()).collect();
        let evaluation = evaluate(&ruled_run(&qrels), &qrels, &measures);
        assert_eq!(evaluation.topics.len(), topics, "{name}");
        assert!(evaluation.n_without_results > 0, "{name}: no topic without results");
        assert_eq!(lines.clone().count(), topics, "{name}");
        for row in lines {
            for (measure, expected) in header[1..].iter().zip(&row[1..]) {
                check(&evaluation, (row[0], measure), expected.parse().unwrap(), 1e-6);
            }
        }
    }
}
