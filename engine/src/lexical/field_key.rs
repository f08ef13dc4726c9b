//! Metadata as byte strings whose order is the order of the values, so that one
//! sorted dictionary answers equality, ranges, prefixes and existence alike.
//!
//! A key is the field's name with its length in front, a type tag and the
//! value. tantivy's own JSON columns would store integers beside floats as
//! floats, exact to 2^53 only, and read dots in names as paths; a key keeps
//! every value exact and every name as it is.

use std::ops::Bound as RangeBound;

use super::field_survey::FieldKind;
use crate::document::FieldValue;
use crate::search::filter::{Bound, FilterError};

/// Text values are compared by at most this many bytes (a term of tantivy's
/// ends at 65,530); names by [`MAX_NAME_BYTES`].
const MAX_TEXT_BYTES: usize = 32 << 10;
const MAX_NAME_BYTES: usize = 1 << 10;

/// The reserved name of the document's id.
pub(super) const ID: &str = "id";
/// The reserved name of the document's title.
pub(super) const TITLE: &str = "title";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Bool = 1,
    Number = 2,
    Timestamp = 3,
    Text = 4,
    /// Above every tag in use.
    End = 255,
}

const KINDS: [(FieldKind, Tag); 4] = [
    (FieldKind::Boolean, Tag::Bool),
    (FieldKind::Number, Tag::Number),
    (FieldKind::Timestamp, Tag::Timestamp),
    (FieldKind::Text, Tag::Text),
];

/// What a key says.
pub(super) struct Key<'a> {
    pub(super) name: &'a str,
    pub(super) kind: FieldKind,
    /// The value where it is a text that was not cut inside a character.
    pub(super) text: Option<&'a str>,
}

/// A half-open or closed stretch of the key dictionary.
pub(super) type KeyRange = (RangeBound<Vec<u8>>, RangeBound<Vec<u8>>);

/// The keys of a value; several for a list, none for an empty one.
pub(super) fn for_each_key(name: &str, value: &FieldValue, sink: &mut impl FnMut(Vec<u8>)) {
    if let FieldValue::List(values) = value {
        for value in values {
            for_each_key(name, value, sink);
        }
    } else if let Some(key) = key(name, value) {
        sink(key);
    }
}

/// The key of a text value: the id's and the title's.
pub(super) fn text_key(name: &str, text: &str) -> Vec<u8> {
    let mut key = start(name, Tag::Text);
    push_text(&mut key, text);
    key
}

/// Reads a key back; `None` for bytes that no value gives.
pub(super) fn read(key: &[u8]) -> Option<Key<'_>> {
    let (len, rest) = key.split_first_chunk::<2>()?;
    let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    let (tag, value) = rest.split_first()?;
    let (kind, _) = KINDS.into_iter().find(|(_, known)| *known as u8 == *tag)?;
    let text = (kind == FieldKind::Text).then(|| str::from_utf8(value).ok()).flatten();
    Some(Key { name: str::from_utf8(name).ok()?, kind, text })
}

/// The first byte string above all keys of a field's values of one type.
pub(super) fn after_kind(name: &str, kind: FieldKind) -> Vec<u8> {
    let tag = KINDS.into_iter().find(|(known, _)| *known == kind).map_or(Tag::End, |(_, tag)| tag);
    after(&start(name, tag))
}

