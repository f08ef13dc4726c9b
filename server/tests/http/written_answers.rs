//! Answers that a language model writes, over HTTP: a scripted provider plays the model
//! in its real format.

use super::support::{Answer, Fixture, says, send, written};
use answer::model::scripted::Reply;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

const QUESTION: &str = "a reference borrows a value without owning it";

async fn ask(fixture: &Fixture, body: Value) -> Answer {
    let request = Request::post("/v1/answer")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    send(&fixture.app, request).await
}

#[tokio::test]
async fn what_a_model_writes_is_looked_up_and_what_does_not_hold_is_marked() {
    let text = [
        "A reference \"borrows a value without owning it\" [1]. ",
        "It \"frees the value twice\" [1]. Threads exist [9].",
    ];
    let (fixture, provider) = written([says(&text)]);
    let body = ask(&fixture, json!({"question": QUESTION, "model": "small"})).await.ok();
    assert_eq!((&body["model"], &body["abstained"]), (&json!("scripted-1"), &json!(false)));
    assert!(body.get("confidence").is_none(), "a model's word is not asked for");
    let verdicts: Vec<&str> = body["citations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|citation| citation["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["found", "not_found", "not_found"], "{body}");
    assert_eq!(body["citations"][0]["document"], "book/references.md");
    assert!(body["citations"][2].get("passage").is_none(), "passage 9 was never shown");
    let written = &body["written"];
    assert_eq!((&written["prompt"], &written["is_cut"]), (&json!("cited-v1"), &json!(false)));
    assert_eq!(body["usage"], json!({"input_tokens": 100, "output_tokens": 20, "cost_usd": null}));
    assert_eq!(written["prompt_fingerprint"].as_str().map(str::len), Some(16));
    // The model saw the passages, numbered.
    let asked = provider.asked()[0].body.to_string();
    assert!(asked.contains("borrows a value") && asked.contains("number="), "{asked}");
}

#[tokio::test]
async fn a_model_streams_after_what_was_found() {
    let (fixture, _provider) = written([says(&["It \"borrows ", "a value\" [1]."])]);
    let body = json!({"question": QUESTION, "model": "small", "stream": true});
    let answer = ask(&fixture, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let names: Vec<&str> =
        answer.text.lines().filter_map(|line| line.strip_prefix("event:")).map(str::trim).collect();
    assert_eq!(names, ["retrieval", "token", "token", "answer"], "{}", answer.text);
    assert!(answer.text.contains(r#"{"text":"It \"borrows "}"#), "{}", answer.text);
}

#[tokio::test]
async fn a_refusal_of_the_model_is_a_field() {
    let (fixture, _provider) = written([says(&["[[ABSTAIN]]"])]);
    let body = ask(&fixture, json!({"question": QUESTION, "model": "small"})).await.ok();
    assert_eq!((&body["abstained"], &body["answer"]), (&json!(true), &json!("")));
}

#[tokio::test]
async fn a_model_that_fails_has_a_status_and_keeps_its_words_to_the_log() {
    let failed = || Reply::status(500, &json!({"error": {"message": "secret detail"}}));
    let (fixture, _provider) = written([failed(), failed()]);
    let answer = ask(&fixture, json!({"question": QUESTION, "model": "small"})).await;
    answer.error(502, "not_written");
    assert!(!answer.text.contains("secret detail"), "{}", answer.text);
    let streamed = json!({"question": QUESTION, "model": "small", "stream": true});
    let answer = ask(&fixture, streamed).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("event: error") && answer.text.contains("not_written"));
}

const SCHEMA: &str = r#"{"type": "object", "properties": {"borrows": {"type": "boolean"}},
    "required": ["borrows"], "additionalProperties": false}"#;

fn in_a_form() -> Value {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    json!({"question": QUESTION, "model": "small", "schema": schema})
}

#[tokio::test]
async fn a_value_fits_the_schema_after_one_repair_and_its_quotations_are_looked_up() {
    let reply = |value: &str| {
        says(&[&format!(
            r#"{{"abstained": false, "value": {{"borrows": {value}}},
            "quotes": [{{"passage": 1, "quote": "borrows a value"}}, {{"passage": 1, "quote": "frees it twice"}}]}}"#
        )])
    };
    let (fixture, provider) = written([reply("\"yes\""), reply("true")]);
    let body = ask(&fixture, in_a_form()).await.ok();
    assert_eq!(body["value"], json!({"borrows": true}), "{body}");
    assert_eq!(body["answer"], r#"{"borrows":true}"#);
    assert_eq!(
        (&body["written"]["prompt"], &body["written"]["repairs"]),
        (&json!("value-v1"), &json!(1))
    );
    assert_eq!((&body["usage"]["input_tokens"], &body["abstained"]), (&json!(200), &json!(false)));
    let verdicts = (&body["citations"][0]["verdict"], &body["citations"][1]["verdict"]);
    assert_eq!(verdicts, (&json!("found"), &json!("not_found")));
    let told = provider.asked()[1].body.to_string();
    assert!(told.contains("value, /borrows: "), "the model is told where: {told}");
}

