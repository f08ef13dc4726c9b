//! JSON Schemas that a caller brings, bounded before anything runs on them.
//!
//! A schema may come from a request, so it is hostile until shown otherwise:
//! no reference leaves it, none leads back to itself, and written out in full
//! it stays small. Recursive schemas are refused for that: validating with one
//! can take time exponential in the depth of the answer, and an answer is no
//! tree of unknown depth.

use std::fmt;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::prompt::json;

/// Problems that a model is told at a time.
pub(crate) const MAX_PROBLEMS: usize = 10;

/// A schema that can be used.
pub struct Schema {
    text: String,
    validator: Validator,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.text).finish()
    }
}

/// A schema that is refused. Whoever wrote it must act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It has too many bytes.
    #[error("the schema has {bytes} bytes; at most {limit} are allowed", limit = Schema::MAX_BYTES)]
    TooLong {
        /// How many, as compact JSON.
        bytes: usize,
    },
    /// Its parts lie in one another too deeply.
    #[error("the schema is nested deeper than {limit}", limit = Schema::MAX_DEPTH)]
    TooDeep,
    /// With every reference written out, it has too many parts.
    #[error("with its references written out, the schema has over {limit} parts",
        limit = Schema::MAX_PARTS)]
    TooManyParts,
    /// It refers to what is not in it.
    #[error("the schema refers to {reference:?}; only #/… within it is allowed")]
    ForeignReference {
        /// What it refers to.
        reference: String,
    },
    /// It refers to a place that it does not have.
    #[error("the schema refers to {reference:?}, which it does not hold")]
    MissingReference {
        /// What it refers to.
        reference: String,
    },
    /// A reference leads back to itself.
    #[error("the schema is recursive at {reference:?}; write out the levels that are needed")]
    Recursive {
        /// What it refers to.
        reference: String,
    },
    /// A keyword whose meaning depends on more than the schema.
    #[error("the schema uses {keyword}, which is not supported")]
    Unsupported {
        /// The keyword.
        keyword: &'static str,
    },
    /// It is JSON, but no JSON Schema.
    #[error("not a JSON Schema: {why}")]
    Invalid {
        /// Why.
        why: String,
    },
}

impl Schema {
    /// Bytes of the compact form at most.
    pub const MAX_BYTES: usize = 32 << 10;
    /// Levels of objects and lists at most.
    pub const MAX_DEPTH: usize = 32;
    /// Values at most, with every reference written out.
    pub const MAX_PARTS: usize = 20_000;

    /// Checks a schema. Patterns are matched in linear time, so those with
    /// look-around or back references are refused; nothing is fetched.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub fn new(schema: &Value) -> Result<Self, SchemaError> {
        let text = schema.to_string();
        if text.len() > Self::MAX_BYTES {
            return Err(SchemaError::TooLong { bytes: text.len() });
        }
        Walk { root: schema, open: Vec::new(), n_parts: 0 }.walk(schema, 0)?;
        let validator = jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map_err(|error| SchemaError::Invalid { why: error.to_string() })?;
        Ok(Self { text, validator })
    }

    /// Checks a schema that is written as JSON.
    ///
    /// # Errors
    /// [`SchemaError`]; [`SchemaError::Invalid`] where it is not JSON.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let schema = serde_json::from_str(text)
            .map_err(|error| SchemaError::Invalid { why: error.to_string() })?;
        Self::new(&schema)
    }

    /// The value in a reply that fits the schema, whatever stands around an object.
    ///
    /// # Errors
    /// What does not fit, each with its place: the first ten.
    pub fn read(&self, reply: &str) -> Result<Value, Vec<String>> {
        // A schema may ask for a list or a number; around anything but an object
        // other text is not forgiven.
        let value = match serde_json::from_str(reply.trim()) {
            Ok(value) => value,
            Err(_) => json::object(reply).map_err(|error| vec![error.to_string()])?,
        };
        let problems = self.problems(&value, MAX_PROBLEMS);
        if problems.is_empty() { Ok(value) } else { Err(problems) }
    }

    /// As it is shown to a model.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What does not fit, each with its place; empty where all does.
    ///
    /// # Arguments
    /// * `limit` - problems at most.
    pub(crate) fn problems(&self, value: &Value, limit: usize) -> Vec<String> {
        self.validator
            .iter_errors(value)
            .take(limit)
            .map(|error| {
                let place = error.instance_path().to_string();
                let place = if place.is_empty() { "the whole" } else { &place };
                // The value itself may be long, and the model knows it.
                format!("{place}: {}", error.masked())
            })
            .collect()
    }
}

/// Goes through a schema as a validator would.
struct Walk<'s> {
    root: &'s Value,
    /// References that are being followed.
    open: Vec<String>,
    n_parts: usize,
}

impl Walk<'_> {
    /// A `$ref` in data (`const`, `enum`) is taken for one of the schema: that
    /// refuses a little more than it must and lets nothing through.
    fn walk(&mut self, value: &Value, depth: usize) -> Result<(), SchemaError> {
        self.n_parts += 1;
        if self.n_parts > Schema::MAX_PARTS {
            return Err(SchemaError::TooManyParts);
        }
        if depth > Schema::MAX_DEPTH {
            return Err(SchemaError::TooDeep);
        }
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    match (key.as_str(), member) {
                        ("$ref", Value::String(reference)) => self.follow(reference, depth)?,
                        ("$dynamicRef", Value::String(_)) => return unsupported("$dynamicRef"),
                        ("$recursiveRef", Value::String(_)) => return unsupported("$recursiveRef"),
                        // It would change what references below it mean.
                        ("$id", Value::String(_)) if depth > 0 => {
                            return unsupported("a nested $id");
                        }
                        _ => self.walk(member, depth + 1)?,
                    }
                }
                Ok(())
            }
            Value::Array(items) => items.iter().try_for_each(|item| self.walk(item, depth + 1)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn follow(&mut self, reference: &str, depth: usize) -> Result<(), SchemaError> {
        let named = || reference.to_owned();
        let pointer = reference
            .strip_prefix('#')
            // Escapes of addresses in a pointer are rare enough to be refused.
            .filter(|pointer| {
                (pointer.is_empty() || pointer.starts_with('/')) && !pointer.contains('%')
            })
            .ok_or_else(|| SchemaError::ForeignReference { reference: named() })?;
        if self.open.iter().any(|open| open == reference) {
            return Err(SchemaError::Recursive { reference: named() });
        }
        let target = self
            .root
            .pointer(pointer)
            .ok_or_else(|| SchemaError::MissingReference { reference: named() })?;
        self.open.push(named());
        self.walk(target, depth + 1)?;
        self.open.pop();
        Ok(())
    }
}

fn unsupported(keyword: &'static str) -> Result<(), SchemaError> {
    Err(SchemaError::Unsupported { keyword })
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
