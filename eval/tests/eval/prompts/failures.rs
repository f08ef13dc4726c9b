//! What models fail to do: scored, named, and never dropped.

use std::net::TcpListener;

use answer::model::scripted::{LineEnd, Reply, Scripted, Step, events, reply};
use answer::model::{Failure, Provider};
use answer::prompt::{Prompt, ReplyForm};
use eval::{EvalError, PromptMeasure, PromptReport, PromptScore, PromptWriter, Treatment};
use serde_json::json;

use super::{Fixture, model_at, says, writers};

const PROVIDER: Provider = Provider::Openai;

fn busy(status: u16) -> Reply {
    Reply::status(status, &json!({ "error": { "message": "busy" } }))
}

/// The scores of four replies, or sequences of them, to the JSON prompt.
fn scored(fixture: &Fixture, script: Vec<Reply>) -> (Vec<PromptScore>, PromptReport) {
    let (writers, _server) = writers(PROVIDER, &["json-v1"], script);
    assert!(Prompt::built_in("json-v1").unwrap().form() == ReplyForm::Json);
    let run = fixture.run(&writers).unwrap();
    (run.systems[1].answers.clone(), PromptReport::new(&run, "extractive").unwrap())
}

#[test]
fn failures_are_outcomes_with_their_errors() {
    let fixture = Fixture::new();
    let good = fixture.good("json-v1", 0);
    let half = &good[..good.len() / 2];
    let cut = reply(PROVIDER, &Scripted { stop: "length", ..Scripted::new([half]) });
    let script = vec![
        // q1: a failure of the provider that is waited out.
        busy(503),
        says(PROVIDER, &good),
        // q2: a limit that is not.
        busy(429),
        busy(429),
        busy(429),
        // q3: a reply that ends at the limit of output tokens.
        cut,
        // q9, which nothing answers: prose where an object was asked for, and again when told.
        says(PROVIDER, "I do not know."),
        says(PROVIDER, "I still do not."),
    ];
    let (scores, report) = scored(&fixture, script);
    let [retried, limited, cut, unreadable] = &scores[..] else { panic!("{scores:?}") };
    let spent = |score: &PromptScore| score.spent.clone().unwrap();

    assert_eq!((retried.treatment, retried.quality.right), (Treatment::Answered, true));
    assert_eq!((spent(retried).retries, retried.valid), (1, true));

    assert_eq!((limited.treatment, limited.valid), (Treatment::Failed, false));
    assert!(limited.error.as_ref().unwrap().contains("rate limited: busy"), "{limited:?}");
    assert_eq!((spent(limited).retries, spent(limited).model), (2, None));
    assert_eq!((limited.quality.right, limited.quality.f1), (false, Some(0.0)));

    assert_eq!((cut.treatment, cut.is_cut, cut.valid), (Treatment::Failed, true, false));
    assert!(cut.error.as_ref().unwrap().contains("limit of output tokens"), "{cut:?}");
    assert_eq!(cut.reply, half);
    assert_eq!(spent(cut).output_tokens, Some(20), "what cannot be read was paid for");

    assert_eq!(unreadable.treatment, Treatment::Failed);
    assert!(unreadable.error.as_ref().unwrap().contains("no JSON object"), "{unreadable:?}");
    let paid = spent(unreadable);
    assert_eq!((paid.repairs, paid.output_tokens), (1, Some(40)), "both replies were paid for");
    assert_eq!(unreadable.reply, "I still do not.");

    let row = &report.systems[1];
    assert_eq!((row.retries, row.cut, row.unfit, row.repairs), (3, 1, 2, 1));
    let failed: Vec<&str> = row.failures.iter().map(|it| it.question.as_str()).collect();
    assert_eq!(failed, ["q2", "q3", "q9"]);
    // To say nothing is not to refuse: q1 alone was treated as it should be.
    let accuracy = |it: &(String, eval::MeasuredPrompt)| {
        (it.0 == PromptMeasure::AbstentionAccuracy.name()).then_some(it.1.estimate.mean)
    };
    assert_eq!(row.measures.0.iter().find_map(accuracy), Some(0.25));
}

#[test]
fn a_reply_that_can_be_read_and_does_not_fit_its_schema_is_answered_and_invalid() {
    let fixture = Fixture::new();
    let good = fixture.good("json-v1", 0);
    let more = good.replacen('{', "{\"confidence\": 1, ", 1);
    let fenced = format!("```json\n{}\n```", fixture.good("json-v1", 1));
    // Cut by the connection, once a piece has come.
    let parts = events(PROVIDER, &Scripted::new(["{\"abst", "ained\""]), LineEnd::Lf);
    let torn = Reply::stream([Step::Send(parts[..2].concat()), Step::Cut]);
    let refused = "{\"abstained\": true, \"claims\": []}";
    // The last is told once what is wrong.
    let script = vec![
        says(PROVIDER, &more),
        says(PROVIDER, &fenced),
        torn,
        says(PROVIDER, "No."),
        says(PROVIDER, refused),
    ];
    let (scores, report) = scored(&fixture, script);
    assert_eq!((scores[0].treatment, scores[0].valid), (Treatment::Answered, false));
    assert!(scores[0].quality.right && scores[0].problems[0].contains("confidence"), "{scores:?}");
    assert!(scores[1].valid && scores[1].quality.right, "a fence is forgiven, as when asking");
    assert_eq!((scores[2].treatment, scores[2].reply.as_str()), (Treatment::Failed, "{\"abst"));
    assert!(scores[2].error.as_ref().unwrap().contains("was cut"), "{scores:?}");
    assert_eq!((scores[3].treatment, scores[3].valid), (Treatment::Abstained, true));
    let row = &report.systems[1];
    assert_eq!((row.unfit, row.repairs), (1, 1), "what was torn is not of another form");
}

#[test]
fn what_every_question_would_meet_ends_the_run() {
    let fixture = Fixture::new();
    for (status, said) in [(401, "check the key"), (404, "status 404")] {
        let (writers, server) = writers(PROVIDER, &["cited-v1"], [busy(status)]);
        let told = fixture.run(&writers).unwrap_err();
        assert!(matches!(&told, EvalError::Model(_)) && told.to_string().contains(said), "{told}");
        assert_eq!(server.asked().len(), 1, "nothing more is asked");
    }
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let model = model_at(PROVIDER, &format!("http://127.0.0.1:{port}/v1"));
    let prompt = Prompt::built_in("cited-v1").unwrap();
    let told = fixture.run(&[PromptWriter::new(model, prompt).unwrap()]).unwrap_err();
    let EvalError::Model(error) = &told else { panic!("{told}") };
    assert!(matches!(error.failure, Failure::Unreachable { .. }), "{told}");
}
