//! Ids in white-space separated files.
//!
//! TREC runs and qrels separate columns by white space, and a document id is a
//! file's path, which may hold blanks. Such characters are written as the
//! percent code of their UTF-8 bytes. The per cent sign itself is escaped too,
//! so reading back is exact.

/// `id` without white space: each white space character and `%` becomes `%XX`
/// per UTF-8 byte. Ids without either, nearly all, are unchanged.
///
/// # Examples
/// ```
/// assert_eq!(corpora::escape_id("notes/to do 100%.md"), "notes/to%20do%20100%25.md");
/// assert_eq!(corpora::unescape_id("notes/to%20do%20100%25.md"), "notes/to do 100%.md");
/// ```
pub fn escape_id(id: &str) -> String {
    let mut escaped = String::with_capacity(id.len());
    for c in id.chars() {
        if c.is_whitespace() || c == '%' {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                escaped.extend(['%', hex(byte >> 4), hex(byte & 0xF)]);
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// The inverse of [`escape_id`].
///
/// Only codes that [`escape_id`] writes are decoded, so an id from another
/// system that happens to hold `%41` or a lone `%` keeps it. An id that holds,
/// say, a literal `%20` cannot be told from an escaped blank and is decoded.
pub fn unescape_id(escaped: &str) -> String {
    let mut id = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = rest.find('%') {
        id.push_str(&rest[..at]);
        let (c, len) = decode(&rest[at..]).unwrap_or(('%', 1));
        id.push(c);
        rest = &rest[at + len..];
    }
    id.push_str(rest);
    id
}

fn hex(nibble: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(nibble)])
}

/// The character whose escaped form `text` begins with, and that form's length.
fn decode(text: &str) -> Option<(char, usize)> {
    let mut bytes = [0_u8; 4];
    for n in 1..=4 {
        let code = text.get((n - 1) * 3..n * 3)?.strip_prefix('%')?;
        bytes[n - 1] = u8::from_str_radix(code, 16).ok()?;
        if let Ok(decoded) = str::from_utf8(&bytes[..n]) {
            let c = decoded.chars().next()?;
            let escaped = &text[..n * 3];
            return (c.is_whitespace() || c == '%')
                .then_some((c, n * 3))
                .filter(|_| escape_id(c.encode_utf8(&mut [0; 4])) == escaped);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escaping_round_trips_and_leaves_no_white_space(id in "[ %\u{a0}\u{3000}\u{2028}a-z0-9À-ÿ/]{0,24}") {
            let escaped = escape_id(&id);
            prop_assert!(!escaped.chars().any(char::is_whitespace));
            prop_assert_eq!(unescape_id(&escaped), id);
        }

        #[test]
        fn any_text_can_be_unescaped(text in "\\PC{0,24}") {
            unescape_id(&text);
        }
    }

    #[test]
    fn foreign_codes_are_left_alone() {
        for id in ["50%", "%41", "%zz", "%+9", "%c2%a0", "%", "%C3", "%E3%80"] {
            assert_eq!(unescape_id(id), id);
        }
    }
}
