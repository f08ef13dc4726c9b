//! Where a text says what a query asks for.

use std::collections::{HashMap, HashSet};

use super::identifiers::for_each_identifier;
use super::language::Language;
use super::normal_form::surface;
use super::query::{Clause, LexicalQuery, Matcher, PhraseWord, Typos};
use super::words::{MAX_WORD_BYTES, WordKind, for_each_word, runs};
use crate::document::Span;

impl LexicalQuery {
    /// Finds matches in the texts of one result.
    pub(crate) fn highlighter(&self) -> Highlighter<'_> {
        let wanted = Wanted::new(self);
        let needs_words = !wanted.phrases.is_empty()
            || !wanted.prefixes.is_empty()
            || !wanted.gram_prefixes.is_empty()
            || self.options().typos == Typos::OneEdit;
        Highlighter { query: self, wanted, needs_words, known: HashMap::new() }
    }
}

/// Where the texts of a result say what a query asks for.
///
/// Passages on one topic share their words, so what is found out about a word is
/// kept from text to text.
pub(crate) struct Highlighter<'q> {
    query: &'q LexicalQuery,
    wanted: Wanted<'q>,
    /// Whether anything but single words counts.
    needs_words: bool,
    /// Whether a word as it is written has a wanted stem.
    known: HashMap<String, bool>,
}

impl Highlighter<'_> {
    /// The parts of `text` that match, ascending and disjoint; spans are bytes
    /// of `text`.
    ///
    /// Words light up by their stem, phrases only where they stand together,
    /// corrected words only in a text without the word as it was typed. What the
    /// query excludes does not light up.
    pub(crate) fn highlights(&mut self, text: &str) -> Vec<Span> {
        let mut spans = Vec::new();
        if self.needs_words {
            self.add_words_and_phrases(text, &mut spans);
            self.add_identifiers(text, 0, &mut spans);
        } else {
            // Neither words nor identifiers reach over a blank.
            for (start, run) in runs(text) {
                self.add_run(run, start, &mut spans);
            }
        }
        merged(spans)
    }

    /// What matches in a run without a blank, which starts at `start`.
    ///
    /// Nearly all runs are one plain word, which needs neither Unicode's rules
    /// nor a look for code.
    fn add_run(&mut self, run: &str, start: usize, spans: &mut Vec<Span>) {
        if let Some((before, word)) = plain_word(run) {
            if self.wanted.may_match_plain(word) && self.is_wanted(word) {
                let at = start + before;
                spans.push(Span::new(at, at + word.len()));
            }
            return;
        }
        let elides = self.query.normalizer.language().elides();
        for_each_word(run, elides, &mut |word| {
            if self.wanted.may_match(word.text) && self.is_wanted(word.text) {
                let at = start + word.start;
                spans.push(Span::new(at, at + word.text.len()));
            }
        });
        self.add_identifiers(run, start, spans);
    }

    /// Whether the stem of a word is a wanted one.
    fn is_wanted(&mut self, word: &str) -> bool {
        if let Some(&is_wanted) = self.known.get(word) {
            return is_wanted;
        }
        let stem = self.query.normalizer.stem(word);
        let is_wanted = self.wanted.stems.contains(stem.as_str());
        self.known.insert(word.to_owned(), is_wanted);
        is_wanted
    }

    fn add_identifiers(&self, text: &str, start: usize, spans: &mut Vec<Span>) {
        for_each_identifier(text, &mut |identifier| {
            if self.wanted.identifiers.contains(identifier.form) {
                spans.push(Span::new(start + identifier.start, start + identifier.end));
            }
        });
    }

    fn add_words_and_phrases(&self, text: &str, spans: &mut Vec<Span>) {
        let Self { query, wanted, .. } = self;
        // (stem, position, span) of every word, for phrases and corrections.
        let mut words: Vec<(String, usize, Span)> = Vec::new();
        let mut found: HashSet<String> = HashSet::new();
        for_each_word(text, query.normalizer.language().elides(), &mut |word| {
            if !wanted.may_match(word.text) {
                return;
            }
            let span = Span::new(word.start, word.start + word.text.len());
            let stem = query.normalizer.stem(word.text);
            let is_gram = word.kind == WordKind::Gram;
            if wanted.stems.contains(stem.as_str()) {
                spans.push(span);
                found.insert(stem.clone());
            } else if !wanted.prefixes.is_empty() {
                let surface = surface(word.text);
                if !is_gram && wanted.prefixes.iter().any(|prefix| surface.starts_with(prefix)) {
                    spans.push(span);
                }
            }
            let first = word.text.chars().next().map_or(0, char::len_utf8);
            if is_gram && wanted.gram_prefixes.iter().any(|prefix| stem.starts_with(prefix)) {
                spans.push(Span::new(word.start, word.start + first));
            }
            words.push((stem, word.position, span));
        });
        for phrase in &wanted.phrases {
            spans.extend(phrase_spans(&words, phrase));
        }
        if query.options().typos == Typos::OneEdit {
            self.add_corrections(text, &found, spans);
        }
    }

    fn add_corrections(&self, text: &str, found: &HashSet<String>, spans: &mut Vec<Span>) {
        let missing: Vec<&str> = self
            .wanted
            .words
            .iter()
            .filter(|(stem, surface)| {
                !found.contains(*stem) && surface.chars().count() >= LexicalQuery::MIN_TYPO_CHARS
            })
            .map(|(_, surface)| *surface)
            .collect();
        if missing.is_empty() {
            return;
        }
        for_each_word(text, self.query.normalizer.language().elides(), &mut |word| {
            let surface = surface(word.text);
            if word.kind != WordKind::Gram
                && missing.iter().any(|typed| is_one_edit(typed, &surface))
            {
                spans.push(Span::new(word.start, word.start + word.text.len()));
            }
        });
    }
}

