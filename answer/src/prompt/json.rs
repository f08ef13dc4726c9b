//! Finding and reading the JSON object in a reply.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ReplyError;
use super::reply::{ParsedAnswer, ParsedClaim, ParsedQuote};

/// Openings that are tried. Each may read to the end of the reply, so their
/// number is bounded; a model's preamble holds few braces.
const MAX_OPENINGS: usize = 32;

/// Characters of a reply that an error repeats.
const SHOWN_CHARS: usize = 80;

#[derive(Deserialize)]
struct AnswerObject {
    abstained: bool,
    claims: Vec<ClaimObject>,
}

#[derive(Deserialize)]
struct ClaimObject {
    text: String,
    quotes: Vec<QuoteObject>,
}

#[derive(Deserialize)]
struct ValueObject {
    abstained: bool,
    value: Value,
    quotes: Vec<QuoteObject>,
}

#[derive(Deserialize)]
struct QuoteObject {
    passage: u32,
    quote: String,
}

/// The first JSON object of a reply, whatever stands around it: a fence, a
/// preamble, an afterthought.
///
/// # Errors
/// [`ReplyError::Empty`], [`ReplyError::NoObject`], [`ReplyError::Truncated`].
pub(crate) fn object(reply: &str) -> Result<Value, ReplyError> {
    if reply.trim().is_empty() {
        return Err(ReplyError::Empty);
    }
    let mut truncated = false;
    for (open, _) in reply.match_indices('{').take(MAX_OPENINGS) {
        match serde_json::Deserializer::from_str(&reply[open..]).into_iter::<Value>().next() {
            Some(Ok(object)) => return Ok(object),
            // What follows lies inside the object that does not end.
            Some(Err(error)) if error.is_eof() => {
                truncated = true;
                break;
            }
            Some(Err(_)) | None => {}
        }
    }
    if truncated {
        return Err(ReplyError::Truncated { bytes: reply.len() });
    }
    Err(ReplyError::NoObject { begins: reply.trim().chars().take(SHOWN_CHARS).collect() })
}

/// Reads a reply that should be one object of claims.
pub(super) fn read_claims(reply: &str, known: &[u32]) -> Result<ParsedAnswer, ReplyError> {
    let AnswerObject { abstained, claims } = shaped(reply)?;
    let claims = claims.into_iter().enumerate().map(|(at, ClaimObject { text, quotes })| {
        let lead = if at == 0 { "" } else { "\n" };
        claim(lead, text, quotes, known)
    });
    Ok(ParsedAnswer { abstained, claims: claims.collect(), value: None })
}

/// Reads a reply that should be one object with a value.
pub(super) fn read_value(reply: &str, known: &[u32]) -> Result<ParsedAnswer, ReplyError> {
    let ValueObject { abstained, value, quotes } = shaped(reply)?;
    if abstained {
        return Ok(ParsedAnswer { abstained, ..ParsedAnswer::default() });
    }
    let claims = vec![claim("", value.to_string(), quotes, known)];
    Ok(ParsedAnswer { abstained, claims, value: Some(value) })
}

fn shaped<T: DeserializeOwned>(reply: &str) -> Result<T, ReplyError> {
    let wrong = |error: serde_json::Error| ReplyError::WrongShape { why: error.to_string() };
    serde_json::from_value(object(reply)?).map_err(wrong)
}

fn claim(lead: &str, text: String, quotes: Vec<QuoteObject>, known: &[u32]) -> ParsedClaim {
    let numbers: Vec<u32> = quotes.iter().map(|quote| quote.passage).collect();
    let quotes = quotes
        .into_iter()
        .map(|quote| ParsedQuote { text: quote.quote, passage: Some(quote.passage) })
        .collect();
    ParsedClaim::new(lead.to_owned(), text, numbers, quotes, known)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REPLY: &str = r#"{"abstained": false, "claims": [
        {"text": "One owner.", "quotes": [
            {"passage": 2, "quote": "one \"owner\""}, {"passage": 9, "quote": "x"}]}]}"#;

    #[test]
    fn an_object_is_read_whatever_stands_around_it() {
        let expected = read_claims(REPLY, &[1, 2]).unwrap();
        assert_eq!(expected.claims[0].passages, [2, 9]);
        assert_eq!(expected.claims[0].unknown_passages, [9]);
        assert_eq!(expected.claims[0].quotes[0].text, "one \"owner\"");
        assert_eq!(expected.claims[0].quotes[0].passage, Some(2));
        for around in [
            format!("```json\n{REPLY}\n```"),
            format!("Here {{as asked}} it is:\n{REPLY}\nI hope {{that}} helps."),
            format!("\u{feff}{REPLY}"),
        ] {
            assert_eq!(read_claims(&around, &[1, 2]).as_ref(), Ok(&expected), "{around}");
        }
    }

    #[test]
    fn a_cut_reply_says_so_wherever_it_is_cut() {
        for end in 1..REPLY.len() {
            let cut = ReplyError::Truncated { bytes: end };
            assert_eq!(read_claims(&REPLY[..end], &[1]), Err(cut), "{end}");
        }
    }

    #[test]
    fn other_forms_are_named() {
        let why = |reply| read_claims(reply, &[1]).unwrap_err().to_string();
        assert!(why("I cannot").contains("no JSON object; it begins \"I cannot\""));
        assert!(why(r#"{"claims": []}"#).contains("missing field `abstained`"));
        assert!(why(r#"{"abstained": 1, "claims": []}"#).contains("expected a boolean"));
        assert_eq!(read_claims("  ", &[1]), Err(ReplyError::Empty));
    }

    #[test]
    fn a_value_comes_with_its_quotations_or_is_refused_whole() {
        let reply = r#"{"abstained": false, "value": {"owner": "one"},
            "quotes": [{"passage": 2, "quote": "one owner"}]}"#;
        let answer = read_value(reply, &[2]).unwrap();
        assert_eq!(answer.value, Some(serde_json::json!({"owner": "one"})));
        assert_eq!(answer.claims[0].text, r#"{"owner":"one"}"#);
        assert_eq!((answer.claims[0].passages.as_slice(), answer.abstained), (&[2][..], false));
        let refused = read_value(r#"{"abstained": true, "value": null, "quotes": []}"#, &[2]);
        assert_eq!(refused.unwrap(), ParsedAnswer { abstained: true, ..ParsedAnswer::default() });
        let why = read_value(r#"{"abstained": false, "quotes": []}"#, &[2]).unwrap_err();
        assert!(why.to_string().contains("missing field `value`"), "{why}");
    }

    proptest! {
        #[test]
        fn nothing_panics(reply in ".{0,80}", braces in "[{}\\[\\]\",:a1 ]{0,60}") {
            let _ = read_claims(&reply, &[1]);
            let _ = read_value(&reply, &[1]);
            let _ = read_claims(&braces, &[1]);
            let _ = read_claims(&format!("{reply}{REPLY}{braces}"), &[1]);
        }
    }
}
