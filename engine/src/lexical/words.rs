//! Cuts text into words: what a reader would call one, the parts of a compound
//! (`hash_map`, `HashMap`), and pairs of characters where a script has no blanks.
//!
//! Boundaries are Unicode's (UAX #29), then compounds are taken apart. Both
//! sides, documents and queries, come through here, so what is cut the same way
//! meets whatever its spelling: `HashMap`, `hash_map` and "hash map" share
//! `hash` and `map` in neighbouring positions, and the first two `hashmap`.

use unicode_segmentation::UnicodeSegmentation;

/// Longer words are cut: nobody types them, and a base64 blob must not fill the
/// dictionary.
pub(super) const MAX_WORD_BYTES: usize = 128;

/// What a [`Word`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordKind {
    /// A word without inner structure.
    Simple,
    /// A compound with its separators removed: `hashmap`.
    Whole,
    /// A part of the compound that came before it: `hash`.
    Part,
    /// Two neighbouring characters of a script without blanks, or the last one
    /// of a run alone, so that a search for one character can be a search for
    /// everything that begins with it.
    Gram,
}

/// One word as it stands in the text; case and accents are still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'t> {
    /// Its characters; of a compound with underscores, still with them.
    pub(super) text: &'t str,
    /// First byte in the text.
    pub(super) start: usize,
    /// Number of the word, counted in parts: a compound takes as many numbers
    /// as it has parts and stands at the first.
    pub(super) position: usize,
    /// What it is.
    pub(super) kind: WordKind,
}

/// Calls `sink` with every word of `text`, by ascending position, a compound
/// before its parts.
pub(super) fn for_each_word<'t>(text: &'t str, elides: bool, sink: &mut impl FnMut(Word<'t>)) {
    let mut position = 0;
    let mut rest = 0;
    // Scripts without blanks start at U+0E00, three bytes whose first is at
    // least 0xE0; most texts have none and skip the search for them.
    if text.bytes().any(|byte| byte >= 0xE0) {
        let mut run: Option<usize> = None;
        for (at, c) in text.char_indices() {
            match (run, is_unspaced(c)) {
                (None, true) => {
                    spaced(text, rest..at, elides, &mut position, sink);
                    run = Some(at);
                }
                (Some(start), false) => {
                    grams(text, start..at, &mut position, sink);
                    (run, rest) = (None, at);
                }
                _ => {}
            }
        }
        if let Some(start) = run {
            grams(text, start..text.len(), &mut position, sink);
            rest = text.len();
        }
    }
    spaced(text, rest..text.len(), elides, &mut position, sink);
}

/// Whether words are written without blanks in `c`'s script (for Korean: whether
/// particles are glued to the noun, for which pairs work as well).
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c as u32,
        0x0E00..=0x0EFF      // Thai, Lao
        | 0x1000..=0x109F    // Burmese
        | 0x1100..=0x11FF    // Hangul letters
        | 0x1780..=0x17FF    // Khmer
        | 0x3005             // the ideographic iteration mark
        | 0x3041..=0x30FA | 0x30FC..=0x30FF // kana, without the middle dot
        | 0x31F0..=0x31FF    // kana for Ainu
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF // ideographs
        | 0xAC00..=0xD7AF    // Hangul syllables
        | 0xFF66..=0xFF9F    // half-width kana
        | 0x2_0000..=0x3_FFFF) // further ideographs
}

fn grams<'t>(
    text: &'t str,
    run: std::ops::Range<usize>,
    position: &mut usize,
    sink: &mut impl FnMut(Word<'t>),
) {
    let ends = text[run.clone()].char_indices().map(|(at, c)| run.start + at + c.len_utf8());
    let mut starts = std::iter::once(run.start).chain(ends.clone());
    let mut second_ends = ends.skip(1);
    while let Some(start) = starts.next().filter(|&start| start < run.end) {
        let end = second_ends.next().unwrap_or(run.end);
        sink(Word { text: &text[start..end], start, position: *position, kind: WordKind::Gram });
        *position += 1;
    }
}

