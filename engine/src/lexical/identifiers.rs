//! Finds what reads like code in a text and keeps it findable as it was written.
//!
//! Words and their parts are [`super::words`]' business; this adds the exact
//! spellings: `std::collections::HashMap` and its tail `collections::hashmap`,
//! `Vec<T>`, `#[derive(Debug)]`, `--flag`, `v1.2.3` and `1.2.3`, `E0382` and
//! `0382`, `hash_map` beside `hashmap`.
//!
//! Hyphenated words are prose ("well-known", "IL-6") and give only the form
//! without hyphens, so that "email" finds "e-mail". Kept whole as well they cost
//! .008 nDCG@10 on SciFact's train split: their parts are found already.

use unicode_segmentation::UnicodeSegmentation;

use super::words::is_unspaced;

/// Longer runs without a blank (links, encoded data) are not kept whole.
const MAX_WHOLE_BYTES: usize = 100;
/// Longer runs are not freed of the brackets and stops around them.
const MAX_TRIMMED_BYTES: usize = 4096;
/// A form is given once among this many neighbours in a run; comparing with all
/// of them would be quadratic in the longest line.
const N_RECENT: usize = 8;
/// A code of letters and at least this many digits is found by its digits too.
const MIN_CODE_DIGITS: usize = 3;

/// An identifier's normal form and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identifier<'a> {
    /// Lower-cased; not accent-folded, code has no accents to speak of.
    pub(super) form: &'a str,
    /// First byte in the text.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
}

