//! Filters against a plain reading of what they mean.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{FieldKind, TestIndex, TestRow};
use crate::document::{ChunkOrd, DocumentId, FieldValue};
use crate::search::filter::{Bound, Filter, FilterError};

fn matching(index: &TestIndex, expression: &str) -> Vec<u32> {
    let filter = Filter::parse(expression).unwrap();
    let set = index.snapshot().matching(&filter, index.next).unwrap();
    set.iter().map(|ord| ord.0).collect()
}

#[test]
fn expressions_select_chunks() {
    let mut index = TestIndex::new();
    let text = |text: &str| FieldValue::Text(text.to_owned());
    index.add([
        TestRow::new("a").id("docs/a.md").title("First").field("year", FieldValue::Integer(2020)),
        TestRow::new("b")
            .id("docs/b.md")
            .title("Second")
            .field("year", FieldValue::Float(2020.5))
            .field("tags", FieldValue::List(vec![text("x"), text("y")])),
        TestRow::new("c")
            .id("src/c.rs")
            .field("tags", FieldValue::List(vec![text("y"), FieldValue::Integer(7)]))
            .field("date", FieldValue::Timestamp(1_706_659_200)),
        TestRow::new("d")
            .id("src/d.rs")
            .field("year", text("2020"))
            .field("ok", FieldValue::Bool(true)),
    ]);
    for (expression, expected) in [
        ("year = 2020", vec![0]),
        ("year >= 2020", vec![0, 1]),
        ("year > 2020", vec![1]),
        ("year < 2020.5 and year > 2019", vec![0]),
        ("year = \"2020\"", vec![3]),
        ("year = 2020.0", vec![0]),
        ("year != 2020", vec![1, 2, 3]),
        ("exists year", vec![0, 1, 3]),
        ("not exists year", vec![2]),
        ("tags = y", vec![1, 2]),
        ("tags = x or tags = 7", vec![1, 2]),
        ("tags in [x, 7]", vec![1, 2]),
        ("tags not in [x, 7]", vec![0, 3]),
        ("tags in []", vec![]),
        ("date = 2024-01-31", vec![2]),
        ("date < 2024-01-31", vec![]),
        ("date >= 2024-01-30T23:59:59Z", vec![2]),
        ("ok = true", vec![3]),
        ("ok < true", vec![]),
        ("id ^= docs/", vec![0, 1]),
        ("id = src/c.rs", vec![2]),
        ("id in [src/c.rs, docs/a.md]", vec![0, 2]),
        ("title = First", vec![0]),
        ("title > First", vec![1]),
        ("nothing = 1", vec![]),
        ("not nothing = 1", vec![0, 1, 2, 3]),
        ("(id ^= src/ or year = 2020) and not ok = true", vec![0, 2]),
    ] {
        assert_eq!(matching(&index, expression), expected, "{expression}");
    }
    // A deleted chunk passes no filter.
    let mut writer = index.writer();
    writer.delete(&DocumentId::new("docs/a.md").unwrap()).unwrap();
    writer.commit("").unwrap();
    assert_eq!(matching(&index, "exists year"), [1, 3]);
    assert_eq!(matching(&index, "not exists year"), [2]);
}

#[test]
fn the_reserved_names_are_the_documents_own() {
    let mut index = TestIndex::new();
    let text = |text: &str| FieldValue::Text(text.to_owned());
    index.add([TestRow::new("a")
        .id("a")
        .title("T")
        .field("id", text("z"))
        .field("title", text("U"))]);
    assert_eq!(matching(&index, "id = a and title = T"), [0]);
    assert_eq!(matching(&index, "id = z or title = U"), [0; 0]);
    // Deleting by an id must not be fooled by metadata of that name either.
    let mut writer = index.writer();
    writer.delete(&DocumentId::new("z").unwrap()).unwrap();
    writer.commit("").unwrap();
    assert_eq!(index.snapshot().n_chunks(), 1);
}

#[test]
fn the_fields_are_told_with_their_types() {
    let text = |text: &str| FieldValue::Text(text.to_owned());
    let mut index = TestIndex::new();
    assert_eq!(index.snapshot().fields().unwrap(), []);
    let long = "x".repeat(100);
    index.add((0..9).map(|n| {
        let lang = FieldValue::List(vec![text(["en", "de"][n % 2]), text(&long)]);
        TestRow::new("a").field("lang", lang).field("year", FieldValue::Integer(2020 + n as i64))
    }));
    // Another segment, where a year is a text and there is a field more.
    let row = TestRow::new("b").title("B").field("year", text("MMXX"));
    index.add([row.field("größe", FieldValue::Bool(true))]);
    let fields = index.snapshot().fields().unwrap();
    let of = |name: &str| fields.iter().find(|field| field.name == name).unwrap();
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["größe", "id", "lang", "title", "year"]);
    assert_eq!(
        (&of("lang").kinds[..], &of("lang").examples[..]),
        (&[FieldKind::Text][..], &["de".to_owned(), "en".to_owned()][..])
    );
    assert_eq!(of("year").kinds, [FieldKind::Number, FieldKind::Text]);
    assert_eq!(of("year").examples, ["MMXX"]);
    assert_eq!(of("größe").kinds, [FieldKind::Boolean]);
    assert_eq!(of("id").examples, ["0", "1", "2"]);
}

