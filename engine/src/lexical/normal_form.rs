//! Brings a word into the form under which it is looked up: compatibility forms
//! unified, lower case, accents folded, inflection removed.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::language::Language;

/// Makes stems.
#[derive(Clone, Copy)]
pub(super) struct Normalizer {
    language: Language,
    stemmer: Option<frostem::Stemmer>,
}

impl std::fmt::Debug for Normalizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Normalizer").field("language", &self.language).finish_non_exhaustive()
    }
}

impl Normalizer {
    pub(super) fn new(language: Language) -> Self {
        Self { language, stemmer: language.algorithm().map(frostem::Stemmer::new) }
    }

    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// The word without its inflection: "connections" is "connect".
    ///
    /// Accents are folded before the English stemmer, which knows none ("naïve"
    /// and "naive" must meet), and after every other: French tells "aimé" from
    /// "aime" by them, and German's stemmer does its own folding.
    pub(super) fn stem(self, word: &str) -> String {
        let lower = lower(word);
        let mut stem = match (self.stemmer, self.language) {
            (None, _) => fold(lower).into_owned(),
            (Some(stemmer), Language::English) => stemmer.stem(&fold(lower)).into_owned(),
            (Some(stemmer), _) => fold(stemmer.stem(&lower)).into_owned(),
        };
        stem.retain(|c| c != '\'');
        stem
    }
}

/// The word as it is spelled: "Naïve" is "naive", "hash_map" is "hashmap",
/// "1,000" is "1000".
pub(super) fn surface(word: &str) -> String {
    let mut form = fold(lower(word)).into_owned();
    form.retain(|c| c != '\'');
    form
}

/// NFKC, lower case, one apostrophe, no separators inside: underscores, the dots
/// of initials, thousands separators.
fn lower(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Cow::Borrowed(word);
    }
    // The dot of a number ("3.14", "v1.2") means something, that of "e.g" does not.
    let keeps_dots = word.contains(|c: char| c.is_ascii_digit());
    let kept = |c: &char| match c {
        '_' | ',' | ';' => false,
        '.' => keeps_dots,
        _ => true,
    };
    if word.is_ascii() {
        return Cow::Owned(word.chars().filter(kept).map(|c| c.to_ascii_lowercase()).collect());
    }
    let composed: String = word.nfkc().map(|c| if c == '\u{2019}' { '\'' } else { c }).collect();
    Cow::Owned(composed.to_lowercase().nfkc().filter(kept).collect())
}

/// Removes accents from Latin and Greek letters and spells out the Latin
/// letters that do not decompose. Marks of other scripts are letters there
/// (Cyrillic й is not и) and stay, but for ё, which is written е as often as not.
fn fold(word: Cow<'_, str>) -> Cow<'_, str> {
    if word.is_ascii() {
        return word;
    }
    let mut folded = String::with_capacity(word.len());
    let mut folds = false;
    for c in word.nfd() {
        if is_combining_mark(c) {
            if !(folds && ('\u{300}'..='\u{36F}').contains(&c)) {
                folded.push(c);
            }
            continue;
        }
        folds = c.is_ascii_alphabetic() || ('\u{370}'..='\u{3FF}').contains(&c) || c == 'е';
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            _ => folded.push(c),
        }
    }
    Cow::Owned(folded.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(language: Language, word: &str) -> String {
        Normalizer::new(language).stem(word)
    }

    #[test]
    fn spellings_of_one_word_share_a_surface() {
        for (a, b) in [
            ("Naïve", "naive"),
            ("cafe\u{301}", "café"),
            ("ﬁle", "file"),
            ("Ｒｕｓｔ", "rust"),
            ("STRASSE", "Straße"),
            ("hash_map", "HashMap"),
            ("don\u{2019}t", "don't"),
            ("1,000", "1000"),
            ("ΟΔΟΣ", "οδός"),
            ("Łódź", "lodz"),
            ("ёлка", "елка"),
            ("ｶﾞ", "ガ"),
            ("U.S", "us"),
        ] {
            assert_eq!(surface(a), surface(b), "{a} {b}");
        }
        assert_ne!(surface("мой"), surface("мои"));
        assert_ne!(surface("3.14"), surface("314"));
    }

    #[test]
    fn inflections_share_a_stem() {
        assert_eq!(stem(Language::English, "connections"), stem(Language::English, "Connected"));
        assert_eq!(stem(Language::English, "Rust\u{2019}s"), "rust");
        assert_eq!(stem(Language::English, "naïve"), stem(Language::English, "naive"));
        assert_eq!(stem(Language::German, "Häuser"), stem(Language::German, "Hauses"));
        assert_eq!(stem(Language::German, "Bücher"), stem(Language::German, "Buch"));
        assert_eq!(stem(Language::French, "aimée"), stem(Language::French, "aimé"));
        assert_ne!(stem(Language::None, "Bücher"), stem(Language::None, "Buch"));
        assert_eq!(stem(Language::None, "Bücher"), "bucher");
    }
}
