//! What a tool returns: a structure for programs that says itself in words.

use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::refusal::Refusal;
use crate::error::ApiError;

/// The result of a tool. Hosts give a model either the structure or the words, so each
/// holds everything that matters.
pub(super) trait Answer: Serialize + JsonSchema + 'static {
    /// The result in words, for models and people.
    fn tell(&self) -> String;
}

/// An answer, or a refusal, as the protocol has it.
pub(super) fn to_result(answer: Result<impl Answer, Refusal>) -> CallToolResult {
    let answered = answer.and_then(|answer| match serde_json::to_value(&answer) {
        Ok(structure) => Ok((structure, answer.tell())),
        Err(error) => {
            tracing::error!(%error, "a tool's answer is no JSON");
            Err(ApiError::Internal.into())
        }
    });
    match answered {
        Ok((structure, words)) => {
            let mut result = CallToolResult::structured(structure);
            result.content = vec![ContentBlock::text(words)];
            result
        }
        Err(refusal) => CallToolResult::error(vec![ContentBlock::text(refusal.to_string())]),
    }
}