fn spaced<'t>(
    text: &'t str,
    range: std::ops::Range<usize>,
    elides: bool,
    position: &mut usize,
    sink: &mut impl FnMut(Word<'t>),
) {
    for (at, word) in word_indices(&text[range.clone()]) {
        let start = range.start + at;
        let mut emit = |text: &'t str, start: usize| compound(text, start, position, sink);
        if word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            || is_initials(word)
        {
            emit(word, start);
            continue;
        }
        let mut from = 0;
        for (at, c) in word.char_indices() {
            if separates_words(word, at, c, elides) {
                emit(&word[from..at], start + from);
                from = at + c.len_utf8();
            }
        }
        emit(&word[from..], start + from);
    }
}

/// The words of UAX #29 with their offsets, run by run between blanks.
///
/// No rule joins letters over a blank, so the words are those of the whole text;
/// but a run of ASCII is cut by a table, and one Greek letter does not send all of
/// a passage the slow way.
fn word_indices(text: &str) -> impl Iterator<Item = (usize, &str)> {
    runs(text).flat_map(|(start, run)| {
        run.unicode_word_indices().map(move |(at, word)| (start + at, word))
    })
}

/// The runs of `text` between blanks, with their offsets.
pub(super) fn runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\t' | b'\r');
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + bytes[rest..].iter().position(|byte| !is_blank(byte))?;
        rest = bytes[start..].iter().position(is_blank).map_or(text.len(), |at| start + at);
        Some((start, &text[start..rest]))
    })
}

/// Whether `c` at `at` ends a word although UAX #29 joins over it: the dot of
/// `self.value` (but not of `3.14`), the colon of `key:value`, and where a
/// language elides, the apostrophe.
fn separates_words(word: &str, at: usize, c: char, elides: bool) -> bool {
    match c {
        ':' | '\u{B7}' | '\u{2024}' | '\u{FE55}' | '\u{FF1A}' => true,
        '.' | '\u{FF0E}' => !word[..at].ends_with(|before: char| before.is_ascii_digit()),
        '\'' | '\u{2019}' => elides,
        _ => false,
    }
}

/// "e.g", "U.S.A": single letters with dots, one word.
fn is_initials(word: &str) -> bool {
    word.contains('.')
        && word.split('.').all(|letter| {
            let mut chars = letter.chars();
            chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
        })
}

/// Emits a word and, if it is a compound, its parts. Parts of one character
/// (the `m` of `mRNA`) are left out: they match everything and mean nothing.
fn compound<'t>(
    word: &'t str,
    start: usize,
    position: &mut usize,
    sink: &mut impl FnMut(Word<'t>),
) {
    let word = cut(word);
    if !word.contains(char::is_alphanumeric) {
        return;
    }
    let first = *position;
    let is_compound = has_parts(word);
    let kind = if is_compound { WordKind::Whole } else { WordKind::Simple };
    sink(Word { text: word, start, position: first, kind });
    *position += 1;
    if is_compound {
        let mut at = first;
        for_each_part(word, &mut |part, offset| {
            if part.chars().nth(1).is_some() {
                sink(Word {
                    text: part,
                    start: start + offset,
                    position: at,
                    kind: WordKind::Part,
                });
                at += 1;
            }
        });
        *position = at.max(*position);
    }
}

fn cut(word: &str) -> &str {
    &word[..word.floor_char_boundary(MAX_WORD_BYTES)]
}

fn has_parts(word: &str) -> bool {
    // Most words are lower-case.
    if word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return false;
    }
    let mut n_parts = 0;
    for_each_part(word, &mut |part, _| n_parts += usize::from(part.len() < word.len()));
    n_parts > 0
}

