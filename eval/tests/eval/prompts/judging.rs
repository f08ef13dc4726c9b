//! A judge that is judged first.

use std::cell::Cell;

use answer::model::Provider;
use answer::model::scripted::{Reply, ScriptedProvider};
use answer::prompt::ABSTAIN;
use eval::{EvalError, Judge, JudgeReport, LabelledAnswer, PromptMeasure, PromptReport, PromptRun};
use serde_json::json;

use super::{Fixture, block_on, model_at, says, writers};

const PROVIDER: Provider = Provider::Anthropic;

/// Ten right answers, then ten wrong ones.
fn labels() -> Vec<LabelledAnswer> {
    let label = |at: usize| LabelledAnswer {
        question: "how many owners has a value?".to_owned(),
        expected: vec!["exactly one".to_owned()],
        answer: if at < 10 { "one".to_owned() } else { format!("{at} of them") },
        right: at < 10,
    };
    (0..20).map(label).collect()
}

fn verdict(right: bool) -> Reply {
    let verdict = if right { "right" } else { "wrong" };
    says(PROVIDER, &json!({ "reason": "It says so.", "verdict": verdict }).to_string())
}

fn judge(script: impl IntoIterator<Item = Reply>) -> (Judge, ScriptedProvider) {
    let server = ScriptedProvider::start(script).unwrap();
    (Judge::new(model_at(PROVIDER, &server.base_url()), 1).unwrap(), server)
}

fn check(judge: &Judge) -> Result<JudgeReport, EvalError> {
    block_on(judge.check(&labels(), Judge::MIN_KAPPA, &|| {}))
}

/// A run whose model answers two of the three questions and refuses the others.
fn answered(fixture: &Fixture) -> PromptRun {
    let texts =
        [fixture.good("cited-v1", 0), fixture.good("cited-v1", 1), ABSTAIN.into(), ABSTAIN.into()];
    let script = texts.iter().map(|text| says(Provider::Openai, text));
    let (writers, _server) = writers(Provider::Openai, &["cited-v1"], script);
    fixture.run(&writers).unwrap()
}

#[test]
fn a_judge_that_agrees_is_listened_to() {
    let fixture = Fixture::new();
    let mut run = answered(&fixture);
    let n_extractive =
        run.systems[0].answers[..3].iter().filter(|it| !it.answer.is_empty()).count();
    // One disagreement, one reply that is mended, and then the systems' answers.
    let good = labels().into_iter().map(|label| verdict(label.right)).skip(2);
    let labelled = [verdict(false), says(PROVIDER, "right"), verdict(true)].into_iter().chain(good);
    let of_systems =
        (0..n_extractive).map(|_| verdict(false)).chain([verdict(true), verdict(false)]);
    let (judge, server) = judge(labelled.chain(of_systems));
    let report = check(&judge).unwrap();
    assert_eq!((report.labels, report.without_verdict, &report.not_used), (20, 0, &None));
    assert!((report.accuracy.mean - 0.95).abs() < 1e-12 && (report.kappa.mean - 0.9).abs() < 1e-12);
    assert!(report.kappa.ci95[0] >= Judge::MIN_KAPPA && report.kappa.ci95[0] < 0.9);
    assert_eq!((report.fingerprint.len(), report.prompt.as_str()), (16, "judge-v1"));
    assert_eq!(server.asked().len(), 21, "the mended reply took two requests");
    // The expected answer and the one to judge are fenced as passages.
    let shown = server.asked()[0].body.to_string();
    assert!(shown.contains("expected answer") && shown.contains("answer to judge"), "{shown}");

    let n_verdicts = Cell::new(0);
    let on_verdict = || n_verdicts.set(n_verdicts.get() + 1);
    block_on(judge.judge(&mut run, report, &fixture.set.questions, &on_verdict)).unwrap();
    assert_eq!(n_verdicts.get(), n_extractive + 2, "a refusal is not put to the judge");
    let said: Vec<_> = run.systems[1].answers.iter().map(|score| score.judged_right).collect();
    assert_eq!(said, [Some(true), Some(false), Some(false), None]);
    let report = PromptReport::new(&run, "extractive").unwrap();
    let judged = report.systems[1].measures.0.last().unwrap();
    assert_eq!(judged.0, PromptMeasure::JudgedRight.name());
    assert_eq!(judged.1.estimate.mean, 1.0 / 3.0);
    assert_eq!(report.judge.unwrap().judged, n_extractive + 2);
}

#[test]
fn a_judge_that_disagrees_is_not_used_and_asked_no_more() {
    let fixture = Fixture::new();
    let mut run = answered(&fixture);
    let (judge, server) = judge((0..20).map(|at| verdict(at % 2 == 0)));
    let report = check(&judge).unwrap();
    assert!(report.kappa.mean.abs() < 1e-12, "{report:?}");
    let reason = report.not_used.clone().unwrap();
    assert!(reason.contains("0.40 is asked for"), "{reason}");
    block_on(judge.judge(&mut run, report, &fixture.set.questions, &|| {})).unwrap();
    assert_eq!(server.asked().len(), 20, "nothing more is asked of it");
    let report = PromptReport::new(&run, "extractive").unwrap();
    let judged = PromptMeasure::JudgedRight.name();
    assert!(report.systems.iter().all(|row| row.measures.0.iter().all(|(name, _)| name != judged)));
    assert_eq!(report.judge.unwrap().not_used, Some(reason));
}

#[test]
fn a_judge_that_says_nothing_has_not_agreed_and_one_that_cannot_be_asked_ends_the_run() {
    let silent = (0..40).map(|_| says(PROVIDER, "I would rather not."));
    let (quiet, server) = judge(silent);
    let report = check(&quiet).unwrap();
    assert_eq!((report.without_verdict, report.accuracy.mean), (20, 0.0));
    assert_eq!(server.asked().len(), 40, "each was asked to mend its reply");
    assert!(report.not_used.is_some());

    let refused = Reply::status(401, &json!({ "error": { "message": "no key" } }));
    let (judge, _server) = judge([refused]);
    let told = check(&judge).unwrap_err();
    assert!(matches!(told, EvalError::Model(_)), "{told}");
}
