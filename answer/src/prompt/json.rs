//! Finding and reading the JSON object in a reply.

use serde::Deserialize;
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
pub(super) fn read(reply: &str, known: &[u32]) -> Result<ParsedAnswer, ReplyError> {
    let object = object(reply)?;
    let answer = AnswerObject::deserialize(&object)
        .map_err(|error| ReplyError::WrongShape { why: error.to_string() })?;
    let claims = answer
        .claims
        .into_iter()
        .map(|claim| {
            let quotes: Vec<ParsedQuote> = claim
                .quotes
                .into_iter()
                .map(|quote| ParsedQuote { text: quote.quote, passage: Some(quote.passage) })
                .collect();
            let numbers: Vec<u32> = quotes.iter().filter_map(|quote| quote.passage).collect();
            ParsedClaim::new(claim.text, numbers, quotes, known)
        })
        .collect();
    Ok(ParsedAnswer { abstained: answer.abstained, claims })
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
        let expected = read(REPLY, &[1, 2]).unwrap();
        assert_eq!(expected.claims[0].passages, [2, 9]);
        assert_eq!(expected.claims[0].unknown_passages, [9]);
        assert_eq!(expected.claims[0].quotes[0].text, "one \"owner\"");
        assert_eq!(expected.claims[0].quotes[0].passage, Some(2));
        for around in [
            format!("```json\n{REPLY}\n```"),
            format!("Here {{as asked}} it is:\n{REPLY}\nI hope {{that}} helps."),
            format!("\u{feff}{REPLY}"),
        ] {
            assert_eq!(read(&around, &[1, 2]).as_ref(), Ok(&expected), "{around}");
        }
    }

    #[test]
    fn a_cut_reply_says_so_wherever_it_is_cut() {
        for end in 1..REPLY.len() {
            let cut = ReplyError::Truncated { bytes: end };
            assert_eq!(read(&REPLY[..end], &[1]), Err(cut), "{end}");
        }
    }

    #[test]
    fn other_forms_are_named() {
        let why = |reply| read(reply, &[1]).unwrap_err().to_string();
        assert!(why("I cannot").contains("no JSON object; it begins \"I cannot\""));
        assert!(why(r#"{"claims": []}"#).contains("missing field `abstained`"));
        assert!(why(r#"{"abstained": 1, "claims": []}"#).contains("expected a boolean"));
        assert_eq!(read("  ", &[1]), Err(ReplyError::Empty));
    }

    proptest! {
        #[test]
        fn nothing_panics(reply in ".{0,80}", braces in "[{}\\[\\]\",:a1 ]{0,60}") {
            let _ = read(&reply, &[1]);
            let _ = read(&braces, &[1]);
            let _ = read(&format!("{reply}{REPLY}{braces}"), &[1]);
        }
    }
}