#[tokio::test]
async fn a_value_that_never_fits_is_told_and_a_refusal_needs_none() {
    let wrong = || says(&[r#"{"abstained": false, "value": {}, "quotes": []}"#]);
    let refuses = says(&[r#"{"abstained": true, "value": null, "quotes": []}"#]);
    let (fixture, _provider) = written([wrong(), wrong(), refuses]);
    let told = ask(&fixture, in_a_form()).await.error(502, "unfit");
    assert!(told["message"].as_str().unwrap().contains("\"borrows\" is a required"), "{told}");
    let body = ask(&fixture, in_a_form()).await.ok();
    assert_eq!((&body["abstained"], body.get("value")), (&json!(true), None));
}

#[tokio::test]
async fn schemas_that_nothing_can_be_made_of_are_refused_by_name() {
    let (fixture, provider) = written([]);
    let refused = async |change: fn(&mut Value)| {
        let mut body = in_a_form();
        change(&mut body);
        let told = ask(&fixture, body).await.error(400, "invalid_parameter");
        format!("{}: {}", told["parameter"], told["message"])
    };
    let said = refused(|body| body["model"] = json!("extractive")).await;
    assert!(said.starts_with("\"schema\"") && said.contains("language model"), "{said}");
    let said = refused(|body| body["schema"] = json!({"$ref": "https://example.com"})).await;
    assert!(said.starts_with("\"schema\"") && said.contains("refers to"), "{said}");
    let said = refused(|body| body["prompt"] = json!("cited-v1")).await;
    assert!(said.starts_with("\"prompt\"") && said.contains("value-v1"), "{said}");
    let said = refused(|body| {
        body.as_object_mut().unwrap().remove("schema");
        body["prompt"] = json!("value-v1");
    })
    .await;
    assert!(said.contains("send its `schema`"), "{said}");
    assert!(provider.asked().is_empty());
}

#[tokio::test]
async fn a_model_makes_a_follow_up_whole_where_it_is_asked_to() {
    let follow_up = json!({"question": "and who owns it?", "model": "small", "rewrite": "model",
        "history": [{"question": "What borrows a value?", "answer": "A reference."}]});
    let answers = || says(&["A thread \"owns its stack\" [1]."]);
    let failed = Reply::status(500, &json!({"error": {"message": "secret detail"}}));
    let script = [says(&["Who owns a thread's stack?"]), answers(), failed, answers()];
    let (fixture, _provider) = written(script);
    let body = ask(&fixture, follow_up.clone()).await.ok();
    assert_eq!(
        body["standalone"],
        json!({"query": "Who owns a thread's stack?", "rules": [], "added": [], "written_by": "scripted-1"})
    );
    assert_eq!(body["question"], "and who owns it?", "what was asked is answered");
    assert_eq!(body["usage"]["input_tokens"], 200, "both are paid for");
    let body = ask(&fixture, follow_up.clone()).await.ok();
    assert_eq!(body["degraded"][0]["stage"], "rewrite", "{body}");
    assert!(body["standalone"]["query"].as_str().unwrap().contains("reference"), "{body}");
    assert!(!body.to_string().contains("secret"), "{body}");
    let mut extractive = follow_up;
    extractive["model"] = json!("extractive");
    let told = ask(&fixture, extractive).await.error(400, "invalid_parameter");
    assert_eq!(told["parameter"], "rewrite");
}

#[tokio::test]
async fn models_and_prompts_are_named_and_others_are_refused() {
    let (fixture, provider) = written([]);
    let collections = fixture.get("/v1/collections").await.ok();
    assert_eq!(collections["answer_models"], json!(["extractive", "small"]));
    let refused = ask(&fixture, json!({"question": QUESTION, "model": "large"})).await;
    let told = refused.error(400, "invalid_parameter");
    assert!(told["message"].as_str().unwrap().contains("extractive, small"), "{told}");
    let prompt = json!({"question": QUESTION, "model": "small", "prompt": "cited-v9"});
    ask(&fixture, prompt).await.error(400, "invalid_parameter");
    assert!(provider.asked().is_empty(), "nothing was asked of the model");
}