#[test]
fn nonsense_is_refused_in_any_index() {
    let mixed = Filter::Range {
        field: "a".to_owned(),
        lower: Bound::Included(FieldValue::Integer(1)),
        upper: Bound::Included(FieldValue::Bool(true)),
    };
    let list = Filter::In { field: "a".to_owned(), values: vec![FieldValue::List(Vec::new())] };
    let nan = Filter::In { field: "a".to_owned(), values: vec![FieldValue::Float(f64::NAN)] };
    let deep = (0..100)
        .fold(Filter::Exists { field: "a".to_owned() }, |inner, _| Filter::Not(Box::new(inner)));
    for index in [TestIndex::new(), TestIndex::with_bodies(&["a"])] {
        let error = |filter| index.snapshot().matching(filter, 1).unwrap_err();
        assert!(matches!(error(&mixed), FilterError::MixedBounds { .. }));
        assert!(matches!(error(&list), FilterError::NotComparable { .. }));
        assert!(matches!(error(&nan), FilterError::NotComparable { .. }));
        assert!(matches!(error(&deep), FilterError::TooDeep { .. }));
    }
}

fn value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        any::<bool>().prop_map(FieldValue::Bool),
        (-3_i64..4).prop_map(FieldValue::Integer),
        (-6_i64..7).prop_map(|half| FieldValue::Float(half as f64 / 2.0)),
        (-3_i64..4).prop_map(FieldValue::Timestamp),
        "[ab]{0,3}".prop_map(FieldValue::Text),
    ]
}

fn bound() -> impl Strategy<Value = Bound> {
    prop_oneof![
        Just(Bound::Open),
        value().prop_map(Bound::Included),
        value().prop_map(Bound::Excluded),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let field = || "[fg]";
    let leaf = prop_oneof![
        (field(), prop::collection::vec(value(), 0..3))
            .prop_map(|(field, values)| Filter::In { field, values }),
        (field(), bound(), bound()).prop_map(|(field, lower, upper)| Filter::Range {
            field,
            lower,
            upper
        }),
        (field(), "[ab]{1,2}").prop_map(|(field, prefix)| Filter::StartsWith { field, prefix }),
        field().prop_map(|field| Filter::Exists { field }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Any),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

/// `None` for values of different types.
fn compare(a: &FieldValue, b: &FieldValue) -> Option<Ordering> {
    use FieldValue::{Bool, Float, Integer, Text, Timestamp};
    match (a, b) {
        (Bool(a), Bool(b)) => Some(a.cmp(b)),
        (Integer(a), Integer(b)) | (Timestamp(a), Timestamp(b)) => Some(a.cmp(b)),
        (Integer(a), Float(b)) => (*a as f64).partial_cmp(b),
        (Float(a), Integer(b)) => a.partial_cmp(&(*b as f64)),
        (Float(a), Float(b)) => a.partial_cmp(b),
        (Text(a), Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        _ => None,
    }
}

fn passes(fields: &BTreeMap<String, FieldValue>, filter: &Filter) -> bool {
    let values = |field: &String| match fields.get(field) {
        None => Vec::new(),
        Some(FieldValue::List(values)) => values.clone(),
        Some(value) => vec![value.clone()],
    };
    let inside = |value: &FieldValue, bound: &Bound, outside: Ordering| match bound {
        Bound::Open => true,
        Bound::Included(limit) => compare(value, limit).is_some_and(|order| order != outside),
        Bound::Excluded(limit) => compare(value, limit) == Some(outside.reverse()),
    };
    match filter {
        Filter::All(parts) => parts.iter().all(|part| passes(fields, part)),
        Filter::Any(parts) => parts.iter().any(|part| passes(fields, part)),
        Filter::Not(part) => !passes(fields, part),
        Filter::In { field, values: wanted } => values(field).iter().any(|value| {
            wanted.iter().any(|wanted| compare(value, wanted) == Some(Ordering::Equal))
        }),
        Filter::Range { field, lower, upper } => values(field).iter().any(|value| {
            inside(value, lower, Ordering::Less) && inside(value, upper, Ordering::Greater)
        }),
        Filter::StartsWith { field, prefix } => values(field)
            .iter()
            .any(|value| matches!(value, FieldValue::Text(text) if text.starts_with(prefix))),
        Filter::Exists { field } => !values(field).is_empty(),
    }
}

#[test]
fn filters_mean_what_they_say() {
    let rows = prop::collection::vec(
        prop::collection::btree_map(
            "[fg]",
            prop_oneof![value(), prop::collection::vec(value(), 0..3).prop_map(FieldValue::List)],
            0..3,
        ),
        1..12,
    );
    // One index for many filters: making one is what takes the time.
    let config = ProptestConfig { cases: 12, ..ProptestConfig::default() };
    proptest!(config, |(rows in rows, filters in prop::collection::vec(filter(), 40))| {
        let mut index = TestIndex::new();
        for rows in rows.chunks(5) {
            index.add(rows.iter().map(|fields| TestRow { fields: fields.clone(), ..TestRow::new("x") }));
        }
        let snapshot = index.snapshot();
        for filter in &filters {
            match snapshot.matching(filter, index.next) {
                Ok(found) => {
                    let expected = rows.iter().enumerate().filter(|(_, fields)| passes(fields, filter));
                    let expected: Vec<_> = expected.map(|(ord, _)| ChunkOrd(ord as u32)).collect();
                    prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{:?}", filter);
                }
                Err(FilterError::MixedBounds { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
}