/// Calls `sink` with the identifiers of `text`, run by run of characters without
/// a blank.
pub(super) fn for_each_identifier(text: &str, sink: &mut impl FnMut(Identifier<'_>)) {
    let mut forms = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        // Dashes and quotes of typography separate as blanks do.
        let ends = if c.is_ascii() {
            c.is_whitespace()
        } else {
            c.is_whitespace() || is_unspaced(c) || !c.is_alphanumeric()
        };
        match (start, ends) {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                run(text, from, at, &mut forms, sink);
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        run(text, from, text.len(), &mut forms, sink);
    }
}

fn run(
    text: &str,
    from: usize,
    to: usize,
    seen: &mut Vec<String>,
    sink: &mut impl FnMut(Identifier<'_>),
) {
    // Most runs are plain words, perhaps with a comma behind.
    let plain = text[from..to].trim_end_matches(['.', ',', ';', ':', ')']);
    if plain.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return;
    }
    // Trimming counts brackets at every step: not in a line of minified code.
    let (start, end) =
        if to - from <= MAX_TRIMMED_BYTES { trim(text, from, to) } else { (from, to) };
    let whole = &text[start..end];
    seen.clear();
    let mut add = |form: String, start: usize, end: usize| {
        let recent = seen.len().saturating_sub(N_RECENT);
        if !form.is_empty() && !seen[recent..].contains(&form) {
            sink(Identifier { form: &form, start, end });
            seen.push(form);
        }
    };
    if whole.len() <= MAX_WHOLE_BYTES && reads_like_code(whole) {
        let is_hyphenated = whole.contains('-') && whole.split('-').all(is_alphanumeric);
        if !is_hyphenated {
            add(whole.to_lowercase(), start, end);
        }
        for (at, _) in whole.match_indices("::") {
            let tail = &whole[at + 2..];
            if tail.contains("::") {
                add(tail.to_lowercase(), start + at + 2, end);
            }
        }
        let words = whole.trim_start_matches('-');
        if words.contains('-') && words.split('-').all(is_alphanumeric) {
            add(words.replace('-', "").to_lowercase(), start, end);
        }
    }
    for (at, word) in whole.unicode_word_indices() {
        let at = start + at;
        inner(word, &mut |form| add(form, at, at + word.len()));
    }
}

fn is_alphanumeric(word: &str) -> bool {
    !word.is_empty() && word.chars().all(char::is_alphanumeric)
}

/// The forms of one word: itself if it has structure, then without underscores,
/// without a version's `v`, the digits of a code.
fn inner(word: &str, add: &mut impl FnMut(String)) {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let camel = || {
        let mut before_is_lower = false;
        word.chars().any(|c| {
            let rises = before_is_lower && c.is_uppercase();
            before_is_lower = c.is_lowercase();
            rises
        })
    };
    // Initials ("e.g") are joined by dots too, but are words.
    let dotted = letters > 0
        && word.contains(['.', ':'])
        && word.split(['.', ':']).any(|part| part.len() > 1);
    let joined = word.contains('_') || dotted;
    let mixed = letters > 0 && digits > 0;
    if !joined && !mixed && !camel() {
        return;
    }
    add(word.to_lowercase());
    if word.contains('_') && !word.contains(['.', ':']) {
        add(word.replace('_', "").to_lowercase());
    }
    if let Some(version) = word.strip_prefix(['v', 'V'])
        && version.starts_with(|c: char| c.is_ascii_digit())
        && version.contains('.')
    {
        add(version.to_lowercase());
    }
    let code = word.trim_end_matches(|c: char| c.is_ascii_digit());
    if digits >= MIN_CODE_DIGITS && word.len() - code.len() == digits && is_alphanumeric(code) {
        add(word[code.len()..].to_owned());
    }
}

/// Whether a run is more than a word: it holds a letter and, inside, a
/// character that joins.
fn reads_like_code(run: &str) -> bool {
    run.contains(char::is_alphabetic)
        && run.contains(|c: char| c.is_ascii_punctuation() && !matches!(c, '\'' | '.' | ',' | ';'))
}

/// Drops what belongs to the sentence around: quotes, brackets without their
/// partner, stops, and the `()` of a call.
fn trim(text: &str, mut start: usize, mut end: usize) -> (usize, usize) {
    loop {
        let rest = &text[start..end];
        let Some(first) = rest.chars().next() else { return (start, end) };
        let opens = matches!(first, '(' | '[' | '{' | '<') && !is_closed(rest, first);
        if opens
            || matches!(first, '"' | '\'' | '`' | ',' | ';' | ':' | '!' | '?' | '.' | '*' | '&')
        {
            start += first.len_utf8();
            continue;
        }
        if let Some(called) = rest.strip_suffix("()") {
            end = start + called.len();
            continue;
        }
        let last = rest.chars().next_back().unwrap_or(' ');
        let opener = match last {
            ')' => Some('('),
            ']' => Some('['),
            '}' => Some('{'),
            '>' => Some('<'),
            _ => None,
        };
        let closes =
            opener.is_some_and(|opener| rest.matches(opener).count() < rest.matches(last).count());
        if closes
            || matches!(last, '"' | '\'' | '`' | ',' | ';' | ':' | '!' | '?' | '.' | '*' | '=')
        {
            end -= last.len_utf8();
            continue;
        }
        // A pair around everything: "(HashMap)", "<T>".
        if opener == Some(first) && rest.len() > 2 {
            (start, end) = (start + 1, end - 1);
            continue;
        }
        return (start, end);
    }
}

fn is_closed(rest: &str, opener: char) -> bool {
    let closer = match opener {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        _ => '>',
    };
    rest.matches(opener).count() <= rest.matches(closer).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        for_each_identifier(text, &mut |identifier| {
            assert!(text.get(identifier.start..identifier.end).is_some());
            found.push(identifier.form.to_owned());
        });
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn code_is_kept_as_written() {
        check(
            "use std::collections::HashMap;",
            &["std::collections::hashmap", "collections::hashmap", "hashmap"],
        );
        check("(see hash_map)", &["hash_map", "hashmap"]);
        check("a `Vec<T>`, then", &["vec<t>"]);
        check("#[derive(Debug)] struct", &["#[derive(debug)]"]);
        check("pass --no-default-features.", &["--no-default-features", "nodefaultfeatures"]);
        check("error[E0382]: moved", &["error[e0382]", "e0382", "0382"]);
        check("since v1.2.3", &["v1.2.3", "1.2.3"]);
        check("C++ and C#", &["c++", "c#"]);
        check("an e-mail", &["email"]);
        check("call HashMap::new().", &["hashmap::new", "hashmap"]);
        check("main.rs", &["main.rs"]);
    }

    #[test]
    fn prose_holds_none() {
        check(
            "The quick, brown fox (it says) \u{201C}jumps\u{201D} over 3,000 dogs: 1.5 NASA.",
            &[],
        );
        check("全文検索 don't", &[]);
        check("", &[]);
        check("-> () [] \"", &[]);
    }
}
