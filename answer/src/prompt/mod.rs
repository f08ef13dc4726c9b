//! What a model is told: prompts as versioned files, and reading its reply.
//!
//! A [`Prompt`] is text with three placeholders; filled in it is a
//! [`FilledPrompt`], which a model answers; the reply is read into a
//! [`ParsedAnswer`]. Whether a quotation stands in its passage is not decided
//! here, and no model is asked here.

mod code;
mod error;
mod follow_up;
pub(crate) mod json;
mod markers;
mod passages;
mod prose;
mod reply;
mod template;

use std::path::Path;

use serde::Deserialize;

pub use error::{PromptError, ReplyError};
pub use follow_up::FollowUpPrompt;
pub use passages::PromptPassage;
pub use prose::ABSTAIN;
pub(crate) use prose::undecorated;
pub use reply::{ParsedAnswer, ParsedClaim, ParsedQuote};

use crate::nearest::suggestion;
use crate::toml_place::{Keys, Misplaced, check_keys};
use template::{Slot, Template};

/// The prompts that come with the program, by name.
const BUILT_IN: [(&str, &str); 3] = [
    ("cited-v1", include_str!("../../prompts/cited-v1.toml")),
    ("json-v1", include_str!("../../prompts/json-v1.toml")),
    ("value-v1", include_str!("../../prompts/value-v1.toml")),
];

/// The JSON Schema of what a prompt with [`ReplyForm::Json`] asks for.
pub const CLAIMS_SCHEMA: &str = include_str!("../../prompts/claims.schema.json");

const KEYS: Keys =
    Keys { names: &["id", "version", "description", "reply", "system", "user"], below: &[] };

/// How a model is to write its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyForm {
    /// Sentences that end in `[n]`, with quotations between double marks.
    Prose,
    /// One object as [`CLAIMS_SCHEMA`] describes it.
    Json,
    /// One object with a value in the caller's own form, and quotations.
    Value,
}

/// A prompt that has been checked: every placeholder is known, none is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    id: String,
    version: u32,
    description: String,
    form: ReplyForm,
    system: String,
    user: String,
    template: Template,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromptFile {
    id: String,
    version: u32,
    description: String,
    reply: ReplyForm,
    system: String,
    user: String,
}

/// What is filled in.
#[derive(Clone, Copy, Debug)]
pub struct PromptInputs<'a> {
    /// What was asked.
    pub question: &'a str,
    /// What it is to be answered from. May be empty; a model should abstain.
    pub passages: &'a [PromptPassage<'a>],
    /// A JSON Schema, for prompts that show one.
    pub schema: Option<&'a str>,
}

/// A prompt for one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledPrompt {
    /// The standing instructions.
    pub system: String,
    /// Passages and question.
    pub user: String,
}

