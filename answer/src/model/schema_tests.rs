//! Schemas that are fine, and schemas that somebody should not send.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[track_caller]
fn refused(schema: &Value) -> SchemaError {
    Schema::new(schema).unwrap_err()
}

#[test]
fn the_schema_of_claims_is_one() {
    let schema: Value = serde_json::from_str(crate::prompt::CLAIMS_SCHEMA).unwrap();
    let schema = Schema::new(&schema).unwrap();
    let good = json!({"abstained": false, "claims": [
        {"text": "t", "quotes": [{"passage": 1, "quote": "q"}]}]});
    assert_eq!(schema.problems(&good, 9), Vec::<String>::new());
    let bad = json!({"abstained": "no", "claims": [{"text": "a secret value"}]});
    let problems = schema.problems(&bad, 9);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().any(|p| p.starts_with("/abstained: ")), "{problems:?}");
    assert!(problems.iter().any(|p| p.starts_with("/claims/0: ") && p.contains("quotes")));
    assert!(!problems.concat().contains("a secret value"), "{problems:?}");
}

#[test]
fn references_stay_within_the_schema() {
    let within = json!({"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}});
    let schema = Schema::new(&within).unwrap();
    assert_eq!(schema.problems(&json!([1, "x"]), 9).len(), 1);
    for reference in
        ["https://example.org/s.json", "file:///etc/passwd", "other.json", "#anchor", "#/a%25b"]
    {
        let expected = SchemaError::ForeignReference { reference: reference.to_owned() };
        assert_eq!(refused(&json!({"items": {"$ref": reference}})), expected);
    }
    let missing = SchemaError::MissingReference { reference: "#/$defs/x".to_owned() };
    assert_eq!(refused(&json!({"$ref": "#/$defs/x"})), missing);
    assert!(matches!(
        refused(&json!({"items": {"$id": "https://example.org/", "$ref": "#/items"}})),
        SchemaError::Unsupported { .. }
    ));
}

#[test]
fn recursion_is_refused() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"items": {"$ref": "#"}}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}}),
    ] {
        assert!(matches!(refused(&schema), SchemaError::Recursive { .. }), "{schema}");
    }
}

#[test]
fn a_schema_that_doubles_at_each_level_is_refused_quickly() {
    let mut defs = serde_json::Map::new();
    for level in 0..14 {
        let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
        defs.insert(format!("l{level}"), json!({"allOf": [next, next]}));
    }
    defs.insert("l14".to_owned(), json!({"type": "string"}));
    let schema = json!({"$defs": defs, "$ref": "#/$defs/l0"});
    // Either bound ends it, whichever is met first.
    assert!(matches!(refused(&schema), SchemaError::TooManyParts | SchemaError::TooDeep));
}

#[test]
fn size_and_depth_are_bounded() {
    let long = json!({"description": "x".repeat(Schema::MAX_BYTES)});
    assert!(matches!(refused(&long), SchemaError::TooLong { .. }));
    let mut deep = json!({});
    for _ in 0..=Schema::MAX_DEPTH {
        deep = json!({"items": deep});
    }
    assert_eq!(refused(&deep), SchemaError::TooDeep);
}

#[test]
fn what_is_no_schema_is_named() {
    assert!(matches!(refused(&json!({"type": "strnig"})), SchemaError::Invalid { .. }));
    assert!(matches!(refused(&json!(7)), SchemaError::Invalid { .. }));
    let look_around = json!({"type": "string", "pattern": "(?=a)b"});
    assert!(matches!(refused(&look_around), SchemaError::Invalid { .. }));
    let elsewhere = json!({"$schema": "https://example.org/meta.json"});
    assert!(matches!(refused(&elsewhere), SchemaError::Invalid { .. }));
}

proptest! {
    #[test]
    fn no_schema_panics(
        keyword in prop::sample::select(vec!["type", "$ref", "items", "pattern", "minimum", "enum"]),
        text in ".{0,12}",
        number in any::<i64>(),
    ) {
        for value in [json!(text), json!(number), json!([text]), json!({&*text: number})] {
            if let Ok(schema) = Schema::new(&json!({keyword: value})) {
                schema.problems(&json!({"a": [number, text]}), 3);
            }
        }
    }
}
