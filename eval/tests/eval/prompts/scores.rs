//! What is said, scored by hand.

use std::sync::Arc;
use std::time::Duration;

use answer::AnswerRequest;
use answer::model::{
    Completed, Completing, Completion, LanguageModel, Provider, StopReason, Usage,
};
use answer::prompt::{ABSTAIN, Prompt};
use eval::stats::Resolution;
use eval::{
    EvalError, PromptMeasure, PromptReport, PromptSystemReport, PromptWriter, Treatment,
    evaluate_prompts,
};

use super::{ASKED, Fixture, block_on, model_at, says, writers};

const PROMPTS: [&str; 2] = ["cited-v1", "json-v1"];

#[track_caller]
fn mean(report: &PromptSystemReport, measure: PromptMeasure) -> f64 {
    let row = report.measures.0.iter().find(|(name, _)| name == measure.name());
    row.unwrap_or_else(|| panic!("{} is missing", measure.name())).1.estimate.mean
}

#[test]
fn two_prompts_are_compared_on_the_same_contexts_in_every_wire_format() {
    let fixture = Fixture::new();
    let refused = "{\"abstained\": true, \"claims\": []}";
    for provider in [Provider::Openai, Provider::Anthropic, Provider::Gemini, Provider::Ollama] {
        // The prose prompt does well, and the other quotes what stands nowhere twice.
        let wrong = "{\"abstained\": false, \"claims\": [{\"text\": \"Two owners.\", \
                     \"quotes\": [{\"passage\": 1, \"quote\": \"exactly two owners\"}]}]}";
        let script = [
            says(provider, &fixture.good(PROMPTS[0], 0)),
            says(provider, &fixture.good(PROMPTS[1], 0)),
            says(provider, &fixture.good(PROMPTS[0], 1)),
            says(provider, wrong),
            says(provider, &fixture.good(PROMPTS[0], 2)),
            says(provider, wrong),
            says(provider, ABSTAIN),
            says(provider, refused),
        ];
        let (writers, server) = writers(provider, &PROMPTS, script);
        let run = fixture.run(&writers).unwrap();
        assert_eq!(server.asked().len(), 8);

        let report = PromptReport::new(&run, "small | cited-v1").unwrap();
        assert_eq!((report.answerable, report.unanswerable), (3, 1));
        let [extractive, cited, json] = &report.systems[..] else { panic!("{report:?}") };
        assert_eq!(extractive.system.name, "extractive");
        assert_eq!((extractive.input_tokens, extractive.cost_usd_per_1000), (None, None));
        assert_eq!(mean(cited, PromptMeasure::RightCitation), 1.0);
        assert_eq!(mean(cited, PromptMeasure::AbstentionAccuracy), 1.0);
        assert_eq!(mean(json, PromptMeasure::RightCitation), 1.0 / 3.0);
        assert_eq!(mean(json, PromptMeasure::CitationPrecision), 1.0 / 3.0);
        assert_eq!(mean(json, PromptMeasure::ReplyValidity), 1.0);
        // "exactly one owner" by itself, and "two owners" against six words and two.
        assert_eq!(mean(json, PromptMeasure::ExactMatch), 1.0 / 3.0);
        assert_eq!(json.citations["found"], 1);
        assert_eq!(json.citations["not_found"], 2);
        assert_eq!(cited.citations["found"], 3);

        assert_eq!((cited.input_tokens, cited.output_tokens), (Some(100.0), Some(20.0)));
        // 100 tokens at $1 and 20 at $5 for a million, a thousand times.
        assert!((cited.cost_usd_per_1000.unwrap() - 0.2).abs() < 1e-12);
        assert_eq!(cited.answered_by.iter().collect::<Vec<_>>(), ["scripted-1"]);
        assert!(cited.first_piece_ms.unwrap().p50 <= cited.answer_ms.p99);
        let prompt = Prompt::built_in("json-v1").unwrap();
        assert_eq!(json.system.fingerprint, Some(prompt.fingerprint()));
        let against = json.measures.0[0].1.against_baseline.unwrap();
        assert_eq!((against.difference, against.verdict), (-2.0 / 3.0, Resolution::CannotResolve));
        assert!(cited.measures.0[0].1.against_baseline.is_none());
    }
}