/// The keys between two bounds of one type.
///
/// # Errors
/// [`FilterError`] when the bounds have different types or one is a list or not
/// a finite number.
pub(super) fn range(name: &str, lower: &Bound, upper: &Bound) -> Result<KeyRange, FilterError> {
    let tag_of = |bound: &Bound| match bound {
        Bound::Open => Ok(None),
        Bound::Included(value) | Bound::Excluded(value) => tag(value).map(Some).ok_or_else(|| {
            FilterError::NotComparable { field: name.to_owned(), value: value.clone() }
        }),
    };
    let tag = match (tag_of(lower)?, tag_of(upper)?) {
        (Some(lower), Some(upper)) if lower != upper => {
            return Err(FilterError::MixedBounds { field: name.to_owned() });
        }
        (Some(tag), _) | (None, Some(tag)) => tag,
        (None, None) => return Ok(exists(name)),
    };
    let bound = |bound: &Bound| match bound {
        Bound::Open => None,
        Bound::Included(value) => key(name, value).map(RangeBound::Included),
        Bound::Excluded(value) => key(name, value).map(RangeBound::Excluded),
    };
    let lower = bound(lower).unwrap_or_else(|| RangeBound::Included(start(name, tag)));
    let upper = bound(upper).unwrap_or_else(|| RangeBound::Excluded(after(&start(name, tag))));
    Ok((lower, upper))
}

/// The keys of text values that begin with `prefix`.
pub(super) fn starts_with(name: &str, prefix: &str) -> KeyRange {
    let key = text_key(name, prefix);
    let end = after(&key);
    (RangeBound::Included(key), RangeBound::Excluded(end))
}

/// All keys of a field.
pub(super) fn exists(name: &str) -> KeyRange {
    let mut first = start(name, Tag::End);
    let end = first.clone();
    first.pop();
    (RangeBound::Included(first), RangeBound::Excluded(end))
}

/// The key of one value; `None` for a list and for a number that is not finite.
pub(super) fn key(name: &str, value: &FieldValue) -> Option<Vec<u8>> {
    let mut key = start(name, tag(value)?);
    match value {
        FieldValue::Bool(truth) => key.push(u8::from(*truth)),
        FieldValue::Integer(number) => push_integer(&mut key, *number),
        FieldValue::Float(number) => push_number(&mut key, *number, 0),
        FieldValue::Timestamp(seconds) => {
            key.extend_from_slice(&(*seconds as u64 ^ 1 << 63).to_be_bytes());
        }
        FieldValue::Text(text) => push_text(&mut key, text),
        FieldValue::List(_) => return None,
    }
    Some(key)
}

fn tag(value: &FieldValue) -> Option<Tag> {
    match value {
        FieldValue::Bool(_) => Some(Tag::Bool),
        FieldValue::Integer(_) => Some(Tag::Number),
        FieldValue::Float(number) => number.is_finite().then_some(Tag::Number),
        FieldValue::Timestamp(_) => Some(Tag::Timestamp),
        FieldValue::Text(_) => Some(Tag::Text),
        FieldValue::List(_) => None,
    }
}

fn start(name: &str, tag: Tag) -> Vec<u8> {
    let name = &name[..name.floor_char_boundary(MAX_NAME_BYTES)];
    let mut key = Vec::with_capacity(name.len() + 16);
    key.extend_from_slice(&(name.len() as u16).to_be_bytes());
    key.extend_from_slice(name.as_bytes());
    key.push(tag as u8);
    key
}

fn push_text(key: &mut Vec<u8>, text: &str) {
    key.extend_from_slice(&text.as_bytes()[..text.len().min(MAX_TEXT_BYTES)]);
}

/// The nearest double and, since above 2^53 several integers share one, the
/// distance from it: at most half of the 2,048 between doubles near 2^63.
fn push_integer(key: &mut Vec<u8>, number: i64) {
    let nearest = number as f64;
    let distance = (i128::from(number) - nearest as i128) as i16;
    push_number(key, nearest, distance);
}

fn push_number(key: &mut Vec<u8>, number: f64, distance: i16) {
    // Adding zero turns -0.0 into 0.0: they compare equal.
    let bits = (number + 0.0).to_bits();
    // IEEE 754 doubles compare as integers once negative ones are flipped whole
    // and positive ones get the top bit.
    let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    key.extend_from_slice(&ordered.to_be_bytes());
    key.extend_from_slice(&(distance as u16 ^ 1 << 15).to_be_bytes());
}

