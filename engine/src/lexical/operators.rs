//! The operators of a query: finds `"a phrase"`, `+required`, `-excluded` and
//! `prefix*` in what somebody typed, and leaves everything else alone.

use super::words::is_unspaced;

/// What stands before a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    None,
    Required,
    Excluded,
}

/// How a token is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Words,
    Phrase,
    Prefix,
}

/// A piece of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueryToken<'t> {
    pub(super) sign: Sign,
    pub(super) shape: Shape,
    /// Without its operators.
    pub(super) text: &'t str,
}

impl QueryToken<'_> {
    /// Whether it says more than its text.
    pub(super) fn is_operation(&self) -> bool {
        self.sign != Sign::None || self.shape != Shape::Words
    }
}

/// Cuts a query at blanks and quotes; every string has a reading.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = QueryToken<'_>> {
    let mut rest = text;
    // Looking for a closing quote again and again would be quadratic in a text
    // of opening ones; there is none after the last.
    let last_quote = ['"', '\u{201D}'].map(|quote| text.rfind(quote));
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let after = &rest[first.len_utf8()..];
        let follows = |accepts: fn(char) -> bool| {
            after.starts_with(|c: char| accepts(c) || c == '"' || c == '\u{201C}')
        };
        let sign = match first {
            '+' if follows(char::is_alphanumeric) => Sign::Required,
            '-' if follows(char::is_alphabetic) => Sign::Excluded,
            _ => Sign::None,
        };
        if sign != Sign::None {
            rest = after;
        }
        let quote = match rest.chars().next()? {
            '"' => Some(('"', last_quote[0])),
            '\u{201C}' => Some(('\u{201D}', last_quote[1])),
            _ => None,
        };
        if let Some((quote, last)) = quote {
            let opening = text.len() - rest.len();
            let inner = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
            if let Some(end) = last.filter(|&last| last > opening).and_then(|_| inner.find(quote)) {
                rest = &inner[end + quote.len_utf8()..];
                return Some(QueryToken { sign, shape: Shape::Phrase, text: inner[..end].trim() });
            }
            // No closing quote: it is a character like others.
            rest = inner;
            if rest.starts_with(char::is_whitespace) || rest.is_empty() {
                return Some(QueryToken { sign: Sign::None, shape: Shape::Words, text: "" });
            }
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        rest = tail;
        Some(match word.strip_suffix('*').filter(|stem| is_prefix(stem)) {
            Some(stem) => QueryToken { sign, shape: Shape::Prefix, text: stem },
            None => QueryToken { sign, shape: Shape::Words, text: word },
        })
    })
}

/// Whether a star after it asks for words that begin so: a word of at least two
/// characters, or one of a script where one is a word.
fn is_prefix(stem: &str) -> bool {
    let last = stem
        .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
        .map_or(0, |at| at + stem[at..].chars().next().map_or(0, char::len_utf8));
    let last = &stem[last..];
    last.contains(is_unspaced) || last.chars().filter(|c| c.is_alphanumeric()).nth(1).is_some()
}
