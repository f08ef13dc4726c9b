//! A text with `{placeholders}`: parsed once, filled in in one pass.
//!
//! One pass, because what is filled in comes from documents and users: a
//! passage that holds `{question}` must stay as it is.

use super::error::PromptError;
use crate::nearest::suggestion;

/// What a template may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Question,
    Passages,
    Schema,
    /// Of prompts about a conversation only.
    History,
}

impl Slot {
    pub(super) const ALL: [Self; 4] = [Self::Question, Self::Passages, Self::Schema, Self::History];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Passages => "passages",
            Self::Schema => "schema",
            Self::History => "history",
        }
    }

    /// As it stands in a template.
    pub(super) fn written(self) -> String {
        format!("{{{}}}", self.name())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot(Slot),
}

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

impl Template {
    /// `{name}` is a placeholder, `{{` and `}}` are braces.
    ///
    /// # Errors
    /// [`PromptError::UnknownPlaceholder`], [`PromptError::LoneBrace`].
    pub(super) fn parse(text: &str, origin: &str) -> Result<Self, PromptError> {
        let lone = |at| PromptError::LoneBrace { origin: origin.to_owned(), at };
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(next) = text[at..].find(['{', '}']).map(|next| at + next) {
            plain.push_str(&text[at..next]);
            let rest = &text[next..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                plain.push_str(&rest[..1]);
                at = next + 2;
                continue;
            }
            // A name has no brace and no line break: `{` followed by those is
            // a sign that somebody forgot to write twice.
            let name = rest.strip_prefix('{').ok_or_else(|| lone(next))?;
            let end = name.find(['{', '}', '\n']).ok_or_else(|| lone(next))?;
            if !name[end..].starts_with('}') {
                return Err(lone(next));
            }
            let name = &name[..end];
            let slot = Slot::named(name).ok_or_else(|| PromptError::UnknownPlaceholder {
                origin: origin.to_owned(),
                name: name.to_owned(),
                hint: suggestion(name, &Slot::ALL.map(Slot::name)),
            })?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Slot(slot));
            at = next + name.len() + 2;
        }
        plain.push_str(&text[at..]);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    pub(super) fn holds(&self, slot: Slot) -> bool {
        self.0.contains(&Part::Slot(slot))
    }

    /// The text with each slot's value in its place.
    pub(super) fn fill<'v>(&self, value: impl Fn(Slot) -> &'v str) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Slot(slot) => value(*slot),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String, PromptError> {
        let template = Template::parse(template, "test")?;
        Ok(template.fill(|slot| match slot {
            Slot::Question => "Why {passages}?",
            Slot::Passages => "P",
            Slot::Schema => "{}",
            Slot::History => "H",
        }))
    }

    #[test]
    fn values_are_filled_in_and_never_read_again() {
        let text = filled("{{\"a\": 1}} {question} {passages}{schema}").unwrap();
        assert_eq!(text, "{\"a\": 1} Why {passages}? P{}");
    }

    #[test]
    fn mistakes_are_named() {
        let said = |template| filled(template).unwrap_err().to_string();
        assert_eq!(
            said("{qestion}"),
            "test: unknown placeholder {qestion}; did you mean \"question\"?"
        );
        assert!(
            said("{}")
                .contains("unknown placeholder {}; there are question, passages, schema, history")
        );
        for lone in ["a } b", "a {", "a { b\n}", "{question{"] {
            assert!(said(lone).contains("a lone brace at byte"), "{lone}");
        }
    }
}
