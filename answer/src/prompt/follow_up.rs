//! The prompt that has a model make a follow-up whole.

use serde::Deserialize;

use super::error::ReplyError;
use super::template::{Slot, Template};
use super::{FilledPrompt, fingerprint, normalised};
use crate::follow_up::Turn;

/// The one that comes with the program.
const BUILT_IN: &str = include_str!("../../prompts/follow-up-v1.toml");

/// Characters of an answer that are shown: what it is about stands at its beginning.
const ANSWER_CHARS: usize = 600;

/// Longest question in bytes that counts as one; anything longer is an answer, or worse.
const MAX_BYTES: usize = 600;

/// A prompt about a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUpPrompt {
    id: String,
    version: u32,
    system: String,
    user: String,
    template: Template,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FollowUpFile {
    id: String,
    version: u32,
    #[serde(rename = "description")]
    _description: String,
    system: String,
    user: String,
}

impl FollowUpPrompt {
    /// The prompt that comes with the program.
    ///
    /// # Panics
    /// Never: a test reads the file that is compiled in.
    pub fn built_in() -> Self {
        let file: FollowUpFile = toml::from_str(BUILT_IN).expect("the built-in file is valid");
        let (system, user) = (normalised(&file.system), normalised(&file.user));
        let template = Template::parse(&user, &file.id).expect("its placeholders are known");
        Self { id: file.id, version: file.version, system, user, template }
    }

    /// `ID-vVERSION`.
    pub fn name(&self) -> String {
        format!("{}-v{}", self.id, self.version)
    }

    /// Names what a model is told, as [`super::Prompt::fingerprint`] does.
    pub fn fingerprint(&self) -> String {
        let Self { id, version, system, user, template: _ } = self;
        fingerprint(&[id, &version.to_string(), system, user])
    }

    /// The prompt for a question after what was said before it, oldest first.
    pub fn fill(&self, question: &str, history: &[Turn]) -> FilledPrompt {
        let lines = history.iter().map(|Turn { question, answer }| {
            let answer: String = answer.chars().take(ANSWER_CHARS).collect();
            format!("Question: {question}\nAnswer: {answer}")
        });
        let said = lines.collect::<Vec<_>>().join("\n");
        let user = self.template.fill(|slot| match slot {
            Slot::Question => question,
            Slot::History => &said,
            Slot::Passages | Slot::Schema => "",
        });
        FilledPrompt { system: self.system.clone(), user }
    }

    /// The question in a reply: its first line that is not blank, without the quotation
    /// marks around it.
    ///
    /// # Errors
    /// [`ReplyError::Empty`], and [`ReplyError::NoQuestion`] for one that is too long to be
    /// a question.
    pub fn read_reply(&self, reply: &str) -> Result<String, ReplyError> {
        let line = reply.lines().map(str::trim).find(|line| !line.is_empty());
        let line = line.ok_or(ReplyError::Empty)?;
        let pairs = [('"', '"'), ('\u{201c}', '\u{201d}'), ('\'', '\'')];
        let bare = pairs.into_iter().find_map(|(open, close)| {
            let inside = line.strip_prefix(open)?.strip_suffix(close)?;
            (!inside.contains([open, close])).then_some(inside.trim())
        });
        let question = bare.unwrap_or(line);
        match question.len() {
            0 => Err(ReplyError::Empty),
            bytes if bytes > MAX_BYTES => Err(ReplyError::NoQuestion { bytes, limit: MAX_BYTES }),
            _ => Ok(question.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_shown_as_it_was_and_long_answers_by_their_beginning() {
        let prompt = FollowUpPrompt::built_in();
        assert_eq!(
            (prompt.name().as_str(), prompt.fingerprint().as_str()),
            ("follow-up-v1", "3577d8b82a6fd265")
        );
        let answer = format!("{}END", "a".repeat(ANSWER_CHARS));
        let history = [Turn { question: "{question}?".to_owned(), answer }];
        let filled = prompt.fill("and it?", &history);
        assert!(filled.user.contains("Question: {question}?\nAnswer: aaa"), "{}", filled.user);
        assert!(!filled.user.contains("END") && filled.user.ends_with("question: and it?"));
    }

    #[test]
    fn a_reply_is_one_line_and_no_essay() {
        let read = |reply: &str| FollowUpPrompt::built_in().read_reply(reply);
        assert_eq!(read("\n  \"Who owns it?\"\nI hope that helps.").unwrap(), "Who owns it?");
        assert_eq!(read("\"a\" or \"b\"?").unwrap(), "\"a\" or \"b\"?");
        assert_eq!(read(" \n"), Err(ReplyError::Empty));
        assert_eq!(read("\"\""), Err(ReplyError::Empty));
        let essay = "word ".repeat(200);
        assert!(matches!(read(&essay), Err(ReplyError::NoQuestion { limit: 600, .. })));
    }
}