/// A query's matchers by kind.
#[derive(Default)]
struct Wanted<'q> {
    stems: HashSet<&'q str>,
    words: Vec<(&'q str, &'q str)>,
    identifiers: HashSet<&'q str>,
    prefixes: Vec<&'q str>,
    gram_prefixes: Vec<&'q str>,
    phrases: Vec<&'q [PhraseWord]>,
    /// ASCII letters and digits that something wanted begins with.
    initials: u128,
    /// By first letter, the second letters of what is wanted, where the language's
    /// stemmer changes neither; see [`Wanted::may_match_plain`].
    second_letters: Option<[u32; 26]>,
}

impl<'q> Wanted<'q> {
    fn new(query: &'q LexicalQuery) -> Self {
        let mut wanted = Self::default();
        for Clause { matcher, .. } in &query.clauses {
            match matcher {
                Matcher::Word { stem, surface } => {
                    wanted.stems.insert(stem);
                    wanted.words.push((stem, surface));
                    wanted.identifiers.insert(surface);
                }
                Matcher::Joined { stem } => {
                    wanted.stems.insert(stem);
                }
                Matcher::Identifier(form) => {
                    wanted.identifiers.insert(form);
                }
                Matcher::Phrase(words) => wanted.phrases.push(words),
                Matcher::Prefix(prefix) => wanted.prefixes.push(prefix),
                Matcher::GramPrefix(prefix) => wanted.gram_prefixes.push(prefix),
            }
        }
        let phrases = wanted.phrases.iter().flat_map(|words| words.iter());
        let forms = wanted.stems.iter().chain(&wanted.prefixes).copied();
        wanted.initials = forms
            .chain(phrases.map(|word| word.stem.as_str()))
            .filter_map(|form| form.bytes().next())
            .filter(u8::is_ascii)
            .fold(0, |initials, byte| initials | 1 << byte);
        if query.normalizer.language() == Language::English {
            let mut second_letters = [0; 26];
            for stem in &wanted.stems {
                match stem.as_bytes() {
                    [first @ b'a'..=b'z', second @ b'a'..=b'z', ..] => {
                        second_letters[usize::from(first - b'a')] |= 1 << (second - b'a');
                    }
                    [first @ b'a'..=b'z', ..] => {
                        second_letters[usize::from(first - b'a')] = u32::MAX;
                    }
                    _ => {}
                }
            }
            wanted.second_letters = Some(second_letters);
        }
        wanted
    }

