//! Cuts Rust source into the few kinds of token that items are found by.
//!
//! Strings, characters, lifetimes and nested comments are recognised, so that a
//! brace inside one is not taken for a block; everything else is only told
//! apart as words and single signs. Broken source gives broken tokens, never an
//! error: this reads code that may be written for another version of Rust.

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    /// The source of the token; for documentation, the text of the comment.
    pub(super) text: &'a str,
    /// First byte in the source.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// `///` or `/** */`: documents what follows.
    OuterDoc,
    /// `//!` or `/*! */`: documents what it stands in.
    InnerDoc,
    /// An identifier, keyword or number.
    Word,
    /// A string, character or lifetime.
    Literal,
    /// Any other single character.
    Sign,
}

impl Token<'_> {
    /// Whether the token is the sign `c`.
    pub(super) fn is(&self, c: char) -> bool {
        self.kind == TokenKind::Sign && self.text.starts_with(c)
    }

    /// Whether the token is the word `word`.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text == word
    }
}

/// The tokens of `source`; plain comments and white space are left out.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { source, at: 0 };
    std::iter::from_fn(|| lexer.next()).collect()
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            let first = rest.chars().next()?;
            if rest.starts_with("//") {
                if let Some(token) = self.line_comment() {
                    return Some(token);
                }
            } else if rest.starts_with("/*") {
                if let Some(token) = self.block_comment() {
                    return Some(token);
                }
            } else {
                return Some(self.code(first));
            }
        }
    }

    fn line_comment(&mut self) -> Option<Token<'a>> {
        let rest = self.rest();
        let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
        let doc = if line.starts_with("///") && !line.starts_with("////") {
            Some(TokenKind::OuterDoc)
        } else if line.starts_with("//!") {
            Some(TokenKind::InnerDoc)
        } else {
            None
        };
        let token = doc.map(|kind| self.token(kind, line.len(), &line[3..]));
        self.at += line.len();
        token
    }

    fn block_comment(&mut self) -> Option<Token<'a>> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let (mut depth, mut at) = (0usize, 0usize);
        while at < bytes.len() {
            match (bytes[at], bytes.get(at + 1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        break;
                    }
                }
                _ => at += 1,
            }
        }
        let comment = &rest[..at];
        let doc = if comment.starts_with("/*!") {
            Some(TokenKind::InnerDoc)
        } else if comment.starts_with("/**") && !comment.starts_with("/***") && comment.len() > 4 {
            Some(TokenKind::OuterDoc)
        } else {
            None
        };
        let token = doc.map(|kind| {
            let text = comment[3..].strip_suffix("*/").unwrap_or(&comment[3..]);
            self.token(kind, at, text)
        });
        self.at += at;
        token
    }

    fn code(&mut self, first: char) -> Token<'a> {
        let rest = self.rest();
        let (kind, length) = if let Some(length) = string_length(rest) {
            (TokenKind::Literal, length)
        } else if first == '\'' {
            (TokenKind::Literal, quote_length(rest))
        } else if is_word(first) {
            let raw = if rest.starts_with("r#") { 2 } else { 0 };
            let length = rest[raw..].find(|c| !is_word(c)).map_or(rest.len(), |at| at + raw);
            (TokenKind::Word, length)
        } else {
            (TokenKind::Sign, first.len_utf8())
        };
        let token = self.token(kind, length, &rest[..length]);
        self.at += length;
        token
    }

    fn token(&self, kind: TokenKind, length: usize, text: &'a str) -> Token<'a> {
        Token { kind, text, start: self.at, end: self.at + length }
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The length of a string literal `rest` begins with: plain, byte, C or raw. An
/// unterminated one reaches to the end.
fn string_length(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""]
        .into_iter()
        .find(|prefix| rest.strip_prefix(prefix).is_some_and(|r| r.starts_with(['"', '#'])))?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let opening = prefix.len() + hashes + 1;
    if prefix.ends_with('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(body.find(&end).map_or(rest.len(), |at| opening + at + end.len()));
    }
    if hashes > 0 {
        return None;
    }
    let mut escaped = false;
    for (at, byte) in body.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(opening + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// The length of a character literal or lifetime.
fn quote_length(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            // `'\''` and `'\u{1F600}'`: past the escaped sign, to the quote.
            let from = 2 + rest[2..].chars().next().map_or(0, char::len_utf8);
            rest[from..].find('\'').map_or(rest.len(), |at| from + at + 1)
        }
        Some((_, c)) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ if is_word(c) => rest[1..].find(|c| !is_word(c)).map_or(rest.len(), |at| at + 1),
            _ => 1,
        },
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_literals_and_comments_are_not_signs() {
        let source = r###"
            /// Doc {
            fn f<'a>(x: &'a str) { let s = "}\"{"; let r = r#"{"#; let c = '{'; let e = '\''; /* { /* { */ */ } // {
            b'{' r#type br##"}"# "## '\u{7d}'
        "###;
        let found = tokens(source);
        assert_eq!(found.iter().filter(|token| token.is('{')).count(), 1);
        assert_eq!(found.iter().filter(|token| token.is('}')).count(), 1);
        assert_eq!((found[0].kind, found[0].text), (TokenKind::OuterDoc, " Doc {"));
        assert!(found.iter().any(|token| token.is_word("r#type")));
        assert!(found.iter().all(|token| token.end <= source.len() && token.start < token.end));
    }

    #[test]
    fn broken_source_ends() {
        for source in
            ["\"open", "r#\"open", "/* open", "/**", "'", "'\\", "é'é", "/**/ //", "b", "r#", "\\"]
        {
            let _ = tokens(source);
        }
    }
}