#[test]
fn an_answer_is_its_claims_and_a_refusal_of_an_answerable_question_scores_nothing() {
    let fixture = Fixture::new();
    let number = fixture.number(ASKED[1].1, ASKED[1].4);
    let script = [
        says(Provider::Openai, ABSTAIN),
        // The passage is named, and nothing of it quoted.
        says(Provider::Openai, &format!("When the last handle is dropped [{number}].")),
        says(Provider::Openai, "Until a break [9]."),
        says(Provider::Openai, "It is tall."),
    ];
    let (writers, _server) = writers(Provider::Openai, &["cited-v1"], script);
    let run = fixture.run(&writers).unwrap();
    let [refused, named, invented, answered] = &run.systems[1].answers[..] else { panic!() };
    assert_eq!(refused.treatment, Treatment::Abstained);
    assert_eq!((refused.quality.f1, refused.quality.exact), (Some(0.0), Some(false)));
    assert_eq!((refused.words, refused.answer.as_str()), (0, ""));
    assert_eq!((named.quality.right, named.quality.exact), (true, Some(true)));
    assert_eq!((named.words, named.citations["unquoted"]), (6, 1));
    assert_eq!((invented.quality.right, invented.citations["not_found"]), (false, 1));
    assert_eq!((invented.quality.exact, invented.answer.as_str()), (Some(true), "Until a break."));
    assert_eq!((answered.treatment, answered.quality.f1), (Treatment::Answered, None));
    assert_eq!(answered.reply, "It is tall.");
    let report = PromptReport::new(&run, "extractive").unwrap();
    // The second and third were answered, the first and the last should not have been so.
    assert_eq!(mean(&report.systems[1], PromptMeasure::AbstentionAccuracy), 0.5);
}

#[test]
fn systems_are_told_apart_by_their_names() {
    let fixture = Fixture::new();
    let model = model_at(Provider::Openai, "http://127.0.0.1:9/v1");
    let prompt = Prompt::built_in("cited-v1").unwrap();
    let twice: Vec<_> =
        (0..2).map(|_| PromptWriter::new(Arc::clone(&model), prompt.clone()).unwrap()).collect();
    let told = fixture.run(&twice).unwrap_err();
    assert!(
        matches!(&told, EvalError::TwoSystems { name } if name == "small | cited-v1"),
        "{told}"
    );
    let run = fixture.run(&[]).unwrap();
    let told = PromptReport::new(&run, "small | cited-v1").unwrap_err().to_string();
    assert!(told.contains("there are \"extractive\""), "{told}");
}

/// A model that takes the longer the earlier it is asked, and repeats the question.
struct Echo;

impl LanguageModel for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn provider(&self) -> Option<Provider> {
        None
    }

    fn complete<'a>(
        &'a self,
        completion: &'a Completion,
        _on_piece: &'a mut (dyn FnMut(&str) + Send),
    ) -> Completing<'a> {
        Box::pin(async move {
            let (_, question) = completion.turns[0].text.rsplit_once("Question: ").unwrap();
            let place = ASKED.iter().position(|(_, asked, ..)| *asked == question);
            let wait = 60 - 20 * place.map_or(3, |place| place as u64);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            Ok(Completed {
                text: question.to_owned(),
                usage: Usage::default(),
                model: "echo".to_owned(),
                stop: StopReason::Finished,
                first_piece: None,
                total: Duration::from_millis(wait),
                retries: 0,
            })
        })
    }
}

#[test]
fn answers_stand_in_the_order_of_the_questions_however_they_come() {
    let fixture = Fixture::new();
    let prompt = Prompt::built_in("cited-v1").unwrap();
    let writers = [PromptWriter::new(Arc::new(Echo), prompt).unwrap()];
    let template = AnswerRequest::new("");
    let Fixture { searcher, set, .. } = &fixture;
    let run = block_on(evaluate_prompts(searcher, set, &template, &writers, 4, &|| {})).unwrap();
    for (question, score) in run.questions.iter().zip(&run.systems[1].answers) {
        assert_eq!(score.answer, question.text);
    }
}