    /// Whether a word is worth stemming: most words of a passage begin with a
    /// letter that nothing wanted begins with, and no stemmer changes an ASCII
    /// initial. Stemming every word took most of the time of fetching a hit.
    fn may_match(&self, word: &str) -> bool {
        word.bytes().next().is_some_and(|byte| {
            // An underscore (`__init__`) is not part of the stem.
            let is_initial = byte.is_ascii_alphanumeric();
            !is_initial || self.initials & (1 << byte.to_ascii_lowercase()) != 0
        })
    }
}

impl Wanted<'_> {
    /// As [`Wanted::may_match`] for a [`plain_word`].
    ///
    /// The first two letters of an English stem are those of the word, or its one
    /// letter is ("oed" becomes "o"); but not where the second is a y ("dying"
    /// becomes "die").
    fn may_match_plain(&self, word: &str) -> bool {
        let lower = word.as_bytes().first_chunk().map(|two: &[u8; 2]| two.to_ascii_lowercase());
        match (self.second_letters, lower.as_deref()) {
            (Some(second_letters), Some(&[first @ b'a'..=b'z', second @ b'a'..=b'z']))
                if second != b'y' =>
            {
                second_letters[usize::from(first - b'a')] & (1 << (second - b'a')) != 0
            }
            _ => self.may_match(word),
        }
    }
}

/// The word of a run that is nothing else, with perhaps a bracket or a quote before
/// it and stops behind: lower-case ASCII letters, the first perhaps a capital; only
/// capitals; only digits. One word by Unicode's rules, not a compound, and nothing
/// that reads like code. With it, how many bytes stand before it.
fn plain_word(run: &str) -> Option<(usize, &str)> {
    let inner = run.strip_prefix(['(', '"']).unwrap_or(run);
    let word = inner.trim_end_matches(['.', ',', ';', ':', ')']);
    let (first, rest) = word.as_bytes().split_first()?;
    let all = |is: fn(&u8) -> bool| rest.iter().all(is);
    let is_plain = match first {
        b'a'..=b'z' => all(u8::is_ascii_lowercase),
        b'A'..=b'Z' => all(u8::is_ascii_lowercase) || all(u8::is_ascii_uppercase),
        b'0'..=b'9' => all(u8::is_ascii_digit),
        _ => false,
    };
    (is_plain && word.len() <= MAX_WORD_BYTES).then_some((run.len() - inner.len(), word))
}

/// From the first to the last word of every occurrence.
fn phrase_spans(words: &[(String, usize, Span)], phrase: &[PhraseWord]) -> Vec<Span> {
    let Some((first, others)) = phrase.split_first() else { return Vec::new() };
    let mut spans = Vec::new();
    for (at, (stem, position, span)) in words.iter().enumerate() {
        if *stem != first.stem {
            continue;
        }
        let mut end = span.end;
        let together = others.iter().all(|other| {
            let wanted = position + other.offset as usize;
            let near = words[at + 1..].iter().take_while(|(_, position, _)| *position <= wanted);
            let found = near
                .filter(|(_, position, _)| *position == wanted)
                .find(|(stem, ..)| *stem == other.stem);
            if let Some((_, _, span)) = found {
                end = end.max(span.end);
            }
            found.is_some()
        });
        if together {
            spans.push(Span { start: span.start, end });
        }
    }
    spans
}

/// Whether `a` becomes `b` by one letter more, less, another, or two swapped.
fn is_one_edit(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[start..], &b[start..]);
    match (a, b) {
        ([], [_]) | ([_], []) => true,
        ([], _) | (_, []) => false,
        _ => {
            a[1..] == b[1..]
                || a[1..] == *b
                || *a == b[1..]
                || (a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..])
        }
    }
}

