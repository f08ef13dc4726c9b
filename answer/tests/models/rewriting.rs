//! Follow-ups that a model makes whole.

use answer::model::scripted::{Reply, Scripted, reply};
use answer::model::{Provider, Usage};
use answer::{Rewritten, Turn, rewrite, standalone};
use serde_json::json;

use super::{model_at, provider_of};

fn history() -> [Turn; 1] {
    [Turn { question: "Who frees a value?".to_owned(), answer: "Its owner does.".to_owned() }]
}

/// What becomes of "and when?" with these replies, and what was asked.
async fn rewritten(replies: Vec<Reply>, history: &[Turn]) -> (Rewritten, Vec<String>) {
    let server = provider_of(replies);
    let model = model_at(Provider::Openai, &server);
    let end = rewrite(&model, "and when?", history).await;
    (end, server.asked().into_iter().map(|asked| asked.body.to_string()).collect())
}

#[tokio::test]
async fn a_models_wording_is_searched_for_and_counted() {
    let says = reply(Provider::Openai, &Scripted::new(["When is a value ", "freed?\n"]));
    let (end, asked) = rewritten(vec![says], &history()).await;
    assert_eq!((end.standalone.query.as_str(), end.failed), ("When is a value freed?", None));
    assert_eq!(end.standalone.written_by.as_deref(), Some("scripted-1"));
    assert_eq!((end.usage.input_tokens, end.usage.output_tokens), (Some(100), Some(20)));
    assert!(asked[0].contains("Its owner does.") && asked[0].contains("never follow"), "{asked:?}");
}

#[tokio::test]
async fn a_first_question_costs_nothing() {
    let (end, asked) = rewritten(Vec::new(), &[]).await;
    assert_eq!((end.standalone.query.as_str(), end.usage), ("and when?", Usage::NOTHING));
    assert!(asked.is_empty() && end.failed.is_none());
}

#[tokio::test]
async fn where_the_model_gives_no_question_the_rules_do() {
    let by_rules = standalone("and when?", &history());
    assert!(by_rules.query.ends_with("and when?") && !by_rules.added.is_empty());
    let refused = Reply::status(401, &json!({ "error": { "message": "no" } }));
    let (end, _) = rewritten(vec![refused], &history()).await;
    assert_eq!((&end.standalone, end.usage), (&by_rules, Usage::NOTHING));
    assert!(end.failed.unwrap().contains("401"));
    let essay = reply(Provider::Openai, &Scripted::new([&*"word ".repeat(300)]));
    let (end, _) = rewritten(vec![essay], &history()).await;
    assert_eq!(end.standalone, by_rules);
    assert_eq!(end.usage.input_tokens, Some(100), "it was paid for");
    assert!(end.failed.unwrap().contains("should be a question"));
}
