//! Answers in a caller's form.

use answer::model::scripted::{Reply, Scripted, reply};
use answer::model::{
    Completion, Failure, Provider, Schema, Structured, StructuredError, complete_structured,
};
use serde_json::{Value, json};

use super::{model_at, provider_of};

fn schema() -> Schema {
    let schema = json!({
        "type": "object",
        "properties": { "year": { "type": "integer" } },
        "required": ["year"],
        "additionalProperties": false,
    });
    Schema::new(&schema).unwrap()
}

/// What comes of these replies, and what was asked.
async fn structured(replies: Vec<Reply>) -> (Result<Structured, StructuredError>, Vec<Value>) {
    let server = provider_of(replies);
    let model = model_at(Provider::Openai, &server);
    let asked = Completion::new("", "Which year?");
    let end = complete_structured(&model, &asked, &schema()).await;
    (end, server.asked().into_iter().map(|asked| asked.body["messages"].clone()).collect())
}

fn says(text: &str) -> Reply {
    reply(Provider::Openai, &Scripted::new([text]))
}

#[tokio::test]
async fn a_reply_that_fits_needs_no_repair() {
    for text in ["{\"year\": 1994}", "Sure:\n```json\n{\"year\": 1994}\n```\n"] {
        let end = structured(vec![says(text)]).await.0.unwrap();
        assert_eq!((end.value, end.repairs), (json!({ "year": 1994 }), 0));
        assert_eq!(end.completions.len(), 1);
    }
}

#[tokio::test]
async fn a_reply_that_does_not_fit_is_repaired_once() {
    let (end, asked) =
        structured(vec![says("{\"year\": \"1994\"}"), says("{\"year\": 1994}")]).await;
    let end = end.unwrap();
    assert_eq!((end.value, end.repairs, end.completions.len()), (json!({ "year": 1994 }), 1, 2));
    let turns = asked[1].as_array().unwrap();
    assert_eq!(turns[1], json!({ "role": "assistant", "content": "{\"year\": \"1994\"}" }));
    let told = turns[2]["content"].as_str().unwrap();
    assert!(told.contains("/year: ") && told.contains("integer"), "{told}");
}

#[tokio::test]
async fn a_second_failure_is_the_last_and_what_was_paid_is_known() {
    let (end, asked) =
        structured(vec![says("I do not know."), says("{\"yaer\": 1}"), says("{}")]).await;
    let Err(StructuredError::Unfit { problems, repairs, spent }) = end else { panic!("{end:?}") };
    assert_eq!((repairs, spent.len(), asked.len()), (1, 2, 2));
    assert!(problems.iter().any(|problem| problem.contains("yaer")), "{problems:?}");
    let told = asked[1][2]["content"].as_str().unwrap();
    assert!(told.contains("no JSON object"), "{told}");
}

#[tokio::test]
async fn a_reply_cut_at_the_limit_is_not_asked_for_again() {
    let cut = Scripted { stop: "length", ..Scripted::new(["{\"year\": 19"]) };
    let (end, asked) = structured(vec![reply(Provider::Openai, &cut)]).await;
    assert!(matches!(end, Err(StructuredError::CutOff { spent }) if spent.len() == 1));
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn a_failure_says_what_was_paid_before_it() {
    let down = Reply::status(404, &json!({ "error": "gone" }));
    let end = structured(vec![down.clone()]).await.0;
    assert!(matches!(end, Err(StructuredError::Model { source })
        if matches!(source.failure, Failure::Refused { .. })));
    let end = structured(vec![says("?"), down]).await.0;
    assert!(matches!(end, Err(StructuredError::Repair { spent, .. }) if spent.len() == 1));
}
