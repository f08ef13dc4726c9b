//! Runs that are kept, and what became worse since.

use std::fs;
use std::path::Path;

use answer::model::Provider;
use answer::prompt::ABSTAIN;
use eval::{AgainstReport, EvalError, PromptRun};
use serde_json::Value;

use super::{Fixture, says, writers};

const SYSTEM: &str = "small | cited-v1";

/// A run in which the model answers every question well.
fn good_run(fixture: &Fixture) -> PromptRun {
    let good = (0..3).map(|at| says(Provider::Openai, &fixture.good("cited-v1", at)));
    let script: Vec<_> = good.chain([says(Provider::Openai, ABSTAIN)]).collect();
    let (writers, _server) = writers(Provider::Openai, &["cited-v1"], script);
    fixture.run(&writers).unwrap()
}

/// The run without its times, whose last digit a JSON reader may round otherwise.
fn timeless(run: &PromptRun) -> PromptRun {
    let mut run = run.clone();
    for question in &mut run.questions {
        question.retrieval_ms = 0.0;
    }
    for score in run.systems.iter_mut().flat_map(|row| &mut row.answers) {
        score.ms = 0.0;
        if let Some(spent) = &mut score.spent {
            spent.first_piece_ms = None;
        }
    }
    run
}

/// The run after its file was changed.
fn changed(
    run: &PromptRun,
    path: &Path,
    change: impl FnOnce(&mut Value),
) -> Result<PromptRun, EvalError> {
    run.write(path).unwrap();
    let mut value: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
    PromptRun::read(path)
}

#[test]
fn a_run_is_read_as_it_was_kept_and_equal_runs_raise_no_alarm() {
    let fixture = Fixture::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kept.json");
    let run = good_run(&fixture);
    run.write(&path).unwrap();
    let kept = PromptRun::read(&path).unwrap();
    assert_eq!(timeless(&kept), timeless(&run));
    let against = AgainstReport::new(&run, &kept).unwrap();
    assert_eq!(against.regressions().count(), 0);
    assert_eq!((against.questions, against.only_now, against.only_then), (4, 0, 0));
    // A second run of the same script differs in its times alone.
    let again = AgainstReport::new(&good_run(&fixture), &kept).unwrap();
    assert_eq!(again, against);
}

#[test]
fn a_planted_regression_is_found_where_it_was_planted() {
    let fixture = Fixture::new();
    let kept = good_run(&fixture);
    let script = (0..4).map(|_| says(Provider::Openai, "Nobody knows [1]."));
    let (writers, _server) = writers(Provider::Openai, &["cited-v1"], script);
    let now = fixture.run(&writers).unwrap();
    let against = AgainstReport::new(&now, &kept).unwrap();
    let fell: Vec<(&str, &str)> =
        against.regressions().map(|(system, measure, _)| (system, measure)).collect();
    assert!(fell.contains(&(SYSTEM, "token F1")), "{fell:?}");
    assert!(fell.iter().all(|(system, _)| *system == SYSTEM), "{fell:?}");
    let (_, _, change) = against.regressions().next().unwrap();
    assert!(change.now < change.then && change.difference.ci95[1] < 0.0, "{change:?}");
    // The other way round it is a gain.
    assert_eq!(AgainstReport::new(&kept, &now).unwrap().regressions().count(), 0);
}

#[test]
fn what_is_in_one_run_alone_is_told() {
    let fixture = Fixture::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kept.json");
    let run = good_run(&fixture);
    let kept = changed(&run, &path, |value| {
        value["questions"][0]["text"] = "another question".into();
        value["questions"][1]["id"] = "q0".into();
        value["systems"][1]["system"]["fingerprint"] = "0123456789abcdef".into();
        value["systems"][0]["system"]["name"] = "older".into();
        value["settings"]["top"] = "20".into();
    })
    .unwrap();
    let against = AgainstReport::new(&run, &kept).unwrap();
    assert_eq!((against.questions, against.only_now, against.only_then), (2, 2, 2));
    assert_eq!(
        (&against.new_systems[..], &against.gone_systems[..]),
        (&["extractive".to_owned()][..], &["older".to_owned()][..])
    );
    assert_eq!(against.settings, ["top: 20 -> unknown"]);
    assert_eq!(against.systems[0].prompt_changed.as_ref().unwrap()[0], "0123456789abcdef");

    let nothing =
        changed(&run, &path, |value| value["systems"] = Value::Array(Vec::new())).unwrap();
    let told = AgainstReport::new(&run, &nothing).unwrap_err().to_string();
    assert!(told.contains("4 questions and 0 systems"), "{told}");
    let told = changed(&run, &path, |value| value["format"] = 2.into()).unwrap_err().to_string();
    assert!(told.contains("its format is 2, and this program reads 1"), "{told}");
    let lost = |value: &mut Value| {
        value["systems"][1]["answers"].as_array_mut().unwrap().pop();
    };
    let told = changed(&run, &path, lost).unwrap_err().to_string();
    assert!(told.contains("\"small | cited-v1\" has 3 answers to 4 questions"), "{told}");
}