/// Calls `sink` with each part of a compound and its offset: cut at underscores
/// and where case says so (`parseHttp` before `H`, `HTTPServer` before `S`,
/// `Utf8Error` before `E`). The plural of an acronym (`APIs`) is no compound.
fn for_each_part<'t>(word: &'t str, sink: &mut impl FnMut(&'t str, usize)) {
    let mut from = 0;
    let mut before: Option<char> = None;
    for (at, c) in word.char_indices() {
        let after = &word[at + c.len_utf8()..];
        if c == '_' {
            if from < at {
                sink(&word[from..at], from);
            }
            from = at + 1;
        } else if from < at && before.is_some_and(|before| starts_part(before, c, after)) {
            sink(&word[from..at], from);
            from = at;
        }
        before = Some(c);
    }
    if from < word.len() {
        sink(&word[from..], from);
    }
}

fn starts_part(before: char, c: char, after: &str) -> bool {
    if !c.is_uppercase() {
        return false;
    }
    let lowers = after.chars().take_while(|next| next.is_lowercase()).take(2).count();
    before.is_lowercase()
        || (before.is_uppercase() && lowers == 2)
        || (before.is_ascii_digit() && lowers >= 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_have_the_words_of_the_whole(text in proptest::collection::vec(
            proptest::sample::select(vec![
                'a', 'B', '1', ' ', ' ', '\n', '\t', '.', ',', '\'', ':', '_', '-', '"', 'é', '\u{301}',
                '\u{200d}', '\u{ad}', '\u{2019}', '\u{a0}', '\u{1f600}', '\u{1f1e9}', 'א', 'カ', '語', 'ß', '\u{2028}',
            ]),
            0..40,
        )) {
            let text: String = text.into_iter().collect();
            let whole: Vec<_> = text.unicode_word_indices().collect();
            prop_assert_eq!(word_indices(&text).collect::<Vec<_>>(), whole);
        }
    }

    fn check(text: &str, expected: &[(&str, usize)]) {
        let mut found = Vec::new();
        for_each_word(text, false, &mut |word| {
            assert_eq!(&text[word.start..word.start + word.text.len()], word.text);
            found.push((word.text, word.position));
        });
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn compounds_are_kept_and_taken_apart() {
        check("a HashMap is", &[("a", 0), ("HashMap", 1), ("Hash", 1), ("Map", 2), ("is", 3)]);
        check("hash_map", &[("hash_map", 0), ("hash", 0), ("map", 1)]);
        check("std::io::Read", &[("std", 0), ("io", 1), ("Read", 2)]);
        check("HTTPServer", &[("HTTPServer", 0), ("HTTP", 0), ("Server", 1)]);
        check("Utf8Error", &[("Utf8Error", 0), ("Utf8", 0), ("Error", 1)]);
        check("mRNA binds", &[("mRNA", 0), ("RNA", 0), ("binds", 1)]);
        check("APIs E0382 u32", &[("APIs", 0), ("E0382", 1), ("u32", 2)]);
        check(
            "self.value v1.2.3 e.g. U.S.",
            &[("self", 0), ("value", 1), ("v1.2.3", 2), ("e.g", 3), ("U.S", 4)],
        );
        check("__init__ _", &[("__init__", 0), ("init", 0)]);
    }

    #[test]
    fn scripts_without_blanks_become_pairs() {
        check("全文検索 ok", &[("全文", 0), ("文検", 1), ("検索", 2), ("索", 3), ("ok", 4)]);
        check("猫", &[("猫", 0)]);
        check("Rust言語", &[("Rust", 0), ("言語", 1), ("語", 2)]);
    }

    #[test]
    fn an_apostrophe_ends_a_word_where_the_language_elides() {
        let mut words = Vec::new();
        for_each_word("l'homme d\u{2019}eau", true, &mut |word| words.push(word.text));
        assert_eq!(words, ["l", "homme", "d", "eau"]);
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let long = "é".repeat(MAX_WORD_BYTES);
        let mut words = Vec::new();
        for_each_word(&long, false, &mut |word| words.push(word.text.len()));
        assert_eq!(words, [MAX_WORD_BYTES]);
    }
}
