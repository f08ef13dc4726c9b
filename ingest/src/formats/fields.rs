//! Metadata with types: what JSON, TOML and front matter say, as field values.
//!
//! Nested objects are flattened with dots (`author.name`). A string is a moment
//! only if all of it is a date: `2024-05-01`, `2024-05-01T10:00:00Z`, with a
//! blank for the `T`, with an offset; without one, UTC is meant. Nothing else is
//! guessed from strings: a part number must not become an integer.

use std::collections::BTreeMap;

use engine::FieldValue;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Deepest nesting of objects that is flattened; what lies deeper is kept as
/// JSON text.
const MAX_NESTING: usize = 16;

/// Adds a JSON value under `name`. `null` adds nothing.
pub(crate) fn insert_json(fields: &mut BTreeMap<String, FieldValue>, name: &str, value: Value) {
    insert_nested(fields, name.to_owned(), value, 0);
}

fn insert_nested(
    fields: &mut BTreeMap<String, FieldValue>,
    name: String,
    value: Value,
    depth: usize,
) {
    match value {
        Value::Null => {}
        Value::Object(members) if depth < MAX_NESTING => {
            for (key, member) in members {
                insert_nested(fields, format!("{name}.{key}"), member, depth + 1);
            }
        }
        Value::Array(values) => {
            let values = values.into_iter().filter_map(from_json).collect();
            fields.insert(name, FieldValue::List(values));
        }
        scalar @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            if let Some(value) = from_json(scalar) {
                fields.insert(name, value);
            }
        }
    }
}

fn from_json(value: Value) -> Option<FieldValue> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => FieldValue::Bool(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => FieldValue::Integer(integer),
            (None, Some(float)) if float.is_finite() => FieldValue::Float(float),
            (None, _) => FieldValue::Text(number.to_string()),
        },
        Value::String(text) => typed_text(text),
        // A list of objects has no flat form; its JSON can still be searched.
        nested @ (Value::Array(_) | Value::Object(_)) => FieldValue::Text(nested.to_string()),
    })
}

/// A string as text, or as a moment when all of it is a date.
pub(super) fn typed_text(text: String) -> FieldValue {
    match moment(text.trim()) {
        Some(seconds) => FieldValue::Timestamp(seconds),
        None => FieldValue::Text(text),
    }
}

/// Seconds since 1970 of an ISO 8601 date or date and time.
pub(super) fn moment(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    // jiff also reads `20240501`, which in metadata is as likely a number.
    let looks_like_a_date = bytes.len() >= 10
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[..4].iter().all(u8::is_ascii_digit);
    if !looks_like_a_date {
        return None;
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_second());
    }
    let civil: DateTime = text.parse().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_becomes_typed_and_flat() {
        let mut fields = BTreeMap::new();
        insert_json(
            &mut fields,
            "m",
            json!({
                "ok": true, "n": -3, "x": 0.5, "big": 18_446_744_073_709_551_615_u64, "gone": null,
                "author": {"name": "Ada", "since": "1970-01-02"},
                "tags": ["a", null, 1, {"k": 2}],
            }),
        );
        let expected = [
            ("m.author.name", FieldValue::Text("Ada".into())),
            ("m.author.since", FieldValue::Timestamp(86_400)),
            ("m.big", FieldValue::Float(18_446_744_073_709_551_615.0)),
            ("m.n", FieldValue::Integer(-3)),
            ("m.ok", FieldValue::Bool(true)),
            (
                "m.tags",
                FieldValue::List(vec![
                    FieldValue::Text("a".into()),
                    FieldValue::Integer(1),
                    FieldValue::Text("{\"k\":2}".into()),
                ]),
            ),
            ("m.x", FieldValue::Float(0.5)),
        ];
        assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value)).into());
    }

    #[test]
    fn only_whole_dates_are_moments() {
        let check =
            |text: &str, expected: Option<i64>| assert_eq!(moment(text), expected, "{text}");
        check("1970-01-01", Some(0));
        check("1970-01-01T00:01:00Z", Some(60));
        check("1970-01-01T01:00:00+01:00", Some(0));
        check("1970-01-01 00:00:05", Some(5));
        check("1969-12-31T23:59:59Z", Some(-1));
        check("2024-05-01 release", None);
        check("2024-13-01", None);
        check("20240501", None);
        check("2024", None);
        check("192-168-001", None);
    }

    #[test]
    fn nesting_without_end_stays_text() {
        let mut value = json!(1);
        for _ in 0..40 {
            value = json!({ "k": value });
        }
        let mut fields = BTreeMap::new();
        insert_json(&mut fields, "m", value);
        assert_eq!(fields.len(), 1);
        assert!(matches!(fields.values().next(), Some(FieldValue::Text(_))));
    }
}