/// Sorts spans and joins those that overlap.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::normal_form::Normalizer;
    use super::super::query::QueryOptions;
    use super::*;

    fn check(query: &str, text: &str, expected: &[&str]) {
        check_with(Typos::Exact, query, text, expected);
    }

    fn check_with(typos: Typos, query: &str, text: &str, expected: &[&str]) {
        let query = LexicalQuery::parse(query, QueryOptions { typos }, Language::English);
        let mut highlighter = query.highlighter();
        let spans = highlighter.highlights(text);
        assert_eq!(highlighter.highlights(text), spans, "a known word is the same word");
        let found: Vec<_> = spans.iter().map(|span| span.slice(text).unwrap()).collect();
        assert_eq!(found, expected, "{query:?}");
    }

    #[test]
    fn what_matches_lights_up() {
        check("connecting maps -foo", "Connections of a map, foo", &["Connections", "map"]);
        check("hash map", "a HashMap and a hash_map", &["Hash", "Map", "hash", "map"]);
        check("HashMap", "a HashMap and a hash map", &["HashMap", "hash", "map"]);
        check(
            "std::collections::HashMap",
            "use std::collections::HashMap;",
            &["std::collections::HashMap"],
        );
        check("\"hash map\" b", "hash the map; a hash map b", &["hash map", "b"]);
        check("init", "__init__ of it", &["__init__"]);
        check("seriali*", "Serialization serial", &["Serialization"]);
        check("文検", "全文検索", &["文検"]);
        check("文", "全文検索", &["文"]);
        check("nothing", "", &[]);
    }

    proptest! {
        #[test]
        fn single_words_light_up_as_they_do_among_phrases(
            text in "(([(\"]{0,2}([a-zA-Z]{1,5}|[A-Z][a-z]{1,4}|[A-Z]{2,4}|[0-9]{1,4})(ing|ed|ies|s|ly|'s|_x|::y)?[\".,;:)-]{0,2}[ \n])|[éß猫(\"-]| ){0,30}",
            query in "(([a-z]{1,4}|[A-Z]{2}|[0-9]{1,2})(ing|s|ed|ies)? ){1,6}",
        ) {
            let query = LexicalQuery::parse(&query, QueryOptions::default(), Language::English);
            let mut slow = query.highlighter();
            slow.needs_words = true;
            prop_assert_eq!(query.highlighter().highlights(&text), slow.highlights(&text));
        }

        #[test]
        fn an_english_stem_begins_with_the_words_first_two_letters(
            word in "[a-z]{1,9}(s|es|ies|ied|ed|ing|ly|edly|ingly|ational|ization|ness|ful|ment|y|)",
        ) {
            let stem = Normalizer::new(Language::English).stem(&word);
            let two = |text: &str| text.as_bytes().iter().copied().take(2).collect::<Vec<_>>();
            prop_assert!(word.as_bytes().get(1) == Some(&b'y') || two(&word).starts_with(&two(&stem)), "{} {}", word, stem);
        }
    }

    #[test]
    fn corrections_light_up_where_the_word_itself_is_missing() {
        check_with(Typos::OneEdit, "ownreship", "on ownership", &["ownership"]);
        check_with(Typos::OneEdit, "form", "from a form", &["form"]);
        check_with(Typos::Exact, "ownreship", "on ownership", &[]);
    }

    #[test]
    fn one_edit_is_one_edit() {
        for (a, b, expected) in [
            ("rust", "rusts", true),
            ("rust", "rut", true),
            ("rust", "bust", true),
            ("rust", "rsut", true),
            ("rust", "rust", false),
            ("rust", "rusted", false),
            ("rust", "tsur", false),
            ("ab", "ba", true),
            ("", "a", true),
        ] {
            assert_eq!(is_one_edit(a, b), expected, "{a} {b}");
            assert_eq!(is_one_edit(b, a), expected, "{b} {a}");
        }
    }
}
