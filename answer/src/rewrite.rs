//! A follow-up made whole by a language model.

use crate::follow_up::{Standalone, Turn, standalone};
use crate::model::{Completion, LanguageModel, Usage};
use crate::prompt::FollowUpPrompt;

/// What a model made of a follow-up, and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewritten {
    /// What to search for.
    pub standalone: Standalone,
    /// Tokens and money; nothing where nothing was asked.
    pub usage: Usage,
    /// Why the model's wording was not had, so that the rules made it; `None` where it was.
    pub failed: Option<String>,
}

/// Has a model make a question stand by itself.
///
/// A first question is not put to it. A model that fails or replies with something else
/// than a question costs the wording, not the answer: the rules of [`standalone`] then
/// decide, and [`Rewritten::failed`] says why.
///
/// # Arguments
/// * `history` - as for [`standalone`]; here all of it counts.
pub async fn rewrite(model: &dyn LanguageModel, question: &str, history: &[Turn]) -> Rewritten {
    let by_rules = |usage, failed| {
        let standalone = standalone(question, history);
        Rewritten { standalone, usage, failed }
    };
    if history.is_empty() {
        return by_rules(Usage::NOTHING, None);
    }
    let prompt = FollowUpPrompt::built_in();
    let completion = Completion::from(prompt.fill(question, history));
    let completed = match model.complete(&completion, &mut |_: &str| {}).await {
        Ok(completed) => completed,
        Err(error) => return by_rules(Usage::NOTHING, Some(error.to_string())),
    };
    match prompt.read_reply(&completed.text) {
        Ok(query) => {
            let written_by = Some(completed.model);
            let standalone =
                Standalone { query, leanings: Vec::new(), added: Vec::new(), written_by };
            Rewritten { standalone, usage: completed.usage, failed: None }
        }
        Err(error) => by_rules(completed.usage, Some(error.to_string())),
    }
}
