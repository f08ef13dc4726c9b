//! Metadata values as JSON.

use std::collections::BTreeMap;

use engine::FieldValue;
use serde_json::Value;

/// A document's metadata; moments are RFC 3339 in UTC, as the filter language
/// reads them.
pub(crate) fn fields_body(fields: &BTreeMap<String, FieldValue>) -> BTreeMap<String, Value> {
    fields.iter().map(|(name, value)| (name.clone(), value_body(value))).collect()
}

fn value_body(value: &FieldValue) -> Value {
    match value {
        FieldValue::Bool(value) => (*value).into(),
        FieldValue::Integer(value) => (*value).into(),
        FieldValue::Float(value) => (*value).into(),
        // Seconds that no calendar holds are shown as the number they are.
        FieldValue::Timestamp(seconds) => jiff::Timestamp::from_second(*seconds)
            .map_or_else(|_| (*seconds).into(), |moment| moment.to_string().into()),
        FieldValue::Text(value) => value.as_str().into(),
        FieldValue::List(values) => values.iter().map(value_body).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_json_type() {
        let list = FieldValue::List(vec![FieldValue::Text("a".into()), FieldValue::Bool(true)]);
        for (value, expected) in [
            (FieldValue::Integer(i64::MIN), "-9223372036854775808"),
            (FieldValue::Float(0.5), "0.5"),
            (FieldValue::Timestamp(1_706_659_200), r#""2024-01-31T00:00:00Z""#),
            (FieldValue::Timestamp(i64::MAX), "9223372036854775807"),
            (list, r#"["a",true]"#),
        ] {
            assert_eq!(value_body(&value).to_string(), expected);
        }
    }
}