/// The first byte string above everything that begins with `key`.
fn after(key: &[u8]) -> Vec<u8> {
    let mut end = key.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = FieldValue> {
        prop_oneof![
            any::<i64>().prop_map(FieldValue::Integer),
            (-3_i64..3).prop_map(FieldValue::Integer),
            (0_i64..2000).prop_map(|below| FieldValue::Integer(i64::MAX - below)),
            any::<f64>()
                .prop_filter("finite", |number| number.is_finite())
                .prop_map(FieldValue::Float),
            (-3_i64..3).prop_map(|number| FieldValue::Float(number as f64)),
            (0_i64..2000).prop_map(|below| FieldValue::Float((i64::MAX - below) as f64)),
        ]
    }

    /// Exact comparison of an integer with a double.
    fn compare(a: &FieldValue, b: &FieldValue) -> Ordering {
        let (a, b) = match (a, b) {
            (FieldValue::Integer(a), FieldValue::Integer(b)) => return a.cmp(b),
            (FieldValue::Float(a), FieldValue::Float(b)) => return (a + 0.0).total_cmp(&(b + 0.0)),
            (FieldValue::Integer(a), FieldValue::Float(b)) => (*a, *b),
            (FieldValue::Float(_), FieldValue::Integer(_)) => return compare(b, a).reverse(),
            _ => unreachable!(),
        };
        if b >= 9.3e18 {
            Ordering::Less
        } else if b <= -9.3e18 {
            Ordering::Greater
        } else {
            let whole = b.trunc();
            i128::from(a).cmp(&(whole as i128)).then(0.0_f64.total_cmp(&(b - whole + 0.0)))
        }
    }

    proptest! {
        #[test]
        fn numbers_keep_their_order(a in number(), b in number()) {
            let (key_a, key_b) = (key("n", &a).unwrap(), key("n", &b).unwrap());
            prop_assert_eq!(key_a.cmp(&key_b), compare(&a, &b), "{:?} {:?}", a, b);
        }

        #[test]
        fn texts_and_moments_keep_their_order(a: String, b: String, c: i64, d: i64) {
            prop_assert_eq!(text_key("n", &a).cmp(&text_key("n", &b)), a.as_bytes().cmp(b.as_bytes()));
            let moment = |seconds| key("n", &FieldValue::Timestamp(seconds)).unwrap();
            prop_assert_eq!(moment(c).cmp(&moment(d)), c.cmp(&d));
        }

        #[test]
        fn a_prefix_range_holds_what_begins_with_it(text: String, prefix: String) {
            let (RangeBound::Included(lower), RangeBound::Excluded(upper)) = starts_with("n", &prefix) else {
                unreachable!()
            };
            let key = text_key("n", &text);
            prop_assert_eq!(lower <= key && key < upper, text.as_bytes().starts_with(prefix.as_bytes()));
        }
    }

    #[test]
    fn fields_and_types_do_not_meet() {
        let mut keys = Vec::new();
        for name in ["a", "ab", "b", "a\0"] {
            for value in [
                FieldValue::Bool(true),
                FieldValue::Integer(1),
                FieldValue::Timestamp(1),
                FieldValue::Text("1".into()),
            ] {
                keys.push((name, key(name, &value).unwrap()));
            }
        }
        for name in ["a", "ab", "b", "a\0"] {
            let (RangeBound::Included(lower), RangeBound::Excluded(upper)) = exists(name) else {
                unreachable!()
            };
            for (of, key) in &keys {
                assert_eq!(lower <= *key && *key < upper, *of == name, "{name:?} {of:?}");
            }
        }
    }

    #[test]
    fn bounds_must_be_of_one_type() {
        let included = |value| Bound::Included(value);
        let mixed =
            range("n", &included(FieldValue::Integer(1)), &included(FieldValue::Text("b".into())));
        assert!(matches!(mixed, Err(FilterError::MixedBounds { .. })));
        let list = range("n", &included(FieldValue::List(Vec::new())), &Bound::Open);
        assert!(matches!(list, Err(FilterError::NotComparable { .. })));
        assert!(
            range("n", &included(FieldValue::Integer(1)), &included(FieldValue::Float(2.5)))
                .is_ok()
        );
    }
}