impl Prompt {
    /// One of the prompts that come with the program.
    ///
    /// # Errors
    /// [`PromptError::Unknown`] with the nearest name.
    pub fn built_in(name: &str) -> Result<Self, PromptError> {
        let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
            let hint = suggestion(name, &BUILT_IN.map(|(known, _)| known));
            return Err(PromptError::Unknown { name: name.to_owned(), hint });
        };
        Self::from_toml(text, name)
    }

    /// The built-in prompt for those who name none.
    ///
    /// # Arguments
    /// * `has_schema` - whether the answer must fit a caller's schema.
    pub fn default_name(has_schema: bool) -> &'static str {
        if has_schema { "value-v1" } else { "cited-v1" }
    }

    /// The names of the built-in prompts.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.into_iter().map(|(name, _)| name)
    }

    /// Reads a prompt of one's own.
    ///
    /// # Errors
    /// [`PromptError::Io`], [`PromptError::Format`], and those of placeholders.
    pub fn read(path: &Path) -> Result<Self, PromptError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PromptError::Io { path: path.to_owned(), source })?;
        Self::from_toml(&text, &path.display().to_string())
    }

    /// Reads the text of a prompt file.
    ///
    /// # Arguments
    /// * `origin` - what errors call it: the file, or a name.
    ///
    /// # Errors
    /// [`PromptError::Format`], and those of placeholders.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, PromptError> {
        let format = |Misplaced { line, what }| PromptError::Format {
            origin: origin.to_owned(),
            line,
            what,
        };
        check_keys(text, &KEYS).map_err(format)?;
        let file: PromptFile =
            toml::from_str(text).map_err(|error| format(Misplaced::said(text, &error)))?;
        let whole = |what: &str| format(Misplaced { line: 0, what: what.to_owned() });
        if file.id.is_empty() || !file.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(whole("id must be letters, digits and hyphens"));
        }
        let (system, user) = (normalised(&file.system), normalised(&file.user));
        if let Some(slot) = Slot::ALL.iter().find(|slot| system.contains(&slot.written())) {
            let what = format!("system is fixed; {} belongs in user", slot.written());
            return Err(whole(&what));
        }
        let template = Template::parse(&user, origin)?;
        if template.holds(Slot::History) {
            return Err(whole(
                "{history} is for prompts about follow-ups; write the question alone",
            ));
        }
        let due: &[Slot] = match file.reply {
            ReplyForm::Prose => &[Slot::Question, Slot::Passages],
            ReplyForm::Json | ReplyForm::Value => &[Slot::Question, Slot::Passages, Slot::Schema],
        };
        if let Some(missing) = due.iter().find(|slot| !template.holds(**slot)) {
            let origin = origin.to_owned();
            return Err(PromptError::MissingPlaceholder { origin, name: missing.name() });
        }
        let (id, version, description, form) =
            (file.id, file.version, file.description, file.reply);
        Ok(Self { id, version, description, form, system, user, template })
    }

    /// `ID-vVERSION`, as the built-in ones are called.
    pub fn name(&self) -> String {
        format!("{}-v{}", self.id, self.version)
    }

    /// What it is for.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// How the reply is to be read.
    pub fn form(&self) -> ReplyForm {
        self.form
    }

    /// Names what a model is told: the first 16 hex digits of BLAKE3 over
    /// everything but the description and over the way passages are shown, each
    /// part behind its length. White space at the ends of lines and of the texts
    /// does not count.
    pub fn fingerprint(&self) -> String {
        let Self { id, version, description: _, form, system, user, template: _ } = self;
        let form = match form {
            ReplyForm::Prose => "prose",
            ReplyForm::Json => "json",
            ReplyForm::Value => "value",
        };
        fingerprint(&[passages::FORM, id, &version.to_string(), form, system, user])
    }

    /// The prompt for one question. Equal inputs give equal prompts.
    ///
    /// A prompt of [`ReplyForm::Json`] is shown [`CLAIMS_SCHEMA`] where no other
    /// schema is given.
    ///
    /// # Errors
    /// [`PromptError::NoSchema`] for another prompt that shows one.
    pub fn fill(&self, inputs: &PromptInputs<'_>) -> Result<FilledPrompt, PromptError> {
        let schema = match (inputs.schema, self.form) {
            (Some(schema), _) => schema,
            (None, ReplyForm::Json) => CLAIMS_SCHEMA.trim_end(),
            (None, ReplyForm::Prose | ReplyForm::Value) if self.template.holds(Slot::Schema) => {
                return Err(PromptError::NoSchema { name: self.name() });
            }
            (None, ReplyForm::Prose | ReplyForm::Value) => "",
        };
        let passages = passages::fence(inputs.passages);
        let user = self.template.fill(|slot| match slot {
            Slot::Question => inputs.question,
            Slot::Passages => &passages,
            Slot::Schema => schema,
            // Refused when the prompt was read.
            Slot::History => "",
        });
        Ok(FilledPrompt { system: self.system.clone(), user })
    }

    /// Reads a reply to this prompt.
    ///
    /// # Arguments
    /// * `known` - the numbers of the passages that were shown.
    ///
    /// # Errors
    /// [`ReplyError`]: empty, or JSON that is missing, cut or of another form.
    pub fn read_reply(&self, reply: &str, known: &[u32]) -> Result<ParsedAnswer, ReplyError> {
        match self.form {
            ReplyForm::Prose => prose::read(reply, known),
            ReplyForm::Json => json::read_claims(reply, known),
            ReplyForm::Value => json::read_value(reply, known),
        }
    }
}

/// The first 16 hex digits of BLAKE3 over texts, each behind its length.
fn fingerprint(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// Line ends as `\n`, no white space at the ends of lines or of the text.
fn normalised(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}
