//! Checks that several bodies share; each refusal names the parameter.

use engine::DocumentId;
use engine::filter::{Filter, FilterSyntaxError};
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::limits::Limits;

/// Refuses what a body has beyond the parameters it takes.
pub(super) fn refuse_unknown(unknown: &Map<String, Value>, known: &str) -> Result<(), ApiError> {
    unknown.keys().next().map_or(Ok(()), |parameter| {
        Err(ApiError::UnknownParameter {
            parameter: parameter.chars().take(80).collect(),
            known: known.to_owned(),
        })
    })
}

/// The query, which must be there, hold something and be short enough.
pub(super) fn require_query(query: Option<String>, limits: &Limits) -> Result<String, ApiError> {
    let query = query.ok_or(ApiError::MissingParameter { parameter: "query" })?;
    if query.trim().is_empty() {
        return Err(ApiError::invalid("query", &query, "it is empty"));
    }
    within("query", &query, limits.max_query_bytes)?;
    Ok(query)
}

/// The texts a request brings: at least one, none of them blank.
///
/// # Arguments
/// * `read` - the text of an item, or what the item must be.
pub(super) fn text_list(
    parameter: &'static str,
    given: Vec<Value>,
    read: impl Fn(Value) -> Result<String, &'static str>,
    limits: &Limits,
) -> Result<Vec<String>, ApiError> {
    let (n, max) = (given.len(), limits.max_texts);
    if !(1..=max).contains(&n) {
        let reason = format!("it has {n} texts; there must be from 1 to {max}");
        return Err(ApiError::InvalidParameter {
            parameter: parameter.to_owned(),
            reason,
            value: None,
        });
    }
    let texts = given.into_iter().enumerate().map(|(at, value)| {
        let refused = |reason: &str| ApiError::InvalidParameter {
            parameter: format!("{parameter}[{at}]"),
            reason: reason.to_owned(),
            value: None,
        };
        let text = read(value).map_err(refused)?;
        if text.trim().is_empty() {
            return Err(refused("it is empty; leave it out"));
        }
        Ok(text)
    });
    texts.collect()
}

/// Checks a document id that stands in `parameter`.
pub(crate) fn parse_id(parameter: &str, id: String) -> Result<DocumentId, ApiError> {
    let shown = id.clone();
    DocumentId::new(id).map_err(|error| ApiError::invalid(parameter, &shown, error))
}

/// The choice with this name. Not an enum of serde's: its message for anything
/// but a string names neither the parameter nor the choices.
pub(super) fn choose<T: Copy>(
    parameter: &'static str,
    given: Option<String>,
    choices: &[(&'static str, T)],
) -> Result<Option<T>, ApiError> {
    let Some(given) = given else { return Ok(None) };
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == given) {
        return Ok(Some(*choice));
    }
    let reason = format!("it must be one of {}", names(choices).join(", "));
    Err(ApiError::invalid(parameter, &given, reason))
}

/// What can be chosen.
pub(super) fn names<T>(choices: &[(&'static str, T)]) -> Vec<&'static str> {
    choices.iter().map(|(name, _)| *name).collect()
}

/// Parses a filter expression that is short enough.
pub(super) fn parse_filter(text: &str, limits: &Limits) -> Result<Filter, ApiError> {
    within("filter", text, limits.max_filter_bytes)?;
    Filter::parse(text).map_err(|FilterSyntaxError { position, expected, found }| {
        let reason = format!("at byte {position}: expected {expected}, found {found}");
        ApiError::invalid("filter", text, reason)
    })
}

/// Refuses a text that is too long.
pub(super) fn within(parameter: &'static str, text: &str, limit: usize) -> Result<(), ApiError> {
    if text.len() > limit {
        return Err(ApiError::TooLong { parameter, bytes: text.len(), limit });
    }
    Ok(())
}

/// The number as a count from 1 to `max`.
pub(super) fn in_range(parameter: &'static str, value: u64, max: usize) -> Result<usize, ApiError> {
    match usize::try_from(value) {
        Ok(small) if (1..=max).contains(&small) => Ok(small),
        _ => Err(ApiError::OutOfRange { parameter, value, min: 1, max: max as u64 }),
    }
}
